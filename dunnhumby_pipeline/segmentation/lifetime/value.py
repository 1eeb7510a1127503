"""Customer lifetime value: how often a household will come, and what it will spend, by maximum likelihood.

BG/NBD for trips (Fader, Hardie & Lee 2005, "Counting Your Customers" the Easy Way, Marketing Science 24) and
Gamma-Gamma for spend per trip (Fader & Hardie 2013, The Gamma-Gamma Model of Monetary Value), each with the simpler
model that takes its place where the data cannot tell households apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh_tridiagonal
from scipy.special import expit

from dunnhumby_pipeline.segmentation.lifetime.likelihoods import (
    BOUND,
    MOST_SHAPE,
    TripHistories,
    gamma_gamma,
    log_odds,
    minimised,
)

Vector = npt.NDArray[np.float64]

# Starts on a coarse grid: the likelihood is flat far from its peak, and one start can stop there.
_BG_NBD_STARTS = ((0.5, 5.0, 0.5, 3.0), (2.0, 2.0, 0.1, 5.0), (1.0, 20.0, 1.0, 1.0))
_GAMMA_GAMMA_STARTS = ((1.0, 5.0, 2.0), (1.0, 1.0, 4.0))
_FREE, _SHAPE = (-BOUND, BOUND), (-BOUND, float(np.log(MOST_SHAPE)))
# Half the 90 % point of chi-squared(1): the 5 % test of a variance that is 0 at its bound (Self & Liang 1987).
_GAIN_OF_VARYING = 1.353
# Means per trip that differ by less, relatively, are one amount that was added up and divided.
_EQUAL = 1e-9
# Above it, spend on a trip varies by about a hundredth of its mean, or less.
_CONSTANT_SHAPE = 0.9 * MOST_SHAPE
_NODES, _LEAST_CHANCE = 100, 1e-300


class LifetimeValueError(ValueError):
    """A model cannot be fitted, or what it is fitted to is not a history of trips. The message says which, and why."""


@dataclass(frozen=True)
class BgNbd:
    """Gamma(r, alpha) trip rates and beta(a, b) chances of leaving after a trip; `log_likelihood` of the fit."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    leaving_varies = True

    @property
    def mean_dropout(self) -> float:
        """Mean chance of leaving after a trip over all households."""
        return self.a / (self.a + self.b)

    def expected_trips(self, repeats: Vector, last: Vector, age: Vector, horizon: float) -> Vector:
        """Trips of each household in the next `horizon` units of time; equation 10 of the paper.

        As the integral that it is, over the chance of leaving of a household that has not left: Gauss's quadrature for
        beta(a, b + repeats) stays exact where the hypergeometric function of the paper overflows.
        """
        trips = np.empty(len(repeats))
        for seen in np.unique(repeats):
            some = repeats == seen
            chances, weights = _beta_nodes(self.a, self.b + float(seen))
            trips[some] = _trips_ahead(self.r + seen, self.alpha + age[some, None], horizon, chances) @ weights
        return trips * self.probability_alive(repeats, last, age)

    def probability_alive(self, repeats: Vector, last: Vector, age: Vector) -> Vector:
        """Chance that each household has not left; 1 for one without a repeat, who has had no chance to leave."""
        log_odds_left = np.log(self.a) - np.log(self.b + np.maximum(repeats, 1.0) - 1)
        return _alive(log_odds_left, self.r, self.alpha, repeats, last, age)


@dataclass(frozen=True)
class GeometricNbd:
    """Gamma(r, alpha) trip rates and one chance of leaving after a trip, `mean_dropout`, of all households.

    The limit of BG/NBD for a and b without bound, which they run to where chances of leaving do not differ.
    """

    r: float
    alpha: float
    mean_dropout: float
    log_likelihood: float

    leaving_varies = False

    def expected_trips(self, repeats: Vector, last: Vector, age: Vector, horizon: float) -> Vector:
        """As `BgNbd.expected_trips`."""
        trips = _trips_ahead(self.r + repeats, self.alpha + age, horizon, np.array(self.mean_dropout))
        return trips * self.probability_alive(repeats, last, age)

    def probability_alive(self, repeats: Vector, last: Vector, age: Vector) -> Vector:
        """As `BgNbd.probability_alive`."""
        log_odds_left = np.full(len(repeats), log_odds(self.mean_dropout))
        return _alive(log_odds_left, self.r, self.alpha, repeats, last, age)


TripModel = BgNbd | GeometricNbd


@dataclass(frozen=True)
class GammaGamma:
    """Gamma(p, nu) spend per trip with nu ~ gamma(q, gamma) across households; `log_likelihood` of the fit."""

    p: float
    q: float
    gamma: float
    log_likelihood: float

    spend_varies = True

    @property
    def mean(self) -> float:
        """Mean spend per trip over all households, $."""
        return self.p * self.gamma / (self.q - 1)

    def expected_spend(self, trips: Vector, mean_spend: Vector) -> Vector:
        """Spend per trip of each household, $: its own mean drawn towards that of all by how few trips it has."""
        return self.p * (self.gamma + mean_spend * trips) / (self.p * trips + self.q - 1)


@dataclass(frozen=True)
class EqualSpend:
    """Every trip of every household cost `mean` $: there is no distribution to estimate."""

    mean: float

    spend_varies = False

    def expected_spend(self, trips: Vector, mean_spend: Vector) -> Vector:
        """As `GammaGamma.expected_spend`."""
        return np.full(len(trips), self.mean)


SpendModel = GammaGamma | EqualSpend


def fit_bg_nbd(repeats: Vector, last: Vector, age: Vector) -> TripModel:
    """Fit on each household's repeat trips, time of the last one, and time since its first trip (any one unit).

    One chance of leaving for all where the likelihood does not show, at 5 %, that chances differ: a and b then have
    no finite estimate, or one that says nothing.
    Raises LifetimeValueError when a history cannot be, no household came twice, or the fit does not converge.
    """
    possible = (repeats >= 0) & (last >= 0) & (last <= age) & ((repeats > 0) == (last > 0))
    if not possible.all():
        row = int(np.argmin(possible))
        raise LifetimeValueError(
            f"BG/NBD: {int((~possible).sum())} histories cannot be; expected 0 <= last <= age, and last above 0 where "
            f"there are repeats; the first has repeats {repeats[row]:g}, last {last[row]:g}, age {age[row]:g}"
        )
    if not (repeats > 0).any():
        raise LifetimeValueError("BG/NBD: no household came twice, so that nothing says how often one comes")
    histories = TripHistories(repeats.astype(np.int64), last, age)
    starts = tuple(
        (np.log(r / alpha), -np.log(r), log_odds(a / (a + b)), -np.log(a + b)) for r, alpha, a, b in _BG_NBD_STARTS
    )
    varying = minimised(histories.bg_nbd, starts, (_FREE,) * 4)
    alike = minimised(histories.geometric, tuple(start[:3] for start in starts), (_FREE,) * 3)
    if alike is None:
        raise LifetimeValueError("BG/NBD: the likelihood has no maximum that the search can find")
    n = len(repeats)
    if varying is None or n * (alike[1] - varying[1]) < _GAIN_OF_VARYING:
        (log_rate, log_spread, leaves), least = alike
        r = float(np.exp(-log_spread))
        return GeometricNbd(r, r / float(np.exp(log_rate)), float(expit(leaves)), -least * n)
    (log_rate, log_spread, leaves, log_vary), least = varying
    r, both = float(np.exp(-log_spread)), float(np.exp(-log_vary))
    return BgNbd(r, r / float(np.exp(log_rate)), float(expit(leaves)) * both, float(expit(-leaves)) * both, -least * n)


def fit_gamma_gamma(trips: Vector, mean_spend: Vector) -> SpendModel:
    """Fit on households with at least one trip: their trips and mean spend per trip ($, above 0).

    Fitted on spend over its mean, so that the currency does not matter. q is held above 1, without which the mean over
    all households, and so lifetime value, has no finite value.
    Raises LifetimeValueError when there is no such household or the fit does not converge.
    """
    if len(trips) == 0 or (trips < 1).any() or (mean_spend <= 0).any():
        raise LifetimeValueError("Gamma-Gamma: every household must have a trip and a mean spend above $0")
    unit = float(mean_spend.mean())
    if float(np.ptp(mean_spend)) <= _EQUAL * unit:
        return EqualSpend(unit)
    starts = tuple((np.log(mean), np.log(p), np.log(q - 1)) for mean, p, q in _GAMMA_GAMMA_STARTS)
    found = minimised(gamma_gamma(trips, mean_spend / unit), starts, (_FREE, _SHAPE, _SHAPE))
    if found is None:
        raise LifetimeValueError("Gamma-Gamma: the likelihood has no maximum that the search can find")
    mean, p, above_one = map(float, np.exp(found[0]))
    # The density of $ is that of spend over its mean, over that mean.
    log_likelihood = -len(trips) * (found[1] + float(np.log(unit)))
    return GammaGamma(p, 1 + above_one, unit * mean * above_one / p, log_likelihood)


def _trips_ahead(shape: Vector | float, elapsed: Vector, horizon: float, chance: Vector) -> Vector:
    """Trips in `horizon` of who is there, with rates of gamma(shape, elapsed) and this chance of leaving after each."""
    least = np.maximum(chance, _LEAST_CHANCE)
    return -np.expm1(-shape * np.log1p(least * horizon / elapsed)) / least


def _alive(log_odds_left: Vector, r: float, alpha: float, repeats: Vector, last: Vector, age: Vector) -> Vector:
    """Chance of being there, from the odds of leaving after the last trip against staying, and the silence since."""
    silence = (r + repeats) * np.log1p((age - last) / (alpha + last))
    return np.where(repeats > 0, expit(-(log_odds_left + silence)), 1.0)


@lru_cache(maxsize=4096)
def _beta_nodes(a: float, b: float) -> tuple[Vector, Vector]:
    """Nodes and weights of Gauss's quadrature over beta(a, b), by Golub and Welsch (1969): weights sum to 1."""
    k = np.arange(1, _NODES, dtype=float)
    total = 2 * k + a + b - 2
    middle = np.concatenate([[a / (a + b)], 0.5 + (a - b) * (a + b - 2) / (2 * total * (total + 2))])
    # Of the first, a factor that can be 0 / 0 is left out.
    first = a * b / ((a + b) ** 2 * (a + b + 1))
    k, total = k[1:], total[1:]
    rest = k * (k + a - 1) * (k + b - 1) * (k + a + b - 2) / (total**2 * (total + 1) * (total - 1))
    nodes, vectors = eigh_tridiagonal(middle, np.sqrt(np.concatenate([[first], rest])))
    return np.clip(nodes, 0.0, 1.0), vectors[0] ** 2


def in_range(parameters: Mapping[str, float], least: Mapping[str, float]) -> bool:
    """Whether all parameters are finite, above 0, off the bounds of the search, and not under their `least`, by name.

    Inside the bounds a model can still say nothing: of a mean over households when q is next to 1, of who has left when
    the mean chance of leaving is next to 0, of how spend varies when p is at its limit.
    """
    values = np.array(list(parameters.values()))
    if not (np.isfinite(values).all() and (values > 0).all() and (np.abs(np.log(values)) < BOUND - 1).all()):
        return False
    if parameters.get("p", 0.0) > _CONSTANT_SHAPE:
        return False
    return all(value >= least.get(name, 0.0) for name, value in parameters.items())
