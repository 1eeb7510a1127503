"""Who shares a decision: households that these data cannot tell apart, and what a contact means for each group.

Under one effect for all there is one group, of all households with support. Where a model tells households apart,
groups are equal parts of them by rising effect, and what a contact does in each is measured by outcomes, not by the
model: the overlap-weighted effect over the trials whose out-of-fold effect lies in the group (the sorted groups, GATES,
of Chernozhukov, Demirer, Duflo & Fernandez-Val 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.targeting.dial import ProfitEffect, judged
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.lessons import Found

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Division:
    """Groups by rising effect: `edges` (k - 1,) in $ between k groups, and the group (n,) of each trial, from 0."""

    edges: Array
    of_trial: Groups

    def of(self, effect: Array) -> Groups:
        """The group (m,) of households with these effects ($)."""
        return np.searchsorted(self.edges, effect, side="right").astype(np.int64)


def divided(effect: Array, data: Residuals, tells_apart: bool, at_most: int) -> Division:
    """At most `at_most` groups of trials, equally large, by their out-of-fold `effect` (n,); one unless the model
    `tells_apart`. As many as leave FEWEST_HOUSEHOLDS in either arm of every group.

    Trials are ranked within their fold, as effects of different folds come from different fits.
    """
    n_groups = at_most if tells_apart and np.ptp(effect) > 0 else 1
    rank = pd.Series(effect).groupby(data.folds).rank(method="average", pct=True).to_numpy()
    while n_groups > 1:
        of_trial = np.minimum(np.ceil(rank * n_groups).astype(np.int64) - 1, n_groups - 1)
        if _fewest(of_trial, data, n_groups) >= FEWEST_HOUSEHOLDS:
            return Division(np.quantile(effect, np.arange(1, n_groups) / n_groups), of_trial)
        n_groups -= 1
    return Division(np.empty(0), np.zeros(len(effect), dtype=np.int64))


def _fewest(of_trial: Groups, data: Residuals, n_groups: int) -> int:
    counts = pd.Series(data.households).groupby([of_trial, data.treated]).nunique()
    cells = pd.MultiIndex.from_product([range(n_groups), (0.0, 1.0)])
    return int(counts.reindex(cells, fill_value=0).min())


def decision_groups(
    division: Division,
    data: Residuals,
    whole: ProfitEffect,
    n_households: Sequence[int],
    found: Sequence[tuple[Found, ...]],
    contact_cost: float,
    one_off: float,
    stakes: Stakes,
    confidence: float,
) -> pd.DataFrame:
    """One row per group: group (from 0), lowest_effect and highest_effect ($, null at the ends), n_trials,
    n_households (today), n_experiments, study_effect ($) and what `judged` says of its contacts.

    `data`: residuals of profit before the contact; `whole`: the effect over all trials, whose allowance for systematic
    error every group has; `n_households` (k,): with support today; `found` (k,): by
    experiments, of each group. The one-off cost is shared by all groups.
    """
    total, rows = max(sum(n_households), 1), []
    ends = [np.nan, *division.edges, np.nan]
    for group, own in enumerate(n_households):
        inside = division.of_trial == group
        effect = replace(whole, found=found[group])
        if len(division.edges):
            estimate, se = overlap_weighted(data, inside)
            effect = replace(effect, estimate=estimate, se=se)
        at_stake = replace(stakes, n_households=int(own))
        told = judged(effect, contact_cost, one_off * own / total, at_stake, confidence)
        known = {"n_experiments": len(effect.found), "study_effect": effect.estimate}
        place = {"group": group, "lowest_effect": ends[group], "highest_effect": ends[group + 1]}
        rows.append({**place, "n_trials": int(inside.sum()), "n_households": int(own), **known, **told})
    return pd.DataFrame(rows)


def mean_effects(division: Division, effect: Array, today: Array) -> list[float | None]:
    """Mean effect ($, by the study) of the households of today in each group (k,), of its trials where there are none;
    None for all households together.
    """
    if not len(division.edges):
        return [None]
    of_today = division.of(today)
    here = [(today[of_today == group], effect[division.of_trial == group]) for group in range(len(division.edges) + 1)]
    return [float(own.mean() if len(own) else trials.mean()) for own, trials in here]


def group_edges(groups: pd.DataFrame) -> Array:
    """The effects ($) between the groups of the table."""
    return groups.sort_values("group")["lowest_effect"].to_numpy(dtype=float)[1:]
