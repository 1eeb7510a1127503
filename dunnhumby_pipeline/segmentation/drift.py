"""Whether a distribution has moved: the population stability index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Vector = npt.NDArray[np.float64]

# Counted as half a household: the index has no value where a bin is empty on one side.
_EMPTY = 0.5


def share_psi(before: Vector, after: Vector) -> float:
    """Population stability index of two vectors of counts over the same bins: 0 when the shares are equal.

    sum (after - before) ln(after / before) over shares (Siddiqi 2006, Credit Risk Scorecards: below 0.1 stable, above
    0.25 moved). An empty bin counts as half a household, and one that is empty on both sides not at all.
    NaN when either side has no household.
    """
    seen = (before > 0) | (after > 0)
    old, new = before[seen].astype(float), after[seen].astype(float)
    if old.sum() == 0 or new.sum() == 0:
        return float("nan")
    old, new = np.maximum(old, _EMPTY), np.maximum(new, _EMPTY)
    old, new = old / old.sum(), new / new.sum()
    return float(((new - old) * np.log(new / old)).sum())


def psi(before: pd.Series, after: pd.Series, n_bins: int = 10) -> float:
    """Population stability index of a number, in bins of equal share of `before`; missing values are a bin.

    A value on the border of two bins is in the lower one. A number that is constant before has two bins: up to it and
    beyond, and so on; a single value never tears a bin apart.
    """
    known = before.dropna().to_numpy(dtype=float)
    if len(known) == 0:
        edges = np.array([])
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, n_bins + 1)[1:-1]))
        # Below the smallest value is a place of its own, or a constant could only move up.
        edges = np.unique(np.concatenate([[np.nextafter(known.min(), -np.inf)], edges]))
    return share_psi(_counts(before, edges), _counts(after, edges))


def _counts(values: pd.Series, edges: Vector) -> Vector:
    known = values.dropna().to_numpy(dtype=float)
    inside = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(inside, len(values) - len(known)).astype(float)
