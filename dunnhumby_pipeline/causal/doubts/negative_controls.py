"""Negative controls: effects that must be zero when the design holds (Lipsitch, Tchetgen Tchetgen & Cohen 2010)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.campaigns import windows_of
from dunnhumby_pipeline.causal.design.cohort import covariate_columns, window_covariates
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.doubts.period_spend import Tables, campaign_days, estimable, period_spend
from dunnhumby_pipeline.causal.effects.average import obstacle
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.causal.nuisance.models import fit_propensity
from dunnhumby_pipeline.causal.nuisance.recalibration import recalibrated
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PLACEBO_CAMPAIGN, PLACEBO_OUTCOME, TRIAL_KEY
from dunnhumby_pipeline.features.windows import observed_days
from dunnhumby_pipeline.settings import NuisanceSettings, SensitivitySettings, Settings, TrialSettings

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Mask = NDArray[np.bool_]

TYPES = {
    "control": "str",
    "campaign": "str",
    "n_trials": "int64",
    "n_treated": "int64",
    "n_days": "float64",
    "outcome_days": "float64",
    "per_day": "float64",
    "per_day_se": "float64",
    "estimate": "float64",
    "se": "float64",
    "ci_lower": "float64",
    "ci_upper": "float64",
}
LEFT_OUT_TYPES = {"control": "str", "campaign": "str", "n_trials": "int64", "reason": "str"}
_BEFORE_THE_LOOK_BACK, _BEFORE_THE_CAMPAIGN = 0, 1


@dataclass(frozen=True)
class NegativeControls:
    """`frame`: one row per control and campaign, columns `TYPES`.

    What was bought on `n_days` days, per day (`per_day`, $ per household and day) and, on the scale of the effect, as
    much per day over the outcome window of `outcome_days` days (`estimate` and its error and interval, $ per
    household). `left_out`: control, campaign, n_trials, reason. What no estimate rests on: a campaign, or some trials
    of one. `residuals`: by control that has an estimate, what that over all campaigns is made of, on that scale.
    """

    frame: pd.DataFrame
    left_out: pd.DataFrame
    residuals: dict[str, Residuals] = field(default_factory=dict)


@dataclass(frozen=True)
class _Found:
    """Rows of one control, and rows of what it leaves out."""

    rows: list[tuple]
    left_out: list[tuple]
    residuals: Residuals | None = None


def negative_controls(
    tables: Tables,
    trials: pd.DataFrame,
    x: Array,
    data: Residuals,
    campaign_type: str,
    settings: Settings,
    seed: int,
) -> NegativeControls:
    """Overlap-weighted effects of the campaign on what came before it, over all campaigns and by campaign.

    *Placebo outcome*: spend in the days before the look-back, which the covariates do not hold and the campaign
    cannot have touched; propensity of the study itself, covariates `x` (n, p). An effect there says that arms
    alike over the look-back were not alike before it.

    *Placebo campaign*: the campaign moved back by `placebo_shift_days`, all else made again: look-back, covariates
    (without the look-back segment), propensity; outcome is spend from the fake index day to the real one.
    Targeting may rest on these very days, which the real covariates see and the fake ones do not. So this
    control is pessimistic: it shows what the design would miss if targeting looked at newer data than the
    covariates. It needs a trial's household to have shopped in the fake look-back.

    The days of a placebo are fewer or more than those of the outcome, so spend is taken per day and times the days of
    the trial's own outcome window: what stands beside the effect is on its scale.

    Means are linear; intervals are normal, clustered by household. Campaigns without enough data before them are
    listed in `left_out`; a control without any has no row. Raises ValueError as `campaign_days` does.
    """
    campaigns = campaign_days(trials)
    first_day, _ = observed_days(tables["transactions"], settings.engine)
    before = placebo_outcome_days(campaigns, first_day, settings.sensitivity)
    fake = placebo_campaign_days(campaigns, first_day, settings.trial, settings.sensitivity)
    periods = [
        days.assign(period=period, first_day=days["outcome_start"], index_day=days["outcome_stop"])
        for period, days in ((_BEFORE_THE_LOOK_BACK, before), (_BEFORE_THE_CAMPAIGN, fake))
    ]
    columns = ["campaign", "period", "first_day", "index_day"]
    enough = pd.concat([frame.loc[frame["reason"] == "", columns] for frame in periods])
    spend = period_spend(tables, trials, enough, 2, settings.engine)
    found = [
        _placebo_outcome(trials, x, data, spend[:, _BEFORE_THE_LOOK_BACK], before, settings),
        _placebo_campaign(tables, trials, data, campaign_type, spend[:, _BEFORE_THE_CAMPAIGN], fake, settings, seed),
    ]
    rows = [row for control in found for row in control.rows]
    left_out = [row for control in found for row in control.left_out]
    named = zip((PLACEBO_OUTCOME, PLACEBO_CAMPAIGN), found, strict=True)
    return NegativeControls(
        pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES),
        pd.DataFrame(left_out, columns=list(LEFT_OUT_TYPES)).astype(LEFT_OUT_TYPES),
        {name: control.residuals for name, control in named if control.residuals is not None},
    )


def placebo_outcome_days(campaigns: pd.DataFrame, first_day: int, settings: SensitivitySettings) -> pd.DataFrame:
    """Days [outcome_start, outcome_stop) of each campaign's placebo outcome: the last before its look-back.

    `campaigns`: campaign, index_day, lookback_start. `reason`: why a campaign has too few of them, else empty.
    """
    stop = campaigns["lookback_start"]
    start = (stop - settings.placebo_days).clip(lower=first_day)
    short = stop - start < settings.min_placebo_days
    why = f"fewer than {settings.min_placebo_days} days of data lie before its look-back"
    return pd.DataFrame(
        {
            "campaign": campaigns["campaign"],
            "outcome_start": start,
            "outcome_stop": stop,
            "reason": np.where(short, why, ""),
        }
    )


def placebo_campaign_days(
    campaigns: pd.DataFrame, first_day: int, trial: TrialSettings, settings: SensitivitySettings
) -> pd.DataFrame:
    """Fake look-back [lookback_start, outcome_start) and outcome days [outcome_start, outcome_stop) of each campaign.

    The look-back is as long as the campaign's own where the data reach. `reason` as in `placebo_outcome_days`.
    """
    index_day = campaigns["index_day"] - settings.placebo_shift_days
    look_back = (index_day - (campaigns["index_day"] - campaigns["lookback_start"])).clip(lower=first_day)
    why = f"fewer than {trial.min_history_days} days of data lie before its fake index day"
    return pd.DataFrame(
        {
            "campaign": campaigns["campaign"],
            "lookback_start": look_back,
            "outcome_start": index_day,
            "outcome_stop": campaigns["index_day"],
            "reason": np.where(index_day - first_day < trial.min_history_days, why, ""),
        }
    )


def _placebo_outcome(
    trials: pd.DataFrame, x: Array, data: Residuals, spend: Array, days: pd.DataFrame, settings: Settings
) -> _Found:
    left_out = _short(PLACEBO_OUTCOME, trials, days)
    rows = np.flatnonzero(np.isfinite(spend))
    treated, folds = data.treated[rows], data.folds[rows]
    if not estimable(treated, folds):
        return _Found([], left_out + _too_few(PLACEBO_OUTCOME, len(rows)))
    none = np.zeros(len(rows))
    own = Residuals(none, treated, data.propensity[rows], none, none, data.households[rows], folds)
    return _estimated(PLACEBO_OUTCOME, trials.iloc[rows], x[rows], own, spend[rows], days, left_out, settings)


def _placebo_campaign(
    tables: Tables,
    trials: pd.DataFrame,
    data: Residuals,
    campaign_type: str,
    spend: Array,
    days: pd.DataFrame,
    settings: Settings,
    seed: int,
) -> _Found:
    left_out = _short(PLACEBO_CAMPAIGN, trials, days)
    enough = days.loc[days["reason"] == ""]
    if enough.empty:
        return _Found([], left_out)
    windows = windows_of(enough, "lookback_start", "outcome_start")
    covariates = window_covariates(tables, windows, settings.engine).rename(columns={"window": "campaign"})
    covers = enough[["campaign", "lookback_start"]].assign(index_day=enough["outcome_start"])
    own_trials = trials[TRIAL_KEY].assign(row=np.arange(len(trials))).merge(covariates, on=TRIAL_KEY)
    own_trials = own_trials.merge(covers, on="campaign", how="left", validate="many_to_one")
    rows = own_trials["row"].to_numpy()
    away = trials["campaign"].drop(trials.index[rows]).value_counts(sort=False)
    left_out += [
        (PLACEBO_CAMPAIGN, str(campaign), away[campaign], "these households did not shop in the fake look-back")
        for campaign in enough["campaign"]
        if campaign in away
    ]
    treated, folds = data.treated[rows], data.folds[rows]
    if not estimable(treated, folds):
        return _Found([], left_out + _too_few(PLACEBO_CAMPAIGN, len(rows)))
    names = covariate_columns(campaign_type, settings.trial.washout_days)
    x = fit_design_matrix(own_trials, names).apply(own_trials)
    households, none = data.households[rows], np.zeros(len(rows))
    campaigns = trials["campaign"].to_numpy()[rows]
    propensity = _propensity(x, treated, campaigns, households, folds, settings.nuisance, seed)
    own = Residuals(none, treated, propensity, none, none, households, folds)
    return _estimated(PLACEBO_CAMPAIGN, trials.iloc[rows], x, own, spend[rows], days, left_out, settings)


def _propensity(
    x: Array,
    treated: Array,
    campaigns: Groups,
    households: Groups,
    folds: Groups,
    settings: NuisanceSettings,
    seed: int,
) -> Array:
    """Out-of-fold propensity (n,) as the study's, recalibrated and bounded, but of one division into folds."""
    present = np.unique(households)
    share = min(1.0, settings.max_trials / len(treated))
    drawn = np.random.default_rng(seed).permutation(present)[: int(len(present) * share)]
    fitted_to = np.isin(households, drawn)
    propensity = np.empty(len(treated))
    for fold in np.unique(folds):
        held_out = folds == fold
        train = fitted_to & ~held_out
        propensity[held_out] = fit_propensity(x[train], treated[train], households[train], seed).probability(
            x[held_out]
        )
    propensity = recalibrated(propensity, treated, campaigns, folds, settings.recalibration_min_arm)
    return np.clip(propensity, settings.propensity_bound, 1 - settings.propensity_bound)


def _estimated(
    control: str,
    trials: pd.DataFrame,
    x: Array,
    data: Residuals,
    spend: Array,
    days: pd.DataFrame,
    left_out: list[tuple],
    settings: Settings,
) -> _Found:
    """A row for all campaigns (days: means over trials) and one per campaign, but for those that prove nothing.

    `spend` (n,): of the trials on the placebo's `days`; the outcome of `data` is made of it, per day and scaled.
    """
    campaigns = trials["campaign"]
    length = campaigns.map((days["outcome_stop"] - days["outcome_start"]).set_axis(days["campaign"])).to_numpy(float)
    window = (trials["outcome_end"] - trials["index_day"] + 1).to_numpy(float)
    values = np.column_stack([spend / length, spend / length * window])
    means = linear_means(x, values, data.folds)
    per_day, scaled = (with_outcome(data, y, mean) for y, mean in zip(values.T, means.T, strict=True))
    quantile, rows = normal_quantile(settings.confidence), []
    for campaign, inside in _campaigns(campaigns, days):
        n, n_treated = int(inside.sum()), int(data.treated[inside].sum())
        reason = obstacle(data, inside, least=FEWEST_HOUSEHOLDS)
        if reason is None and np.ptp(spend[inside]) == 0:
            reason = "nobody bought anything on those days, so there is nothing to differ in"
        if reason is not None:
            left_out = [*left_out, (control, campaign, n, reason)]
            continue
        estimate, se = overlap_weighted(scaled, inside)
        ends = (estimate - quantile * se, estimate + quantile * se)
        lengths = (float(length[inside].mean()), float(window[inside].mean()))
        rows.append(
            (control, campaign, n, n_treated, *lengths, *overlap_weighted(per_day, inside), estimate, se, *ends)
        )
    return _Found(rows, left_out, scaled if rows else None)


def _campaigns(campaigns: pd.Series, days: pd.DataFrame) -> Iterator[tuple[str, Mask]]:
    yield ALL_CAMPAIGNS, np.ones(len(campaigns), dtype=bool)
    for campaign in days.loc[days["reason"] == "", "campaign"]:
        yield str(campaign), (campaigns == campaign).to_numpy()


def _too_few(control: str, n_trials: int) -> list[tuple]:
    """What is left out when campaigns have the days and not the trials."""
    return [(control, ALL_CAMPAIGNS, n_trials, "an arm is not in two folds")] if n_trials else []


def _short(control: str, trials: pd.DataFrame, days: pd.DataFrame) -> list[tuple]:
    """The campaigns that have too few days, with their trials."""
    n_trials = trials["campaign"].value_counts()
    short = days.loc[days["reason"] != ""]
    return [(control, str(row.campaign), n_trials[row.campaign], row.reason) for row in short.itertuples(index=False)]
