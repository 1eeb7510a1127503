"""Trips of a household in a window, as models of lifetime value count them: days on which it bought."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.features.baskets import shopping_days
from dunnhumby_pipeline.features.windows import WINDOW_KEY, in_dollars, windows_table, within


def trip_history() -> ir.Table:
    """Trips of each household in each window: trips (distinct days), first_trip and last_trip (DAY), sales ($).

    Over the unbound tables `transactions` and `windows`. Several baskets of a day are one trip: a second till
    is no second decision to come. Households without a line in a window have no row.
    """
    days = within(shopping_days(), windows_table())
    return (
        days.group_by(WINDOW_KEY)
        .agg(
            trips=days.count(), first_trip=days.day.min(), last_trip=days.day.max(), sales=in_dollars(days.sales.sum())
        )
        .order_by(WINDOW_KEY)
    )


def weekly_spend() -> ir.Table:
    """Spend of each household in each whole week of each window, counted back from its end: trips (days), sales ($).

    Over the unbound tables `transactions` and `windows`. weeks_ago: 0 for the last 7 days of the window, 1 for the 7
    before. Days left over at the beginning, fewer than 7, belong to no week. Weeks without a line have no row.
    """
    days = within(shopping_days(), windows_table())
    days = days.mutate(
        weeks_ago=((days.index_day - 1 - days.day).cast("float64") / 7).floor().cast("int32"),
        n_weeks=((days.index_day - days.first_day).cast("float64") / 7).floor().cast("int32"),
    )
    whole = days.filter(days.weeks_ago < days.n_weeks)
    key = (*WINDOW_KEY, "weeks_ago")
    return whole.group_by(key).agg(trips=whole.count(), sales=in_dollars(whole.sales.sum())).order_by(key)
