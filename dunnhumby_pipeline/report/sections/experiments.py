"""The randomised test that settles what is open: its size and worth, and what past ones have taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _power(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import experiments

    return experiments.power_and_value(tables["experiment_design"], settings.experiment.power)


def _power_alt(tables: StudyTables, settings: Settings) -> str:
    design = tables["experiment_design"]
    feasible = design[design["feasible"].astype(bool)]
    best, largest = feasible.loc[feasible["net_value"].idxmax()], feasible.loc[feasible["n_households"].idxmax()]
    return (
        f"A test of all {numbers.count(largest['n_households'])} households to be tested finds an effect of "
        f"{numbers.price(largest['detectable_effect'])}; one of {numbers.count(best['n_households'])} is worth most "
        f"over its cost, {numbers.whole_dollars(best['net_value'])}."
    )


def size_rows(experiment_design: pd.DataFrame) -> Grid:
    """The sizes that stand out: all households to be tested, the one worth most, the one that settles it."""
    rows = [
        cells(
            row["purpose"] + ("" if row["feasible"] else " (more than there are)"),
            numbers.count(row["n_households"]),
            numbers.count(row["n_treated"]),
            numbers.percent(row["power"]),
            numbers.price(row["detectable_effect"]),
            numbers.whole_dollars(row["value_of_test"]),
            numbers.whole_dollars(row["cost_of_test"]),
            numbers.whole_dollars(row["contact_bill"]),
        )
        for _, row in experiment_design[experiment_design["purpose"].notna()].iterrows()
    ]
    headers = (
        "Size|Households|Contacted|Finds what pays a contact|Finds an effect of|A test is worth|It costs|"
        "Contacting costs"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6, 7})


def _looks(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import experiments

    return experiments.monitoring(_last(tables["experiment_looks"]))


def _last(looks: pd.DataFrame) -> pd.DataFrame:
    """The looks at the experiment that was looked at last."""
    return looks.loc[looks["assignment_hash"] == looks["assignment_hash"].iloc[-1]]


def _looks_alt(tables: StudyTables, settings: Settings) -> str:
    looks = _last(tables["experiment_looks"])
    last = looks.iloc[-1]
    if not numbers.is_number(last["effect"]):
        return f"{len(looks)} looks; at the last the arms did not match, and no effect was read."
    so_far = numbers.interval(last["effect"], last["sequence_lower"], last["sequence_upper"], "$")
    return f"{len(looks)} looks; at the last, with {numbers.percent(last['information'])} of the information, {so_far}."


def look_rows(experiment_looks: pd.DataFrame) -> Grid:
    """Every look at an experiment."""
    rows = []
    for _, row in experiment_looks.iterrows():
        told = ["not read", "", "", ""]
        if numbers.is_number(row["effect"]):
            told = [
                numbers.interval(row["effect"], row["sequence_lower"], row["sequence_upper"], "$"),
                numbers.number(abs(row["z"]), 2),
                numbers.number(row["boundary"], 2),
                numbers.number(row["alpha_spent"], 5),
            ]
        told_first = (row["assignment_hash"][:8], str(row["look"]), row["kind"], row["read_on"])
        sizes = (
            numbers.count(row["n_contacted"]),
            numbers.count(row["n_held_out"]),
            numbers.percent(row["information"]),
        )
        rows.append(cells(*told_first, *sizes, *told))
    headers = "Experiment|Look|Kind|On|Contacted|Held out|Information|Effect so far|z|Boundary|Alpha spent"
    return as_grid(headers, rows, {1, 4, 5, 6, 7, 8, 9, 10})


def _learnt(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import experiments

    return experiments.learnt(tables["experiment_result"])


def _learnt_alt(tables: StudyTables, settings: Settings) -> str:
    last = tables["experiment_result"].iloc[-1]
    return (
        f"The study had said {numbers.price(last['study_effect'])}, the last experiment found "
        f"{numbers.price(last['effect'])}, and {numbers.price(last['posterior_effect'])} is believed now."
    )


def result_rows(experiment_result: pd.DataFrame) -> Grid:
    """Every experiment that was read back."""
    rows = [
        cells(
            row["assignment_hash"][:8],
            numbers.count(row["n_contacted"]),
            numbers.count(row["n_held_out"]),
            numbers.interval(row["study_effect"], row["prior_lower"], row["prior_upper"], "$"),
            f"{numbers.price(row['effect'])} (s.e. {numbers.price(row['effect_se'])})",
            numbers.interval(row["posterior_effect"], row["posterior_lower"], row["posterior_upper"], "$"),
            _slope(row),
            f"{numbers.percent(row['probability_pays_before'])} to {numbers.percent(row['probability_pays'])}",
            row["next_step"],
        )
        for _, row in experiment_result.iterrows()
    ]
    headers = "Experiment|Contacted|Held out|Study (calibrated)|Experiment found|Believed now|Slope|Pays|Next step"
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6, 7})


def _slope(row: pd.Series) -> str:
    if not numbers.is_number(row["calibration_slope"]):
        return "one effect for all"
    ends = (row["calibration_lower"], row["calibration_upper"])
    return f"{row['calibration_slope']:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"


PARTS = (
    Heading("The test that settles it"),
    Section(
        "experiment_design",
        "How large a test must be, and what it is worth",
        ("experiment_design",),
        "The effect that pays is what a contact costs. Value is expected over the campaigns to come, by what is known "
        "today of households with comparable ones, systematic error allowed for; cost is what the arm loses that "
        "today's best guess would not give.",
        _power,
        _power_alt,
        lambda tables, settings: size_rows(tables["experiment_design"]),
        needs_rows=True,
    ),
    Section(
        "experiment_looks",
        "Looking at an experiment before its end",
        ("experiment_looks",),
        "The effect so far at each look at the last experiment. The wide interval holds however often one looks, the "
        "narrow one by the alpha that the looks have spent; nothing is decided before the window ends.",
        _looks,
        _looks_alt,
        lambda tables, settings: look_rows(tables["experiment_looks"]),
        needs_rows=True,
    ),
    Section(
        "experiment_result",
        "What experiments have taught",
        ("experiment_result",),
        "Effects on profit before the contact. The study's estimate is weighed by how far systematic error may carry "
        "it, of which the experiment itself tells. Break-even, decisions and list are by what is believed now. The "
        "slope is the effect that the experiment finds per $ of the study's own differences between households: 1 "
        "where they hold, 0 where they say nothing.",
        _learnt,
        _learnt_alt,
        lambda tables, settings: result_rows(tables["experiment_result"]),
        needs_rows=True,
    ),
)
