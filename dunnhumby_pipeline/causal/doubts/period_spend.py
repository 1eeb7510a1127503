"""What the households of trials spent in periods around their campaign: outcomes beside the main one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.features.purchases import purchases
from dunnhumby_pipeline.settings import EngineSettings

Array = NDArray[np.float64]
Tables = Mapping[str, TablePath]

_DAYS = ["index_day", "lookback_start", "outcome_end"]


def campaign_days(trials: pd.DataFrame) -> pd.DataFrame:
    """One row per campaign of the trials, in order of index days: campaign, index_day, lookback_start, outcome_end.

    Raises ValueError when trials of one campaign do not share them: an effect by week would mean nothing.
    """
    campaigns = trials[["campaign", *_DAYS]].drop_duplicates().sort_values(["index_day", "campaign"])
    several = campaigns.loc[campaigns["campaign"].duplicated(), "campaign"].unique().tolist()
    if several:
        raise ValueError(f"trials of the campaigns {several} do not share {', '.join(_DAYS)}; make the trials again")
    return campaigns.reset_index(drop=True)


def period_spend(
    tables: Tables, trials: pd.DataFrame, periods: pd.DataFrame, n_periods: int, engine: EngineSettings
) -> Array:
    """Spend ($) of each trial's household in each period of its campaign, (n, n_periods); one query for all.

    `periods`: campaign, period (0 to n_periods - 1), first_day, index_day (the first day out). A household
    without a line spent 0; a period that a campaign does not have is NaN.
    """
    spend = np.full((len(trials), n_periods), np.nan)
    if periods.empty:
        return spend
    periods = periods.reset_index(drop=True)
    windows = periods.assign(window=periods.index)[["window", "first_day", "index_day"]]
    windows = windows.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})
    bought = run(purchases(), {"transactions": tables["transactions"], "windows": windows}, engine)
    campaign_of_line = periods["campaign"].to_numpy()[bought["window"]]
    households, campaigns = trials["household_key"].to_numpy(), trials["campaign"].to_numpy()
    for campaign, of_campaign in periods.groupby("campaign")["period"]:
        rows = np.flatnonzero(campaigns == campaign)
        spend[np.ix_(rows, of_campaign)] = 0.0
        found = bought.loc[campaign_of_line == campaign]
        place = pd.Index(households[rows]).get_indexer(found["household_key"])
        known = place >= 0
        column = periods["period"].to_numpy()[found["window"]]
        spend[rows[place[known]], column[known]] = found["purchase_amount"].to_numpy()[known]
    return spend


def estimable(treated: Array, folds: NDArray[np.int64]) -> bool:
    """Whether the trials outside any one fold hold both arms, so that a part of the trials can be cross-fitted."""
    return all(len(np.unique(folds[treated == arm])) > 1 for arm in (0, 1))
