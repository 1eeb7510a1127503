"""Quarters that are learned from: where each begins and ends, and which households of value fell after it.

An *end* is the first day after a quarter. What is known at an end comes from the days before it alone; what became of
a household then comes from the quarter that begins there, and is known one quarter later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings.risk import RiskSettings


@dataclass(frozen=True)
class Quarters:
    """Ends of quarters (days), a step apart, the last one today's; `first_day` and `last_day` of the data.

    `ends` is empty when the data are shorter than a quarter.
    """

    ends: tuple[int, ...]
    first_day: int
    last_day: int
    days: int
    history_days: int

    @property
    def today(self) -> int:
        """The first day after the data: the next quarter begins there."""
        return self.last_day + 1

    def look_backs(self) -> pd.DataFrame:
        """The days that are looked back on at each end, as windows numbered by the end."""
        return self._windows([max(end - self.history_days, self.first_day) for end in self.ends], self.ends)

    def outcomes(self) -> pd.DataFrame:
        """Quarters around the ends: that before the one that has just ended, numbered -end, and the next, numbered
        end; those alone that the data hold whole.
        """
        next_ones = [end for end in self.ends if end + self.days <= self.today]
        before = [end for end in self.ends if end - 2 * self.days >= self.first_day]
        first_days = [*next_ones, *(end - 2 * self.days for end in before)]
        frame = self._windows(first_days, [first + self.days for first in first_days])
        frame["window"] = np.array([*next_ones, *(-end for end in before)], dtype="int64")
        return frame

    @staticmethod
    def _windows(first_days: list[int], index_days: tuple[int, ...] | list[int]) -> pd.DataFrame:
        columns = {"window": index_days, "first_day": first_days, "index_day": index_days}
        return pd.DataFrame({name: list(days) for name, days in columns.items()}).astype(
            {"window": "int64", "first_day": "int32", "index_day": "int32"}
        )


def quarters_of(first_day: int, last_day: int, settings: RiskSettings) -> Quarters:
    """The quarters that the days `first_day` to `last_day` hold, the latest `max_quarters` of them."""
    days, end = settings.quarter_days, last_day + 1
    # Those after the last whose outcome is known are not learned from: today's alone is forecast from.
    known = np.arange(end - days, first_day + days - 1, -settings.step_days)[: settings.max_quarters][::-1]
    ends = (*(int(one) for one in known), end) if end - days >= first_day else ()
    # The quarter before the last is looked back on, or who came no more would not be seen to have come.
    return Quarters(ends, first_day, last_day, days, max(settings.history_days, 2 * days))


def sales_around(rhythm: pd.DataFrame, around: pd.DataFrame, quarters: Quarters) -> pd.DataFrame:
    """`rhythm` (`shopping_rhythm` of the look-backs) with `end` for its window, `before_sales` and `next_sales` ($).

    `around`: `trip_history` of the outcomes. Sales of a quarter without a line are $0; those of a quarter that the
    data do not hold whole are NaN.
    """
    frame = rhythm.rename(columns={"window": "end"}).reset_index(drop=True)
    held = set(quarters.outcomes()["window"])
    by_window = {window: rows.set_index("household_key")["sales"] for window, rows in around.groupby("window")}
    nobody = pd.Series(dtype=float)
    for name, sign in (("next_sales", 1), ("before_sales", -1)):
        found = np.full(len(frame), np.nan)
        for end, rows in frame.groupby("end").indices.items():
            if sign * end in held:
                sales = by_window.get(sign * end, nobody)
                found[rows] = sales.reindex(frame["household_key"].to_numpy()[rows]).fillna(0.0)
        frame[name] = found
    return frame


def households_of_value(frame: pd.DataFrame, spend: str, quarters: Quarters, settings: RiskSettings) -> pd.DataFrame:
    """The rows of `frame` (`sales_around`) of households of value by `spend`, a column of $: the `value_share` who
    spent most in it at that end, of those who spent anything.

    Of more than `max_households` at an end of the past, every n-th is kept; today all are.
    """
    spent = frame[frame[spend] > 0]
    by_end = spent.groupby("end")[spend]
    # 0.3 of 10 households is 3.0000000000000004 of them.
    most = np.ceil(settings.value_share * by_end.transform("size") - 1e-9)
    parts = [
        rows if end == quarters.today else rows.iloc[:: -(-len(rows) // settings.max_households)]
        for end, rows in spent[by_end.rank(method="first", ascending=False) <= most].groupby("end")
    ]
    return pd.concat(parts, ignore_index=True) if parts else spent.reset_index(drop=True)
