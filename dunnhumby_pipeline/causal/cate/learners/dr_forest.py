"""DR-learner of a random forest."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.base import Array
from dunnhumby_pipeline.causal.cate.learners.boosted_effect import BoostedEffect
from dunnhumby_pipeline.causal.cate.learners.grown import Setting, grow_forest
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_scores
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

# Leaves of so many average trials.
_SETTINGS: tuple[Setting, ...] = tuple({"max_depth": 8, "min_child_weight": leaf} for leaf in (15, 60))
_N_TREES = 60


@dataclass(eq=False)
class DRForest(BoostedEffect):
    """A random forest of AIPW scores with weight e (1 - e) (Kennedy 2023), its leaves as large as predicts best."""

    name = "dr_forest"
    pseudo = staticmethod(of_scores)

    def fit(self, x: Array, data: Residuals) -> DRForest:
        self.grown = grow_forest(x, *self.pseudo(data), data.households, _SETTINGS, _N_TREES, self.seed)
        return self
