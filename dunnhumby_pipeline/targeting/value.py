"""What a policy is worth, judged by outcomes and not by the model that chose.

The value of a policy is the incremental profit per household of the population in overlap, against
targeting nobody: mean of weight x (AIPW score of gross profit - contact cost) (Dudik, Langford & Li 2011;
Athey & Wager 2021), with weight the share of such households that the policy targets: what a draw among equals is
expected to be worth, and not one draw. Weights come from effects estimated on other folds. The
*claimed* value puts the model's own effects in place of the scores; it wins by construction, by the *optimism*.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.settings import CURRENT_PRACTICE, TREAT_NONE, needs_interval, tells_apart
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.base import Policy

Array = NDArray[np.float64]
N_BOOTSTRAPS = 1000
# Households times bootstraps held in memory.
_DRAWN_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Valued:
    """Policies and what they do on n trials: `weights` (n,) and `profit` (n,), $ that each trial brings. `promised`
    (n,): by the model's own effects. `least`: households in the smaller arm. `lacking`: why it has no value, or None.
    `competes`: whether it could be chosen: it has a value, it is not what was done, and where effects do not
    differ it does not go by how they do.
    """

    policy: str
    weights: Array
    profit: Array
    promised: Array
    least: float
    lacking: str | None
    competes: bool


def weigh(available: Iterable[Policy], evidence: Evidence, economics: Economics) -> list[tuple[Policy, Array]]:
    """The weight (n,) that each policy, fitted to the other folds, gives each trial.

    Shares are taken within each fold: effects of different folds come from different fits and do not share a scale.
    """
    weighed = [(policy, np.zeros(len(evidence))) for policy in available]
    for _, rows, others, held_out in evidence.divisions():
        labels = held_out.labels.assign(treated=held_out.treated)
        for policy, weights in weighed:
            fitted = policy.fit(others, economics)
            weights[rows] = fitted.weights(held_out.covariates, labels, held_out.cate, held_out.standard_error)
    return weighed


def valued(available: Iterable[Policy], evidence: Evidence, economics: Economics) -> list[Valued]:
    """Every policy on the trials, weighed by `weigh`."""
    ranking = evidence.ranks()
    return [
        _valued(policy.name, weights, evidence, economics, ranking)
        for policy, weights in weigh(available, evidence, economics)
    ]


def _valued(policy: str, weights: Array, evidence: Evidence, economics: Economics, ranking: bool) -> Valued:
    done = policy == CURRENT_PRACTICE
    # Every trial has a say in what was done: the controls tell what the treated would have bought.
    least = least_in_arm(np.ones(len(weights)) if done else weights, evidence)
    lacking = _lacking(policy, weights, least, evidence)
    return Valued(
        policy,
        weights,
        profit=evidence.as_done - weights * economics.contact_cost
        if done
        else weights * economics.profit(evidence.scores),
        promised=weights * economics.profit(evidence.cate),
        least=least,
        lacking=lacking,
        competes=lacking is None and not done and (ranking or not tells_apart(policy)),
    )


def value_of(weights: Array, evidence: Evidence, economics: Economics) -> tuple[float, float]:
    """(value, clustered standard error), $ per household."""
    return _mean(weights * economics.profit(evidence.scores), evidence)


def _mean(profit: Array, evidence: Evidence) -> tuple[float, float]:
    return weighted_mean_se(profit, np.ones(len(profit)), evidence.households)


def least_in_arm(weights: Array, evidence: Evidence) -> float:
    """Households that a policy targets in the smaller arm: of each its largest weight, summed."""
    largest = pd.Series(weights).groupby([evidence.treated, evidence.households]).max()
    by_arm = largest.groupby(level=0).sum().reindex([0.0, 1.0], fill_value=0.0)
    return float(by_arm.min())


def _lacking(policy: str, weights: Array, least: float, evidence: Evidence) -> str | None:
    """Why a policy has no value; None when it has one."""
    if needs_interval(policy) and not np.isfinite(evidence.standard_error).any():
        return "the model of the effect has no intervals"
    if policy == TREAT_NONE or least >= FEWEST_HOUSEHOLDS:
        return None
    if not weights.any():
        return "it selects no household"
    return f"it selects {least:.0f} households in one arm; from fewer than {FEWEST_HOUSEHOLDS} no value can be told"


def policy_values(
    evidence: Evidence, economics: Economics, available: Iterable[Policy], chosen: str, confidence: float
) -> pd.DataFrame:
    """The table of `value_rows` for these policies."""
    return value_rows(valued(available, evidence, economics), evidence, economics, chosen, confidence)


def value_rows(
    policies: Sequence[Valued], evidence: Evidence, economics: Economics, chosen: str, confidence: float, seed: int = 0
) -> pd.DataFrame:
    """One row per policy: policy, share_targeted, least_in_arm (households, by weight), value, value_se, ci_lower,
    ci_upper ($ per household), claimed_value, optimism (claimed less value) with optimism_se, roi (value per $ spent on
    contacts; null when nothing is spent), share_best (of bootstraps, see `shares_best`), n_trials, chosen, reason.

    A policy that selects fewer than FEWEST_HOUSEHOLDS in either arm, nobody apart, has no value but a reason.
    """
    quantile = normal_quantile(confidence)
    best = shares_best([one for one in policies if one.competes], evidence.households, seed)
    rows = []
    for one in policies:
        value, se, claimed, optimism, optimism_se = (np.nan,) * 5
        if one.lacking is None:
            value, se = _mean(one.profit, evidence)
            claimed = float(one.promised.mean())
            optimism, optimism_se = _mean(one.promised - one.profit, evidence)
        spent = float(one.weights.mean()) * economics.contact_cost
        rows.append(
            {
                "policy": one.policy,
                "share_targeted": float(one.weights.mean()),
                "least_in_arm": one.least,
                "value": value,
                "value_se": se,
                "ci_lower": value - quantile * se,
                "ci_upper": value + quantile * se,
                "claimed_value": claimed,
                "optimism": optimism,
                "optimism_se": optimism_se,
                "roi": value / spent if spent > 0 else np.nan,
                "share_best": best.get(one.policy, np.nan),
                "n_trials": len(one.weights),
                "chosen": one.policy == chosen,
                "reason": one.lacking,
            }
        )
    return pd.DataFrame(rows).astype({"reason": "str"})


def shares_best(policies: Sequence[Valued], households: NDArray[np.int64], seed: int) -> dict[str, float]:
    """In which share of bootstraps of households each policy is worth most, its weights as they are. Those that are
    worth the same share a draw.
    """
    if not policies:
        return {}
    _, place = np.unique(households, return_inverse=True)
    totals = np.column_stack([np.bincount(place, one.profit) for one in policies])
    n = len(totals)
    rng, size, shares = np.random.default_rng(seed), np.bincount(place), np.zeros(len(policies))
    at_once = max(1, min(N_BOOTSTRAPS, _DRAWN_AT_ONCE // n))
    for start in range(0, N_BOOTSTRAPS, at_once):
        drawn = rng.multinomial(n, np.full(n, 1 / n), size=min(at_once, N_BOOTSTRAPS - start))
        values = drawn @ totals / (drawn @ size)[:, None]
        best = values >= values.max(axis=1, keepdims=True) - 1e-9 * max(1.0, float(np.abs(values).max()))
        shares += (best / best.sum(axis=1, keepdims=True)).sum(axis=0) / N_BOOTSTRAPS
    return {one.policy: float(share) for one, share in zip(policies, shares, strict=True)}
