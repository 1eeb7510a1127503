"""Does a propensity of 0.3 mean that three in ten are targeted? Calibration of the propensity."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]


def recalibration(treated: NDArray[np.bool_], propensity: Array) -> tuple[float, float]:
    """Intercept and slope of treatment on the propensity's logit, by logistic regression (Cox 1958).

    (0, 1) is perfect; a slope below 1 says that propensities are too extreme, above 1 too timid. (NaN, NaN)
    where no finite line fits: one arm only, or arms whose propensities do not interleave.
    """
    from sklearn.linear_model import LogisticRegression

    of_treated, of_control = propensity[treated], propensity[~treated]
    if len(of_treated) == 0 or len(of_control) == 0:
        return np.nan, np.nan
    if of_treated.min() >= of_control.max() or of_treated.max() <= of_control.min():
        return np.nan, np.nan
    logit = special.logit(propensity)[:, None]
    model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(logit, treated)
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def propensity_calibration(propensity: pd.DataFrame, n_bins: int, confidence: float) -> pd.DataFrame:
    """Share treated by quantile bin of the propensity: bin, n_trials, mean_propensity, share_treated, its interval.

    Bins are numbered from 1 by rising propensity and hold about n / n_bins trials each. Trials of one
    propensity share a bin, so that there are fewer bins where many are alike. The interval is Wilson's
    (1927), with trials as independent units.
    """
    from statsmodels.stats.proportion import proportion_confint

    e = propensity["propensity"].to_numpy(dtype=float)
    edges = np.unique(np.quantile(e, np.arange(1, n_bins) / n_bins))
    grouped = propensity.assign(bin=np.searchsorted(edges, e)).groupby("bin")
    table = grouped.agg(
        n_trials=("treated", "size"),
        mean_propensity=("propensity", "mean"),
        share_treated=("treated", "mean"),
    ).reset_index()
    n_treated = grouped["treated"].sum().to_numpy()
    lower, upper = proportion_confint(n_treated, table["n_trials"].to_numpy(), 1 - confidence, method="wilson")
    return table.assign(bin=np.arange(len(table)) + 1, ci_lower=lower, ci_upper=upper)
