"""Intervals for the value of the policy that came out best: its estimate is high because it won.

Values of k policies are jointly normal about their true values, with the covariance of their errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

Array = NDArray[np.float64]
_DRAWS = 20_000
# Share of the error that the hybrid interval spends on its projection, as its authors advise.
_SPENT = 0.1


@dataclass(frozen=True)
class Winner:
    """The best of k values: its place, its value and error, and the hybrid and the simultaneous interval."""

    at: int
    value: float
    se: float
    hybrid: tuple[float, float]
    simultaneous: tuple[float, float]


def largest_of(se: Array, covariance: Array, probability: float, seed: int, two_sided: bool = True) -> float:
    """The `probability` quantile of the largest of k standardised errors, |z| or z; those without error left out."""
    real = se > 0
    if not real.any():
        return 0.0
    correlation = covariance[np.ix_(real, real)] / np.outer(se[real], se[real])
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    z = np.random.default_rng(seed).normal(size=(_DRAWS, len(root))) @ root.T
    return float(np.quantile((np.abs(z) if two_sided else z).max(axis=1), probability))


def winner(values: Array, covariance: Array, confidence: float, seed: int) -> Winner:
    """The best of `values` (k,) with `covariance` (k, k), and intervals that hold although it was chosen for its value.

    Simultaneous: value +- the max-t quantile over all k. Hybrid (Andrews, Kitagawa & McCloskey 2024): conditional on
    having won and on the simultaneous interval at a tenth of the error, whose bounds it cannot leave; nearly the usual
    interval where the winner is clear.
    """
    at = int(np.argmax(values))
    se = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    value, own = float(values[at]), float(se[at])
    if own == 0:
        return Winner(at, value, own, (value, value), (value, value))
    alpha = 1 - confidence
    wide = largest_of(se, covariance, 1 - alpha, seed) * own
    beta = _SPENT * alpha
    bound = largest_of(se, covariance, 1 - beta, seed) * own
    tail = (alpha - beta) / (1 - beta) / 2
    lower, upper = _won_within(values, covariance, at)

    def chance(mean: float) -> float:
        """Of a value up to the one found, when the true one is `mean`."""
        low, high = max(lower, mean - bound), min(upper, mean + bound)
        cumulated = ndtr((np.array([low, value, high]) - mean) / own)
        return float((cumulated[1] - cumulated[0]) / (cumulated[2] - cumulated[0]))

    def end(goal: float) -> float:
        """The true value under which that chance is `goal`; the edge of the interval where none is, as at a tie."""
        least, most = value - bound * (1 - 1e-9), value + bound * (1 - 1e-9)
        if chance(least) <= goal:
            return least
        return most if chance(most) >= goal else float(brentq(lambda mean: chance(mean) - goal, least, most))

    low, high = end(1 - tail), end(tail)
    return Winner(at, value, own, (low, high), (value - wide, value + wide))


def _won_within(values: Array, covariance: Array, at: int) -> tuple[float, float]:
    """Between which values the winner is the winner, the part of the others that is independent of it held."""
    slope = covariance[:, at] / covariance[at, at]
    free = values - slope * values[at]
    # (1 - slope) x value >= free for all others.
    rising, falling = slope < 1 - 1e-9, slope > 1 + 1e-9
    lower = free[rising] / (1 - slope[rising])
    upper = free[falling] / (1 - slope[falling])
    return float(np.max(lower, initial=-np.inf)), float(np.min(upper, initial=np.inf))
