"""A reduced form of the search for effects that differ, cheap enough to be repeated hundreds of times.

Three learners of the R-loss (Nie & Wager 2021) on shared residuals: two ridge regressions, of few and of many effective
parameters, and boosted stumps (componentwise L2 boosting, Buhlmann & Yu 2003). All three need second moments of
covariates and residuals only, and those of the covariates do not change from draw to draw. As in the whole procedure
they are fitted out of fold, calibrated about the average effect by R-stacking with weights of 0 or more that are
fitted on other folds than they are judged on, and the ensemble then stands against one effect for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

# Standard deviations beyond which a covariate counts as that far: one odd household is not to carry a regression.
_FURTHEST = 3.0
# Effective parameters of the ridge regressions.
_PARAMETERS = (4.0, 20.0)
_N_ROUNDS, _STEP = 40, 0.1
_QUANTILES = (0.2, 0.4, 0.6, 0.8)
# Fewest trials, and of the smaller arm, on either side of a stump.
_FEWEST = 25


@dataclass(frozen=True)
class Found:
    """What the procedure says of d outcomes at once, in units of the outcome.

    `effect`, `constant` (n, d): the ensemble and one effect for all, out of fold. `sequential` (n, d): the mean of the
    learners fitted on the folds before a trial's own; NaN in the first fold.
    """

    effect: Array
    constant: Array
    sequential: Array


class Reduced:
    """The procedure for one set of trials, of which only the outcome changes."""

    @one_thread()
    def __init__(self, x: Array, data: Residuals) -> None:
        """`x` (n, p); of `data` the treatment residuals and folds, two or more of them."""
        self.rt, self.n_covariates = data.treatment_residual, x.shape[1]
        self.rows = [np.flatnonzero(data.folds == fold) for fold in np.unique(data.folds)]
        basis = np.column_stack([np.ones(len(x)), standard(x), stumps(x, data.treated)]).astype(np.float32)
        # Fold by fold, as every draw reads them: there is no copy of all folds beside.
        self._basis = [basis[own] for own in self.rows]
        del basis
        self._design = [
            (self.rt[own, None] * of_fold).astype(np.float32)
            for own, of_fold in zip(self.rows, self._basis, strict=True)
        ]
        self._products = [(own.T @ own).astype(np.float64) for own in self._design]
        self._moments: dict[tuple[int, ...], _Moments] = {}

    @one_thread()
    def find(self, outcome_residual: Array) -> Found:
        """What is found in each column of the (n, d) outcome residuals."""
        ry, n_folds = outcome_residual, len(self.rows)
        sums = [design.T @ ry[own].astype(np.float32) for own, design in zip(self.rows, self._design, strict=True)]
        effects = np.empty((len(_PARAMETERS) + 1, *ry.shape))
        constant, sequential = np.empty(ry.shape), np.full(ry.shape, np.nan)
        for fold, own in enumerate(self.rows):
            others, before = [other for other in range(n_folds) if other != fold], list(range(fold))
            constant[own] = self._average(others, ry)
            effects[:, own] = self._predicted(self._coefficients(others, sums), fold)
            if before == others:
                # Of the last fold all others come before it.
                sequential[own] = effects[:, own].mean(axis=0)
            elif before:
                sequential[own] = self._predicted(self._coefficients(before, sums), fold).mean(axis=0)
        return Found(self._stacked(effects, constant, ry), constant, sequential)

    def _average(self, folds: list[int], ry: Array) -> Array:
        """Overlap-weighted effect (d,) of the trials of some folds."""
        rows = np.concatenate([self.rows[fold] for fold in folds])
        return self.rt[rows] @ ry[rows] / (self.rt[rows] ** 2).sum()

    def _predicted(self, coefficients: Array, fold: int) -> Array:
        return np.stack([self._basis[fold] @ own for own in coefficients.astype(np.float32)]).astype(np.float64)

    def _coefficients(self, folds: list[int], sums: list[NDArray[np.float32]]) -> Array:
        """Coefficients (learners, columns of the basis, d) of the learners fitted to some folds."""
        moments = self._moments_of(folds)
        along: Array = np.stack([sums[fold] for fold in folds]).astype(float).sum(axis=0)
        average = along[0] / moments.of_intercept_alone
        along = along - np.outer(moments.of_intercept, along[0])
        linear, steps = slice(1, 1 + self.n_covariates), slice(1 + self.n_covariates, None)
        found = np.zeros((len(_PARAMETERS) + 1, *along.shape))
        for number, own in enumerate(moments.ridges.coefficients(along[linear])):
            found[number, linear] = own
        found[-1, steps] = _boosted(moments.of_steps, along[steps])
        found[:, 0] = average - np.einsum("j,ljd->ld", moments.of_intercept, found)
        return found

    def _moments_of(self, folds: list[int]) -> _Moments:
        """The second moments of some folds, worked out once: they are those of covariates, and of no outcome."""
        key = tuple(folds)
        if key not in self._moments:
            products: Array = np.stack([self._products[fold] for fold in folds]).sum(axis=0)
            # The intercept, the treatment residual itself, is not penalised: all else is what it leaves.
            alone, of_intercept = float(products[0, 0]), products[0] / products[0, 0]
            products = products - np.outer(products[:, 0], of_intercept)
            linear, steps = slice(1, 1 + self.n_covariates), slice(1 + self.n_covariates, None)
            of_steps = _unit_steps(products[steps, steps])
            self._moments[key] = _Moments(of_intercept, alone, _ridges(products[linear, linear]), of_steps)
        return self._moments[key]

    def _stacked(self, effects: Array, constant: Array, ry: Array) -> Array:
        """ATO + sum of w (effect - its mean), the weights of a fold from the others."""
        weight, left = self.rt**2, ry - constant * self.rt[:, None]
        centred, squares, products = np.empty_like(effects), [], []
        for own in self.rows:
            of_fold = effects[:, own]
            centred[:, own] = of_fold - np.average(of_fold, weights=weight[own], axis=1)[:, None]
            scaled = centred[:, own] * self.rt[own, None]
            squares.append(np.einsum("and,bnd->dab", scaled, scaled))
            products.append(np.einsum("and,nd->da", scaled, left[own]))
        stacked = np.empty_like(constant)
        for fold, own in enumerate(self.rows):
            others = [other for other in range(len(self.rows)) if other != fold]
            weights = not_negative(sum(squares[o] for o in others), sum(products[o] for o in others))
            stacked[own] = constant[own] + np.einsum("da,and->nd", weights, centred[:, own])
        return stacked


def other_half(x: Array, data: Residuals) -> Callable[[NDArray[np.bool_]], Array]:
    """What the mean of the three learners, fitted to the trials that a mask (n,) does not hold, says of those it does.

    Covariates are standardised and cut among all trials; of outcomes and treatment the learners see their half alone.
    """
    ry = data.outcome_residual[:, None]

    def effect_of(held_out: NDArray[np.bool_]) -> Array:
        found = Reduced(x, replace(data, folds=held_out.astype(np.int64))).find(ry)
        return found.sequential[held_out, 0]

    return effect_of


def standard(x: Array) -> Array:
    """Columns of `x` (n, p) as standard deviations from their means, none beyond 3; 0 where they do not vary."""
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
    return np.clip((x - x.mean(axis=0)) / scale, -_FURTHEST, _FURTHEST)


def stumps(x: Array, treated: Array) -> Array:
    """Indicators (n, q) of x above some of its quantiles, with enough trials of both arms on either side."""
    if not x.shape[1]:
        return np.empty((len(x), 0))
    cuts = [np.unique(column) for column in np.quantile(x, _QUANTILES, axis=0, method="lower").T]
    columns = np.repeat(np.arange(x.shape[1]), [len(own) for own in cuts])
    above = x[:, columns] > np.concatenate(cuts)
    enough = np.ones(len(columns), dtype=bool)
    for arm in (0, 1):
        of_arm = treated == arm
        n_above = above[of_arm].sum(axis=0)
        enough &= (n_above >= _FEWEST) & (n_above <= of_arm.sum() - _FEWEST)
    return above[:, enough].astype(float)


def not_negative(squares: Array, products: Array) -> Array:
    """Weights (d, m), 0 or more, of least squares with moments (d, m, m) and (d, m): the best of all active sets."""
    n_draws, m = products.shape
    best, lowest = np.zeros((n_draws, m)), np.zeros(n_draws)
    ridge = 1e-9 * np.einsum("daa->d", squares)[:, None] + 1e-300
    for size in range(1, m + 1):
        for chosen in combinations(range(m), size):
            own = np.array(chosen)
            inner = squares[:, own[:, None], own] + ridge[:, :, None] * np.eye(size)
            weights = np.linalg.solve(inner, products[:, own, None])[:, :, 0]
            loss = -(weights * products[:, own]).sum(axis=1)
            better = (weights >= 0).all(axis=1) & (loss < lowest)
            lowest[better] = loss[better]
            best[better] = 0.0
            best[np.ix_(better, own)] = weights[better]
    return best


@dataclass(frozen=True)
class _Ridges:
    """Ridge regressions on products (p, p) with each number of effective parameters; no `penalties` where all are 0."""

    values: Array
    vectors: Array
    penalties: tuple[float, ...]

    def coefficients(self, along: Array) -> list[Array]:
        """Coefficients (p, d) of each, of products (p, d) of columns and outcomes."""
        if not self.penalties:
            return [np.zeros_like(along) for _ in _PARAMETERS]
        turned = self.vectors.T @ along
        return [self.vectors @ (turned / (self.values + penalty)[:, None]) for penalty in self.penalties]


def _ridges(products: Array) -> _Ridges:
    values, vectors = np.linalg.eigh(products)
    values = np.maximum(values, 0.0)
    if not values[-1] > 0:
        return _Ridges(values, vectors, ())
    penalties = []
    for parameters in _PARAMETERS:
        most = min(parameters, 0.9 * float((values > 1e-9 * values[-1]).sum()))

        def excess(log_penalty: float, most: float = most) -> float:
            return float((values / (values + np.exp(log_penalty))).sum()) - most

        ends = np.log(values[-1]) - 40, np.log(values[-1]) + 40
        penalties.append(np.exp(optimize.brentq(excess, *ends, xtol=1e-6)))
    return _Ridges(values, vectors, tuple(penalties))


@dataclass(frozen=True)
class _Steps:
    """Products (q, q) of stumps of length 1, and by what (q,) each is divided for that; 0 for one that is not used."""

    unit: NDArray[np.float32]
    scale: Array


def _unit_steps(products: Array) -> _Steps:
    if not len(products):
        return _Steps(products.astype(np.float32), np.zeros(0))
    own = np.diag(products)
    usable = own > 1e-6 * own.max()
    scale = np.where(usable, 1 / np.sqrt(np.where(usable, own, 1.0)), 0.0)
    return _Steps((products * np.outer(scale, scale)).astype(np.float32), scale)


@dataclass(frozen=True)
class _Moments:
    """What some folds say of their covariates: products of each column with the intercept, as a share of its own, which
    is `of_intercept_alone`; and of what the intercept leaves, what ridge regressions and boosted stumps take."""

    of_intercept: Array
    of_intercept_alone: float
    ridges: _Ridges
    of_steps: _Steps


def _boosted(steps: _Steps, along: Array) -> Array:
    """Coefficients (q, d) after so many small steps, each along the stump that lowers the loss most."""
    n_steps, n_draws = along.shape
    found = np.zeros((n_draws, n_steps))
    if not n_steps:
        return found.T
    # By stumps of length 1, of which the best is that with the largest product.
    left, draws = (along.T * steps.scale).astype(np.float32), np.arange(n_draws)
    for _ in range(_N_ROUNDS):
        best = np.abs(left).argmax(axis=1)
        step = _STEP * left[draws, best]
        found[draws, best] += step
        left -= step[:, None] * steps.unit[best]
    return (found * steps.scale).T
