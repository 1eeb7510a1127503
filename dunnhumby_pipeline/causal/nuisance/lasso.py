"""The lasso of many outcomes on the same covariates, the penalty by cross-validation over groups of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_N_PENALTIES, _SMALLEST = 30, 1e-3
_STOPPING = {"max_iter": 5000, "tol": 1e-3}


@dataclass(frozen=True)
class Linear:
    """`level` + x @ `slopes`, of (n, p) covariates."""

    slopes: Array
    level: float

    def predict(self, x: Array) -> Array:
        return x @ self.slopes + self.level


@dataclass(frozen=True)
class _Centred:
    """Rows of `x` (n, p) and `y` (n, k) about their means, and the products that coordinate descent needs."""

    x: Array
    y: Array
    x_mean: Array
    y_mean: Array
    gram: Array
    with_y: Array

    @classmethod
    def of(cls, x: Array, y: Array) -> _Centred:
        x_mean, y_mean = x.mean(axis=0), y.mean(axis=0)
        x, y = np.asfortranarray(x - x_mean), np.asfortranarray(y - y_mean)
        return cls(x, y, x_mean, y_mean, np.ascontiguousarray(x.T @ x), np.asfortranarray(x.T @ y))

    def path(self, outcome: int, penalties: Array) -> Array:
        """Coefficients (p, len(penalties)) of one outcome, each penalty's fit begun at that of the one before."""
        from sklearn.linear_model import lasso_path

        _, coefficients, _ = lasso_path(
            self.x,
            self.y[:, outcome],
            alphas=penalties,
            precompute=self.gram,
            Xy=self.with_y[:, outcome],
            check_input=False,
            **_STOPPING,
        )
        return np.asarray(coefficients)


def fit_lassos(x: Array, outcomes: Array, groups: NDArray[np.int64], n_folds: int) -> list[Linear]:
    """A lasso (Tibshirani 1996) of each column of `outcomes` (n, k) on standardised covariates (n, p).

    Each penalty is that of 30, from the smallest that leaves no covariate down to a thousandth of it, with the
    least mean squared error over `n_folds` folds that keep `groups` (n,) together: what scikit-learn's LassoCV
    finds for each alone, but folds, scales and products of covariates are worked out once for all outcomes.
    """
    from sklearn.model_selection import GroupKFold

    centre, scale = x.mean(axis=0), x.std(axis=0)
    # A column that does not vary, but for rounding, explains nothing.
    flat = np.ptp(x, axis=0) <= 10 * np.finfo(float).eps * np.abs(x).max(axis=0)
    scale[flat] = 1.0
    standard = (x - centre) / scale
    whole = _Centred.of(standard, outcomes)
    largest = np.abs(whole.with_y).max(axis=0) / len(x)
    penalties = np.maximum(np.outer(np.geomspace(1, _SMALLEST, _N_PENALTIES), largest), np.finfo(float).resolution)
    errors = np.zeros(penalties.shape)
    for train, held_out in GroupKFold(n_folds).split(standard, groups=groups):
        fold, new = _Centred.of(standard[train], outcomes[train]), standard[held_out]
        for outcome in range(outcomes.shape[1]):
            coefficients = fold.path(outcome, penalties[:, outcome])
            missed = (new - fold.x_mean) @ coefficients + fold.y_mean[outcome] - outcomes[held_out, outcome][:, None]
            errors[:, outcome] += (missed**2).mean(axis=0) / n_folds
    found = []
    for outcome, penalty in enumerate(penalties[errors.argmin(axis=0), range(outcomes.shape[1])]):
        slopes = whole.path(outcome, np.array([penalty]))[:, 0] / scale
        found.append(Linear(slopes, float(whole.y_mean[outcome] - centre @ slopes)))
    return found
