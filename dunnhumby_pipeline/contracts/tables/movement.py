"""Tables of the group movement."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

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
    Table(
        "early_warning",
        group="movement",
        made_by="follow_segments",
        meaning="Households that fall from high value, the largest loss first.",
        row="household that falls from high value",
        key=("household_key",),
        columns=(
            *shared("household_key from_period to_period from_segment to_segment"),
            text("to_tier", "value tier now: mid, low, or absent"),
            *shared("spend_before spend_after"),
            number("change", "spend_after less spend_before", "$"),
            number("change_share", "change as a share of spend_before"),
        ),
        metrics=metrics.warnings,
        may_be_empty=True,
        measures=True,
    ),
    Table(
        "warning_evidence",
        group="movement",
        made_by="follow_segments",
        meaning="What became of those who would have been listed earlier.",
        row="period, and whether households would have been listed",
        key=("from_period", "listed"),
        columns=(
            *shared("from_period to_period"),
            integer(
                "after_period", "first later period that shares no day with the one in which households were listed"
            ),
            flag("listed", "whether the early warning would have listed these households"),
            *shared("n_households spend_before"),
            number("spend_at", "sales in the period in which they were listed", "$"),
            *shared("spend_after"),
        ),
        may_be_empty=True,
        measures=True,
    ),
)
