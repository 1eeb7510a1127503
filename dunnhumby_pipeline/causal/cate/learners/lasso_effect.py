"""What the learners share whose effects are linear in the covariates, by lasso on a pseudo-outcome."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import CateSettings

_INNER_FOLDS = 5
_SOLVER = {"max_iter": 5000, "tol": 1e-3}


@dataclass(eq=False)
class LassoEffect(Learner):
    """Lasso (Tibshirani 1996) of a pseudo-outcome on standardised covariates, weighted.

    The penalty is chosen by cross-validation grouped by household. The intercept is not penalised, so that the
    constant effect is nested. There is no interval: refits on resampled households leave coefficients at zero there,
    and those that are not zero are shrunk, so that their spread would not cover (Knight & Fu 2000; Chatterjee &
    Lahiri 2011). What such households gain is proven together, by the value of the policy that selects them.
    """

    interval_of = None

    centre: Array = field(init=False)
    scale: Array = field(init=False)
    # Intercept, then slopes on standardised covariates: (p + 1,).
    coefficients: Array = field(init=False)

    @staticmethod
    @abstractmethod
    def pseudo(data: Residuals) -> tuple[Array, Array]:
        """Target (n,) in units of the outcome, and weight (n,), of each trial."""

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> LassoEffect:
        return cls()

    def fit(self, x: Array, data: Residuals) -> LassoEffect:
        from sklearn.linear_model import LassoCV
        from sklearn.model_selection import GroupKFold
        from sklearn.preprocessing import StandardScaler

        target, weight = self.pseudo(data)
        scaler = StandardScaler().fit(x)
        self.centre, self.scale = scaler.mean_, scaler.scale_
        standard = self._standard(x)
        n_folds = min(_INNER_FOLDS, len(np.unique(data.households)))
        inner = list(GroupKFold(n_folds).split(x, target, data.households))
        with one_thread():
            chosen = LassoCV(alphas=30, cv=inner, **_SOLVER).fit(standard, target, sample_weight=weight)
        self.coefficients = np.array([chosen.intercept_, *chosen.coef_])
        return self

    def predict(self, x: Array) -> Array:
        return self._standard(x) @ self.coefficients[1:] + self.coefficients[0]

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        return {"centre": self.centre, "scale": self.scale, "coefficients": self.coefficients}

    def restore(self, arrays: Arrays) -> LassoEffect:
        self.centre, self.scale, self.coefficients = (arrays[name] for name in ("centre", "scale", "coefficients"))
        return self

    def _standard(self, x: Array) -> Array:
        return (x - self.centre) / self.scale
