"""Log-likelihoods of the models of lifetime value with their gradients, written so that their limits are finite.

Trips: rates of mean `rate` and squared coefficient of variation `spread`, chances of leaving of mean `dropout` and
`vary` = 1 / (a + b). In these a gamma function is a product over a household's trips, which stays exact where r, alpha,
a or b grow without bound: rates that are all alike, chances of leaving that are all alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import digamma, expit, gammaln, logit

Vector = npt.NDArray[np.float64]
# What is minimised: the value and the gradient at free parameters.
Objective = Callable[[Vector], tuple[float, Vector]]

# Logarithms are searched within this of 0.
BOUND = 20.0
# A shape of spend beyond which trips, or households, cost the same to a hundredth.
MOST_SHAPE = 1e4
_SMALL = 1e-4
_NEWTON_STEPS, _STEP, _STILL = 8, 1e-5, 1e-6


@dataclass(frozen=True)
class TripHistories:
    """Repeat trips (whole), time of the last one and time since the first, of each household."""

    repeats: npt.NDArray[np.int64]
    last: Vector
    age: Vector

    def bg_nbd(self, free: Vector) -> tuple[float, Vector]:
        """-log-likelihood per household at (log rate, log spread, logit dropout, log vary); equation 6 of the paper."""
        return self._negative(free, float(np.exp(free[3])))

    def geometric(self, free: Vector) -> tuple[float, Vector]:
        """The same at (log rate, log spread, logit dropout), where all households leave with one chance."""
        value, gradient = self._negative(free, 0.0)
        return value, gradient[:3]

    def _negative(self, free: Vector, vary: float) -> tuple[float, Vector]:
        rate, spread, dropout = float(np.exp(free[0])), float(np.exp(free[1])), float(expit(free[2]))
        stays = 1 - dropout
        x, again = self.repeats, self.repeats > 0
        j = np.arange(int(x.max()) + 1, dtype=float)
        trips, by_trips = _sums(np.log1p(j * spread))[x], _sums(j / (1 + j * spread))[x]
        chances, by_chances = _sums(np.log1p(j * vary))[x], _sums(j / (1 + j * vary))[x]
        kept, by_kept, by_vary = (
            _sums(each) for each in (np.log(stays + j * vary), 1 / (stays + j * vary), j / (stays + j * vary))
        )
        before = np.maximum(x - 1, 0)
        at_end, end_by_rate, end_by_spread = _rates(rate, spread, x, self.age)
        at_last, last_by_rate, last_by_spread = _rates(rate, spread, x, self.last)
        stayed = at_end + kept[x]
        left = np.where(again, at_last + np.log(dropout) + kept[before], -np.inf)
        either = np.logaddexp(stayed, left)
        is_in = np.exp(stayed - either)
        gone = 1 - is_in
        gradient = np.array(
            [
                (is_in * end_by_rate + gone * last_by_rate).mean(),
                spread * (by_trips + is_in * end_by_spread + gone * last_by_spread).mean(),
                dropout * stays * (gone / dropout - is_in * by_kept[x] - gone * by_kept[before]).mean(),
                vary * (is_in * by_vary[x] + gone * by_vary[before] - by_chances).mean(),
            ]
        )
        return -float((trips - chances + either).mean()), -gradient


@dataclass(frozen=True)
class PoissonTrips:
    """Trips (whole) of each household in its time; `without_zeros`: only households with a trip are seen."""

    trips: npt.NDArray[np.int64]
    time: Vector
    without_zeros: bool

    def negative(self, free: Vector) -> tuple[float, Vector]:
        """-log-likelihood of the NBD per household at (log rate, log spread), constants left out."""
        rate, spread = float(np.exp(free[0])), float(np.exp(free[1]))
        x = self.trips
        j = np.arange(int(x.max()) + 1, dtype=float)
        seen, by_rate, by_spread = _rates(rate, spread, x, self.time)
        value = _sums(np.log1p(j * spread))[x] + seen
        by_spread = by_spread + _sums(j / (1 + j * spread))[x]
        if self.without_zeros:
            none, none_by_rate, none_by_spread = _rates(rate, spread, np.zeros_like(x), self.time)
            odds = np.exp(none) / -np.expm1(none)
            value = value - np.log(-np.expm1(none))
            by_rate, by_spread = by_rate + odds * none_by_rate, by_spread + odds * none_by_spread
        return -float(value.mean()), -np.array([by_rate.mean(), spread * by_spread.mean()])


def _sums(terms: Vector) -> Vector:
    """Sums of the first 0, 1, 2, ... of `terms`."""
    return np.concatenate([[0.0], np.cumsum(terms)])


def _rates(rate: float, spread: float, x: npt.NDArray[np.int64], time: Vector) -> tuple[Vector, Vector, Vector]:
    """log of rate^x (1 + spread rate time)^-(x + 1 / spread), and its derivatives by log rate and by spread."""
    seen = rate * time
    grown = spread * seen
    log_grown = np.log1p(grown)
    value = x * np.log(rate) - x * log_grown - log_grown / spread
    by_rate = x - (x * spread + 1) * seen / (1 + grown)
    # The difference of two nearly equal terms has a series of its own.
    curved = np.where(grown < _SMALL, seen**2 * (1 / 2 - 2 * grown / 3), (log_grown - grown / (1 + grown)) / spread**2)
    return value, by_rate, curved - x * seen / (1 + grown)


def gamma_gamma(trips: Vector, mean_spend: Vector) -> Objective:
    """-log-likelihood per household at (log mean, log p, log(q - 1)), gamma = mean (q - 1) / p; equation 1a.

    `mean_spend` per trip in units in which its mean is near 1.
    """
    log_spend, log_total = np.log(mean_spend), np.log(mean_spend * trips)

    def negative(free: Vector) -> tuple[float, Vector]:
        mean, p, above_one = np.exp(free)
        q, gamma = 1 + above_one, mean * above_one / p
        shape, scale = p * trips, gamma + mean_spend * trips
        value = gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(gamma)
        value = value + shape * log_total - log_spend - (shape + q) * np.log(scale)
        by_shape = digamma(shape + q) - np.log(scale)
        by_p = trips * (by_shape - digamma(shape) + log_total)
        by_q = by_shape - digamma(q) + np.log(gamma)
        by_log_gamma = q - (shape + q) * gamma / scale
        gradient = [by_log_gamma, p * by_p - by_log_gamma, above_one * by_q + by_log_gamma]
        return -float(value.mean()), -np.array([each.mean() for each in gradient])

    return negative


def minimised(
    negative: Objective, starts: tuple[tuple[float, ...], ...], bounds: tuple[tuple[float, float], ...]
) -> tuple[Vector, float] | None:
    """The best free parameters over all starts and the value there, to rounding; None when no search came to rest."""
    best: tuple[Vector, float] | None = None
    for start in starts:
        fit = minimize(
            negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-8, "ftol": 1e-13}
        )
        free, value, slope = _newton(negative, fit.x, bounds)
        # A search that stops because nothing is left to gain says so as a failure.
        if np.isfinite(value) and slope < _STILL and (best is None or value < best[1]):
            best = free, value
    return best


def _newton(negative: Objective, free: Vector, bounds: tuple[tuple[float, float], ...]) -> tuple[Vector, float, float]:
    """Newton's steps from `free` while they help: the parameters, the value, and the slope off the bounds."""
    lower, upper = np.array(bounds).T
    value, gradient = negative(free)
    for _ in range(_NEWTON_STEPS):
        inside = np.flatnonzero((free > lower) & (free < upper))
        if not inside.size or not np.isfinite(gradient).all():
            break
        moves = _STEP * np.eye(len(free))[inside]
        curvature = np.array([(negative(free + move)[1] - negative(free - move)[1])[inside] for move in moves])
        step = np.linalg.lstsq((curvature + curvature.T) / (4 * _STEP), gradient[inside], rcond=1e-10)[0]
        tried = free.copy()
        tried[inside] = np.clip(free[inside] - step, lower[inside], upper[inside])
        tried_value, tried_gradient = negative(tried)
        if not np.abs(tried_gradient[inside]).max() < np.abs(gradient[inside]).max() or tried_value > value + 1e-9:
            break
        free, value, gradient = tried, tried_value, tried_gradient
    downhill = np.where(
        free <= lower, np.minimum(gradient, 0), np.where(free >= upper, np.maximum(gradient, 0), gradient)
    )
    return free, value, float(np.abs(downhill).max())


def log_odds(chance: float) -> float:
    """The free parameter of a chance."""
    return float(logit(chance))
