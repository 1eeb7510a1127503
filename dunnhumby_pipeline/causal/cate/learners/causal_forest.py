"""Effects by a generalised random forest on the shared residuals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.forest_arrays import forest_arrays, forest_from
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import CateSettings


def n_candidates(p: int) -> int:
    """grf's own number of candidate variables a split; all 80 would take three times as long."""
    return min(p, math.ceil(math.sqrt(p)) + 20)


@dataclass(eq=False)
class CausalForest(Learner):
    """econml's causal forest (Athey, Tibshirani & Wager 2019), grown on ry and rt as CausalForestDML would.

    There is no interval: the bootstrap of little bags says how far the forest would move with other trials, and not
    how far its leaves' averages lie from a household's effect. As 95 % intervals its errors cover 34 % of effects on
    IHDP and 66 % on data of the 2016 Atlantic conference.
    """

    name = "causal_forest"
    interval_of = None

    n_trees: int
    min_leaf: int
    max_samples: float
    n_jobs: int
    seed: int
    forest: Any = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> CausalForest:
        return cls(settings.n_trees, settings.min_leaf, settings.max_samples, settings.n_jobs, seed)

    def fit(self, x: Array, data: Residuals) -> CausalForest:
        # Not econml.dml, whose import takes several seconds and which would fit nuisances again.
        from econml.grf import CausalForest as Forest

        self.forest = Forest(**self.parameters(x.shape[1]))
        # The outcome less its mean, rounded as CausalForestDML rounds it: a last digit can turn a split.
        mean = data.y - data.outcome_residual
        with one_thread():
            self.forest.fit(x, data.treatment_residual, data.y - mean)
        # Threads add the trees' predictions in the order in which they finish, which changes the last digits.
        self.forest.n_jobs = 1
        return self

    def parameters(self, p: int) -> dict[str, object]:
        """econml's arguments of a forest on p covariates."""
        return {
            "n_estimators": self.n_trees,
            "min_samples_leaf": self.min_leaf,
            "max_samples": self.max_samples,
            "max_features": n_candidates(p),
            "random_state": self.seed,
            "n_jobs": self.n_jobs,
        }

    def predict(self, x: Array) -> Array:
        return self.forest.predict(x).ravel()

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def standard_error(self, x: Array) -> Array:
        """Spread (n,) of the effect at (n, p) covariates over other trials, by the bootstrap of little bags."""
        _, variance = self.forest.predict_and_var(x)
        return np.sqrt(variance.ravel())

    def arrays(self) -> Arrays:
        return forest_arrays(self.forest)

    def restore(self, arrays: Arrays) -> CausalForest:
        self.forest = forest_from(arrays)
        return self
