"""What is known of a repeat: nuisances of its trials, their support, and which households of today they speak of.

One division into folds, on these trials alone. Their effect is held to what the study's own is held to: households
in both arms where the propensity overlaps, effective trials under overlap weights, and arms that the weights make
alike. Where one of these is lacking nothing is said of a repeat, and why not is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.clusters import clusters_of
from dunnhumby_pipeline.causal.design.matrix import DesignMatrix, trial_matrix
from dunnhumby_pipeline.causal.design.repeats import DAYS_SINCE
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.folds import FoldsError
from dunnhumby_pipeline.causal.nuisance.recalibration import as_in_campaign
from dunnhumby_pipeline.causal.nuisance.stored_propensity import final_propensity
from dunnhumby_pipeline.causal.overlap.balance import covariate_balance
from dunnhumby_pipeline.causal.overlap.overlap import propensity_table
from dunnhumby_pipeline.causal.overlap.positivity import overlap_region, overlap_sizes
from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, GROSS_PROFIT, SPEND
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
OUTCOMES = (GROSS_PROFIT, SPEND)
SUPPORT = [
    "campaign",
    "n_trials",
    "n_households",
    "n_treated",
    "n_control",
    "treated_in_overlap",
    "control_in_overlap",
    "share_in_overlap",
    "ess_treated",
    "ess_control",
    "max_smd",
    "max_smd_weighted",
    "fewest_days_since",
    "median_days_since",
    "lacking",
]
HOUSEHOLDS = ["household_key", "over", DAYS_SINCE, "propensity", "in_overlap"]


@dataclass(frozen=True)
class RepeatStudy:
    """`nuisances`: of n trials of a repeat, in their order; no rows where they cannot be fitted. `support`: a row per
    campaign and one for all, `SUPPORT`, whose `lacking` says why no effect is told, or is null. `households`: those of
    today who were sent the type before, `HOUSEHOLDS`."""

    nuisances: pd.DataFrame
    support: pd.DataFrame
    households: pd.DataFrame


def study_repeats(trials: pd.DataFrame, today: pd.DataFrame, campaign_type: str, settings: Settings) -> RepeatStudy:
    """The study of the trials of `repeats.repeat_trials`, and what it says of the households of `today`.

    `today`: covariates of households that were sent the type before, with their look-back segment, `over` (whether
    their last campaign is) and days since it began. A household has support when its last campaign is over and its
    propensity of a repeat lies in the overlap region of the trials, whose effect is told.
    """
    today = today.reset_index(drop=True)
    known = today[["household_key", "over", DAYS_SINCE]].astype({"over": "bool", DAYS_SINCE: "int64"})
    unknown = known.assign(propensity=np.nan, in_overlap=False)
    least = _fewest(trials, np.ones(len(trials), dtype=bool))
    if least < FEWEST_HOUSEHOLDS:
        reason = _too_few(least, trials, "")
        return RepeatStudy(
            without_rows(table("repeat_nuisances")), _counts(trials, ALL_CAMPAIGNS).assign(lacking=reason), unknown
        )
    washed = settings.trial.model_copy(update={"washout_days": settings.trial.washout_days or 1})
    once = settings.nuisance.model_copy(update={"n_repeats": 1})
    design, x = trial_matrix(trials, campaign_type, washed)
    try:
        nuisances = cross_fit(trials, x, once, settings.seed_for("repeats"), OUTCOMES).nuisances
    except FoldsError as error:
        return RepeatStudy(
            without_rows(table("repeat_nuisances")), _counts(trials, ALL_CAMPAIGNS).assign(lacking=str(error)), unknown
        )
    support = _support(trials, x, design, nuisances, settings)
    propensity = _today(trials, x, design, nuisances, today, settings)
    told = pd.isna(support["lacking"].iloc[-1])
    region = overlap_region(*_arms(nuisances), settings.overlap)
    inside = region.holds(propensity) & known["over"].to_numpy(dtype=bool) & bool(told)
    return RepeatStudy(nuisances, support, known.assign(propensity=propensity, in_overlap=inside))


def _today(
    trials: pd.DataFrame,
    x: Array,
    design: DesignMatrix,
    nuisances: pd.DataFrame,
    today: pd.DataFrame,
    settings: Settings,
) -> Array:
    """The propensity (m,) of a repeat at the next campaign, on the scale of the last one's trials."""
    data = residuals(trials, nuisances, GROSS_PROFIT)
    fitted = final_propensity(x, data, settings.nuisance, settings.seed_for("repeats"))
    latest = int(trials.loc[trials["index_day"].idxmax(), "campaign"])
    placed = today.assign(campaign=latest)
    raw = pd.Series(fitted.probability(design.apply(placed)))
    return as_in_campaign(raw, placed["campaign"], nuisances, settings.nuisance.recalibration_min_arm)


def _arms(nuisances: pd.DataFrame) -> tuple[Array, Array, NDArray[np.bool_]]:
    treated, propensity = (nuisances[name].to_numpy(dtype=float) for name in ("treated", "propensity"))
    return treated, propensity, nuisances["propensity_bounded"].to_numpy(dtype=bool)


def _support(
    trials: pd.DataFrame, x: Array, design: DesignMatrix, nuisances: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    weighed = propensity_table(nuisances, x, settings.overlap)
    inside = weighed["in_overlap"].to_numpy(dtype=bool)
    rows = []
    everyone = np.ones(len(trials), dtype=bool)
    order = trials.sort_values("index_day")["campaign"].unique()
    parts = [(str(campaign), (trials["campaign"] == campaign).to_numpy()) for campaign in order]
    for name, part in [*parts, (ALL_CAMPAIGNS, everyone)]:
        own = weighed.loc[part]
        sizes = overlap_sizes(own["treated"].to_numpy(dtype=float), own["propensity"].to_numpy(dtype=float))
        smd = covariate_balance(x[part], design.names, own)
        finite = smd["smd"].abs().where(np.isfinite(smd["smd"])).groupby(smd["weighting"]).max()
        rows.append(
            _counts(trials.loc[part], name).assign(
                treated_in_overlap=int((inside & part & (trials["treated"] == 1)).sum()),
                control_in_overlap=int((inside & part & (trials["treated"] == 0)).sum()),
                share_in_overlap=float(inside[part].mean()),
                ess_treated=sizes[0],
                ess_control=sizes[1],
                max_smd=finite["none"],
                max_smd_weighted=finite["overlap"],
            )
        )
    frame = pd.concat(rows, ignore_index=True)
    frame.loc[len(frame) - 1, "lacking"] = _lacking(trials, inside, frame.iloc[-1], settings)
    return frame[SUPPORT].astype({"lacking": "str"})


def _lacking(trials: pd.DataFrame, inside: NDArray[np.bool_], whole: pd.Series, settings: Settings) -> str | None:
    """Why the effect of a repeat is not told; None when it is."""
    least = _fewest(trials, inside)
    if least < FEWEST_HOUSEHOLDS:
        return _too_few(least, trials.loc[inside], " where both occur")
    checks = settings.checks
    if min(whole["ess_treated"], whole["ess_control"]) < checks.min_effective_trials:
        return (
            f"where both arms occur, trials of a repeat are worth {whole['ess_treated']:.0f} treated and "
            f"{whole['ess_control']:.0f} control ones; {checks.min_effective_trials:g} of each are needed"
        )
    if not whole["max_smd_weighted"] <= checks.max_weighted_smd:
        return (
            f"the arms of its trials differ by {whole['max_smd_weighted']:.2f} standard deviations after weighting; "
            f"at most {checks.max_weighted_smd:.2f} are allowed"
        )
    return None


def _too_few(least: int, trials: pd.DataFrame, where: str) -> str:
    n_treated = int((trials["treated"] == 1).sum())
    n_control = len(trials) - n_treated
    return (
        f"trials of a repeat{where}: {n_treated:,} treated and {n_control:,} control, of {least:,} households in the "
        f"smaller arm; {FEWEST_HOUSEHOLDS} are needed"
    )


def _fewest(trials: pd.DataFrame, rows: NDArray[np.bool_]) -> int:
    """Households of the smaller arm."""
    if not rows.any():
        return 0
    own = trials.loc[rows]
    by_arm = pd.Series(clusters_of(own)).groupby(own["treated"].to_numpy()).nunique()
    return int(by_arm.reindex([0, 1], fill_value=0).min())


def _counts(trials: pd.DataFrame, name: str) -> pd.DataFrame:
    n_treated, days = int((trials["treated"] == 1).sum()), trials[DAYS_SINCE].astype(float)
    row: dict[str, object] = dict.fromkeys(SUPPORT, np.nan)
    row |= {"campaign": name, "n_trials": len(trials), "n_households": trials["household_key"].nunique()}
    row |= {"n_treated": n_treated, "n_control": len(trials) - n_treated}
    row |= {"treated_in_overlap": 0, "control_in_overlap": 0, "lacking": None}
    row |= {"fewest_days_since": days.min(), "median_days_since": days.median()}
    return pd.DataFrame([row])
