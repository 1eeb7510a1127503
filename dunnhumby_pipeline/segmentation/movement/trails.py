"""Households over periods as arrays: what each was measured to be, period by period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

NOT_THERE = -1
BASKETS = "frequency"
# Of the features, what a period's household goes on to do: log spend, $ per basket, lines at a discount.
OUTCOMES = {"log spend": "monetary_sales", "basket": "monetary_avg_basket_sales", "discount use": "discount_usage_pct"}


@dataclass(frozen=True)
class Trails:
    """n households (sorted keys) over T measurements: `scores` (T, n, k) on the factors and `baskets` (T, n), NaN where
    a household bought nothing; `outcomes` (T, n) by name; `codes` (T, n) of each label into its `names`, -1 where there
    is none."""

    households: NDArray[np.int64]
    scores: Array
    baskets: Array
    outcomes: Mapping[str, Array]
    codes: Mapping[str, Codes]
    names: Mapping[str, tuple[str, ...]]

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(T, n): whether the household bought."""
        return np.asarray(np.isfinite(self.scores).all(axis=2))

    def of(self, drawn: NDArray[np.int64]) -> Trails:
        """The trails of some of the households, by their places."""
        return Trails(
            self.households[drawn],
            self.scores[:, drawn],
            self.baskets[:, drawn],
            {name: values[:, drawn] for name, values in self.outcomes.items()},
            {name: values[:, drawn] for name, values in self.codes.items()},
            self.names,
        )


def trails(
    features: pd.DataFrame,
    scores: Array,
    labels: Mapping[str, pd.Series],
    windows: list[int],
    households: NDArray[np.int64],
    names: Mapping[str, tuple[str, ...]],
) -> Trails:
    """Arrays of one row of `features` per household and window: `windows` in their order, over `households`.

    `scores` (rows, k) and `labels` are of the rows of `features`; `names` are the values of each label.
    """
    place = features["window"].map({window: at for at, window in enumerate(windows)}).to_numpy()
    column = np.searchsorted(households, features["household_key"].to_numpy())
    shape = (len(windows), len(households))

    def wide(values: Array) -> Array:
        table = np.full(shape, np.nan)
        table[place, column] = values
        return table

    spread = np.full((*shape, scores.shape[1]), np.nan)
    spread[place, column] = scores
    codes = {}
    for label, values in labels.items():
        coded = np.full(shape, NOT_THERE, dtype=np.int64)
        coded[place, column] = pd.Categorical(values, categories=list(names[label])).codes
        codes[label] = coded
    outcomes = {name: wide(features[feature].to_numpy(dtype=float)) for name, feature in OUTCOMES.items()}
    outcomes["log spend"] = np.log1p(np.maximum(outcomes["log spend"], 0.0))
    return Trails(households, spread, wide(features[BASKETS].to_numpy(dtype=float)), outcomes, codes, names)
