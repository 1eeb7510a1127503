"""How often the decisions would be others, had other households of the same kind been seen.

Each group's effect is estimated again on bootstraps of households, and decided by the same rule; the error of an
estimate, propensities, outcome means, the model that ranks, the groups and the policy are held as they are. What is
counted is churn from chance alone, so it is a lower bound of what a refit with another seed or another month changes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, LEAVE, TARGET, TEST
from dunnhumby_pipeline.targeting.answers import Question, found_in_groups
from dunnhumby_pipeline.targeting.dial import ProfitEffect, judged, profit_residuals
from dunnhumby_pipeline.targeting.groups import Division, divided
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.scenarios import Scenario

Array = NDArray[np.float64]


def decision_refits(
    question: Question,
    groups: pd.DataFrame,
    n_groups: int,
    confidence: float,
    proven: bool,
    fewest: int,
    n_refits: int,
    seed: int,
) -> pd.DataFrame:
    """One row per group of `groups` (table decision_groups): its decision, and in which share of `n_refits` household
    bootstraps it is another, target, test or leave.

    `n_groups` and `fewest`: as the groups were made with. Where the policy's gain is not `proven`, no first contact is
    a target, and a group of them whose gain is proven is tested.
    """
    terms = question.economics
    scenario = terms.used
    data = profit_residuals(scenario, question.gross_profit, question.sales)
    division = divided(question.effect, data, question.tells_apart, n_groups)
    allowance = question.allowance.times(scenario.margin)
    # Of first contacts, then of a repeat.
    found = [*found_in_groups(question, scenario, division), tuple(one.at(scenario.margin) for one in question.learnt)]
    drawn = _drawn(question, scenario, data, division, n_refits, seed)
    totals, rows = groups.groupby("contact")["n_households"].sum().clip(lower=1), []
    for place, (_, row) in enumerate(groups.sort_values("group").iterrows()):
        own, sure = int(row["n_households"]), proven or row["contact"] != FIRST_CONTACT
        variance = float(row["outcome_variance"])
        stakes = Stakes(int(row["n_decided"]), terms.campaigns_to_come, variance, terms.test_cost, fewest, own)
        one_off = scenario.one_off_cost * own / totals[row["contact"]]
        said = [
            _said(effect, scenario.contact_cost, one_off, stakes, confidence, sure)
            for effect in (
                ProfitEffect(float(row["effect"] + moved), float(row["effect_se"]), variance, allowance, found[place])
                for moved in drawn[:, place]
            )
        ]
        now = TEST if row["decision"] == TARGET and not sure else row["decision"]
        counts = {decision: said.count(decision) / n_refits for decision in (TARGET, TEST, LEAVE)}
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


def _drawn(
    question: Question, scenario: Scenario, data: Residuals, division: Division, n_refits: int, seed: int
) -> Array:
    """How far the effect ($) of every group moves (n_refits, k): of first contacts, then of a repeat if it is told."""
    drawn = [_bootstrapped(data, division, n_refits, seed)]
    if question.repeats is not None:
        again = profit_residuals(scenario, question.repeats.gross_profit, question.repeats.sales)
        whole = Division(np.empty(0), np.zeros(len(again.y), dtype=np.int64))
        drawn.append(_bootstrapped(again, whole, n_refits, seed + 1))
    return np.hstack(drawn)


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
