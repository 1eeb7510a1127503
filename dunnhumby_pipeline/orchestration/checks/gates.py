"""Gates: the blocking checks of the tables that a targeting list rests on, and what the history says of every check.

Within a run dagster stops what lies downstream of a failed blocking check. A later run that selects only
downstream assets would proceed on the bad upstream; `require_open_gates` refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.orchestration.checks.check import Check
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS, LIST
from dunnhumby_pipeline.orchestration.platform.history import CheckRecord, latest_checks
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.report.tables import CHECK_COLUMNS

BLOCKING = frozenset(check.key for check in CHECKS if check.blocks)
PASS, WARN, FAIL, NOT_RUN = "pass", "warn", "fail", "not run"
# On the failure of a step that gates refuse: the names of those that failed, or were never judged.
CLOSED_GATES = "closed_gates"


@dataclass(frozen=True)
class Gates:
    """The checks that must have passed before a list is built, in the order of the study."""

    keys: tuple[dg.AssetCheckKey, ...]

    @classmethod
    def of(cls, assets: Iterable[dg.AssetsDefinition], checks: Iterable[Check] = CHECKS) -> Gates:
        """The blocking checks of what the list is made from. The list cannot wait for its own."""
        behind = dg.AssetSelection.assets(asset_key(LIST)).upstream(include_self=False).resolve(list(assets))
        return cls(tuple(check.key for check in checks if check.blocks and check.key.asset_key in behind))


def require_open_gates(instance: dg.DagsterInstance, gates: Gates, campaign_type: str) -> None:
    """Raise dg.Failure, naming every closed gate, unless all gates passed when they were last evaluated."""
    states = check_states(instance, list(gates.keys), campaign_type)
    closed = states.loc[states["status"] != PASS]
    if len(closed):
        named = closed.assign(gate=closed["asset"] + "." + closed["check"])
        reasons = "; ".join(
            f"{', '.join(group['gate'])}: {status}, {message}"
            for (status, message), group in named.groupby(["status", "message"], sort=False)
        )
        # What comes after a gate that failed was not judged for that.
        failed = named.loc[named["status"] == FAIL]
        raise dg.Failure(
            f"the targeting list is not rebuilt, because these gates are closed: {reasons}. "
            "Remove the cause and materialise the checked assets again.",
            metadata={CLOSED_GATES: dg.MetadataValue.json((failed if len(failed) else named)["gate"].tolist())},
            allow_retries=False,
        )


def check_states(instance: dg.DagsterInstance, keys: list[dg.AssetCheckKey], campaign_type: str) -> pd.DataFrame:
    """The latest state of each check, in the order of `keys`: asset, check, status, blocking, message.

    status: pass, warn (failed at WARN), fail (failed at ERROR), not run. Checks of partitioned assets are
    those of `campaign_type`.
    """
    records = latest_checks(instance, keys, campaign_type)
    rows = []
    for key in keys:
        status, message = state_of(records.get(key))
        rows.append((key.asset_key.path[-1], key.name, status, key in BLOCKING, message))
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS))


def state_of(record: CheckRecord | None) -> tuple[str, str]:
    """(status, message) of a record; one without an evaluation has not run."""
    if record is None:
        return NOT_RUN, "never evaluated"
    evaluation = record.evaluation
    if evaluation is None:
        return NOT_RUN, "planned, but not evaluated: an earlier step failed, or the check crashed"
    message = evaluation.description or ""
    if evaluation.passed:
        return PASS, message
    return (FAIL if evaluation.severity is dg.AssetCheckSeverity.ERROR else WARN), message
