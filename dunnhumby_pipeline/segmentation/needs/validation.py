"""Do needs hold in the next quarter: the same leading need, and its own commodities bought above average again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.segmentation.needs.layers import NOBODY, Array, Labels, Layer, leading, tamed
from dunnhumby_pipeline.segmentation.needs.purchases import Bought

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

AGREEMENT = ["level", "from_day", "to_day", "n_households", "share_staying", "kappa"]
LIFT = ["level", "need", "from_day", "n_households", "share_next", "overall_next", "lift"]
MOST_QUARTERS = 4
# What everybody buys lifts by a hair for whoever buys much of it.
_LEAST_LIFT = 1.1
_FEWEST = 30


@dataclass(frozen=True)
class Quarter:
    """What the same households (rows) bought from `first_day` to the day before `index_day`."""

    first_day: int
    index_day: int
    bought: Bought


def quarter_windows(first_day: int, last_day: int, days: int) -> pd.DataFrame:
    """The last whole quarters of the data, at most four, oldest first: window, first_day, index_day; none or one where
    the history is shorter than two."""
    n = min((last_day + 1 - first_day) // days, MOST_QUARTERS)
    ends = [last_day + 1 - days * back for back in range(n - 1, -1, -1)]
    frame = pd.DataFrame({"window": range(n), "first_day": [end - days for end in ends], "index_day": ends})
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def lifts_of(sales: Array, overall: Array) -> Array:
    """Lift (p,): share of `sales` over share of the sales `overall`; 0 of what nobody buys."""
    share = sales / sales.sum() if sales.sum() > 0 else np.zeros_like(sales)
    whole = overall / overall.sum() if overall.sum() > 0 else np.zeros_like(overall)
    return np.divide(share, whole, out=np.zeros_like(share), where=whole > 0)


def own_goods(lift: Array, overall: Array, n_own: int, min_share: float) -> NDArray[np.int64]:
    """Places of the goods that lift most, the largest first: at most `n_own`, of 1.1 or more, with at least `min_share`
    of all sales."""
    share = overall / overall.sum() if overall.sum() > 0 else overall
    able = np.where((share >= min_share) & (lift >= _LEAST_LIFT), lift, 0.0)
    order = np.argsort(-able, kind="stable")[:n_own]
    return order[able[order] > 0]


def members(scores: Array, level_is_label: bool, tag_from: float) -> NDArray[np.bool_]:
    """Which households (n,) have which need (k,): the leading one, or every tag of at least `tag_from`."""
    if level_is_label:
        return leading(scores)[:, None] == np.arange(scores.shape[1])
    return np.asarray(scores >= tag_from)


def kappa(before: Labels, after: Labels) -> float:
    """Cohen's (1960) kappa of two labellings; NaN where chance alone agrees on all."""
    agree = float((before == after).mean())
    labels = np.union1d(before, after)
    chance = float(sum((before == one).mean() * (after == one).mean() for one in labels))
    return (agree - chance) / (1 - chance) if chance < 1 else np.nan


def next_quarter(
    level: str,
    layer: Layer,
    names: Sequence[str],
    weights: Array,
    quarters: Sequence[Quarter],
    n_own: int,
    min_share: float,
    tag_from: float,
    is_label: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables need_agreement and need_lift of a level.

    Each quarter's households are scored by that quarter alone, with the loadings in use. Lift: the share of the sales
    of the next quarter to a need's households that its own commodities have (those that lift most in the quarter
    before), over the share among all who bought in both. Pairs with fewer than 30 such households are left out.
    """
    agreed, lifts = [], []
    scores = [layer.scores(tamed(quarter.bought.baskets, weights)) for quarter in quarters]
    for place in range(len(quarters) - 1):
        before, after = quarters[place], quarters[place + 1]
        first, second = leading(scores[place]), leading(scores[place + 1])
        both = (first != NOBODY) & (second != NOBODY)
        if both.sum() < _FEWEST:
            continue
        staying = float((first[both] == second[both]).mean())
        days = (int(before.first_day), int(after.index_day) - 1)
        agreed.append((level, *days, int(both.sum()), staying, kappa(first[both], second[both])))
        sold_before, sold_after = before.bought.sales, after.bought.sales
        overall, overall_next = _totals(sold_before, both), _totals(sold_after, both)
        having = members(scores[place], is_label, tag_from)
        for need, name in enumerate(names):
            who = both & having[:, need]
            if not who.any():
                continue
            lift = lifts_of(_totals(sold_before, who), overall)
            own = own_goods(lift, overall, n_own, min_share)
            bought = _totals(sold_after, who)
            share = bought[own].sum() / bought.sum() if bought.sum() > 0 else np.nan
            whole = overall_next[own].sum() / overall_next.sum() if overall_next.sum() > 0 else np.nan
            lifts.append((level, name, days[0], int(who.sum()), share, whole, share / whole if whole > 0 else np.nan))
    return pd.DataFrame(agreed, columns=AGREEMENT), pd.DataFrame(lifts, columns=LIFT)


def _totals(sales: csr_matrix, who: NDArray[np.bool_]) -> Array:
    return np.asarray(who.astype(np.float64) @ sales, dtype=np.float64).ravel()
