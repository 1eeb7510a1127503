"""One effect for all households."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import CONSTANT
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings


@dataclass(eq=False)
class Constant(Learner):
    """The overlap-weighted average effect, which minimises the R-loss among constants, with its clustered error."""

    name = CONSTANT
    interval_of = "average"
    is_constant = True

    effect: float = field(init=False)
    standard_error: float = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> Constant:
        return cls()

    def fit(self, x: Array, data: Residuals) -> Constant:
        self.effect, self.standard_error = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
        return self

    def predict(self, x: Array) -> Array:
        return np.full(len(x), self.effect)

    def interval(self, x: Array, confidence: float) -> Interval:
        half = normal_quantile(confidence) * self.standard_error
        return np.full(len(x), self.effect - half), np.full(len(x), self.effect + half)

    def arrays(self) -> Arrays:
        return {"effect": np.array(self.effect), "standard_error": np.array(self.standard_error)}

    def restore(self, arrays: Arrays) -> Constant:
        self.effect, self.standard_error = float(arrays["effect"]), float(arrays["standard_error"])
        return self
