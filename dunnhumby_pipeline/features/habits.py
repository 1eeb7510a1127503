"""How a household shops: whether it buys more or less than before, when it comes, and how it uses coupons."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.contracts.feature import RECENT_DAYS
from dunnhumby_pipeline.features.baskets import shopping_days
from dunnhumby_pipeline.features.windows import (
    WINDOW_KEY,
    in_dollars,
    ratio,
    tenure_start,
    weekday_of,
    windows_table,
    within,
)

SATURDAY = 5
WEEKDAYS = range(7)


def shopping_habits() -> ir.Table:
    """Trend, rhythm and coupon use over the unbound tables `transactions` and `windows`.

    Rows: every household with at least one line in a window. Columns: window, household_key, spend_trend,
    basket_trend, weekend_share, morning_share, evening_share, weekday_concentration, coupon_basket_share and
    coupon_per_basket ($), as `catalogue` describes them.
    """
    days = within(shopping_days(), windows_table())
    recent = days.day >= days.index_day - RECENT_DAYS
    weekday = weekday_of(days.day)
    t = days.group_by(WINDOW_KEY).agg(
        index_day=days.index_day.max(),
        first_day=days.first_day.max(),
        first_seen=days.first_seen.min(),
        n_baskets=days.n_baskets.sum(),
        sales=days.sales.sum(),
        recent_baskets=ibis.ifelse(recent, days.n_baskets, 0.0).sum(),
        recent_sales=ibis.ifelse(recent, days.sales, 0.0).sum(),
        n_morning=days.n_morning.sum(),
        n_evening=days.n_evening.sum(),
        n_with_coupon=days.n_with_coupon.sum(),
        coupons=(days.coupon_disc + days.coupon_match_disc).sum(),
        **{f"n_weekday_{k}": ibis.ifelse(weekday == k, days.n_baskets, 0.0).sum() for k in WEEKDAYS},
    )
    # Of a household that could not be observed before the recent days, nothing can be said.
    earlier_days = (t.index_day - RECENT_DAYS - tenure_start(t)).cast("float64")
    t = t.mutate(earlier_days=ibis.ifelse(earlier_days > 0, earlier_days, ibis.null("float64")))
    on_weekday = [t[f"n_weekday_{k}"] for k in WEEKDAYS]
    return t.select(
        *WINDOW_KEY,
        spend_trend=_trend(t.recent_sales, t.sales - t.recent_sales, t.earlier_days),
        basket_trend=_trend(t.recent_baskets, t.n_baskets - t.recent_baskets, t.earlier_days),
        weekend_share=ratio(sum(on_weekday[SATURDAY + 1 :], on_weekday[SATURDAY]), t.n_baskets),
        morning_share=ratio(t.n_morning, t.n_baskets),
        evening_share=ratio(t.n_evening, t.n_baskets),
        weekday_concentration=ratio(ibis.greatest(*on_weekday), t.n_baskets),
        coupon_basket_share=ratio(t.n_with_coupon, t.n_baskets),
        coupon_per_basket=ratio(in_dollars(t.coupons), t.n_baskets),
    ).order_by(WINDOW_KEY)


def _trend(recent: ir.FloatingValue, earlier: ir.FloatingValue, earlier_days: ir.FloatingValue) -> ir.FloatingValue:
    """(recent rate - earlier rate) / (recent rate + earlier rate): from -1, came no more, to 1, came only now."""
    recent_rate, earlier_rate = recent / RECENT_DAYS, earlier / earlier_days
    return ratio(recent_rate - earlier_rate, recent_rate + earlier_rate)
