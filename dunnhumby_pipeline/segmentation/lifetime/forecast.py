"""What each household will spend: BG/NBD with Gamma-Gamma, past spend, and the two weighed together.

Stacking (Breiman 1996, Stacked Regressions, Machine Learning 24): weights of 0 or more that sum to one, so that the
level is not drawn down, chosen on an earlier stretch of the data and applied to a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.lifetime.value import (
    LifetimeValueError,
    SpendModel,
    TripModel,
    Vector,
    fit_bg_nbd,
    fit_gamma_gamma,
)
from dunnhumby_pipeline.settings import LifetimeValueSettings

DAYS_PER_WEEK = 7
# Steps of a twentieth: an error curve this flat is not worth a finer one.
_STACK_STEPS = 20
HISTORY_COLUMNS = ("household_key", "trips", "first_trip", "last_trip", "sales")


@dataclass(frozen=True)
class SpendModels:
    """Trips and spend per trip, fitted together to `n_fitted` of `n_households`.

    `n_one_trip` of all households came once; `n_without_spend` of them spent $0 and stay out of the fit of spend.
    """

    bg_nbd: TripModel
    gamma_gamma: SpendModel
    n_households: int
    n_fitted: int
    n_one_trip: int
    n_without_spend: int

    def expected_trips(self, history: pd.DataFrame, last_day: int, weeks: float) -> Vector:
        """Trips of each household in the `weeks` after `last_day`."""
        return self.bg_nbd.expected_trips(*_recency_and_age(history, last_day), weeks)

    def spend_a_trip(self, history: pd.DataFrame) -> Vector:
        """Expected $ per trip: a household's own mean, drawn towards that of all by how few trips it has."""
        trips = history["trips"].to_numpy(dtype=float)
        return self.gamma_gamma.expected_spend(trips, history["sales"].to_numpy(dtype=float) / trips)

    def expected_spend(self, history: pd.DataFrame, last_day: int, weeks: float) -> Vector:
        """$ of each household in the `weeks` after `last_day`."""
        return self.expected_trips(history, last_day, weeks) * self.spend_a_trip(history)

    def probability_alive(self, history: pd.DataFrame, last_day: int) -> Vector:
        """Chance that each household has not left by `last_day`; 1 for one that came once."""
        return self.bg_nbd.probability_alive(*_recency_and_age(history, last_day))


@dataclass(frozen=True)
class StackWeights:
    """Weights of three forecasts of spend, which sum to 1.

    `recent` and `earlier`: the spend per day of the later and the earlier half of the history goes on; `model`: that of
    `SpendModels`.
    """

    recent: float
    earlier: float
    model: float

    def forecast(self, parts: Mapping[str, Vector]) -> Vector:
        return self.recent * parts["recent"] + self.earlier * parts["earlier"] + self.model * parts["model"]


@dataclass(frozen=True)
class History:
    """Trips of households from `first_day` to `last_day`, and of each half of it; frames as of `trip_history`."""

    first_day: int
    last_day: int
    whole: pd.DataFrame
    earlier: pd.DataFrame
    recent: pd.DataFrame

    @property
    def middle(self) -> int:
        """The first day of the recent half."""
        return half_way(self.first_day, self.last_day)

    def parts(self, models: SpendModels, weeks: float) -> dict[str, Vector]:
        """Forecasts of $ in the next `weeks`, to be stacked: recent, earlier, model."""
        days = weeks * DAYS_PER_WEEK
        return {
            "recent": spend_of(self.recent, self.whole) * days / (self.last_day + 1 - self.middle),
            "earlier": spend_of(self.earlier, self.whole) * days / (self.middle - self.first_day),
            "model": models.expected_spend(self.whole, self.last_day, weeks),
        }


def half_way(first_day: int, last_day: int) -> int:
    """First day of the later half of `first_day` to `last_day`, both included."""
    return (first_day + last_day + 1) // 2


def fit_spend_models(history: pd.DataFrame, last_day: int, settings: LifetimeValueSettings) -> SpendModels:
    """Fit BG/NBD and Gamma-Gamma to one row per household: trips, first_trip, last_trip (DAY), sales ($).

    A household with one trip enters both fits. One that spent $0 enters the fit of trips alone, as Gamma-Gamma knows
    no spend of 0. Of more than `max_households`, every n-th is fitted: parameters of 50,000 are as good as known.
    Raises LifetimeValueError when there are fewer than `min_households`, a column or value is missing, or a model has
    no fit.
    """
    _check_history(history, last_day)
    if len(history) < settings.min_households:
        raise LifetimeValueError(
            f"lifetime_value.min_households is {settings.min_households}, but only {len(history)} households have a "
            f"trip up to day {last_day}; give more households, or lower it"
        )
    fitted = history.iloc[:: -(-len(history) // settings.max_households)]
    spent = fitted[fitted["sales"] > 0]
    trips = spent["trips"].to_numpy(dtype=float)
    return SpendModels(
        bg_nbd=fit_bg_nbd(*_recency_and_age(fitted, last_day)),
        gamma_gamma=fit_gamma_gamma(trips, spent["sales"].to_numpy(dtype=float) / trips),
        n_households=len(history),
        n_fitted=len(fitted),
        n_one_trip=int((history["trips"] == 1).sum()),
        n_without_spend=int((history["sales"] <= 0).sum()),
    )


def fit_stack(parts: Mapping[str, Vector], actual: Vector) -> StackWeights:
    """The weights with the smallest mean absolute error of `actual` ($), to a twentieth."""
    steps = range(_STACK_STEPS + 1)
    grid = [
        StackWeights(recent / _STACK_STEPS, earlier / _STACK_STEPS, (_STACK_STEPS - recent - earlier) / _STACK_STEPS)
        for recent in steps
        for earlier in steps
        if recent + earlier <= _STACK_STEPS
    ]
    return min(grid, key=lambda weights: float(np.abs(weights.forecast(parts) - actual).mean()))


def spend_of(period: pd.DataFrame, households: pd.DataFrame) -> Vector:
    """$ that each of `households` spent in `period`: 0, which is known and not missing, without a trip in it."""
    sales = period.set_index("household_key")["sales"]
    return sales.reindex(households["household_key"], fill_value=0.0).to_numpy(dtype=float)


def recency_in_weeks(history: pd.DataFrame) -> Vector:
    """Weeks from each household's first trip to its last."""
    return (history["last_trip"] - history["first_trip"]).to_numpy(dtype=float) / DAYS_PER_WEEK


def age_in_weeks(history: pd.DataFrame, last_day: int) -> Vector:
    """Weeks from each household's first trip to `last_day`."""
    return (last_day - history["first_trip"]).to_numpy(dtype=float) / DAYS_PER_WEEK


def _recency_and_age(history: pd.DataFrame, last_day: int) -> tuple[Vector, Vector, Vector]:
    repeats = history["trips"].to_numpy(dtype=float) - 1
    return repeats, recency_in_weeks(history), age_in_weeks(history, last_day)


def _check_history(history: pd.DataFrame, last_day: int) -> None:
    missing = [name for name in HISTORY_COLUMNS if name not in history.columns]
    if missing:
        raise LifetimeValueError(f"trip history lacks {', '.join(missing)}; found {', '.join(history.columns)}")
    if history["household_key"].duplicated().any():
        raise LifetimeValueError("trip history must have one row per household; give the rows of one window")
    values = history[list(HISTORY_COLUMNS)]
    if values.isna().any(axis=None) or (history["trips"] < 1).any() or (history["sales"] < 0).any():
        raise LifetimeValueError(
            "trip history: every household needs a trip and sales of $0 or more, found "
            f"{int((~(history['trips'] >= 1)).sum())} without a trip and {int((~(history['sales'] >= 0)).sum())} "
            "without such sales"
        )
    if (history["last_trip"] > last_day).any():
        raise LifetimeValueError(f"trip history goes beyond day {last_day}; give the rows of a window that ends there")
