"""A fitted outcome mean as arrays: the average of a lasso on standardised covariates and of boosted trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Averaged
from dunnhumby_pipeline.engine.arrays import Arrays

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OutcomeMean:
    """`centre` and `scale` (p,) standardise, `slopes` (p,) and `intercept` are the lasso's; `trees` are the bytes
    that xgboost reads back, none for an outcome that does not vary.
    """

    centre: Array
    scale: Array
    slopes: Array
    intercept: Array
    trees: NDArray[np.uint8]

    @classmethod
    def of(cls, fitted: Averaged, n_covariates: int) -> OutcomeMean:
        """The arrays of what `fit_outcome` fitted."""
        from sklearn.dummy import DummyRegressor

        if isinstance(fitted.first, DummyRegressor):
            flat, none = np.ones(n_covariates), np.empty(0, dtype=np.uint8)
            return cls(0 * flat, flat, 0 * flat, np.ravel(fitted.first.constant_)[0], none)
        scaler, lasso = fitted.first[0], fitted.first[-1]
        trees = np.frombuffer(fitted.second.get_booster().save_raw("ubj"), dtype=np.uint8)
        return cls(scaler.mean_, scaler.scale_, lasso.coef_, np.array(lasso.intercept_), trees)

    def mean(self, x: Array) -> Array:
        """Mean (n,) of the outcome at (n, p) covariates."""
        linear = (x - self.centre) / self.scale @ self.slopes + self.intercept
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
