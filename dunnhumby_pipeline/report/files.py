"""What lies beside report and brief, by which they link to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

BRIEF, REPORT = "campaign_brief.html", "campaign_report.html"
LIST, GROUPS = "targeting_list.csv", "decision_summary.csv"
ARMS, PROTOCOL, OUTCOMES = "experiment_assignment.csv", "experiment_protocol.html", "experiment_outcomes.csv"
TABLES, HOUSEHOLD_TABLES = "study_tables.zip", "household_tables.zip"


@dataclass(frozen=True)
class Beside:
    """A file in the folder of the report: its title, its name, and what it is for. `of_list`: made from the list, and
    not to be used when that is stale."""

    title: str
    file: str
    meaning: str
    of_list: bool = False
    in_brief: bool = False


FILES = (
    Beside("Brief", BRIEF, "What to do and why, on two pages to print."),
    Beside("Report", REPORT, "The analyst's report: how this was found, and how far it may be wrong.", in_brief=True),
    Beside("Targeting list", LIST, "A row per household: what to do, and why.", of_list=True, in_brief=True),
    Beside("Decisions by group", GROUPS, "The list added up by segment, need and value tier.", of_list=True),
    Beside(
        "Plan of the test", PROTOCOL, "What is asked, of whom, how it is run and read.", of_list=True, in_brief=True
    ),
    Beside("Groups of the test", ARMS, "A row per household: contact it, or hold it out.", of_list=True, in_brief=True),
    Beside("Outcomes of the test", OUTCOMES, "To fill in when the test is over, and read back.", of_list=True),
    Beside("Tables", TABLES, "Every table of the study without single households, with a data dictionary."),
    Beside("Tables of households", HOUSEHOLD_TABLES, "The tables about single households; data of persons."),
)


def files_beside(there: Collection[str], page: str, stale: bool) -> Iterator[Beside]:
    """The files that lie `there` (by name) for `page` to link to, itself not among them; without those made from the
    list while that is stale."""
    for one in FILES:
        if one.file in there and one.file != page and not (stale and one.of_list):
            yield one
