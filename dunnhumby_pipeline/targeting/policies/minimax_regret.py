"""Target a share of everybody, where it is not known whether a contact pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import MINIMAX_REGRET
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


_CONFIDENCE = 0.95


def least_regret(lower: float, upper: float) -> float:
    """The share of households whose largest regret is least when a contact's profit lies between the two: 0 or 1 when
    both have a sign, else upper / (upper - lower) (Manski 2009).
    """
    if lower >= 0:
        return 1.0
    return 0.0 if upper <= 0 else upper / (upper - lower)


@dataclass(frozen=True)
class Lottery:
    """Targets each household with the chance `share`."""

    share: float

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return np.full(len(effect), self.share)


class MinimaxRegret(Rule):
    """The share of least regret over the 95 % interval of the mean profit of a contact."""

    name = MINIMAX_REGRET

    def fit(self, evidence: Evidence, economics: Economics) -> Lottery:
        from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile, weighted_mean_se

        profit = economics.profit(evidence.scores)
        mean, se = weighted_mean_se(profit, np.ones(len(profit)), evidence.households)
        half = normal_quantile(_CONFIDENCE) * se
        return Lottery(least_regret(mean - half, mean + half))
