"""Who the customers are: segments, what to do with each, and what they are like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.answer import decision_counts
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.sections import actions
from dunnhumby_pipeline.report.sections.actions import what_most_get
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms
from dunnhumby_pipeline.words.features import QUESTIONS, feature, in_named_order, segment_name, segment_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP_DEPARTMENTS = 3
_SHOWN = ("age_desc", "income_desc", "household_size_desc", "kid_category_desc")


def _sizes(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import segmentation

    return segmentation.segment_sizes(tables["segment_profiles"])


def _sizes_alt(tables: StudyTables, settings: Settings) -> str:
    sizes = "; ".join(
        f"{row['segment_name']}, {numbers.count(row['n_households'])} households, "
        f"{numbers.percent(row['revenue_share'])} of revenue"
        for _, row in tables["segment_profiles"].iterrows()
    )
    return f"Bars of households and revenue per segment: {sizes}."


def _pareto_note(tables: StudyTables, settings: Settings) -> str:
    curve = tables["pareto_curve"]
    at = curve.iloc[(curve["share_of_households"] - 0.2).abs().argmin()]
    return (
        f"The best {numbers.percent(at['share_of_households'])} of households bring "
        f"{numbers.percent(at['share_of_revenue'])} of revenue (Gini coefficient {at['gini']:.2f}; "
        "0 when all bring the same)."
    )


def playbook_rows(tables: StudyTables, settings: Settings) -> Grid:
    """What to do with each segment, the most urgent first."""
    sizes = tables["segment_profiles"].set_index("segment")
    rows = []
    for _, found in tables["segment_playbook"].iterrows():
        size = sizes.loc[found["segment"]] if found["segment"] in sizes.index else None
        amounts = (
            ("", "") if size is None else (numbers.count(size["n_households"]), numbers.percent(size["revenue_share"]))
        )
        texts = (found["strategy"], found["action"], found["avoid"], what_most_get(found))
        rows.append(
            (
                Cell(found["segment_name"], strong=True),
                *cells(*amounts, numbers.count(found["priority"]), *map(str, texts)),
            )
        )
    return as_grid(
        "Segment|Households|Revenue|Priority (1 first)|Strategy|Do|Avoid|Commonest next action", rows, {1, 2, 3}
    )


def number_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Each segment in numbers, with its lifetime value and agreement of refits and decisions where they were built."""
    columns: list[tuple[str, dict[str, str]]] = []
    if (worth := tables.get("segment_lifetime_value")) is not None:
        found = worth.set_index("segment")["clv_mean"]
        columns.append(("Expected in 52 weeks", {slug: numbers.dollars(value) for slug, value in found.items()}))
    if (segments := tables.get("segments")) is not None:
        agreed = segments.groupby("segment")["stability"].mean()
        columns.append(("Refits that agree", {slug: numbers.percent(share) for slug, share in agreed.items()}))
    if (listed := tables.get("targeting_list")) is not None:
        counts = pd.crosstab(listed["segment"], listed["decision"])
        names = [name for name in decision_counts(listed) if name in counts.columns]
        decided = {slug: " / ".join(numbers.count(row[name]) for name in names) for slug, row in counts.iterrows()}
        columns.append((f"To {' / '.join(names)}", {str(slug): text for slug, text in decided.items()}))
    rows = []
    for _, found in tables["segment_profiles"].iterrows():
        slug = found["segment"]
        amounts = (
            f"{numbers.count(found['n_households'])} ({numbers.percent(found['share'])})",
            numbers.percent(found["revenue_share"]),
            numbers.dollars(found["spend_mean"]),
            numbers.percent(found["share_high"]),
            numbers.percent(found["share_lapsing"] + found["share_lapsed"]),
            numbers.count(found["recency_median"]),
            numbers.percent(found["active_4w"]),
        )
        others = (values.get(slug, numbers.NOTHING) for _, values in columns)
        rows.append(cells(found["segment_name"], *amounts, *others))
    headers = (
        "Segment|Households (share)|Revenue|Spend per household|Of high value|Lapsing or lapsed|Days since visit|"
        "Came in 4 weeks"
    )
    return as_grid([*headers.split("|"), *(name for name, _ in columns)], rows, set(range(1, 8 + len(columns))))


def _profile(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import profiles

    return profiles.segment_profile_heatmap(tables["segment_features"], tables["segment_profiles"])


def _profile_alt(tables: StudyTables, settings: Settings) -> str:
    found = tables["segment_features"]
    independent = found[found["role"] == "independent"].dropna(subset=["z_score"])
    if independent.empty:
        return "Heatmap of features by segment."
    names = segment_names(tables["segment_profiles"])
    farthest = independent.loc[independent["z_score"].abs().groupby(independent["segment"]).idxmax()]
    standing = "; ".join(
        f"{segment_name(row['segment'], names)}, {feature(row['feature'])} {numbers.signed(row['z_score'])}"
        for _, row in farthest.iterrows()
    )
    return (
        "Heatmap of features by segment. What stands out most, among features that the segments do not rest on: "
        f"{standing}."
    )


def _positions(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import positions

    return positions.positioning_bubbles(tables["segment_features"], tables["segment_profiles"])


def _positions_alt(tables: StudyTables, settings: Settings) -> str:
    from dunnhumby_pipeline.figures.customers import positions

    maps = "; ".join(title.lower() for title, _, _ in positions.POSITIONS)
    return f"Eight maps of the segments by two features each: {maps}. Their means are in the heatmap above."


def department_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The departments of which each segment buys more than its share."""
    found = tables["segment_departments"]
    best = found[(found["lift_rank"] <= TOP_DEPARTMENTS) & (found["lift"] > 1)].sort_values("lift_rank")
    named = zip(best["department"], best["lift"], strict=True)
    spoken = best.assign(text=[f"{terms.spoken(name.lower())} ({lift:.1f} times)" for name, lift in named])
    texts = spoken.groupby("segment")["text"].agg(", ".join)
    names = segment_names(tables["segment_profiles"])
    rows = [cells(name, texts.get(slug, "none")) for slug, name in names.items()]
    return as_grid("Segment|Departments", rows, set())


def demographic_rows(tables: StudyTables, settings: Settings) -> Grid:
    """The most frequent answer of each segment to each question."""
    demographics, names = tables["segment_demographics"], segment_names(tables["segment_profiles"])
    found = [(name, QUESTIONS[name]) for name in _SHOWN if name in set(demographics["attribute"])]
    rows = []
    for slug in in_named_order(demographics["segment"].unique(), names):
        own = demographics[demographics["segment"] == slug]
        answers = (_usual(own[own["attribute"] == name]) for name, _ in found)
        rows.append(cells(segment_name(slug, names), numbers.percent(own["coverage"].iloc[0]), *answers))
    return as_grid(["Segment", "Known of", *(spoken for _, spoken in found)], rows, {1})


def _usual(answers: pd.DataFrame) -> str:
    if answers["share"].isna().all():
        return numbers.NOTHING
    best = answers.loc[answers["share"].idxmax()]
    return f"{best['answer']} ({numbers.percent(best['share'])} of {numbers.count(best['answered'])})"


def _demographics_note(tables: StudyTables, settings: Settings) -> str:
    coverage = tables["segment_demographics"].drop_duplicates("segment").set_index("segment")["coverage"]
    sizes = tables["segment_profiles"].set_index("segment")["n_households"].reindex(coverage.index)
    overall = float((coverage * sizes).sum() / sizes.sum())
    return (
        f"Demographics are known of {numbers.percent(overall)} of households, from "
        f"{numbers.percent(coverage.min())} to {numbers.percent(coverage.max())} of a segment. "
        "Those who answered are not a fair picture of those who did not: read a row as a hint where few are known, and "
        "as no character of the segment."
    )


def chosen_note(tables: StudyTables, settings: Settings) -> str:
    """Who has demographics, and whom campaigns reached: chosen by what they spend."""
    found = tables["assignment_by_value"].set_index("what")
    said = [
        f"{what}: {numbers.percent(row['share_high'])} of households of high value, "
        f"{numbers.percent(row['share_mid'])} of mid, {numbers.percent(row['share_low'])} of low"
        for what, row in found.iterrows()
    ]
    told = "; ".join(said)
    return (
        f"What segments seem to have besides is what others chose for them. {told[0].upper()}{told[1:]}. That a "
        "segment is described or mailed more says who was chosen, not what its households are like."
    )


def chosen_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Who has demographics, was mailed or redeemed, what chose them, and what is left of it at equal spend."""
    rows = [
        cells(
            row.what[0].upper() + row.what[1:],
            numbers.count(row.n),
            *(numbers.percent(getattr(row, f"share_{tier}")) for tier in ("high", "mid", "low")),
            numbers.number(row.auc_of_spend, 2),
            numbers.number(row.cramers_v, 2),
            numbers.number(row.cramers_v_within, 2),
            row.chosen_by[0].upper() + row.chosen_by[1:],
        )
        for row in tables["assignment_by_value"].itertuples()
    ]
    headers = (
        "What|Households|Of high value|Of mid|Of low|Told by spend (AUC)|With segments (V)|At equal spend (V)|Chosen by"
    )
    return as_grid(headers, rows, set(range(1, 8)))


def answer_test_rows(tests: pd.DataFrame) -> Grid:
    """How far answers go together with segments, question by question."""
    rows = [
        cells(
            "Whether anything is known" if row["attribute"] == "known" else QUESTIONS.get(row["attribute"], "Other"),
            numbers.count(row["n"]),
            numbers.number(row["cramers_v"], 2),
            "under 0.001" if row["p_value"] < 0.001 else numbers.number(row["p_value"], 2),
        )
        for _, row in tests.iterrows()
    ]
    return as_grid("Question|Households|Cramér's V|p", rows, {1, 2, 3})


PARTS = (
    Note(
        "segments_are",
        lambda tables, settings: (
            "Segments are households that shop alike. Names say how: how often, how much at a time, and what sets them "
            "apart. What households are worth and whether they still come is told of each household, and of a segment "
            "in shares: none is of one value or at one stage."
        ),
    ),
    Section(
        "sizes",
        "Segments, their households and their revenue",
        ("segment_profiles",),
        "Where the blue bar is longer than the grey one, a segment brings more than its number of households would "
        "say.",
        _sizes,
        _sizes_alt,
    ),
    Note("pareto_note", _pareto_note, ("pareto_curve",)),
    Section(
        "playbook",
        "What to do with each segment",
        ("segment_profiles", "segment_playbook"),
        "The most urgent segment stands first. Strategy and action follow rules over value, stage and habits, in a "
        "file that marketing edits; they are advice to be tested, not measured effects.",
        rows=playbook_rows,
    ),
    *actions.PARTS,
    Section(
        "segments",
        "Segments in numbers",
        ("segment_profiles",),
        "Of high value, and lapsing or lapsed, are shares of the segment's households. “Refits that agree” "
        "is the share of refits on resampled households that put a household in the same segment.",
        rows=number_rows,
        beside=("segment_lifetime_value", "segments", "targeting_list"),
    ),
    Heading("What they are like"),
    Section(
        "profile",
        "Profile of each segment",
        ("segment_features", "segment_profiles"),
        "Read a column to know a segment, a row to know what tells segments apart. Only the upper block is evidence: "
        "the segments were not made from these features, nor from any that says the same (rank correlation under "
        "0.9). Campaigns stand apart: the retailer chose whom it mailed, so they tell its habit and not the "
        "segment's.",
        _profile,
        _profile_alt,
    ),
    Section(
        "positions",
        "Where the segments stand to each other",
        ("segment_features", "segment_profiles"),
        "Each bubble is a segment at its means, its area the number of households. Segments close together on a map "
        "do not differ in those two things; households spread widely around each bubble.",
        _positions,
        _positions_alt,
    ),
    Section(
        "departments",
        "What each segment buys more of than others",
        ("segment_departments", "segment_profiles"),
        "1.5 times: the department has a share of the segment's sales half as large again as of all sales. "
        "Departments with few sales are left out.",
        rows=department_rows,
    ),
    Heading("What others chose for them"),
    Note("chosen_note", chosen_note, ("assignment_by_value",)),
    Section(
        "chosen",
        "Who has demographics, was mailed and redeemed",
        ("assignment_by_value",),
        "AUC is 0.5 where spend does not tell who has it and 1 where it tells it exactly. Cramér's V is 0 where "
        "segments do not differ; at equal spend it is the mean within fifths of spend, corrected for small tables: "
        "what falls there was never the segment's.",
        rows=chosen_rows,
    ),
    Note("demographics_note", _demographics_note, ("segment_demographics", "segment_profiles")),
    Section(
        "demographics",
        "Most frequent answers, where demographics are known",
        ("segment_demographics", "segment_profiles"),
        "Of the households that are described alone, chosen as the table above says: no character of the segment.",
        rows=demographic_rows,
    ),
    Section(
        "demographic_tests",
        "Do segments answer differently?",
        ("demographic_tests",),
        "Cramér's V is 0 where segments answer alike and 1 where the segment tells the answer; under 0.1 it is slight.",
        rows=lambda tables, settings: answer_test_rows(tables["demographic_tests"]),
    ),
)
