"""What a policy is worth, judged by outcomes and not by the model that chose.

The value of a policy is the incremental profit per household of the population in overlap, against
targeting nobody: mean of selected x (margin x AIPW score - contact cost) (Dudik, Langford & Li 2011;
Athey & Wager 2021). Selections come from effects estimated, and models chosen, on other folds. The
*claimed* value puts the model's own effects in place of the scores; it wins by construction.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile, weighted_mean_se
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.base import Policy, Selection, drawn
from dunnhumby_pipeline.targeting.policies.top_share import TopShare

Array = NDArray[np.float64]


def select(
    available: Iterable[Policy], evidence: Evidence, economics: Economics, seed: int
) -> list[tuple[Policy, Selection]]:
    """The trials (n,) that each policy, fitted to the other folds, selects.

    Shares are taken within each fold: effects of different folds come from different fits and do not share a scale.
    """
    selected = [(policy, np.zeros(len(evidence), dtype=bool)) for policy in available]
    for fold, rows, others, held_out in evidence.divisions():
        for policy, chosen in selected:
            fitted = policy.fit(others, economics)
            weights = fitted.weights(held_out.covariates, held_out.labels, held_out.cate, held_out.standard_error)
            chosen[rows] = drawn(weights, np.random.default_rng([seed, fold]))
    return selected


def value_of(selected: Selection, evidence: Evidence, economics: Economics) -> tuple[float, float]:
    """(value, clustered standard error), $ per household."""
    profit = selected * economics.profit(evidence.scores)
    return weighted_mean_se(profit, np.ones(len(profit)), evidence.households)


def claimed_value(selected: Selection, evidence: Evidence, economics: Economics) -> float:
    """What the model itself promises, $ per household."""
    return float((selected * economics.profit(evidence.cate)).mean())


def policy_values(
    evidence: Evidence, economics: Economics, available: Iterable[Policy], chosen: str, confidence: float, seed: int
) -> pd.DataFrame:
    """One row per policy: policy, share_targeted, value, value_se, ci_lower, ci_upper ($ per household),
    claimed_value, roi (value per $ spent on contacts; null when nothing is spent), n_trials, chosen.
    """
    quantile = normal_quantile(confidence)
    rows = []
    for policy, selected in select(available, evidence, economics, seed):
        value, se = value_of(selected, evidence, economics)
        spent = float(selected.mean()) * economics.contact_cost
        rows.append(
            {
                "policy": policy.name,
                "share_targeted": float(selected.mean()),
                "value": value,
                "value_se": se,
                "ci_lower": value - quantile * se,
                "ci_upper": value + quantile * se,
                "claimed_value": claimed_value(selected, evidence, economics),
                "roi": value / spent if spent > 0 else np.nan,
                "n_trials": len(selected),
                "chosen": policy.name == chosen,
            }
        )
    return pd.DataFrame(rows)


def roi_curve(evidence: Evidence, economics: Economics, n_steps: int, confidence: float, seed: int) -> pd.DataFrame:
    """Value ($ per household) with a pointwise interval as the share targeted grows from 0 to 1."""
    quantile = normal_quantile(confidence)
    shares = [float(share) for share in np.linspace(0, 1, n_steps + 1)]
    rows = []
    for share, (_, selected) in zip(shares, select(map(TopShare, shares), evidence, economics, seed), strict=True):
        value, se = value_of(selected, evidence, economics)
        rows.append((share, value, value - quantile * se, value + quantile * se))
    return pd.DataFrame(rows, columns=["share_targeted", "value", "ci_lower", "ci_upper"])
