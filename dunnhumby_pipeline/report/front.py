"""The front of the page: what was studied, and the states of the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dunnhumby_pipeline.report.brief.plain import on_day
from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.tables import blocking_failures, ordered_checks
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers

# By 'table.check': what is checked, and what to do when it does not pass.
Told = Mapping[str, tuple[str, str]]
_TO_READ = ("fail", "warn")
_STATES = {"fail": "failed", "warn": "warn", "not run": "not run", "pass": "passed"}
_NAMED = 4


def data_facts(facts: Mapping[str, Any], settings: Settings) -> list[tuple[str, str]]:
    """What was studied, as (name, value)."""
    return [
        ("Source", str(facts["source"])),
        ("Campaign type", str(facts["campaign_type"])),
        ("Households", numbers.count(facts.get("n_households"))),
        ("Transaction lines", numbers.count(facts.get("n_lines"))),
        ("Days", " to ".join(on_day(facts.get(end), settings.checks.day_one) for end in ("first_day", "last_day"))),
        ("Campaigns", numbers.count(facts.get("n_campaigns"))),
        ("Look-back", f"{settings.trial.look_back_days} days before the campaign"),
        ("Follow-up", f"{settings.trial.follow_up_days} days after the campaign's end"),
        ("Intervals", numbers.percent(settings.confidence)),
        ("Seed", str(settings.seed)),
        ("Version", str(facts.get("version") or numbers.NOTHING)),
        ("Run", str(facts.get("run_id") or numbers.NOTHING)),
    ]


def checks_to_read(checks: pd.DataFrame, told: Told) -> Grid:
    """The checks that failed or warn, what blocks first: what is checked, what was found, and what to do."""
    rows = []
    for _, row in ordered_checks(checks.loc[checks["status"].isin(_TO_READ)]).iterrows():
        name = f"{row['asset']}.{row['check']}"
        asked, advice = told.get(name, ("", ""))
        state = f"{row['status']}, blocks" if row["status"] == "fail" and row["blocking"] else str(row["status"])
        rows.append(
            (
                Cell(state, row["status"]),
                Cell(asked, code=name),
                *cells(_sentence(numbers.minused(str(row["message"]))), _sentence(advice)),
            )
        )
    return as_grid("State|What is checked|What was found|What to do", rows, set())


def other_checks(checks: pd.DataFrame) -> Grid:
    """The checks that passed, and those that were not run: one row per check and state, with its tables counted."""
    others = ordered_checks(checks.loc[~checks["status"].isin(_TO_READ)])
    rows = []
    for (state, name), found in others.groupby(["status", "check"], sort=False):
        tables = [str(table) for table in found["asset"]]
        named = ", ".join(tables[:_NAMED]) + (f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else "")
        rows.append(
            (Cell(str(state), str(state).replace(" ", "-")), *cells(str(name), numbers.count(len(tables)), named))
        )
    return as_grid("State|Check|Tables|Which", rows, {2})


def counted_states(checks: pd.DataFrame) -> str:
    """How many checks are in each state, those that nobody need read last: "1 failed, 2 warn, 226 passed"."""
    counts = checks["status"].value_counts()
    said = [f"{numbers.count(counts.get(state, 0))} {word}" for state, word in _STATES.items() if counts.get(state, 0)]
    return ", ".join(said) if said else "no check has been run"


def counted_others(checks: pd.DataFrame) -> str:
    """How many checks need no reading: "226 checks passed, 3 were not run"."""
    counts = checks["status"].value_counts()
    passed, idle = counts.get("pass", 0), counts.get("not run", 0)
    said = [f"{numbers.counted(passed, 'check')} passed"] if passed else []
    if idle:
        said.append(f"{numbers.counted(idle, 'check')} {'was' if idle == 1 else 'were'} not run")
    return ", ".join(said)


def failed_gates(checks: pd.DataFrame) -> list[str]:
    """Every blocking check that failed, with its message."""
    return [f"{row['asset']}: {row['check']} ({row['message']})" for _, row in blocking_failures(checks).iterrows()]


def _sentence(text: str) -> str:
    text = f"{text[:1].upper()}{text[1:]}"
    return text if not text or text[-1] in ".?!" else f"{text}."
