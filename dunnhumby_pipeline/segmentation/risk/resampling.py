"""Intervals by drawing households again: a household counts in every quarter in which it is forecast, or in none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.float32]


def household_weights(n_households: int, n_draws: int, seed: int) -> Counts:
    """How often each household (n_draws, n_households) is drawn: Poisson(1), the bootstrap's limit in large samples.

    Hanley & MacGibbon (2006): each household is drawn by itself, so that draws need not hold n of them.
    """
    return np.random.default_rng(seed).poisson(1.0, size=(n_draws, n_households)).astype(np.float32)


def auc(chances: Array, fell: Flags, weights: Counts | None = None) -> Array:
    """Area under the ROC curve (draws,), of households counted `weights` (draws, n) times; (1,) without.

    The share of pairs of one who fell and one who did not in which the former has the larger chance, ties by half
    (Mann & Whitney 1947). NaN in draws without such a pair.
    """
    counted = np.ones((1, len(fell)), dtype=np.float32) if weights is None else weights
    order = np.argsort(chances, kind="stable")
    first = np.flatnonzero(np.diff(chances[order], prepend=-np.inf))
    fallen = np.add.reduceat((counted[:, order] * fell[order]).astype(float), first, axis=1)
    others = np.add.reduceat((counted[:, order] * ~fell[order]).astype(float), first, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    pairs = fallen.sum(axis=1) * others.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(pairs > 0, (fallen * below).sum(axis=1) / pairs, np.nan))


def interval(draws: Array, confidence: float) -> tuple[float, float]:
    """The middle `confidence` of the draws that have a value; NaN where none has."""
    known = draws[np.isfinite(draws)]
    if len(known) == 0:
        return float("nan"), float("nan")
    lower, upper = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(lower), float(upper)
