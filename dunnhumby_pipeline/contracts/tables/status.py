"""The table of where each household stands."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, number, text

TABLES = (
    Table(
        "household_status",
        group="profiles",
        made_by="rate_households",
        meaning="Where each household stands: value tier, stage and habit with discounts. Every other table takes them "
        "from here.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key value_tier"),
            text(
                "lifecycle",
                "stage of the household: new, active, lapsing (away for four weeks and for twice its usual days "
                "between visits) or lapsed (away for twelve weeks)",
            ),
            text(
                "discount_habit",
                "full price, some or deals: where its share of lines at a discount lies among all households",
            ),
            number(
                "discount_share", "share of lines bought at a discount, drawn to that of all where lines are few", "0-1"
            ),
        ),
        metrics=metrics.status,
        measures=True,
    ),
)
