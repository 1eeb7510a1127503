"""What announces a fall: ten measures of how a household shopped, and what each is called when it is a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.features.rhythm import RECENT_DAYS
from dunnhumby_pipeline.segmentation.risk.quarters import Quarters

_WEEK = 7
# What the naive forecast looks at.
LAST_CHANGE = "recent_spend"


@dataclass(frozen=True)
class Sign:
    """A measure of how a household shopped, and the reason that it is when it is below or above the usual."""

    name: str
    below: str
    above: str


SIGNS = (
    Sign("usual_spend", "usually spends less than others of value", "usually spends more than others of value"),
    Sign("spend_against_usual", "spent less than usual last quarter", "spent more than usual last quarter"),
    Sign("recent_spend", "spends less in the last four weeks", "spends more in the last four weeks"),
    Sign("weeks_active", "skips many weeks", "comes every week"),
    Sign("spend_varies", "spends evenly", "spend varies widely from week to week"),
    Sign("spend_varied_last", "spent evenly last quarter", "spend varied widely last quarter"),
    Sign("overdue", "came lately for its rhythm", "has stayed away longer than its rhythm"),
    Sign("trip_rate", "comes rarely", "comes often"),
    Sign("trips_against_usual", "came less often than usual last quarter", "came more often than usual last quarter"),
    Sign("basket", "small baskets", "few large baskets"),
)
NAMES = tuple(sign.name for sign in SIGNS)


def signs_of(households: pd.DataFrame, quarters: Quarters) -> pd.DataFrame:
    """The measures of each row of `households_of_value`, all finite, by name; another currency adds a constant to
    usual_spend and basket, and changes nothing else.

    Rates are a week of what was observed: from the first trip in the look-back on, as households join over the year.
    usual_spend: log of $ a week over the look-back; spend_against_usual, trips_against_usual: log of the quarter's
    rate over that of the look-back; recent_spend: the last 28 days' rate over the quarter's; weeks_active: share
    of weeks with a trip; spend_varies, spend_varied_last: standard deviation over mean of weekly spend, of the
    look-back and of the quarter; overdue: log of days since the last trip over mean days between trips; trip_rate:
    trips a week; basket: log of $ per basket.
    """
    h = households
    observed = (h["end"] - h["first_trip"]).clip(lower=_WEEK).astype(float)
    in_quarter = observed.clip(upper=quarters.days)
    n_weeks, n_quarter = np.ceil(observed / _WEEK), np.ceil(in_quarter / _WEEK)
    usual = h["sales"] / (observed / _WEEK)
    last = h["quarter_sales"] / (in_quarter / _WEEK)
    trip_rate, last_trips = h["trips"] / (observed / _WEEK), h["quarter_trips"] / (in_quarter / _WEEK)
    recent = h["recent_sales"] / (in_quarter.clip(upper=RECENT_DAYS) / _WEEK)
    away = h["end"] - 1 - h["last_trip"]
    return pd.DataFrame(
        {
            "usual_spend": np.log(usual),
            "spend_against_usual": np.log(last / usual),
            "recent_spend": recent / last,
            "weeks_active": (h["weeks"] / n_weeks).clip(upper=1.0),
            "spend_varies": _variation(h["sales"], h["sales_squared"], n_weeks),
            "spend_varied_last": _variation(h["quarter_sales"], h["quarter_sales_squared"], n_quarter),
            "overdue": np.log((away + 1) * h["quarter_trips"] / in_quarter),
            "trip_rate": trip_rate,
            "trips_against_usual": np.log(last_trips / trip_rate),
            "basket": np.log(h["quarter_sales"] / h["quarter_baskets"]),
        }
    )


def usual_quarter(households: pd.DataFrame, quarters: Quarters) -> pd.Series:
    """Sales of a quarter ($) at each household's rate over its look-back."""
    observed = (households["end"] - households["first_trip"]).clip(lower=quarters.days)
    return households["sales"] * quarters.days / observed


def _variation(total: pd.Series, squares: pd.Series, n_weeks: pd.Series) -> pd.Series:
    """Standard deviation over mean of weekly spend, weeks without a trip counted as $0."""
    mean = total / n_weeks
    return np.sqrt((squares / n_weeks - mean**2).clip(lower=0.0)) / mean
