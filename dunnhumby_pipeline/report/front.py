"""The front of the page: what was studied, and the states of the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from dunnhumby_pipeline.report.grid import Cell, Grid, as_grid, cells
from dunnhumby_pipeline.report.tables import CHECK_ORDER, ordered_checks
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers


def data_facts(facts: Mapping[str, Any], settings: Settings) -> list[tuple[str, str]]:
    """What was studied, as (name, value)."""
    return [
        ("Source", str(facts["source"])),
        ("Campaign type", str(facts["campaign_type"])),
        ("Households", numbers.count(facts.get("n_households"))),
        ("Transaction lines", numbers.count(facts.get("n_lines"))),
        ("Days", f"{numbers.count(facts.get('first_day'))} to {numbers.count(facts.get('last_day'))}"),
        ("Campaigns", numbers.count(facts.get("n_campaigns"))),
        ("Look-back", f"{settings.trial.look_back_days} days before the campaign"),
        ("Follow-up", f"{settings.trial.follow_up_days} days after the campaign's end"),
        ("Intervals", numbers.percent(settings.confidence)),
        ("Seed", str(settings.seed)),
    ]


def check_states(checks: pd.DataFrame, passed: bool) -> Grid:
    """The checks that passed, or all others, what needs reading first."""
    rows = [
        (
            Cell(row["status"], row["status"].replace(" ", "-")),
            *cells(row["asset"], row["check"], "yes" if row["blocking"] else "no", row["message"]),
        )
        for _, row in ordered_checks(checks.loc[(checks["status"] == "pass") == passed]).iterrows()
    ]
    return as_grid("State|Table|Check|Blocks|Message", rows, set())


def failed_gates(checks: pd.DataFrame) -> list[str]:
    """Every blocking check that failed, with its message."""
    failed = checks.loc[(checks["status"] == "fail") & checks["blocking"].astype(bool)]
    return [f"{row['asset']}: {row['check']} ({row['message']})" for _, row in failed.iterrows()]


def check_counts(checks: pd.DataFrame) -> str:
    """How many checks are in each state."""
    counts = checks["status"].value_counts()
    return ", ".join(f"{counts.get(state, 0)} {state}" for state in CHECK_ORDER)
