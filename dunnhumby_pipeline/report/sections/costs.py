"""What a contact may cost: the decision at every cost, margin and scenario, and for each group of households."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, REPEAT_CONTACT
from dunnhumby_pipeline.report.cost_answer import at_which_cost, what_would_settle_it
from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Heading, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import REFERENCE_STUDY, Settings
from dunnhumby_pipeline.words import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _dial(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import dial

    return dial.cost_dial(tables["decision_by_cost"], tables["break_even"])


def _dial_alt(tables: StudyTables, settings: Settings) -> str:
    return f"Chance that a contact pays and expected profit, by contact cost. {at_which_cost(tables['break_even'])}"


def _map(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import dial

    return dial.pays_map(tables["pays_by_margin"], tables["break_even"])


def _map_alt(tables: StudyTables, settings: Settings) -> str:
    grid = tables["pays_by_margin"]
    best, worst = (numbers.percent(grid["probability_pays_calibrated"].agg(end)) for end in ("max", "min"))
    return f"Chance that a contact pays by margin and contact cost, from {worst} to {best}."


def scenario_rows(break_even: pd.DataFrame) -> Grid:
    """Each cost scenario: what a contact may cost, as estimated and calibrated, whether it pays, and the decision."""
    rows = []
    for _, row in break_even.iterrows():
        ends = ("contact_cost_low", "contact_cost_high")
        spread = "" if row[ends[0]] == row[ends[1]] else f" ({' to '.join(numbers.price(row[end]) for end in ends)})"
        by_range = {row["decision_low"], row["decision_high"]} - {row["decision"]}
        rows.append(
            cells(
                row["scenario"] + (" (in use)" if row["used"] else ""),
                numbers.price(row["contact_cost"]) + spread,
                f"{numbers.price(row['break_even_effect'])} ({numbers.percent(row['margin'])})",
                numbers.interval(row["expected_profit"], row["ci_lower"], row["ci_upper"], "$"),
                numbers.interval(row["expected_profit"], row["calibrated_lower"], row["calibrated_upper"], "$"),
                numbers.percent(row["probability_pays"]),
                numbers.percent(row["probability_pays_calibrated"]),
                numbers.whole_dollars(row["expected_profit_total"]),
                row["decision"] + (f" ({' or '.join(sorted(by_range))} at the ends of its range)" if by_range else ""),
                strong=bool(row["used"]),
            )
        )
    headers = (
        "Scenario|Contact cost|Effect on spend that pays it (margin)|Profit per contact (as estimated)|"
        "Profit per contact (calibrated)|Pays (as estimated)|Pays (calibrated)|Profit in all|Decision"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6, 7})


def group_rows(decision_groups: pd.DataFrame) -> Grid:
    """Each group of households that shares a decision."""
    rows = []
    for _, row in decision_groups.iterrows():
        ends = [numbers.price(row[end]) for end in ("lowest_effect", "highest_effect")]
        known = [numbers.is_number(row[end]) for end in ("lowest_effect", "highest_effect")]
        span = {
            (True, True): " to ".join(ends),
            (True, False): f"from {ends[0]}",
            (False, True): f"up to {ends[1]}",
            (False, False): "all with comparable households",
        }[(known[0], known[1])]
        if row["contact"] == REPEAT_CONTACT:
            span = "contacted before: a repeat"
        rows.append(
            cells(
                span,
                numbers.count(row["n_households"]),
                numbers.count(row["n_decided"]),
                numbers.count(row["n_trials"]),
                numbers.interval(row["expected_profit"], row["calibrated_lower"], row["calibrated_upper"], "$"),
                numbers.percent(row["probability_pays_calibrated"]),
                numbers.whole_dollars(row["value_of_test"]),
                numbers.whole_dollars(row["cost_of_test"]),
                row["decision"],
            )
        )
    headers = (
        "Effect on gross profit|Households today|A test decides|Trials|Profit per contact (calibrated)|"
        "Pays (calibrated)|A test is worth|It costs|Decision"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6, 7})


def repeat_note(repeat_support: pd.DataFrame) -> str:
    """What is known of sending the type to households that it was sent before, or why nothing is."""
    whole = repeat_support.loc[repeat_support["campaign"].astype(str) == ALL_CAMPAIGNS].iloc[0]
    if isinstance(whole["lacking"], str):
        return f"Nothing is known of a repeat ({whole['lacking']}): households contacted before are to be tested."
    return (
        "Households contacted before are decided by trials of a repeat: at later campaigns of the type, "
        f"{numbers.count(whole['n_treated'])} that were sent it again and {numbers.count(whole['n_control'])} that "
        f"were not, {numbers.percent(whole['share_in_overlap'])} of them with comparable ones in the other arm. "
        "A test decides all households that it draws from, those without comparable ones too."
    )


def _reference_note(tables: StudyTables, settings: Settings) -> str:
    return (
        f"The cost of the {REFERENCE_STUDY}, $12.73, is what coupons took off in two years per household that used any "
        "and no cost of a contact. It stands beside the others because its conclusions rest on it; since it stands for "
        "coupons, their match is not subtracted again there."
    )


COSTS = (
    Heading("What a contact may cost"),
    Note("at_which_cost", lambda tables, settings: at_which_cost(tables["break_even"]), ("break_even",)),
    Note(
        "what_would_settle_it",
        lambda tables, settings: what_would_settle_it(tables["experiment_design"]),
        ("experiment_design",),
    ),
    Section(
        "cost_dial",
        "The decision at every contact cost",
        ("decision_by_cost", "break_even"),
        "Calibrated means that systematic error is allowed for, by what the negative controls found: it widens "
        "intervals and shifts nothing. Decisions go by the calibrated curve. The band is its interval.",
        _dial,
        _dial_alt,
    ),
    Section(
        "break_even",
        "Cost scenarios",
        ("break_even",),
        rows=lambda tables, settings: scenario_rows(tables["break_even"]),
    ),
    Note("reference_note", _reference_note, ("break_even",)),
    Section(
        "decision_groups",
        "Who shares a decision",
        ("decision_groups",),
        "Households that these data cannot tell apart share one decision. A contact is made where a gain is proven, "
        "not made where a loss is, and tested where neither is and a test is worth its cost.",
        rows=lambda tables, settings: group_rows(tables["decision_groups"]),
    ),
    Note("repeat_note", lambda tables, settings: repeat_note(tables["repeat_support"]), ("repeat_support",)),
    Section(
        "pays_map",
        "Whether a contact pays, by margin and cost",
        ("pays_by_margin", "break_even"),
        "The dots are the scenarios; the filled one is in use.",
        _map,
        _map_alt,
    ),
)
