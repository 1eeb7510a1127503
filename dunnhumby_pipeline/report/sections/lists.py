"""The list as it is sent: its version and approval, decisions by segment and need, suppression, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Facts, Note, Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import dates, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUPINGS = {"segment": "By segment", "need": "By need", "value tier": "By value tier"}
_ALL, _SUPPRESSION = "all", "suppression"
_HASH = 12


def _version(tables: StudyTables, settings: Settings) -> list[tuple[str, str]]:
    row = tables["list_version"].iloc[0]
    return [
        ("Version", f"{row['version']}, hash {row['list_hash'][:_HASH]}"),
        ("Made", dates.moment(str(row["made_at"]))),
        ("Approved", f"by {row['approved_by']}, {dates.moment(str(row['approved_at']))}" if row["approved"] else "no"),
    ]


def approval_note(list_version: pd.DataFrame, approved: pd.DataFrame | None, churn: pd.DataFrame | None) -> str:
    """Whether the list of today is approved, and how it differs from the one approved last and the one before it."""
    row = list_version.iloc[0]
    told = (
        "This list is approved: it is frozen, and counts as sent."
        if row["approved"]
        else "This list is not approved, and does not count as sent; `dunnhumby approve --by NAME` freezes it."
    )
    if not row["approved"] and approved is not None and len(approved):
        last = approved.iloc[-1]
        on = dates.moment(str(last["approved_at"]))
        told += f" Approved last was version {last['version']}, by {last['approved_by']} on {on}."
    changes = (
        [] if churn is None else [_changed(one) for _, one in churn.iterrows() if row["version"] != one["version"]]
    )
    return " ".join([told, *changes])


def _changed(row: pd.Series) -> str:
    said = (
        f"Against the {row['against']} (version {row['version']}), {numbers.count(row['n_changed'])} of "
        f"{numbers.count(row['n_households'])} households have another decision"
    )
    if numbers.is_number(row["share_changed"]):
        said += f" ({numbers.percent(row['share_changed'], 1)})"
    became, no_longer = numbers.count(row["n_became_target"]), numbers.count(row["n_no_longer_target"])
    return (
        f"{said}: {became} became targets and {no_longer} are no longer; {numbers.count(row['n_new'])} households are "
        f"new and {numbers.count(row['n_gone'])} gone."
    )


def _decisions(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.campaign import lists

    return lists.decisions_by_group(tables["decision_summary"], GROUPINGS)


def _decisions_alt(tables: StudyTables, settings: Settings) -> str:
    rows = tables["decision_summary"]
    said = [
        f"{row['level_name']} {numbers.count(row['n_target'])} to target, {numbers.count(row['n_test'])} to test, "
        f"{numbers.count(row['n_leave'])} to leave, of whom {numbers.count(row['n_suppressed'])} suppressed: "
        f"{row['advice']}"
        for _, row in rows[rows["grouping"].isin(GROUPINGS)].iterrows()
    ]
    return "What is decided by segment, need and value tier: " + "; ".join(said)


def summary_rows(decision_summary: pd.DataFrame) -> Grid:
    """Each level with its decisions, what a contact is expected to bring there, and the advice."""
    rows = [
        cells(
            row["level_name"] if row["grouping"] == _ALL else f"{row['grouping'].capitalize()}: {row['level_name']}",
            *(
                numbers.count(row[name])
                for name in ("n_households", "n_target", "n_held_out", "n_test", "n_leave", "n_suppressed")
            ),
            numbers.interval(row["expected_profit"], row["ci_lower"], row["ci_upper"], "$"),
            numbers.percent(row["share_contacted"]),
            # Why is in the numbers of the row.
            row["advice"],
            strong=row["grouping"] == _ALL,
        )
        for _, row in decision_summary[decision_summary["grouping"] != _SUPPRESSION].iterrows()
    ]
    headers = (
        "Households|Number|Target|Held out|Test|Leave|Suppressed|Profit of a contact (calibrated)|"
        "Reached last time|Advice"
    )
    return as_grid(headers, rows, {1, 2, 3, 4, 5, 6, 7, 8})


def rule_rows(contact_rules: pd.DataFrame, decision_summary: pd.DataFrame) -> Grid:
    """Each rule of contact with whom it stops, and what is given up by it."""
    cost = decision_summary.loc[decision_summary["grouping"] == _SUPPRESSION].set_index("level")
    rows = []
    for _, rule in contact_rules.iterrows():
        own = cost.loc[rule["rule"]] if rule["rule"] in cost.index else None
        rows.append(
            cells(
                rule["rule"],
                rule["limit"] if rule["applied"] else "not set",
                numbers.count(rule["n_households"]),
                numbers.count(rule["n_broken"]),
                "$0" if own is None else given_up(own),
                _about_file(rule) if rule["rule"] == "opt-out" and rule["applied"] else "",
            )
        )
    headers = "Rule|Limit|Stops first|Stops at all|Expected profit given up (calibrated)|File"
    return as_grid(headers, rows, {2, 3, 4})


def given_up(row: pd.Series) -> str:
    """What suppression costs, with its interval."""
    return numbers.interval(row["given_up"], row["given_up_lower"], row["given_up_upper"], "$")


def _about_file(rule: pd.Series) -> str:
    return (
        f"{numbers.count(rule['n_rows'])} rows, {numbers.count(rule['n_double'])} of which name a household again; "
        f"unknown households: {numbers.count(rule['n_unknown'])}"
    )


def churn_rows(decision_churn: pd.DataFrame) -> Grid:
    """How far the list differs from earlier ones."""
    rows = [
        cells(
            f"{row['against']}, version {row['version']}",
            *(numbers.count(row[name]) for name in ("n_households", "n_changed")),
            numbers.percent(row["share_changed"], 1),
            *(
                numbers.count(row[name])
                for name in ("n_became_target", "n_no_longer_target", "n_other_arm", "n_new", "n_gone")
            ),
        )
        for _, row in decision_churn.iterrows()
    ]
    headers = "Against|On both|Other decision|Share|New targets|No longer|Other arm|New households|Gone"
    return as_grid(headers, rows, set(range(1, 9)))


def refit_rows(decision_refits: pd.DataFrame) -> Grid:
    """How often each group's decision is another when households are drawn again."""
    rows = [
        cells(
            f"group {row['group']}" if len(decision_refits) > 1 else "all with support",
            numbers.count(row["n_households"]),
            row["decision"],
            *(numbers.percent(row[f"share_{name}"]) for name in ("changed", "target", "test", "leave")),
        )
        for _, row in decision_refits.iterrows()
    ]
    headers = "Households|Number|Decision|Another decision|Target|Test|Leave"
    return as_grid(headers, rows, {1, 3, 4, 5, 6})


PARTS = (
    Facts("list_version", _version, ("list_version",)),
    Note(
        "approval",
        lambda tables, settings: approval_note(
            tables["list_version"], tables.get("list_approvals"), tables.get("decision_churn")
        ),
        ("list_version",),
        beside=("list_approvals", "decision_churn"),
    ),
    Section(
        "decisions_by_group",
        "Decisions by segment and need",
        ("decision_summary",),
        "Of every level the number of households and what the list decides for them. The advice follows from the "
        "list: what most are to be, against whom the last campaign reached.",
        _decisions,
        _decisions_alt,
        rows=lambda tables, settings: summary_rows(tables["decision_summary"]),
    ),
    Section(
        "contact_rules",
        "Who may not be contacted, and what that gives up",
        ("contact_rules", "decision_summary"),
        "Permission comes before the effect: opt-outs, then days between contacts, then the cap. Given up is what the "
        "policy would have gained by the households that it selects.",
        rows=lambda tables, settings: rule_rows(tables["contact_rules"], tables["decision_summary"]),
    ),
    Section(
        "decision_churn",
        "What changed since earlier lists",
        ("decision_churn",),
        rows=lambda tables, settings: churn_rows(tables["decision_churn"]),
        needs_rows=True,
    ),
    Section(
        "decision_refits",
        "Would another sample have decided otherwise?",
        ("decision_refits",),
        "Each group's effect estimated again on households drawn with replacement, decided by the same rule. Models, "
        "groups and policy are held: what a whole refit changes is no less than this.",
        rows=lambda tables, settings: refit_rows(tables["decision_refits"]),
    ),
)
