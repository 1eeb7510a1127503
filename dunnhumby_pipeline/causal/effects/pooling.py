"""Effects of the campaigns pooled: one effect for all (fixed), or campaigns drawn from a population (random)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, residuals
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PRIMARY_ESTIMATOR

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# By outcome and estimator, a frame (k, k) by campaign.
Correlations = Mapping[tuple[str, str], pd.DataFrame]
FIXED, RANDOM = "fixed", "random"
# (estimator, population) pooled over campaigns.
POOLED = ((PRIMARY_ESTIMATOR, "all"), ("aipw", "overlap"))


def pooled_effects(
    average_effects: pd.DataFrame, confidence: float, correlations: Correlations | None = None
) -> pd.DataFrame:
    """Campaign estimates of `average_effects` pooled by outcome, for the overlap-weighted effect and AIPW in overlap.

    `correlations`: of the campaigns' estimates, as from `campaign_correlations`; without them no household recurs.

    One row per outcome, estimator and method: n_campaigns, estimate, se, ci_lower, ci_upper, tau (standard deviation
    of effects between campaigns, in the outcome's units), q, q_df, q_p_value (Cochran's test of one
    effect for all, as a Wald test clustered by household),
    i2 (share of the spread of estimates beyond their errors, 0 to 1; Higgins & Thompson 2002),
    prediction_lower, prediction_upper (where a further campaign's effect is expected; Higgins, Thompson &
    Spiegelhalter 2009, with t of k - 2 degrees of freedom). Prediction is null for `fixed` and with fewer than three
    campaigns, q_p_value with one.

    `fixed`: generalised least squares, with weights 1 / se^2 where no household recurs. `random`: tau by Paule &
    Mandel (1982), and the interval of Hartung & Knapp (2001), t of k - 1 degrees of freedom with a scale that is kept
    from falling below one: a few campaigns say little of the mean of all campaigns, and the normal interval would
    cover it too seldom. One campaign: both are its own estimate.
    Estimates without a positive error are left out. The joint estimate (campaign "all") stays primary.
    """
    campaigns = average_effects.loc[(average_effects["campaign"] != ALL_CAMPAIGNS) & (average_effects["se"] > 0)]
    rows = []
    for outcome in average_effects["outcome"].unique():
        for estimator, population in POOLED:
            own = campaigns.loc[
                (campaigns["outcome"] == outcome)
                & (campaigns["estimator"] == estimator)
                & (campaigns["population"] == population)
            ]
            if len(own):
                shared = None
                if correlations is not None:
                    names = own["campaign"].astype(str)
                    shared = correlations[outcome, estimator].loc[names, names].to_numpy()
                estimates, errors = (own[name].to_numpy(dtype=float) for name in ("estimate", "se"))
                pooled = pool(estimates, errors, confidence, shared)
                rows += [{"outcome": outcome, "estimator": estimator, **row} for row in pooled]
    return pd.DataFrame(rows, columns=_COLUMNS)


_COLUMNS = [
    "outcome",
    "estimator",
    "method",
    *("n_campaigns", "estimate", "se", "ci_lower", "ci_upper"),
    *("tau", "q", "q_df", "q_p_value", "i2"),
    *("prediction_lower", "prediction_upper"),
]


def campaign_correlations(
    trials: pd.DataFrame, nuisances: pd.DataFrame, propensity: pd.DataFrame, outcomes: Iterable[str]
) -> Correlations:
    """How the campaigns' estimates vary together, as households recur: by outcome and estimator of `POOLED`.

    Each a frame (k, k) by campaign: of the households' sums of influence on either estimate, the uncentred
    correlation, as of the errors clustered by household (Liang & Zeger 1986). The three tables list the same trials in
    the same order.
    """
    campaign = trials["campaign"].astype(str).to_numpy()
    inside = propensity["in_overlap"].to_numpy(dtype=bool)
    found = {}
    for outcome in outcomes:
        data = residuals(trials, nuisances, outcome)
        for estimator, population in POOLED:
            rows = inside if population == "overlap" else np.ones(len(trials), dtype=bool)
            influence = pd.Series(0.0, index=range(len(trials)))
            for name in np.unique(campaign[rows]):
                own = rows & (campaign == name)
                influence[own] = _influence(data, own, estimator)
            sums = influence[rows].groupby([data.households[rows], campaign[rows]]).sum().unstack(fill_value=0.0)
            lengths = np.sqrt((sums**2).sum())
            found[outcome, estimator] = (sums.T @ sums).div(lengths, axis=0).div(lengths, axis=1)
    return found


def _influence(data: Residuals, own: Mask, estimator: str) -> Array:
    """What each of some trials adds to their estimate, but for a factor that they share."""
    if estimator != PRIMARY_ESTIMATOR:
        scores = data.scores[own]
        return scores - scores.mean()
    ry, rt = data.outcome_residual[own], data.treatment_residual[own]
    return rt * (ry - overlap_weighted(data, own)[0] * rt)


def pool(
    estimates: Array, errors: Array, confidence: float, correlation: Array | None = None
) -> list[dict[str, object]]:
    """The fixed and the random row of k estimates and their standard errors, as `pooled_effects` describes them.

    `correlation` (k, k): of the estimates; without it they are independent.
    """
    k, normal = len(estimates), normal_quantile(confidence)
    covariance = np.outer(errors, errors) * (np.eye(k) if correlation is None else correlation)
    fixed, fixed_se, q = _weighted(estimates, covariance, 0.0)
    tau = _between(estimates, covariance)
    random, random_se, spread = _weighted(estimates, covariance, tau)
    if k == 1:
        row = _row(k, fixed, fixed_se, normal * fixed_se, tau, q)
        return [{"method": FIXED, **row}, {"method": RANDOM, **row}]
    # The scale is one where tau is positive, and below one where estimates differ less than their errors allow.
    adjusted_se = random_se * max(1.0, float(np.sqrt(spread / (k - 1))))
    rows = [
        {"method": FIXED, **_row(k, fixed, fixed_se, normal * fixed_se, tau, q)},
        {"method": RANDOM, **_row(k, random, adjusted_se, _t(confidence, k - 1) * adjusted_se, tau, q)},
    ]
    if k >= 3:
        reach = _t(confidence, k - 2) * float(np.hypot(tau, adjusted_se))
        rows[1] |= {"prediction_lower": random - reach, "prediction_upper": random + reach}
    return rows


def _weighted(estimates: Array, covariance: Array, tau: float) -> tuple[float, float, float]:
    """(mean, its standard error, weighted sum of squares about it) with V = covariance + tau^2 I: the generalised
    least squares mean, and (estimates - mean)' V^-1 (estimates - mean), which is the Wald statistic of one mean.
    """
    inverse = np.linalg.inv(covariance + tau**2 * np.eye(len(estimates)))
    weights = inverse.sum(axis=0)
    mean = float(weights @ estimates / weights.sum())
    apart = estimates - mean
    return mean, float(weights.sum() ** -0.5), max(0.0, float(apart @ inverse @ apart))


def _between(estimates: Array, covariance: Array) -> float:
    """Paule & Mandel's tau: the one that makes the weighted sum of squares its expectation, k - 1; 0 if none does.

    statsmodels' `combine_effects` solves the same equation in steps, and returns 0 where rounding takes one past
    the root, as it does with a tight tolerance.
    """
    expected = len(estimates) - 1

    def excess(tau: float) -> float:
        return _weighted(estimates, covariance, tau)[2] - expected

    if expected == 0 or excess(0.0) <= 0:
        return 0.0
    # Without errors the sum of squares would be k - 1 at the standard deviation of the estimates.
    largest = float(estimates.std(ddof=1))
    return float(optimize.brentq(excess, 0.0, largest * (1 + 1e-9), xtol=1e-12 * largest))


def _t(confidence: float, degrees: int) -> float:
    return float(stats.t.ppf(0.5 + confidence / 2, degrees))


def _row(k: int, estimate: float, se: float, half_width: float, tau: float, q: float) -> dict[str, object]:
    return {
        "n_campaigns": k,
        "estimate": estimate,
        "se": se,
        "ci_lower": estimate - half_width,
        "ci_upper": estimate + half_width,
        "tau": tau,
        "q": q,
        "q_df": k - 1,
        "q_p_value": np.nan if k == 1 else float(stats.chi2.sf(q, k - 1)),
        "i2": max(0.0, 1 - (k - 1) / q) if q > 0 else 0.0,
        "prediction_lower": np.nan,
        "prediction_upper": np.nan,
    }
