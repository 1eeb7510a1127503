"""Customers on the brief, a line for each group: how many, what they bring, and one action."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.words import numbers

BRIEFS, MATRIX = "segment_briefs", "value_need"
READS = (BRIEFS, MATRIX)


def segment_rows(tables: StudyTables) -> Grid | None:
    """Who shops alike, with one action for each group, the largest revenue first; None where it was not built."""
    briefs = tables.only(READS).get(BRIEFS)
    if briefs is None:
        return None
    rows = [
        _row(row["segment_name"], row["n_households"], row["revenue_share"], str(row["action"]))
        for _, row in briefs.sort_values("revenue", ascending=False, kind="stable").iterrows()
    ]
    return as_grid("How they shop|Households|Share of revenue|What to do", rows, {1, 2})


def need_rows(tables: StudyTables) -> Grid | None:
    """What customers come for, with what most of them get, the largest revenue first; None where it was not built."""
    matrix = tables.only(READS).get(MATRIX)
    if matrix is None:
        return None
    sizes = matrix.groupby("need")[["n_households", "revenue_share"]].sum()
    offered = matrix.dropna(subset=["offer"]).groupby(["need", "offer"])["n_offered"].sum()
    rows = []
    for need, size in sizes.sort_values("revenue_share", ascending=False, kind="stable").iterrows():
        rows.append(_row(str(need), size["n_households"], size["revenue_share"], _most(offered, str(need), size)))
    return as_grid("What they come for|Households|Share of revenue|What most of them get", rows, {1, 2})


def _most(offered: pd.Series, need: str, size: pd.Series) -> str:
    """The offer that most of the cells of a need lead to, with the share of its households."""
    if need not in offered.index.get_level_values("need"):
        return "Nothing of their own"
    own = offered.loc[need]
    share = numbers.percent(own.max() / size["n_households"])
    return f"{own.idxmax()} ({share} of them)"


def _row(name: str, households: float, share: float, action: str) -> tuple[Cell, ...]:
    return (Cell(name, strong=True), *cells(numbers.count(households), numbers.percent(share), action))
