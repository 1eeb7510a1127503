"""Policies against each other: paired differences, regret, and what choosing the best of them is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile, weighted_mean_se
from dunnhumby_pipeline.settings import CURRENT_PRACTICE, TREAT_ALL, TREAT_NONE
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.base import Policy
from dunnhumby_pipeline.targeting.value import Valued, valued
from dunnhumby_pipeline.targeting.winner import largest_of, winner

Array = NDArray[np.float64]
REGRET, BEST, AT_ONCE, PROCEDURE = "regret", "best", "best_simultaneous", "procedure"
# One to value on, one to choose on, and one to fit to.
_LEAST_FOLDS = 3
_AGAINST = (TREAT_ALL, TREAT_NONE, CURRENT_PRACTICE)


def differences(policies: Sequence[Valued], evidence: Evidence, confidence: float) -> pd.DataFrame:
    """policy, against, difference, se, ci_lower, ci_upper ($ per household): each policy with a value less targeting
    all, none, and what was done, on the same trials, clustered by household. Of those that compete, and what was done.
    """
    quantile, rows = normal_quantile(confidence), []
    known = {
        one.policy: one.profit
        for one in policies
        if one.lacking is None and (one.competes or one.policy == CURRENT_PRACTICE)
    }
    for against in _AGAINST:
        for policy, profit in known.items():
            if against not in known or policy == against:
                continue
            gain = profit - known[against]
            estimate, se = weighted_mean_se(gain, np.ones(len(gain)), evidence.households)
            rows.append((policy, against, estimate, se, estimate - quantile * se, estimate + quantile * se))
    return pd.DataFrame(rows, columns=["policy", "against", "difference", "se", "ci_lower", "ci_upper"])


def selection(
    policies: Sequence[Valued],
    available: Sequence[Policy],
    evidence: Evidence,
    economics: Economics,
    chosen: str,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """quantity, policy, estimate, se, ci_lower, ci_upper ($ per household), of the policies that compete:

    regret: what the best is worth above the `chosen` one, from 0 to an upper bound that holds for all at once; null
    where that has no value. best: the highest value with the hybrid interval of `winner`; best_simultaneous: with that
    by max-t. procedure: what choosing the best is worth: it is chosen on all folds but one, fitted to these, and valued
    on that one, for each fold in turn (its policy: all that were chosen; null with fewer than 3 folds). The effects
    that policies go by stay as they are, out of fold.
    """
    rivals = [one for one in policies if one.competes]
    names, profit = [one.policy for one in rivals], np.column_stack([one.profit for one in rivals])
    values, covariance = joint(profit, evidence.households)
    regret = (np.nan, np.nan, np.nan)
    if chosen in names:
        own = names.index(chosen)
        gains, shared = joint(profit - profit[:, [own]], evidence.households)
        se = np.sqrt(np.maximum(np.diag(shared), 0.0))
        most = gains + largest_of(se, shared, confidence, seed, two_sided=False) * se
        regret = (float(gains.max()), 0.0, float(max(0.0, most.max())))
    found = winner(values, covariance, confidence, seed)
    honest, were_chosen = procedure(policies, available, evidence, economics)
    estimate, se_all = weighted_mean_se(honest, np.ones(len(honest)), evidence.households)
    half = normal_quantile(confidence) * se_all
    rows = [
        (REGRET, chosen, regret[0], np.nan, *regret[1:]),
        (BEST, names[found.at], found.value, found.se, *found.hybrid),
        (AT_ONCE, names[found.at], found.value, found.se, *found.simultaneous),
        (PROCEDURE, were_chosen, estimate, se_all, estimate - half, estimate + half),
    ]
    return pd.DataFrame(rows, columns=["quantity", "policy", "estimate", "se", "ci_lower", "ci_upper"])


def joint(profit: Array, households: NDArray[np.int64]) -> tuple[Array, Array]:
    """Means (k,) of the columns of `profit` (n, k) and the covariance (k, k) of their errors, clustered."""
    n, mean = len(profit), profit.mean(axis=0)
    _, place = np.unique(households, return_inverse=True)
    totals = np.zeros((place.max() + 1, profit.shape[1]))
    np.add.at(totals, place, profit - mean)
    return mean, len(totals) / (len(totals) - 1) * totals.T @ totals / n**2


def procedure(
    policies: Sequence[Valued], available: Sequence[Policy], evidence: Evidence, economics: Economics
) -> tuple[Array, str]:
    """Profit (n,) of each trial under the policy that was best on the other folds, and which these were, in words."""
    if len(np.unique(evidence.folds)) < _LEAST_FOLDS:
        return np.full(len(evidence), np.nan), ""
    own, chosen = {one.policy: one.profit for one in policies}, []
    honest = np.zeros(len(evidence))
    for _, rows, others, _ in evidence.divisions():
        rivals = [one for one in valued(available, others, economics) if one.competes]
        best = max(rivals, key=lambda one: float(one.profit.mean())).policy
        chosen.append(best)
        honest[rows] = own[best][rows]
    return honest, ", ".join(dict.fromkeys(chosen))
