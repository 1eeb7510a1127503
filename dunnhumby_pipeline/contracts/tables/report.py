"""Tables of the group report."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.table import Table

TABLES = (
    Table(
        "campaign_brief",
        group="report",
        made_by="campaign_brief",
        meaning="What to do with the next campaign and why, on two pages to print.",
        partitioned=True,
        suffix=".html",
    ),
    Table(
        "campaign_report",
        group="report",
        made_by="campaign_report",
        meaning="Who the customers are, whom to target, how sure we are and what it is worth, on one page.",
        partitioned=True,
        suffix=".html",
        households=True,
    ),
)
