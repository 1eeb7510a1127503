"""What a model of the conditional effect is: fitted to trials, it gives effects of any covariates, with intervals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]
Interval = tuple[Array, Array]


@dataclass(eq=False)
class Learner(ABC):
    """A model of the effect on one outcome, over shared nuisances: parameters when it is made, arrays once fitted.

    Nothing here refits a propensity or, except for a learner that is made of them, an outcome mean. Subclasses
    are dataclasses whose arguments are their parameters. `name` stands in the tables; `words.terms` says it in
    words. `interval_of`: whether an interval covers the average effect, that of households with given covariates, or
    their place on the best line through all effects; None where there is no honest interval. `dear`: whether it costs
    too much to be fitted in every study. `left_to_certificate`: whether only a certificate fits it.
    """

    name: ClassVar[str]
    interval_of: ClassVar[Literal["average", "household", "line"] | None]
    is_constant: ClassVar[bool] = False
    dear: ClassVar[bool] = False
    left_to_certificate: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> Learner:
        """The learner as the settings have it, not yet fitted."""

    @abstractmethod
    def fit(self, x: Array, data: Residuals) -> Learner:
        """Fit to the (n, p) covariates and residuals of n trials; returns itself."""

    @abstractmethod
    def predict(self, x: Array) -> Array:
        """Effect (n,) at (n, p) covariates, in units of the outcome."""

    @abstractmethod
    def interval(self, x: Array, confidence: float) -> Interval | None:
        """Lower and upper ends (n,) of the effect's interval; None where there is no honest one."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """All that `predict` and `interval` need, as arrays of numbers."""

    @abstractmethod
    def restore(self, arrays: Arrays) -> Learner:
        """Become the fitted learner that gave `arrays`; returns itself."""

    def get_params(self) -> dict[str, int | float]:
        """The arguments that make this learner."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    @classmethod
    def refusal(cls, n_trials: int) -> str | None:
        """Why it is not fitted to a study of so many trials, in words; None where it is."""
        return None

    @staticmethod
    def out_of_fold(data: Residuals) -> Array | None:
        """The effect (n,) of each trial by models that have not seen its fold, where the nuisances hold it already."""
        return None
