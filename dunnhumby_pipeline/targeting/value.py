"""What a policy is worth, judged by outcomes and not by the model that chose.

The value of a policy is the incremental profit per household of the population in overlap, against
targeting nobody: mean of selected x (margin x AIPW score - contact cost) (Dudik, Langford & Li 2011;
Athey & Wager 2021). Selections come from effects estimated, and models chosen, on other folds. The
*claimed* value puts the model's own effects in place of the scores; it wins by construction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.targeting.policies import Policy, Selection, top_share

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """Trials in overlap, arrays of length n: AIPW `scores` ($), out-of-fold `cate` ($), `folds`, `households`;
    and the contact cost ($) and margin that turn an effect into profit."""

    scores: Array
    cate: Array
    folds: NDArray[np.int64]
    households: NDArray[np.int64]
    contact_cost: float
    margin: float
    confidence: float
    seed: int

    def select(self, policy: Policy) -> Selection:
        """Selected trials. Shares are taken within each fold: effects of different folds come from
        different fits and do not share a scale."""
        selected = np.zeros(len(self.cate), dtype=bool)
        for fold in np.unique(self.folds):
            rows = self.folds == fold
            selected[rows] = policy.select(self.cate[rows], np.random.default_rng([self.seed, int(fold)]))
        return selected

    def value(self, selected: Selection) -> tuple[float, float]:
        """(value, clustered standard error), $ per household."""
        profit = selected * (self.margin * self.scores - self.contact_cost)
        return weighted_mean_se(profit, np.ones(len(profit)), self.households)

    def claimed_value(self, selected: Selection) -> float:
        """What the model itself promises, $ per household."""
        return float((selected * (self.margin * self.cate - self.contact_cost)).mean())


def gather_evidence(
    data: Residuals,
    cate: Array,
    in_overlap: Selection,
    contact_cost: float,
    margin: float,
    settings: Settings,
) -> Evidence:
    """The evidence of the trials in overlap; outside it, scores divide by propensities near 0."""
    return Evidence(
        scores=data.scores[in_overlap],
        cate=cate[in_overlap],
        folds=data.folds[in_overlap],
        households=data.households[in_overlap],
        contact_cost=contact_cost,
        margin=margin,
        confidence=settings.confidence,
        seed=settings.seed_for("policy"),
    )


def policy_values(evidence: Evidence, available: tuple[Policy, ...], chosen: str) -> pd.DataFrame:
    """One row a policy: policy, share_targeted, value, value_se, ci_lower, ci_upper ($ per household),
    claimed_value, roi (value per $ spent on contacts; null when nothing is spent), n_trials, chosen.
    """
    quantile = normal_quantile(evidence.confidence)
    rows = []
    for policy in available:
        selected = evidence.select(policy)
        value, se = evidence.value(selected)
        spent = float(selected.mean()) * evidence.contact_cost
        rows.append(
            {
                "policy": policy.name,
                "share_targeted": float(selected.mean()),
                "value": value,
                "value_se": se,
                "ci_lower": value - quantile * se,
                "ci_upper": value + quantile * se,
                "claimed_value": evidence.claimed_value(selected),
                "roi": value / spent if spent > 0 else np.nan,
                "n_trials": len(selected),
                "chosen": policy.name == chosen,
            }
        )
    return pd.DataFrame(rows)


def roi_curve(evidence: Evidence, n_steps: int) -> pd.DataFrame:
    """Value ($ per household) with a pointwise interval as the share targeted grows from 0 to 1."""
    quantile = normal_quantile(evidence.confidence)
    rows = []
    for share in np.linspace(0, 1, n_steps + 1):
        value, se = evidence.value(evidence.select(Policy("top", top_share(float(share)))))
        rows.append((float(share), value, value - quantile * se, value + quantile * se))
    return pd.DataFrame(rows, columns=["share_targeted", "value", "ci_lower", "ci_upper"])
