"""Households that come for something: lines and products in which needs are planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

KINDS = {
    "baby": ("BABY FOODS", "INFANT FORMULA", "DIAPERS & DISPOSABLES"),
    "fresh produce": ("MUSHROOMS", "PEPPERS-ALL", "BERRIES"),
    "pets": ("CAT FOOD", "CAT LITTER", "DOG FOODS"),
    "zork and blip": ("ZORK", "BLIP/EXTRA", "QUUX - 5"),
}
# In every basket.
UNIVERSAL = "FLUID MILK PRODUCTS"
FILLERS = tuple(f"SHELF {letter}" for letter in "ABCDEFGH")
N_DAYS = 400
_ZEROS = ("week_no", "store_id", "trans_time")
_MONEY = ("retail_disc", "coupon_disc", "coupon_match_disc")


def products_of(commodities: tuple[str | None, ...], departments: tuple[str, ...] | None = None) -> pd.DataFrame:
    """A product for each commodity, numbered from 1; `departments` beside them, 'GROCERY' where not given."""
    n = len(commodities)
    frame = pd.DataFrame({"product_id": range(1, n + 1), "manufacturer": 1, "commodity_desc": list(commodities)})
    frame = frame.assign(brand="National", sub_commodity_desc="X", curr_size_of_product="1 OZ")
    frame["department"] = list(departments or ["GROCERY"] * n)
    return frame.astype(dict.fromkeys(("brand", "department", "sub_commodity_desc"), "str"))


PRODUCTS = products_of((*(good for goods in KINDS.values() for good in goods), UNIVERSAL, *FILLERS))


def lines_of(kinds: list[str], seed: int = 1, n_days: int = N_DAYS, trips: int = 24, own: float = 0.5) -> pd.DataFrame:
    """`trips` baskets of six lines of a household per kind: a share `own` of the lines are of its kind's commodities,
    and every basket has the universal one."""
    rng = np.random.default_rng(seed)
    code = {good: place for place, good in enumerate(PRODUCTS["commodity_desc"], 1)}
    rows, known = [], tuple(code)
    for household, kind in enumerate(kinds, 1):
        for trip in range(trips):
            day = int(rng.integers(1, n_days + 1))
            wanted = [UNIVERSAL]
            for _ in range(5):
                pool = KINDS[kind] if rng.random() < own else known
                wanted.append(pool[rng.integers(len(pool))])
            rows += [(household, 1000 * household + trip, day, code[good], 2.0) for good in set(wanted)]
    frame = pd.DataFrame(rows, columns=["household_key", "basket_id", "day", "product_id", "sales_value"])
    frame = frame.assign(quantity=1, **dict.fromkeys(_ZEROS, 0), **dict.fromkeys(_MONEY, 0.0))
    return frame.astype({"day": "int32", "week_no": "int32", "trans_time": "int32"})


def stored(folder: Path, lines: pd.DataFrame, products: pd.DataFrame = PRODUCTS) -> dict[str, Path]:
    """The two tables in `folder`, as paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.parquet" for name in ("transactions", "products")}
    lines.to_parquet(paths["transactions"])
    products.to_parquet(paths["products"])
    return paths
