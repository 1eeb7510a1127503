"""What to do: the next action of the households of each segment, and a brief for each segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REASONS = 3
_PAID = {"retailer": "paid by the retailer", "manufacturer": "paid by the manufacturer", "shared": "cost shared"}


def what_most_get(row: pd.Series) -> str:
    """The commonest next action of a group's households, how many have it, and how many have none."""
    left = f"{numbers.percent(row['suppressed_share'])} get nothing" if row["n_suppressed"] else ""
    if pd.isna(row["offer"]):
        return f"Nothing: {left}" if left else "Nothing"
    most = f"{row['offer']} ({numbers.percent(row['offer_share'])} of them"
    others = row["n_offers"] - 1
    more = f", {numbers.count(others)} other offers" if others > 1 else ", one other offer" if others else ""
    return f"{most}{more}{'; ' + left if left else ''})"


def _actions(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import actions

    return actions.actions_by_segment(tables["next_action"], tables["segment_playbook"])


def _actions_alt(tables: StudyTables, settings: Settings) -> str:
    return "Bars of each segment's households by what they get: " + "; ".join(
        f"{row['segment_name']}, {what_most_get(row).rstrip('.')}" for _, row in tables["segment_playbook"].iterrows()
    )


def actions_note(tables: StudyTables, settings: Settings) -> str:
    """For how many households there is no offer, and why."""
    actions = tables["next_action"]
    left = actions[actions["suppressed"].astype(bool)]
    judged = actions["at_risk"].notna().any()
    risk = "" if judged else " The risk of a fall was judged of nobody, so that rules that look at it hold for nobody."
    if left.empty:
        return f"Every household has an offer that its segment may have.{risk}"
    why = left["because"].value_counts()
    said = "; ".join(f"{numbers.count(n)}: {reason}" for reason, n in why.head(_REASONS).items())
    rest = f"; {numbers.count(why.iloc[_REASONS:].sum())} for other reasons" if len(why) > _REASONS else ""
    return (
        f"For {numbers.count(len(left))} of {numbers.count(len(actions))} households the playbook has no offer that "
        f"they may get. The list leaves them, whatever the effect ({said}{rest}).{risk}"
    )


def brief_rows(tables: StudyTables, settings: Settings) -> Grid:
    """A brief per segment, the most urgent first."""
    rows = []
    for _, found in tables["segment_briefs"].iterrows():
        budget = (
            numbers.NOTHING
            if pd.isna(found["budget"])
            else f"{numbers.dollars(found['budget'])} for {numbers.count(found['n_contactable'])} households at "
            f"{numbers.price(found['contact_cost'])}"
        )
        way = "" if pd.isna(found["channel"]) else f"{found['channel']}, {_PAID[found['funder']]}"
        rows.append(
            (
                Cell(found["segment_name"], strong=True),
                *cells(
                    f"{numbers.count(found['n_households'])} ({numbers.percent(found['share'])})",
                    f"{numbers.dollars(found['revenue'])} sales, {numbers.dollars(found['gross_profit'])} gross "
                    f"profit; {numbers.dollars(found['clv_total'])} expected in 52 weeks",
                    budget,
                    f"{found['action']} ({numbers.percent(found['offer_share'])} of them)"
                    if found["n_offered"]
                    else str(found["action"]),
                    way or numbers.NOTHING,
                    numbers.NOTHING if pd.isna(found["kpi"]) else str(found["kpi"]),
                    str(found["avoid"]),
                    str(found["test"]),
                ),
            )
        )
    return as_grid("Segment|Households|Money at stake|Budget|One action|By|Judged by|Avoid|Test", rows, set())


PARTS = (
    Section(
        "actions_by_segment",
        "What the households of each segment get",
        ("next_action", "segment_playbook"),
        "Each household has one next action, by the first rule that holds for it and whose form its segment may have. "
        "Playbook, matrix and targeting list all show this one.",
        _actions,
        _actions_alt,
    ),
    Note("actions_note", actions_note, ("next_action",)),
    Section(
        "segment_briefs",
        "A brief for each segment",
        ("segment_briefs",),
        "Money at stake is that of the whole history; the budget contacts once everybody for whom there is an offer. "
        "The test compares those who get the action with others who do not, by lot, after what each brought before.",
        rows=brief_rows,
    ),
)
