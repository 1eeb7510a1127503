"""The order of trials by effect within their fold, ties shared exactly; and how far each trial is among the first.

Effects of different folds come from different fits, whose levels differ by chance: ordered together, even one effect
for all seems to rank. So each trial has its place among those of its own fold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
Groups = NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """Where n trials stand: each among those from `start` to `end` (n,), shares of its fold's weight, 0 the largest
    effect. Trials with one effect share one stretch, over which each is spread evenly: what a function of the order is
    expected to be when ties are broken by lot. `weights` (n,) sum to 1.
    """

    start: Array
    end: Array
    weights: Array

    def among_first(self, share: float | Array) -> Array:
        """How much of each trial is among the first `share` of its fold, 0 to 1: (n,), or (n, m) for m shares."""
        shares = np.asarray(share, dtype=float)
        width = self.end - self.start
        first = np.clip((np.atleast_1d(shares) - self.start[:, None]) / width[:, None], 0.0, 1.0)
        return first if shares.ndim else first[:, 0]

    def totals(self, values: Array, shares: Array) -> Array:
        """Sums (m,) of `values` (n,), each as far as its trial is among the first of `shares` (m,).

        What `values @ among_first(shares)` is, without its (n, m) numbers.
        """
        width, found = self.end - self.start, np.empty(len(shares))
        for place, share in enumerate(shares):
            whole = self.end <= share
            part = np.flatnonzero((self.start < share) & ~whole)
            found[place] = values[whole].sum() + values[part] @ ((share - self.start[part]) / width[part])
        return found

    def groups(self, n_groups: int) -> Array:
        """How much (n, n_groups) of each trial is in each of equal groups, the smallest effects first."""
        edges = np.linspace(0.0, 1.0, n_groups + 1)
        return np.diff(self.among_first(edges), axis=1)[:, ::-1]

    @property
    def has_order(self) -> bool:
        """Whether any two trials of a fold differ."""
        return bool((self.end - self.start).min() < 1.0 - 1e-9)


def overlap_weights(data: Residuals) -> Array:
    """e (1 - e) of each trial: under them an AIPW score divides by no propensity (Li, Morgan & Zaslavsky 2018)."""
    return data.propensity * (1.0 - data.propensity)


def rank(effect: Array, weights: Array, folds: Groups) -> Places:
    """The places of n trials by `effect` within `folds`, the largest first, by weight."""
    start, end = np.empty(len(effect)), np.empty(len(effect))
    # Most are ranked fold by fold.
    alone = len(folds) > 0 and (folds == folds[0]).all()
    for fold in folds[:1] if alone else np.unique(folds):
        if alone:
            order = np.argsort(-effect, kind="stable")
        else:
            rows = np.flatnonzero(folds == fold)
            order = rows[np.argsort(-effect[rows], kind="stable")]
        values = effect[order]
        new = np.concatenate([[True], values[1:] != values[:-1]])
        totals = np.cumsum(np.add.reduceat(weights[order], np.flatnonzero(new)))
        block = np.cumsum(new) - 1
        start[order] = np.concatenate([[0.0], totals[:-1]])[block] / totals[-1]
        end[order] = totals[block] / totals[-1]
    return Places(start, end, weights / weights.sum())


def half_samples(households: Groups, folds: Groups, n_samples: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which of n trials belong to a random half of each fold's households, `n_samples` times.

    A statistic varies between halves drawn without replacement as it does between whole samples (Politis, Romano &
    Wolf 1999; Yadlowsky et al. 2021, section 3.2).
    """
    rng = np.random.default_rng(seed)
    names, household = np.unique(households, return_inverse=True)
    fold_of = np.empty(len(names), dtype=np.int64)
    fold_of[household] = folds
    in_fold = [np.flatnonzero(fold_of == fold) for fold in np.unique(folds)]
    for _ in range(n_samples):
        drawn = np.zeros(len(names), dtype=bool)
        for members in in_fold:
            drawn[rng.permutation(members)[: (len(members) + 1) // 2]] = True
        yield drawn[household]
