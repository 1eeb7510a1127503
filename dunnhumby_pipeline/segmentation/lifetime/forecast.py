"""Trips and spend per trip of each household by the models of who comes back: BG/NBD with Gamma-Gamma."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.segmentation.lifetime.value import (
    LifetimeValueError,
    SpendModel,
    TripModel,
    Vector,
    fit_bg_nbd,
    fit_gamma_gamma,
)
from dunnhumby_pipeline.segmentation.lifetime.weeks import DAYS_PER_WEEK
from dunnhumby_pipeline.settings import LifetimeValueSettings

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


def amount_of(period: pd.DataFrame, column: str, households: pd.DataFrame) -> Vector:
    """`column` of `period` for each of `households`: 0, which is known and not missing, for one without a row."""
    amounts = period.set_index("household_key")[column]
    return amounts.reindex(households["household_key"], fill_value=0).to_numpy(dtype=float)


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
