"""A fitted outcome mean as arrays: the average of a lasso and of boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.models import Averaged, Trees
from dunnhumby_pipeline.engine.arrays import Arrays

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OutcomeMean:
    """`slopes` (p,) and `level` are the lasso's; `trees` are the bytes that xgboost reads back, none for an outcome
    that does not vary.
    """

    slopes: Array
    level: Array
    trees: NDArray[np.uint8]

    @classmethod
    def of(cls, fitted: Averaged) -> OutcomeMean:
        """The arrays of what `fit_outcome` fitted."""
        linear, trees = fitted.first, np.empty(0, dtype=np.uint8)
        if isinstance(fitted.second, Trees):
            trees = np.frombuffer(fitted.second.booster.save_raw("ubj"), dtype=np.uint8)
        return cls(linear.slopes, np.array(linear.level), trees)

    def mean(self, x: Array) -> Array:
        """Mean (n,) of the outcome at (n, p) covariates."""
        linear = x @ self.slopes + self.level
        if not len(self.trees):
            return linear
        return (linear + self._booster().inplace_predict(x)) / 2

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
