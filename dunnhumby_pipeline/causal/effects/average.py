"""Average effects by every estimator with household-clustered intervals: which estimator, over which trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.effects.differences import Estimated, estimator_differences
from dunnhumby_pipeline.causal.estimators.adjustment import NotEstimableError, dependent_columns, lin, ols
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, Estimate, normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw, att, dml, overlap_weighted, tmle
from dunnhumby_pipeline.causal.estimators.matching import match_pairs, matched_difference, matched_rows
from dunnhumby_pipeline.causal.estimators.weighting import entropy_overlap, entropy_treated, ipw, naive
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, mu_column, residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means
from dunnhumby_pipeline.causal.overlap.positivity import ASSOCIATION, FEWEST_EFFECTIVE, not_identified
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, NAIVE, PRIMARY_ESTIMATOR
from dunnhumby_pipeline.contracts.outcomes import ALWAYS_ESTIMATED, AMOUNTS
from dunnhumby_pipeline.settings import EffectSettings

__all__ = ["AverageEffects", "aipw", "average_effects", "naive", "overlap_weighted"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
ARMS = ((1, "treated"), (0, "control"))


@dataclass(frozen=True)
class AverageEffects:
    """`effects`: one row per outcome, estimator, estimand, population and campaign. `differences`: of the estimators of
    one estimand over all campaigns, see `estimator_differences`. `not_estimated`: estimator,
    estimand, population, campaign and reason of each estimate that these trials do not allow, whatever the outcome.
    `left_out`: estimator and column of x of each covariate that a regression left out because those before it
    determine it.
    """

    effects: pd.DataFrame
    differences: pd.DataFrame
    not_estimated: pd.DataFrame
    left_out: pd.DataFrame


@dataclass(frozen=True)
class _Plan:
    """An estimator over some trials; `estimate` takes the outcome's residuals and its pooled mean (n,)."""

    estimator: str
    estimand: str
    population: str
    campaign: str
    rows: Mask
    estimate: Callable[[Residuals, Array], Estimate]
    nobody: str = "no trial is in it"

    @property
    def key(self) -> dict[str, str]:
        return {
            "estimator": self.estimator,
            "estimand": self.estimand,
            "population": self.population,
            "campaign": self.campaign,
        }


def average_effects(
    trials: pd.DataFrame,
    x: Array,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    settings: EffectSettings,
    confidence: float,
    primary_outcome: str,
) -> AverageEffects:
    """Effects on every outcome that `nuisances` has means of, over all campaigns; the cheap estimators by campaign too.

    `x` (n, p): covariates of the trials, for regressions and balance. `propensity`: the propensity table, with
    in_overlap, w_ipw, w_balance and w_treated. All three list the same trials in the same order.
    Spend in $, visits in baskets, redemption as a share, each per household over its outcome window. `effects`:
    outcome, estimator, estimand, population, campaign, estimate, se, ci_lower, ci_upper, n_trials, n_households,
    primary (whether the outcome is `primary_outcome`), identified (whether
    its trials have the support that the estimand needs; where not it is an extrapolation) and the reason why not.
    Populations: all trials, those in `overlap`, those `matched` in pairs. An estimate needs two households in
    each arm, as one tells nothing of an arm's error, that
    of a campaign FEWEST_HOUSEHOLDS.
    Raises ValueError when `nuisances` or `propensity` lists other trials, or has no mean of `primary_outcome`.
    """
    outcomes = estimated_outcomes(nuisances)
    if primary_outcome not in outcomes:
        raise ValueError(f"nuisances have no mean of {primary_outcome}, only of {', '.join(outcomes)}")
    datas = {outcome: residuals(trials, nuisances, outcome) for outcome in outcomes}
    if not np.array_equal(propensity["propensity"].to_numpy(), nuisances["propensity"].to_numpy()):
        raise ValueError("propensity and nuisances list different trials; materialise propensity again")
    some = datas[primary_outcome]
    bounded, inside = (
        frame[name].to_numpy(dtype=bool)
        for frame, name in ((nuisances, "propensity_bounded"), (propensity, "in_overlap"))
    )
    values = np.column_stack([datas[outcome].y for outcome in outcomes])
    hopeless = obstacle(some, np.ones(len(trials), dtype=bool))
    pooled = np.full(values.shape, np.nan) if hopeless else linear_means(x, values, some.folds)
    rows, missing, whole_study = [], {}, []
    for plan in _plans(trials, x, some, propensity, settings):
        whole = plan.campaign == ALL_CAMPAIGNS
        reason = obstacle(some, plan.rows, plan.nobody, 2 if whole else FEWEST_HOUSEHOLDS)
        if reason is not None:
            missing[tuple(plan.key.values())] = reason
            continue
        chosen = plan.rows
        support = (some.treated[chosen], some.propensity[chosen], bounded[chosen], inside[chosen])
        least = FEWEST_EFFECTIVE if whole and plan.population == "all" else FEWEST_HOUSEHOLDS
        lacking = not_identified(plan.estimand, *support, least)
        sizes = {"n_trials": int(plan.rows.sum()), "n_households": len(np.unique(some.households[plan.rows]))}
        for outcome, mean in zip(outcomes, pooled.T, strict=True):
            try:
                found = plan.estimate(datas[outcome], mean)
            except NotEstimableError as error:
                missing[tuple(plan.key.values())] = str(error)
                break
            if whole and plan.estimand != ASSOCIATION:
                whole_study.append(Estimated(outcome, plan.estimator, plan.estimand, plan.population, plan.rows, found))
            row = {"outcome": outcome, **plan.key, **interval(*found, confidence), **sizes}
            rows.append(
                {**row, "primary": outcome == primary_outcome, "identified": lacking is None, "reason": lacking}
            )
    effects = pd.DataFrame(rows, columns=_COLUMNS)
    effects = effects.sort_values("outcome", key=lambda names: names.map(outcomes.index), kind="stable")
    not_estimated = [(*key, reason) for key, reason in missing.items()]
    return AverageEffects(
        effects.reset_index(drop=True),
        estimator_differences(whole_study, some.households, confidence, primary_outcome),
        pd.DataFrame(not_estimated, columns=["estimator", "estimand", "population", "campaign", "reason"]),
        _left_out(x, some, propensity),
    )


_COLUMNS = [
    *("outcome", "estimator", "estimand", "population", "campaign"),
    *("estimate", "se", "ci_lower", "ci_upper", "n_trials", "n_households", "primary"),
    *("identified", "reason"),
]


def estimated_outcomes(nuisances: pd.DataFrame) -> list[str]:
    """The outcomes whose means in both arms `nuisances` holds, in the order of `names`."""
    known = dict.fromkeys([*ALWAYS_ESTIMATED, *AMOUNTS])
    return [outcome for outcome in known if {mu_column(0, outcome), mu_column(1, outcome)} <= set(nuisances.columns)]


def obstacle(data: Residuals, rows: Mask, nobody: str = "no trial is in it", least: int = 2) -> str | None:
    """Why no effect can be estimated from these trials; None when each arm has `least` households or more."""
    if not rows.any():
        return nobody
    for arm, name in ARMS:
        n_households = len(np.unique(data.households[rows & (data.treated == arm)]))
        if n_households < least:
            found = {0: "no household", 1: "one household"}.get(n_households, f"{n_households} households")
            return f"the {name} arm has {found}"
    return None


def interval(estimate: float, se: float, confidence: float) -> dict[str, object]:
    """The columns estimate, se, ci_lower and ci_upper of a normal interval."""
    half_width = normal_quantile(confidence) * se
    return {"estimate": estimate, "se": se, "ci_lower": estimate - half_width, "ci_upper": estimate + half_width}


def _campaigns(trials: pd.DataFrame) -> Iterator[tuple[str, Mask]]:
    for campaign in trials.sort_values("index_day")["campaign"].unique():
        yield str(campaign), (trials["campaign"] == campaign).to_numpy()


def _plans(
    trials: pd.DataFrame, x: Array, data: Residuals, propensity: pd.DataFrame, settings: EffectSettings
) -> list[_Plan]:
    everyone = np.ones(len(trials), dtype=bool)
    inside = propensity["in_overlap"].to_numpy(dtype=bool)
    weights = {name: propensity[name].to_numpy(dtype=float) for name in ("w_ipw", "w_balance", "w_treated")}
    pairs = match_pairs(data.propensity, data.treated, trials["campaign"].to_numpy(), settings.caliper)
    matched = matched_rows(pairs, len(trials))
    apart = f"no treated trial has a control within {settings.caliper:g} standard deviations"
    outside = "no trial is in overlap"

    def plan(estimator: str, estimand: str, rows: Mask, estimate: Callable, population: str = "all") -> _Plan:
        nobody = {"matched": apart, "overlap": outside, "all": "there is no trial"}[population]
        return _Plan(estimator, estimand, population, ALL_CAMPAIGNS, rows, estimate, nobody)

    whole = _every_campaign(ALL_CAMPAIGNS, everyone, inside)
    beside = [
        plan("ols", "ATO", everyone, lambda own, _: ols(own, x, everyone)),
        plan("ipw", "ATE", everyone, lambda own, _: ipw(own, weights["w_ipw"], everyone)),
        plan("tmle", "ATE", everyone, lambda own, _: tmle(own, everyone)),
        plan("lin", "ATE", inside, lambda own, _: lin(own, x, inside), "overlap"),
        plan("att", "ATT", everyone, lambda own, _: att(own, everyone)),
        plan("matching", "ATT", matched, lambda own, _: matched_difference(own, pairs), "matched"),
        plan("entropy", "ATT", everyone, lambda own, _: entropy_treated(own, x, weights["w_treated"], everyone)),
        plan("entropy", "ATO", inside, lambda own, _: entropy_overlap(own, x, weights["w_balance"], inside), "overlap"),
        plan("dml", "ATO", everyone, lambda own, mean: dml(own, mean, everyone)),
    ]
    return [
        *whole,
        *beside,
        *(each for campaign, rows in _campaigns(trials) for each in _every_campaign(campaign, rows, inside)),
    ]


def _every_campaign(campaign: str, rows: Mask, inside: Mask) -> list[_Plan]:
    """The estimators that each campaign has, and all campaigns together."""
    both = rows & inside
    none, outside = "there is no trial", "no trial is in overlap"
    return [
        _Plan(NAIVE, ASSOCIATION, "all", campaign, rows, lambda own, _: naive(own, rows), none),
        _Plan("aipw", "ATE", "all", campaign, rows, lambda own, _: aipw(own, rows), none),
        _Plan("aipw", "ATE", "overlap", campaign, both, lambda own, _: aipw(own, both), outside),
        _Plan(PRIMARY_ESTIMATOR, "ATO", "all", campaign, rows, lambda own, _: overlap_weighted(own, rows), none),
    ]


def _left_out(x: Array, data: Residuals, propensity: pd.DataFrame) -> pd.DataFrame:
    inside = propensity["in_overlap"].to_numpy(dtype=bool)
    groups = {
        "ols": [np.ones(len(x), dtype=bool)],
        "lin": [inside & (data.treated == arm) for arm, _ in ARMS],
    }
    rows = [
        (estimator, column)
        for estimator, own in groups.items()
        if all(group.any() for group in own)
        for column in dependent_columns(x, *own)
    ]
    return pd.DataFrame(rows, columns=["estimator", "column"])
