"""Whether the order of households by effect holds, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.causal.cate.validation.groups import BY_EFFECT, BY_PROPENSITY
from dunnhumby_pipeline.causal.cate.validation.meanings import UPLIFT_AT
from dunnhumby_pipeline.causal.cate.validation.proof import heterogeneity_proven
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Heading, Note, Section
from dunnhumby_pipeline.report.sections import splits
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import features, numbers, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRAITS = 12
_SEGMENT, _NEED = "lookback_segment", "lookback_need"
_TESTS = {
    "blp": "Slope of the effect on what the model says (BLP)",
    "autoc": "Area under the targeting curve (AUTOC)",
    "qini": "Area under the Qini curve",
    "top_minus_bottom": "Largest less smallest effects",
    "calibration_slope": "Slope over all folds, against 1",
    "calibration_error": "Calibration error, noise taken out",
    "segments_differ": "Look-back segments differ (chi-square)",
    "needs_differ": "Needs differ (chi-square)",
    "autoc_all_folds": "AUTOC over all folds",
    "qini_all_folds": "Qini over all folds",
    "auuc_adjusted": "AUUC, adjusted",
    "auuc_adjusted_by_lot": "AUUC, adjusted, by lot",
    "auuc_unadjusted": "AUUC, unadjusted",
    "auuc_unadjusted_by_lot": "AUUC, unadjusted, by lot",
    "agreement": "Agreement between learners",
}


def test_name(test: str) -> str:
    """A test of the order in words."""
    if test.startswith(UPLIFT_AT):
        return f"Effect of the first {test.removeprefix(UPLIFT_AT)}"
    return _TESTS.get(test, terms.spoken(test))


def validation_rows(cate_validation: pd.DataFrame) -> Grid:
    """Each test of the order with its statistic, p-value, verdict and meaning."""
    rows = []
    for _, row in cate_validation.iterrows():
        told = pd.isna(row["passed"])
        mark = Cell(numbers.NOTHING) if told else Cell("holds", "pass") if row["passed"] else Cell("not proven", "warn")
        if row["test"].startswith("calibration") and not told:
            mark = Cell("holds", "pass") if row["passed"] else Cell("off", "warn")
        rows.append(
            (
                *cells(
                    test_name(row["test"]),
                    numbers.interval(row["statistic"], row["ci_lower"], row["ci_upper"], row["unit"]),
                    numbers.number(row["p"], 2),
                ),
                mark,
                Cell(row["meaning"]),
            )
        )
    return as_grid("Test|Found (interval)|p|Verdict|What it says", rows, {1, 2})


def validated_note(tables: StudyTables, settings: Settings) -> str:
    """Which model is validated, and what gate and slope say together."""
    tests = tables["cate_validation"]
    proof = heterogeneity_proven(tables["cate_scoreboard"], tests)
    name = terms.model(proof.model)
    p = f"p = {numbers.number(proof.p, 2)}" if numbers.is_number(proof.p) else "it ranks nothing"
    if not bool(tests["chosen"].iloc[0]):
        held = "though its order holds" if proof.blp else "and its order is not proven"
        return (
            f"Not chosen: {name}. One effect for all is in use. So that this can be seen to be right, what could have "
            f"been used is validated here, {held} on later households ({p})."
        )
    if proof.proven:
        return f"{name} is in use, and its order holds on later households ({p}): households differ."
    return f"{name} is in use, but that its order holds on later households is not proven ({p})."


def trait_rows(clan: pd.DataFrame) -> Grid:
    """The covariates that differ most between the largest and the smallest effects."""
    rows = [
        cells(
            features.covariate(row["covariate"]),
            numbers.number(row["mean_largest"]),
            numbers.number(row["mean_smallest"]),
            numbers.interval(row["difference"], row["ci_lower"], row["ci_upper"]),
            numbers.signed(row["smd"], 2),
            "below 0.001" if row["p_holm"] < 0.001 else numbers.number(row["p_holm"], 2),
        )
        for _, row in clan.head(TRAITS).iterrows()
    ]
    headers = "Covariate|Largest effects|Smallest effects|Difference (interval)|In standard deviations|p (Holm)"
    return as_grid(headers, rows, {1, 2, 3, 4, 5})


def subgroup_rows(subgroups: pd.DataFrame) -> Grid:
    """Leaves of the tree in words, with effects of households that it did not see."""
    rows = [
        cells(
            features.rule(row["rule"]),
            numbers.count(row["n_trials"]),
            _effect(row),
            numbers.dollars(row["predicted"]),
        )
        for _, row in subgroups.iterrows()
    ]
    return as_grid("Trials whose|Trials judged|Effect (interval for all at once)|What the model says", rows, {1, 2, 3})


def credibility_rows(credibility: pd.DataFrame) -> Grid:
    """How many trials have which of the three parts."""
    excludes = credibility["interval_excludes_zero"].astype("object")
    said = excludes.map({True: "excludes zero", False: "includes zero"}).fillna("none of its own")
    most = credibility["agreement"].ge(2 / 3).map({True: "two in three or more", False: "fewer"})
    most = most.where(credibility["agreement"].notna(), "not known")
    place = credibility["in_overlap"].map({True: "inside", False: "outside"})
    counts = pd.DataFrame({"interval": said, "overlap": place, "agree": most}).value_counts()
    rows = [
        cells(*map(str, key), numbers.count(size), numbers.percent(size / len(credibility)))
        for key, size in counts.items()
    ]
    return as_grid("Interval of the household|Overlap|Learners that agree on its side|Trials|Share", rows, {3, 4})


def _of(gates: pd.DataFrame, grouping: str) -> pd.DataFrame:
    return gates.loc[gates["grouping"] == grouping].sort_values("position")


def _groups_alt(grouping: str, gates: pd.DataFrame) -> str:
    return "Effect of each group: " + "; ".join(
        f"{terms.spoken(str(row['group']))} {_effect(row)}, predicted {numbers.dollars(row['predicted'])}"
        for _, row in _of(gates, grouping).iterrows()
    )


def _effect(row: pd.Series) -> str:
    """The effect of a group with its interval, or why it has none."""
    found = numbers.is_number(row["estimate"])
    return numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$") if found else "too few in one arm"


def _group_section(grouping: str, name: str, title: str, caption: str) -> Section:
    def draw(tables: StudyTables, settings: Settings) -> Figure:
        from dunnhumby_pipeline.figures.campaign import heterogeneity

        return heterogeneity.group_effects(_of(tables["gates"], grouping))

    return Section(
        name, title, ("gates",), caption, draw, lambda tables, settings: _groups_alt(grouping, tables["gates"])
    )


def _curves(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import heterogeneity

    return heterogeneity.targeting_curves(tables["toc_curve"])


def _curves_alt(tables: StudyTables, settings: Settings) -> str:
    points = tables["toc_curve"].sort_values("share")
    row = points.iloc[(points["share"] - 0.2).abs().argmin()]
    toc = numbers.interval(row["toc"], row["toc_lower"], row["toc_upper"], "$")
    qini = numbers.interval(row["qini"], row["qini_lower"], row["qini_upper"], "$")
    return f"The first {numbers.percent(row['share'])} respond {toc} more than the average; gain over lots {qini}."


def _profit(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import heterogeneity

    return heterogeneity.profit_curve(tables["toc_curve"])


def _profit_alt(tables: StudyTables, settings: Settings) -> str:
    points = tables["toc_curve"]
    best, last = points.loc[points["profit"].idxmax()], points.sort_values("share").iloc[-1]
    return (
        f"Profit per household is highest, {numbers.dollars(best['profit'])}, with {numbers.percent(best['share'])} "
        f"contacted, and {numbers.dollars(last['profit'])} with all."
    )


def _calibration(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import heterogeneity

    return heterogeneity.effect_calibration(_of(tables["gates"], BY_EFFECT))


def _agreement(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import heterogeneity
    from dunnhumby_pipeline.figures.kit import style

    pairs = tables["cate_agreement"]
    if pairs.empty:
        return style.sentence("Fewer than two learners put households in an order.")
    return heterogeneity.learner_agreement(pairs)


def _agreement_alt(tables: StudyTables, settings: Settings) -> str:
    pairs = tables["cate_agreement"]
    if pairs.empty:
        return "No rank correlations: fewer than two learners put households in an order."
    ends = pairs.loc[[pairs["rank_correlation"].idxmin(), pairs["rank_correlation"].idxmax()]]
    said = " to ".join(
        f"{numbers.number(row['rank_correlation'], 2)} ({terms.model(row['model'])} and {terms.model(row['other'])})"
        for _, row in ends.iterrows()
    )
    return (
        f"Rank correlations between learners, {numbers.number(pairs['rank_correlation'].mean(), 2)} on average: {said}."
    )


def _drivers(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import heterogeneity
    from dunnhumby_pipeline.figures.kit import style

    drivers = tables["effect_drivers"]
    if drivers.empty:
        return style.sentence("The model gives all households the same effect.")
    return heterogeneity.effect_drivers(drivers)


def _drivers_alt(tables: StudyTables, settings: Settings) -> str:
    return "Mean size of what a covariate adds: " + "; ".join(
        f"{features.covariate(row['covariate'])} {numbers.dollars(row['mean_abs'])}"
        for _, row in tables["effect_drivers"].head(5).iterrows()
    )


def drivers_note(tables: StudyTables, settings: Settings) -> str:
    """How the parts of effects were found, and how much of the effects they follow."""
    drivers = tables["effect_drivers"]
    if drivers.empty:
        return ""
    row = drivers.iloc[0]
    said = f"Found {row['method']}; {numbers.percent(row['fidelity'])} of how effects differ is followed."
    if heterogeneity_proven(tables["cate_scoreboard"], tables["cate_validation"]).proven:
        return f"{said} These are reasons of the model, not causes."
    return f"{said} These are reasons of the model. That households differ is not proven, so they explain nothing."


PARTS = (
    Heading("Does the order of households hold?"),
    Note("validated", validated_note, ("cate_validation", "cate_scoreboard")),
    Section(
        "order_tests",
        "Tests on outcomes that the model did not see",
        ("cate_validation",),
        "Tests of an order train on some households and judge later ones, again and again, so that they are wrong no "
        "more often than they say.",
        rows=lambda tables, settings: validation_rows(tables["cate_validation"]),
    ),
    _group_section(
        BY_EFFECT,
        "group_effects",
        "Effects of equal groups by predicted effect",
        "An order that holds has effects that rise from the top down. Intervals cover all groups at once.",
    ),
    Fold(
        "Validation: curves, calibration, groups, agreement",
        (
            Section(
                "targeting_curves",
                "What contacting in this order gains",
                ("toc_curve",),
                "Where the band includes zero, the order may be no better than lots.",
                _curves,
                _curves_alt,
            ),
            Section(
                "profit_curve",
                "The same after the cost of contacts",
                ("toc_curve",),
                "Above the dashed line the order earns more than as many contacts by lot; above zero it pays.",
                _profit,
                _profit_alt,
            ),
            Section(
                "effect_calibration",
                "Are effects as large as the model says?",
                ("gates",),
                "On the dashed line the effect of a group is what the model says of it.",
                _calibration,
                lambda tables, settings: _groups_alt(BY_EFFECT, tables["gates"]),
            ),
            _group_section(
                _SEGMENT,
                "segment_effects",
                "Effects by look-back segment",
                "Segments of the look-back, known before the campaign. Intervals cover all segments at once.",
            ),
            _group_section(
                _NEED,
                "need_effects",
                "Effects by need",
                "What households came for in the look-back. Intervals cover all needs at once.",
            ),
            _group_section(
                BY_PROPENSITY,
                "propensity_effects",
                "Effects by propensity",
                "Whether those likely to be targeted respond differently. Intervals cover all regions at once.",
            ),
            *splits.PARTS,
            Section(
                "learner_agreement",
                "Do the learners agree on the order?",
                ("cate_agreement",),
                "Rank correlations within folds, in hundredths; columns are numbered as the rows are. Learners that "
                "contradict each other cannot all be right.",
                _agreement,
                _agreement_alt,
            ),
        ),
    ),
    Fold(
        "Explanation: what predicted effects rest on",
        (
            Section(
                "effect_drivers",
                "Covariates that move predicted effects",
                ("effect_drivers",),
                "",
                _drivers,
                _drivers_alt,
            ),
            Note("drivers_note", drivers_note, ("effect_drivers", "cate_validation", "cate_scoreboard")),
            Section(
                "effect_traits",
                "Who has the largest predicted effects, and who the smallest",
                ("clan",),
                "The largest differences between the two groups.",
                rows=lambda tables, settings: trait_rows(tables["clan"]),
            ),
            Section(
                "effect_subgroups",
                "Subgroups in words, with effects of households that had no say in the rules",
                ("effect_subgroups",),
                "Rules follow the model on earlier folds; effects come from later ones.",
                rows=lambda tables, settings: subgroup_rows(tables["effect_subgroups"]),
            ),
            Section(
                "effect_credibility",
                "How far a single household's effect can be believed",
                ("effect_credibility",),
                "Three parts, none of which makes up for another: an interval of the household's own, comparable "
                "households in both arms, and learners that agree.",
                rows=lambda tables, settings: credibility_rows(tables["effect_credibility"]),
            ),
        ),
    ),
)
