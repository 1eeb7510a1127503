"""Purchases in a window: the outcomes of a trial. When a household was first seen."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from dunnhumby_pipeline.contracts.outcomes import AMOUNTS, BOUGHT
from dunnhumby_pipeline.engine.compile import UNITS, unbound
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.features.baskets import baskets
from dunnhumby_pipeline.features.departments import is_fuel
from dunnhumby_pipeline.features.windows import WINDOW_KEY, in_dollars, in_units, windows_table, within
from dunnhumby_pipeline.settings import EconomicsSettings, EngineSettings

# A unit of money times a weight is summed in parts of it that float64 holds exactly.
_PARTS = 2.0**16


def purchases() -> ir.Table:
    """Spend and trips of each household in each window: purchase_amount ($), purchase_count (baskets).

    Over the unbound tables `transactions` and `windows`. Households without a line in a window have
    no row: their amount and count are 0 by definition, for the caller to say.
    """
    in_window = within(baskets(), windows_table())
    return (
        in_window.group_by(WINDOW_KEY)
        .agg(purchase_amount=in_dollars(in_window.sales.sum()), purchase_count=in_window.count())
        .order_by(WINDOW_KEY)
    )


def weighed_purchases(margin: float = EconomicsSettings().margin) -> ir.Table:
    """What each household bought in each window: a column for each outcome that is bought.

    Over the unbound tables `transactions`, `products`, `windows` and `margin_weights`. `margin`: profit per $ of
    sales where a department has no weight, 0 to 1. A line is weighed by its department; where there is no weight, or
    the product is not known, it counts with its sales. Fuel is what `departments.is_fuel` says.
    """
    in_window = within(_weighed_baskets(margin), windows_table()).mutate(one_dollar=UNITS)
    bought = {
        name: in_dollars(measure(in_window)) if name in AMOUNTS else measure(in_window)
        for name, measure in BOUGHT.items()
    }
    return in_window.group_by(WINDOW_KEY).agg(**bought).order_by(WINDOW_KEY)


def margin_weights_table() -> ir.Table:
    """The unbound table of weights: `department`, each once, and `weight`, a multiple of the average margin."""
    return ibis.table({"department": "string", "weight": "float64"}, name="margin_weights")


def first_purchases(transactions: TablePath, engine: EngineSettings) -> pd.DataFrame:
    """One row per household in the data: household_key and first_seen, the DAY of its first line."""
    with connect(engine) as connection:
        lines = table_at(connection, transactions)
        query = f"SELECT household_key, min(day) AS first_seen FROM {lines} GROUP BY ALL ORDER BY household_key"
        return connection.execute(query).df()


def _weighed_baskets(margin: float) -> ir.Table:
    """One row per household and basket: day, `margin`, and in units of money sales, sales without fuel, weighed sales,
    the retailer's match, and weighed sales before the match was taken off.
    """
    lines, products, weights = unbound("transactions"), unbound("products"), margin_weights_table()
    kinds = products.left_join(weights, "department").select("product_id", "weight", fuel=is_fuel(products))
    # Most lines are neither fuel nor weighed: those are never joined to their product.
    special = lines.join(kinds.filter(kinds.fuel | kinds.weight.notnull()), "product_id")
    sales, match = in_units(special.sales_value), in_units(special.coupon_match_disc)
    changes = special.group_by("household_key", "basket_id").agg(
        fuel=special.fuel.ifelse(sales, 0.0).sum(),
        gain=(_weighed(sales, special.weight) - sales).sum(),
        match_gain=(_weighed(match, special.weight) - match).sum(),
    )
    b = baskets()
    joined = b.left_join(changes, ["household_key", "basket_id"])
    return joined.select(
        "household_key",
        "day",
        "sales",
        without_fuel=joined.sales - joined.fuel.fill_null(0.0),
        weighed=joined.sales + joined.gain.fill_null(0.0),
        match=joined.coupon_match_disc,
        weighed_before_match=joined.sales
        + joined.gain.fill_null(0.0)
        + joined.coupon_match_disc
        + joined.match_gain.fill_null(0.0),
        margin=ibis.literal(margin, "float64"),
    )


def _weighed(units: ir.FloatingValue, weight: ir.FloatingValue) -> ir.FloatingValue:
    """Units of money times the weight of their department, where there is one."""
    return (units * weight.fill_null(1.0) * _PARTS).round().cast("float64") / _PARTS
