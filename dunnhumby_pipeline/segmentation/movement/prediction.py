"""What labels of a household tell of its next quarter."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.movement.agreement import interval
from dunnhumby_pipeline.segmentation.movement.trails import NOT_THERE, Array, Codes

COLUMNS = ["label", "outcome", "n_pairs", "n_households", "r2", "ci_lower", "ci_upper"]


def label_prediction(
    codes: Mapping[str, Codes],
    outcomes: Mapping[str, Array],
    pairs: list[tuple[int, int]],
    weights: Array,
    confidence: float,
) -> pd.DataFrame:
    """R2 of each outcome in the later of two periods given the label in the earlier one, mean over `pairs`.

    `codes` and `outcomes`: (T, n) of each label and outcome. Of households that have all labels in the earlier period
    and the outcome in the later one; `n_households` is their mean number over pairs. `weights` (R, n): see
    `agreement.household_weights`. Columns: `COLUMNS`; no row without a pair.
    """
    rows = []
    for outcome, values in outcomes.items():
        found: dict[str, list[Array]] = {label: [] for label in codes}
        sizes = []
        for before, after in pairs:
            known = np.isfinite(values[after]) & np.all([each[before] != NOT_THERE for each in codes.values()], axis=0)
            sizes.append(int(known.sum()))
            for label, each in codes.items():
                found[label].append(explained(each[before, known], values[after, known], weights[:, known]))
        for label, parts in found.items():
            if parts:
                r2, lower, upper = interval(np.mean(parts, axis=0), confidence)
                rows.append((label, outcome, len(pairs), round(np.mean(sizes)), r2, lower, upper))
    return pd.DataFrame(rows, columns=COLUMNS).astype(
        {"label": "str", "outcome": "str", "n_pairs": "int64", "n_households": "int64"}
    )


def explained(codes: Codes, values: Array, weights: Array) -> Array:
    """(R,) share of the variance of `values` (n,) that lies between groups `codes` (n,), for each row of `weights`
    (R, n); NaN where nothing varies."""
    if not len(codes):
        return np.full(len(weights), np.nan)
    # Sums of squares lose digits far from 0.
    centred = values - values.mean()
    member = np.eye(int(codes.max()) + 1)[codes]
    size, total = weights @ member, weights @ (member * centred[:, None])
    n, whole = size.sum(axis=1), total.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = np.where(size > 0, total**2 / np.where(size > 0, size, 1.0), 0.0).sum(axis=1) - whole**2 / n
        within_all = weights @ centred**2 - whole**2 / n
        return np.where(within_all > 0, between / within_all, np.nan)
