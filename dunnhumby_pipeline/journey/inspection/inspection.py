"""What is wrong with a source: rules broken, keys repeated, references missing; counted, shown, or refused.

Makes `sound_<table>` of every table on the connection it is given: the rows that `cleaning` writes. A row that
breaks a rule is left out, counted and kept with its raw form. In a *strict* table it is a problem, as is more
than a set share of rejects in any table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.forgotten import HOUSEHOLD
from dunnhumby_pipeline.journey.inspection.promotions import forget_promotions, merge_promotions
from dunnhumby_pipeline.journey.inspection.references import contradicting_types, missing_references, rejected_orphans
from dunnhumby_pipeline.journey.inspection.refusals import (
    TableReport,
    rounded_ids,
    strict_problems,
    too_many_rejects,
    wrong_sign_problems,
)
from dunnhumby_pipeline.journey.inspection.staging import (
    BLANK_ROW,
    DUPLICATE,
    FORGOTTEN,
    json_row,
    leave_out_forgotten,
    row_rules,
    stage,
)
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.journey.source import Input, Problem, Source
from dunnhumby_pipeline.settings import JourneySettings

REJECT_COLUMNS = ("table", "rule", "column", "expected", "action", "n", "share", "example_rows")
REJECTED_ROW_COLUMNS = ("table", "row", "rule", "column", "raw_row")
N_EXAMPLES = 3
# Of tens of millions of rows all may break a rule; this many are 1 % of the largest file, and still fit in memory.
MOST_ROWS = 500_000


@dataclass(frozen=True)
class Inspection:
    """`rejects` (columns REJECT_COLUMNS): what is left out, repaired, merged, skipped or kept with a remark, counted.

    `rejected_rows` (REJECTED_ROW_COLUMNS): every row left out, its values as text (JSON by header); of a table
    that breaks one rule or repeats a key more than MOST_ROWS times, the first of them.
    `problems`: why the source cannot be used; empty when it can.
    `tables` are those whose file could be read.
    """

    tables: tuple[TableReport, ...]
    rejects: pd.DataFrame
    rejected_rows: pd.DataFrame
    problems: tuple[Problem, ...]


def inspect(source: Source, connection: duckdb.DuckDBPyConnection, settings: JourneySettings) -> Inspection:
    """Make `sound_<table>` for every table, and say what was found.

    Problems are: a file that cannot be read to its end, a table that keeps no row, a reject in a strict table,
    more rejects or wrong signs than `settings.max_reject_share` in any table, a required reference that is
    missing, and campaigns whose type differs between tables. References between tables are inspected only when
    every table could be read.
    """
    forget_promotions(connection)
    columns = list(REJECTED_ROW_COLUMNS)
    unread: list[Problem] = []
    counted: list[tuple] = []
    left_out: list[pd.DataFrame] = []
    reports: list[TableReport] = []
    for table in schema.TABLES:
        given = source.inputs[table.name]
        if (problem := stage(connection, table, given)) is not None:
            unread.append(problem)
            continue
        n_forgotten = leave_out_forgotten(connection, table, source.forgotten) if source.forgotten else 0
        (n_rows,) = connection.execute(f"SELECT count(*) FROM checked_{table.name}").fetchall()[0]
        left_out.append(_rejected_rows(connection, table))
        own = _broken_rules(connection, table, given)
        if n_forgotten:
            asked = "a household that has not asked to be forgotten"
            own.append((FORGOTTEN, HOUSEHOLD, asked, FORGOTTEN, n_forgotten, "not shown"))
        if table is schema.PROMOTIONS:
            n_merged = merge_promotions(connection)
            rows = [(DUPLICATE, ", ".join(table.key), "each key once", "merged", n_merged, "codes joined by max")]
            own += rows if n_merged else []
        else:
            n_repeated, repeated = _repeated_rows(connection, table, source)
            own += _duplicates(table, n_repeated, repeated) if n_repeated else []
            left_out += [repeated] if n_repeated else []
        own += _wrong_signs(connection, table, source)
        own += _missing_words(connection, table)
        own += _unknown_answers(connection, table, given.headers)
        (n_kept,) = connection.execute(f"SELECT count(*) FROM sound_{table.name}").fetchall()[0]
        n_real = n_rows - sum(row[4] for row in own if row[0] == BLANK_ROW)
        counted += [
            (table.name, rule, column, expected, action, n, n / max(n_real, 1), examples)
            for rule, column, expected, action, n, examples in own
        ]
        reports.append(TableReport(table.name, given.file, n_rows, n_kept, _span(connection, table)))
    if not unread:
        counted += _rows_of_nothing(connection, source, reports, left_out)
    rejects = pd.DataFrame(counted, columns=list(REJECT_COLUMNS))
    rejected_rows = pd.concat(left_out or [pd.DataFrame(columns=columns)], ignore_index=True)[columns]
    problems = [
        *unread,
        *rounded_ids(rejects, source),
        *strict_problems(rejects, source),
        *too_many_rejects(rejects, reports, settings),
    ]
    if unread:
        return Inspection(tuple(reports), rejects, rejected_rows, tuple(problems))
    remarks, dangling = missing_references(connection, source, N_EXAMPLES)
    problems += wrong_sign_problems(connection, source, settings)
    problems += dangling
    problems += contradicting_types(connection, source)
    shares = {report.name: max(report.n_kept, 1) for report in reports}
    kept = [
        (name, rule, column, expected, "kept", n, n / shares[name], examples)
        for name, rule, column, expected, n, examples in remarks
    ]
    rejects = pd.concat([rejects, pd.DataFrame(kept, columns=list(REJECT_COLUMNS))], ignore_index=True)
    return Inspection(tuple(reports), rejects, rejected_rows, tuple(problems))


def _rejected_rows(connection: duckdb.DuckDBPyConnection, table: schema.Table) -> pd.DataFrame:
    """The first rows that break a rule, in file order; columns REJECTED_ROW_COLUMNS.

    Makes `sound_<table>` without any that does.
    """
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW sound_{table.name} AS SELECT * FROM checked_{table.name} WHERE broken IS NULL"
    )
    return connection.execute(
        f"SELECT '{table.name}' AS \"table\", line AS row, split_part(broken, ':', 1) AS rule, "
        f"split_part(broken, ':', 2) AS \"column\", raw_row FROM checked_{table.name} "
        f"WHERE broken IS NOT NULL ORDER BY line LIMIT {MOST_ROWS}"
    ).fetchdf()


def _repeated_rows(
    connection: duckdb.DuckDBPyConnection, table: schema.Table, source: Source
) -> tuple[int, pd.DataFrame]:
    """Sound rows whose key stands before them; the first in order of all columns is kept.

    How many, and the first of them: columns REJECTED_ROW_COLUMNS and `key` (in words). Takes them out of
    `sound_<table>`.
    """
    key = ", ".join(table.key)
    twice = f"SELECT {key} FROM sound_{table.name} GROUP BY {key} HAVING count(*) > 1"
    if not connection.execute(f"{twice} LIMIT 1").fetchall():
        return 0, pd.DataFrame()
    headers = source.inputs[table.name].headers
    named = ", ' ', ".join(f"{quoted(headers[name] + ' ')}, {name}" for name in table.key)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE repeated_{table.name} AS "
        f"SELECT line, concat({named}) AS key, {json_row(table, source.inputs[table.name])} AS raw_row "
        f"FROM sound_{table.name} SEMI JOIN ({twice}) USING ({key}) "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {', '.join(table.column_names)}, line) > 1"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW sound_{table.name} AS SELECT * FROM checked_{table.name} "
        f"WHERE broken IS NULL AND line NOT IN (SELECT line FROM repeated_{table.name})"
    )
    (n_repeated,) = connection.execute(f"SELECT count(*) FROM repeated_{table.name}").fetchall()[0]
    repeated = connection.execute(
        f"SELECT '{table.name}' AS \"table\", line AS row, '{DUPLICATE}' AS rule, '{key}' AS \"column\", raw_row, key "
        f"FROM repeated_{table.name} ORDER BY line LIMIT {MOST_ROWS}"
    ).fetchdf()
    return n_repeated, repeated


def _broken_rules(connection: duckdb.DuckDBPyConnection, table: schema.Table, given: Input) -> list[tuple]:
    headers = given.headers
    rules = {(rule.name, rule.column): rule for rule in row_rules(table, dict.fromkeys(headers, "false"))}
    found = connection.execute(
        f"SELECT split_part(broken, ':', 1) AS rule, split_part(broken, ':', 2) AS \"column\", count(*), "
        f"min_by(raw_row, line, {N_EXAMPLES}), min(line, {N_EXAMPLES}) "
        f"FROM checked_{table.name} WHERE broken IS NOT NULL GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    rows = []
    for rule, column, n, raw_rows, lines in found:
        action = "skipped" if rule == BLANK_ROW else "rejected"
        shown = [headers[name] for name in (column, *rules[rule, column].beside)]
        examples = "; ".join(f"row {row}: {_values(raw, shown)}" for row, raw in zip(lines, raw_rows, strict=True))
        expected = rules[rule, column].expected
        if rule == "unknown_value" and column in given.accepted:
            expected = f"one of {', '.join(given.accepted[column])}, as mapping.campaign_types has them"
        rows.append((rule, column, expected, action, n, examples))
    return rows


def _values(raw_row: str, headers: list[str]) -> str:
    given = json.loads(raw_row)
    return ", ".join(f"{header} = {_shown(given[header])}" for header in headers)


def _shown(value: str | None) -> str:
    return "blank" if value is None or not value.strip() else repr(value)


def _duplicates(table: schema.Table, n: int, repeated: pd.DataFrame) -> list[tuple]:
    # Where the key is the whole row, a repeated row adds nothing to the first.
    action = "merged" if set(table.key) == set(table.column_names) else "rejected"
    first = repeated.head(N_EXAMPLES)
    examples = "; ".join(f"row {row}: {key} again" for row, key in zip(first["row"], first["key"], strict=True))
    return [(DUPLICATE, ", ".join(table.key), "each key once", action, n, examples)]


def _wrong_signs(connection: duckdb.DuckDBPyConnection, table: schema.Table, source: Source) -> list[tuple]:
    """Discounts of the sign that the source does not use: noise, set to 0 and counted."""
    rule, beyond, worst, expected = (
        ("positive_discount", "> 0", "max", "at most 0")
        if source.discounts_negative
        else ("negative_discount", "< 0", "min", "at least 0")
    )
    rows = []
    for name in table.discounts:
        n, extreme = connection.execute(
            f"SELECT count(*), {worst}({name}) FROM sound_{table.name} WHERE {name} {beyond}"
        ).fetchall()[0]
        if n:
            rows.append((rule, name, expected, "repaired", n, f"largest {extreme:.3g}, set to 0"))
    return rows


def _missing_words(connection: duckdb.DuckDBPyConnection, table: schema.Table) -> list[tuple]:
    """Words such as 'NA', which are read as missing."""
    found = connection.execute(
        f'SELECT "column", sum(n), string_agg(concat(word, chr(0), n, chr(0), line), chr(1) ORDER BY line) '
        f'FROM worded_{table.name} GROUP BY "column" ORDER BY "column"'
    ).fetchall()
    rows = []
    for column, n, words in found:
        shown = [word.split("\0") for word in words.split("\1")[:N_EXAMPLES]]
        examples = "; ".join(f"{word!r} in {int(many):,} row(s), the first {line}" for word, many, line in shown)
        rows.append(("missing_word", column, "a value, or none", "repaired", int(n), f"{examples}: read as missing"))
    return rows


def _rows_of_nothing(
    connection: duckdb.DuckDBPyConnection, source: Source, reports: list[TableReport], left_out: list[pd.DataFrame]
) -> list[tuple]:
    """Rows on which no number could rest, left out; columns REJECT_COLUMNS.

    They are added to the rows in `left_out`, and `reports` lose them.
    """
    counted = []
    for place, report in enumerate(reports):
        table = schema.table(report.name)
        for reference in table.references:
            if not reference.rejects:
                continue
            found = rejected_orphans(connection, source, table, reference, N_EXAMPLES, MOST_ROWS)
            if found is None:
                continue
            left_out.append(found.rows)
            reports[place] = replace(report, n_kept=report.n_kept - found.n)
            share = found.n / max(report.n_rows, 1)
            rule, columns = found.rule, ", ".join(reference.columns)
            counted.append((table.name, rule, columns, found.expected, "rejected", found.n, share, found.examples))
    return counted


def _unknown_answers(
    connection: duckdb.DuckDBPyConnection, table: schema.Table, headers: dict[str, str]
) -> list[tuple]:
    """Answers such as 'Unknown', which are read as missing."""
    rows = []
    for column in table.columns:
        answers = column.unknown_under(headers[column.name])
        if not answers:
            continue
        listed = ", ".join(quoted(answer) for answer in answers)
        found = dict(
            connection.execute(
                f"SELECT {column.name}, count(*) FROM sound_{table.name} WHERE {column.name} IN ({listed}) GROUP BY ALL"
            ).fetchall()
        )
        if found:
            n, coded = sum(found.values()), (answer for answer in column.coded if answer in found)
            meant = " or ".join(repr(answer) for answer in (*column.unknown, *coded))
            rows.append(("unknown_answer", column.name, "an answer", "repaired", n, f"{meant} is read as missing"))
    return rows


def _span(connection: duckdb.DuckDBPyConnection, table: schema.Table) -> str:
    """The days or weeks that a table's valid rows span, in words; empty for a table without time."""
    for unit, first, last in (
        ("days", "start_day", "end_day"),
        ("days", "day", "day"),
        ("weeks", "week_no", "week_no"),
    ):
        if {first, last} <= set(table.column_names):
            low, high = connection.execute(f"SELECT min({first}), max({last}) FROM sound_{table.name}").fetchall()[0]
            return f"{unit} {low} to {high}" if low is not None else ""
    return ""
