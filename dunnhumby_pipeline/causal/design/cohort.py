"""The trials of one campaign type: who entered at each campaign, what was known of them, what they then bought.

Both arms of a campaign share the index day, the look-back before it and the outcome window after it. Who enters
follows the design in the settings (see `enrolment.enrol`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from dunnhumby_pipeline.causal.design.campaigns import (
    CohortError,
    in_words,
    leave_out,
    plan_campaigns,
    reasons_in_words,
    studied,
    windows_of,
)
from dunnhumby_pipeline.causal.design.enrolment import Enrolment, enrol, listings, n_without_history, sent_before
from dunnhumby_pipeline.causal.design.flow import trial_flow
from dunnhumby_pipeline.causal.design.outcomes import weights_table, winsorised, with_outcomes
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.feature import active_column, received_column, redeemed_column
from dunnhumby_pipeline.contracts.features import COVARIATES, HISTORY_COVARIATES
from dunnhumby_pipeline.contracts.names import NEVER_TARGETED, TRIAL_KEY
from dunnhumby_pipeline.contracts.outcomes import MEASURED
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.engine.tables import TablePath, read_table
from dunnhumby_pipeline.features.profile import household_features
from dunnhumby_pipeline.features.purchases import first_purchases, purchases
from dunnhumby_pipeline.features.windows import observed_days, one_window
from dunnhumby_pipeline.settings import EconomicsSettings, EngineSettings, TrialSettings

DEMOGRAPHICS = tuple(name for name in schema.DEMOGRAPHICS.column_names if name != "household_key")
UNKNOWN = "unknown"
LOOK_BACK_SEGMENT = "lookback_segment"
# What divides trials to be told of, and is no covariate.
LOOK_BACK_NEED = "lookback_need"

Tables = Mapping[str, TablePath]


@dataclass(frozen=True)
class Cohort:
    """`trials`: one row per trial, without the look-back segment. `look_backs`: all look-back features of every
    household that shopped in the look-back of a used campaign, trial or not (column `campaign` says which).
    `campaigns`: one row per campaign of the type, used or not (`campaigns.CAMPAIGN_COLUMNS`). `flow`: see
    `flow.trial_flow`. `caps`: where amounts were capped (`outcomes.winsorised`). `n_treated_without_history`:
    households listed by a used campaign that are not trials there because they had not shopped in the look-back.
    """

    trials: pd.DataFrame
    look_backs: pd.DataFrame
    campaigns: pd.DataFrame
    flow: pd.DataFrame
    caps: pd.DataFrame
    n_treated_without_history: int
    segments_known: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*TRIAL_KEY, LOOK_BACK_SEGMENT]))

    def campaigns_text(self) -> str:
        """The campaigns used and those left out, one per line, in words."""
        return in_words(self.campaigns)

    def placed(self, segments: pd.Series, needs: pd.Series | None = None) -> pd.DataFrame:
        """The trials with their look-back segment, and need where given; both are of the rows of `look_backs`."""
        placed = self.look_backs[TRIAL_KEY].assign(**{LOOK_BACK_SEGMENT: segments})
        if needs is not None:
            placed[LOOK_BACK_NEED] = needs
        known = pd.concat([each for each in (self.segments_known, placed) if len(each)])
        return self.trials.merge(known, on=TRIAL_KEY, how="left", validate="one_to_one")


def build_cohort(
    tables: Tables,
    campaign_type: str,
    settings: TrialSettings,
    engine: EngineSettings,
    known: Sequence[pd.DataFrame] = (),
    margin: float = EconomicsSettings().margin,
    windows_overlap: bool = False,
) -> Cohort:
    """All trials of `campaign_type` from the canonical tables, by the design in the settings.

    `trials`: household_key, campaign, treated (0/1), index_day, lookback_start, outcome_end (days), outcomes
    as `outcomes.MEASURED`, covariates as `covariate_columns`. Campaigns without a household in both arms are left
    out and listed with the others; 'never_targeted' keeps them, as the reference study pooled all campaigns.
    `known`: trials of other designs on the same tables, placed in segments; a look-back all of whose trials are among
    them is not worked out again. `margin`: profit per $ of sales, by which gross profit is measured.
    `windows_overlap`: outcome windows run over the type's next campaign.

    Raises CohortError when the type has no campaign, when none can be studied, when no campaign has both arms, or when
    trial.margin_weights names a department that does not exist.
    """
    weights = weights_table(settings.margin_weights, tables["products"])
    campaigns, targets = read_table(tables["campaigns"]), read_table(tables["campaign_targets"])
    first_day, last_day = observed_days(tables["transactions"], engine)
    listed = listings(targets, campaigns, campaign_type)
    planned = plan_campaigns(campaigns, campaign_type, first_day, last_day, settings, windows_overlap)
    unlisted = set(planned["campaign"]) - set(listed["campaign"])
    planned = leave_out(planned, dict.fromkeys(unlisted, "it lists no household"))
    if not planned["used"].any():
        raise CohortError(
            f"no campaign of {campaign_type} can be studied ({reasons_in_words(planned)}). The data hold days "
            f"{first_day} to {last_day}; choose another campaign type, a shorter trial.min_history_days or "
            "trial.follow_up_days, or trial.keep_cut_campaigns."
        )
    shoppers = shoppers_of(tables, windows_of(studied(planned), "lookback_start", "index_day"), engine)
    of_type, enrolment = _enrolled(tables, planned, listed, shoppers, settings, engine)
    if enrolment.trials["treated"].nunique() < 2:
        lacking = leave_out(of_type, enrolment.one_armed(studied(of_type)))
        raise CohortError(
            f"no campaign of {campaign_type} has trials in both arms ({reasons_in_words(lacking)}). Choose another "
            "campaign type or trial.design, or a longer trial.look_back_days."
        )
    used = studied(of_type)
    trials = enrolment.trials.merge(used[["campaign", "index_day", "lookback_start", "outcome_end"]], on="campaign")
    trials, caps = winsorised(with_outcomes(trials, tables, used, weights, engine, margin), settings.winsorise)
    names = covariate_columns(campaign_type, settings.washout_days)
    found = _found(trials, known)
    fresh = used.loc[~used["campaign"].isin(found["campaign"])]
    look_backs = trials.iloc[:0]
    if len(fresh):
        look_backs = window_covariates(tables, windows_of(fresh, "lookback_start", "index_day"), engine)
        look_backs = look_backs.rename(columns={"window": "campaign"})
    covariates = pd.concat([each[[*TRIAL_KEY, *names]] for each in (found, look_backs) if len(each)])
    trials = trials.merge(covariates, on=TRIAL_KEY, how="left", validate="one_to_one")
    columns = ["treated", "index_day", "lookback_start", "outcome_end", *MEASURED]
    return Cohort(
        trials=trials[[*TRIAL_KEY, *columns, *names]],
        look_backs=look_backs,
        campaigns=of_type,
        flow=trial_flow(enrolment, of_type, listed),
        caps=caps,
        n_treated_without_history=n_without_history(used, listed, shoppers, settings),
        segments_known=found.reindex(columns=[*TRIAL_KEY, LOOK_BACK_SEGMENT]),
    )


def covariates_today(
    tables: Tables, campaign_type: str, trials: pd.DataFrame, settings: TrialSettings, engine: EngineSettings
) -> pd.DataFrame:
    """Covariates of every household that shopped in the look-back that ends with the data.

    With `max_look_back_spend` without those that spent more in it: what is no household in a trial is none here.
    The next campaign has not been seen, so these households carry the latest campaign (`campaign`) of
    `trials`. `received_before`: whether the household has been sent a campaign of this type; with a washout,
    in the washout_days up to the last day. `lookback_start`, `index_day`: their own look-back and the day after it.
    """
    first_day, last_day = observed_days(tables["transactions"], engine)
    latest = int(trials.loc[trials["index_day"].idxmax(), "campaign"])
    start = max(first_day, last_day + 1 - settings.look_back_days)
    window = one_window(start, last_day).assign(window=latest)
    frame = window_covariates(tables, window, engine).rename(columns={"window": "campaign"})
    frame = frame.assign(lookback_start=start, index_day=last_day + 1)
    if settings.max_look_back_spend is not None:
        frame = frame.loc[frame["monetary_sales"] <= settings.max_look_back_spend].reset_index(drop=True)
    listed = listings(read_table(tables["campaign_targets"]), read_table(tables["campaigns"]), campaign_type)
    next_day = frame[["household_key"]].assign(index_day=last_day + 1)
    return frame.assign(received_before=sent_before(next_day, listed, settings.washout_days))


def covariate_columns(campaign_type: str, washout_days: int | None = None) -> list[str]:
    """Covariates of a trial, all known before the index day, without campaign and look-back segment.

    Campaigns of the trial's own type are covariates when there is a washout; without one, by eligibility, none
    was received before.
    """
    own = [column(campaign_type) for column in (received_column, active_column, redeemed_column)]
    history = [name for name in HISTORY_COVARIATES if name not in own]
    return [*COVARIATES, *history, *(own if washout_days is not None else ()), *DEMOGRAPHICS]


def window_covariates(tables: Tables, windows: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    """One row per window and household that shopped in it: `household_features` with demographics.

    `windows`: window, first_day, index_day. No query sees a line on or after its window's index day.
    """
    frame = household_features(tables, windows, engine)
    frame = frame.merge(read_table(tables["demographics"]), on="household_key", how="left")
    return frame.fillna(dict.fromkeys(DEMOGRAPHICS, UNKNOWN))


def shoppers_of(tables: Tables, windows: pd.DataFrame, engine: EngineSettings) -> pd.DataFrame:
    """household_key and campaign of those that shopped in its window, and what they spent (purchase_amount, $)."""
    found = run(purchases(), {"transactions": tables["transactions"], "windows": windows}, engine)
    return found.rename(columns={"window": "campaign"})[[*TRIAL_KEY, "purchase_amount"]]


def _found(trials: pd.DataFrame, known: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of `known` that are `trials` with the same look-back, of campaigns all of whose trials are found."""
    if not known:
        return trials.iloc[:0]
    look_back = [*TRIAL_KEY, "index_day", "lookback_start"]
    others = pd.concat(known).drop_duplicates(look_back)
    found = trials[look_back].merge(others, on=look_back)
    n_trials, n_found = trials["campaign"].value_counts(), found["campaign"].value_counts()
    return found.loc[found["campaign"].map(n_trials) == found["campaign"].map(n_found)]


def _enrolled(
    tables: Tables,
    campaigns: pd.DataFrame,
    listed: pd.DataFrame,
    shoppers: pd.DataFrame,
    settings: TrialSettings,
    engine: EngineSettings,
) -> tuple[pd.DataFrame, Enrolment]:
    """(campaigns, with those left out that lack an arm; who enters at the others)."""
    households = first_purchases(tables["transactions"], engine)
    active = shoppers.iloc[:0]
    if settings.design == NEVER_TARGETED:
        windows = windows_of(studied(campaigns), "start_day", "end_day", shift=1)
        active = shoppers_of(tables, windows, engine)
    while True:
        enrolment = enrol(households, studied(campaigns), listed, shoppers, active, settings)
        one_armed = enrolment.one_armed(studied(campaigns))
        if not one_armed or settings.design == NEVER_TARGETED:
            return campaigns, enrolment
        # Where a household enters once, one whose campaign is left out may enter at a later campaign.
        earliest = next(iter(one_armed))
        campaigns = leave_out(campaigns, {earliest: one_armed[earliest]})
