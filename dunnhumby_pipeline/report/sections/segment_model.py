"""How the segments were made and chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import feature

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCORED = ("nmf_factors", "segments", "factor_loadings", "segment_profiles")


def factors_note(tables: StudyTables, settings: Settings) -> str:
    """How many factors are in use, and why."""
    scan = tables["factor_selection"]
    chosen = scan[scan["chosen"].astype(bool)]
    if chosen.empty:
        return "The number of factors in use lies outside the scan."
    found = chosen.iloc[0]
    return f"In use: {numbers.count(found['n_factors'])} factors. Why: {found['reason']}."


def _selection(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import factors

    return factors.factor_selection_curve(tables["factor_selection"], settings.segmentation.factor_stability_floor)


def _selection_alt(tables: StudyTables, settings: Settings) -> str:
    scan = tables["factor_selection"]
    chosen = ", ".join(str(number) for number in scan.loc[scan["chosen"].astype(bool), "n_factors"])
    return f"Variance explained, stability, error and sparsity by number of factors; in use: {chosen or 'none'}."


def _loadings(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import factors

    return factors.factor_loadings_heatmap(tables["factor_loadings"])


def _loadings_alt(tables: StudyTables, settings: Settings) -> str:
    loadings = tables["factor_loadings"]
    best = loadings.loc[loadings.groupby("factor")["loading"].idxmax()]
    rows = zip(best["factor_name"], best["feature"], strict=True)
    strongest = "; ".join(f"{terms.spoken(factor)}, {feature(name)}" for factor, name in rows)
    return f"Heatmap of factor loadings. Strongest feature of each factor: {strongest}"


def _scores(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import factors

    return factors.factor_scores_by_segment(*(tables[name] for name in SCORED))


def choice_note(tables: StudyTables, settings: Settings) -> str:
    """The segmentation in use and why, beside the reference study's."""
    scoreboard = tables["segment_scoreboard"]
    by_role = {role: scoreboard[scoreboard["role"] == role] for role in ("chosen", "reference")}
    if by_role["chosen"].empty:
        return "No candidate is marked as the one in use."
    chosen = by_role["chosen"].iloc[0]
    text = (
        f"In use: {numbers.count(chosen['n_segments'])} segments of {numbers.count(chosen['n_factors'])} factors, "
        f"{chosen['reason']}. Refits agree with it by an ARI of {chosen['cold_ari']:.2f} from scratch and "
        f"{chosen['warm_ari']:.2f} started from it."
    )
    if by_role["reference"].empty:
        return text
    other = by_role["reference"].iloc[0]
    return (
        f"{text} The reference study's {numbers.count(other['n_factors'])} factors and "
        f"{numbers.count(other['n_segments'])} segments: {other['cold_ari']:.2f} and {other['warm_ari']:.2f}."
    )


def _scoreboard(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import segmentation

    return segmentation.cluster_scoreboard(tables["segment_scoreboard"], settings.segmentation.stability_target)


def _scoreboard_alt(tables: StudyTables, settings: Settings) -> str:
    return "Candidates by number of segments: agreement of refits, silhouette and other figures of merit. " + "; ".join(
        f"{row['role']}: {row['n_factors']} factors, {row['n_segments']} segments, ARI {row['cold_ari']:.2f}"
        for _, row in tables["segment_scoreboard"].iterrows()
        if row["role"] != "candidate"
    )


def scoreboard_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Every candidate with its scores; the one in use is set in bold."""
    spoken = {"kmeans": "K-Means", "mixture": "Gaussian mixture", "consensus": "Consensus of K-Means"}
    rows = []
    for _, found in tables["segment_scoreboard"].iterrows():
        role = {"chosen": "in use", "reference": "reference study"}.get(found["role"], "")
        rows.append(
            cells(
                spoken.get(found["method"], str(found["method"])) + (f" ({role})" if role else ""),
                numbers.count(found["n_features"]),
                numbers.count(found["n_factors"]),
                numbers.count(found["n_segments"]),
                numbers.number(found["cold_ari"], 2),
                numbers.number(found["warm_ari"], 2),
                numbers.number(found["silhouette"], 2),
                numbers.percent(found["smallest_share"]),
                "yes" if found["eligible"] else "no",
                strong=found["role"] == "chosen",
            )
        )
    headers = "Method|Features|Factors|Segments|Cold ARI|Warm ARI|Silhouette|Smallest|Could be chosen"
    return as_grid(headers, rows, set(range(1, 8)))


def choice_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Each feature that could be factored, and why it is or is not."""
    rows = [
        cells(feature(row.feature), row.group, row.reason, strong=bool(row.used))
        for row in tables["feature_choice"].itertuples()
    ]
    return as_grid("Feature|Group|Why it is factored or not", rows, set())


def identity_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Which segment of the run before each one is, and whether it kept its name."""
    rows = []
    for row in tables["segment_identity"].itertuples():
        today = numbers.NOTHING if pd.isna(row.segment_name) else row.segment_name
        before = "" if pd.isna(row.previous_segment) else terms.spoken(row.previous_segment)
        rows.append(cells(today, before, numbers.percent(row.jaccard), row.reason))
    return as_grid("Segment|In the run before|Households in common|Why its name is kept or new", rows, {2})


PARTS = (
    Fold(
        "How the segments were made and chosen",
        (
            Note("factors_note", factors_note, ("factor_selection",)),
            Section(
                "selection",
                "How many factors?",
                ("factor_selection",),
                "Pooled variance counts a feature's mean as explained and so flatters; the column-centred figure does "
                "not. Factors that do not come back on other households are of this sample alone.",
                _selection,
                _selection_alt,
            ),
            Section(
                "loadings",
                "What are the factors made of?",
                ("factor_loadings",),
                "A factor is a pattern of buying. Each is described by the features that load on it; its largest "
                "loading is 1. Loadings under 0.10 are shaded but not printed.",
                _loadings,
                _loadings_alt,
            ),
            Section(
                "factor_scores",
                "Which factors tell segments apart?",
                SCORED,
                "Bars that lie apart in a panel: that factor separates those segments.",
                _scores,
                lambda tables, settings: (
                    "Median and spread of the factor scores of each segment's households, a panel per factor."
                ),
            ),
            Note("choice_note", choice_note, ("segment_scoreboard",)),
            Section(
                "scoreboard",
                "How many segments?",
                ("segment_scoreboard",),
                "Customers form a continuum without gaps, so agreement of refits decides and silhouette breaks ties. "
                "The reference study's distances are on a scale of their own.",
                _scoreboard,
                _scoreboard_alt,
            ),
            Section("candidates", "Every candidate", ("segment_scoreboard",), rows=scoreboard_rows),
            Section("feature_choice", "Which features are factored", ("feature_choice",), rows=choice_rows),
            Section("segment_identity", "Names since the run before", ("segment_identity",), rows=identity_rows),
        ),
    ),
)
