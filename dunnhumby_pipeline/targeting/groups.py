"""Who shares a decision: households that these data cannot tell apart, and what a contact means for each group.

Under one effect for all there is one group, of all households with support. Where a model tells households apart,
groups are equal parts of them by rising effect, and what a contact does in each is measured by outcomes, not by the
model: the overlap-weighted effect over the trials whose out-of-fold effect lies in the group (the sorted groups, GATES,
of Chernozhukov, Demirer, Duflo & Fernandez-Val 2018).

All that is about first contacts. Households that the type was sent before are a group of their own, whose effect is
that of a repeat.
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
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, REPEAT_CONTACT
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


@dataclass(frozen=True)
class Kind:
    """Contacts of one kind, of which a group is a part: whether they are `first` ones, the `data` of n trials of
    profit before the contact, their effect as a `whole`, whose allowance for systematic error every group has, and by
    group the households of today with support (`n_supported`) and those that a test would decide beside them, who have
    no comparable ones (`n_beyond`), and what experiments `found` of them.
    """

    contact: str
    data: Residuals
    whole: ProfitEffect
    n_supported: Sequence[int]
    n_beyond: Sequence[int]
    found: Sequence[tuple[Found, ...]]

    def stakes(self, group: int, stakes: Stakes) -> Stakes:
        """What hangs on the decision for a group."""
        own = int(self.n_supported[group])
        decided = own + int(self.n_beyond[group])
        return replace(stakes, n_households=decided, n_supported=own, variance=self.whole.variance)


def decision_groups(
    division: Division,
    first: Kind,
    repeat: Kind | None,
    contact_cost: float,
    one_off: float,
    stakes: Stakes,
    confidence: float,
) -> pd.DataFrame:
    """One row per group: group (from 0), contact (first, or of households contacted before), lowest_effect and
    highest_effect ($, null at the ends), n_trials, n_households (today, with support), n_decided (whom a test would
    decide), effect, effect_se and outcome_variance of profit before the contact as the study alone has them,
    n_experiments, and what `judged` says of it.

    Groups of first contacts come by rising effect; households contacted before are one more, where anything is known
    of a repeat. The one-off cost is shared by the groups of one kind: whether the other kind is contacted is not known.
    """
    ends, rows = [np.nan, *division.edges, np.nan], []
    n_groups = len(division.edges) + 1
    for group in range(n_groups):
        inside = division.of_trial == group
        effect = replace(first.whole, found=first.found[group])
        if n_groups > 1:
            estimate, se = overlap_weighted(first.data, inside)
            effect = replace(effect, estimate=estimate, se=se)
        place = {"group": group, "contact": first.contact, "n_trials": int(inside.sum())}
        place |= {"lowest_effect": ends[group], "highest_effect": ends[group + 1]}
        rows.append({**place, **_judged(first, group, effect, contact_cost, one_off, stakes, confidence)})
    if repeat is not None:
        effect = replace(repeat.whole, found=repeat.found[0])
        place = {"group": n_groups, "contact": repeat.contact, "n_trials": len(repeat.data.y)}
        place |= {"lowest_effect": np.nan, "highest_effect": np.nan}
        rows.append({**place, **_judged(repeat, 0, effect, contact_cost, one_off, stakes, confidence)})
    return pd.DataFrame(rows)


def _judged(
    kind: Kind, group: int, effect: ProfitEffect, contact_cost: float, one_off: float, stakes: Stakes, confidence: float
) -> dict[str, object]:
    own = kind.stakes(group, stakes)
    shared = one_off * own.n_contacted / max(sum(kind.n_supported), 1)
    known = {"effect": effect.estimate, "effect_se": effect.se, "outcome_variance": effect.variance}
    counts = {"n_households": own.n_contacted, "n_decided": own.n_households, "n_experiments": len(effect.found)}
    return {**counts, **known, **judged(effect, contact_cost, shared, own, confidence)}


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
    """The effects ($) between the groups of first contacts in the table."""
    first = groups.loc[groups["contact"] == FIRST_CONTACT]
    return first.sort_values("group")["lowest_effect"].to_numpy(dtype=float)[1:]


def repeat_group(groups: pd.DataFrame) -> int | None:
    """The group of households contacted before; None where nothing is known of a repeat."""
    found = groups.loc[groups["contact"] == REPEAT_CONTACT, "group"]
    return None if found.empty else int(found.iloc[0])
