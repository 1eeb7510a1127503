"""One outcome mean of both arms, with the treatment as a covariate."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.outcome_mean import OutcomeMean
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.models import fit_outcome
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings


@dataclass(eq=False)
class SLearner(Learner):
    """mu(x, 1) - mu(x, 0), mu fitted as the nuisances' means are (Kunzel et al. 2019).

    Regularised means shrink what the treatment does, so that effects are drawn towards 0: no interval would cover.
    """

    name = "s_learner"
    interval_of = None

    seed: int
    mean: OutcomeMean = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> SLearner:
        return cls(seed)

    def fit(self, x: Array, data: Residuals) -> SLearner:
        both = np.column_stack([x, data.treated])
        self.mean = OutcomeMean.of(fit_outcome(both, data.y, data.households, self.seed))
        return self

    def predict(self, x: Array) -> Array:
        treated, control = (self.mean.mean(np.column_stack([x, np.full(len(x), arm)])) for arm in (1.0, 0.0))
        return treated - control

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        return self.mean.arrays("")

    def restore(self, arrays: Arrays) -> SLearner:
        self.mean = OutcomeMean.restored(arrays, "")
        return self
