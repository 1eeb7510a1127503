"""A large causal forest whose samples are of households, and whose leaves and samples are as large as predicts best."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.causal_forest import n_candidates
from dunnhumby_pipeline.causal.cate.learners.forest_arrays import forest_arrays, forest_from, forest_of
from dunnhumby_pipeline.causal.cate.learners.inner_folds import Groups, inner_folds
from dunnhumby_pipeline.causal.cate.learners.resampling import trials_by_household
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import CateSettings

# Fewest trials in a leaf, and the share of households that a tree sees.
Setting = tuple[int, float]
SETTINGS: tuple[Setting, ...] = tuple((leaf, share) for leaf in (5, 15, 50) for share in (0.2, 0.45))
_BAG, _INNER_FOLDS, _TREES_TO_JUDGE = 4, 3, 10


@dataclass(eq=False)
class TunedForest(Learner):
    """A causal forest (Athey, Tibshirani & Wager 2019) on ry and rt; of the sizes of leaves and samples those with the
    least R-loss on households left out, judged by a tenth of the trees.

    Each bag of four trees sees half of the households, each tree a share of these, and the households that decide a
    tree's splits are not those whose trials fill its leaves (honesty by cluster, as in grf).
    """

    name = "tuned_forest"
    interval_of = None
    dear = True

    n_trees: int
    seed: int
    forest: Any = field(init=False)
    # What the forest's numbers are multiples of, in units of the outcome.
    scale: float = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> TunedForest:
        return cls(settings.n_tuned_trees, seed)

    def fit(self, x: Array, data: Residuals) -> TunedForest:
        # A last digit, which another unit can change, can turn a split.
        self.scale = float(data.outcome_residual.std()) or 1.0
        ry = np.asarray(data.outcome_residual / self.scale, dtype=np.float32).astype(float)
        rt, households = data.treatment_residual, data.households
        folds = inner_folds(households, _INNER_FOLDS, self.seed)
        n_bags = max(1, self.n_trees // (_BAG * _TREES_TO_JUDGE))

        def loss(setting: Setting) -> float:
            effect = np.empty(len(x))
            for fold in np.unique(folds):
                out = folds == fold
                rows = x[~out], ry[~out], rt[~out], households[~out]
                forest = by_household(*rows, setting, n_bags * _BAG, self.seed)
                effect[out] = forest.predict(x[out]).ravel()
            return float(((ry - effect * rt) ** 2).mean())

        self.forest = by_household(x, ry, rt, households, min(SETTINGS, key=loss), self.n_trees, self.seed)
        return self

    def predict(self, x: Array) -> Array:
        return self.scale * self.forest.predict(x).ravel()

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        return {**forest_arrays(self.forest), "scale": np.array(self.scale)}

    def restore(self, arrays: Arrays) -> TunedForest:
        self.forest, self.scale = forest_from(arrays), float(arrays["scale"])
        return self


def by_household(x: Array, ry: Array, rt: Array, households: Groups, setting: Setting, n_trees: int, seed: int) -> Any:
    """econml's causal forest of `n_trees` on the residuals ry and rt (n,), grown on samples of households."""
    from econml.grf._base_grftree import GRFTree

    leaf, share = setting
    arms = np.column_stack([rt, np.ones(len(x))])
    # As econml.grf has it: the outcome, then both sides of the moments of effect and level.
    moments = np.column_stack([ry, ry[:, None] * arms, arms[:, :1] * arms, arms[:, 1:] * arms])
    parameters = {"criterion": "mse", "min_samples_split": 2 * leaf, "min_samples_leaf": leaf, "honest": True}
    trees = []
    with one_thread():
        for tree_seed, rows in household_samples(households, share, n_trees, seed):
            tree = GRFTree(**parameters, max_features=n_candidates(x.shape[1]), random_state=tree_seed).init()
            trees.append(tree.fit(x[rows], moments[rows], 1, 2, 1, check_input=False))
    return forest_of(trees, x.shape[1], 2, _BAG)


def household_samples(households: Groups, share: float, n_trees: int, seed: int) -> list[tuple[int, Groups]]:
    """For each tree its seed, and the rows of its households in an order that its own division into halves, the one
    for splits and the other for leaves, sorts by household."""
    trials_of = trials_by_household(households)
    samples = []
    for bag in range(n_trees // _BAG):
        rng = np.random.default_rng([seed, bag])
        half = rng.permutation(len(trials_of))[: len(trials_of) // 2]
        for _ in range(_BAG):
            own = rng.permutation(half)[: max(2, int(share * len(trials_of)))]
            splits, leaves = (np.concatenate([trials_of[household] for household in own[k::2]]) for k in (0, 1))
            n = min(len(splits), len(leaves))
            tree_seed = int(rng.integers(np.iinfo(np.int32).max))
            # The tree shuffles its rows by its seed, and takes the first half for splits.
            order = np.arange(2 * n)
            np.random.RandomState(tree_seed).shuffle(order)
            rows = np.empty(2 * n, dtype=np.int64)
            rows[order] = np.concatenate([splits[:n], leaves[:n]])
            samples.append((tree_seed, rows))
    return samples
