"""What households buy unprompted: behaviour *without* campaigns.

Shopping is built so that expected spend is known exactly, not estimated:

- trips of a household on a day are Poisson with a known rate (times a random mood of mean 1);
- a basket holds 1 + Poisson((L - 1) g) draws, L known and g lognormal with mean 1, so L draws on average;
- a draw picks a pool (department and brand), a product of it and a number of lots from finite tables in
  which every slot is equally likely, so expected prices are plain means over slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.simulate.catalogue import PROMOTED_SLOTS, REGULAR_SLOTS
from dunnhumby_pipeline.simulate.households import LOTS, Households
from dunnhumby_pipeline.simulate.plan import FIRST_CAMPAIGN_DAY, LOOK_BACK_DAYS, Bools, Floats, Ints
from dunnhumby_pipeline.simulate.retailer import Retailer

MOOD_DAYS = 28
BASKET_SIZE_SPREAD = 0.85
MOOD_SHAPE = 4.0


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
