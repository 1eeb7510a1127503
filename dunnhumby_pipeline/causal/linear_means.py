"""Means of many outcomes at once, cross-fitted: for questions beside the main one.

A ridge regression serves all outcomes with one factorisation a fold, where lasso and trees take a fit each.
The partially linear estimator forgives errors of this mean as far as the propensity is right.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dunnhumby_pipeline.causal.nuisance import Residuals

Array = NDArray[np.float64]
_PENALTIES = tuple(10.0**power for power in range(-1, 6))


def linear_means(x: Array, outcomes: Array, folds: NDArray[np.int64]) -> Array:
    """Out-of-fold mean (n, k) of `outcomes` (n, k) given covariates (n, p), in the outcomes' units.

    Ridge regression on standardised covariates, the penalty of each outcome by leave-one-out error in closed
    form (Hoerl & Kennard 1970; Golub, Heath & Wahba 1979).
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    means = np.empty(outcomes.shape)
    with threadpool_limits(1):
        for fold in np.unique(folds):
            train = folds != fold
            model = make_pipeline(StandardScaler(), RidgeCV(_PENALTIES, alpha_per_target=True))
            means[~train] = model.fit(x[train], outcomes[train]).predict(x[~train]).reshape(means[~train].shape)
    return means


def with_outcome(data: Residuals, y: Array, mean: Array) -> Residuals:
    """The same trials with another outcome (n,) and its mean (n,), which is the same for both arms."""
    return replace(data, y=y, mu0=mean, mu1=mean)
