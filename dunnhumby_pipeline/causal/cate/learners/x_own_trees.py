"""X-learner that is boosted trees throughout, outcome means included."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.grown import Grown, Setting, grow
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

_SETTINGS: tuple[Setting, ...] = (
    {"max_depth": 2, "learning_rate": 0.1, "min_child_weight": 3},
    {"max_depth": 4, "learning_rate": 0.1, "min_child_weight": 5},
)


@dataclass(eq=False)
class XOwnTrees(Learner):
    """share tau0(x) + (1 - share) tau1(x) (Kunzel et al. 2019), `share` that of the trials which are treated.

    tau1 is a regression of y - mu0(x) on the treated, tau0 one of mu1(x) - y on the controls; these, and mu0 and mu1
    before them, are boosted trees that stop where they stop helping households left out of their arm. The shared means
    are drawn towards a linear model; where effects are steps of covariates, their error is taken for an effect. Any
    share is consistent, and one that is the same for all asks for no propensity of new households. No interval, as of
    all trees that stop early.
    """

    name = "x_own_trees"
    interval_of = None

    seed: int
    share: float = field(init=False)
    grown: tuple[Grown, Grown] = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> XOwnTrees:
        return cls(seed)

    def fit(self, x: Array, data: Residuals) -> XOwnTrees:
        control, treated = (data.treated == arm for arm in (0, 1))

        def trees(rows: np.ndarray, target: Array) -> Grown:
            return grow(x[rows], target, np.ones(len(target)), data.households[rows], _SETTINGS, self.seed)

        mean_control, mean_treated = trees(control, data.y[control]), trees(treated, data.y[treated])
        self.grown = (
            trees(control, mean_treated.predict(x[control]) - data.y[control]),
            trees(treated, data.y[treated] - mean_control.predict(x[treated])),
        )
        self.share = float(treated.mean())
        return self

    def predict(self, x: Array) -> Array:
        of_controls, of_treated = self.grown
        return self.share * of_controls.predict(x) + (1 - self.share) * of_treated.predict(x)

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        of_controls, of_treated = self.grown
        own: Arrays = {"share": np.array(self.share)}
        return {**own, **of_controls.arrays("control_"), **of_treated.arrays("treated_")}

    def restore(self, arrays: Arrays) -> XOwnTrees:
        self.share = float(arrays["share"])
        self.grown = Grown.restored(arrays, "control_"), Grown.restored(arrays, "treated_")
        return self
