"""Windows of days, weeks of days, and exact sums of money."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from dunnhumby_pipeline.engine.compile import UNITS
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.settings import EngineSettings

WINDOW_KEY = ("window", "household_key")


def windows_table() -> ir.Table:
    """The unbound table of windows: `window` (id), `first_day` (first day in), `index_day` (first day out)."""
    return ibis.table({"window": "int64", "first_day": "int32", "index_day": "int32"}, name="windows")


def one_window(first_day: int, last_day: int) -> pd.DataFrame:
    """The single window, numbered 0, over the days `first_day` to `last_day`, both included."""
    frame = pd.DataFrame({"window": [0], "first_day": [first_day], "index_day": [last_day + 1]})
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def observed_days(transactions: TablePath, engine: EngineSettings) -> tuple[int, int]:
    """First and last DAY with a transaction."""
    with connect(engine) as connection:
        query = f"SELECT min(day), max(day) FROM {table_at(connection, transactions)}"
        return connection.execute(query).fetchall()[0]


def within(rows: ir.Table, windows: ir.Table) -> ir.Table:
    """`rows` (with a column `day`) joined to every window they fall in."""
    # Window by day, so that days are looked up: compared with both ends of each window, rows take many times as long.
    days = windows.mutate(day=ibis.range(windows.first_day, windows.index_day).unnest())
    return rows.join(days.mutate(day=days.day.cast("int32")), "day")


def in_any_window(rows: ir.Table, windows: ir.Table) -> ir.Table:
    """`rows` (with a column `day`) from the first day of the first window to the last day of the last."""
    span = windows.agg(span_start=windows.first_day.min(), span_end=windows.index_day.max())
    inside = rows.join(span, [rows.day >= span.span_start, rows.day < span.span_end])
    return inside.select(*rows.columns)


def tenure_start(rows: ir.Table) -> ir.IntegerValue:
    """First day on which a household could be observed: its first purchase in the data, or the window's first day.

    `rows` has the columns first_seen and first_day.
    """
    return ibis.greatest(rows.first_seen, rows.first_day)


def week_of(day: ir.IntegerValue) -> ir.IntegerValue:
    """WEEK_NO of a day, the column form of `journey.schema.week_of_day`."""
    return ((day.cast("float64") + 8) / 7).floor().cast("int32")


def weekday_of(day: ir.IntegerValue) -> ir.IntegerValue:
    """Weekday of a day, from 0 for Monday to 6 for Sunday: weeks of the data run from Monday to Sunday."""
    return (day + 8) % 7


def in_units(money: ir.FloatingValue) -> ir.FloatingValue:
    """$ in whole units of the smallest amount in the data (`engine.money`), as float64, to be summed exactly."""
    return (money * UNITS).round().cast("float64")


def in_dollars(units: ir.FloatingValue) -> ir.FloatingValue:
    """A sum of whole units of money in $."""
    return units / UNITS


def ratio(numerator: ir.NumericValue, denominator: ir.NumericValue) -> ir.FloatingValue:
    """numerator / denominator as float64; null when the denominator is 0."""
    return numerator.cast("float64") / denominator.cast("float64").nullif(0)
