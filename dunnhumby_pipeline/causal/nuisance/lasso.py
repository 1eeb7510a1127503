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


def fit_lassos(x: Array, outcomes: Array, folds: NDArray[np.int64]) -> tuple[list[Linear], Array]:
    """A lasso (Tibshirani 1996) of each column of `outcomes` (n, k) on standardised covariates (n, p), and what each
    says of the rows of a fold (n, k) when it is fitted to the other `folds` (n,).

    Each penalty is that of 30, from the smallest that leaves no covariate down to a thousandth of it, with the
    least mean squared error over the folds: what scikit-learn's LassoCV finds for each alone, but folds, scales and
    products of covariates are worked out once for all outcomes.
    """
    centre, scale = x.mean(axis=0), x.std(axis=0)
    # A column that does not vary, but for rounding, explains nothing.
    flat = np.ptp(x, axis=0) <= 10 * np.finfo(float).eps * np.abs(x).max(axis=0)
    scale[flat] = 1.0
    standard = (x - centre) / scale
    whole = _Centred.of(standard, outcomes)
    largest = np.abs(whole.with_y).max(axis=0) / len(x)
    penalties = np.maximum(np.outer(np.geomspace(1, _SMALLEST, _N_PENALTIES), largest), np.finfo(float).resolution)
    errors, paths = np.zeros(penalties.shape), []
    for name in np.unique(folds):
        out = folds == name
        fold, new = _Centred.of(standard[~out], outcomes[~out]), standard[out]
        coefficients = [fold.path(outcome, penalties[:, outcome]) for outcome in range(outcomes.shape[1])]
        for outcome, own in enumerate(coefficients):
            missed = (new - fold.x_mean) @ own + fold.y_mean[outcome] - outcomes[out, outcome][:, None]
            errors[:, outcome] += (missed**2).mean(axis=0)
        paths.append((out, fold.x_mean, fold.y_mean, coefficients))
    chosen = errors.argmin(axis=0)
    predicted = np.empty(outcomes.shape)
    for out, x_mean, y_mean, coefficients in paths:
        slopes = np.column_stack([own[:, at] for own, at in zip(coefficients, chosen, strict=True)])
        predicted[out] = (standard[out] - x_mean) @ slopes + y_mean
    found = []
    for outcome, penalty in enumerate(penalties[chosen, range(outcomes.shape[1])]):
        slopes = whole.path(outcome, np.array([penalty]))[:, 0] / scale
        found.append(Linear(slopes, float(whole.y_mean[outcome] - centre @ slopes)))
    return found, predicted
