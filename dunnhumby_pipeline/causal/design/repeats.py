"""The trials of a repeat: households that an earlier campaign of the type was sent, at the type's next campaigns.

The study's own trials leave these households out. Here they enter, on the same index days and windows, once the last
campaign that they were sent has ended, and `repeat_washout_days` with it: what it did is then in the look-back of both
arms. What they were sent and redeemed of the type before is a covariate, as it says whom the retailer chooses again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from dunnhumby_pipeline.causal.design.campaigns import plan_campaigns, studied, windows_of
from dunnhumby_pipeline.causal.design.clusters import with_clusters
from dunnhumby_pipeline.causal.design.cohort import (
    LOOK_BACK_SEGMENT,
    Tables,
    covariate_columns,
    covariates_today,
    shoppers_of,
    window_covariates,
)
from dunnhumby_pipeline.causal.design.enrolment import sent_before
from dunnhumby_pipeline.causal.design.outcomes import weights_table, winsorised, with_outcomes
from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import NEVER_TARGETED, TRIAL_KEY
from dunnhumby_pipeline.contracts.outcomes import MEASURED
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.engine.tables import read_table
from dunnhumby_pipeline.features.windows import observed_days
from dunnhumby_pipeline.settings import EngineSettings, TrialSettings

# Days from the first day of the last campaign of the type that the household was sent to the index day.
DAYS_SINCE = "days_since_last"
SEGMENTS = Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Repeated:
    """What a household was sent before an index day, (n,) each: `sent`, whether the study's own trials leave it out for
    it; `over`, whether its last campaign has ended by then, washout and all; `days`, since that campaign began."""

    sent: pd.Series
    over: pd.Series
    days: pd.Series


def repeated(
    rows: pd.DataFrame, targets: pd.DataFrame, campaigns: pd.DataFrame, campaign_type: str, settings: TrialSettings
) -> Repeated:
    """Of each of `rows` (household_key, index_day), by all campaigns of the type, used or not."""
    of_type = campaigns.loc[campaigns["description"] == campaign_type, ["campaign", "start_day", "end_day"]]
    listed = targets[TRIAL_KEY].drop_duplicates().merge(of_type, on="campaign").astype("int64")
    asked = rows[["household_key", "index_day"]].reset_index(names="row").merge(listed, on="household_key")
    earlier = asked.loc[asked["start_day"] < asked["index_day"]]
    last = earlier.groupby("row")[["start_day", "end_day"]].max().reindex(rows.index)
    over = last["end_day"] + settings.repeat_washout_days < rows["index_day"]
    sent = sent_before(rows, listed.sort_values(["start_day", "campaign"]), settings.washout_days)
    return Repeated(sent, over, rows["index_day"] - last["start_day"])


def repeat_trials(
    tables: Tables,
    campaign_type: str,
    settings: TrialSettings,
    engine: EngineSettings,
    segments_of: SEGMENTS,
    known: pd.DataFrame,
    copies: pd.DataFrame,
    margin: float,
) -> pd.DataFrame:
    """One row per trial of a repeat, as the study's own (`cohort.build_cohort`), with `DAYS_SINCE`; without rows where
    no campaign has such trials in both arms, and in the reference study's design, which has none.

    Eligible at a campaign is who shopped in its look-back, was sent one of the type before, and whose last one is over
    (`repeated`). A household that was sent another campaign of the type on the same day does not enter. `known`:
    look-backs with their segment that need not be worked out again, by household and campaign; `copies`: households
    that are copies of each other.
    """
    targets, campaigns = read_table(tables["campaign_targets"]), read_table(tables["campaigns"])
    planned = plan_campaigns(campaigns, campaign_type, *observed_days(tables["transactions"], engine), settings)
    used = studied(planned)
    names = covariate_columns(campaign_type, washout_days=1)
    columns = ["treated", "index_day", "lookback_start", "outcome_end", DAYS_SINCE, *MEASURED]
    if used.empty or settings.design == NEVER_TARGETED:
        return without_rows(table("repeat_trials"))
    shoppers = shoppers_of(tables, windows_of(used, "lookback_start", "index_day"), engine)
    if settings.max_look_back_spend is not None:
        shoppers = shoppers.loc[shoppers["purchase_amount"] <= settings.max_look_back_spend]
    days = used[["campaign", "index_day", "lookback_start", "outcome_end"]]
    rows = shoppers[TRIAL_KEY].merge(days, on="campaign").astype("int64")
    history = repeated(rows, targets, campaigns, campaign_type, settings)
    same_day = campaigns.loc[campaigns["description"] == campaign_type, ["campaign", "start_day"]]
    sent = targets[TRIAL_KEY].drop_duplicates().merge(same_day, on="campaign")
    here = pd.MultiIndex.from_frame(rows[TRIAL_KEY]).isin(pd.MultiIndex.from_frame(sent[TRIAL_KEY].astype("int64")))
    others = sent.rename(columns={"start_day": "index_day", "campaign": "other"}).astype("int64")
    elsewhere = rows.reset_index(names="row").merge(others, on=["household_key", "index_day"])
    doubled = set(elsewhere.loc[elsewhere["other"] != elsewhere["campaign"], "row"])
    rows = rows.assign(treated=here.astype("int64"), **{DAYS_SINCE: history.days})
    rows = rows.loc[history.sent & history.over & ~rows.index.isin(doubled)]
    arms = rows.groupby("campaign")["treated"].transform("nunique")
    rows = rows.loc[arms == 2].sort_values(["index_day", "campaign", "household_key"], ignore_index=True)
    if rows.empty:
        return without_rows(table("repeat_trials"))
    entered = used.loc[used["campaign"].isin(rows["campaign"])]
    rows = rows.astype({DAYS_SINCE: "int64"})
    weights = weights_table(settings.margin_weights, tables["products"])
    trials, _ = winsorised(with_outcomes(rows, tables, entered, weights, engine, margin), settings.winsorise)
    wanted = [*TRIAL_KEY, *names, LOOK_BACK_SEGMENT]
    found = [known.loc[known["campaign"].isin(entered["campaign"])]]
    missing = entered.loc[~entered["campaign"].isin(known["campaign"])]
    if len(missing):
        fresh = window_covariates(tables, windows_of(missing, "lookback_start", "index_day"), engine)
        fresh = fresh.rename(columns={"window": "campaign"})
        fresh[LOOK_BACK_SEGMENT] = segments_of(fresh)
        found.append(fresh)
    covariates = pd.concat([part[wanted] for part in found if len(part)])
    trials = trials.merge(covariates, on=TRIAL_KEY, how="left", validate="one_to_one")
    return with_clusters(trials[[*TRIAL_KEY, *columns, *names, LOOK_BACK_SEGMENT]], copies)


def households_today(
    tables: Tables, campaign_type: str, trials: pd.DataFrame, settings: TrialSettings, engine: EngineSettings
) -> pd.DataFrame:
    """`cohort.covariates_today` with `over` and `DAYS_SINCE` of those that were sent the type before (null for others).

    `trials`: those of the study, whose latest campaign the households carry.
    """
    today = covariates_today(tables, campaign_type, trials, settings, engine)
    targets, campaigns = read_table(tables["campaign_targets"]), read_table(tables["campaigns"])
    history = repeated(today, targets, campaigns, campaign_type, settings)
    return today.assign(over=history.over, **{DAYS_SINCE: history.days.astype("Int64")})
