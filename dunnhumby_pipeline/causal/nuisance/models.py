"""The models of propensity and outcome means: a small super learner of a linear model and boosted trees.

The candidates' shares come from their predictions of households that they were not fitted to (van der Laan, Polley &
Hubbard 2007; Breiman 1996 for weights that are not negative). Trees stop growing in number where they stop helping
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from dunnhumby_pipeline.causal.nuisance.boosting import BINS, COARSE, Trees, binned, boost, stop_early
from dunnhumby_pipeline.causal.nuisance.lasso import Linear, fit_lassos
from dunnhumby_pipeline.causal.nuisance.remembered import digest, remembered
from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Mask = NDArray[np.bool_]
Digest = tuple[object, ...]

# Linear models and trees, or either alone: those that may have a share.
BOTH, LINEAR_ONLY, TREES_ONLY = (True, True), (True, False), (False, True)

_MIN_CHILD = 10
_INNER_FOLDS = 4
_LOGISTIC = {"C": 0.1, "solver": "newton-cholesky", "max_iter": 100}
_LEAST = 1e-6


@dataclass(frozen=True)
class Stack:
    """A linear model and boosted trees; of the mean `level`, what they say about it counts by the `weights` (2,)."""

    linear: Any
    trees: Any
    weights: Array
    level: float = 0.0

    def mean(self, x: Array, start: Array | float = 0.0) -> Array:
        """Mean (n,) at (n, p) covariates; `start` (n,) is what the trees began from, if they did."""
        linear, trees = self.weights
        found = np.full(len(x), self.level)
        if linear > 0:
            found += linear * (self.linear.predict(x) - self.level)
        if trees > 0:
            found += trees * (self.trees.predict(x) + start - self.level)
        return found

    def probability(self, x: Array) -> Array:
        linear, trees = self.weights
        found = np.zeros(len(x))
        if linear > 0:
            found += linear * self.linear.predict_proba(x)[:, 1]
        if trees > 0:
            found += trees * self.trees.predict(x)
        return found


def fit_propensity(
    x: Array, treated: Array | Groups, households: Groups, seed: int, candidates: tuple[bool, bool] = BOTH
) -> Stack:
    """Fit e(x) = P(treated | x) on (n, p) covariates: logistic regression and trees, their shares by log loss."""
    target = np.asarray(treated, dtype=float)
    out = _inner_folds(households, target) == 0
    known = digest(x)
    everyone = np.ones(len(x), dtype=bool)
    with one_thread():
        if candidates == LINEAR_ONLY:
            return Stack(_logistic(x, target, everyone, known), None, np.array([1.0, 0.0]))
        of_trees = {
            **{"min_child_weight": _MIN_CHILD / 2, "objective": "binary:logistic"},
            **{"max_bin": COARSE, "seed": seed},
        }
        trees, said = _boosted(x, target, out, of_trees, COARSE, known)
        linear, share = None, (0.0, 1.0)
        if candidates == BOTH:
            linear = _logistic(x, target, everyone, known)
            of_others = _logistic(x, target, ~out, known)
            share = _simplex_weights(target[out], of_others.predict_proba(x[out])[:, 1], said)
    return Stack(linear, trees, np.array(share))


def _logistic(x: Array, target: Array, rows: Mask, known: Digest) -> Any:
    """A logistic regression of `target` (n,) on the standardised covariates, fitted to `rows` (n,)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def fit() -> Any:
        model = make_pipeline(StandardScaler(), LogisticRegression(**_LOGISTIC))
        return model.fit(x[rows], target[rows])

    return remembered(("logistic", known, digest(target), digest(rows)), fit)


def _boosted(
    x: Array, y: Array, out: Mask, parameters: Mapping[str, object], bins: int, known: Digest
) -> tuple[Trees, Array]:
    """Trees of `y` (n,) on all rows, as many as help those of `out` (n,) most, and what trees fitted to the others say
    of these. `known`: the digest of `x`."""
    loss = _log_loss if parameters.get("objective") == "binary:logistic" else _squared

    def fit() -> tuple[Trees, Array]:
        matrix = binned(x, bins, known)
        stopped = stop_early(matrix, y, [out], parameters, loss)
        return boost(matrix, y, stopped.n_trees, parameters), stopped.predicted[out]

    return remembered(("boosted", known, digest(y), digest(out), bins, *sorted(parameters.items())), fit)


def fit_outcome(x: Array, y: Array, households: Groups, seed: int) -> Stack:
    """Fit the mean of `y` (n,) on (n, p) covariates of one arm; its own folds are grouped by household."""
    return fit_outcomes(x, y[:, None], households, seed)[0]


def fit_outcomes(
    x: Array,
    outcomes: Array,
    households: Groups,
    seed: int,
    candidates: tuple[bool, bool] = BOTH,
    start: Array | None = None,
) -> list[Stack]:
    """As `fit_outcome`, of each column of `outcomes` (n, k): what the covariates alone decide is worked out once.

    `start` (n, k): means from which the trees begin, so that they say what differs from them.
    """
    begin = np.zeros(outcomes.shape) if start is None else start
    varies = np.ptp(outcomes, axis=0) > 0
    # Controls never redeem a campaign's coupons.
    unvaried = [Linear(np.zeros(x.shape[1]), level) for level in outcomes[0]]
    found = [Stack(constant, constant, np.array([1.0, 0.0]), constant.level) for constant in unvaried]
    if varies.any():
        folds = _inner_folds(households)
        out = folds == 0
        with one_thread():
            known, several = digest(x), outcomes[:, varies]

            def linear() -> tuple[list[Linear], Array]:
                lassos, said = fit_lassos(x, several, folds)
                return lassos, said[out]

            lassos, of_lassos = remembered(("lassos", known, digest(several), digest(folds)), linear)
            for column, lasso, of_lasso in zip(np.flatnonzero(varies), lassos, of_lassos.T, strict=True):
                y = outcomes[:, column]
                parameters = {"min_child_weight": _MIN_CHILD, "seed": seed}
                level = float(y.mean())
                trees, of_trees = None, np.full(int(out.sum()), level)
                if candidates != LINEAR_ONLY:
                    trees, said_of_out = _boosted(x, y - begin[:, column], out, parameters, BINS, known)
                    of_trees = said_of_out + begin[out, column]
                said = np.column_stack([of_lasso, of_trees]) - level
                found[column] = Stack(lasso, trees, _mean_weights(said * candidates, y[out] - level), level)
    return found


def _inner_folds(households: Groups, treated: Array | None = None) -> Groups:
    """Fold (n,) of each row: every fourth household in one, in the order of their keys, those ever treated last."""
    position = np.unique(households, return_inverse=True)[1]
    if treated is not None:
        ever = np.bincount(position, treated) > 0
        position = np.argsort(np.argsort(ever, kind="stable"), kind="stable")[position]
    return position % _INNER_FOLDS


def _squared(y: Array, predicted: Array) -> float:
    return float(((y - predicted) ** 2).mean())


def _log_loss(y: Array, predicted: Array) -> float:
    p = np.clip(predicted, _LEAST, 1 - _LEAST)
    return -float((special.xlogy(y, p) + special.xlogy(1 - y, 1 - p)).mean())


def _mean_weights(said: Array, y: Array) -> Array:
    """Weights (2,) from 0 to 1 of two candidates' `said` (n, 2) with the least squared error of `y` (n,).

    Without the limit, noise would give a candidate that says next to nothing any weight.
    """
    return np.asarray(optimize.lsq_linear(said, y, bounds=(0, 1)).x) * said.any(axis=0)


def _simplex_weights(y: Array, first: Array, second: Array) -> tuple[float, float]:
    """The share of each of two probabilities whose mixture has the least log loss: convex in the share."""
    share = optimize.minimize_scalar(
        lambda share: _log_loss(y, share * first + (1 - share) * second), bounds=(0, 1), method="bounded"
    ).x
    return float(share), 1 - float(share)
