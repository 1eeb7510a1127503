"""Target by the best two questions about a household."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.settings import POLICY_TREE
from dunnhumby_pipeline.targeting.policies.base import Array, Rule

if TYPE_CHECKING:
    from dunnhumby_pipeline.targeting.economics import Economics
    from dunnhumby_pipeline.targeting.evidence import Evidence


# Cut points tried per covariate, at equal shares of the trials; and the least share of them in a leaf.
N_CUTS = 7
LEAST_SHARE = 0.05
# Gains that agree to this share of the total are equal: sums in single precision do not agree further.
_PRECISION = 1e-5
_ROWS_AT_ONCE = 20_000

Split = tuple[int, float]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tree:
    """A tree of depth 2. `splits`: at the root, below where its answer is yes, and below where it is no; each asks
    whether covariate `at` is at most a value, None asks nothing. `treats` (4,): what the leaves yes-yes, yes-no,
    no-yes, no-no do.
    """

    splits: tuple[Split | None, Split | None, Split | None]
    treats: tuple[bool, bool, bool, bool]

    def leaf(self, covariates: Array) -> NDArray[np.int64]:
        """Leaf (n,) of each household, 0 to 3."""
        return _leaf(*(_answer(split, covariates) for split in self.splits))

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return np.asarray(self.treats, dtype=float)[self.leaf(covariates)]


def _leaf(root: Mask, yes: Mask, no: Mask) -> NDArray[np.int64]:
    return np.where(root, 0, 2) + np.where(np.where(root, yes, no), 0, 1)


def _answer(split: Split | None, covariates: Array) -> Mask:
    return np.ones(len(covariates), dtype=bool) if split is None else covariates[:, split[0]] <= split[1]


class PolicyTree(Rule):
    """The tree of depth 2 of the highest mean profit score over all cut points tried (Athey & Wager 2021; Zhou, Athey &
    Wager 2023).
    """

    name = POLICY_TREE

    def fit(self, evidence: Evidence, economics: Economics) -> Tree:
        return best_tree(evidence.covariates, economics.profit(evidence.scores))


def cut_points(covariates: Array, n_cuts: int) -> list[Split]:
    """Questions: at most `n_cuts` per covariate of (n, p), at quantiles rounded to three digits."""
    at = np.quantile(covariates, np.arange(1, n_cuts + 1) / (n_cuts + 1), axis=0, method="lower")
    top = covariates.max(axis=0)
    cuts = [sorted({float(f"{cut:.3g}") for cut in column}) for column in at.T]
    return [(j, cut) for j, own in enumerate(cuts) for cut in own if cut < top[j]]


def best_tree(covariates: Array, profit: Array, n_cuts: int = N_CUTS, least_share: float = LEAST_SHARE) -> Tree:
    """The tree of depth 2 whose treated leaves have the largest sum of `profit` (n,), of all with at least
    `least_share` of the trials in a leaf, by (n, p) covariates.
    """
    return Search(covariates, profit, n_cuts, least_share).best(np.ones(len(profit)))


class Search:
    """The search for the best tree, of which all but the sums is done once: for refits that count trials otherwise."""

    def __init__(
        self, covariates: Array, profit: Array, n_cuts: int = N_CUTS, least_share: float = LEAST_SHARE
    ) -> None:
        self.questions, self.profit, self.least_share = cut_points(covariates, n_cuts), profit, least_share
        answers = [covariates[:, column] <= cut for column, cut in self.questions]
        self.answers = np.column_stack(answers) if answers else np.empty((len(profit), 0), dtype=bool)

    def best(self, counts: Array) -> Tree:
        """The best tree when each trial counts `counts` (n,) times.

        Sums over the four leaves of any two questions follow from sums over pairs of answers, one product of matrices.
        """
        profit, questions = counts * self.profit, self.questions
        total, size = float(profit.sum()), float(np.abs(profit).sum())
        everybody = Tree((None, None, None), (total > 0,) * 4)
        if not questions:
            return everybody
        sums, numbers = self._pairs(counts)
        n, least = float(counts.sum()), self.least_share * float(counts.sum())
        of_sum, of_count = np.diag(sums)[:, None], np.diag(numbers)[:, None]
        yes, yes_gain = _best_below(sums, of_sum - sums, numbers, of_count - numbers, least)
        no, no_gain = _best_below(
            of_sum.T - sums,
            total - of_sum - of_sum.T + sums,
            of_count.T - numbers,
            n - of_count - of_count.T + numbers,
            least,
        )
        gain = yes_gain + no_gain
        gain[np.minimum(of_count[:, 0], n - of_count[:, 0]) < least] = -np.inf
        root = _first_best(gain, size)
        if not gain[root] > max(0.0, total) + _PRECISION * size:
            return everybody
        asked = (root, *(int(at[root]) if at[root] >= 0 else None for at in (yes, no)))
        below = [np.ones(len(profit), dtype=bool) if at is None else self.answers[:, at] for at in asked]
        paid = np.bincount(_leaf(*below), profit, minlength=4) > 0
        first, second, third = (None if at is None else questions[at] for at in asked)
        return Tree((first, second, third), (bool(paid[0]), bool(paid[1]), bool(paid[2]), bool(paid[3])))

    def _pairs(self, counts: Array) -> tuple[Array, Array]:
        """Sums of profit and numbers of trials (q, q) for which two questions are both answered yes."""
        q = len(self.questions)
        sums, numbers = np.zeros((2, q, q))
        counted = np.flatnonzero(counts)
        for start in range(0, len(counted), _ROWS_AT_ONCE):
            rows = counted[start : start + _ROWS_AT_ONCE]
            answers, times = self.answers[rows].astype(np.float32), counts[rows, None].astype(np.float32)
            sums += answers.T @ (answers * (times * self.profit[rows, None].astype(np.float32)))
            numbers += answers.T @ (answers * times)
        return sums, numbers


def _best_below(left: Array, right: Array, n_left: Array, n_right: Array, least: float) -> tuple[Array, Array]:
    """For each first question (rows of (q, q) sums) the second that gains most, -1 for none, and what it gains."""
    alone = np.maximum(0.0, left[:, 0] + right[:, 0])
    gain = np.where(np.minimum(n_left, n_right) >= least, np.maximum(0, left) + np.maximum(0, right), -np.inf)
    scale = np.abs(left).max() + np.abs(right).max()
    best = gain.max(axis=1)
    at = np.argmax(gain >= (best - _PRECISION * scale)[:, None], axis=1)
    found = best > alone + _PRECISION * scale
    return np.where(found, at, -1), np.where(found, best, alone)


def _first_best(gain: Array, scale: float) -> int:
    return int(np.argmax(gain >= gain.max() - _PRECISION * scale))
