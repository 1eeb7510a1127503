"""Judgements of the canonical tables: what they must be, and what has changed since the run before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath, open_table
from dunnhumby_pipeline.orchestration.checks.check import Sight
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.orchestration.platform.storage import ROW_COUNT
from dunnhumby_pipeline.settings import CheckSettings, EngineSettings

NOTHING_BEFORE = "nothing to compare with: this is the first run"
# Weeks on each side of a week that its lines are compared with.
NEIGHBOURS = 4
_NAMED = 5


def schema_and_keys(declared: schema.Table, path: TablePath, engine: EngineSettings) -> Verdict:
    """The table has rows, its declared columns and types, no null in a required column, each key once."""
    with connect(engine) as connection:
        source = table_at(connection, path)
        found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
        expected = {column.name: column.type for column in declared.columns}
        if found != expected:
            return Verdict(False, f"columns are {found}; expected {expected}. Materialise load_journey again.")
        nulls = ", ".join(
            f"count(*) FILTER ({column.name} IS NULL)" for column in declared.columns if not column.nullable
        )
        n_rows, *n_nulls = connection.execute(f"SELECT count(*), {nulls} FROM {source}").fetchall()[0]
        n_keys = n_rows if _ascends(connection, source, declared) else _distinct(connection, source, declared.key)
    metrics = {"n_rows": n_rows, "n_nulls": sum(n_nulls), "n_repeated_keys": n_rows - n_keys}
    if n_rows == 0:
        return Verdict(False, f"{declared.name} has no rows; look at the raw file {declared.file}.", metrics)
    if sum(n_nulls) or n_keys < n_rows:
        key = ", ".join(declared.key)
        found_text = f"{sum(n_nulls)} nulls in required columns and {n_rows - n_keys} repeated keys ({key})"
        return Verdict(False, f"{found_text}; look at the rejects table.", metrics)
    return Verdict(True, f"{n_rows:,} rows, keys unique", metrics)


def _ascends(connection: duckdb.DuckDBPyConnection, source: str, table: schema.Table) -> bool:
    """Whether each row's key lies above that of the row before, in the order in which the table is written.

    Then no key can stand twice, and nothing of the size of the table has to be held. Not to ascend proves nothing.
    """
    if set(table.order) != set(table.key):
        return False
    last = ", ".join(f"lag({name}) OVER () AS last_{name}" for name in table.order)
    # Above in the first column that differs, written out: comparing rows as structs is slow.
    above = "false"
    for name in reversed(table.order):
        above = f"({name} > last_{name} OR ({name} = last_{name} AND {above}))"
    return bool(
        connection.execute(
            f"SELECT count(*) FILTER ({above}) = count(*) - 1 "
            f"FROM (SELECT {', '.join(table.order)}, {last} FROM {source})"
        ).fetchall()[0][0]
    )


def _distinct(connection: duckdb.DuckDBPyConnection, source: str, key: tuple[str, ...]) -> int:
    counted = f"SELECT count(*) FROM (SELECT DISTINCT {', '.join(key)} FROM {source})"
    return int(connection.execute(counted).fetchall()[0][0])


def reference_name(reference: schema.Reference) -> str:
    """The name of a reference's check: 'product_id_in_products'."""
    return f"{'_and_'.join(reference.columns)}_in_{reference.table}"


def references_hold(
    reference: schema.Reference, path: TablePath, referenced: TablePath, max_share: float, engine: EngineSettings
) -> Verdict:
    """At most `max_share` of the rows at `path` name something that is not in the table they refer to."""
    columns = ", ".join(reference.columns)
    with connect(engine) as connection:
        n_rows = connection.execute(f"SELECT count(*) FROM {table_at(connection, path)}").fetchall()[0][0]
        orphans = connection.execute(
            f"SELECT {columns}, count(*) AS n FROM {table_at(connection, path)} ANTI JOIN "
            f"(SELECT DISTINCT {columns} FROM {table_at(connection, referenced)}) USING ({columns}) "
            f"GROUP BY {columns} ORDER BY n DESC, {columns}"
        ).fetchall()
    n_orphans = sum(row[-1] for row in orphans)
    share = n_orphans / n_rows if n_rows else 0.0
    metrics = {"n_orphans": n_orphans, "share_orphans": share}
    passed = share <= max_share
    named = ", ".join(" ".join(str(value) for value in row[:-1]) for row in orphans[:_NAMED])
    advice = "" if passed else f", most often {named}: is the file of {reference.table} complete?"
    text = f"{n_orphans:,} of {n_rows:,} rows ({share:.2%}) have a {columns} that {reference.table} lacks"
    return Verdict(passed, f"{text}, at most {max_share:.2%} expected{advice}", metrics)


def weeks_agree(transactions: TablePath, engine: EngineSettings) -> Verdict:
    """Every line's week_no is the week that its day lies in."""
    with connect(engine) as connection:
        pairs = connection.execute(
            f"SELECT day, week_no, count(*) FROM {table_at(connection, transactions)} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    wrong = [(day, week, n) for day, week, n in pairs if schema.week_of_day(day) != week]
    n_wrong = sum(n for *_, n in wrong)
    if wrong:
        day, week, _ = wrong[0]
        found = (
            f"{n_wrong:,} lines, the first on day {day} with week_no {week}, which is week {schema.week_of_day(day)}"
        )
        return Verdict(False, f"{found}; DAY and WEEK_NO of the raw file contradict each other", {"n_wrong": n_wrong})
    return Verdict(True, f"day and week_no agree on {sum(n for *_, n in pairs):,} lines", {"n_wrong": 0})


def row_count(n_now: int, n_before: int | None, settings: CheckSettings) -> Verdict:
    """The table has not lost or gained many rows since the run before."""
    if n_before is None:
        return Verdict(True, f"{n_now:,} rows; {NOTHING_BEFORE}", {"n_rows": n_now})
    least, most = n_before * (1 - settings.max_rows_lost), n_before * settings.max_rows_gained
    metrics = {"n_rows": n_now, "n_rows_before": n_before}
    text = f"{n_now:,} rows, {n_before:,} before"
    if least <= n_now <= most:
        return Verdict(True, text, metrics)
    return Verdict(
        False, f"{text}; {least:,.0f} to {most:,.0f} expected: is the raw file whole, and the one meant?", metrics
    )


@dataclass(frozen=True)
class Reach:
    """How far the data reach: last day of the lines, last week of the promotions."""

    last_day: int
    last_promotion_week: int


def reach(transactions: TablePath, promotions: TablePath, engine: EngineSettings) -> Reach:
    """How far the lines and the promotions on disk reach."""
    with connect(engine) as connection:
        last_day, last_week = connection.execute(
            f"SELECT (SELECT max(day) FROM {table_at(connection, transactions)}), "
            f"(SELECT max(week_no) FROM {table_at(connection, promotions)})"
        ).fetchall()[0]
    return Reach(last_day, last_week)


def freshness(now: Reach, last_day_before: int | None, today: date, settings: CheckSettings) -> Verdict:
    """The lines reach as far as in the run before, are not old, and the promotions keep up with them."""
    lag = schema.week_of_day(now.last_day) - now.last_promotion_week
    metrics: dict[str, float] = {"last_day": now.last_day, "promotion_lag_weeks": lag}
    wrong = []
    if last_day_before is not None and now.last_day < last_day_before:
        wrong.append(f"the run before reached day {last_day_before}: is this an older export?")
    if settings.day_one is not None:
        metrics["age_days"] = (today - settings.day_one).days - (now.last_day - 1)
        if metrics["age_days"] > settings.max_age_days:
            wrong.append(
                f"that is {metrics['age_days']} days ago, at most {settings.max_age_days} expected: load newer files"
            )
    if lag > settings.max_promotion_lag_weeks:
        wrong.append(f"promotions end {lag} weeks earlier: exposure of the last weeks reads as none")
    text = f"the lines end on day {now.last_day}"
    return Verdict(not wrong, "; ".join([text, *wrong]), metrics)


def weekly_volume(lines: pd.Series, settings: CheckSettings) -> Verdict:
    """No complete week has far more or fewer lines than the weeks around it.

    `lines`: number of lines by week_no, complete weeks only. Each week is compared with the median of up to
    four weeks on each side, as many before it as after it near the first week, where the panel grows; the last
    weeks, with nothing after them, are compared with what lies before. The first two weeks are not judged.
    """
    deviations = week_deviations(lines)
    if deviations.empty:
        return Verdict(True, f"{len(lines)} complete weeks are too few to compare", {"max_deviation": 0.0})
    metrics = {"max_deviation": float(deviations.abs().max())}
    odd = deviations[deviations.abs() > settings.max_week_deviation]
    text = f"{len(deviations)} weeks within {settings.max_week_deviation:.0%} of the weeks around them"
    if odd.empty:
        return Verdict(True, f"{text}, largest deviation {metrics['max_deviation']:.0%}", metrics)
    named = ", ".join(f"week {week} ({deviation:+.0%})" for week, deviation in odd.items())
    return Verdict(False, f"not all {text}: {named}; is a part of these weeks missing or there twice?", metrics)


def week_deviations(lines: pd.Series) -> pd.Series:
    """Share by which each week's lines differ from the median of the weeks around it, by week_no."""
    if lines.empty:
        return pd.Series(dtype=float)
    ordered = lines.reindex(range(int(lines.index.min()), int(lines.index.max()) + 1), fill_value=0).astype(float)
    found = {}
    for position in range(2, len(ordered)):
        before = min(position, NEIGHBOURS)
        around = pd.concat(
            [ordered.iloc[position - before : position], ordered.iloc[position + 1 : position + 1 + before]]
        )
        middle = around.median()
        # Weeks in a stretch without any lines are as empty as those around them.
        found[ordered.index[position]] = ordered.iloc[position] / middle - 1 if middle else 0.0
    return pd.Series(found, dtype=float)


def complete_weeks(transactions: TablePath, engine: EngineSettings) -> pd.Series:
    """Number of lines by week_no, of the weeks whose seven days all lie between the first and the last day."""
    with connect(engine) as connection:
        days = connection.execute(
            f"SELECT day, count(*) AS n FROM {table_at(connection, transactions)} GROUP BY day ORDER BY day"
        ).fetchdf()
    first, last = int(days["day"].min()), int(days["day"].max())
    weeks = pd.Series([schema.week_of_day(day) for day in range(first, last + 1)]).value_counts()
    lines = days.groupby(days["day"].map(schema.week_of_day))["n"].sum()
    return lines.reindex(sorted(weeks.index[weeks == 7]), fill_value=0)


def rejected_share(rejects: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Few rows of each raw file were left out."""
    left_out = rejects.loc[rejects["action"] == "rejected"].groupby("table")["share"].sum()
    shares = {table.name: float(left_out.get(table.name, 0.0)) for table in schema.TABLES}
    metrics = {f"share_rejected_{name}": share for name, share in shares.items()}
    many = {name: share for name, share in shares.items() if share > settings.many_rejects}
    if many:
        named = ", ".join(f"{share:.2%} of {name}" for name, share in many.items())
        limit = f"at most {settings.many_rejects:.2%} expected"
        return Verdict(False, f"left out: {named}; {limit}: the rejects table says why, with examples", metrics)
    worst = max(shares, key=lambda name: shares[name])
    return Verdict(True, f"at most {shares[worst]:.2%} of a file is left out ({worst})", metrics)


def households_distinct(copies: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """No household's lines are those of another under another id."""
    n_clusters = int(copies["cluster"].nunique())
    metrics = {"n_households": len(copies), "n_clusters": n_clusters}
    if copies.empty:
        return Verdict(True, "no household is a copy of another", metrics)
    first = ", ".join(f"{row.household_key} and {row.copy_of}" for row in copies.head(_NAMED).itertuples())
    text = f"{len(copies):,} households are {n_clusters:,} under several ids ({first}); they share a fold and a cluster"
    return Verdict(False, text, metrics)


# How the judgements above get what they judge.


def look_at_schema(declared: schema.Table, sight: Sight) -> Verdict:
    return schema_and_keys(declared, sight.path(declared.name), sight.study.settings.engine)


def look_at_reference(declared: schema.Table, reference: schema.Reference, sight: Sight) -> Verdict:
    settings, paths = sight.study.settings, (sight.path(declared.name), sight.path(reference.table))
    limit = 0.0 if reference.firm else settings.checks.max_orphan_share
    return references_hold(reference, *paths, limit, settings.engine)


def look_at_rows(name: str, sight: Sight) -> Verdict:
    before = sight.before(name)
    with open_table(sight.path(name)) as table:
        n_now = int(table.metadata.num_rows)
    return row_count(n_now, None if before is None else int(before[ROW_COUNT]), sight.study.settings.checks)


def look_at_weeks(sight: Sight) -> Verdict:
    return weeks_agree(sight.path("transactions"), sight.study.settings.engine)


def look_at_days(sight: Sight) -> Verdict:
    now = reach(sight.path("transactions"), sight.path("promotions"), sight.study.settings.engine)
    last_day_before = (sight.before("transactions") or {}).get("last_day")
    return freshness(now, last_day_before, datetime.now(UTC).date(), sight.study.settings.checks)


def look_at_volume(sight: Sight) -> Verdict:
    settings = sight.study.settings
    return weekly_volume(complete_weeks(sight.path("transactions"), settings.engine), settings.checks)
