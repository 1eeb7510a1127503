"""A check: one entry of the registry, and what it can see of the study when it is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts import registry as contracts
from dunnhumby_pipeline.contracts.table import Table
from dunnhumby_pipeline.engine.tables import TablePath, read_table
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.orchestration.platform.history import metadata_before_last_change
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study

BLOCK, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Sight:
    """What checks can see: the study, the history, and the campaign type when the tables judged are partitioned."""

    study: Study
    history: dg.DagsterInstance
    campaign_type: str | None
    _read: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    def path(self, table: str) -> TablePath:
        """Where a table lies: in the partition, or beside all partitions."""
        return self.study.table(table, self.campaign_type if contracts.table(table).partitioned else None)

    def read(self, table: str) -> pd.DataFrame:
        """A table, read once for all checks that look at it."""
        if table not in self._read:
            self._read[table] = read_table(self.path(table))
        return self._read[table]

    def before(self, table: str) -> Mapping[str, Any] | None:
        """The metadata of a table as it was before it last changed, None when it never did."""
        return metadata_before_last_change(self.history, asset_key(table))


@dataclass(frozen=True)
class Check:
    """One check of one table.

    `judge` takes the table, those that it `reads` beside, and the thresholds; `look` gives it something else: a path
    for SQL, or the history. `red` says what a failure means, `advice` what to do and `why` what is at stake;
    `thresholds` are the settings that move it. `named` and `described` default to the judge's name and the first
    sentence of its docstring.
    """

    table: str
    judge: Callable[..., Verdict]
    severity: dg.AssetCheckSeverity
    red: str
    advice: str
    why: str = ""
    reads: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    look: Callable[[Sight], Verdict] | None = None
    named: str = ""
    described: str = ""

    @property
    def name(self) -> str:
        return self.named or self.judge.__name__

    @property
    def description(self) -> str:
        words = " ".join((self.judge.__doc__ or "").split())
        return self.described or words[: words.find(". ") + 1] or words

    @property
    def key(self) -> dg.AssetCheckKey:
        return dg.AssetCheckKey(asset_key(self.table), self.name)

    @property
    def blocks(self) -> bool:
        return self.severity is BLOCK

    @property
    def contract(self) -> Table:
        """What the table promises."""
        return contracts.table(self.table)

    def can_judge(self, sight: Sight) -> bool:
        """Whether the table and those that it reads beside are there."""
        return all(sight.path(table).is_file() for table in (self.table, *self.reads))

    def verdict(self, sight: Sight) -> Verdict:
        """What is found of the table as it lies there."""
        if self.look is not None:
            return self.look(sight)
        frames = (sight.read(table) for table in (self.table, *self.reads))
        return self.judge(*frames, sight.study.settings.checks)
