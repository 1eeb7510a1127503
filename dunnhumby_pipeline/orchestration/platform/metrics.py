"""The metrics of tables as dagster plots them over runs: builtin numbers, computed as their contracts say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.settings import EngineSettings

Metrics = dict[str, float]
_DAGSTER = "dagster/"


def metrics_of(name: str, frame: pd.DataFrame) -> Metrics:
    """The metrics of a table that a step gives as a frame; none for a table without any, or without rows."""
    declared = table(name).metrics
    return in_numbers(declared(frame)) if callable(declared) and len(frame) else {}


def metrics_in_place(paths: Mapping[str, TablePath], engine: EngineSettings) -> dict[str, Metrics]:
    """The metrics of tables that lie at `paths`, by table, where their contracts give them as SQL."""
    found = {}
    with connect(engine) as connection:
        for name, path in paths.items():
            declared = table(name).metrics
            if isinstance(declared, Mapping):
                query = f"SELECT {', '.join(declared.values())} FROM {table_at(connection, path)}"
                values = connection.execute(query).fetchall()[0]
                found[name] = in_numbers(dict(zip(declared, values, strict=True)))
    return found


def by_type(campaign_type: str | None, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with every number named by its campaign type, "TypeA: n_treated": dagster plots each name as one line.

    What is no number keeps its name, and so does all of a table without partitions (None).
    """
    if campaign_type is None:
        return dict(shown)
    numbers = {name for name, value in shown.items() if type(value) in (int, float)}
    return {
        f"{campaign_type}: {name.removeprefix(_DAGSTER)}" if name in numbers else name: value
        for name, value in shown.items()
    }


def in_numbers(metrics: Mapping[str, object]) -> Metrics:
    """Builtin numbers, which dagster wants, to six digits; what is not known is left out, a gap in a plot."""
    known = {name: float(value) for name, value in metrics.items() if value is not None}  # type: ignore[arg-type]
    return {
        name: int(value) if value.is_integer() else float(f"{value:.6g}")
        for name, value in known.items()
        if math.isfinite(value)
    }
