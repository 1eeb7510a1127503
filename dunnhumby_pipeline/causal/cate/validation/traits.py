"""How those whose effects are largest differ from those whose effects are smallest (CLAN)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.ranking import overlap_weights, rank
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]


def classification(
    x: Array, names: tuple[str, ...], data: Residuals, effect: Array, n_groups: int, confidence: float
) -> pd.DataFrame:
    """One row per covariate that varies, the largest differences first (CLAN; Chernozhukov et al. 2018).

    covariate, mean_smallest and mean_largest (of the groups of the smallest and the largest effects within fold,
    overlap-weighted), difference with ci_lower and ci_upper (unit of the covariate), smd (difference in standard
    deviations of the covariate), p and p_holm (corrected for the number of covariates; Holm 1979). Errors are
    clustered by household. No rows when effects do not differ within folds.
    """
    weights = overlap_weights(data)
    places = rank(effect, weights, data.folds)
    varies = np.ptp(x, axis=0) > 0
    columns = ["covariate", "mean_smallest", "mean_largest", "difference", "ci_lower", "ci_upper", "smd", "p", "p_holm"]
    if not places.has_order or not varies.any():
        return pd.DataFrame(columns=columns).astype({name: "str" if name == "covariate" else float for name in columns})
    members, own = weights[:, None] * places.groups(n_groups), x[:, varies]
    ends = members[:, [0, -1]] / members[:, [0, -1]].sum(axis=0)
    smallest, largest = ends.T @ own
    influence = ends[:, [1]] * (own - largest) - ends[:, [0]] * (own - smallest)
    household = pd.factorize(data.households)[0]
    totals = np.zeros((household.max() + 1, own.shape[1]))
    np.add.at(totals, household, influence)
    se = np.sqrt(len(totals) / (len(totals) - 1) * (totals**2).sum(axis=0))
    difference = largest - smallest
    p = 2 * scipy.stats.norm.sf(np.abs(difference) / np.where(se > 0, se, np.nan))
    half = normal_quantile(confidence) * se
    frame = pd.DataFrame(
        {
            "covariate": np.asarray(names)[varies],
            "mean_smallest": smallest,
            "mean_largest": largest,
            "difference": difference,
            "ci_lower": difference - half,
            "ci_upper": difference + half,
            "smd": difference / own.std(axis=0),
            "p": p,
            "p_holm": holm(p),
        }
    )
    order = frame["smd"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def holm(p: Array) -> Array:
    """p-values of several tests such that one below a level is wrong with that chance at most (Holm 1979).

    Unknown ones stay unknown and count for nothing.
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    raised = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted
