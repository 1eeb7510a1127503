"""The purchases that lifetime value is made from, in the windows that it needs them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.features.by_day import run_by_day
from dunnhumby_pipeline.features.margins import weights_table
from dunnhumby_pipeline.features.purchases import weighed_purchases
from dunnhumby_pipeline.features.trips import trip_history, weekly_spend
from dunnhumby_pipeline.features.windows import observed_days
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
from dunnhumby_pipeline.segmentation.lifetime.weeks import DAYS_PER_WEEK
from dunnhumby_pipeline.settings import Settings

WHOLE, FIRST_HALF, SECOND_HALF, FIRST_QUARTER, SECOND_QUARTER = range(5)
# A quarter of the data is a history in itself, and four weeks are the least it can be.
_MIN_DAYS = 16 * DAYS_PER_WEEK


@dataclass(frozen=True)
class Purchases:
    """What households bought in the `windows` of `lifetime_windows`.

    `trips`: their `trip_history`; `gross_profit`: window, household_key and gross_profit ($), of the same windows;
    `weekly`: gives the `weekly_spend` of one of them by its number, one at a time, as it is the longest of all tables.
    """

    windows: pd.DataFrame
    trips: pd.DataFrame
    gross_profit: pd.DataFrame
    weekly: Callable[[int], pd.DataFrame]


def purchases_of(transactions: TablePath, products: TablePath, settings: Settings) -> Purchases:
    """Purchases from cleaned lines; gross profit is that of the trials: margin x sales - (1 - margin) x match, by the
    departments' margins where they are given.

    Raises LifetimeValueError as `lifetime_windows` does, and MarginError for the margin of what is no department.
    """
    windows = lifetime_windows(*observed_days(transactions, settings.engine))
    weights = weights_table(settings.trial.margin_weights, products)
    bought = run(
        weighed_purchases(settings.economics.margin),
        {"transactions": transactions, "products": products, "windows": windows, "margin_weights": weights},
        settings.engine,
    )

    def weekly(window: int) -> pd.DataFrame:
        only = windows[windows["window"] == window].reset_index(drop=True)
        return run_by_day(weekly_spend(), {"transactions": transactions, "windows": only}, settings.engine)

    return Purchases(
        windows=windows,
        trips=run_by_day(trip_history(), {"transactions": transactions, "windows": windows}, settings.engine),
        gross_profit=bought[["window", "household_key", "gross_profit"]],
        weekly=weekly,
    )


def lifetime_windows(first_day: int, last_day: int) -> pd.DataFrame:
    """The windows from whose purchases lifetime value is made: all days, halves, first quarters.

    Raises LifetimeValueError when there are fewer than 16 weeks of days.
    """
    if last_day - first_day + 1 < _MIN_DAYS:
        raise LifetimeValueError(
            f"lifetime value needs {_MIN_DAYS} days, to learn from one half what the other shows; found "
            f"{last_day - first_day + 1} days, {first_day} to {last_day}"
        )
    half = _half_way(first_day, last_day)
    quarter = _half_way(first_day, half - 1)
    days = [
        (WHOLE, first_day, last_day + 1),
        (FIRST_HALF, first_day, half),
        (SECOND_HALF, half, last_day + 1),
        (FIRST_QUARTER, first_day, quarter),
        (SECOND_QUARTER, quarter, half),
    ]
    frame = pd.DataFrame(days, columns=["window", "first_day", "index_day"])
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def _half_way(first_day: int, last_day: int) -> int:
    """First day of the later half of `first_day` to `last_day`, both included."""
    return (first_day + last_day + 1) // 2
