"""What is wrong with a source: rules broken, keys repeated, references missing; counted, or refused.

Makes `checked_<table>` of every table on the connection it is given, which `cleaning` writes from.
A row that breaks a rule is counted with example rows. In a *strict* table it stops the load.
"""

from __future__ import annotations

import re

import duckdb
import pandas as pd

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.journey.sources import JourneyError, Problem, Source

REJECT_COLUMNS = ("table", "rule", "column", "action", "n", "example_rows")
N_EXAMPLES = 3
DISCOUNTS = ("retail_disc", "coupon_disc", "coupon_match_disc")
_WHAT_A_RULE_EXPECTS = {
    "missing": "a value",
    "not_a_number": "a number",
    "out_of_range": "a value in range",
    "unknown_value": "one of the known values",
    "duplicate_key": "each key once",
    "no_dates": "a campaign with a first and a last day",
    "ends_before_start": "an END_DAY on or after START_DAY",
}


def inspect(source: Source, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Create `checked_<table>` for every table; the rejects and remarks (columns `REJECT_COLUMNS`).

    action: rejected, repaired, kept (with a remark). Raises JourneyError, with every problem found, when a
    row cannot be read as one, a table keeps no row at all, a strict table has a reject, or campaigns lack
    dates or differ in type between tables.
    """
    counted: list[tuple] = []
    unreadable: list[Problem] = []
    for table in schema.TABLES:
        # Promotions are too many to hold; the other tables are worth keeping at hand.
        kind = "VIEW" if table is schema.PROMOTIONS else "TEMP TABLE"
        try:
            connection.execute(f"CREATE OR REPLACE {kind} checked_{table.name} AS {_checked(table, source)}")
            counted += _count(connection, table, source)
        except duckdb.InvalidInputException as error:
            unreadable.append(_malformed_row(source.files[table.name], str(error)))
    rejects = pd.DataFrame(counted, columns=list(REJECT_COLUMNS))
    problems = _strict_problems(rejects, source)
    # What lies between tables is known only when every table could be read.
    problems += unreadable or [
        *_empty_tables(connection, rejects, source),
        *_dangling_campaigns(connection, source),
        *_contradicting_types(connection, source),
    ]
    if problems:
        raise JourneyError(problems)
    unknown = pd.DataFrame(_unknown_products(connection, source), columns=list(REJECT_COLUMNS))
    return pd.concat([rejects, unknown], ignore_index=True)


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
        rows += _duplicates(connection, table, source)
    if table is schema.TRANSACTIONS:
        rows += _wrong_signs(connection, source)
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


def _lines(connection: duckdb.DuckDBPyConnection, table: schema.Table, source: Source, condition: str) -> str:
    """The first lines of the file whose sound rows meet `condition`, as 'rows 5, 9'."""
    found = connection.execute(
        f"SELECT line FROM ({_checked(table, source, numbered=True)}) WHERE broken IS NULL AND {condition} "
        f"ORDER BY line LIMIT {2 * N_EXAMPLES}"
    ).fetchall()
    return "rows " + ", ".join(str(line) for (line,) in found) if len(found) > 1 else f"row {found[0][0]}"


def _duplicates(connection: duckdb.DuckDBPyConnection, table: schema.Table, source: Source) -> list[tuple]:
    """Rows beyond the first with the same key; the first in order of all columns is kept."""
    key = ", ".join(table.key)
    repeated = f"SELECT {key}, count(*) AS n FROM checked_{table.name} WHERE broken IS NULL GROUP BY {key} HAVING n > 1"
    extra = connection.execute(f"SELECT coalesce(sum(n - 1), 0)::BIGINT FROM ({repeated})").fetchall()[0][0]
    if not extra:
        return []
    first = connection.execute(f"{repeated} ORDER BY {key} LIMIT {N_EXAMPLES}").fetchall()
    examples = []
    for *values, n in first:
        named = list(zip(table.key, values, strict=True))
        shown = ", ".join(f"{table.column(name).raw} {value}" for name, value in named)
        # The key's columns are numbers in every table.
        lines = _lines(connection, table, source, " AND ".join(f"{name} = {value}" for name, value in named))
        examples.append(f"{shown} stands {n} times ({lines})")
    return [(table.name, "duplicate_key", key, "rejected", extra, "; ".join(examples))]


def _wrong_signs(connection: duckdb.DuckDBPyConnection, source: Source) -> list[tuple]:
    """Discounts of the sign that the source does not use: noise, set to 0 and counted."""
    rule, beyond, worst = (
        ("positive_discount", "> 0", "max") if source.discounts_negative else ("negative_discount", "< 0", "min")
    )
    rows = []
    for name in DISCOUNTS:
        n, extreme = connection.execute(
            f"SELECT count(*), {worst}({name}) FROM checked_transactions WHERE broken IS NULL AND {name} {beyond}"
        ).fetchall()[0]
        if n:
            rows.append(("transactions", rule, name, "repaired", n, f"largest {extreme:.3g}, set to 0"))
    return rows


def _unknown_products(connection: duckdb.DuckDBPyConnection, source: Source) -> list[tuple]:
    """Sound lines whose product has no row: kept, as spend of category 'other'."""
    unknown = "NOT EXISTS (SELECT 1 FROM checked_products p WHERE p.broken IS NULL AND p.product_id = t.product_id)"
    n, example = connection.execute(
        f"SELECT count(*), list_sort(list(DISTINCT t.product_id))[:{N_EXAMPLES}] FROM checked_transactions t "
        f"WHERE t.broken IS NULL AND {unknown}"
    ).fetchall()[0]
    if not n:
        return []
    products = ", ".join(str(product) for product in example)
    lines = _lines(connection, schema.TRANSACTIONS, source, f"product_id IN ({products})")
    return [("transactions", "unknown_product", "product_id", "kept", n, f"PRODUCT_ID {products} ({lines})")]


def _empty_tables(connection: duckdb.DuckDBPyConnection, rejects: pd.DataFrame, source: Source) -> list[Problem]:
    """Tables of which no row can be kept: most often a delimiter or a decimal sign that is not ours."""
    problems = []
    for table in schema.TABLES:
        kept = connection.execute(f"SELECT 1 FROM checked_{table.name} WHERE broken IS NULL LIMIT 1").fetchall()
        if not kept:
            # A strict table's rejects are problems already.
            reasons = rejects.loc[rejects["table"] == table.name]
            found = "; ".join(f"{row.n} rows break '{row.rule}', {row.example_rows}" for row in reasons.itertuples())
            problems.append(
                Problem(source.files[table.name], "at least one sound row", found or "no row", "Export the file again.")
            )
    return problems


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
            "WHERE broken IS NULL AND NOT EXISTS (SELECT 1 FROM checked_campaigns c WHERE c.campaign = t.campaign) "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        problems += [
            Problem(
                f"{source.files[table.name]}, column CAMPAIGN, {n} row(s), first "
                f"{_lines(connection, table, source, f'campaign = {campaign}')}",
                _WHAT_A_RULE_EXPECTS["no_dates"],
                f"campaign {campaign}, which {source.files['campaigns']} does not list",
                f"Add its START_DAY and END_DAY to {source.files['campaigns']}.",
            )
            for campaign, n in found
        ]
    return problems


def _contradicting_types(connection: duckdb.DuckDBPyConnection, source: Source) -> list[Problem]:
    """Campaigns of one type among the targets and of another among the dates."""
    found = connection.execute(
        "SELECT t.campaign, t.description, c.description, count(*) FROM checked_campaign_targets t "
        "JOIN checked_campaigns c USING (campaign) "
        "WHERE t.broken IS NULL AND c.broken IS NULL AND t.description <> c.description GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    targets, dates = source.files["campaign_targets"], source.files["campaigns"]
    return [
        Problem(
            f"{targets}, column DESCRIPTION, {n} row(s)",
            f"the type of campaign {campaign} in {dates}, {dated}",
            listed,
            "Make the two files agree: the type decides in which study a household counts as treated.",
        )
        for campaign, listed, dated, n in found
    ]
