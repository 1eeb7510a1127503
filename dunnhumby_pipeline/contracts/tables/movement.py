"""Tables of the group movement."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, integer, number, text

TABLES = (
    Table(
        "segment_migration",
        group="movement",
        made_by="follow_segments",
        meaning="Households that went from one segment to another between two periods.",
        row="segment in one period and segment in another",
        key=("from_period", "to_period", "from_segment", "to_segment"),
        columns=(
            *shared("from_period to_period from_segment to_segment"),
            integer("n", "households that went this way", "households"),
            number("share", "share of those that were in the earlier segment", "0-1"),
        ),
        measures=True,
    ),
    Table(
        "migration_summary",
        group="movement",
        made_by="follow_segments",
        meaning="How alike the segments of two periods are, and the share of households that stay.",
        row="pair of periods",
        key=("from_period", "to_period"),
        columns=(
            *shared("from_period to_period"),
            integer("from_day", "last day of the earlier period", "day"),
            integer("to_day", "last day of the later period", "day"),
            integer("shared_days", "days that both periods see; with many, few households can move", "days"),
            integer("n", "households that bought in both periods", "households"),
            number("ari", "adjusted Rand index of the two periods' segments; 1 is the same partition"),
            number("share_staying", "share of these households in the same segment", "0-1"),
            number(
                "share_staying_tier",
                "share of these households in the same value tier, by their spend in the period",
                "0-1",
            ),
            integer("n_left", "households that bought in the earlier period alone", "households"),
            integer("n_joined", "households that bought in the later period alone", "households"),
        ),
        metrics=metrics.migration,
        measures=True,
    ),
    Table(
        "segment_drift",
        group="movement",
        made_by="follow_segments",
        meaning="How far features and the mix of segments have moved between two periods.",
        row="feature or share, and pair of periods",
        key=("from_period", "to_period", "kind", "name"),
        columns=(
            *shared("from_period to_period"),
            text("kind", "what may have moved: a feature, the mix of segments, or one segment's part in that mix"),
            text("name", "feature or segment, or 'segment' for the mix of all"),
            number(
                "psi", "population stability index from one period to the other; above 0.2 is a change to look into"
            ),
        ),
        metrics=metrics.segment_drift,
        measures=True,
    ),
)
