"""What a policy is worth, judged by outcomes and not by the model that chose.

The value of a policy is the incremental profit per household of the population in overlap, against
targeting nobody: mean of weight x (AIPW score of gross profit - contact cost) (Dudik, Langford & Li 2011;
Athey & Wager 2021), with weight the share of such households that the policy targets: what a draw among equals is
expected to be worth, and not one draw. Weights come from effects estimated on other folds. The
*claimed* value puts the model's own effects in place of the scores; it wins by construction.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.settings import TREAT_NONE
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.base import Policy
from dunnhumby_pipeline.targeting.policies.top_share import TopShare

Array = NDArray[np.float64]


def weigh(available: Iterable[Policy], evidence: Evidence, economics: Economics) -> list[tuple[Policy, Array]]:
    """The weight (n,) that each policy, fitted to the other folds, gives each trial.

    Shares are taken within each fold: effects of different folds come from different fits and do not share a scale.
    """
    weighed = [(policy, np.zeros(len(evidence))) for policy in available]
    for _, rows, others, held_out in evidence.divisions():
        for policy, weights in weighed:
            fitted = policy.fit(others, economics)
            weights[rows] = fitted.weights(held_out.covariates, held_out.labels, held_out.cate, held_out.standard_error)
    return weighed


def value_of(weights: Array, evidence: Evidence, economics: Economics) -> tuple[float, float]:
    """(value, clustered standard error), $ per household."""
    profit = weights * economics.profit(evidence.scores)
    return weighted_mean_se(profit, np.ones(len(profit)), evidence.households)


def claimed_value(weights: Array, evidence: Evidence, economics: Economics) -> float:
    """What the model itself promises, $ per household."""
    return float((weights * economics.profit(evidence.cate)).mean())


def least_in_arm(weights: Array, evidence: Evidence) -> float:
    """Households that a policy targets in the smaller arm: of each its largest weight, summed."""
    largest = pd.Series(weights).groupby([evidence.treated, evidence.households]).max()
    by_arm = largest.groupby(level=0).sum().reindex([0.0, 1.0], fill_value=0.0)
    return float(by_arm.min())


def _lacking(policy: str, weights: Array, least: float) -> str | None:
    """Why a policy has no value; None when it has one."""
    if policy == TREAT_NONE or least >= FEWEST_HOUSEHOLDS:
        return None
    if not weights.any():
        return "it selects no household"
    return f"it selects {least:.0f} households in one arm; from fewer than {FEWEST_HOUSEHOLDS} no value can be told"


def policy_values(
    evidence: Evidence, economics: Economics, available: Iterable[Policy], chosen: str, confidence: float
) -> pd.DataFrame:
    """One row per policy: policy, share_targeted, least_in_arm (households, by weight), value, value_se, ci_lower,
    ci_upper ($ per household), claimed_value, roi (value per $ spent on contacts; null when nothing is spent),
    n_trials, chosen, reason.

    A policy that selects fewer than FEWEST_HOUSEHOLDS in either arm, nobody apart, has no value but a reason.
    """
    quantile = normal_quantile(confidence)
    rows = []
    for policy, weights in weigh(available, evidence, economics):
        least = least_in_arm(weights, evidence)
        reason = _lacking(policy.name, weights, least)
        value, se, claimed = np.nan, np.nan, np.nan
        if reason is None:
            value, se = value_of(weights, evidence, economics)
            claimed = claimed_value(weights, evidence, economics)
        spent = float(weights.mean()) * economics.contact_cost
        rows.append(
            {
                "policy": policy.name,
                "share_targeted": float(weights.mean()),
                "least_in_arm": least,
                "value": value,
                "value_se": se,
                "ci_lower": value - quantile * se,
                "ci_upper": value + quantile * se,
                "claimed_value": claimed,
                "roi": value / spent if spent > 0 else np.nan,
                "n_trials": len(weights),
                "chosen": policy.name == chosen,
                "reason": reason,
            }
        )
    return pd.DataFrame(rows).astype({"reason": "str"})


def roi_curve(evidence: Evidence, economics: Economics, n_steps: int, confidence: float) -> pd.DataFrame:
    """Value ($ per household) with a pointwise interval as the share targeted grows from 0 to 1.

    Shares of too few households for a value, as in `policy_values`, are left out.
    """
    quantile = normal_quantile(confidence)
    shares = [float(share) for share in np.linspace(0, 1, n_steps + 1)]
    rows = []
    for share, (_, weights) in zip(shares, weigh(map(TopShare, shares), evidence, economics), strict=True):
        if share > 0 and least_in_arm(weights, evidence) < FEWEST_HOUSEHOLDS:
            continue
        value, se = value_of(weights, evidence, economics)
        rows.append((share, value, value - quantile * se, value + quantile * se))
    return pd.DataFrame(rows, columns=["share_targeted", "value", "ci_lower", "ci_upper"])
