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
