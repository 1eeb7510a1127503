"""A fitted propensity as arrays: a logistic regression and boosted trees, by their weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.causal.nuisance.models import Stack, fit_propensity
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import NuisanceSettings

Array = NDArray[np.float64]
_PREFIX = "propensity_"


@dataclass(frozen=True)
class StoredPropensity:
    """`slopes` (p,) and `level` of the log odds by the regression, the `trees` as the bytes that xgboost reads back,
    and the `weights` (2,) of both."""

    slopes: Array
    level: Array
    trees: NDArray[np.uint8]
    weights: Array

    @classmethod
    def of(cls, fitted: Stack) -> StoredPropensity:
        """The arrays of what `fit_propensity` fitted."""
        scaler, regression = (step for _, step in fitted.linear.steps)
        slopes = regression.coef_[0] / scaler.scale_
        level = np.array(regression.intercept_[0] - slopes @ scaler.mean_)
        trees = np.frombuffer(fitted.trees.booster.save_raw("ubj"), dtype=np.uint8)
        return cls(slopes, level, trees, np.asarray(fitted.weights, dtype=float))

    def probability(self, x: Array) -> Array:
        """Probability (n,) of treatment at (n, p) covariates."""
        from xgboost import Booster

        of_linear, of_trees = self.weights
        booster = Booster({"nthread": 1})
        booster.load_model(bytearray(self.trees))
        return of_linear * expit(x @ self.slopes + self.level) + of_trees * booster.inplace_predict(x)

    def arrays(self) -> Arrays:
        """All of it, to be stored."""
        return {f"{_PREFIX}{name}": np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def restored(cls, arrays: Arrays) -> StoredPropensity:
        return cls(**{name: arrays[f"{_PREFIX}{name}"] for name in cls.__dataclass_fields__})


def final_propensity(x: Array, data: Residuals, settings: NuisanceSettings, seed: int) -> StoredPropensity:
    """The propensity fitted to all trials, (n, p) covariates, or to as many households as `max_trials` allows."""
    rows = drawn(np.ones(len(x), dtype=bool), data.households, settings.max_trials, seed)
    return StoredPropensity.of(fit_propensity(x[rows], data.treated[rows], data.households[rows], seed))
