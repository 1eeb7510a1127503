"""The products of the simulated retailer, their prices by week, and the pools that lines are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.schema import week_of_day
from dunnhumby_pipeline.simulate.plan import Bools, Floats, Ints, RetailerPlan

TASTE_SLOTS, REGULAR_SLOTS, PROMOTED_SLOTS = 256, 512, 16
DISCOUNTS = (0.1, 0.15, 0.2, 0.25, 0.33, 0.4)
FUEL_PRICE = 0.0027


class Department(NamedTuple):
    """`kinds` are commodity > sub-commodity; `price` is the typical one of a lot ($). `need`: of the households that
    come for them; a department of the products table may be several of these."""

    name: str
    line_share: float
    price: float
    private_share: float
    kinds: tuple[str, ...]
    need: str = ""


GASOLINE = "COUPON/MISC ITEMS > GASOLINE-REG UNLEADED"
GROCERIES = ("SOFT DRINKS > SOFT DRINKS 12PK", "FLUID MILK PRODUCTS > WHITE ONLY", "CHEESE > SHREDDED CHEESE")
BABY = ("BABY FOODS > JUNIOR ALL BRANDS", "DIAPERS & DISPOSABLES > BABY DIAPERS", "INFANT FORMULA > STARTING")
PETS = ("CAT FOOD > CAN CAT FOOD", "DOG FOODS > DRY DOG PREMIUM", "CAT LITTER > CAT LITTER")
NATURAL = ("ORGANICS FRUIT & VEGETABLES > GREENS", "CHIPS&SNACKS > CORN CHIPS", "CEREAL/BREAKFAST > GRANOLA")
DRINKS = ("DOMESTIC WINE > DRY TABLE WINES", "IMPORTED WINE > TABLE WINES", "LIQUOR > VODKA")
DEPARTMENTS = (
    Department("GROCERY", 0.565, 2.3, 0.30, GROCERIES),
    Department("DRUG GM", 0.110, 3.6, 0.15, ("CANDY - CHECKLANE > CANDY BARS", "VITAMINS > MINERALS")),
    Department("PRODUCE", 0.105, 1.9, 0.15, ("TROPICAL FRUIT > BANANAS", "POTATOES > POTATOES RUSSET")),
    Department("MEAT-PCKGD", 0.045, 3.0, 0.25, ("LUNCHMEAT > BOLOGNA", "HOT DOGS > HOT DOGS - BASE MEAT")),
    Department("MEAT", 0.034, 5.5, 0.10, ("BEEF > CHOICE BEEF", "CHICKEN > CHICKEN BREAST BONELESS")),
    Department("DELI", 0.030, 4.2, 0.20, ("DELI MEATS > MEAT: HAM BULK", "SALADS/DIPS > SALAD: POTATO")),
    Department("PASTRY", 0.028, 2.8, 0.35, ("SWEET GOODS & SNACKS > SW GDS: DONUTS",)),
    Department("NUTRITION", 0.018, 2.9, 0.10, ("FITNESS&DIET > FITNESS&DIET - BARS",)),
    Department("FROZEN GROCERY", 0.012, 3.1, 0.25, ("FROZEN PIZZA > PIZZA/PREMIUM",)),
    Department("SEAFOOD-PCKGD", 0.010, 5.8, 0.30, ("SEAFOOD - FROZEN > SEAFOOD-FRZ-RW-ALL",)),
    Department("COSMETICS", 0.008, 5.0, 0.05, ("MAKEUP AND TREATMENT > REVLON",)),
    Department("SPIRITS", 0.008, 11.0, 0.02, ("LIQUOR > BOURBON/TN WHISKEY",)),
    Department("SALAD BAR", 0.006, 3.4, 0.50, ("SALAD BAR > SALAD BAR FRESH FRUIT",)),
    Department("FLORAL", 0.004, 6.5, 0.20, ("CUT FLOWERS > BOUQUET (NON ROSE)",)),
    Department("CHEF SHOPPE", 0.003, 4.6, 0.40, ("PREPARED FOOD > PREPARED FOOD: HOT",)),
    Department("KIOSK-GAS", 0.010, 0.0, 1.0, (GASOLINE,)),
    Department("MISC SALES TRAN", 0.004, 4.0, 1.0, (GASOLINE, "MISC SALES TRANS > MISC SALES TRANS")),
    # No household's taste: the till books paper coupons as lines of quantity 0 or of no value.
    Department("COUP/STR & MFG", 0.0, 0.0, 0.0, ("COUPON/MISC ITEMS > ELECTRONIC COUPON",)),
)
# Where a plan has needs: each is what its households come for, and others buy little of.
NEED_DEPARTMENTS = (
    Department("DRUG GM", 0.015, 6.0, 0.10, BABY, "baby"),
    Department("GROCERY", 0.015, 4.0, 0.20, PETS, "pets"),
    Department("NUTRITION", 0.015, 3.2, 0.10, NATURAL, "natural and organic"),
    Department("GROCERY", 0.015, 8.0, 0.05, DRINKS, "celebration"),
)
# Fuel, and what the till books: at the end.
_OF_THE_TILL = 3
FRESH = ("PRODUCE", "MEAT", "MEAT-PCKGD", "DELI", "SEAFOOD-PCKGD", "SALAD BAR", "CHEF SHOPPE")
NEVER_PROMOTED = ("KIOSK-GAS", "MISC SALES TRAN", "COUP/STR & MFG")


def departments_of(plan: RetailerPlan) -> tuple[Department, ...]:
    """The departments that lines are drawn from, two pools each: own brands and others; the till's come last."""
    if not plan.needs:
        return DEPARTMENTS
    return (*DEPARTMENTS[:-_OF_THE_TILL], *NEED_DEPARTMENTS, *DEPARTMENTS[-_OF_THE_TILL:])


@dataclass(frozen=True)
class Catalogue:
    """Products (by position, in order of their id), prices by week, and the pools they are drawn from.

    `sale_cents[week, product]` is the price of one lot with the promotion of the week taken off;
    `regular_mean` and `promoted_mean` [week, pool] are its means ($) over a pool's slots.
    """

    products: pd.DataFrame
    lot_units: Ints
    shelf_cents: Ints
    sale_cents: Ints
    on_promotion: Bools
    fresh: Bools
    regular_slots: Ints
    promoted_slots: Ints
    regular_mean: Floats
    promoted_mean: Floats


def _simulate_products(n_products: int, departments: tuple[Department, ...], rng: np.random.Generator) -> pd.DataFrame:
    """Products with their department, brand, kind, price of a lot (cents) and units a lot."""
    shares = np.array([d.line_share for d in departments]) ** 0.6
    counts = np.maximum(12, np.floor(n_products * shares / shares.sum())).astype(int)
    counts[0] += n_products - counts.sum()
    department = np.repeat(np.arange(len(departments)), counts)
    order = np.concatenate([np.arange(count) for count in counts])
    n_private = np.maximum(3, counts * [d.private_share for d in departments])
    private = order < n_private[department]
    houses = [departments[d] for d in department]
    kinds = [house.kinds[i % len(house.kinds)] for house, i in zip(houses, order, strict=True)]
    gasoline = np.array([kind == GASOLINE for kind in kinds])
    units = np.where(gasoline, rng.integers(2000, 9000, n_products), 1)
    typical = np.array([house.price for house in houses]) * np.where(private, 0.85, 1.05)
    price = np.where(gasoline, units * FUEL_PRICE, typical * rng.lognormal(-0.08, 0.4, n_products))
    count, unit = rng.integers(1, 64, n_products), rng.choice([" OZ", " CT", " LB"], n_products)
    products = pd.DataFrame(
        {
            "manufacturer": np.where(private, 69, rng.integers(70, 6000, n_products)),
            "department": [house.name for house in houses],
            "brand": np.where(private, "Private", "National"),
            "commodity_desc": [kind.split(" > ")[0] for kind in kinds],
            "sub_commodity_desc": [kind.split(" > ")[1] for kind in kinds],
            "curr_size_of_product": np.where(rng.random(n_products) < 0.05, "", np.char.add(count.astype(str), unit)),
            "position": department,
            "cents": np.where(price > 0, np.maximum(25, np.round(100 * price)), 0).astype(np.int64),
            "units": units,
        }
    )
    products = products.iloc[rng.permutation(n_products)].reset_index(drop=True)
    steps = rng.integers(1, 34_000_000 // n_products, n_products)
    products.insert(0, "product_id", 25_000 + np.cumsum(steps))
    return products


def _slots(members: Ints, count: int, rng: np.random.Generator) -> Ints:
    """`count` slots of a pool's products, filled in proportion to a popularity that falls off slowly."""
    popularity = rng.permutation(1.0 / (np.arange(len(members)) + 3.0))
    middles = (np.arange(count) + 0.5) / count * popularity.sum()
    return members[np.minimum(np.searchsorted(np.cumsum(popularity), middles), len(members) - 1)]


def build_catalogue(plan: RetailerPlan, rng: np.random.Generator) -> Catalogue:
    """Products, their weekly promotions and the slot tables that lines are drawn from."""
    departments = departments_of(plan)
    n_pools = 2 * len(departments)
    products = _simulate_products(plan.n_products, departments, rng)
    n_weeks = week_of_day(plan.n_days) + 1
    position = products["position"].to_numpy()
    private = (products["brand"] == "Private").to_numpy()
    shelf = products["cents"].to_numpy(np.int64)
    discount = np.zeros((n_weeks, plan.n_products))
    regular = np.zeros((n_pools, REGULAR_SLOTS), dtype=np.int64)
    promoted = np.zeros((n_weeks, n_pools, PROMOTED_SLOTS), dtype=np.int64)
    for pool in range(n_pools):
        never = departments[pool // 2].name in NEVER_PROMOTED
        # Fuel has one brand, so a household reaches it whichever brand it leans to.
        members = np.flatnonzero((position == pool // 2) & ((private == pool % 2) | never))
        regular[pool] = _slots(members, REGULAR_SLOTS, rng)
        if never:
            promoted[:, pool] = rng.choice(regular[pool], (n_weeks, PROMOTED_SLOTS))
            continue
        n_on = max(1, round(0.08 * len(members)))
        on = rng.permuted(np.tile(members, (n_weeks, 1)), axis=1)[:, :n_on]
        promoted[:, pool] = on[:, np.arange(PROMOTED_SLOTS) % n_on]
        np.put_along_axis(discount, on, rng.choice(DISCOUNTS, on.shape), axis=1)
    sale = np.round(shelf * (1 - discount)).astype(np.int64)
    return Catalogue(
        products=products.drop(columns=["position", "cents", "units"]),
        lot_units=products["units"].to_numpy(np.int64),
        shelf_cents=shelf,
        sale_cents=sale,
        on_promotion=discount > 0,
        fresh=products["department"].isin(FRESH).to_numpy(),
        regular_slots=regular,
        promoted_slots=promoted,
        regular_mean=sale[:, regular].mean(axis=2) / 100,
        promoted_mean=sale[np.arange(n_weeks)[:, None, None], promoted].mean(axis=2) / 100,
    )
