"""How steadily a household shops in a window, recently and before: what a fall of its spend announces itself by."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.features.baskets import baskets
from dunnhumby_pipeline.features.windows import WINDOW_KEY, in_dollars, windows_table, within

RECENT_DAYS, QUARTER_DAYS = 28, 84
_DAYS_PER_WEEK = 7


def shopping_rhythm(quarter_days: int = QUARTER_DAYS) -> ir.Table:
    """Trips, active weeks and spend over a window, over its last `quarter_days`, and over its last 28 days.

    Over the unbound tables `transactions` and `windows`. Rows: every household with a line in a window. Columns:
    window, household_key, first_trip and last_trip (DAY); for the whole window, the quarter (`quarter_`) and the last
    28 days (`recent_`): trips (days), sales ($); for the whole window and the quarter: weeks (those with a trip,
    counted back from the window's end) and sales_squared (of weeks, $²); quarter_baskets.
    """
    b = within(baskets(), windows_table())
    age = b.index_day - 1 - b.day
    days = b.group_by(*WINDOW_KEY, "day", age=age).agg(n_baskets=b.count().cast("float64"), sales=b.sales.sum())
    in_quarter, is_recent = days.age < quarter_days, days.age < RECENT_DAYS
    # A quarter need not be of whole weeks: the week that its first day cuts is two, one on either side.
    week = (days.age.cast("float64") / _DAYS_PER_WEEK).floor().cast("int64")
    weeks = days.group_by(*WINDOW_KEY, week=week, quarter=in_quarter).agg(
        first_trip=days.day.min(),
        last_trip=days.day.max(),
        trips=days.count().cast("float64"),
        recent_trips=is_recent.cast("float64").sum(),
        n_baskets=days.n_baskets.sum(),
        sales=days.sales.sum(),
        recent_sales=ibis.ifelse(is_recent, days.sales, 0.0).sum(),
    )
    squared = weeks.sales * weeks.sales

    def of_quarter(value: ir.FloatingValue) -> ir.FloatingValue:
        return ibis.ifelse(weeks.quarter, value, 0.0).sum()

    t = weeks.group_by(WINDOW_KEY).agg(
        first_trip=weeks.first_trip.min(),
        last_trip=weeks.last_trip.max(),
        trips=weeks.trips.sum(),
        weeks=weeks.count().cast("float64"),
        sales=weeks.sales.sum(),
        sales_squared=squared.sum(),
        quarter_trips=of_quarter(weeks.trips),
        quarter_weeks=weeks.quarter.cast("float64").sum(),
        quarter_sales=of_quarter(weeks.sales),
        quarter_sales_squared=of_quarter(squared),
        quarter_baskets=of_quarter(weeks.n_baskets),
        recent_trips=weeks.recent_trips.sum(),
        recent_sales=weeks.recent_sales.sum(),
    )
    money = ("sales", "quarter_sales", "recent_sales")
    # Twice: of squares.
    squares = ("sales_squared", "quarter_sales_squared")
    return t.mutate(
        **{name: in_dollars(t[name]) for name in money}, **{name: in_dollars(in_dollars(t[name])) for name in squares}
    ).order_by(WINDOW_KEY)
