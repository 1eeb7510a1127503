"""Who enters at each campaign: every household seen, and the first condition of the design that it does not meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.design.campaigns import days_in_words
from dunnhumby_pipeline.contracts.names import FIRST_ELIGIBLE, NEVER_TARGETED, TRIAL_KEY
from dunnhumby_pipeline.settings import TrialSettings

SEEN = "seen in the data by the end of the outcome window"
IN_TIME_ORDER = ["index_day", "campaign", "household_key"]


@dataclass(frozen=True)
class Condition:
    """`stage`: who meets it, `reason`: why the others are left out, both in words; `met`: a column of candidates."""

    stage: str
    reason: str
    met: str


@dataclass(frozen=True)
class Enrolment:
    """`candidates`: one row per campaign and household seen by the end of its outcome window: household_key, campaign,
    index_day, treated (0/1), n_met (how many of `conditions`, in their order, it meets before the first that
    it does not). A trial meets all of them.
    """

    conditions: tuple[Condition, ...]
    candidates: pd.DataFrame

    @property
    def trials(self) -> pd.DataFrame:
        """household_key, campaign and treated of each trial, in order of index day, campaign and household."""
        entered = self.candidates.loc[self.candidates["n_met"] == len(self.conditions)]
        return entered.sort_values(IN_TIME_ORDER, ignore_index=True)[[*TRIAL_KEY, "treated"]]

    def one_armed(self, campaigns: pd.DataFrame) -> dict[int, str]:
        """The campaigns, in their order, whose trials do not fall in both arms, each with what is missing."""
        trials, reasons = self.trials, {}
        for campaign in campaigns["campaign"]:
            treated = trials.loc[trials["campaign"] == campaign, "treated"]
            if treated.empty:
                reasons[int(campaign)] = "no household enters at it"
            elif treated.nunique() < 2:
                arm, other = ("treated", "control") if treated.iloc[0] else ("control", "treated")
                reasons[int(campaign)] = f"all of its {len(treated)} trials are {arm}: no {other} to compare them with"
        return reasons


def listings(targets: pd.DataFrame, campaigns: pd.DataFrame, campaign_type: str) -> pd.DataFrame:
    """household_key, campaign, start_day of every campaign of the type, used or not, that lists the household, once."""
    of_type = campaigns.loc[campaigns["description"] == campaign_type, ["campaign", "start_day"]]
    listed = targets[TRIAL_KEY].drop_duplicates().merge(of_type, on="campaign")
    return listed.sort_values(["start_day", "campaign", "household_key"], ignore_index=True).astype("int64")


def sent_before(rows: pd.DataFrame, listed: pd.DataFrame, washout_days: int | None) -> pd.Series:
    """Whether a campaign that lists the household started in the washout_days before each row's index_day.

    `rows`: household_key, index_day. `listed`: as from `listings`. Without a washout any earlier campaign counts.
    """
    known = listed[["household_key", "start_day"]].sort_values("start_day", kind="stable")
    asked = rows[["household_key", "index_day"]].astype("int64").reset_index(names="row")
    asked = asked.sort_values("index_day", kind="stable")
    latest = pd.merge_asof(
        asked, known, left_on="index_day", right_on="start_day", by="household_key", allow_exact_matches=False
    ).set_index("row")["start_day"]
    since = latest.reindex(rows.index)
    sent = since.notna() if washout_days is None else since >= rows["index_day"] - washout_days
    return sent.rename(None)


def enrol(
    households: pd.DataFrame,
    campaigns: pd.DataFrame,
    listed: pd.DataFrame,
    shoppers: pd.DataFrame,
    active: pd.DataFrame,
    settings: TrialSettings,
) -> Enrolment:
    """Who enters at which of `campaigns`, by the design in the settings.

    `households`: household_key, first_seen (day). `listed`: as from `listings`. `shoppers`: household_key and
    campaign of those that shopped in the campaign's look-back, and what they spent there (purchase_amount, $).
    `active`: the first two of those that shopped while the campaign ran, which only 'never_targeted' looks at.

    With `max_look_back_spend` whoever spent more in a look-back does not enter at that campaign, in any design.

    'sequential_trials' (Hernan & Robins 2016; Danaei et al. 2013): a trial at every campaign at which the household
    shopped in the look-back and was not sent a campaign of the type before, or in the washout_days before. Treated
    when this campaign lists it. Of campaigns that start on one day that list a household, the one with the lowest id
    treats it, and at the others it does not enter.

    'first_eligible': the first of those trials only.

    'never_targeted': the reference study's, for comparison only. Treated: households at the first campaign of the
    type that listed them. Controls: households that no campaign of the type ever listed, at the first campaign during
    which they bought. That chooses controls by what they did in the outcome window, so that none can have
    bought nothing; and whether a household is never listed is only known when the data end. Treated and
    controls come from different campaigns, with look-backs of different lengths, so that every total over a
    look-back tells the arms apart. The reference study counted weeks by ceil(day / 7), which put up to six days before
    the campaign into its outcome; here days are counted.
    """
    pairs = households.merge(campaigns[["campaign", "index_day", "outcome_end"]], how="cross")
    pairs = pairs.loc[pairs["first_seen"] <= pairs["outcome_end"]]
    pairs = pairs.sort_values(IN_TIME_ORDER, ignore_index=True)
    pairs["shopped"] = _among(pairs, shoppers)
    most = settings.max_look_back_spend
    if most is not None:
        pairs["within_spend"] = ~_among(pairs, shoppers.loc[shoppers["purchase_amount"] > most])
    if settings.design == NEVER_TARGETED:
        pairs, conditions = _never_targeted(pairs, listed, active)
        conditions += _within_spend(settings)
    else:
        pairs, conditions = _sequential(pairs, listed, settings)
    met = np.column_stack([pairs[condition.met].to_numpy(dtype=bool) for condition in conditions])
    pairs["n_met"] = np.cumprod(met, axis=1).sum(axis=1)
    return Enrolment(conditions, pairs[[*TRIAL_KEY, "index_day", "treated", "n_met"]])


def n_without_history(
    campaigns: pd.DataFrame, listed: pd.DataFrame, shoppers: pd.DataFrame, settings: TrialSettings
) -> int:
    """Households that one of `campaigns` lists and that could be treated by it, had they shopped in its look-back."""
    washout = None if settings.design == NEVER_TARGETED else settings.washout_days
    first_of_day = listed.loc[~listed.duplicated(["household_key", "start_day"])]
    asked = first_of_day.loc[first_of_day["campaign"].isin(campaigns["campaign"])].rename(
        columns={"start_day": "index_day"}
    )
    eligible = asked.loc[~sent_before(asked, listed, washout)]
    return int((~_among(eligible, shoppers)).sum())


def _sequential(
    pairs: pd.DataFrame, listed: pd.DataFrame, settings: TrialSettings
) -> tuple[pd.DataFrame, tuple[Condition, ...]]:
    of_day = listed.drop_duplicates(["household_key", "start_day"])
    of_day = of_day.rename(columns={"campaign": "sent_on_day", "start_day": "index_day"})
    pairs = pairs.merge(of_day, on=["household_key", "index_day"], how="left")
    here = pairs["sent_on_day"] == pairs["campaign"]
    elsewhere = pairs["sent_on_day"].notna() & ~here
    pairs["treated"] = here.astype("int64")
    pairs["known"] = pairs["first_seen"] < pairs["index_day"]
    pairs["not_sent"] = ~sent_before(pairs, listed, settings.washout_days) & ~elsewhere
    before = "before" if settings.washout_days is None else f"in the {days_in_words(settings.washout_days)} before"
    # Hardly any type has two campaigns that start on one day.
    same_day = ", or another that started on the same day" if elsewhere.any() else ""
    conditions = [
        Condition("known before the index day", "first bought on the index day or later", "known"),
        Condition("shopped in the look-back", "did not shop in the look-back", "shopped"),
        Condition(
            f"not sent a campaign of the type {before}", f"sent a campaign of the type {before}{same_day}", "not_sent"
        ),
    ]
    conditions += _within_spend(settings)
    if settings.design == FIRST_ELIGIBLE:
        eligible = pairs[[condition.met for condition in conditions]].all(axis=1)
        pairs["first"] = eligible & ~pairs["household_key"].where(eligible).duplicated()
        conditions.append(
            Condition("at the first campaign they were eligible at", "entered at an earlier campaign", "first")
        )
    return pairs, tuple(conditions)


def _within_spend(settings: TrialSettings) -> tuple[Condition, ...]:
    """The condition on look-back spend, where there is one."""
    if settings.max_look_back_spend is None:
        return ()
    most = f"${settings.max_look_back_spend:,.10g}"
    post_hoc = "on the sample such a rule is post hoc"
    return (
        Condition(
            f"spent at most {most} in the look-back",
            f"spent more than {most} in the look-back; {post_hoc}",
            "within_spend",
        ),
    )


def _never_targeted(
    pairs: pd.DataFrame, listed: pd.DataFrame, active: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Condition, ...]]:
    first = listed.drop_duplicates("household_key").set_index("household_key")["campaign"]
    first_sent = pairs["household_key"].map(first)
    here, never = first_sent == pairs["campaign"], first_sent.isna()
    bought = never & _among(pairs, active)
    pairs["treated"] = here.astype("int64")
    pairs["first_sent_or_never"] = here | never
    pairs["sent_or_bought"] = here | bought
    pairs["first_time"] = here | (bought & ~pairs["household_key"].where(bought).duplicated())
    return pairs, (
        Condition(
            "first sent this campaign, or never sent one of the type",
            "first sent another campaign",
            "first_sent_or_never",
        ),
        Condition(
            "sent this campaign, or bought while it ran", "never sent one, and bought nothing then", "sent_or_bought"
        ),
        Condition(
            "sent this campaign, or bought while no earlier one ran",
            "never sent one, and bought while an earlier campaign ran",
            "first_time",
        ),
        Condition("shopped before the index day", "had not shopped before: nothing is known of them", "shopped"),
    )


def _among(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    """Whether the household and campaign of each row are a row of `others`."""
    inside = pd.MultiIndex.from_frame(rows[TRIAL_KEY]).isin(pd.MultiIndex.from_frame(others[TRIAL_KEY]))
    return pd.Series(inside, index=rows.index)
