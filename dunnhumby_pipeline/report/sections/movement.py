"""Do segments last: movement between periods, and refits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunnhumby_pipeline.contracts.frames import comparable
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.sections import noise
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.features import feature, segment_name, segment_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOVED = ("segment_migration", "migration_summary", "segment_profiles")


def consistency_note(tables: StudyTables, settings: Settings) -> str:
    """What share of households stay in their segment, over periods that share no day where there are such."""
    shown = comparable(tables["migration_summary"])
    how = "share no day" if (shown["shared_days"] == 0).all() else "overlap, so that few can move"
    return (
        f"Between periods that {how}, {numbers.percent(shown['share_staying'].mean())} of households stay in their "
        f"segment and {numbers.percent(shown['share_staying_tier'].mean())} in their value tier (adjusted Rand index "
        f"{shown['ari'].mean():.2f}, mean of {numbers.count(len(shown))} pairs of periods)."
    )


def _flows(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import flows

    moved, summary, profiles = (tables[name] for name in MOVED)
    day_one = settings.checks.day_one
    return flows.segment_flows(moved, summary, profiles, tables.get("smoothed_migration"), day_one)


def _moves(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import flows

    moved, summary, profiles = (tables[name] for name in MOVED)
    return flows.flow_matrix(moved, summary, profiles, tables.get("smoothed_migration"))


def _consistency(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import migration

    floor, day_one = settings.checks.migration_ari_floor, settings.checks.day_one
    return migration.consistency_over_periods(tables["migration_summary"], floor, tables.get("stay_rates"), day_one)


def _consistency_alt(tables: StudyTables, settings: Settings) -> str:
    shown = comparable(tables["migration_summary"])
    return (
        "Agreement between periods over time; on average the adjusted Rand index is "
        f"{shown['ari'].mean():.2f} and {numbers.percent(shown['share_staying'].mean())} of households stay."
    )


def _drift(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import migration

    day_one = settings.checks.day_one
    return migration.drift_over_periods(tables["segment_drift"], tables["migration_summary"], day_one)


def _drift_alt(tables: StudyTables, settings: Settings) -> str:
    found = tables["segment_drift"]
    whole = found[found["kind"] != "segment"]
    worst = whole.loc[whole["psi"].idxmax()]
    return (
        "Population stability index of features and the mix of segments, period by period; the largest is "
        f"{worst['psi']:.2f}, of {feature(worst['name'])}."
    )


def _stability(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import segmentation

    floors = {"warm": settings.checks.warm_ari_floor, "cold": settings.checks.cold_ari_floor}
    return segmentation.stability_distribution(tables["segment_stability"], floors)


def _stability_alt(tables: StudyTables, settings: Settings) -> str:
    means = tables["segment_stability"].groupby("start")["ari"].mean()
    return "Adjusted Rand index of bootstrap refits, mean: " + "; ".join(
        f"{start} start {mean:.2f}" for start, mean in means.items()
    )


def _recovery(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import segmentation

    return segmentation.segment_recovery(tables["segment_jaccard"], tables["segment_profiles"])


def _recovery_alt(tables: StudyTables, settings: Settings) -> str:
    names = segment_names(tables["segment_profiles"])
    return "Mean overlap of each segment with its closest refitted one: " + "; ".join(
        f"{segment_name(row['segment'], names)} {row['mean_jaccard']:.2f}"
        for _, row in tables["segment_jaccard"].iterrows()
    )


PARTS = (
    Heading("Do segments last?"),
    Note("consistency_note", consistency_note, ("migration_summary",)),
    *noise.STAYING,
    Section(
        "flows",
        "Who moves where",
        MOVED,
        "Each bar is a period; level ribbons are households that stayed. Above, the segment of each period alone; "
        "below, the smoothed one, in which less of what moves is chance.",
        _flows,
        lambda tables, settings: (
            "Flows of households between segments from period to period; their shares are in the matrix below."
        ),
        beside=("smoothed_migration",),
    ),
    Section(
        "moves",
        "Where the households of a segment are a period later",
        MOVED,
        "Read along a row; the diagonal is who stayed.",
        _moves,
        lambda tables, settings: (
            "Matrix of the share of each segment's households that were in each segment a period later."
        ),
        beside=("smoothed_migration",),
    ),
    Section(
        "consistency",
        "How alike are two periods?",
        ("migration_summary",),
        "Hollow points flatter: those periods share most of their days. A household near the border of two segments "
        "changes sides easily, so decide by segment but follow up by household. Crosses are ceilings.",
        _consistency,
        _consistency_alt,
        beside=("stay_rates",),
    ),
    *noise.SMOOTHED,
    Section(
        "drift",
        "Does behaviour drift?",
        ("segment_drift", "migration_summary"),
        "Under 0.10 a distribution is stable, from 0.25 on it has moved.",
        _drift,
        _drift_alt,
    ),
    Section(
        "stability",
        "Would the segments come out again?",
        ("segment_stability",),
        "Each point is a refit on resampled households. Cold refits start from nothing, warm ones from the factors "
        "and segments in use.",
        _stability,
        _stability_alt,
    ),
    Section(
        "recovery",
        "Which segments come out again?",
        ("segment_jaccard", "segment_profiles"),
        "Under 0.5 a segment is gone in the refit, from 0.75 on it has come back.",
        _recovery,
        _recovery_alt,
    ),
)
