"""What lies between tables: rows that point at nothing, and tables that contradict each other."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.inspection.staging import json_row
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.journey.source import Input, Problem, Source

# Rows counted before the first examples are enough to find the others.
_N_LINES = 2


@dataclass(frozen=True)
class Orphans:
    """Rows that point at one key that is not there: `key` in words, how many, and the first of them in words."""

    key: str
    n: int
    rows: str


@dataclass(frozen=True)
class RejectedOrphans:
    """Rows left out because what they name is not there: how many, the first in words, and they themselves."""

    rule: str
    expected: str
    n: int
    examples: str
    rows: pd.DataFrame


def _rows(n: int, lines: list[int]) -> str:
    """`n` rows, of which `lines` are the first."""
    shown = ", ".join(str(line) for line in lines)
    more = f" and {n - len(lines):,} more" if n > len(lines) else ""
    return f"{'row' if n == 1 else 'rows'} {shown}{more}"


def missing_references(
    connection: duckdb.DuckDBPyConnection, source: Source, n_examples: int
) -> tuple[list[tuple], list[Problem]]:
    """Sound rows whose reference is missing, for every reference declared.

    Remarks on rows that are kept: (table, rule, column, expected, n, examples). A required reference that is
    missing is a problem instead, one for each key.
    """
    remarks: list[tuple] = []
    problems: list[Problem] = []
    for table in schema.TABLES:
        given = source.inputs[table.name]
        for reference in table.references:
            found = _orphans(connection, table, reference, given.headers)
            if not found or reference.rejects:
                continue
            parent = source.inputs[reference.table].file
            if reference.required:
                problems += [_required(given, parent, reference, orphans) for orphans in found]
                continue
            first = "; ".join(f"{orphans.key} ({orphans.rows})" for orphans in found[:n_examples])
            columns, total = ", ".join(reference.columns), sum(orphans.n for orphans in found)
            described = f"{first}: {reference.without}"
            remarks.append((table.name, f"not_in_{reference.table}", columns, f"a row in {parent}", total, described))
    return remarks, problems


def rejected_orphans(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    table: schema.Table,
    reference: schema.Reference,
    n_examples: int,
    at_most: int,
) -> RejectedOrphans | None:
    """The sound rows whose `reference` is missing, taken out of `sound_<table>`; None when there are none.

    `rows`: table, row, rule, column, raw_row of the first `at_most`.
    """
    given, parent = source.inputs[table.name], source.inputs[reference.table].file
    found = _orphans(connection, table, reference, given.headers)
    if not found:
        return None
    key, rule = ", ".join(reference.columns), f"not_in_{reference.table}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE orphaned_{table.name} AS SELECT line, {json_row(table, given)} AS raw_row "
        f"FROM sound_{table.name} ANTI JOIN checked_{reference.table} USING ({key})"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE whole_{table.name} AS SELECT * FROM sound_{table.name}")
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW sound_{table.name} AS SELECT * FROM whole_{table.name} "
        f"ANTI JOIN orphaned_{table.name} USING (line)"
    )
    rows = connection.execute(
        f'SELECT {quoted(table.name)} AS "table", line AS row, {quoted(rule)} AS rule, {quoted(key)} AS "column", '
        f"raw_row FROM orphaned_{table.name} ORDER BY line LIMIT {at_most}"
    ).fetchdf()
    first = "; ".join(f"{orphans.key} ({orphans.rows})" for orphans in found[:n_examples])
    n = sum(orphans.n for orphans in found)
    return RejectedOrphans(rule, f"a row in {parent}", n, f"{first}: {reference.without}", rows)


def contradicting_types(connection: duckdb.DuckDBPyConnection, source: Source) -> list[Problem]:
    """Campaigns of one type among the targets and of another among the dates."""
    targets, dates = source.inputs["campaign_targets"], source.inputs["campaigns"]
    found = connection.execute(
        "SELECT t.campaign, t.description, c.description, count(*), "
        f"list_sort(list(t.line))[:{_N_LINES}] FROM sound_campaign_targets t "
        "JOIN sound_campaigns c USING (campaign) WHERE t.description <> c.description GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return [
        Problem(
            f"{targets.file}, column {targets.headers['description']}, {_rows(n, lines)}",
            f"the type of campaign {campaign} in {dates.file}, {dated}",
            listed,
            "Make the two files agree: the type decides in which study a household counts as treated.",
        )
        for campaign, listed, dated, n, lines in found
    ]


def _orphans(
    connection: duckdb.DuckDBPyConnection, table: schema.Table, reference: schema.Reference, headers: dict[str, str]
) -> list[Orphans]:
    """The keys that the referred table lacks, in order.

    Of a reference that decides over the row every row read will do: one that is rejected there is reported there.
    """
    key = ", ".join(reference.columns)
    referred = f"{'checked' if reference.firm else 'sound'}_{reference.table}"
    found = connection.execute(
        f"SELECT {key}, count(*), list_sort(list(line))[:{_N_LINES}] FROM sound_{table.name} "
        f"ANTI JOIN {referred} USING ({key}) GROUP BY {key} ORDER BY {key}"
    ).fetchall()
    return [
        Orphans(
            ", ".join(f"{headers[name]} {value}" for name, value in zip(reference.columns, values, strict=True)),
            n,
            _rows(n, lines),
        )
        for *values, n, lines in found
    ]


def _required(given: Input, parent: str, reference: schema.Reference, orphans: Orphans) -> Problem:
    columns = ", ".join(given.headers[name] for name in reference.columns)
    return Problem(
        f"{given.file}, column {columns}, {orphans.rows}",
        f"a row in {parent}",
        f"{orphans.key}, which it does not list",
        f"Add it to {parent}.",
    )
