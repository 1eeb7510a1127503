"""How far each feature's distribution has moved since an earlier table of features: one number a feature."""

from __future__ import annotations

import numpy as np
import pandas as pd

N_BINS = 10
# Half a household a bin, so that one that is empty on one side gives a large number and not an infinite one.
_HALF = 0.5
COLUMNS = (
    "feature",
    "psi",
    "n_before",
    "n_now",
    "median_before",
    "median_now",
    "null_share_before",
    "null_share_now",
)


def population_stability(before: pd.Series, now: pd.Series) -> float:
    """Population stability index of two samples of one feature: 0 when their binned shares agree.

        PSI = sum over bins of (q - p) ln(q / p)

    p, q: shares of `before` and `now` in the bins; the bins are the deciles of `before` (fewer where deciles
    coincide) and one bin of nulls; half an observation is added to each. The symmetrised Kullback-Leibler
    divergence of the binned shares (Jeffreys 1946): never negative, and for given bins the same whichever sample
    comes first. The usual reading: below 0.1 little change, above 0.2 or 0.25 a change to look into (Siddiqi
    2006, Credit Risk Scorecards, ch. 9). ValueError when either sample is empty.
    """
    if before.empty or now.empty:
        raise ValueError(f"two samples are needed; they have {len(before)} and {len(now)} values")
    earlier, later = (series.to_numpy(dtype=float, na_value=np.nan) for series in (before, now))
    known = earlier[~np.isnan(earlier)]
    edges = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS)) if len(known) else np.array([])
    p, q = (_shares(values, edges) for values in (earlier, later))
    return float(np.sum((q - p) * np.log(q / p)))


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    null = np.isnan(values)
    # A bin ends with its upper edge, so that a value that makes up a whole decile has a bin that ends with it.
    bins = np.where(null, len(edges) + 1, np.searchsorted(edges, values, side="left"))
    counts = np.bincount(bins, minlength=len(edges) + 2) + _HALF
    return np.asarray(counts / counts.sum())


def feature_drift(before: pd.DataFrame | None, now: pd.DataFrame) -> pd.DataFrame:
    """The drift of every feature of `now` (its columns of numbers but household_key) since `before`.

    One row a feature, columns `COLUMNS`: psi as in `population_stability`, numbers of households, medians in
    the feature's unit, shares of nulls. What has no earlier value (no table before, or a new feature) is null.
    """
    rows = []
    earlier = pd.DataFrame() if before is None else before
    for name in now.select_dtypes(["number", "bool"]).columns.drop("household_key"):
        values = now[name]
        known = name in earlier.columns and len(earlier) > 0 and len(values) > 0
        row = {
            "feature": name,
            "psi": population_stability(earlier[name], values) if known else None,
            "n_before": len(earlier) if known else None,
            "n_now": len(values),
            "median_before": earlier[name].median() if known else None,
            "median_now": values.median(),
            "null_share_before": earlier[name].isna().mean() if known else None,
            "null_share_now": values.isna().mean(),
        }
        rows.append(row)
    types = {"feature": "str", "n_now": "int64", "n_before": "Int64"}
    numbers = {name: "float64" for name in COLUMNS if name not in types}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({**types, **numbers})
