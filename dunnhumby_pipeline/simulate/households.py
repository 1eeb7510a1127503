"""The households of the simulated retailer: their rhythm, basket size, tastes, and what they are expected to spend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from dunnhumby_pipeline.simulate.catalogue import TASTE_SLOTS, departments_of
from dunnhumby_pipeline.simulate.plan import CONFOUNDED_TRIPS, Floats, Ints
from dunnhumby_pipeline.simulate.retailer import Retailer

# Lots bought in one draw; one slot each, so that the mean below is exact.
LOTS = np.repeat(np.array([1, 2, 3, 4]), [176, 56, 14, 10])
# Whole weeks, so that a year later is the same day of the week.
DAYS_OF_SEASONS = 364
MEAN_LOTS = float(LOTS.mean())
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

# What households come for, by share: planted where the plan has needs, to be found again.
NEEDS = {"baby": 0.2, "pets": 0.25, "natural and organic": 0.3, "celebration": 0.25}


@dataclass(frozen=True)
class Households:
    """Latent parameters of n households; all arrays start with the axis of households.

    A draw looks for a promotion with probability `seek_65536` / 65536; `rate` [n, n_days + 1] is expected
    trips on each day; `basket_spend` [n, weeks + 1] is the expected spend of one basket ($) in each week.
    `confounder`: the hidden trait, `need`: what each comes for; None where none is planted.
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
    confounder: Floats | None = None
    need: NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.segment)

    def described(self, first_key: int) -> pd.DataFrame:
        """One row per household, keyed from `first_key`: its segment, its need where one is planted, its parameters."""
        scalars = {name: values for name, values in vars(self).items() if values is not None and values.ndim == 1}
        return pd.DataFrame({"household_key": first_key + np.arange(len(self)), **scalars})

    def expected_spend(self, shop: Retailer, first: int, last: int) -> Floats:
        """Expected spend ($) of each household over days first..last, both included."""
        days = np.arange(first, last + 1)
        return np.asarray((self.rate[:, days] * self.basket_spend[:, shop.week[days]]).sum(axis=1))


def season(day: Ints) -> Floats:
    """By what the time of the year multiplies trips on each of these days."""
    return np.asarray(1 + 0.06 * np.sin(2 * np.pi * day / DAYS_OF_SEASONS))


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

    departments, need = departments_of(plan), None
    n_pools = 2 * len(departments)
    base = np.array([[d.line_share * t.tastes.get(d.name, 1.0) for d in departments] for t in TYPES])[kind]
    if plan.needs:
        need = rng.choice(np.array(list(NEEDS)), n, p=list(NEEDS.values()))
        base = np.where(need[:, None] == np.array([d.need for d in departments]), plan.needs * base, base)
    taste = rng.gamma(40 * base)
    taste /= taste.sum(axis=1, keepdims=True)
    pools = (taste[:, :, None] * np.stack([1 - private, private], axis=1)[:, None, :]).reshape(n, n_pools)
    middles = (np.arange(TASTE_SLOTS) + 0.5) / TASTE_SLOTS
    slots = (np.cumsum(pools, axis=1)[:, :-1, None] <= middles).sum(axis=1)
    # The till's pools come last: rounding must not let a cumulated share of 1 fall short into them.
    slots = np.minimum(slots, n_pools - 3).astype(np.uint8)
    weight = (slots[:, :, None] == np.arange(n_pools)).mean(axis=1)
    regular, promoted = weight @ catalogue.regular_mean.T, weight @ catalogue.promoted_mean.T

    first = np.where(rng.random(n) < 0.15, rng.integers(1, plan.n_days - 60, n), 1)
    lapse = first + 30 + np.floor((plan.n_days - first - 30) * rng.random(n)).astype(np.int64)
    last = np.where(rng.random(n) < 0.15, lapse, plan.n_days)
    day = np.arange(plan.n_days + 1)
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
        rate=trips[:, None] * weekday[:, day % 7] * season(day) * alive,
        basket_spend=(lines * MEAN_LOTS)[:, None] * (regular + seek[:, None] / 65536 * (promoted - regular)),
        need=need,
    )


def confounded(shop: Retailer, homes: Households, rng: np.random.Generator) -> Households:
    """The households with a hidden trait, standard normal, that no raw file shows: who has more of it makes more trips
    from the start of each TypeA campaign to the end of its outcome window (fewer, where the plan's confounder is below
    0), by a factor of mean 1. As they are where none is planted.
    """
    if not shop.plan.confounder:
        return homes
    trait = rng.normal(size=len(homes))
    inside = np.zeros(len(shop.week), dtype=bool)
    for campaign in shop.type_a:
        inside[campaign.start : campaign.outcome_end + 1] = True
    rate = np.where(inside, homes.rate * trips_factor(shop, trait)[:, None], homes.rate)
    return replace(homes, rate=rate, confounder=trait)


def trips_factor(shop: Retailer, trait: Floats) -> Floats:
    """By what the hidden trait [n] multiplies expected trips [n] while a TypeA campaign counts; 1 on average."""
    slope = CONFOUNDED_TRIPS * shop.plan.confounder
    return np.asarray(np.exp(slope * trait - slope**2 / 2))
