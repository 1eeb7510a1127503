"""Why a source cannot be used although its files can be read: rows that may not be left out, or too many of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import duckdb
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.inspection.staging import DUPLICATE, ROUNDED
from dunnhumby_pipeline.journey.source import Problem, Source
from dunnhumby_pipeline.settings import JourneySettings

# Below half a cent the sign of a discount is noise.
_HALF_A_CENT = 0.005


@dataclass(frozen=True)
class TableReport:
    """One table: its raw file, rows in it, rows kept, and the days or weeks that these span, in words."""

    name: str
    file: str
    n_rows: int
    n_kept: int
    span: str


def rounded_ids(rejects: pd.DataFrame, source: Source) -> list[Problem]:
    """Ids of which a spreadsheet has kept the first digits only: different ones have become one."""
    return [
        Problem(
            f"{given.file}, column {given.headers[row.column]}, {row.example_rows}",
            row.expected,
            f"{row.n:,} row(s) with an id in scientific notation, rounded as a spreadsheet shows it: the digits left "
            "out are lost, and different ids become the same one",
            "Export the file again, without a spreadsheet or with the column formatted as a whole number.",
        )
        for row in rejects[rejects["rule"] == ROUNDED].itertuples()
        for given in [source.inputs[row.table]]
    ]


def strict_problems(rejects: pd.DataFrame, source: Source) -> list[Problem]:
    """Rejects in the tables that decide which households count as treated."""
    strict = {table.name for table in schema.TABLES if table.strict}
    return [
        Problem(
            f"{given.file}, column {_headers(row.column, given.headers)}, {row.example_rows}",
            row.expected,
            f"{row.n:,} row(s) that break the rule '{row.rule}'",
            _how_to_fix(row.rule, row.example_rows, given.accepted.get(row.column, ())),
        )
        for row in rejects.itertuples()
        if row.table in strict and row.action == "rejected" and row.rule != ROUNDED
        for given in [source.inputs[row.table]]
    ]


def _how_to_fix(rule: str, examples: str, accepted: Sequence[str]) -> str:
    """What to do about rows that may not be left out."""
    if rule == DUPLICATE:
        return "Leave each key once in the file, with the values that are true."
    if rule == "unknown_value" and accepted:
        found = re.findall(r"= '([^']*)'", examples)
        meant = [close for value in found[:1] for close in get_close_matches(value, accepted, n=1, cutoff=0.5)]
        advice = f"Did you mean {meant[0]}? " if meant else ""
        return f"{advice}Name the type in mapping.campaign_types, or correct these rows."
    return "Fix these rows: leaving one out would change which households count as treated."


def too_many_rejects(rejects: pd.DataFrame, reports: Sequence[TableReport], settings: JourneySettings) -> list[Problem]:
    """Tables that keep no row, or of which more is left out than the settings allow."""
    problems = []
    limit = settings.max_reject_share
    strict = {table.name for table in schema.TABLES if table.strict}
    for report in reports:
        own = rejects[rejects["table"] == report.name]
        if (own["rule"] == ROUNDED).any():
            continue
        # A row on which no number could rest may be left out, however many there are.
        idle = own["rule"].isin(_rests_on_nothing(report.name)) & (report.n_kept > 0)
        left_out = own[(own["action"] == "rejected") & ~idle]
        n_real = report.n_rows - int(own.loc[own["action"] == "skipped", "n"].sum())
        n = int(left_out["n"].sum())
        reasons = "; ".join(
            f"{row.n:,} by '{row.rule}' ({row.expected}), {row.example_rows}" for row in left_out.itertuples()
        )
        found = f"{n:,} of {n_real:,} rejected: {reasons}"
        if n_real == 0:
            problems.append(
                Problem(report.file, "at least one row", f"{report.n_rows:,} blank ones", "Export the file again.")
            )
        elif report.name in strict:
            continue
        elif report.n_kept == 0:
            problems.append(Problem(report.file, "at least one valid row", found, "Fix the file."))
        elif n > limit * n_real:
            problems.append(
                Problem(
                    report.file,
                    f"at most {limit:.3g} of the rows rejected (journey.max_reject_share)",
                    found,
                    "Fix the file, or raise the setting if these rows may be dropped.",
                )
            )
    return problems


def _rests_on_nothing(table: str) -> list[str]:
    return [f"not_in_{reference.table}" for reference in schema.table(table).references if reference.rejects]


def wrong_sign_problems(
    connection: duckdb.DuckDBPyConnection, source: Source, settings: JourneySettings
) -> list[Problem]:
    """Discounts of which more have the sign that the source does not use than the settings allow."""
    sign, expected, beyond = ("", "at most 0", "above") if source.discounts_negative else ("-", "at least 0", "below")
    limit = settings.max_reject_share
    problems = []
    for table in schema.TABLES:
        given = source.inputs[table.name]
        for name in table.discounts:
            n, n_wrong = connection.execute(
                f"SELECT count(*), count(*) FILTER (WHERE {sign}{name} > 0) FROM sound_{table.name} "
                f"WHERE abs({name}) >= {_HALF_A_CENT}"
            ).fetchall()[0]
            if n_wrong > limit * n:
                problems.append(
                    Problem(
                        f"{given.file}, column {given.headers[name]}",
                        f"discounts of {expected}, but for {limit:.3g} of them (journey.max_reject_share)",
                        f"{n_wrong:,} of {n:,} {beyond} 0",
                        "Change the sign of the column, or raise the setting if these discounts may be set to 0.",
                    )
                )
    return problems


def _headers(columns: str, headers: dict[str, str]) -> str:
    return ", ".join(headers[name] for name in columns.split(", "))
