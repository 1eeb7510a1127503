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
            f"{numbers.percent(row['probability_pays_before'])} to {numbers.percent(row['probability_pays'])}",
            row["next_step"],
        )
        for _, row in experiment_result.iterrows()
    ]
    headers = "Experiment|Contacted|Held out|Study (calibrated)|Experiment found|Believed now|Pays|Next step"
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6})


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
        "experiment_result",
        "What experiments have taught",
        ("experiment_result",),
        "Effects on profit before the contact. The study's estimate is weighed by how far systematic error may carry "
        "it, of which the experiment itself tells.",
        _learnt,
        _learnt_alt,
        lambda tables, settings: result_rows(tables["experiment_result"]),
        needs_rows=True,
    ),
)
