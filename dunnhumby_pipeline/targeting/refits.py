"""How often the decisions would be others, had other households of the same kind been seen.

Each group's effect is estimated again on bootstraps of households, and decided by the same rule; the error of an
estimate, propensities, outcome means, the model that ranks, the groups and the policy are held as they are. What is
counted is churn from chance alone, so it is a lower bound of what a refit with another seed or another month changes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.settings import EconomicsSettings
from dunnhumby_pipeline.targeting.answers import Question
from dunnhumby_pipeline.targeting.dial import ProfitEffect, judged, profit_effect, profit_residuals
from dunnhumby_pipeline.targeting.groups import Division, divided
from dunnhumby_pipeline.targeting.information import Stakes

Array = NDArray[np.float64]


def decision_refits(
    question: Question,
    groups: pd.DataFrame,
    settings: EconomicsSettings,
    n_groups: int,
    confidence: float,
    proven: bool,
    fewest: int,
    n_refits: int,
    seed: int,
) -> pd.DataFrame:
    """One row per group of `groups` (table decision_groups): its decision, and in which share of `n_refits` household
    bootstraps it is another, target, test or leave.

    `n_groups` and `fewest`: as the groups were made with. Where the policy's gain is not `proven`, nobody is a target,
    and a group whose gain is proven is tested.
    """
    scenario = next(one for one in question.known if one.used)
    data = profit_residuals(scenario, question.gross_profit, question.sales)
    whole = profit_effect(scenario, question.gross_profit, question.sales, question.allowance)
    division = divided(question.effect, data, question.tells_apart, n_groups)
    drawn = _bootstrapped(data, division, n_refits, seed)
    total, rows = max(len(question.today), 1), []
    for place, (_, row) in enumerate(groups.sort_values("group").iterrows()):
        own = int(row["n_households"])
        stakes = Stakes(own, settings.campaigns_to_come, whole.variance, settings.test_cost, fewest)
        one_off = scenario.one_off_cost * own / total
        # The error is that of the table: half of the width of its interval.
        cost = scenario.contact_cost + one_off / max(own, 1)
        se = float(row["ci_upper"] - row["ci_lower"]) / (2 * normal_quantile(confidence))
        found = [
            _said(_effect(whole, estimate, se), scenario.contact_cost, one_off, stakes, confidence, proven)
            for estimate in float(row["expected_profit"]) + cost + drawn[:, place]
        ]
        now = TEST if row["decision"] == TARGET and not proven else row["decision"]
        counts = {decision: found.count(decision) / n_refits for decision in (TARGET, TEST, LEAVE)}
        rows.append(
            {
                "group": int(row["group"]),
                "n_households": own,
                "decision": now,
                "share_changed": 1 - counts[now],
                **{f"share_{decision}": share for decision, share in counts.items()},
                "n_refits": n_refits,
            }
        )
    return pd.DataFrame(rows)


def _effect(whole: ProfitEffect, estimate: float, se: float) -> ProfitEffect:
    return replace(whole, estimate=float(estimate), se=se)


def _said(
    effect: ProfitEffect, contact_cost: float, one_off: float, stakes: Stakes, confidence: float, proven: bool
) -> str:
    found = str(judged(effect, contact_cost, one_off, stakes, confidence)["decision"])
    return TEST if found == TARGET and not proven else found


def _bootstrapped(data: Residuals, division: Division, n_refits: int, seed: int) -> Array:
    """How far each group's overlap-weighted effect ($) moves (n_refits, k) when households are drawn with replacement:
    sum(rt ry) / sum(rt^2) over the trials of those that are drawn, less the same over all.
    """
    k = len(division.edges) + 1
    _, household = np.unique(data.households, return_inverse=True)
    n = int(household.max()) + 1
    cell = household * k + division.of_trial
    rt, ry = data.treatment_residual, data.outcome_residual
    above, below = (np.bincount(cell, weights=part, minlength=n * k).reshape(n, k) for part in (rt * ry, rt**2))
    rng = np.random.default_rng(seed)
    moved = np.empty((n_refits, k))
    for place in range(n_refits):
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(float)
        moved[place] = (times @ above) / (times @ below)
    return moved - above.sum(axis=0) / below.sum(axis=0)
