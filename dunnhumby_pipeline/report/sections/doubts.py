"""How far the answer may be wrong: placebos, hidden causes, and what is known without assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.names import NUISANCE_VARIANTS, PRIMARY_ESTIMATOR
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Heading, Section
from dunnhumby_pipeline.report.sections.effects import effect_rows
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, placebos, terms

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Analyses of the table of doubts in words.
_ANALYSES = {
    "e_value": "E-value",
    "omitted_variable": "Omitted variable",
    "rosenbaum": "Rosenbaum bounds",
    "manski": "Bounds without assumptions",
}


def doubt_rows(sensitivity: pd.DataFrame) -> Grid:
    """What it would take to overturn the effect, each in a sentence."""
    rows = [
        cells(
            _ANALYSES.get(row["analysis"], terms.spoken(row["analysis"])),
            terms.spoken(row["quantity"]),
            numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$" if row["unit"] == "$" else ""),
            row["meaning"].replace("-$", f"{numbers.MINUS}$"),
        )
        for _, row in sensitivity.iterrows()
    ]
    return as_grid("Analysis|Quantity|Value|Meaning", rows, {2})


def control_rows(controls: pd.DataFrame, matters: float) -> Grid:
    """Effects where there can be none, on the scale of the effect, and whether they are surely below `matters`."""
    rows = []
    for _, row in controls.iterrows():
        known = numbers.is_number(row["se"])
        text = placebos.smallness(row["estimate"], row["se"], matters) if known else numbers.NOTHING
        mark = ("pass" if text == "small enough" else "warn") if known else ""
        rows.append(
            (
                *cells(
                    terms.spoken(row["control"]),
                    str(row["campaign"]),
                    numbers.count(row["n_days"]),
                    numbers.price(row["per_day"]),
                    numbers.interval(row["estimate"], row["ci_lower"], row["ci_upper"], "$"),
                    numbers.dollars(placebos.at_most(row["estimate"], row["se"])),
                ),
                Cell(text, mark),
                *cells(numbers.count(row["n_trials"]), numbers.count(row["n_treated"])),
            )
        )
    headers = (
        "Control|Campaign|Days|“Effect” per day|Over the outcome window (interval)|At most|"
        f"Under ${matters:,.4g}|Trials|Treated"
    )
    return as_grid(headers, rows, {2, 3, 4, 5, 7, 8})


def influence_rows(influence: pd.DataFrame, limit: float) -> Grid:
    """What each number becomes without each of the households listed."""
    rows = []
    for _, row in influence.iterrows():
        scale, sign = terms.outcome_scale(row["outcome"])
        lower, upper = scale * row["without_lower"], scale * row["without_upper"]
        moved = numbers.is_number(row["change_in_se"]) and abs(row["change_in_se"]) > limit
        rows.append(
            (
                *cells(
                    terms.spoken(row["quantity"]),
                    str(row["household_key"]),
                    numbers.count(row["n_trials"]),
                    numbers.beside_interval(scale * row["estimate"], lower, upper, sign),
                    numbers.interval(scale * row["without"], lower, upper, sign),
                    numbers.beside_interval(scale * row["by_influence"], lower, upper, sign),
                ),
                Cell(numbers.signed(row["change_in_se"], 2), "warn" if moved else ""),
                *cells(numbers.percent(row["share_of_variance"], 1)),
            )
        )
    headers = (
        "Number|Household|Trials|With all|Without it (interval)|By its influence function|Moves by (standard errors)|"
        "Of the variance"
    )
    return as_grid(headers, rows, {2, 3, 4, 5, 6, 7})


def _influence(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import influence

    return influence.influence(tables["influence"], settings.confidence, settings.checks.max_household_influence)


def _influence_alt(tables: StudyTables, settings: Settings) -> str:
    return "What single households do to each number: " + "; ".join(
        f"{quantity} {_without(rows.loc[rows['change_in_se'].abs().idxmax()])}"
        for quantity, rows in tables["influence"].dropna(subset=["change_in_se"]).groupby("quantity", sort=False)
    )


def _without(row: pd.Series) -> str:
    whole, without = (
        terms.outcome_interval(row["outcome"], row[name], row["without_lower"], row["without_upper"])
        for name in ("estimate", "without")
    )
    return f"{whole.split(' (')[0]} with all, {without} without household {row['household_key']}"


def _controls(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import sensitivity

    return sensitivity.negative_controls(tables["negative_controls"], settings.checks.smallest_effect_that_matters)


def _controls_alt(tables: StudyTables, settings: Settings) -> str:
    return "Effects where there can be none, over the outcome window: " + "; ".join(
        f"{row['control']}, campaign {row['campaign']}: "
        f"{numbers.interval(row['estimate'], row['ci_lower'], row['ci_upper'], '$')}"
        for _, row in tables["negative_controls"].iterrows()
    )


def _event_study(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import sensitivity

    return sensitivity.event_study(tables["event_study"])


def _contour(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import contour

    return contour.confounding_contour(
        tables["confounding_contour"], tables["confounder_benchmarks"], settings.trial.outcome
    )


def _contour_alt(tables: StudyTables, settings: Settings) -> str:
    benchmarks = tables["confounder_benchmarks"]
    strongest = benchmarks.loc[benchmarks["kind"] == "group"].sort_values("bias").iloc[-1]
    outcome = settings.trial.outcome
    (scale, sign), (_, unit) = terms.outcome_scale(outcome), terms.outcome(outcome)
    amount = numbers.number(scale * strongest["bias"], 3, sign) + ("" if sign else f" {unit}")
    return (
        "Effect that is left by the strength of a hidden cause. As strong as the strongest group measured, "
        f"{strongest['group']}, it would move the effect by up to {numbers.bounded(strongest['bias'], amount)}."
    )


def benchmark_rows(benchmarks: pd.DataFrame, outcome: str) -> Grid:
    """What a confounder as strong as each group of covariates would do to the effect on `outcome`."""
    name, unit = terms.outcome(outcome)
    scale, sign = terms.outcome_scale(outcome)
    rows = [
        cells(
            terms.spoken(row["group"]),
            numbers.count(row["n_covariates"]),
            numbers.percent(row["gain_outcome"], 1),
            numbers.percent(row["gain_treatment"], 1),
            numbers.percent(row["outcome_bound"], 1),
            numbers.number(scale * row["observed_change"], 3, sign),
            numbers.bounded(row["bias"], numbers.number(scale * row["bias"], 3, sign)),
            numbers.bounded(
                row["bias"],
                terms.outcome_interval(outcome, (row["lower"] + row["upper"]) / 2, row["ci_lower"], row["ci_upper"]),
            ),
        )
        for _, row in benchmarks.iterrows()
    ]
    of_unit = "" if sign else f" ({unit})"
    headers = (
        f"As strong as|Covariates|Of {name.lower()} left over|Of treatment left over|Could explain of {name.lower()}|"
        f"Leaving it out moved a linear estimate by{of_unit}|Bias up to{of_unit}|Effect could then be{of_unit}"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6, 7})


def nuisance_rows(robustness: pd.DataFrame, outcome: str) -> Grid:
    """The overlap-weighted effect by nuisances as the study makes them, and made otherwise."""
    own = robustness.loc[robustness["estimator"] == PRIMARY_ESTIMATOR].set_index("variation")
    untrimmed = own.loc[(own.index == "trimming") & (own["level"] == 0)]
    found = [("as in the study, medians over divisions", row) for _, row in untrimmed.iterrows()]
    found += [(terms.nuisances(name), own.loc[name]) for name in NUISANCE_VARIANTS if name in own.index]
    rows = [
        cells(
            said,
            terms.outcome_interval(outcome, row["estimate"], row["ci_lower"], row["ci_upper"]),
            strong=place < len(untrimmed),
        )
        for place, (said, row) in enumerate(found)
    ]
    return as_grid("Nuisances|Effect (interval)", rows, {1})


def _trimming(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import effects

    return effects.trimming_sensitivity(tables["effect_robustness"], settings.trial.outcome)


def _dose(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import effects

    return effects.dose_forest(tables["campaign_dose"], settings.trial.outcome)


def _rosenbaum(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import sensitivity

    return sensitivity.rosenbaum(tables["rosenbaum_bounds"], (1 - settings.confidence) / 2, settings.trial.outcome)


def _bounds(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import bounds

    return bounds.true_bounds(tables["sensitivity"], tables.get("average_effects"), settings.trial.outcome)


PARTS = (
    Heading("How far the answer may be wrong"),
    Section(
        "doubts",
        "What it would take to overturn it",
        ("sensitivity",),
        rows=lambda tables, settings: doubt_rows(tables["sensitivity"]),
    ),
    Section(
        "placebos",
        "“Effects” where there can be none",
        ("negative_controls",),
        "Spend per day, and at that rate over the days of the outcome window, where it stands beside the effect. Small "
        "enough is what is surely smaller than the smallest effect that matters (checks.smallest_effect_that_matters): "
        "an interval that includes zero says only that nothing was found.",
        rows=lambda tables, settings: control_rows(
            tables["negative_controls"], settings.checks.smallest_effect_that_matters
        ),
    ),
    Section(
        "controls",
        "Negative controls",
        ("negative_controls",),
        "Spend before the look-back, which the campaign cannot have touched; and a campaign dated before it came. The "
        "second is harsh: targeting may have used the very weeks it looks at.",
        _controls,
        _controls_alt,
    ),
    Section(
        "influence",
        "Does one household decide it?",
        ("influence",),
        "Exact, with propensity and mean outcomes as fitted. The effective number of households is that of households "
        "of equal shares of the variance that would be as concentrated. An account that is no household can be kept "
        "out by trial.max_look_back_spend; once its outcome has been seen, as on the sample, such a rule is post hoc.",
        _influence,
        _influence_alt,
    ),
    Fold(
        "Households that move a number most",
        (
            Section(
                "influential_households",
                "Households that move a number most",
                ("influence",),
                rows=lambda tables, settings: influence_rows(
                    tables["influence"], settings.checks.max_household_influence
                ),
            ),
        ),
    ),
    Section(
        "event_study",
        "Week by week",
        ("event_study",),
        "Weeks of the look-back are part of what is adjusted for: there, near zero shows balance and not proof. From "
        "week 0 on it is the effect.",
        _event_study,
        lambda tables, settings: "Effect on weekly spend by week around the index day, with intervals.",
    ),
    Section(
        "contour",
        "How strong would a hidden cause have to be?",
        ("confounding_contour", "confounder_benchmarks"),
        "Each point is a group of covariates that was measured, or several together: a hidden cause as strong as it "
        "would leave the effect of the line it lies on.",
        _contour,
        _contour_alt,
    ),
    Section(
        "benchmarks",
        "A hidden cause as strong as what was measured",
        ("confounder_benchmarks",),
        "Groups that say much the same hide each other, so several together stand beside each alone: value (monetary, "
        "frequency, trend), timing (recency, rhythm, time, tenure), all purchase history, and the largest share of the "
        "outcome with the largest share of treatment. A share below zero is noise: the group explains nothing more.",
        rows=lambda tables, settings: benchmark_rows(tables["confounder_benchmarks"], settings.trial.outcome),
    ),
    Section(
        "trimming",
        "Does it depend on who is left out, or on a few large baskets?",
        ("effect_robustness",),
        draw=_trimming,
        alt=lambda tables, settings: (
            "Effect by how far propensities are trimmed and by the quantile at which spend is capped, with intervals."
        ),
    ),
    Section(
        "nuisance_variants",
        "Does it depend on how the nuisances are made?",
        ("effect_robustness",),
        "The overlap-weighted effect with other models of propensity and outcome, or the same covariates in another "
        "form. What choosing among them moves belongs to the doubt; the interval does not know of it.",
        rows=lambda tables, settings: nuisance_rows(tables["effect_robustness"], settings.trial.outcome),
    ),
    Section(
        "dose",
        "Other campaigns",
        ("campaign_dose",),
        "Whether the arms were sent other campaigns differently, and whether the effect depends on those that ran.",
        _dose,
        lambda tables, settings: (
            "Effect on the number of other campaigns received, and on spend by the number of those that ran."
        ),
    ),
    Section(
        "rosenbaum",
        "Hidden bias within matched pairs",
        ("rosenbaum_bounds",),
        draw=_rosenbaum,
        alt=lambda tables, settings: (
            "Bounds of the p-value and of the effect in matched pairs by the strength of hidden bias."
        ),
    ),
    Section(
        "bounds",
        "What is known without assumptions",
        ("sensitivity",),
        "Without any assumption but the range of spend, the effect may be anything in the widest bar; each assumption "
        "narrows it.",
        _bounds,
        lambda tables, settings: "Ranges of the average effect under growing assumptions, beside the estimates.",
        beside=("average_effects",),
    ),
    Fold(
        "Every estimate",
        (
            Section(
                "every_estimate",
                "Every estimate",
                ("average_effects",),
                rows=lambda tables, settings: effect_rows(tables["average_effects"]),
            ),
        ),
    ),
)
