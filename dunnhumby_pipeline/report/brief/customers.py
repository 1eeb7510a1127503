"""Each group of customers on one line of the brief: how many, what they bring, and one action."""

from __future__ import annotations

from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.words import numbers

READS = ("segment_profiles", "segment_playbook")


def customer_rows(tables: StudyTables) -> Grid | None:
    """Segments with one action each, the largest revenue first; None where they were not built."""
    tables = tables.only(READS)
    if not tables.has(*READS):
        return None
    advice = tables["segment_playbook"].set_index("segment")
    rows = [
        (
            Cell(row["segment_name"], strong=True),
            *cells(
                numbers.count(row["n_households"]),
                numbers.percent(row["revenue_share"]),
                str(advice.loc[row["segment"], "action"]),
            ),
        )
        for _, row in tables["segment_profiles"].sort_values("revenue", ascending=False, kind="stable").iterrows()
        if row["segment"] in advice.index
    ]
    return as_grid("Customers|Households|Share of revenue|What to do", rows, {1, 2})
