"""Whether the learners put households in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.ranking import rank

Array = NDArray[np.float64]
TOP = 0.2


def agreement(by_model: Mapping[str, Array], folds: NDArray[np.int64]) -> pd.DataFrame:
    """One row per pair of learners that rank at all: model, other, rank_correlation, share_of_top.

    `by_model`: effects (n,) out of fold. Ranks are taken within fold, ties averaged. `rank_correlation` is Spearman's,
    `share_of_top` how many of the one's largest fifth are among the other's (by lot a fifth; ties at the edge count in
    part). Learners that give all households of every fold one effect have no order and are left out.
    """
    ranks = {}
    for name, effect in by_model.items():
        within = pd.Series(effect).groupby(folds)
        # From the middle of the fold, which is where all are when all are tied.
        own = ((within.rank() - 0.5) / within.transform("size") - 0.5).to_numpy()
        if np.abs(own).max() > 1e-9:
            ranks[name] = own
    rows = []
    for one, other in combinations(ranks, 2):
        first = [_in_top(ranks[name], folds) for name in (one, other)]
        rows.append(
            (one, other, _spearman(ranks[one], ranks[other]), float((first[0] * first[1]).sum() / first[0].sum()))
        )
    columns = ["model", "other", "rank_correlation", "share_of_top"]
    return pd.DataFrame(rows, columns=columns).astype({"model": "str", "other": "str"})


def _spearman(one: Array, other: Array) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _in_top(ranks: Array, folds: NDArray[np.int64]) -> Array:
    return rank(ranks, np.ones(len(ranks)), folds).among_first(TOP)
