"""The simulated retailer: its plan, its products and calendar, its households and what they buy unprompted.

Everything here is behaviour *without* campaigns; `simulate` adds campaigns, their effect and the files.

Shopping is built so that expected spend is known exactly, not estimated:

- trips of a household on a day are Poisson with a known rate (times a random mood of mean 1);
- a basket holds 1 + Poisson((L - 1) g) draws, L known and g lognormal with mean 1, so L draws on average;
- a draw picks a pool (department and brand), a product of it and a number of lots from finite tables in
  which every slot is equally likely, so expected prices are plain means over slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit, logit

from dunnhumby_pipeline.contracts.schema import week_of_day

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LOOK_BACK_DAYS = 182
FOLLOW_UP_DAYS = 28
FIRST_CAMPAIGN_DAY = 224
CAMPAIGN_SPACING = 92
CAMPAIGN_LENGTHS = (41, 47, 49, 48, 46)
MOOD_DAYS = 28

TASTE_SLOTS, REGULAR_SLOTS, PROMOTED_SLOTS = 256, 512, 16
DISCOUNTS = (0.1, 0.15, 0.2, 0.25, 0.33, 0.4)
FUEL_PRICE = 0.0027
# Lots bought in one draw; one slot each, so that the mean below is exact.
LOTS = np.repeat(np.array([1, 2, 3, 4]), [176, 56, 14, 10])
MEAN_LOTS = float(LOTS.mean())
BASKET_SIZE_SPREAD = 0.85
MOOD_SHAPE = 4.0


class RetailerPlan(BaseModel):
    """What to simulate. Immutable; a ValidationError names the setting, its bound and what was found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_households: int = Field(default=2500, ge=1, le=50_000_000, description="households")
    n_days: int = Field(default=711, ge=300, le=1100, description="days; TypeA campaigns fill them")
    seed: int = Field(default=20261122, ge=0, description="the same plan gives the same bytes")
    n_products: int = Field(default=4000, ge=400, le=50_000, description="products")
    n_stores: int = Field(default=40, ge=2, le=1000, description="stores")
    trips_per_week: float = Field(default=1.2, ge=0.05, le=3, description="trips of an average household")
    lines_per_basket: float = Field(default=9.0, ge=1.5, le=20, description="mean draws in a basket")
    target_share: float = Field(default=0.28, gt=0.01, lt=0.9, description="share TypeA targets")
    targeting_strength: float = Field(default=0.75, ge=0, le=3, description="sd of TypeA propensity logits")
    effect_mean: float = Field(default=60.0, ge=0, le=1000, description="$ in the outcome window")
    effect_sd: float = Field(default=40.0, ge=0, le=1000, description="$; spread of the effect over trials")
    n_type_b: int = Field(default=6, ge=0, le=40, description="TypeB campaigns, without effect")
    n_type_c: int = Field(default=3, ge=0, le=20, description="TypeC campaigns, without effect")
    demographics_share: float = Field(default=0.30, ge=0, le=1, description="share of known households")


def stream(plan: RetailerPlan, *key: int) -> np.random.Generator:
    """The random stream of one purpose (and chunk): the same whatever else was drawn."""
    return np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=key))


class Department(NamedTuple):
    """`kinds` are commodity > sub-commodity; `price` is the typical one of a lot ($)."""

    name: str
    line_share: float
    price: float
    private_share: float
    kinds: tuple[str, ...]


GASOLINE = "COUPON/MISC ITEMS > GASOLINE-REG UNLEADED"
GROCERIES = ("SOFT DRINKS > SOFT DRINKS 12PK", "FLUID MILK PRODUCTS > WHITE ONLY", "CHEESE > SHREDDED CHEESE")
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
N_POOLS = 2 * len(DEPARTMENTS)
FRESH = ("PRODUCE", "MEAT", "MEAT-PCKGD", "DELI", "SEAFOOD-PCKGD", "SALAD BAR", "CHEF SHOPPE")
NEVER_PROMOTED = ("KIOSK-GAS", "MISC SALES TRAN", "COUP/STR & MFG")
# Of a household's trips, lines, promotion seeking and private leaning, beyond its type.
CORRELATIONS = ((1, -0.25, 0.1, 0), (-0.25, 1, 0.2, 0.1), (0.1, 0.2, 1, 0.4), (0, 0.1, 0.4, 1))


class Type(NamedTuple):
    """A type of household: multipliers of trips and lines, and means of two inclinations."""

    name: str
    share: float
    trips: float
    lines: float
    promotion_seeking: float
    private: float
    tastes: dict[str, float]


TYPES = (
    Type("big family", 0.18, 1.35, 1.5, 0.38, 0.30, {"GROCERY": 1.2, "MEAT-PCKGD": 1.6, "KIOSK-GAS": 1.3}),
    Type("fresh cook", 0.17, 1.20, 1.0, 0.25, 0.12, {"PRODUCE": 2.3, "MEAT": 2.2, "SEAFOOD-PCKGD": 3.0}),
    Type("bargain hunter", 0.20, 1.00, 1.0, 0.58, 0.42, {"GROCERY": 1.3, "DRUG GM": 1.2}),
    Type("convenience", 0.20, 1.10, 0.5, 0.18, 0.18, {"DELI": 2.5, "SPIRITS": 3.0, "PASTRY": 1.8}),
    Type("stock-up", 0.10, 0.50, 2.0, 0.45, 0.25, {"FROZEN GROCERY": 3.0, "MEAT": 1.5}),
    Type("light", 0.15, 0.18, 0.6, 0.30, 0.22, {"DRUG GM": 2.0}),
)


@dataclass(frozen=True)
class Campaign:
    """One campaign: its days are inclusive. `type` is TypeA, TypeB or TypeC."""

    campaign: int
    type: str
    start: int
    end: int

    @property
    def outcome_end(self) -> int:
        return self.end + FOLLOW_UP_DAYS


def plan_campaigns(plan: RetailerPlan, rng: np.random.Generator) -> tuple[Campaign, ...]:
    """The calendar, ordered by start day; TypeA outcome windows `[start, end + 28]` never overlap."""
    starts = range(FIRST_CAMPAIGN_DAY, plan.n_days, CAMPAIGN_SPACING)
    spans = [("TypeA", s, s + CAMPAIGN_LENGTHS[i % len(CAMPAIGN_LENGTHS)] - 1) for i, s in enumerate(starts)]
    spans = [span for span in spans if span[2] + FOLLOW_UP_DAYS <= plan.n_days]
    for kind, count, length in (("TypeB", plan.n_type_b, 33), ("TypeC", plan.n_type_c, 54)):
        days = np.linspace(100, plan.n_days - length - 14, count).astype(int)
        spans += [(kind, int(day), int(day) + length - 1) for day in days]
    ids = rng.permutation(len(spans)) + 1
    campaigns = (Campaign(int(i), *span) for i, span in zip(ids, spans, strict=True))
    return tuple(sorted(campaigns, key=lambda campaign: (campaign.start, campaign.campaign)))


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


def _simulate_products(n_products: int, rng: np.random.Generator) -> pd.DataFrame:
    """Products with their department, brand, kind, price of a lot (cents) and units a lot."""
    shares = np.array([d.line_share for d in DEPARTMENTS]) ** 0.6
    counts = np.maximum(12, np.floor(n_products * shares / shares.sum())).astype(int)
    counts[0] += n_products - counts.sum()
    department = np.repeat(np.arange(len(DEPARTMENTS)), counts)
    order = np.concatenate([np.arange(count) for count in counts])
    n_private = np.maximum(3, counts * [d.private_share for d in DEPARTMENTS])
    private = order < n_private[department]
    houses = [DEPARTMENTS[d] for d in department]
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
    products = _simulate_products(plan.n_products, rng)
    n_weeks = week_of_day(plan.n_days) + 1
    position = products["position"].to_numpy()
    private = (products["brand"] == "Private").to_numpy()
    shelf = products["cents"].to_numpy(np.int64)
    discount = np.zeros((n_weeks, plan.n_products))
    regular = np.zeros((N_POOLS, REGULAR_SLOTS), dtype=np.int64)
    promoted = np.zeros((n_weeks, N_POOLS, PROMOTED_SLOTS), dtype=np.int64)
    for pool in range(N_POOLS):
        never = DEPARTMENTS[pool // 2].name in NEVER_PROMOTED
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


@dataclass(frozen=True)
class Retailer:
    """What all households share. `week` [n_days + 1] is the week of each day."""

    plan: RetailerPlan
    catalogue: Catalogue
    campaigns: tuple[Campaign, ...]
    week: Ints

    @classmethod
    def open(cls, plan: RetailerPlan) -> Retailer:
        week = np.array([week_of_day(day) for day in range(plan.n_days + 1)])
        return cls(plan, build_catalogue(plan, stream(plan, 0)), plan_campaigns(plan, stream(plan, 1)), week)

    def store_id(self, store: Ints) -> Ints:
        return 286 + 7 * store

    @property
    def type_a(self) -> tuple[Campaign, ...]:
        return tuple(campaign for campaign in self.campaigns if campaign.type == "TypeA")


@dataclass(frozen=True)
class Households:
    """Latent parameters of n households; all arrays start with the axis of households.

    A draw looks for a promotion with probability `seek_65536` / 65536; `rate` [n, n_days + 1] is expected
    trips on each day; `basket_spend` [n, weeks + 1] is the expected spend of one basket ($) in each week.
    """

    segment: NDArray[np.str_]
    trips_per_week: Floats
    lines_per_basket: Floats
    seek_65536: Ints
    private_share: Floats
    first_day: Ints
    last_day: Ints
    home_store: Ints
    hour: Floats
    redeeming: Floats
    taste_slots: NDArray[np.uint8]
    rate: Floats
    basket_spend: Floats

    def __len__(self) -> int:
        return len(self.segment)

    def described(self, first_key: int) -> pd.DataFrame:
        """One row per household, keyed from `first_key`: its segment's name and its scalar parameters."""
        scalars = {name: values for name, values in vars(self).items() if values.ndim == 1}
        return pd.DataFrame({"household_key": first_key + np.arange(len(self)), **scalars})

    def expected_spend(self, shop: Retailer, first: int, last: int) -> Floats:
        """Expected spend ($) of each household over days first..last, both included."""
        days = np.arange(first, last + 1)
        return np.asarray((self.rate[:, days] * self.basket_spend[:, shop.week[days]]).sum(axis=1))


def draw_households(shop: Retailer, n: int, rng: np.random.Generator) -> Households:
    """n households: correlated rhythm, basket size, discount seeking, brand leaning and tastes."""
    plan, catalogue = shop.plan, shop.catalogue
    kind = rng.choice(len(TYPES), n, p=[t.share for t in TYPES])
    z = rng.multivariate_normal(np.zeros(4), CORRELATIONS, n)

    def of_type(field: str) -> Floats:
        return np.array([getattr(t, field) for t in TYPES])[kind]

    trips = plan.trips_per_week * of_type("trips") * np.exp(0.6 * z[:, 0] - 0.18)
    lines = 1 + (plan.lines_per_basket - 1) * of_type("lines") * np.exp(0.45 * z[:, 1] - 0.1)
    seek = np.round(65536 * expit(logit(of_type("promotion_seeking")) + 0.7 * z[:, 2])).astype(np.int64)
    private = expit(logit(of_type("private")) + 0.6 * z[:, 3])

    base = np.array([[d.line_share * t.tastes.get(d.name, 1.0) for d in DEPARTMENTS] for t in TYPES])
    taste = rng.gamma(40 * base[kind])
    taste /= taste.sum(axis=1, keepdims=True)
    pools = (taste[:, :, None] * np.stack([1 - private, private], axis=1)[:, None, :]).reshape(n, N_POOLS)
    middles = (np.arange(TASTE_SLOTS) + 0.5) / TASTE_SLOTS
    slots = (np.cumsum(pools, axis=1)[:, :-1, None] <= middles).sum(axis=1)
    # The till's pools come last: rounding must not let a cumulated share of 1 fall short into them.
    slots = np.minimum(slots, N_POOLS - 3).astype(np.uint8)
    weight = (slots[:, :, None] == np.arange(N_POOLS)).mean(axis=1)
    regular, promoted = weight @ catalogue.regular_mean.T, weight @ catalogue.promoted_mean.T

    first = np.where(rng.random(n) < 0.15, rng.integers(1, plan.n_days - 60, n), 1)
    lapse = first + 30 + np.floor((plan.n_days - first - 30) * rng.random(n)).astype(np.int64)
    last = np.where(rng.random(n) < 0.15, lapse, plan.n_days)
    day = np.arange(plan.n_days + 1)
    season = 1 + 0.06 * np.sin(2 * np.pi * day / 364)
    weekday = rng.dirichlet(np.full(7, 4.0), n)
    alive = (day >= first[:, None]) & (day <= last[:, None])
    return Households(
        segment=np.array([t.name for t in TYPES])[kind],
        trips_per_week=trips,
        lines_per_basket=lines,
        seek_65536=seek,
        private_share=private,
        first_day=first,
        last_day=last,
        home_store=rng.integers(0, plan.n_stores, n),
        hour=rng.choice([9.5, 12.5, 17.5, 19.5], n, p=[0.2, 0.25, 0.35, 0.2]) + rng.normal(0, 1, n),
        redeeming=rng.beta(1.0, 45.0, n),
        taste_slots=slots,
        rate=trips[:, None] * weekday[:, day % 7] * season * alive,
        basket_spend=(lines * MEAN_LOTS)[:, None] * (regular + seek[:, None] / 65536 * (promoted - regular)),
    )


@dataclass(frozen=True)
class Receipts:
    """Baskets (household, day, minute of the day, store) and, ordered by basket and product, their lines.

    Households, stores, baskets and products are positions; a line's `lots` are of one product.
    """

    household: Ints
    day: Ints
    minute: Ints
    store: Ints
    basket: Ints
    product: Ints
    lots: Ints

    def sale_cents(self, shop: Retailer) -> Ints:
        """What each line costs after its promotion, in cents."""
        return self.lots * shop.catalogue.sale_cents[shop.week[self.day[self.basket]], self.product]


def merge_lines(basket: Ints, product: Ints, lots: Ints) -> tuple[Ints, Ints, Ints]:
    """Lines ordered by basket and product, those of one product in one basket added up."""
    # One sort of packed integers: 26 bits of basket, 17 of product, 20 of lots.
    packed = np.sort((basket << 37) | (product << 20) | lots)
    key = packed >> 20
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    total = np.add.reduceat(packed & 0xFFFFF, starts) if len(starts) else packed
    return key[starts] >> 17, key[starts] & 0x1FFFF, total


def go_shopping(shop: Retailer, homes: Households, who: Ints, day: Ints, rng: np.random.Generator) -> Receipts:
    """A basket for every (who, day) given, mostly at the household's home store and near its hour.

    The expected sales of a basket are `homes.basket_spend[who, week]`.
    """
    n = len(who)
    minute = np.clip(60 * rng.normal(homes.hour[who], 1.8), 6 * 60, 24 * 60 - 1).astype(np.int64)
    at_home = rng.random(n) < 0.85
    store = np.where(at_home, homes.home_store[who], rng.integers(0, shop.plan.n_stores, n))
    spread = rng.lognormal(-(BASKET_SIZE_SPREAD**2) / 2, BASKET_SIZE_SPREAD, n)
    basket = np.repeat(np.arange(n), 1 + rng.poisson((homes.lines_per_basket[who] - 1) * spread))
    # One 63-bit draw holds every choice of a line in its own bits: taste, seeking, product, lots.
    bits = rng.integers(0, 2**63, len(basket), dtype=np.int64)
    pool = homes.taste_slots[who[basket], bits & 0xFF].astype(np.int64)
    seeks = ((bits >> 8) & 0xFFFF) < homes.seek_65536[who[basket]]
    usual = shop.catalogue.regular_slots[pool, (bits >> 24) & (REGULAR_SLOTS - 1)]
    week = shop.week[day[basket]]
    bargain = shop.catalogue.promoted_slots[week, pool, (bits >> 33) & (PROMOTED_SLOTS - 1)]
    lines = merge_lines(basket, np.where(seeks, bargain, usual), LOTS[(bits >> 37) & 0xFF])
    return Receipts(who, day, minute, store, *lines)


def shop_unprompted(shop: Retailer, homes: Households, rng: np.random.Generator) -> Receipts:
    """All baskets of the households in a world without campaigns, every household at least one.

    Moods (gamma, mean 1) are drawn afresh every 28 days *and at each TypeA start*, so that given a
    household's parameters what it does from a campaign's start on is independent of what it did before.
    A household whose rhythm gave no trip gets one before any TypeA look-back, where it changes no trial.
    """
    n_days = shop.plan.n_days
    cuts = {*range(1, n_days + 1, MOOD_DAYS), *(campaign.start for campaign in shop.type_a)}
    period = np.searchsorted(sorted(cuts), np.arange(n_days + 1), side="right")
    mood = rng.gamma(MOOD_SHAPE, 1 / MOOD_SHAPE, (len(homes), len(cuts) + 1))
    count = rng.poisson(homes.rate * mood[:, period])
    idle = np.flatnonzero(count.sum(axis=1) == 0)
    count[idle, rng.integers(1, FIRST_CAMPAIGN_DAY - LOOK_BACK_DAYS, len(idle))] = 1
    household, day = np.nonzero(count)
    times = count[household, day]
    return go_shopping(shop, homes, np.repeat(household, times), np.repeat(day, times), rng)


@dataclass(frozen=True)
class Behaviour:
    """Running sums by household and day [n, n_days + 1] of what a look-back can see."""

    cents: Floats
    fresh_cents: Floats
    lines: Floats
    discounted: Floats
    trips: Floats
    last_trip: Ints

    @classmethod
    def of(cls, shop: Retailer, n: int, receipts: Receipts) -> Behaviour:
        """What the receipts of n households add up to."""
        days = len(shop.week)
        cell_of_basket = receipts.household * days + receipts.day
        cell = cell_of_basket[receipts.basket]
        cents = receipts.sale_cents(shop)
        week = shop.week[receipts.day[receipts.basket]]

        def running(cells: Ints, weights: Ints | None = None) -> Floats:
            counts = np.bincount(cells, weights, minlength=n * days).reshape(n, days)
            return np.asarray(counts.cumsum(axis=1), dtype=np.float64)

        seen = np.zeros((n, days), dtype=np.int64)
        seen[receipts.household, receipts.day] = receipts.day
        return cls(
            cents=running(cell, cents),
            fresh_cents=running(cell, cents * shop.catalogue.fresh[receipts.product]),
            lines=running(cell),
            discounted=running(cell[shop.catalogue.on_promotion[week, receipts.product]]),
            trips=running(cell_of_basket),
            last_trip=np.maximum.accumulate(seen, axis=1),
        )

    def look_back(self, start: int) -> tuple[Bools, Floats]:
        """Who shopped in `[start - 182, start)`, and the measures [n, 5] over it.

        They are log(1 + $ per week), log(1 + trips), days since the last trip, share of lines with a loyalty
        discount and share of spend in fresh departments.
        """
        before = max(start - LOOK_BACK_DAYS - 1, 0)

        def within(running: Floats) -> Floats:
            return running[:, start - 1] - running[:, before]

        trips, cents = within(self.trips), within(self.cents)
        weeks = (start - 1 - before) / 7
        measures = np.column_stack(
            [
                np.log1p(cents / 100 / weeks),
                np.log1p(trips),
                start - self.last_trip[:, start - 1],
                within(self.discounted) / np.maximum(within(self.lines), 1),
                within(self.fresh_cents) / np.maximum(cents, 1),
            ]
        )
        return trips > 0, measures
