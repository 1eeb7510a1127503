"""The forecasts of what a household will spend, all from one history: each by itself, and which are weighed together.

naive: as much per day as in the history. model: BG/NBD with Gamma-Gamma, where households may leave. nbd: the NBD with
Gamma-Gamma, where nobody does. smoothed: exponential smoothing of weekly spend. boosted: trees that correct it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.lifetime.boosted import Boosted, fit_boosted
from dunnhumby_pipeline.segmentation.lifetime.forecast import (
    SpendModels,
    age_in_weeks,
    fit_spend_models,
)
from dunnhumby_pipeline.segmentation.lifetime.nbd import Nbd, fit_nbd
from dunnhumby_pipeline.segmentation.lifetime.smoothing import Smoothing, learn_smoothing
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError, Vector
from dunnhumby_pipeline.segmentation.lifetime.weeks import DAYS_PER_WEEK, Weeks
from dunnhumby_pipeline.settings import LifetimeValueSettings

CANDIDATES: Final = ("naive", "model", "nbd", "smoothed", "boosted")


@dataclass(frozen=True, eq=False)
class History:
    """What households did from `first_day` to `last_day`: `trip_history` of it with gross_profit ($), and its weeks."""

    first_day: int
    last_day: int
    trips: pd.DataFrame
    weeks: Weeks

    @property
    def length(self) -> float:
        """The whole of it, in weeks."""
        return (self.last_day + 1 - self.first_day) / DAYS_PER_WEEK

    def sampled(self, most: int) -> History:
        """Every n-th household, so that there are at most `most`."""
        every = max(1, -(-len(self.trips) // most))
        if every == 1:
            return self
        trips = self.trips.iloc[::every].reset_index(drop=True)
        return History(self.first_day, self.last_day, trips, self.weeks.rows(slice(None, None, every)))


@dataclass(frozen=True, eq=False)
class Candidates:
    """All models fitted to one history. `leaving`: whether households are seen to leave, which BG/NBD is about."""

    models: SpendModels
    nbd: Nbd
    smoothing: Smoothing
    boosted: Boosted
    leaving: bool

    @property
    def stacked(self) -> tuple[str, ...]:
        """The forecasts that are weighed together: where nobody is seen to leave, BG/NBD is the NBD with more
        parameters than the data can tell, and the NBD stands for both."""
        return tuple(name for name in CANDIDATES if self.leaving or name != "model")

    def trips(self, history: History, weeks: float) -> dict[str, Vector]:
        """Trips in the next `weeks` of each household of `history`, by the forecasts that know trips."""
        known = history.trips
        return {
            "naive": known["trips"].to_numpy(dtype=float) * weeks / history.length,
            "model": self.models.expected_trips(known, history.last_day, weeks),
            "nbd": self.nbd.expected_trips(*_exposure(history, self.smoothing), weeks),
        }

    def spend(self, history: History, weeks: float) -> dict[str, Vector]:
        """$ in the next `weeks` of each household of `history`, by each of CANDIDATES."""
        trips, a_trip = self.trips(history, weeks), self.models.spend_a_trip(history.trips)
        return {
            "naive": history.trips["sales"].to_numpy(dtype=float) * weeks / history.length,
            "model": trips["model"] * a_trip,
            "nbd": trips["nbd"] * a_trip,
            "smoothed": self.smoothing.level(history.weeks) * weeks,
            "boosted": self.boosted.rate(history.weeks) * weeks,
        }

    def profit_rates(self, history: History) -> Vector:
        """Gross profit per $ of sales of each household: its own, drawn towards that of all as its spend is."""
        sales = history.trips["sales"].to_numpy(dtype=float)
        profit = history.trips["gross_profit"].to_numpy(dtype=float)
        rate = profit.sum() / sales.sum()
        drawn = self.smoothing.kappa * sales.sum() / len(sales) / history.length
        known = sales + drawn
        return np.where(known > 0, (profit + drawn * rate) / np.where(known > 0, known, 1.0), rate)


def fit_candidates(history: History, settings: LifetimeValueSettings) -> Candidates:
    """Fit all models to `history`. Raises LifetimeValueError as `fit_spend_models` does, or when a model has no fit."""
    models = fit_spend_models(history.trips, history.last_day, settings)
    missing = int((~np.isfinite(history.trips["gross_profit"])).sum())
    if missing:
        raise LifetimeValueError(f"trip history: {missing} households have no gross profit; give that of the same days")
    smoothing = learn_smoothing(history.weeks)
    trips, weeks = _exposure(history, smoothing)
    return Candidates(
        models=models,
        nbd=fit_nbd(trips, weeks, without_zeros=smoothing.since == "first day"),
        smoothing=smoothing,
        boosted=fit_boosted(history.weeks, smoothing),
        leaving=models.bg_nbd.mean_dropout >= settings.min_dropout,
    )


def _exposure(history: History, smoothing: Smoothing) -> tuple[Vector, Vector]:
    """Trips that count for the NBD, and the weeks in which they could have come: as smoothing counts them."""
    trips = history.trips["trips"].to_numpy(dtype=float)
    if smoothing.since == "first day":
        return trips, np.full(len(trips), history.length)
    # The day of the first trip is over when others can come; one of today has had no time, but for a day.
    return trips - 1, age_in_weeks(history.trips, history.last_day) + 1 / DAYS_PER_WEEK
