"""Purchases in the windows of lifetime value, counted slowly from days of households."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.segmentation.lifetime.purchases import Purchases, lifetime_windows

MARGIN = 0.3


def purchases_from(days: pd.DataFrame, first_day: int, last_day: int, margin: float = MARGIN) -> Purchases:
    """`days`: household_key, day, sales, a row per household and day or more. Gross profit is `margin` x sales, or
    that of a column profit.
    """
    windows = lifetime_windows(first_day, last_day)
    if "profit" not in days.columns:
        days = days.assign(profit=margin * days["sales"])
    parts, profits = [], []
    for window in windows.itertuples():
        inside = days[(days["day"] >= window.first_day) & (days["day"] < window.index_day)]
        grouped = inside.groupby("household_key").agg(
            trips=("day", "nunique"),
            first_trip=("day", "min"),
            last_trip=("day", "max"),
            sales=("sales", "sum"),
            gross_profit=("profit", "sum"),
        )
        grouped = grouped.reset_index().assign(window=window.window)
        parts.append(grouped.drop(columns="gross_profit"))
        profits.append(grouped[["window", "household_key", "gross_profit"]])

    def weekly(window: int) -> pd.DataFrame:
        first, index = windows.set_index("window").loc[window, ["first_day", "index_day"]]
        inside = days[(days["day"] >= first) & (days["day"] < index)]
        inside = inside.assign(weeks_ago=(index - 1 - inside["day"]) // 7)
        inside = inside[inside["weeks_ago"] < (index - first) // 7]
        found = inside.groupby(["household_key", "weeks_ago"]).agg(trips=("day", "nunique"), sales=("sales", "sum"))
        return found.reset_index().assign(window=window)

    return Purchases(windows, pd.concat(parts, ignore_index=True), pd.concat(profits, ignore_index=True), weekly)
