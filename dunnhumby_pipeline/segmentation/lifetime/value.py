"""Customer lifetime value: how often a household will come, and what it will spend, by maximum likelihood.

BG/NBD for trips (Fader, Hardie & Lee 2005, "Counting Your Customers" the Easy Way, Marketing Science 24) and
Gamma-Gamma for spend per trip (Fader & Hardie 2013, The Gamma-Gamma Model of Monetary Value). Both are fitted by
scipy on the likelihoods of those papers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

Vector = npt.NDArray[np.float64]

# Starts on a coarse grid: the likelihood is flat far from its peak, and one start can stop there.
_BG_NBD_STARTS = ((0.5, 5.0, 0.5, 3.0), (2.0, 2.0, 0.1, 5.0), (1.0, 20.0, 1.0, 1.0))
_GAMMA_GAMMA_STARTS = ((5.0, 3.0, 15.0), (1.0, 5.0, 50.0))
_BOUND = 20.0
# The expectation divides by a - 1, and its hypergeometric function by a + b + repeats - 1.
_NEAR_ONE = 1e-6
_LAST_TERM, _MAX_TERMS = 1e-15, 100_000


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

    @property
    def mean_dropout(self) -> float:
        """Mean chance of leaving after a trip over all households."""
        return self.a / (self.a + self.b)

    def expected_trips(self, repeats: Vector, last: Vector, age: Vector, horizon: float) -> Vector:
        """Trips of each household in the next `horizon` units of time; equation 10 of the paper.

        Written with Euler's transformation of the hypergeometric function, whose arguments then stay small
        however often a household comes.
        """
        a = self.a if abs(self.a - 1) > _NEAR_ONE else 1 + _NEAR_ONE
        b, r = self.b, self.r
        b = b if abs(a + b - 1) > _NEAR_ONE else b + 2 * _NEAR_ONE
        shrink = (self.alpha + age) / (self.alpha + age + horizon)
        series = _hypergeometric(a + b - 1 - r, a - 1, a + b + repeats - 1, 1 - shrink)
        trips = (a + b + repeats - 1) / (a - 1) * (1 - shrink ** (a - 1) * series)
        return trips * self.probability_alive(repeats, last, age)

    def probability_alive(self, repeats: Vector, last: Vector, age: Vector) -> Vector:
        """Chance that each household has not left; 1 for one without a repeat, who has had no chance to leave."""
        seen = np.maximum(repeats, 1.0)
        log_odds = (
            np.log(self.a)
            - np.log(self.b + seen - 1)
            + (self.r + repeats) * (np.log(self.alpha + age) - np.log(self.alpha + last))
        )
        return np.where(repeats > 0, 1 / (1 + np.exp(np.minimum(log_odds, 700.0))), 1.0)


@dataclass(frozen=True)
class GammaGamma:
    """Gamma(p, nu) spend per trip with nu ~ gamma(q, gamma) across households; `log_likelihood` of the fit."""

    p: float
    q: float
    gamma: float
    log_likelihood: float

    @property
    def mean(self) -> float:
        """Mean spend per trip over all households, $."""
        return self.p * self.gamma / (self.q - 1)

    def expected_spend(self, trips: Vector, mean_spend: Vector) -> Vector:
        """Spend per trip of each household, $: its own mean drawn towards that of all by how few trips it has."""
        return self.p * (self.gamma + mean_spend * trips) / (self.p * trips + self.q - 1)


def fit_bg_nbd(repeats: Vector, last: Vector, age: Vector) -> BgNbd:
    """Fit on each household's repeat trips, time of the last one, and time since its first trip (any one unit).

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

    def negative(log_parameters: Vector) -> float:
        r, alpha, a, b = np.exp(log_parameters)
        return -float(_bg_nbd_log_likelihood(r, alpha, a, b, repeats, last, age).mean())

    parameters, least = _minimised("BG/NBD", negative, _BG_NBD_STARTS)
    r, alpha, a, b = map(float, parameters)
    return BgNbd(r, alpha, a, b, -least * len(repeats))


def fit_gamma_gamma(trips: Vector, mean_spend: Vector) -> GammaGamma:
    """Fit on households with at least one trip: their trips and mean spend per trip ($, above 0).

    q is held above 1, without which the mean over all households, and so lifetime value, has no finite value.
    Raises LifetimeValueError when there is no such household or the fit does not converge.
    """
    if len(trips) == 0 or (trips < 1).any() or (mean_spend <= 0).any():
        raise LifetimeValueError("Gamma-Gamma: every household must have a trip and a mean spend above $0")

    def negative(free: Vector) -> float:
        p, q, gamma = np.exp(free[0]), 1 + np.exp(free[1]), np.exp(free[2])
        return -float(_gamma_gamma_log_likelihood(p, q, gamma, trips, mean_spend).mean())

    starts = tuple((p, q - 1, gamma) for p, q, gamma in _GAMMA_GAMMA_STARTS)
    (p, above_one, gamma), least = _minimised("Gamma-Gamma", negative, starts)
    return GammaGamma(float(p), float(1 + above_one), float(gamma), -least * len(trips))


def _hypergeometric(a: float, b: float, c: Vector, z: Vector) -> Vector:
    """Gauss's 2F1(a, b; c; z), 0 <= z < 1, by its power series (Abramowitz & Stegun 15.1.1).

    scipy's is infinite where c - a - b is whole, z above 0.9 and c large: a household that comes often, far ahead.
    """
    total, term, going = np.ones(len(z)), np.ones(len(z)), np.arange(len(z))
    for n in range(_MAX_TERMS):
        term = term * (a + n) * (b + n) / ((c[going] + n) * (n + 1)) * z[going]
        total[going] += term
        unfinished = np.abs(term) > _LAST_TERM * np.abs(total[going])
        if not unfinished.any():
            return total
        going, term = going[unfinished], term[unfinished]
    raise LifetimeValueError(
        f"BG/NBD: the expected trips of {len(going)} households do not converge; alpha is next to 0, so that the fit "
        "says nothing of how often one comes"
    )


def in_range(parameters: Mapping[str, float], least: Mapping[str, float]) -> bool:
    """Whether all parameters are finite, above 0, off the bounds of the search, and not under their `least`, by name.

    Inside the bounds a model can still say nothing: of a mean over households when q is next to 1, and of who has left
    when the mean chance of leaving is next to 0.
    """
    values = np.array(list(parameters.values()))
    if not (np.isfinite(values).all() and (values > 0).all() and (np.abs(np.log(values)) < _BOUND - 1).all()):
        return False
    return all(value >= least.get(name, 0.0) for name, value in parameters.items())


def _bg_nbd_log_likelihood(
    r: float, alpha: float, a: float, b: float, repeats: Vector, last: Vector, age: Vector
) -> Vector:
    """Of each household; equation 6 of the paper."""
    trips = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha)
    stays = betaln(a, b + repeats) - betaln(a, b) - (r + repeats) * np.log(alpha + age)
    leaves = betaln(a + 1, b + np.maximum(repeats, 1) - 1) - betaln(a, b) - (r + repeats) * np.log(alpha + last)
    return trips + np.where(repeats > 0, np.logaddexp(stays, leaves), stays)


def _gamma_gamma_log_likelihood(p: float, q: float, gamma: float, trips: Vector, mean_spend: Vector) -> Vector:
    """Of each household's mean spend; equation 1a of the note."""
    return (
        gammaln(p * trips + q)
        - gammaln(p * trips)
        - gammaln(q)
        + q * np.log(gamma)
        + (p * trips - 1) * np.log(mean_spend)
        + p * trips * np.log(trips)
        - (p * trips + q) * np.log(gamma + mean_spend * trips)
    )


def _minimised(
    model: str, negative: Callable[[Vector], float], starts: tuple[tuple[float, ...], ...]
) -> tuple[Vector, float]:
    """The best exp(parameters) over all starts, and the value there."""
    fits = [
        minimize(negative, np.log(start), method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * len(start))
        for start in starts
    ]
    best = min(fits, key=lambda fit: float(fit.fun))
    if not best.success or not np.isfinite(best.fun):
        raise LifetimeValueError(f"{model}: the likelihood has no maximum that the search can find ({best.message})")
    return np.exp(best.x), float(best.fun)
