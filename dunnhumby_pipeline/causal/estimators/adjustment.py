"""Regression adjustment: one regression of both arms, and one that lets every slope differ between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from dunnhumby_pipeline.causal.estimators.clustered import Estimate, clustered_estimate
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Share of a covariate's variance that those before it must leave unexplained for it to be kept.
_LEAST_OWN_VARIANCE = 1e-8


class NotEstimableError(ValueError):
    """An estimator that cannot be computed from these trials. The message says why."""


def ols(data: Residuals, x: Array, rows: Mask) -> Estimate:
    """Coefficient of the treatment in least squares on 1, treatment and (n, p) covariates, errors clustered.

    When effects differ it estimates their average weighted by the variance that covariates leave to the
    treatment (Angrist 1998), e (1 - e) if e is linear in them: hence labelled ATO. By partialling out (Frisch &
    Waugh 1933) in one pass over the covariates, equal to statsmodels with cov_type="cluster", small-sample
    factor included, which takes several copies of the covariates. Covariates that those before them determine
    are left out, see `dependent_columns`.
    Raises NotEstimableError when they leave no degree of freedom, or none to the treatment.
    """
    y, treated = data.y[rows], data.treated[rows]
    z, _, _ = _standardised(x, rows)
    gram = z.T @ z
    kept = _independent([gram])
    n_free = len(y) - len(kept) - 2
    if n_free < 1:
        raise NotEstimableError(f"{len(y)} trials are too few for {len(kept)} covariates and the treatment")
    both = np.column_stack([treated - treated.mean(), y - y.mean()])
    slopes = np.zeros((z.shape[1], 2))
    slopes[kept] = _solve(gram[np.ix_(kept, kept)], (z.T @ both)[kept])
    rt, ry = (both - z @ slopes).T
    weight = float((rt**2).mean())
    if weight <= _LEAST_OWN_VARIANCE * treated.var():
        raise NotEstimableError("the covariates determine the treatment")
    effect = float((rt * ry).mean()) / weight
    small_sample = float(np.sqrt((len(y) - 1) / n_free))
    return clustered_estimate(effect, rt * (ry - effect * rt) / weight, data.households[rows], small_sample)


def lin(data: Residuals, x: Array, rows: Mask) -> Estimate:
    """Average effect (ATE) by least squares with all covariates (n, p) about their mean and their interactions
    with the treatment, which is a regression in each arm (Lin 2013), errors clustered by household.

    To the coefficient's own error, as statsmodels gives it, is added that the trials' covariates are a sample
    too (Negi & Wooldridge 2021). Covariates that those before them determine in either arm are left out of
    both: what varies in one arm only cannot be adjusted for.
    Raises NotEstimableError when an arm has no more trials than coefficients.
    """
    y, treated, households = data.y[rows], data.treated[rows], data.households[rows]
    arms = [rows & (data.treated == arm) for arm in (0, 1)]
    own = [_standardised(x, arm) for arm in arms]
    grams = [z.T @ z for z, _, _ in own]
    kept = _independent(grams)
    for arm, name in zip(arms, ("control", "treated"), strict=True):
        if arm.sum() <= len(kept) + 1:
            raise NotEstimableError(f"the {name} arm's {arm.sum()} trials are too few for {len(kept)} covariates")
    average = rows @ x / len(y)
    effect, gain, influence = 0.0, np.zeros(len(y)), np.empty(len(y))
    for (z, mean, scale), gram, arm, sign in zip(own, grams, (0, 1), (-1.0, 1.0), strict=True):
        of_arm = y[treated == arm]
        distance = (average - mean) * scale
        wanted = np.column_stack([z.T @ (of_arm - of_arm.mean()), distance])
        solved = np.zeros(wanted.shape)
        solved[kept] = _solve(gram[np.ix_(kept, kept)], wanted[kept])
        slope, towards_average = solved.T
        effect += sign * float(of_arm.mean() + distance @ slope)
        gain += sign * (x @ (slope * scale))[rows]
        # The weight of each trial in its arm's mean at the average covariates, times its residual.
        weight = 1 / len(of_arm) + z @ towards_average
        influence[treated == arm] = sign * len(y) * weight * (of_arm - of_arm.mean() - z @ slope)
    factor = np.sqrt((len(y) - 1) / (len(y) - 2 * len(kept) - 2))
    return clustered_estimate(effect, factor * influence + gain - gain.mean(), households)


def dependent_columns(x: Array, *groups: Mask) -> list[int]:
    """Columns of (n, p) `x` that a regression leaves out: in one of the groups of rows those before determine them.

    In the columns' order, as R's lm does: a column goes whose variance the kept ones before it explain but for
    one part in 10^8. `ols` leaves out those of all its rows, `lin` those of either arm.
    """
    parts = [_standardised(x, rows)[0] for rows in groups]
    kept = set(_independent([z.T @ z for z in parts]))
    return [column for column in range(x.shape[1]) if column not in kept]


def _standardised(x: Array, rows: Mask) -> tuple[Array, Array, Array]:
    """(z, mean, scale): z = (x - mean) * scale of `rows`, of variance 1; scale is 0 where a column does not vary."""
    z = x[rows]
    varies = z.max(axis=0) > z.min(axis=0)
    mean = z.mean(axis=0)
    z -= mean
    spread = np.sqrt(np.einsum("ij,ij->j", z, z) / len(z))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    z *= scale
    return z, mean, scale


def _independent(grams: list[Array]) -> list[int]:
    """Columns that in each matrix of cross products (p, p) have variance of their own beside those kept before."""
    left = []
    for gram in grams:
        scale = np.sqrt(np.diag(gram))
        inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        left.append(inverse[:, None] * gram * inverse)
    kept = []
    for column in range(len(grams[0])):
        if all(part[column, column] > _LEAST_OWN_VARIANCE for part in left):
            kept.append(column)
            for part in left:
                part -= np.outer(part[column], part[column]) / part[column, column]
    return kept


def _solve(gram: Array, wanted: Array) -> Array:
    return np.asarray(linalg.solve(gram, wanted, assume_a="pos")) if len(gram) else np.zeros(wanted.shape)
