"""Customers on the brief, a line for each group: how many, what they bring, and one action."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.words import numbers

PROFILES, PLAYBOOK, MATRIX, ACTIONS = "segment_profiles", "segment_playbook", "value_need", "next_action"
_FEW, _UNNAMED = 100, "Nothing in particular"
READS = (PROFILES, PLAYBOOK, MATRIX, ACTIONS)


def segment_rows(tables: StudyTables) -> Grid | None:
    """Who shops alike, with what the playbook says to do, the largest revenue first; None where it was not built."""
    tables = tables.only(READS)
    if not tables.has(PROFILES, PLAYBOOK):
        return None
    action = tables[PLAYBOOK].set_index("segment")["action"]
    profiles = tables[PROFILES].sort_values("revenue", ascending=False, kind="stable")
    rows = [
        _row(row["segment_name"], row["n_households"], row["revenue_share"], str(action[row["segment"]]))
        for _, row in profiles.iterrows()
        if row["segment"] in action.index
    ]
    return as_grid("How they shop|Households|Revenue|What to do", rows, {1, 2})


def need_rows(tables: StudyTables) -> Grid | None:
    """What customers come for, with the offer that comes first for most of them, the largest revenue first; None where
    it was not built."""
    tables = tables.only(READS)
    if not tables.has(MATRIX, ACTIONS):
        return None
    sizes = tables[MATRIX].groupby("need")[["n_households", "revenue_share"]].sum()
    offered = tables[ACTIONS].dropna(subset=["offer"]).groupby(["need", "offer"]).size()
    rows = [
        _row(
            _UNNAMED if str(need) == NO_NEED else str(need),
            size["n_households"],
            size["revenue_share"],
            _commonest(offered, str(need), size),
        )
        for need, size in sizes.sort_values("revenue_share", ascending=False, kind="stable").iterrows()
    ]
    return as_grid("What they come for|Households|Revenue|Commonest next offer", rows, {1, 2})


def _commonest(offered: pd.Series, need: str, size: pd.Series) -> str:
    """The offer that more of a need's households get than any other, and the share of them that get it."""
    if need not in offered.index.get_level_values("need"):
        return "Nothing of their own"
    own, n = offered.loc[need], size["n_households"]
    # A share of a few is no share.
    most = f"{own.max()} of {numbers.count(n)}" if n < _FEW else f"{numbers.percent(own.max() / n)} of them"
    return f"{own.idxmax().rstrip('.')} ({most})."


def _row(name: str, households: float, share: float, action: str) -> tuple[Cell, ...]:
    return (
        Cell(f"{name[:1].upper()}{name[1:]}", strong=True),
        *cells(numbers.count(households), numbers.percent(share), action),
    )
