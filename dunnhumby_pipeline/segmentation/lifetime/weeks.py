"""Spend and trips of households by week: what smoothing and boosted trees look back on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError

DAYS_PER_WEEK = 7
_COLUMNS = ("household_key", "weeks_ago", "trips", "sales")


@dataclass(frozen=True)
class Weeks:
    """Spend ($) and trips (days) of n households in w weeks, the oldest first, and the week each was first seen in.

    `spend` (n, w), `trips` (n, w), `first` (n,). A household first seen before the first whole week has `first` 0.
    """

    spend: npt.NDArray[np.float64]
    trips: npt.NDArray[np.int8]
    first: npt.NDArray[np.int64]

    @property
    def n_weeks(self) -> int:
        return self.spend.shape[1]

    @property
    def mean(self) -> float:
        """Mean spend per household and week, $."""
        return float(self.spend.mean())

    def rows(self, chosen: slice) -> Weeks:
        """Those of some households."""
        return Weeks(self.spend[chosen], self.trips[chosen], self.first[chosen])


def weeks_of(weekly: pd.DataFrame, history: pd.DataFrame, first_day: int, index_day: int) -> Weeks:
    """`weekly`, the `features.trips.weekly_spend` of one window, as arrays in the order of `history`.

    `history`: `trip_history` of that window, `first_day` to the day before `index_day`. A week without a row is one in
    which nothing was bought. Raises LifetimeValueError when a column is missing, spend is below 0, or a row is of a
    household or a week that the history does not have.
    """
    missing = [name for name in _COLUMNS if name not in weekly.columns]
    if missing:
        raise LifetimeValueError(f"weekly spend lacks {', '.join(missing)}; found {', '.join(weekly.columns)}")
    n_weeks = (index_day - first_day) // DAYS_PER_WEEK
    place = pd.Index(history["household_key"]).get_indexer(pd.Index(weekly["household_key"]))
    ago = weekly["weeks_ago"].to_numpy(dtype=np.int64)
    strangers, outside = int((place < 0).sum()), int(((ago < 0) | (ago >= n_weeks)).sum())
    below = int((~(weekly["sales"] >= 0)).sum())
    if strangers or outside or below:
        raise LifetimeValueError(
            f"weekly spend must be of the {len(history)} households and {n_weeks} weeks of the history, $0 or more; "
            f"found {strangers} rows of other households, {outside} of other weeks and {below} without such spend"
        )
    spend = np.zeros((len(history), n_weeks))
    trips = np.zeros((len(history), n_weeks), dtype=np.int8)
    spend[place, n_weeks - 1 - ago] = weekly["sales"]
    trips[place, n_weeks - 1 - ago] = weekly["trips"]
    start = index_day - n_weeks * DAYS_PER_WEEK
    first = (history["first_trip"].to_numpy(dtype=np.int64) - start) // DAYS_PER_WEEK
    return Weeks(spend, trips, np.maximum(first, 0))
