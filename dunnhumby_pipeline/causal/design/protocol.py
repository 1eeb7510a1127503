"""The target trial that the study emulates, component by component, in sentences made from the settings."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dunnhumby_pipeline.causal.design.campaigns import days_in_words, studied
from dunnhumby_pipeline.contracts.names import (
    FIRST_ELIGIBLE,
    MARGIN_WEIGHTED,
    NEVER_TARGETED,
)
from dunnhumby_pipeline.contracts.outcomes import OUTCOMES
from dunnhumby_pipeline.settings import Settings, TrialSettings


def trial_protocol(campaign_type: str, settings: Settings, campaigns: pd.DataFrame) -> pd.DataFrame:
    """Seven rows, component and specification: those of a target trial (Hernan & Robins 2016).

    Components: eligibility, assignment, index day, follow-up, outcome, estimand, analysis. `campaigns`: as
    `Cohort.campaigns`, whose days are given; ValueError when none of them is used.
    """
    used = studied(campaigns)
    if used.empty:
        raise ValueError("no campaign is used; a protocol describes those that are")
    rows = {
        "eligibility": _eligibility(campaign_type, settings.trial, used),
        "assignment": _assignment(campaign_type, settings.trial),
        "index day": _index_day(used),
        "follow-up": _follow_up(campaign_type, settings.trial, used),
        "outcome": _outcome(settings.trial),
        "estimand": (
            "The mean effect of being sent the campaign, used or not, per household over the follow-up. Primary: over "
            "the households that might as well have been in the other arm, each weighed by e (1 - e) with e its "
            "propensity (ATO). Beside it: over all trials (ATE), and over the treated (ATT)."
        ),
        "analysis": _analysis(settings),
    }
    return pd.DataFrame({"component": list(rows), "specification": list(rows.values())})


def _eligibility(campaign_type: str, trial: TrialSettings, used: pd.DataFrame) -> str:
    look_backs = _range(used["lookback_days"])
    if trial.design == NEVER_TARGETED:
        return (
            f"Households that bought before the campaign, at any time in the data ({look_backs} by campaign). Treated: "
            f"at the first {campaign_type} campaign that lists them. Controls: households that no {campaign_type} "
            "campaign in the data ever lists, at the first campaign during which they bought. The second rule looks "
            f"ahead: it is the reference study's, kept for comparison only.{_kept_out(trial)}"
        )
    washout = "at any time before"
    if trial.washout_days is not None:
        washout = f"in the {days_in_words(trial.washout_days)} before"
    entry = "A household enters at every campaign at which it is eligible."
    if trial.design == FIRST_ELIGIBLE:
        entry = "A household enters once, at the first campaign at which it is eligible."
    cut = "" if trial.keep_cut_campaigns else ", and that ended early enough for the whole follow-up to lie in the data"
    return (
        f"Households that shopped in the {days_in_words(trial.look_back_days)} before the campaign, or since the data "
        f"begin where that is later ({look_backs} by campaign), and that were sent no {campaign_type} campaign "
        f"{washout}. {entry} Campaigns are those with {days_in_words(trial.min_history_days)} of data or more before "
        f"them{cut}.{_kept_out(trial)}"
    )


def _kept_out(trial: TrialSettings) -> str:
    if trial.max_look_back_spend is None:
        return ""
    return (
        f" Kept out are accounts with more than ${trial.max_look_back_spend:,.10g} of spend in the look-back, as no "
        "households. On the sample such a rule is post hoc: it was thought of after the outcomes had been seen."
    )


def _assignment(campaign_type: str, trial: TrialSettings) -> str:
    arms = f"Treated: the households that the {campaign_type} campaign lists. Control: the others that are eligible."
    if trial.design == NEVER_TARGETED:
        arms = f"Treated: listed by the {campaign_type} campaign. Control: never listed by any."
    same_type = trial.washout_days is not None and trial.design != NEVER_TARGETED
    campaigns = "campaigns of any type" if same_type else "campaigns of other types"
    return (
        f"{arms} The retailer chose whom to list; nothing was randomised. The arms are made comparable by what was "
        f"known on the index day: purchases, promotions seen, coupons used, {campaigns} received, demographics, the "
        "campaign and the look-back segment. What the retailer knew beyond that is not adjusted for."
    )


def _index_day(used: pd.DataFrame) -> str:
    days = _listed([f"day {row.index_day} (campaign {row.campaign})" for row in used.itertuples()])
    return f"The first day of the campaign, for both arms: {days}. Covariates end the day before."


def _follow_up(campaign_type: str, trial: TrialSettings, used: pd.DataFrame) -> str:
    length = _range(used["outcome_end"] - used["index_day"] + 1)
    after = f"{days_in_words(trial.follow_up_days)} after the last day of the campaign"
    if trial.design == NEVER_TARGETED:
        until = f"{after}, or the end of the data; the next campaign does not end it"
    else:
        until = f"{after}, or the day before the next {campaign_type} campaign if that comes first"
        until += ", or the end of the data" if trial.keep_cut_campaigns else ""
    return f"From the index day to {until}: {length} by campaign, the same days for both arms of a campaign."


def _outcome(trial: TrialSettings) -> str:
    # Without weights, spend by margin is spend.
    known = [each for each in OUTCOMES.values() if each.name != MARGIN_WEIGHTED or trial.margin_weights]
    beside = [each.measured for each in known if each.name != trial.outcome]
    weights = _listed([f"{name} {weight:g}" for name, weight in trial.margin_weights.items()])
    text = f"{OUTCOMES[trial.outcome].measured.capitalize()}, over the follow-up; 0 for a household that did not come."
    if trial.winsorise is not None:
        what = "It" if OUTCOMES[trial.outcome].in_dollars else "Spend"
        text += f" {what} is capped at its {trial.winsorise * 100:g}% quantile over all trials."
    text += f" Beside it: {'; '.join(beside)}."
    return text + (f" Weights of departments: {weights}; 1 for the others." if weights else "")


def _analysis(settings: Settings) -> str:
    nuisance = settings.nuisance
    upto = f"{nuisance.n_repeats} times over" if nuisance.n_repeats == 2 else f"2 to {nuisance.n_repeats} times over"
    if nuisance.repeat_agreement == 0:
        upto = f"{nuisance.n_repeats} times over"
    repeats = "once" if nuisance.n_repeats == 1 else f"{upto}, and the medians taken"
    return (
        f"Propensity and mean outcomes are fitted on {nuisance.n_folds} folds that keep a household together and "
        f"predicted out of fold, {repeats}. The primary estimate is the overlap-weighted, doubly robust one. "
        f"{settings.confidence * 100:g}% intervals allow for several trials of one household."
    )


def _range(days: pd.Series) -> str:
    shortest, longest = int(days.min()), int(days.max())
    return days_in_words(longest) if shortest == longest else f"{shortest} to {days_in_words(longest)}"


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
