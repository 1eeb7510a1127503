"""The best linear predictor of the effect by what a model says of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.sequential import UNKNOWN, Statistic
from dunnhumby_pipeline.causal.estimators.clustered import first_seen
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
Groups = NDArray[np.int64]


def best_linear_predictor(data: Residuals, effect: Array, *, null: float = 0.0) -> Statistic:
    """The slope of the effect on what a model says of it, 1 when the model is right and 0 when it ranks nothing.

    Chernozhukov, Demirer, Duflo & Fernandez-Val (2018), on the residuals of Nie & Wager (2021): least squares of
    ry on rt, with a coefficient for every fold, and on rt (effect - mean of its fold), the means weighted by rt^2.
    `data` and `effect` (n,) are of trials whose households the model has not seen. Errors are clustered by household
    from residuals at the slope `null`, as a score test has them: with few heavy households, errors from the fitted
    slope are too small. No slope without a difference between effects of a fold.
    """
    ry, rt = data.outcome_residual, data.treatment_residual
    own = _codes(data.folds)
    centred, left = _within(effect, rt, own), _without_average(ry, rt, own)
    regressor = rt * centred
    products = float(regressor @ regressor)
    if products <= 1e-18 * max(1.0, float((rt * effect) @ (rt * effect))):
        return UNKNOWN
    slope = float(regressor @ left) / products
    return Statistic(slope, _clustered(regressor, left - null * regressor, data.households) / products, null)


def _codes(folds: Groups) -> Groups:
    """Numbers (n,) from 0 of the folds, in the order in which they come."""
    # Most are judged fold by fold.
    if len(folds) and (folds == folds[0]).all():
        return np.zeros(len(folds), dtype=np.int64)
    return first_seen(folds)


def _within(effect: Array, rt: Array, own: Groups) -> Array:
    weights = rt**2
    means = np.bincount(own, weights * effect) / np.bincount(own, weights)
    return effect - means[own]


def _without_average(ry: Array, rt: Array, own: Groups) -> Array:
    """ry less rt times the average effect of the fold."""
    averages = np.bincount(own, rt * ry) / np.bincount(own, rt**2)
    return ry - averages[own] * rt


def _clustered(regressor: Array, left: Array, households: Groups) -> float:
    totals = np.bincount(first_seen(households), regressor * left)
    return float(np.sqrt(len(totals) / max(len(totals) - 1, 1) * (totals @ totals)))
