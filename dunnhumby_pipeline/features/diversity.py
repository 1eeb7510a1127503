"""How widely a household buys: over departments, and within a basket. Fuel and unknown products aside."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.departments import is_fuel
from dunnhumby_pipeline.features.windows import WINDOW_KEY, in_units, ratio, windows_table, within


def department_diversity() -> ir.Table:
    """Diversity of departments over the unbound tables `transactions`, `products` and `windows`.

    Rows: every household with a line of a known department other than fuel in a window. Columns: window,
    household_key, effective_departments (Hill number of order 2, null without sales) and
    departments_per_basket, as `catalogue` describes them.
    """
    bought = _basket_departments()
    in_baskets = bought.group_by("household_key", "basket_id", "day").agg(n_departments=bought.count())
    widths = within(in_baskets, windows_table())
    baskets = widths.group_by(WINDOW_KEY).agg(
        departments_per_basket=ratio(widths.n_departments.cast("float64").sum(), widths.count())
    )
    in_window = within(bought, windows_table())
    d = in_window.group_by(*WINDOW_KEY, "department").agg(sales=in_window.sales.sum())
    # Squares of whole units add up exactly, in any order; an entropy would not.
    totals = d.group_by(WINDOW_KEY).agg(sales=d.sales.sum(), squares=(d.sales * d.sales).sum())
    joined = totals.join(baskets, WINDOW_KEY)
    return joined.select(
        *WINDOW_KEY,
        effective_departments=ratio(joined.sales * joined.sales, joined.squares),
        departments_per_basket=joined.departments_per_basket,
    ).order_by(WINDOW_KEY)


def _basket_departments() -> ir.Table:
    """One row per household, basket, day and department bought from; sales in whole units."""
    lines, products = unbound("transactions"), unbound("products")
    goods = products.filter(products.department.notnull() & ~is_fuel(products)).select("product_id", "department")
    joined = lines.join(goods, "product_id")
    return joined.group_by("household_key", "basket_id", "day", "department").agg(
        sales=in_units(joined.sales_value).sum()
    )
