"""Effects by an honest forest on the shared doubly robust scores."""

from __future__ import annotations

from dataclasses import dataclass

from dunnhumby_pipeline.causal.cate.learners.base import Array
from dunnhumby_pipeline.causal.cate.learners.causal_forest import CausalForest
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.threads import one_thread


@dataclass(eq=False)
class ForestDR(CausalForest):
    """An honest regression forest (Athey, Tibshirani & Wager 2019) of AIPW scores, as econml's ForestDRLearner has it.

    Scores are not weighted, so that it finds the effect of all trials alike, and is less sure where overlap is poor.
    """

    name = "forest_dr"
    left_to_certificate = True

    def fit(self, x: Array, data: Residuals) -> ForestDR:
        from econml.grf import RegressionForest

        self.forest = RegressionForest(**self.parameters(x.shape[1]))
        with one_thread():
            self.forest.fit(x, data.scores)
        self.forest.n_jobs = 1
        return self
