"""Recalibration of one propensity within each campaign: an intercept and a slope on the logit.

One model of many campaigns is too bold where a campaign follows the covariates less than the others do, and too timid
where it follows them more. What is left is found by logistic recalibration (Cox 1958; Platt 1999), cross-fitted as the
propensity is; Gutman, Karavani & Shimoni (2022) and Ballinari & Bearth (2024) show that weights gain by it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
# Standard deviation of intercept and slope about 0 and 1 before a campaign's trials are seen: a slope from some
# hundreds of trials has an error of a tenth, so that it moves by a percent, and one from few trials by more.
_SPREAD = 1.0
# Logits of propensities nearer to 0 or 1 would decide the slope alone.
_LEAST = 1e-4
_STEPS = 50


def recalibrated(propensity: Array, treated: Array | Groups, campaigns: Groups, folds: Groups, min_arm: int) -> Array:
    """Out-of-fold propensities (n,), those of each campaign and fold moved by the line that the campaign's trials in
    other folds ask for.

    A trial's arm decides nothing about how its own propensity, or any in its fold, is moved. Where the other folds hold
    fewer than `min_arm` trials of an arm of the campaign, its propensities in this fold stay as they are.
    """
    found = propensity.copy()
    for campaign in np.unique(campaigns):
        inside = campaigns == campaign
        for fold in np.unique(folds[inside]):
            others, own = inside & (folds != fold), inside & (folds == fold)
            found[own] = _moved(propensity[own], propensity[others], treated[others], min_arm)
    return found


def as_in_campaign(propensity: pd.Series, campaigns: pd.Series, nuisances: pd.DataFrame, min_arm: int) -> Array:
    """Propensities (m,) of households that are no trials, recalibrated as those of the campaign (m,) that each carries.

    They come from the model of all campaigns, so they are off as the trials' were; who is in overlap is told by one
    scale for both. The line is that of all trials of the campaign, whose `propensity_as_fitted` is out of fold.
    """
    found = propensity.to_numpy(dtype=float).copy()
    for campaign, trials in nuisances.groupby("campaign"):
        own, treated = (campaigns == campaign).to_numpy(), trials["treated"].to_numpy()
        found[own] = _moved(found[own], trials["propensity_as_fitted"].to_numpy(dtype=float), treated, min_arm)
    return found


def _moved(new: Array, propensity: Array, treated: Array | Groups, min_arm: int) -> Array:
    return moved(new, line_of(propensity, treated, min_arm))


def line_of(propensity: Array, treated: Array | Groups, min_arm: int) -> tuple[float, float] | None:
    """The line (intercept, slope) that a campaign's trials ask for; None with fewer than `min_arm` in an arm."""
    n_treated = int(treated.sum())
    return None if min(n_treated, len(treated) - n_treated) < min_arm else fit_line(propensity, treated)


def moved(propensity: Array, line: tuple[float, float] | None) -> Array:
    """Propensities (n,) moved by a line on their logit; as they are without one."""
    if line is None:
        return propensity
    intercept, slope = line
    return np.asarray(special.expit(intercept + slope * _logit(propensity)))


def fit_line(propensity: Array, treated: Array | Groups) -> tuple[float, float]:
    """Intercept and slope of treatment (n,) on the logit of the propensity (n,), shrunk towards 0 and 1.

    The mode under independent normal priors with means 0 and 1, by Newton's method: finite, even where the arms'
    propensities do not interleave, since the penalised log likelihood is strictly concave.
    """
    design = np.column_stack([np.ones(len(propensity)), _logit(propensity)])
    expected = np.array([0.0, 1.0])

    def loss(line: Array) -> float:
        eta = design @ line
        prior = ((line - expected) ** 2).sum() / (2 * _SPREAD**2)
        return float(np.logaddexp(0, eta).sum() - treated @ eta + prior)

    line = expected.copy()
    for _ in range(_STEPS):
        p = special.expit(design @ line)
        slope = design.T @ (p - treated) + (line - expected) / _SPREAD**2
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design + np.eye(2) / _SPREAD**2, slope)
        share = 1.0
        while share > 1e-6 and loss(line - share * step) > loss(line):
            share /= 2
        line = line - share * step
        if np.abs(share * step).max() < 1e-8:
            break
    return float(line[0]), float(line[1])


def _logit(propensity: Array) -> Array:
    return np.asarray(special.logit(np.clip(propensity, _LEAST, 1 - _LEAST)))
