"""What the learners share whose effects are boosted trees of a pseudo-outcome."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.grown import Grown, Setting, grow
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

# A leaf holds the weight of 20 average trials; with depth 1 effects are sums of effects of single covariates.
_SETTINGS: tuple[Setting, ...] = tuple(
    {"max_depth": depth, "learning_rate": 0.1, "min_child_weight": 20} for depth in (1, 2, 3)
)


@dataclass(eq=False)
class BoostedEffect(Learner):
    """Boosted trees (Chen & Guestrin 2016) of a pseudo-outcome, weighted; constant where no tree helps.

    Depth and number of trees are those that do best on households left out. There is no interval: trees that are
    shrunk and stopped early have a bias as large as their spread.
    """

    interval_of = None

    seed: int
    grown: Grown = field(init=False)

    @staticmethod
    @abstractmethod
    def pseudo(data: Residuals) -> tuple[Array, Array]:
        """Target (n,) in units of the outcome, and weight (n,), of each trial."""

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> BoostedEffect:
        return cls(seed)

    def fit(self, x: Array, data: Residuals) -> BoostedEffect:
        self.grown = grow(x, *self.pseudo(data), data.households, _SETTINGS, self.seed)
        return self

    def predict(self, x: Array) -> Array:
        return self.grown.predict(x)

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        return self.grown.arrays()

    def restore(self, arrays: Arrays) -> BoostedEffect:
        self.grown = Grown.restored(arrays)
        return self
