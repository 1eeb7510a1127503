"""How far a distribution has moved: the population stability index, and a table of it with a row per feature."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Vector = npt.NDArray[np.float64]

# The usual reading of the index, and so `checks.max_psi`, is of ten bins.
N_BINS = 10
# Counted as half a household: the index has no value where a bin is empty on one side.
_EMPTY = 0.5
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


def psi_terms(before: Vector, after: Vector) -> Vector:
    """What each bin adds to `share_psi`: 0 or more, and 0 for a bin that is empty on both sides."""
    seen = (before > 0) | (after > 0)
    old, new = before[seen].astype(float), after[seen].astype(float)
    if old.sum() == 0 or new.sum() == 0:
        return np.full(len(seen), np.nan)
    old, new = np.maximum(old, _EMPTY), np.maximum(new, _EMPTY)
    old, new = old / old.sum(), new / new.sum()
    terms = np.zeros(len(seen))
    terms[seen] = (new - old) * np.log(new / old)
    return terms


def share_psi(before: Vector, after: Vector) -> float:
    """Population stability index of two vectors of counts over the same bins: 0 when the shares are equal.

        PSI = sum over bins of (after - before) ln(after / before), of shares

    The symmetrised Kullback-Leibler divergence of the shares (Jeffreys 1946): never negative, and the same whichever
    comes first. The usual reading: below 0.1 little change, above 0.2 or 0.25 a change to look into (Siddiqi 2006,
    Credit Risk Scorecards, ch. 9). An empty bin counts as half a household, and one that is empty on both sides not
    at all. NaN when either side has no household.
    """
    if before.sum() == 0 or after.sum() == 0:
        return float("nan")
    return float(psi_terms(before, after).sum())


def psi(before: pd.Series, after: pd.Series, n_bins: int = N_BINS) -> float:
    """Population stability index of a number, in bins of equal share of `before`; missing values are a bin.

    A value on the border of two bins is in the lower one, so that one that makes up a whole bin ends it. Below the
    smallest value is a bin of its own, or a constant could only move up.
    """
    known = before.dropna().to_numpy(dtype=float)
    edges = np.array([])
    if len(known):
        inner = np.quantile(known, np.linspace(0, 1, n_bins + 1)[1:-1])
        edges = np.unique([np.nextafter(known.min(), -np.inf), *inner])
    return share_psi(_counts(before, edges), _counts(after, edges))


def _counts(values: pd.Series, edges: Vector) -> Vector:
    known = values.dropna().to_numpy(dtype=float)
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(inside, len(values) - len(known)).astype(float)


def drift_since(before: pd.DataFrame | None, found: pd.DataFrame | None, now: pd.DataFrame) -> pd.DataFrame:
    """The drift of `now` since the table `before`, or since the one before that when nothing has changed.

    `found`: the drift that was found when `before` was made. The same features again say nothing of drift, and held
    against themselves they would clear a warning that still holds.
    """
    if before is not None and found is not None and now.equals(before):
        return found
    return feature_drift(before, now)


def feature_drift(before: pd.DataFrame | None, now: pd.DataFrame) -> pd.DataFrame:
    """The drift of every feature of `now` (its columns of numbers but household_key) since `before`.

    One row per feature, columns `COLUMNS`: psi, numbers of households, medians in the feature's unit,
    shares of nulls. What has no earlier value (no table before, or a new feature) is null.
    """
    rows = []
    earlier = pd.DataFrame() if before is None else before
    for name in now.select_dtypes(["number", "bool"]).columns.drop("household_key"):
        values = now[name]
        known = name in earlier.columns and len(earlier) > 0 and len(values) > 0
        row = {
            "feature": name,
            "psi": psi(earlier[name], values) if known else None,
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
