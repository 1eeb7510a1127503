"""How the campaign was studied and how far the answer may be wrong, as rows of written text."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.views import Cell, Grid, as_grid, cells, verdict_cell
from dunnhumby_pipeline.words import numbers, terms

# Analyses of the table of doubts in words.
_ANALYSES = {
    "e_value": "E-value",
    "omitted_variable": "Omitted variable",
    "rosenbaum": "Rosenbaum bounds",
    "manski": "Bounds without assumptions",
}


def design_grids(tables: StudyTables, outcome: str) -> dict[str, Grid]:
    """Every table of the section that was built, by name; the others are left out. `outcome`: the primary one."""
    built: dict[str, tuple[pd.DataFrame | None, Callable[[pd.DataFrame], Grid]]] = {
        "protocol": (tables.trial_protocol, protocol_rows),
        "comparison": (tables.design_comparison, comparison_rows),
        "design_notes": (tables.design_comparison, design_note_rows),
        "identification": (tables.identification, identification_rows),
        "outside": (tables.outside_overlap, outside_rows),
        "pooled": (tables.pooled_effects, pooled_rows),
        "doubts": (tables.sensitivity, doubt_rows),
        "benchmarks": (tables.confounder_benchmarks, lambda frame: benchmark_rows(frame, outcome)),
        "controls": (tables.negative_controls, control_rows),
    }
    return {name: rows(frame) for name, (frame, rows) in built.items() if frame is not None}


def protocol_rows(protocol: pd.DataFrame) -> Grid:
    """The target trial, component by component."""
    rows = [(Cell(row["component"], strong=True), Cell(row["specification"])) for _, row in protocol.iterrows()]
    return as_grid("Component|In this study", rows, set())


def comparison_rows(comparison: pd.DataFrame) -> Grid:
    """The designs side by side; the one in use is set in bold."""
    rows = []
    for _, row in comparison.iterrows():
        strong = bool(row["chosen"])
        known = numbers.is_number(row["ato"])
        rows.append(
            cells(
                terms.design(row["design"]) + (" (in use)" if strong else ""),
                numbers.count(row["n_treated"]),
                numbers.count(row["n_control"]),
                numbers.number(row["auc"], 2),
                numbers.percent(row["share_in_overlap"]),
                *(numbers.bounded(row[smd], numbers.number(row[smd], 2)) for smd in ("max_smd", "max_smd_weighted")),
                numbers.count(row["ess_treated"]),
                numbers.dollars(row["naive"]),
                numbers.interval(row["ato"], row["ato_lower"], row["ato_upper"], "$") if known else numbers.NOTHING,
                strong=strong,
            )
        )
    headers = (
        "Design|Treated|Control|Propensity AUC|In overlap|Largest SMD|Weighted|Effective treated|Naive|"
        "Overlap-weighted effect"
    )
    return as_grid(headers, rows, set(range(1, 10)))


def design_note_rows(comparison: pd.DataFrame) -> Grid:
    """What each design does to the comparison, or why it could not be built."""
    rows = [cells(terms.design(row["design"]), row["note"]) for _, row in comparison.iterrows()]
    return as_grid("Design|What it does", rows, set())


def identification_rows(identification: pd.DataFrame) -> Grid:
    """What the graph identifies, and under which assumptions."""
    rows = [(Cell(row["item"], strong=True), Cell(row["text"])) for _, row in identification.iterrows()]
    return as_grid("Item|In words", rows, set())


def outside_rows(outside: pd.DataFrame) -> Grid:
    """Rules that say who is hardly ever, and who is nearly always targeted."""
    rows = [
        cells(
            row["rule"],
            row["verdict"],
            numbers.count(row["n_trials"]),
            *(numbers.percent(row[share]) for share in ("share_below", "share_inside", "share_above")),
        )
        for _, row in outside.iterrows()
    ]
    return as_grid("Trials whose|Mostly|Trials|Below|In overlap|Above", rows, {2, 3, 4, 5})


def pooled_rows(pooled: pd.DataFrame) -> Grid:
    """Effects of the campaigns pooled, and whether the campaigns differ."""
    rows = []
    for _, row in pooled.iterrows():
        name, unit = terms.outcome(row["outcome"])
        bounds = (row["ci_lower"], row["ci_upper"])
        prediction = (row["prediction_lower"], row["prediction_upper"])
        known = all(numbers.is_number(bound) for bound in prediction)
        rows.append(
            (
                *cells(
                    name,
                    terms.estimator_name(row["estimator"]),
                    f"{row['method']} effects",
                    terms.outcome_interval(row["outcome"], row["estimate"], *bounds),
                    unit,
                ),
                verdict_cell(*bounds),
                *cells(
                    f"{numbers.number(row['q'], 3)} on {numbers.count(row['q_df'])}",
                    numbers.number(row["q_p_value"], 2),
                    numbers.percent(row["i2"]),
                    terms.outcome_interval(row["outcome"], sum(prediction) / 2, *prediction)
                    if known
                    else numbers.NOTHING,
                ),
            )
        )
    headers = (
        "Outcome|Estimator|Pooled by|Effect (interval)|Per household|Against zero|Q|p|I²|"
        "Another campaign (middle and range)"
    )
    return as_grid(headers, rows, {3, 6, 7, 8, 9})


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
