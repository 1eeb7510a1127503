"""A fitted outcome mean as arrays: a lasso and boosted trees, by their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.boosting import Trees
from dunnhumby_pipeline.causal.nuisance.models import Stack
from dunnhumby_pipeline.engine.arrays import Arrays

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OutcomeMean:
    """`slopes` (p,) and `level` are those of what is linear, the lasso's by its weight and all that is constant;
    `trees` are the bytes that xgboost reads back, which count by `weight`: none for an outcome that does not vary.
    """

    slopes: Array
    level: Array
    trees: NDArray[np.uint8]
    weight: Array

    @classmethod
    def of(cls, fitted: Stack) -> OutcomeMean:
        """The arrays of what `fit_outcome` fitted."""
        linear, (of_linear, of_trees), trees = fitted.linear, fitted.weights, np.empty(0, dtype=np.uint8)
        if isinstance(fitted.trees, Trees) and of_trees > 0:
            trees = np.frombuffer(fitted.trees.booster.save_raw("ubj"), dtype=np.uint8)
        level = of_linear * linear.level + (1 - of_linear - of_trees) * fitted.level
        return cls(of_linear * linear.slopes, np.array(level), trees, np.array(of_trees))

    def mean(self, x: Array) -> Array:
        """Mean (n,) of the outcome at (n, p) covariates."""
        linear = x @ self.slopes + self.level
        if not len(self.trees):
            return linear
        return linear + self.weight * self._booster().inplace_predict(x)

    def _booster(self) -> Any:
        from xgboost import Booster

        booster = Booster({"nthread": 1})
        booster.load_model(bytearray(self.trees))
        return booster

    def arrays(self, prefix: str) -> Arrays:
        """Its arrays, each name behind `prefix`."""
        return {f"{prefix}{name}": np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def restored(cls, arrays: Arrays, prefix: str) -> OutcomeMean:
        return cls(**{name: arrays[f"{prefix}{name}"] for name in cls.__dataclass_fields__})
