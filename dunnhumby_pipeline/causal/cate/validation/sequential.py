"""Tests that hold their size: each fold is judged by what was fitted to the folds before it alone.

When every fold is predicted from all others, the fits share their trials with the folds that judge them, and the
errors of the folds do not cancel: pooled tests reject a true null too often. Judged in sequence, the standardised
statistics of the folds are a martingale difference, and their sum over its root is standard normal (Wager 2024,
"Sequential validation of treatment heterogeneity"; Luedtke & van der Laan 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import local

import numpy as np
from numpy.typing import NDArray
from scipy import special

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.engine.threads import side_by_side

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Statistic:
    """An estimate with its error; `p` of "not above `null`", one-sided. All null where nothing can be told."""

    estimate: float
    se: float
    null: float = 0.0

    @property
    def p(self) -> float:
        known = np.isfinite(self.estimate) and self.se > 0
        return float(special.ndtr(-((self.estimate - self.null) / self.se))) if known else float("nan")

    @property
    def p_two_sided(self) -> float:
        return 2 * min(self.p, 1 - self.p)

    def interval(self, confidence: float) -> tuple[float, float]:
        half = normal_quantile(confidence) * self.se
        return self.estimate - half, self.estimate + half


UNKNOWN = Statistic(float("nan"), float("nan"))


def sequential_effects(learner: Callable[[], Learner], x: Array, data: Residuals) -> Array:
    """Effect (n,) of each trial by what `learner` makes when fitted to the folds before the trial's own.

    NaN in the first fold, and in those before which there are too few trials to fit to. Folds are taken in the order of
    their numbers, which are drawn by lot.
    """
    return sequential_fits(learner, x, data)[0]


def sequential_fits(
    learner: Callable[[], Learner], x: Array, data: Residuals, max_trials: int | None = None, seed: int = 0
) -> tuple[Array, Learner | None]:
    """`sequential_effects`, and the learner fitted to all folds but the last; None when no fold could be fitted to.

    With `max_trials` each fit is to at most so many trials, of households drawn with `seed`.
    """

    def of_fold(fold: int) -> tuple[Learner, Array] | None:
        train = data.folds < fold
        if max_trials is not None:
            train = drawn(train, data.households, max_trials, seed)
        try:
            fitted = learner().fit(x[train], subset(data, train))
        except (ValueError, ArithmeticError):
            # What learners raise of data that they cannot be fitted to: of so few trials nothing is judged.
            return None
        return fitted, fitted.predict(x[data.folds == fold])

    effects, last = np.full(len(x), np.nan), None
    judged = np.unique(data.folds)[1:]
    for fold, found in zip(judged, side_by_side(of_fold, judged), strict=True):
        if found is not None:
            last, effects[data.folds == fold] = found
    return effects, last


def by_fold(judge: Callable[[Residuals, Array], Statistic], data: Residuals, effect: Array) -> Statistic:
    """`judge` of each fold whose effects are known, put together: z = sum of z_k / sqrt(number of folds).

    `effect` (n,) is null in folds without one, and in them alone. The estimate is the folds' own, each weighted by one
    over its error, so that it divided by its error is z. Folds in which nothing can be told are left out.
    """
    found = []
    for rows in _rows_by_fold(data.folds):
        own = effect[rows]
        if np.isfinite(own).all():
            one = judge(subset(data, rows), own)
            if np.isfinite(one.estimate) and one.se > 0:
                found.append(one)
    if not found:
        return UNKNOWN
    precision = np.array([1 / one.se for one in found])
    estimate = float(precision @ np.array([one.estimate for one in found]) / precision.sum())
    return Statistic(estimate, float(np.sqrt(len(found)) / precision.sum()), found[0].null)


class _Divided(local):
    """The folds that were divided last, and the rows of each: of hundreds of draws the folds are the same array."""

    folds: NDArray[np.int64] | None = None
    rows: tuple[NDArray[np.int64], ...] = ()


_DIVIDED = _Divided()


def _rows_by_fold(folds: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    if folds is not _DIVIDED.folds:
        _DIVIDED.rows = tuple(np.flatnonzero(folds == fold) for fold in np.unique(folds))
        _DIVIDED.folds = folds
    return _DIVIDED.rows
