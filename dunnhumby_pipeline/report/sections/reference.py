"""The reference study's setting beside ours: its factors and segments on these households, and how both do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunnhumby_pipeline.contracts.reference_study import REPORTED_SEGMENTS
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import feature, in_named_order, segment_name, segment_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP_FEATURES = 3
BOTH = ("reference_features", "reference_profiles", "segment_features", "segment_profiles")
SCORED = ("reference_factors", "reference_segments", "reference_loadings", "reference_profiles")
_COUNTS = {"n_features", "n_factors", "n_segments"}
_SHARES = {
    "pooled_r2", "centred_r2", "smallest_share", "best_share", "largest_tier_share", "eta_spend", "eta_independent",
}  # fmt: skip


def reported_note(tables: StudyTables, settings: Settings) -> str:
    """What the reference study called its segments, and that these here are others."""
    reported = "; ".join(f"{name}, {size}" for name, size in REPORTED_SEGMENTS)
    return (
        f"From two years of data, which are not here, the reference study reported seven segments by number of "
        f"households: {reported}. Its setting is fitted here to the same households as ours, and its segments are "
        "named by the same rules, so that what differs is the setting and not the words."
    )


def comparison_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Each measure as reported, for the reference study's setting here, and for ours."""
    rows = []
    for row in tables["reference_comparison"].itertuples():
        values = (_written(row.measure, value) for value in (row.reported, row.reference, row.ours))
        rows.append(cells(row.meaning[0].upper() + row.meaning[1:], *values))
    return as_grid("Measure|Reported, two years|Its setting here|In use", rows, {1, 2, 3})


def _written(measure: str, value: float) -> str:
    if measure in _COUNTS:
        return numbers.count(value)
    if measure == "best_spend":
        return numbers.dollars(value)
    if measure == "calinski_harabasz":
        return numbers.count(value)
    return numbers.percent(value) if measure in _SHARES else numbers.number(value, 2)


def overlap_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Where the households of each segment of the reference study's setting are in ours."""
    found = tables["reference_overlap"]
    theirs, ours = segment_names(tables["reference_profiles"]), segment_names(tables["segment_profiles"])
    columns = in_named_order(found["segment"].unique(), ours)
    wide = found.pivot(index="reference_segment", columns="segment", values="share")
    sizes = found.groupby("reference_segment")["n"].sum()
    rows = [
        cells(
            segment_name(slug, theirs),
            numbers.count(sizes[slug]),
            *(numbers.percent(wide.at[slug, column]) for column in columns),
        )
        for slug in in_named_order(wide.index, theirs)
    ]
    headers = ["Its segment", "Households", *(segment_name(column, ours) for column in columns)]
    return as_grid(headers, rows, set(range(1, 2 + len(columns))))


def reference_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The reference study's factors: their strongest features, and whom each leads."""
    loadings, scores = tables["reference_loadings"], tables["reference_factors"]
    factors = list(dict.fromkeys(loadings["factor"]))
    led = scores[factors].idxmax(axis=1).value_counts()
    rows = []
    for factor in factors:
        own = loadings[loadings["factor"] == factor]
        strongest = own.nlargest(TOP_FEATURES, "loading")["feature"]
        households = led.get(factor, 0)
        rows.append(
            cells(
                terms.spoken(str(own["factor_name"].iloc[0])),
                "; ".join(map(feature, strongest)),
                numbers.count(households),
                numbers.percent(households / len(scores)),
            )
        )
    return as_grid("Factor|Strongest features|Households that score highest on it|Share", rows, {2, 3})


def _both(tables: StudyTables) -> tuple[tuple, tuple]:
    return (
        (tables["reference_features"], tables["reference_profiles"]),
        (tables["segment_features"], tables["segment_profiles"]),
    )


def _sizes(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import reference

    return reference.sizes_side_by_side(tables["reference_profiles"], tables["segment_profiles"])


def _sizes_alt(tables: StudyTables, settings: Settings) -> str:
    said = []
    for whose, name in (("reference study's setting", "reference_profiles"), ("in use", "segment_profiles")):
        listed = "; ".join(
            f"{row['segment_name']}, {numbers.percent(row['share'])} of households, "
            f"{numbers.percent(row['revenue_share'])} of revenue"
            for _, row in tables[name].iterrows()
        )
        said.append(f"{whose}: {listed}")
    return "Bars of households and revenue per segment, " + ". ".join(said) + "."


def _profiles(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import reference

    return reference.profiles_side_by_side(*_both(tables))


def _positions(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import positions

    return positions.positions_side_by_side(*_both(tables))


def _positions_alt(tables: StudyTables, settings: Settings) -> str:
    from dunnhumby_pipeline.figures.customers import positions

    maps = "; ".join(title.lower() for title, _, _ in positions.POSITIONS)
    return f"Eight maps by two features each, of the reference study's setting and of the one in use: {maps}."


def _loadings(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import factors

    return factors.factor_loadings_heatmap(tables["reference_loadings"])


def _scores(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import factors

    return factors.factor_scores_by_segment(*(tables[name] for name in SCORED))


PARTS = (
    Fold(
        "Beside the reference study's segments",
        (
            Note("reported_note", reported_note),
            Section(
                "reference_comparison",
                "Both settings on the same households",
                ("reference_comparison",),
                "What was reported rests on two years, and on refits of K-Means alone: compare the two columns at the "
                "right. Distances (silhouette, Calinski-Harabasz, Davies-Bouldin) are each on the scale of its own "
                "factors. More segments divide spend more finely; what counts is whether they come back.",
                rows=comparison_rows,
            ),
            Section(
                "reference_sizes",
                "Segments of both settings",
                ("reference_profiles", "segment_profiles"),
                "Grey is the share of households, blue that of revenue; beside each segment the share of its "
                "households in the high value tier.",
                _sizes,
                _sizes_alt,
            ),
            Section(
                "reference_overlap",
                "Where its segments are in ours",
                ("reference_overlap", "reference_profiles", "segment_profiles"),
                "A row is a segment of the reference study's setting; its shares sum to 100% across our segments.",
                rows=overlap_rows,
            ),
            Section(
                "reference_profile",
                "What made the segments, in both",
                BOTH,
                "The features that were factored in either setting. A row that is pale at the right and strong at the "
                "left is one that the reference study's segments are told apart by and ours are not.",
                _profiles,
                lambda tables, settings: (
                    "Heatmap of the features that made segments, by segment, of the reference study's setting and of "
                    "the one in use."
                ),
            ),
            Section(
                "reference_positions",
                "Its eight maps, for its setting and ours",
                BOTH,
                "Left and right have the same axes. Each bubble is a segment at its means, its area the number of "
                "households, darker with more of them in the high value tier.",
                _positions,
                _positions_alt,
            ),
            Section(
                "reference_factors",
                "The reference study's factors, for comparison",
                ("reference_loadings", "reference_factors"),
                rows=reference_rows,
            ),
            Section(
                "reference_loading",
                "What its factors are made of",
                ("reference_loadings",),
                "Each factor's largest loading is 1. Loadings under 0.10 are shaded but not printed.",
                _loadings,
                lambda tables, settings: "Heatmap of the loadings of the reference study's factors.",
            ),
            Section(
                "reference_scores",
                "Which of its factors tell its segments apart?",
                SCORED,
                "Bars that lie apart in a panel: that factor separates those segments.",
                _scores,
                lambda tables, settings: (
                    "Median and spread of factor scores of each segment's households in the reference study's "
                    "setting, a panel per factor."
                ),
            ),
        ),
    ),
)
