"""Baskets, and days on which a household shopped: what features of when and how much are made of."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.windows import in_units, week_of

NOON, EVENING = 1200, 1700


def baskets() -> ir.Table:
    """One row per household and basket: day, time (HHMM) of its first line, n_lines, and money in whole units.

    Over the unbound table `transactions`.
    """
    lines = unbound("transactions")
    return lines.group_by("household_key", "basket_id").agg(
        day=lines.day.min(),
        time=lines.trans_time.min(),
        n_lines=lines.count(),
        sales=in_units(lines.sales_value).sum(),
        retail_disc=in_units(lines.retail_disc).sum(),
        coupon_disc=in_units(lines.coupon_disc).sum(),
        coupon_match_disc=in_units(lines.coupon_match_disc).sum(),
    )


def shopping_days() -> ir.Table:
    """One row per household and day on which it shopped: counts, money in whole units, and the days before it.

    Columns beyond the key: n_baskets, n_lines, sales, sales_squared (of baskets), retail_disc, coupon_disc,
    coupon_match_disc, n_morning and n_evening and n_with_coupon (baskets); previous (the shopping day
    before, null on the first), new_week (whether that lies in another week), first_seen (the first of all).
    """
    b = baskets()
    with_coupon = (b.coupon_disc > 0) | (b.coupon_match_disc > 0)
    days = b.group_by("household_key", "day").agg(
        n_baskets=b.count().cast("float64"),
        n_lines=b.n_lines.cast("float64").sum(),
        sales=b.sales.sum(),
        sales_squared=(b.sales * b.sales).sum(),
        retail_disc=b.retail_disc.sum(),
        coupon_disc=b.coupon_disc.sum(),
        coupon_match_disc=b.coupon_match_disc.sum(),
        n_morning=(b.time < NOON).cast("float64").sum(),
        n_evening=(b.time >= EVENING).cast("float64").sum(),
        n_with_coupon=with_coupon.cast("float64").sum(),
    )
    in_order = ibis.window(group_by="household_key", order_by="day")
    days = days.mutate(
        previous=days.day.lag().over(in_order),
        first_seen=days.day.min().over(ibis.window(group_by="household_key")),
    )
    return days.mutate(new_week=(week_of(days.day) != week_of(days.previous)).fill_null(True))
