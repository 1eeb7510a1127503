"""What features are made of by household and day, worked out once for all windows that a process asks for.

A study asks for the features of half a dozen sets of windows, of the same lines. Baskets of a day, its departments, and
its lines that were promoted, are the same in each of them: a fraction of the lines, read, joined and grouped once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from dunnhumby_pipeline.engine.compile import unbound, unbound_tables
from dunnhumby_pipeline.engine.duck import LINES
from dunnhumby_pipeline.engine.frames import Relation, Relations
from dunnhumby_pipeline.engine.once import Kept, as_they_are
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.engine.tables import open_table
from dunnhumby_pipeline.features.baskets import shopping_days
from dunnhumby_pipeline.features.departments import department_days
from dunnhumby_pipeline.features.exposure import promoted_days, promoted_days_in_windows
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.operations as ops
    import ibis.expr.types as ir

_DAYS: Kept[pd.DataFrame] = Kept(3)


@dataclass(frozen=True)
class _Part:
    """Rows by household and day: as they stand `within` expressions over windows, and over `all_days`."""

    name: str
    within: ir.Table
    all_days: ir.Table


@cache
def _parts() -> tuple[_Part, ...]:
    return (
        _Part("shopping_days", shopping_days(), shopping_days()),
        _Part("department_days", department_days(), department_days()),
        _Part("promoted_days", promoted_days_in_windows(), promoted_days(unbound(LINES))),
    )


def run_by_day(expression: ir.Table, relations: Relations, engine: EngineSettings) -> pd.DataFrame:
    """The frame of `engine.run.run`; what `expression` makes of the days of households is read from what is kept.

    It is kept while the files are as they were, of as many lines as DuckDB works on at once: the days of more are
    worked out for their windows alone.
    """
    if engine.kind != "duckdb" or not is_small(relations.get(LINES), engine):
        return run(expression, relations, engine)
    rewritten, given = expression, dict(relations)
    for place, part in enumerate(_parts()):
        with_table = _rewritten(rewritten.op(), place)
        if with_table is None:
            continue
        files = as_they_are(relations[name] for name in unbound_tables(part.all_days))
        if files is not None:
            key = (part.name, files, engine.model_dump_json())
            given[part.name] = _DAYS.get(key, lambda part=part: run(part.all_days, relations, engine))  # type: ignore[misc]
            rewritten = with_table
    return run(rewritten, given, engine)


def is_small(lines: Relation | None, engine: EngineSettings) -> bool:
    """Whether lines are a file of `engine.rows_at_once` rows at most, of which all days can be worked out at once."""
    if not isinstance(lines, Path):
        return False
    with open_table(lines) as table:
        return int(table.metadata.num_rows) <= engine.rows_at_once


@cache
def _rewritten(relation: ops.Relation, place: int) -> ir.Table | None:
    """The expression of `relation` with a table in the place of a part; None where it has no such part."""
    part = _parts()[place]
    table = ibis.table(part.within.schema(), name=part.name)
    found = relation.replace({part.within.op(): table.op()})
    return None if found == relation else found.to_expr()
