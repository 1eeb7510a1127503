"""One raw file to typed rows on a connection, each with its line and the first rule that it breaks.

Makes `checked_<table>`: the canonical columns, `line` (the row's number in messages), `broken` ('rule:column',
null for a valid row) and `raw_row` (the row as JSON by the file's headers, null for a valid row). And
`worded_<table>`: words that stand for a missing value, each by column with how many there are and the first line.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.forgotten import HOUSEHOLD, Forgotten
from dunnhumby_pipeline.journey.literals import enumeration, quoted, says_missing
from dunnhumby_pipeline.journey.source import Input, Problem

BLANK_ROW = "blank_row"
FORGOTTEN = "forgotten"
DUPLICATE = "duplicate_key"
ROUNDED = "rounded_id"
# A number with fewer digits than its exponent asks for had others, which zeros now stand for; a spreadsheet keeps six.
_KEPT_DIGITS = 6
_SCIENTIFIC = "[+-]?[0-9]+([.,][0-9]*)?[eE][+]?[0-9]+"
_UNEVEN_LINE_ENDS = "state machine"
_CHUNK = 2**20
_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_INTEGERS = (*_SIGNED, *(f"U{name}" for name in _SIGNED))
_LARGEST = {"INTEGER": 2**31 - 1, "BIGINT": 2**63 - 1}
_FRACTIONS = ("FLOAT", "DOUBLE", "DECIMAL")


def stage(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input) -> Problem | None:
    """Make `checked_<table>` from the raw file; the problem when a row cannot be read as one.

    The quick reading is tried first: it parses once and keeps nothing but numbers. One value that does not fit
    fails it, and the file is read again as text, so that the value can be shown. A file with line ends of several
    kinds is read from a copy with one.
    """
    problem = _staged(connection, table, given)
    if problem is not None and _UNEVEN_LINE_ENDS in problem and given.elsewhere is not None:
        (spill,) = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0]
        with TemporaryDirectory(prefix="line_ends_", dir=spill or None) as folder:
            even = Path(folder) / f"{table.name}.csv"
            _with_even_line_ends(given.path, even)
            problem = _staged(connection, table, given.elsewhere(even))
    return None if problem is None else _unreadable(given.file, problem)


def _staged(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input) -> str | None:
    """Make the tables of one file; what DuckDB says when it cannot be read."""
    if given.quick is not None:
        try:
            _stage_quickly(connection, table, given, given.quick)
            _find_words(connection, table, given)
            return None
        except (duckdb.InvalidInputException, duckdb.DataError, duckdb.IOException):
            # The careful reading says what is wrong, or that nothing is.
            pass
    try:
        _stage_carefully(connection, table, given)
        _find_words(connection, table, given)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        return str(error)
    return None


def _with_even_line_ends(path: Path, copy: Path) -> None:
    """Write the file's text to `copy`, uncompressed, every line ended by a line feed."""
    opened = gzip.open if path.name.casefold().endswith(".gz") else open
    with opened(path, "rb") as file, copy.open("wb") as even:
        while chunk := file.read(_CHUNK):
            while chunk.endswith(b"\r") and (more := file.read(1)):
                chunk += more
            even.write(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))


def leave_out_forgotten(connection: duckdb.DuckDBPyConnection, table: schema.Table, forgotten: Forgotten) -> int:
    """Take the rows of forgotten households out of `checked_<table>`; how many. Other rows keep their line."""
    if HOUSEHOLD not in table.column_names or not forgotten.households:
        return 0
    view, keys = f"checked_{table.name}", f"forgotten_{table.name}"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {keys} AS SELECT {HOUSEHOLD} FROM (SELECT DISTINCT {HOUSEHOLD} FROM {view}) "
        f"WHERE {forgotten.condition()}"
    )
    (n,) = connection.execute(f"SELECT count(*) FROM {view} SEMI JOIN {keys} USING ({HOUSEHOLD})").fetchall()[0]
    if n:
        # A staged table is this connection's own: nothing of such a household is left in it.
        connection.execute(f"CREATE OR REPLACE TEMP TABLE known_{table.name} AS SELECT * FROM {view}")
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {view} AS "
            f"SELECT * FROM known_{table.name} ANTI JOIN {keys} USING ({HOUSEHOLD})"
        )
    return int(n)


def row_rules(table: schema.Table, blank: dict[str, str] | None = None) -> list[schema.Rule]:
    """The rules of a table's rows in the order in which they are tried, over raw values `r_<column>` and cast ones.

    `blank`: SQL that is true of a raw value that is missing, by column; without it the values are typed
    already, and only the rules that can still be broken are given.
    """
    rules: list[schema.Rule] = []
    if blank is not None:
        every = " AND ".join(f"({condition})" for condition in blank.values())
        rules.append(schema.Rule(BLANK_ROW, table.key[0], every, "a value in some column"))
    for column in table.columns:
        name = column.name
        missing = blank[name] if blank else f"{name} IS NULL"
        if not column.nullable:
            rules.append(schema.Rule("missing", name, missing, "a value"))
        if column.identifier and blank:
            rules.append(schema.Rule(ROUNDED, name, _rounded(f"r_{name}"), "every digit of the id"))
        if column.type != "VARCHAR" and blank:
            rules.append(schema.Rule("not_a_number", name, f"{name} IS NULL AND NOT ({missing})", _number(column)))
        rules += _range_rule(column)
        if column.values and blank:
            known = ", ".join(quoted(value) for value in column.values)
            rules.append(
                schema.Rule("unknown_value", name, f"{name} NOT IN ({known})", f"one of {', '.join(column.values)}")
            )
    return [*rules, *table.rules]


def json_row(table: schema.Table, given: Input, prefix: str = "") -> str:
    """SQL of a row as JSON text by the file's headers; values as text."""
    fields = ", ".join(f"{quoted(given.headers[name])}: CAST({prefix}{name} AS VARCHAR)" for name in table.column_names)
    return f"CAST(to_json({{{fields}}}) AS VARCHAR)"


def _number(column: schema.Column) -> str:
    """What is expected of the column's values, in words."""
    if column.type == "DOUBLE":
        return "a number"
    most = _LARGEST[column.type] if column.maximum is None else column.maximum
    return f"a whole number, at most {most:,}"


def _range_rule(column: schema.Column) -> list[schema.Rule]:
    low, high = column.minimum, column.maximum
    broken = [f"{column.name} < {low}"] if low is not None else []
    broken += [f"{column.name} > {high}"] if high is not None else []
    if not broken:
        return []
    if low is not None and high is not None:
        expected = f"{low} to {high}"
    else:
        expected = f"at least {low:,}" if low is not None else f"at most {high:,}"
    return [schema.Rule("out_of_range", column.name, " OR ".join(broken), expected)]


def _stage_quickly(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input, quick: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE staged_{table.name} AS {quick}")
    rules = row_rules(table)
    # Column statistics answer this without reading the rows when no rule can be broken.
    broken = " OR ".join(f"({rule.broken_when})" for rule in rules)
    (n_broken,) = connection.execute(f"SELECT count(*) FROM staged_{table.name} WHERE {broken}").fetchall()[0]
    named = _first_broken(rules) if n_broken else "CAST(NULL AS VARCHAR)"
    raw = f"CASE WHEN broken IS NOT NULL THEN {json_row(table, given)} END"
    _make_checked(connection, table, given, f"SELECT *, {named} AS broken, {raw} AS raw_row")


def _stage_carefully(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input) -> None:
    found = {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {given.select}").fetchall()}
    raw = ", ".join(f"{name} AS r_{name}" for name in table.column_names)
    cast = ", ".join(f"{_cast(column, found[column.name])} AS {column.name}" for column in table.columns)
    blank = {column.name: _blank(column, f"r_{column.name}", found[column.name]) for column in table.columns}
    rules = [
        rule for rule in row_rules(table, blank) if rule.name != ROUNDED or not found[rule.column].startswith(_INTEGERS)
    ]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE staged_{table.name} AS "
        f"SELECT {', '.join(_held(column) for column in table.columns)}, broken, "
        f"CASE WHEN broken IS NOT NULL THEN {json_row(table, given, 'r_')} END AS raw_row "
        f"FROM (SELECT *, {_first_broken(rules)} AS broken "
        f"FROM (SELECT {raw}, {cast} FROM ({given.select})))"
    )
    _make_checked(connection, table, given, "SELECT *")


def _held(column: schema.Column) -> str:
    # A value that is not known breaks a rule, and its row is not held.
    return f"TRY_CAST({column.name} AS {enumeration(column)}) AS {column.name}" if column.values else column.name


def _make_checked(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input, selected: str) -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW checked_{table.name} AS {selected} "
        f"FROM (SELECT rowid + {given.first_row} AS line, * FROM staged_{table.name})"
    )


def _first_broken(rules: list[schema.Rule]) -> str:
    branches = " ".join(f"WHEN {rule.broken_when} THEN '{rule.name}:{rule.column}'" for rule in rules)
    return f"CASE {branches} END"


def _is_number(kind: str) -> bool:
    return kind in _INTEGERS or kind.startswith(_FRACTIONS)


def _blank(column: schema.Column, name: str, kind: str) -> str:
    if _is_number(kind):
        return f"{name} IS NULL"
    empty = f"coalesce(trim(CAST({name} AS VARCHAR)), '') = ''"
    return f"({empty} OR {says_missing(name)})" if column.nullable else empty


def _rounded(name: str) -> str:
    """SQL that is true of a number in scientific notation of which not every digit is written."""
    text = f"trim(CAST({name} AS VARCHAR))"
    exponent = f"TRY_CAST(regexp_extract({text}, '([0-9]+)$', 1) AS INTEGER)"
    decimals = f"length(regexp_extract({text}, '[.,]([0-9]*)', 1))"
    few = f"{exponent} > {decimals} AND ({decimals} > 0 OR {exponent} >= {_KEPT_DIGITS})"
    return f"regexp_full_match({text}, {quoted(_SCIENTIFIC)}) AND coalesce({few}, true)"


def _find_words(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input) -> None:
    """Make `worded_<table>`: column, word, n, line (the first)."""
    nullable = [column.name for column in table.columns if column.nullable]
    fields = ", ".join(f"{{'column': {quoted(name)}, 'word': trim(CAST({name} AS VARCHAR))}}" for name in nullable)
    numbered = f"SELECT *, row_number() OVER () - 1 + {given.first_row} AS line FROM ({given.select})"
    words = f"SELECT line, unnest([{fields}], recursive := true) FROM ({numbered})"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE worded_{table.name} AS "
        f'SELECT "column", word, count(*) AS n, min(line) AS line FROM ({words}) '
        f"WHERE {says_missing('word')} GROUP BY ALL"
        if nullable
        else f'CREATE OR REPLACE TEMP TABLE worded_{table.name} ("column" VARCHAR, word VARCHAR, n BIGINT, line BIGINT)'
    )


def _cast(column: schema.Column, kind: str) -> str:
    """SQL that reads one raw value of SQL type `kind`; null when it cannot be read as declared."""
    name = column.name
    if column.type == "VARCHAR":
        text = f"nullif(trim(CAST({name} AS VARCHAR)), '')"
        return f"CASE WHEN NOT {says_missing(name)} THEN {text} END" if column.nullable else text
    if kind in _INTEGERS:
        return f"TRY_CAST({name} AS {column.type})"
    value = name if _is_number(kind) else f"CAST({name} AS VARCHAR)"
    number = f"TRY_CAST({value} AS DOUBLE)"
    if column.type == "DOUBLE":
        return f"CASE WHEN isfinite({number}) THEN {number} END"
    # A cast to an integer rounds, and 1.5 units is a mistake to show, not to round.
    return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({value} AS {column.type}) END"


def _unreadable(file: str, message: str) -> Problem:
    """What DuckDB could not read, out of its message: most often the first row of a CSV file that is not a row."""
    line = re.search(r"CSV Error on Line: (\d+)", message)
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    longest = re.search(r"Maximum line size of (\d+)", message)
    expected, fix = "a file that can be read to its end", "Export or download the file again."
    if line is not None:
        expected, fix = "as many values as the header has", "Fix this line or export the file again."
    if counts:
        # Counting stops at the first value too many.
        few = int(counts[2]) < int(counts[1])
        found = f"{counts[2]} of {counts[1]} values" if few else f"more than {counts[1]} values"
    elif "unterminated quote" in message:
        found = "a quote that is not closed"
    elif "not utf-8" in message:
        expected, found = "text in UTF-8", "bytes that are not UTF-8"
    elif longest:
        expected, found = f"a line of at most {int(longest[1]):,} bytes", "a longer one"
    else:
        found = message.partition("\n")[0].rstrip(".")
    return Problem(f"{file}, line {line[1]}" if line else file, expected, found, fix)
