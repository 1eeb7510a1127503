"""The 33 customer features with tenure, one row per window and household.

Cascaded so that no distinct count over lines is left: lines are grouped to baskets and those to days, lines
to departments of a day, and to products; only then to households. `catalogue` describes each feature.
"""

from __future__ import annotations

from functools import cache

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.baskets import baskets, shopping_days
from dunnhumby_pipeline.features.departments import MACRO_CATEGORIES, OTHER, department_days, macro_category
from dunnhumby_pipeline.features.windows import (
    WINDOW_KEY,
    in_dollars,
    ratio,
    tenure_start,
    week_of,
    windows_table,
    within,
)

WEEKS_PER_MONTH = 4.33


def customer_features() -> ir.Table:
    """The expression over the unbound tables `transactions`, `products` and `windows`.

    Rows: every household with at least one line in a window. Columns: window, household_key, the 33
    features in catalogue order, tenure (days), tenure_weeks (weeks).
    """
    return _customer_features()


@cache
def _customer_features() -> ir.Table:
    # Building this expression takes about as long as a small query.
    joined = _trips().join(_contents(), WINDOW_KEY).join(windows_table(), "window")
    return _features(joined).order_by(WINDOW_KEY)


def _trips() -> ir.Table:
    """How often and how much: baskets, days, weeks, gaps between days; money in whole units."""
    days = within(shopping_days(), windows_table())
    known = days.previous >= days.first_day
    gap = ibis.ifelse(known, (days.day - days.previous).cast("float64"), ibis.null("float64"))
    return days.group_by(WINDOW_KEY).agg(
        frequency=days.n_baskets.sum().cast("int64"),
        transaction_count=days.n_lines.sum(),
        sales=days.sales.sum(),
        sales_squared=days.sales_squared.sum(),
        retail_disc=days.retail_disc.sum(),
        coupon_disc=days.coupon_disc.sum(),
        first_seen=days.first_seen.min(),
        first_purchase=days.day.min(),
        last_purchase=days.day.max(),
        n_gaps=gap.count(),
        gap_squares=(gap * gap).sum(),
        weeks_with_purchase=(days.new_week | ~known).cast("float64").sum().cast("int64"),
    )


def moved_parts() -> tuple[ir.Table, ...]:
    """What `on_calendar` may move of `customer_features` in the place of lines; a basket moves with its first day."""
    return baskets(), department_days(), product_lines()


def product_lines() -> ir.Table:
    """household_key, product_id and day of every line, over the unbound table `transactions`."""
    return unbound("transactions").select("household_key", "product_id", "day")


def _contents() -> ir.Table:
    """What was bought: products, departments, brands, items; money in whole units."""
    # Products are counted apart from what is summed of their departments: a sum over each of millions of groups, one
    # for every household, window and product, took longer than all the rest.
    bought = within(product_lines(), windows_table()).select(*WINDOW_KEY, "product_id").distinct()
    products = bought.group_by(WINDOW_KEY).agg(n_products=bought.count().cast("float64"))
    days = within(department_days(), windows_table())
    summed = ("n_branded", "n_private", "n_discounted", "quantity", "sales")
    d = days.group_by(*WINDOW_KEY, "department", "fuel").agg(**{name: days[name].sum() for name in summed})
    d = d.mutate(macro=macro_category(d.department))
    found = d.group_by(WINDOW_KEY).agg(
        n_departments=(d.department.notnull() & ~d.fuel).cast("float64").sum().cast("int64"),
        n_items=ibis.ifelse(d.fuel, 0.0, d.quantity).sum(),
        n_discounted=d.n_discounted.sum(),
        n_branded=d.n_branded.sum(),
        n_private_label=ibis.ifelse(d.fuel, 0.0, d.n_private).sum(),
        n_brand_choices=ibis.ifelse(d.fuel, 0.0, d.n_branded).sum(),
        **{f"sales_{macro}": ibis.ifelse(d.macro == macro, d.sales, 0.0).sum() for macro in (*MACRO_CATEGORIES, OTHER)},
    )
    return found.join(products, WINDOW_KEY)


def _features(t: ir.Table) -> ir.Table:
    last_day = t.index_day - 1
    # Tenure starts at the first purchase in the data, but no earlier than the window does.
    start = tenure_start(t)
    t = t.mutate(
        recency=last_day - t.last_purchase,
        recency_weeks=week_of(last_day) - week_of(t.last_purchase),
        tenure=last_day - start,
        tenure_weeks=week_of(last_day) - week_of(start) + 1,
        purchase_weeks=week_of(t.last_purchase) - week_of(t.first_purchase) + 1,
        mean_gap=ratio(t.last_purchase - t.first_purchase, t.n_gaps),
        spread=t.sales_squared - ratio(t.sales * t.sales, t.frequency),
        discounts=t.retail_disc + t.coupon_disc,
        actual=in_dollars(t.sales - t.coupon_disc),
        monetary_sales=in_dollars(t.sales),
    )
    per_week = ratio(t.frequency, t.tenure_weeks)
    gap_variance = _not_negative(ratio(t.gap_squares, t.n_gaps) - t.mean_gap * t.mean_gap)
    basket_variance = ratio(_not_negative(t.spread), t.frequency - 1)
    return t.select(
        *WINDOW_KEY,
        recency=t.recency,
        recency_weeks=t.recency_weeks,
        active_last_4w=(t.recency <= 28).cast("int32"),
        active_last_12w=(t.recency <= 84).cast("int32"),
        days_between_purchases_avg=t.mean_gap,
        days_between_purchases_std=gap_variance.sqrt(),
        frequency=t.frequency,
        frequency_per_week=per_week,
        frequency_per_month=per_week * WEEKS_PER_MONTH,
        transaction_count=t.transaction_count,
        weeks_with_purchase=t.weeks_with_purchase,
        purchase_regularity=ratio(t.weeks_with_purchase, t.tenure_weeks),
        monetary_sales=t.monetary_sales,
        monetary_actual=t.actual,
        monetary_avg_basket_sales=ratio(t.monetary_sales, t.frequency),
        monetary_avg_basket_actual=ratio(t.actual, t.frequency),
        monetary_std=in_dollars(basket_variance.sqrt()),
        monetary_per_week=ratio(t.monetary_sales, t.tenure_weeks),
        coupon_savings_ratio=ratio(t.coupon_disc, t.sales),
        discount_rate=ratio(t.discounts, t.sales + t.discounts),
        discount_usage_pct=ratio(t.n_discounted, t.n_branded),
        private_label_ratio=ratio(t.n_private_label, t.n_brand_choices),
        n_departments=t.n_departments,
        n_products=t.n_products,
        avg_items_per_basket=ratio(t.n_items, t.frequency),
        avg_products_per_basket=ratio(t.n_products, t.frequency),
        **{f"share_{macro}": ratio(t[f"sales_{macro}"], t.sales) for macro in (*MACRO_CATEGORIES, OTHER)},
        week_coverage=ratio(t.weeks_with_purchase, t.purchase_weeks),
        tenure=t.tenure,
        tenure_weeks=t.tenure_weeks,
    )


def _not_negative(variance: ir.FloatingValue) -> ir.FloatingValue:
    # Rounding can leave a variance just below 0. `greatest` would turn a null into 0.
    return ibis.ifelse(variance < 0, 0.0, variance)
