"""The three pictures of the brief: what a contact adds, when it repays its cost, who the customers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dunnhumby_pipeline.report.brief.plain import between
from dunnhumby_pipeline.report.cost_answer import at_which_cost, in_use
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _adds(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import brief

    return brief.what_a_contact_adds(tables["break_even"])


def _adds_alt(tables: StudyTables, settings: Settings) -> str:
    row = in_use(tables["break_even"])
    assert row is not None
    lies = between(row["break_even_calibrated_lower"], row["break_even_calibrated_upper"])
    return (
        f"A contact adds {numbers.price(row['break_even_contact_cost'])} of gross profit per household at best guess, "
        f"{lies}, and costs {numbers.price(row['contact_cost'])}."
    )


def _chance(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import brief

    return brief.chance_by_cost(tables["decision_by_cost"], tables["break_even"])


def _chance_alt(tables: StudyTables, settings: Settings) -> str:
    return f"The chance that a contact repays its cost falls as the cost rises. {at_which_cost(tables['break_even'])}"


def _customers(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import brief

    return brief.who_the_customers_are(tables["segment_profiles"])


def _customers_alt(tables: StudyTables, settings: Settings) -> str:
    rows = tables["segment_profiles"].sort_values("revenue", ascending=False, kind="stable")
    said = "; ".join(
        f"{row['segment_name']}, {numbers.percent(row['share'])} of households and "
        f"{numbers.percent(row['revenue_share'])} of revenue"
        for _, row in rows.iterrows()
    )
    return f"Bars of each group's share of households and of revenue: {said}."


ADDS = Section(
    "what_a_contact_adds",
    "What a contact adds and costs",
    ("break_even",),
    draw=_adds,
    alt=_adds_alt,
)
CHANCE = Section(
    "chance_by_cost",
    "At which cost a contact repays itself",
    ("decision_by_cost", "break_even"),
    draw=_chance,
    alt=_chance_alt,
)
CUSTOMERS = Section(
    "sizes",
    "Who the customers are",
    ("segment_profiles",),
    draw=_customers,
    alt=_customers_alt,
)
PICTURES = (ADDS, CHANCE, CUSTOMERS)
