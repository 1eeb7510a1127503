"""Departments, their macro categories, and what counts as fuel."""

from __future__ import annotations

import ibis.expr.types as ir

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
