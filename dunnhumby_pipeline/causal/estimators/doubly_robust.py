"""Estimators of a propensity and outcome means, cross-fitted: AIPW, overlap-weighted, partially linear, TMLE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from dunnhumby_pipeline.causal.estimators.clustered import Estimate, clustered_estimate, weighted_mean_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import with_outcome

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# How far from the ends of the outcome's range, as a share of it, a mean must be for its logit to be finite.
_TMLE_BOUND = 5e-4


def aipw(data: Residuals, rows: Mask) -> Estimate:
    """Mean AIPW score: the average effect over these trials (ATE)."""
    scores = data.scores[rows]
    return weighted_mean_se(scores, np.ones(len(scores)), data.households[rows])


def att(data: Residuals, rows: Mask) -> Estimate:
    """Average effect on the treated (ATT) by its doubly robust score.

    mean(t (y - mu0) - (1 - t) (y - mu0) e / (1 - e)) / mean(t) (Mercatanti & Li 2014; Chernozhukov et al. 2018,
    section 5.1): the mean of the treated without the campaign is all that has to be modelled.
    """
    treated, e = data.treated[rows], data.propensity[rows]
    share = treated.mean()
    beyond = (treated - (1 - treated) * e / (1 - e)) * (data.y - data.mu0)[rows]
    effect = float(beyond.mean() / share)
    return clustered_estimate(effect, (beyond - treated * effect) / share, data.households[rows])


def overlap_weighted(data: Residuals, rows: Mask) -> Estimate:
    """sum(rt ry) / sum(rt^2): the average effect weighted by e (1 - e), where both arms occur (ATO).

    Robinson (1988); its estimand is that of overlap weights (Crump et al. 2006; Li, Morgan & Zaslavsky 2018).
    Errors of propensity and outcome models enter as a product only. Weighting AIPW scores by an estimated
    e (1 - e) does not have that property: its interval covers too seldom when effects vary with e.

    It is the AIPW estimator of the ATO. With h(e) = e (1 - e) the efficient score of the weighted sum is
    h Gamma + h'(e) (t - e) (mu1 - mu0), the second part for h being estimated, and that of the sum of weights
    h + h'(e) (t - e). As h' = 1 - 2e the latter is (t - e)^2, and with m = e mu1 + (1 - e) mu0 the former is
    (t - e) (y - m): their ratio is the one above.
    """
    ry, rt = data.outcome_residual[rows], data.treatment_residual[rows]
    weight = float((rt**2).mean())
    effect = float((rt * ry).mean()) / weight
    return clustered_estimate(effect, rt * (ry - effect * rt) / weight, data.households[rows])


def dml(data: Residuals, pooled_mean: Array, rows: Mask) -> Estimate:
    """The partially linear model's effect (Robinson 1988; Chernozhukov et al. 2018, section 4.1), an ATO.

    The overlap-weighted formula with m(x) = `pooled_mean` (n,), fitted to both arms at once instead of made of
    the arms' means: another outcome model, the same estimand.
    """
    return overlap_weighted(with_outcome(data, data.y, pooled_mean), rows)


def tmle(data: Residuals, rows: Mask) -> Estimate:
    """Average effect (ATE) by targeted maximum likelihood (van der Laan & Rose 2011, chapters 4 and 7).

    Outcomes are scaled to [0, 1] and each arm's mean is moved along logit(mu) + eps, eps fitted by logistic
    regression with weights 1 / e, until the weighted residuals of the arm sum to zero (Gruber & van der Laan
    2010): an AIPW estimate whose means stay within the outcomes seen. An arm whose outcomes are all the lowest
    or all the highest has that mean. 0, with an error of 0, when all outcomes are the same.
    """
    y, treated, e = data.y[rows], data.treated[rows], data.propensity[rows]
    mu0, mu1 = targeted_means(y, treated, e, data.mu0[rows], data.mu1[rows])
    difference = mu1 - mu0
    scores = difference + treated * (y - mu1) / e - (1 - treated) * (y - mu0) / (1 - e)
    effect = float(difference.mean())
    return clustered_estimate(effect, scores - effect, data.households[rows])


def targeted_means(y: Array, treated: Array, e: Array, mu0: Array, mu1: Array) -> tuple[Array, Array]:
    """(mu0, mu1), each (n,), moved until sum((1 - t) (y - mu0) / (1 - e)) = 0 and sum(t (y - mu1) / e) = 0."""
    lowest, span = float(y.min()), float(np.ptp(y))
    if span == 0:
        return y, y
    scaled = (y - lowest) / span
    moved = []
    for own, weight, mean in ((treated == 0, 1 / (1 - e), mu0), (treated == 1, 1 / e, mu1)):
        start = special.logit(np.clip((mean - lowest) / span, _TMLE_BOUND, 1 - _TMLE_BOUND))
        shift = _fluctuation(start[own], scaled[own], weight[own])
        moved.append(lowest + span * special.expit(start + shift))
    return moved[0], moved[1]


def _fluctuation(start: Array, scaled: Array, weights: Array) -> float:
    """The eps at which the weighted mean of expit(start + eps) is that of `scaled`; infinite when that is 0 or 1."""
    target = float(np.average(scaled, weights=weights))
    if target in (0.0, 1.0):
        return float(np.copysign(np.inf, target - 0.5))

    def excess(shift: float) -> float:
        return float(np.average(special.expit(start + shift), weights=weights)) - target

    # All means below the target at the one end, and above it at the other.
    level = float(special.logit(target))
    low, high = level - float(start.max()) - 1e-6, level - float(start.min()) + 1e-6
    return float(optimize.brentq(excess, low, high, xtol=1e-14, rtol=1e-14))
