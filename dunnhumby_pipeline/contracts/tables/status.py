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
        sources={
            "household_key": "customer_features",
            "value_tier": "customer_lifetime_value",
            "lifecycle": (
                "customer_features.recency customer_features.days_between_purchases_avg customer_features.tenure"
            ),
            **dict.fromkeys(
                ("discount_habit", "discount_share"),
                "customer_features.discount_usage_pct customer_features.transaction_count",
            ),
        },
    ),
)
