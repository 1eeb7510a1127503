"""Subgroups by a shallow tree that follows a model, with effects from households that had no say in the tree."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.cate.validation.groups import effects_by_group
from dunnhumby_pipeline.causal.cate.validation.ranking import overlap_weights
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.causal.overlap.outside import EVERYBODY, Vocabulary, leaves

Array = NDArray[np.float64]
_MIN_SHARE = 0.05
# A tree of a few leaves is settled long before that many trials.
_MAX_GROWN = 20_000


def subgroups(
    x: Array, names: tuple[str, ...], data: Residuals, sequential: Array, depth: int, confidence: float, seed: int
) -> pd.DataFrame:
    """One row per leaf, the largest effects first: rule, n_trials, n_smaller_arm, predicted, estimate, se, ci_lower,
    ci_upper ($ per household; intervals hold for all leaves at once), p_differ (of "all leaves have one effect").

    `sequential` (n,): effects by fits to earlier folds, NaN in the first. A regression tree of `depth`, leaves of at
    least 5 %, follows those of the first half of the folds that have them (20,000 at most), whose outcomes it rests on
    with those of the folds before; thresholds are rounded to three digits. Effects of its leaves are overlap-weighted
    means of AIPW scores of the later folds, which it has not seen (honest, as in Athey & Imbens 2016). A leaf with
    fewer than FEWEST_HOUSEHOLDS in an arm has no effect. One row, everybody, when effects do not differ.
    """
    from sklearn.tree import DecisionTreeRegressor

    folds = np.unique(data.folds)
    first = folds[(len(folds) + 1) // 2]
    # What is said of trials in `first` rests on outcomes of earlier folds, and on no more than covariates of its own.
    grown, judged = np.isfinite(sequential) & (data.folds <= first), data.folds >= first
    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=_MIN_SHARE, random_state=0)
    grown = drawn(grown, data.households, _MAX_GROWN, seed)
    tree.fit(x[grown], sequential[grown], sample_weight=overlap_weights(data)[grown])
    own, vocabulary = x[judged], Vocabulary(x, names)
    found = [
        (vocabulary.rule(path), members)
        for path, members in leaves(tree.tree_, own, np.arange(len(own)), ())
        if len(members)
    ]
    members = np.zeros((len(own), len(found)))
    for column, (_, rows) in enumerate(found):
        members[rows, column] = 1.0
    rules = [rule for rule, _ in found] if len(found) > 1 else [EVERYBODY]
    predicted = np.where(np.isfinite(sequential), sequential, 0.0)[judged]
    frame, means = effects_by_group(subset(data, judged), predicted, members, rules, "leaf", confidence, seed)
    _, p = means.differ()
    ordered = frame.drop(columns=["grouping", "position"]).rename(columns={"group": "rule"}).assign(p_differ=p)
    return ordered.sort_values("estimate", ascending=False, kind="stable").reset_index(drop=True)
