"""How far the answer may be wrong: placebos, hidden causes, and what is known without assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Heading, Section
from dunnhumby_pipeline.report.sections.effects import effect_rows
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers, terms

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


def control_rows(controls: pd.DataFrame) -> Grid:
    """Effects where there can be none."""
    rows = []
    for _, row in controls.iterrows():
        bounds = (row["ci_lower"], row["ci_upper"])
        found = numbers.verdict(*bounds)
        mark = {"not proven": "pass", "unknown": ""}.get(found, "warn")
        text = {"not proven": "within its error of zero", "unknown": numbers.NOTHING}.get(found, found)
        rows.append(
            (
                *cells(
                    terms.spoken(row["control"]),
                    str(row["campaign"]),
                    numbers.count(row["n_days"]),
                    numbers.interval(row["estimate"], *bounds, "$"),
                ),
                Cell(text, mark),
                *cells(numbers.count(row["n_trials"]), numbers.count(row["n_treated"])),
            )
        )
    return as_grid("Control|Campaign|Days|“Effect” (interval)|Against zero|Trials|Treated", rows, {2, 3, 5, 6})


def _controls(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import sensitivity

    return sensitivity.negative_controls(tables["negative_controls"])


def _controls_alt(tables: StudyTables, settings: Settings) -> str:
    return "Effects where there can be none: " + "; ".join(
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
    strongest = tables["confounder_benchmarks"].sort_values("bias").iloc[-1]
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
        f"As strong as|Covariates|Of {name.lower()} left over|Of treatment left over|Bias up to{of_unit}|"
        f"Effect could then be{of_unit}"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5})


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
        rows=lambda tables, settings: control_rows(tables["negative_controls"]),
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
        "Each point is a group of covariates that was measured: a hidden cause as strong as it would leave the effect "
        "of the line it lies on.",
        _contour,
        _contour_alt,
    ),
    Section(
        "benchmarks",
        "A hidden cause as strong as what was measured",
        ("confounder_benchmarks",),
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
