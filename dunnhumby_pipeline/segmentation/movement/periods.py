"""Periods over which segments are followed: rolling look-backs, and the segment of each household in each of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import MigrationSettings

ABSENT = "(no purchase)"
SPEND = "monetary_sales"
Assignment = Callable[[pd.DataFrame], pd.Series]


class MigrationError(ValueError):
    """Segments cannot be followed over time. The message says what is missing and how to fix it."""


def migration_windows(first_day: int, last_day: int, settings: MigrationSettings) -> pd.DataFrame:
    """One window a period, numbered from 0, the earliest: window, first_day, index_day. The last ends on `last_day`.

    Raises MigrationError when the days hold fewer than two periods.
    """
    span = last_day - first_day + 1
    n_periods = (span - settings.look_back_days) // settings.step_days + 1
    if n_periods < 2:
        raise MigrationError(
            f"migration.look_back_days ({settings.look_back_days}) and one step of migration.step_days "
            f"({settings.step_days}) need {settings.look_back_days + settings.step_days} days, found {span} days, "
            f"{first_day} to {last_day}; shorten them"
        )
    index_day = last_day + 1 - settings.step_days * np.arange(n_periods)[::-1]
    frame = pd.DataFrame(
        {"window": range(n_periods), "first_day": index_day - settings.look_back_days, "index_day": index_day}
    )
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def assign_periods(features: pd.DataFrame, assign: Assignment) -> pd.DataFrame:
    """Segment and spend of each household in each period it bought in: window, household_key, segment, spend ($).

    `features`: `customer_features` of `migration_windows`; `assign` gives the segment of each of its rows, from the
    rows of the same window alone. Raises MigrationError when a row gets none.
    """
    segments = assign(features)
    if len(segments) != len(features) or segments.isna().any():
        raise MigrationError(
            f"the assignment gave {int(segments.notna().sum())} segments to {len(features)} households and periods; "
            "it must give one to each"
        )
    return pd.DataFrame(
        {
            "window": features["window"].to_numpy(),
            "household_key": features["household_key"].to_numpy(),
            "segment": segments.to_numpy(dtype=object),
            "spend": features[SPEND].to_numpy(dtype=float),
        }
    ).astype({"segment": "str"})


def period_pairs(windows: pd.DataFrame) -> list[tuple[int, int]]:
    """Pairs of periods to compare, earlier first: neighbours, and each with the first that shares no day with it."""
    ordered = windows.sort_values("window")
    numbers = ordered["window"].tolist()
    apart = [
        (int(one.window), int(ordered.loc[ordered["first_day"] >= one.index_day, "window"].min()))
        for one in ordered.itertuples()
        if (ordered["first_day"] >= one.index_day).any()
    ]
    return [*pairwise(numbers), *(pair for pair in apart if pair not in set(pairwise(numbers)))]


def shared_days(windows: pd.DataFrame, before: int, after: int) -> int:
    """Days that two periods both see."""
    span = windows.set_index("window")
    return max(int(span.at[before, "index_day"]) - int(span.at[after, "first_day"]), 0)
