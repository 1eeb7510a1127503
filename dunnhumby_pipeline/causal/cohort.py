"""The sequential target trial: who enters at each wave, what was known of them, what they then bought.

At each wave of a campaign type every household that shopped in the look-back and was not sent an
earlier wave of that type enters as a trial, treated when this wave lists it. Both arms share the
index day, the look-back before it and the outcome window after it (Hernan & Robins 2016; Danaei et
al. 2013 for sequences of trials).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.causal.names import OUTCOMES, TRIAL_KEY
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.engine.tables import TablePath, read_table
from dunnhumby_pipeline.features.catalogue import (
    COVARIATES,
    HISTORY_COVARIATES,
    active_column,
    received_column,
    redeemed_column,
)
from dunnhumby_pipeline.features.profile import household_features
from dunnhumby_pipeline.features.purchases import purchases
from dunnhumby_pipeline.features.windows import observed_days, one_window
from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.settings import EngineSettings, TrialSettings

if TYPE_CHECKING:
    pass

DEMOGRAPHICS = tuple(name for name in schema.DEMOGRAPHICS.column_names if name != "household_key")
UNKNOWN = "unknown"
LOOK_BACK_SEGMENT = "lookback_segment"


class CohortError(Exception):
    """No trial can be built. The message says which wave or setting stands in the way."""


@dataclass(frozen=True)
class Cohort:
    """`trials`: one row a trial, without the look-back segment. `look_backs`: all look-back features of every
    household that shopped in a wave's look-back, trial or not (column `campaign`: the wave). `waves`: one row
    a wave used. `excluded`: one row a wave left out, with the reason. `n_treated_without_history`: treated
    households that had not shopped in the look-back.
    """

    trials: pd.DataFrame
    look_backs: pd.DataFrame
    waves: pd.DataFrame
    excluded: pd.DataFrame
    n_treated_without_history: int

    def waves_text(self) -> str:
        """The waves used and left out, a line each, in words."""
        used = [
            f"- campaign {row.campaign}: index day {row.index_day}, look-back of {row.lookback_days} days, "
            f"outcome window to day {row.outcome_end}"
            for row in self.waves.itertuples()
        ]
        left_out = [f"- campaign {row.campaign} left out: {row.reason}" for row in self.excluded.itertuples()]
        return "\n".join([*used, *left_out])


Tables = Mapping[str, TablePath]


def build_cohort(tables: Tables, campaign_type: str, settings: TrialSettings, engine: EngineSettings) -> Cohort:
    """All trials of `campaign_type` from the canonical tables.

    Raises CohortError when the type has no wave, or none that has enough history and has ended.
    """
    campaigns = read_table(tables["campaigns"])
    first_day, last_day = observed_days(tables["transactions"], engine)
    waves, excluded = plan_waves(campaigns, campaign_type, first_day, last_day, settings)
    if waves.empty:
        reasons = "; ".join(f"campaign {row.campaign}: {row.reason}" for row in excluded.itertuples())
        raise CohortError(
            f"no wave of {campaign_type} can be studied ({reasons or 'there is no wave of this type'}). "
            f"The data hold days {first_day} to {last_day}; choose another campaign type or a shorter "
            "trial.min_history_days or trial.follow_up_days."
        )
    look_backs = _windows(waves, "lookback_start", "index_day")
    covariates = window_covariates(tables, look_backs, engine)
    of_type = campaigns.loc[campaigns["description"] == campaign_type]
    first = _first_targets(read_table(tables["campaign_targets"]), of_type)
    trials = _enter(covariates, waves, first)
    trials = _with_outcomes(trials, tables, waves, engine)
    n_lost = int(first["campaign"].isin(waves["campaign"]).sum()) - int(trials["treated"].sum())
    columns = covariate_columns(campaign_type)
    own = ["treated", "index_day", "lookback_start", "outcome_end", *OUTCOMES]
    shoppers = covariates.rename(columns={"window": "campaign"})
    return Cohort(trials[[*TRIAL_KEY, *own, *columns]], shoppers, waves, excluded, n_lost)


def covariates_today(
    tables: Tables, campaign_type: str, trials: pd.DataFrame, settings: TrialSettings, engine: EngineSettings
) -> pd.DataFrame:
    """Covariates of every household that shopped in the look-back that ends with the data.

    The next campaign's wave has not been seen, so these households carry the latest wave (`campaign`) of
    `trials`. `received_before`: whether the household has been sent a campaign of this type.
    """
    first_day, last_day = observed_days(tables["transactions"], engine)
    latest = int(trials.loc[trials["index_day"].idxmax(), "campaign"])
    start = max(first_day, last_day + 1 - settings.look_back_days)
    window = one_window(start, last_day).assign(window=latest)
    frame = window_covariates(tables, window, engine).rename(columns={"window": "campaign"})
    return frame.assign(received_before=frame[received_column(campaign_type)] > 0)


def covariate_columns(campaign_type: str) -> list[str]:
    """Covariates of a trial, all known before the index day, without wave and look-back segment.

    Campaigns of the trial's own type are no covariate: by eligibility none was received before.
    """
    own = {column(campaign_type) for column in (received_column, active_column, redeemed_column)}
    history = [name for name in HISTORY_COVARIATES if name not in own]
    return [*COVARIATES, *history, *DEMOGRAPHICS]


def plan_waves(
    campaigns: pd.DataFrame, campaign_type: str, first_day: int, last_day: int, settings: TrialSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(waves used, waves left out) of a type, in order of their first day.

    Used: campaign, start_day, end_day, index_day, lookback_start, outcome_end, lookback_days. The outcome
    window ends follow_up_days after the wave, or the day before the type's next wave, or with the data;
    for both arms alike. Left out, with a reason: waves with too little history, and waves that had not
    ended when the data end.
    """
    waves = campaigns.loc[campaigns["description"] == campaign_type].sort_values(["start_day", "campaign"])
    starts = waves["start_day"].drop_duplicates()
    next_start = waves["start_day"].map(dict(zip(starts, starts.shift(-1), strict=True)))
    end = (waves["end_day"] + settings.follow_up_days).clip(upper=last_day)
    waves = waves.assign(
        index_day=waves["start_day"],
        lookback_start=(waves["start_day"] - settings.look_back_days).clip(lower=first_day),
        outcome_end=end.where(next_start.isna() | (end < next_start), next_start - 1).astype("int64"),
    )
    waves["lookback_days"] = waves["index_day"] - waves["lookback_start"]
    short = waves["start_day"] - first_day < settings.min_history_days
    unfinished = waves["end_day"] > last_day
    reason = pd.Series("", index=waves.index, dtype=object)
    reason[unfinished] = f"it had not ended on the last day of the data, {last_day}"
    reason[short] = f"fewer than {settings.min_history_days} days of data lie before its first day"
    usable = ~(short | unfinished)
    columns = [
        "campaign",
        "start_day",
        "end_day",
        "index_day",
        "lookback_start",
        "outcome_end",
        "lookback_days",
    ]
    excluded = waves.assign(reason=reason).loc[~usable, ["campaign", "start_day", "end_day", "reason"]]
    return waves.loc[usable, columns].reset_index(drop=True), excluded.reset_index(drop=True)


def window_covariates(tables: Tables, windows: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    """One row a window and household that shopped in it: `household_features` with demographics.

    `windows`: window, first_day, index_day. No query sees a line on or after its window's index day.
    """
    frame = household_features(tables, windows, engine)
    frame = frame.merge(read_table(tables["demographics"]), on="household_key", how="left")
    return frame.fillna(dict.fromkeys(DEMOGRAPHICS, UNKNOWN))


def _windows(waves: pd.DataFrame, first: str, end: str, shift: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame({"window": waves["campaign"], "first_day": waves[first], "index_day": waves[end] + shift})
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def _first_targets(targets: pd.DataFrame, of_type: pd.DataFrame) -> pd.DataFrame:
    """The first of the waves `of_type`, used or left out, that listed each household: household_key, campaign,
    start_day. Lowest id when two waves of the type start on the same day."""
    dated = targets[TRIAL_KEY].merge(of_type[["campaign", "start_day"]], on="campaign")
    return dated.sort_values(["start_day", "campaign"], kind="stable").drop_duplicates("household_key")


def _enter(covariates: pd.DataFrame, waves: pd.DataFrame, first: pd.DataFrame) -> pd.DataFrame:
    """The trials among the households that shopped in each look-back; `first` as from `_first_targets`."""
    first = first.rename(columns={"campaign": "first_campaign", "start_day": "first_start"})
    trials = covariates.rename(columns={"window": "campaign"}).merge(waves, on="campaign")
    trials = trials.merge(first, on="household_key", how="left")
    treated = trials["first_campaign"] == trials["campaign"]
    not_yet = trials["first_start"].isna() | (trials["first_start"] > trials["index_day"])
    trials = trials.assign(treated=treated.astype("int64")).loc[treated | not_yet]
    return trials.sort_values(["index_day", "campaign", "household_key"], ignore_index=True)


def _with_outcomes(trials: pd.DataFrame, tables: Tables, waves: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    """Add purchase_amount ($), purchase_count (baskets) and redeemed (0/1: any coupon of this wave)."""
    windows = _windows(waves, "index_day", "outcome_end", shift=1)
    bought = run(purchases(), {"transactions": tables["transactions"], "windows": windows}, engine)
    trials = trials.merge(bought.rename(columns={"window": "campaign"}), on=TRIAL_KEY, how="left")
    # A household without a line in the window spent nothing: that is the outcome, not a gap.
    trials = trials.fillna({"purchase_amount": 0.0, "purchase_count": 0.0})
    redemptions = read_table(tables["coupon_redemptions"]).merge(waves, on="campaign")
    inside = redemptions["day"].between(redemptions["index_day"], redemptions["outcome_end"])
    redeemers = redemptions.loc[inside, TRIAL_KEY].drop_duplicates().assign(redeemed=1)
    trials = trials.merge(redeemers, on=TRIAL_KEY, how="left")
    return trials.fillna({"redeemed": 0}).astype({"redeemed": "int64"})
