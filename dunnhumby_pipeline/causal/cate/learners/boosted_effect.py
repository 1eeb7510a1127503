"""What the learners share whose effects are trees of a pseudo-outcome that xgboost grows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.grown import Grown, Setting, grow
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings


@dataclass(eq=False)
class GrownEffect(Learner):
    """Trees of a pseudo-outcome, weighted; constant where no tree helps households left out.

    There is no interval: trees that are shrunk, stopped early or large have a bias as large as their spread.
    """

    interval_of = None

    seed: int
    grown: Grown = field(init=False)

    @staticmethod
    @abstractmethod
    def pseudo(data: Residuals) -> tuple[Array, Array]:
        """Target (n,) in units of the outcome, and weight (n,), of each trial."""

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> GrownEffect:
        return cls(seed)

    def predict(self, x: Array) -> Array:
        return self.grown.predict(x)

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        return self.grown.arrays()

    def restore(self, arrays: Arrays) -> GrownEffect:
        self.grown = Grown.restored(arrays)
        return self


@dataclass(eq=False)
class BoostedEffect(GrownEffect):
    """Boosted trees (Chen & Guestrin 2016) of a pseudo-outcome.

    Depth, to `deepest`, and number of trees are those that do best on households left out; a leaf holds the weight of
    `min_child` average trials. With depth 1 effects are sums of effects of single covariates.
    """

    deepest: int = 3
    learning_rate: float = 0.1
    min_child: float = 20.0

    def fit(self, x: Array, data: Residuals) -> BoostedEffect:
        shared = {"learning_rate": self.learning_rate, "min_child_weight": self.min_child}
        settings: list[Setting] = [{"max_depth": depth, **shared} for depth in range(1, self.deepest + 1)]
        self.grown = grow(x, *self.pseudo(data), data.households, settings, self.seed)
        return self
