"""Divisions of trials into folds that keep households together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.clusters import clusters_of

Groups = NDArray[np.int64]


class FoldsError(ValueError):
    """Trials that cannot be divided into folds. The message says which arm is too small, and what to do."""


def household_folds(trials: pd.DataFrame, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Fold (n,) of each trial: the trials of a household and its copies share a fold; arms and campaigns are spread
    evenly.

    Raises FoldsError when an arm has fewer households than there are folds, or when a fold would
    lack an arm or leave fewer than two of its households to fit on.
    """
    households = pd.Series(clusters_of(trials), index=trials.index)
    by_arm = households.groupby(trials["treated"]).nunique()
    for arm, name in ((1, "treated"), (0, "control")):
        n = int(by_arm.get(arm, 0))
        if n < n_folds:
            raise FoldsError(
                f"the {name} arm has {n} households, fewer than nuisance.n_folds = {n_folds}; "
                "choose fewer folds, or a campaign type with more trials"
            )
    strata = trials["campaign"].astype(str) + "/" + trials["treated"].astype(str)
    folds = _spread(households.to_numpy(), strata.factorize(sort=True)[0], n_folds, seed)
    for fold in range(n_folds):
        held_out = folds == fold
        for arm, name in ((1, "treated"), (0, "control")):
            inside = households.where(trials["treated"] == arm)
            n_held_out, n_fitted = inside[held_out].nunique(), inside[~held_out].nunique()
            if n_held_out < 1 or n_fitted < 2:
                raise FoldsError(
                    f"fold {fold} holds {n_held_out} {name} households and leaves {n_fitted} to fit on; "
                    "choose another nuisance.n_folds, or a campaign type with more trials"
                )
    return folds


def _spread(groups: Groups, strata: Groups, n_folds: int, seed: int) -> Groups:
    """Fold (n,) of each row: in an order drawn at random, but the groups with the most uneven strata first, each group
    goes to the fold that leaves the strata spread most evenly over the folds, and of equal ones to the smallest.

    The folds of scikit-learn's StratifiedGroupKFold, whose search for the best fold takes six times as long.
    """
    n_groups, inverse = len(np.unique(groups)), np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((n_groups, strata.max() + 1))
    np.add.at(counts, (inverse, strata), 1)
    order = np.arange(n_groups)
    np.random.RandomState(seed).shuffle(order)
    order = order[np.argsort(-counts[order].std(axis=1), kind="stable")]
    totals, in_fold, fold_of = (
        counts.sum(axis=0),
        np.zeros((n_folds, counts.shape[1])),
        np.empty(n_groups, dtype="int64"),
    )
    this_fold = np.eye(n_folds)[:, :, None]
    for group in order:
        unevenness = ((in_fold + this_fold * counts[group]) / totals).std(axis=1).mean(axis=1).tolist()
        sizes = in_fold.sum(axis=1).tolist()
        best = 0
        for fold in range(1, n_folds):
            equal = abs(unevenness[fold] - unevenness[best]) <= 1e-8 + 1e-5 * unevenness[best]
            if unevenness[fold] < unevenness[best] or (equal and sizes[fold] < sizes[best]):
                best = fold
        in_fold[best] += counts[group]
        fold_of[group] = best
    return fold_of[inverse]


def drawn(rows: NDArray[np.bool_], households: Groups, at_most: int, seed: int) -> NDArray[np.bool_]:
    """The mask `rows` (n,), or that of whole households drawn at random among them that hold about `at_most`."""
    n_rows = int(rows.sum())
    if n_rows <= at_most:
        return rows
    present = np.unique(households[rows])
    kept = np.random.default_rng(seed).permutation(present)[: int(len(present) * at_most / n_rows)]
    return rows & np.isin(households, kept)
