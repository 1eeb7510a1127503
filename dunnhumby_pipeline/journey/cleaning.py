"""From a source to the eight canonical tables, with every reject and repair counted.

A row that breaks a rule is rejected and counted, with example rows; nothing is filled. In a *strict*
table a reject stops the load. All tables are written to a staging folder first, so a load that fails
leaves earlier tables untouched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.journey.sources import JourneyError, Problem, Source

REJECT_COLUMNS = ("table", "rule", "column", "action", "n", "example_rows")
N_EXAMPLES = 3
DISCOUNTS = ("retail_disc", "coupon_disc", "coupon_match_disc")
_UNKNOWN_ANSWERS = ("", "U", "Unknown")
_WHAT_A_RULE_EXPECTS = {
    "missing": "a value",
    "not_a_number": "a number",
    "out_of_range": "a value in range",
    "unknown_value": "one of the known values",
    "duplicate_key": "each key once",
    "no_dates": "a campaign with a first and a last day",
    "ends_before_start": "an END_DAY on or after START_DAY",
}


@dataclass(frozen=True)
class CleanJourney:
    """Paths of the staged tables by name, and the rejects (columns `REJECT_COLUMNS`)."""

    tables: dict[str, Path]
    n_rows: dict[str, int]
    rejects: pd.DataFrame


def clean(source: Source, staging: Path, connection: duckdb.DuckDBPyConnection) -> CleanJourney:
    """Write the eight canonical tables of `source` as parquet files in `staging`.

    Raises JourneyError, before any file is written, when a strict table has a reject or a campaign
    lacks its dates.
    """
    rejects = _inspect(connection, source)
    staging.mkdir(parents=True, exist_ok=True)
    paths = {table.name: staging / f"{table.name}.parquet" for table in schema.TABLES}
    n_rows = {}
    for table in schema.TABLES:
        kept = f"COPY ({_kept_rows(table, rejects)}) TO {quoted(paths[table.name])} (FORMAT parquet)"
        n_rows[table.name] = connection.execute(kept).fetchall()[0][0]
    extra = _notes(connection, paths, n_rows)
    return CleanJourney(paths, n_rows, pd.concat([rejects, extra], ignore_index=True))


def validate(source: Source, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The rejects and repairs that cleaning `source` would count, without writing anything.

    Raises JourneyError as `clean` does.
    """
    return _inspect(connection, source)


def _inspect(connection: duckdb.DuckDBPyConnection, source: Source) -> pd.DataFrame:
    """Create the views `checked_<table>`; count what breaks a rule; raise on what cannot be used."""
    sign = "-" if source.discounts_negative else ""
    connection.execute(f"CREATE OR REPLACE MACRO discount(x) AS CASE WHEN {sign}x > 0 THEN {sign}x ELSE 0.0 END")
    counted: list[tuple] = []
    unreadable: list[Problem] = []
    for table in schema.TABLES:
        # Promotions are many and read twice at most; the other tables are worth keeping at hand.
        kind = "VIEW" if table is schema.PROMOTIONS else "TEMP TABLE"
        try:
            connection.execute(f"CREATE OR REPLACE {kind} checked_{table.name} AS {_checked(table, source)}")
            counted += _count(connection, table, source)
        except duckdb.InvalidInputException as error:
            unreadable.append(_malformed_row(source.files[table.name], str(error)))
    rejects = pd.DataFrame(counted, columns=list(REJECT_COLUMNS))
    problems = _strict_problems(rejects, source)
    # Which campaigns lack dates is known only when every table could be read.
    problems += unreadable or _dangling_campaigns(connection, source)
    if problems:
        raise JourneyError(problems)
    return rejects


def _malformed_row(file: str, message: str) -> Problem:
    """The first row of a CSV file that is not a row, out of DuckDB's message about it."""
    line = re.search(r"CSV Error on Line: (\d+)", message)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if counts:
        # Counting stops at the first value too many.
        few = int(counts[2]) < int(counts[1])
        found = f"{counts[2]} of {counts[1]} values" if few else f"more than {counts[1]} values"
    elif "unterminated quote" in message:
        found = "a quote that is not closed"
    elif "not utf-8" in message:
        found = "bytes that are not UTF-8"
    else:
        found = message.partition("\n")[0]
    return Problem(
        f"{file}, line {line[1]}" if line else file,
        "as many values as the header has, in UTF-8",
        found,
        "Mend this line or export the file again.",
    )


def _cast(column: schema.Column, source: Source) -> str:
    """SQL that reads one raw value, null when it cannot be read as declared."""
    if source.typed:
        return f"TRY_CAST({column.name} AS {column.type})"
    if column.type == "VARCHAR":
        return f"nullif(trim({column.name}), '')"
    number = f"TRY_CAST({column.name} AS DOUBLE)"
    if column.type == "DOUBLE":
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    # A cast to an integer rounds, and 1.5 units is a mistake to show, not to round.
    return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({column.name} AS {column.type}) END"


def _rules(table: schema.Table, source: Source) -> list[tuple[str, str, str]]:
    """(rule, column, SQL condition over raw `r_<column>` and cast `<column>`) that reject a row."""
    rules = []
    for column in table.columns:
        name = column.name
        blank = f"r_{name} IS NULL" + ("" if source.typed else f" OR trim(r_{name}) = ''")
        if not column.nullable:
            rules.append(("missing", name, blank))
        if column.type != "VARCHAR":
            rules.append(("not_a_number", name, f"{name} IS NULL AND NOT ({blank})"))
        bounds = [f"{name} < {column.minimum}"] if column.minimum is not None else []
        bounds += [f"{name} > {column.maximum}"] if column.maximum is not None else []
        if bounds:
            rules.append(("out_of_range", name, " OR ".join(bounds)))
        if column.values:
            known = ", ".join(f"'{value}'" for value in column.values)
            rules.append(("unknown_value", name, f"{name} NOT IN ({known})"))
    if table is schema.TRANSACTIONS:
        rules.append(("no_quantity", "quantity", "quantity <= 0"))
    if table is schema.CAMPAIGNS:
        rules.append(("ends_before_start", "end_day", "end_day < start_day"))
    return rules


def _checked(table: schema.Table, source: Source, *, numbered: bool = False) -> str:
    """SELECT of the cast columns and `broken`, the first rule a row breaks (null when it keeps them all).

    `numbered` adds the raw columns as r_<name> and `line`, the row's line in its file.
    """
    raw = ", ".join(f"{column.name} AS r_{column.name}" for column in table.columns)
    cast = ", ".join(f"{_cast(column, source)} AS {column.name}" for column in table.columns)
    branches = " ".join(f"WHEN {condition} THEN '{rule}:{name}'" for rule, name, condition in _rules(table, source))
    # The header is line 1 of a file, so the first row stands on line 2.
    line = ", row_number() OVER () + 1 AS line" if numbered else ""
    shown = "*" if numbered else ", ".join(table.column_names)
    return (
        f"SELECT {shown}, CASE {branches} END AS broken "
        f"FROM (SELECT {raw}, {cast}{line} FROM ({source.relations[table.name]}))"
    )


def _count(connection: duckdb.DuckDBPyConnection, table: schema.Table, source: Source) -> list[tuple]:
    found = connection.execute(
        f"SELECT broken, count(*) FROM checked_{table.name} WHERE broken IS NOT NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    rows: list[tuple] = []
    if found:
        examples = _examples(connection, table, source)
        for broken, n in found:
            rule, column = broken.split(":")
            rows.append((table.name, rule, column, "rejected", n, examples[broken]))
    if table is not schema.PROMOTIONS:
        rows += _duplicates(connection, table)
    if table is schema.TRANSACTIONS and source.discounts_negative:
        rows += _positive_discounts(connection)
    return rows


def _examples(connection: duckdb.DuckDBPyConnection, table: schema.Table, source: Source) -> dict[str, str]:
    shown = ", ".join(f"CAST(r_{column.name} AS VARCHAR)" for column in table.columns)
    rows = connection.execute(
        f"SELECT broken, line, {shown} FROM ({_checked(table, source, numbered=True)}) "
        f"WHERE broken IS NOT NULL "
        f"QUALIFY row_number() OVER (PARTITION BY broken ORDER BY line) <= {N_EXAMPLES} ORDER BY line"
    ).fetchall()
    examples: dict[str, list[str]] = {}
    for broken, line, *values in rows:
        name = broken.split(":")[1]
        index = table.column_names.index(name)
        shown_value = "blank" if values[index] in (None, "") else repr(values[index])
        examples.setdefault(broken, []).append(f"row {line}: {table.columns[index].raw} = {shown_value}")
    return {broken: "; ".join(lines) for broken, lines in examples.items()}


def _duplicates(connection: duckdb.DuckDBPyConnection, table: schema.Table) -> list[tuple]:
    """Rows beyond the first with the same key; the first in order of all columns is kept."""
    key = ", ".join(table.key)
    shown = ", ".join(f"'{table.column(name).raw} ' || {name}" for name in table.key)
    extra, example = connection.execute(
        "SELECT coalesce(sum(n - 1), 0)::BIGINT, "
        f"string_agg(shown || ' stands ' || n || ' times', '; ' ORDER BY {key}) FILTER (WHERE place <= {N_EXAMPLES}) "
        f"FROM (SELECT {key}, count(*) AS n, concat_ws(', ', {shown}) AS shown, "
        f"row_number() OVER (ORDER BY {key}) AS place "
        f"FROM checked_{table.name} WHERE broken IS NULL GROUP BY {key} HAVING count(*) > 1)"
    ).fetchall()[0]
    return [(table.name, "duplicate_key", ", ".join(table.key), "rejected", extra, example)] if extra else []


def _positive_discounts(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    rows = []
    for name in DISCOUNTS:
        n, largest = connection.execute(
            f"SELECT count(*), max({name}) FROM checked_transactions WHERE broken IS NULL AND {name} > 0"
        ).fetchall()[0]
        if n:
            example = f"largest {largest:.3g}, set to 0"
            rows.append(("transactions", "positive_discount", name, "repaired", n, example))
    return rows


def _strict_problems(rejects: pd.DataFrame, source: Source) -> list[Problem]:
    strict = {table.name for table in schema.TABLES if table.strict}
    return [
        Problem(
            f"{source.files[row.table]}, column {row.column}, {row.example_rows}",
            _WHAT_A_RULE_EXPECTS[row.rule],
            f"{row.n} row(s) that break the rule '{row.rule}'",
            "Mend these rows: leaving one out would change which households count as treated.",
        )
        for row in rejects.itertuples()
        if row.table in strict
    ]


def _dangling_campaigns(connection: duckdb.DuckDBPyConnection, source: Source) -> list[Problem]:
    """Campaigns that a table names and that have no dates."""
    problems = []
    for table in schema.TABLES:
        if not any(reference.table == "campaigns" for reference in table.references):
            continue
        found = connection.execute(
            f"SELECT campaign, count(*) FROM checked_{table.name} t "
            f"WHERE broken IS NULL AND NOT EXISTS (SELECT 1 FROM checked_campaigns c WHERE c.campaign = t.campaign) "
            f"GROUP BY 1 ORDER BY 1"
        ).fetchall()
        problems += [
            Problem(
                f"{source.files[table.name]}, column CAMPAIGN, {n} row(s)",
                _WHAT_A_RULE_EXPECTS["no_dates"],
                f"campaign {campaign}, which {source.files['campaigns']} does not list",
                f"Add its START_DAY and END_DAY to {source.files['campaigns']}.",
            )
            for campaign, n in found
        ]
    return problems


def _kept_rows(table: schema.Table, rejects: pd.DataFrame) -> str:
    """SELECT of the clean rows of a table in its canonical order."""
    if table is schema.PROMOTIONS:
        return (
            "SELECT product_id, store_id, week_no, max(display) AS display, max(mailer) AS mailer "
            "FROM checked_promotions WHERE broken IS NULL GROUP BY ALL ORDER BY week_no, store_id, product_id"
        )
    columns = ", ".join(_cleaned(column.name, table) for column in table.columns)
    order = "start_day, campaign" if table is schema.CAMPAIGNS else ", ".join(_row_order(table))
    duplicated = ((rejects["table"] == table.name) & (rejects["rule"] == "duplicate_key")).any()
    once = (
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(table.key)} ORDER BY {', '.join(table.column_names)}) = 1 "
        if duplicated
        else ""
    )
    return f"SELECT {columns} FROM checked_{table.name} WHERE broken IS NULL {once}ORDER BY {order}"


def _row_order(table: schema.Table) -> tuple[str, ...]:
    if table is schema.TRANSACTIONS:
        return ("household_key", "day", "basket_id", "product_id")
    return table.key


def _cleaned(name: str, table: schema.Table) -> str:
    if table is schema.TRANSACTIONS and name in DISCOUNTS:
        return f"discount({name}) AS {name}"
    if table is schema.DEMOGRAPHICS and name != "household_key":
        unknown = ", ".join(f"'{answer}'" for answer in _UNKNOWN_ANSWERS)
        return f"CASE WHEN {name} NOT IN ({unknown}) THEN {name} END AS {name}"
    return name


def _notes(connection: duckdb.DuckDBPyConnection, paths: dict[str, Path], n_rows: dict[str, int]) -> pd.DataFrame:
    """What was merged or kept with a remark: duplicate promotions, lines whose product is unknown."""
    rows: list[tuple] = []
    merged = connection.execute("SELECT count(*) FROM checked_promotions WHERE broken IS NULL").fetchall()[0][0]
    merged -= n_rows["promotions"]
    if merged:
        rows.append(
            (
                "promotions",
                "duplicate_key",
                "product_id, store_id, week_no",
                "merged",
                merged,
                "codes joined by max",
            )
        )
    unknown, example = connection.execute(
        f"SELECT count(*), string_agg(DISTINCT product_id::VARCHAR, ', ' ORDER BY product_id::VARCHAR) "
        f"FILTER (WHERE place <= {N_EXAMPLES}) "
        "FROM (SELECT product_id, dense_rank() OVER (ORDER BY product_id) AS place "
        f"FROM read_parquet({quoted(paths['transactions'])}) t "
        f"ANTI JOIN read_parquet({quoted(paths['products'])}) p USING (product_id))"
    ).fetchall()[0]
    if unknown:
        rows.append(("transactions", "unknown_product", "product_id", "kept", unknown, f"PRODUCT_ID {example}"))
    return pd.DataFrame(rows, columns=list(REJECT_COLUMNS))
