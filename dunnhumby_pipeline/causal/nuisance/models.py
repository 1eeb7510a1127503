"""The models of propensity and outcome means: of each two, a linear one and shallow boosted trees, averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.lasso import Linear, fit_lassos
from dunnhumby_pipeline.engine.threads import one_thread

if TYPE_CHECKING:
    import xgboost

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

_MAX_BIN = 64
_TREES = {
    "max_depth": 3,
    "learning_rate": 0.1,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
    "max_bin": _MAX_BIN,
    "nthread": 1,
}
_N_TREES = 60
_MIN_CHILD = 10
_INNER_FOLDS = 5


@dataclass(frozen=True)
class Averaged:
    """Two fitted models whose predictions are averaged."""

    first: Any
    second: Any

    def mean(self, x: Array) -> Array:
        return (self.first.predict(x) + self.second.predict(x)) / 2

    def probability(self, x: Array) -> Array:
        return (self.first.predict_proba(x)[:, 1] + self.second.predict(x)) / 2


@dataclass(frozen=True)
class Trees:
    """Boosted trees: `predict` gives means, or probabilities where they were fitted to classes."""

    booster: xgboost.Booster

    def predict(self, x: Array) -> Array:
        return np.asarray(self.booster.inplace_predict(x))


def fit_propensity(x: Array, treated: Array | Groups, seed: int) -> Averaged:
    """Fit e(x) = P(treated | x) on (n, p) covariates."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with one_thread():
        logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(x, treated)
        (trees,) = _boosted(x, treated[:, None], seed, min_child_weight=_MIN_CHILD / 2, objective="binary:logistic")
    return Averaged(logistic, trees)


def fit_outcome(x: Array, y: Array, households: Groups, seed: int) -> Averaged:
    """Fit the mean of `y` (n,) on (n, p) covariates of one arm; the lasso's own folds are grouped by household."""
    return fit_outcomes(x, y[:, None], households, seed)[0]


def fit_outcomes(x: Array, outcomes: Array, households: Groups, seed: int) -> list[Averaged]:
    """As `fit_outcome`, of each column of `outcomes` (n, k): what the covariates alone decide is worked out once."""
    varies = np.ptp(outcomes, axis=0) > 0
    # Controls never redeem a campaign's coupons.
    unvaried = [Linear(np.zeros(x.shape[1]), level) for level in outcomes[0]]
    found = [Averaged(constant, constant) for constant in unvaried]
    if varies.any():
        n_folds = min(_INNER_FOLDS, len(np.unique(households)))
        with one_thread():
            lassos = fit_lassos(x, outcomes[:, varies], households, n_folds)
            trees = _boosted(x, outcomes[:, varies], seed, min_child_weight=_MIN_CHILD)
        for column, lasso, booster in zip(np.flatnonzero(varies), lassos, trees, strict=True):
            found[column] = Averaged(lasso, booster)
    return found


def _boosted(x: Array, outcomes: Array | Groups, seed: int, **parameters: object) -> list[Trees]:
    """Boosted trees (Chen & Guestrin 2016) for each column of `outcomes` (n, k)."""
    import xgboost

    # Binning the covariates takes as long as 30 trees.
    binned = xgboost.QuantileDMatrix(x, max_bin=_MAX_BIN, nthread=1)
    found = []
    for y in outcomes.T:
        binned.set_label(y)
        found.append(Trees(xgboost.train({**_TREES, **parameters, "seed": seed}, binned, _N_TREES)))
    return found
