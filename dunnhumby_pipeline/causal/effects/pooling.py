"""Effects of the campaigns pooled: one effect for all (fixed), or campaigns drawn from a population (random)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PRIMARY_ESTIMATOR

Array = NDArray[np.float64]
FIXED, RANDOM = "fixed", "random"
# (estimator, population) pooled over campaigns.
POOLED = ((PRIMARY_ESTIMATOR, "all"), ("aipw", "overlap"))


def pooled_effects(average_effects: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Campaign estimates of `average_effects` pooled by outcome, for the overlap-weighted effect and AIPW in overlap.

    One row per outcome, estimator and method: n_campaigns, estimate, se, ci_lower, ci_upper, tau (standard deviation
    of effects between campaigns, in the outcome's units), q, q_df, q_p_value (Cochran's test of one effect for all),
    i2 (share of the spread of estimates beyond their errors, 0 to 1; Higgins & Thompson 2002),
    prediction_lower, prediction_upper (where a further campaign's effect is expected; Higgins, Thompson &
    Spiegelhalter 2009, with t of k - 2 degrees of freedom). Prediction is null for `fixed` and with fewer than three
    campaigns, q_p_value with one.

    `fixed`: weights 1 / se^2. `random`: tau by Paule & Mandel (1982), and the interval of Hartung & Knapp (2001),
    t of k - 1 degrees of freedom with a scale that is kept from falling below one: a few campaigns say little of the
    mean of all campaigns, and the normal interval would cover it too seldom. One campaign: both are its own estimate.
    Estimates without a positive error are left out. Households recur across campaigns, so that campaign
    estimates are not quite independent; the joint estimate with clustered errors (campaign "all") stays primary.
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
                pooled = pool(own["estimate"].to_numpy(dtype=float), own["se"].to_numpy(dtype=float), confidence)
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


def pool(estimates: Array, errors: Array, confidence: float) -> list[dict[str, object]]:
    """The fixed and the random row of k estimates and their standard errors, as `pooled_effects` describes them."""
    k, normal = len(estimates), normal_quantile(confidence)
    fixed, fixed_se, q = _weighted(estimates, errors, 0.0)
    tau = _between(estimates, errors)
    random, random_se, spread = _weighted(estimates, errors, tau)
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


def _weighted(estimates: Array, errors: Array, tau: float) -> tuple[float, float, float]:
    """(mean, its standard error, weighted sum of squares about it) with weights 1 / (se^2 + tau^2)."""
    weights = 1 / (errors**2 + tau**2)
    mean = float(np.average(estimates, weights=weights))
    return mean, float(weights.sum() ** -0.5), float(weights @ (estimates - mean) ** 2)


def _between(estimates: Array, errors: Array) -> float:
    """Paule & Mandel's tau: the one that makes the weighted sum of squares its expectation, k - 1; 0 if none does.

    statsmodels' `combine_effects` solves the same equation in steps, and returns 0 where rounding takes one past
    the root, as it does with a tight tolerance.
    """
    expected = len(estimates) - 1

    def excess(tau: float) -> float:
        return _weighted(estimates, errors, tau)[2] - expected

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
