"""Are the arms alike? Standardised mean differences of covariates before and after weighting."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Weightings by the column of the propensity table that holds their weights.
WEIGHTINGS = {
    "none": None,
    "overlap": "w_overlap",
    "ipw": "w_ipw",
    "trimmed": "in_overlap",
    "entropy": "w_balance",
    "entropy_treated": "w_treated",
}


def covariate_balance(x: Array, names: tuple[str, ...], propensity: pd.DataFrame) -> pd.DataFrame:
    """Standardised mean difference of each of (n, p) covariates under each weighting: covariate, weighting, smd.

    smd = (weighted mean of the treated - of the controls) / unweighted pooled standard deviation
    (Austin 2009), so that weighting changes the numerator only. Where a covariate is constant within each
    arm it is 0 when the arms agree and infinite when they do not. Where a weighting leaves an arm without
    weight, as when nobody of it lies in overlap, smd is NaN for every covariate: nothing was balanced, and a
    check of the largest difference must not pass.
    """
    treated = propensity["treated"].to_numpy() == 1
    weights = np.column_stack(
        [
            np.ones(len(x)) if column is None else propensity[column].to_numpy(dtype=float)
            for column in WEIGHTINGS.values()
        ]
    )
    arms = [(x[rows], weights[rows]) for rows in (treated, ~treated)]
    pooled = np.sqrt(sum(_variance(own) for own, _ in arms) / 2)
    of_treated, of_control = (_weighted_means(own, given) for own, given in arms)
    difference = of_treated - of_control
    # Constant within each arm: alike, or told apart perfectly.
    undivided = np.where(np.isclose(difference, 0), 0.0, np.copysign(np.inf, difference))
    smd = np.divide(difference, pooled, out=undivided, where=pooled > 0)
    smd[np.isnan(difference)] = np.nan
    return pd.DataFrame(
        {
            "covariate": list(names) * len(WEIGHTINGS),
            "weighting": [weighting for weighting in WEIGHTINGS for _ in names],
            "smd": smd.ravel(),
        }
    )


def _variance(x: Array) -> Array:
    """Variance of each column; exactly 0 for a constant one, whose mean may be off by rounding."""
    if len(x) == 0:
        return np.full(x.shape[1], np.nan)
    return np.where(x.max(axis=0) > x.min(axis=0), x.var(axis=0), 0.0)


def _weighted_means(x: Array, weights: Array) -> Array:
    """(weightings, p) means of (n, p) covariates under (n, weightings); NaN where a weighting sums to 0."""
    totals = weights.sum(axis=0)
    shares = np.divide(weights, totals, out=np.full(weights.shape, np.nan), where=totals > 0)
    return np.where(totals[:, None] > 0, shares.T @ x, np.nan)
