"""The 33 customer features with tenure, one row a window and household.

Cascaded so that no distinct count over lines is left: lines are grouped to baskets, to days and to
products; products to departments; only then to households. `catalogue` describes each feature.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.departments import MACRO_CATEGORIES, OTHER, is_fuel, macro_category
from dunnhumby_pipeline.features.windows import (
    WINDOW_KEY,
    in_cents,
    ratio,
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
    totals = _basket_totals()
    rhythm = _rhythm()
    contents = _contents()
    first_seen = unbound("transactions").group_by("household_key").agg(first_seen=lambda t: t.day.min())
    joined = (
        totals.join(rhythm, WINDOW_KEY)
        .join(contents, WINDOW_KEY)
        .join(first_seen, "household_key")
        .join(windows_table(), "window")
    )
    return _features(joined).order_by(WINDOW_KEY)


def _baskets() -> ir.Table:
    """One row a window, household and basket; money in cents."""
    lines = unbound("transactions")
    baskets = lines.group_by("household_key", "basket_id").agg(
        day=lines.day.min(),
        n_lines=lines.count(),
        sales=in_cents(lines.sales_value).sum(),
        retail_disc=in_cents(lines.retail_disc).sum(),
        coupon_disc=in_cents(lines.coupon_disc).sum(),
    )
    return within(baskets, windows_table())


def _basket_totals() -> ir.Table:
    baskets = _baskets()
    return baskets.group_by(WINDOW_KEY).agg(
        frequency=baskets.count(),
        transaction_count=baskets.n_lines.cast("float64").sum(),
        sales=baskets.sales.sum(),
        sales_squared=(baskets.sales * baskets.sales).sum(),
        retail_disc=baskets.retail_disc.sum(),
        coupon_disc=baskets.coupon_disc.sum(),
    )


def _rhythm() -> ir.Table:
    """First and last purchase day and week, distinct days and weeks, and gaps between days."""
    days = _baskets().select("window", "household_key", "day").distinct()
    order = ibis.window(group_by=WINDOW_KEY, order_by="day")
    previous = days.day.lag().over(order)
    days = days.mutate(gap=(days.day - previous).cast("float64"), new_week=week_of(days.day) != week_of(previous))
    return days.group_by(WINDOW_KEY).agg(
        first_purchase=days.day.min(),
        last_purchase=days.day.max(),
        n_gaps=days.gap.count(),
        gap_squares=(days.gap * days.gap).sum(),
        weeks_with_purchase=days.new_week.fill_null(True).cast("int32").sum(),
    )


def _contents() -> ir.Table:
    """What was bought: products, departments, brands, items; money in cents."""
    lines, products = unbound("transactions"), unbound("products")
    slim = lines.select(
        "household_key",
        "product_id",
        "day",
        "quantity",
        sales=in_cents(lines.sales_value),
        discounted=(lines.retail_disc > 0).cast("float64"),
    )
    in_window = within(slim, windows_table())
    by_product = in_window.group_by(*WINDOW_KEY, "product_id").agg(
        n_lines=in_window.count(),
        n_discounted=in_window.discounted.sum(),
        quantity=in_window.quantity.cast("float64").sum(),
        sales=in_window.sales.sum(),
    )
    known = products.select(
        "product_id",
        "department",
        "brand",
        fuel=is_fuel(products),
        macro=macro_category(products.department),
    )
    joined = by_product.left_join(known, "product_id")
    by_department = joined.group_by(
        *WINDOW_KEY,
        "department",
        fuel=joined.fuel.fill_null(False),
        macro=joined.macro.fill_null(OTHER),
        branded=joined.brand.notnull(),
        private=(joined.brand == "Private").fill_null(False),
    ).agg(
        n_products=joined.count(),
        n_lines=joined.n_lines.cast("float64").sum(),
        n_discounted=joined.n_discounted.sum(),
        quantity=joined.quantity.sum(),
        sales=joined.sales.sum(),
    )
    d = by_department
    return d.group_by(WINDOW_KEY).agg(
        n_products=d.n_products.cast("float64").sum(),
        n_departments=d.department.nunique(where=~d.fuel),
        n_items=ibis.ifelse(d.fuel, 0.0, d.quantity).sum(),
        n_discounted=d.n_discounted.sum(),
        n_branded=ibis.ifelse(d.branded, d.n_lines, 0.0).sum(),
        n_private_label=ibis.ifelse(d.private & ~d.fuel, d.n_lines, 0.0).sum(),
        n_brand_choices=ibis.ifelse(d.branded & ~d.fuel, d.n_lines, 0.0).sum(),
        **{f"sales_{macro}": ibis.ifelse(d.macro == macro, d.sales, 0.0).sum() for macro in (*MACRO_CATEGORIES, OTHER)},
    )


def _features(t: ir.Table) -> ir.Table:
    last_day = t.index_day - 1
    last_week = week_of(last_day)
    # Tenure starts at the first purchase in the data, but no earlier than the window does.
    tenure_start = ibis.greatest(t.first_seen, t.first_day)
    tenure = last_day - tenure_start
    tenure_weeks = last_week - week_of(tenure_start) + 1
    recency = last_day - t.last_purchase
    mean_gap = ratio(t.last_purchase - t.first_purchase, t.n_gaps)
    gap_variance = _not_negative(ratio(t.gap_squares, t.n_gaps) - mean_gap * mean_gap)
    sales, actual = t.sales / 100, (t.sales - t.coupon_disc) / 100
    spread = t.sales_squared - ratio(t.sales * t.sales, t.frequency)
    basket_variance = ratio(_not_negative(spread), t.frequency - 1)
    discounts = t.retail_disc + t.coupon_disc
    per_week = ratio(t.frequency, tenure_weeks)
    purchase_weeks = week_of(t.last_purchase) - week_of(t.first_purchase) + 1
    return t.select(
        *WINDOW_KEY,
        recency=recency,
        recency_weeks=last_week - week_of(t.last_purchase),
        active_last_4w=(recency <= 28).cast("int32"),
        active_last_12w=(recency <= 84).cast("int32"),
        days_between_purchases_avg=mean_gap,
        days_between_purchases_std=gap_variance.sqrt(),
        frequency=t.frequency,
        frequency_per_week=per_week,
        frequency_per_month=per_week * WEEKS_PER_MONTH,
        transaction_count=t.transaction_count,
        weeks_with_purchase=t.weeks_with_purchase,
        purchase_regularity=ratio(t.weeks_with_purchase, tenure_weeks),
        monetary_sales=sales,
        monetary_actual=actual,
        monetary_avg_basket_sales=ratio(sales, t.frequency),
        monetary_avg_basket_actual=ratio(actual, t.frequency),
        monetary_std=basket_variance.sqrt() / 100,
        monetary_per_week=ratio(sales, tenure_weeks),
        coupon_savings_ratio=ratio(t.coupon_disc, t.sales),
        discount_rate=ratio(discounts, t.sales + discounts),
        discount_usage_pct=ratio(t.n_discounted, t.n_branded),
        private_label_ratio=ratio(t.n_private_label, t.n_brand_choices),
        n_departments=t.n_departments,
        n_products=t.n_products,
        avg_items_per_basket=ratio(t.n_items, t.frequency),
        avg_products_per_basket=ratio(t.n_products, t.frequency),
        **{f"share_{macro}": ratio(t[f"sales_{macro}"], t.sales) for macro in (*MACRO_CATEGORIES, OTHER)},
        week_coverage=ratio(t.weeks_with_purchase, purchase_weeks),
        tenure=tenure,
        tenure_weeks=tenure_weeks,
    )


def _not_negative(variance: ir.FloatingValue) -> ir.FloatingValue:
    # Rounding can leave a variance just below 0. `greatest` would turn a null into 0.
    return ibis.ifelse(variance < 0, 0.0, variance)
