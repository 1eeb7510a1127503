"""The difference of boosted trees of both arms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.grown import Grown, Setting, grow
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

_ARMS = (0, 1)
_SETTINGS: tuple[Setting, ...] = ({"max_depth": 3, "learning_rate": 0.1, "min_child_weight": 3},)


@dataclass(eq=False)
class TBoosted(Learner):
    """mu1(x) - mu0(x), each boosted trees that stop where they stop helping households left out of its arm.

    Where effects are large and no line, they follow them further than the nuisances' means, which are drawn towards
    a linear model. No interval: what early stopping leaves out differs between the arms.
    """

    name = "t_xgboost"
    interval_of = None
    left_to_certificate = True

    seed: int
    grown: tuple[Grown, Grown] = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> TBoosted:
        return cls(seed)

    def fit(self, x: Array, data: Residuals) -> TBoosted:
        arms = [data.treated == arm for arm in _ARMS]
        control, treated = (
            grow(x[rows], data.y[rows], np.ones(int(rows.sum())), data.households[rows], _SETTINGS, self.seed)
            for rows in arms
        )
        self.grown = control, treated
        return self

    def predict(self, x: Array) -> Array:
        control, treated = self.grown
        return treated.predict(x) - control.predict(x)

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        control, treated = self.grown
        return {**control.arrays("control_"), **treated.arrays("treated_")}

    def restore(self, arrays: Arrays) -> TBoosted:
        self.grown = Grown.restored(arrays, "control_"), Grown.restored(arrays, "treated_")
        return self
