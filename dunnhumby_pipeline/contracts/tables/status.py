"""The table of where each household stands."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, number

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
            *shared("household_key value_tier lifecycle discount_habit"),
            number(
                "discount_share", "share of lines bought at a discount, drawn to that of all where lines are few", "0-1"
            ),
        ),
        metrics=metrics.status,
        measures=True,
    ),
)
