"""Departments, their macro categories, and what counts as fuel."""

from __future__ import annotations

import ibis.expr.types as ir

from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.features.windows import in_units

MACRO_CATEGORIES: dict[str, tuple[str, ...]] = {
    "grocery": ("GROCERY", "FROZEN GROCERY", "GRO BAKERY"),
    "fresh": (
        "PRODUCE",
        "MEAT",
        "MEAT-PCKGD",
        "MEAT-WHSE",
        "PORK",
        "SEAFOOD",
        "SEAFOOD-PCKGD",
        "DELI",
        "DELI/SNACK BAR",
        "DAIRY DELI",
        "CHEF SHOPPE",
        "SALAD BAR",
    ),
    "bakery": ("PASTRY",),
    "health_beauty": ("DRUG GM", "NUTRITION", "COSMETICS", "RX", "PHARMACY SUPPLY", "HBC"),
    "alcohol": ("SPIRITS",),
}
OTHER = "other"

_FUEL_DEPARTMENTS = ("KIOSK-GAS", "FUEL")
_MIXED_DEPARTMENTS = ("MISC SALES TRAN", "MISC. TRANS.", "MISCELLANEOUS")


def macro_category(department: ir.StringValue) -> ir.StringValue:
    """Macro category of a department; everything not listed, null included, is 'other'."""
    import ibis

    branches = [(department.isin(names), macro) for macro, names in MACRO_CATEGORIES.items()]
    return ibis.cases(*branches, else_=OTHER)


def is_fuel(products: ir.Table) -> ir.BooleanValue:
    """Whether a product is fuel: a fuel department, or a gasoline line of a mixed department.

    Fuel is sold in units of thousandths, so its quantities are not item counts. Null-safe: a line
    without a product is not fuel.
    """
    gasoline = products.sub_commodity_desc.startswith("GASOLINE")
    fuel = products.department.isin(_FUEL_DEPARTMENTS) | (products.department.isin(_MIXED_DEPARTMENTS) & gasoline)
    return fuel.fill_null(False)


def department_days() -> ir.Table:
    """One row per household, day and department bought from, fuel apart: what was bought, in numbers that add up.

    Columns beyond the key (household_key, day, department, fuel; a line whose product or department is not known has
    none, and is no fuel): n_branded and n_private (lines whose brand is known, and is the shop's own), n_discounted
    (lines), quantity, sales (whole units of money). Over the unbound tables `transactions` and `products`.
    """
    lines, products = unbound("transactions"), unbound("products")
    known = products.select("product_id", "department", "brand", fuel=is_fuel(products))
    slim = lines.select(
        "household_key",
        "product_id",
        "day",
        "quantity",
        sales=in_units(lines.sales_value),
        discounted=(lines.retail_disc > 0).cast("float64"),
    )
    joined = slim.left_join(known, "product_id")
    return joined.group_by("household_key", "day", "department", fuel=joined.fuel.fill_null(False)).agg(
        n_branded=joined.brand.notnull().cast("float64").sum(),
        n_private=(joined.brand == "Private").fill_null(False).cast("float64").sum(),
        n_discounted=joined.discounted.sum(),
        quantity=joined.quantity.cast("float64").sum(),
        sales=joined.sales.sum(),
    )
