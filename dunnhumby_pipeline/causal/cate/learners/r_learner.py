"""Effects linear in the covariates, by lasso on the shared residuals."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.resampling import household_bootstraps
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

_INNER_FOLDS = 5
_SOLVER = {"max_iter": 5000, "tol": 1e-3}


@dataclass(frozen=True)
class _Training:
    standard: Array
    target: Array
    weight: Array
    households: NDArray[np.int64]
    penalty: float


@dataclass(eq=False)
class RLearner(Learner):
    """Lasso of ry / rt on standardised covariates with weight rt^2 (Nie & Wager 2021).

    The penalty is chosen by cross-validation grouped by household, and held in the household bootstrap
    that gives the interval. The intercept is not penalised, so that the constant effect is nested.
    """

    name = "r_learner"
    interval_of = "household"

    n_bootstraps: int
    seed: int
    centre: Array = field(init=False)
    scale: Array = field(init=False)
    # Intercept, then slopes on standardised covariates: (p + 1,), and a column for each bootstrap (p + 1, b).
    coefficients: Array = field(init=False)
    replicates: Array | None = field(init=False, default=None)
    training: _Training | None = field(init=False, default=None)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> RLearner:
        return cls(settings.n_bootstraps, seed)

    def fit(self, x: Array, data: Residuals) -> RLearner:
        from sklearn.linear_model import LassoCV
        from sklearn.model_selection import GroupKFold
        from sklearn.preprocessing import StandardScaler

        ry, rt = data.outcome_residual, data.treatment_residual
        scaler = StandardScaler().fit(x)
        self.centre, self.scale = scaler.mean_, scaler.scale_
        standard, target, weight = self._standard(x), ry / rt, rt**2
        inner = list(GroupKFold(_INNER_FOLDS).split(x, target, data.households))
        with threadpool_limits(1):
            chosen = LassoCV(alphas=30, cv=inner, **_SOLVER).fit(standard, target, sample_weight=weight)
        self.coefficients = np.array([chosen.intercept_, *chosen.coef_])
        self.training, self.replicates = _Training(standard, target, weight, data.households, chosen.alpha_), None
        return self

    def predict(self, x: Array) -> Array:
        return self._standard(x) @ self.coefficients[1:] + self.coefficients[0]

    def interval(self, x: Array, confidence: float) -> Interval:
        replicates, effect = self._bootstrapped(), self.predict(x)
        spread = np.std(self._standard(x) @ replicates[1:] + replicates[0], axis=1, ddof=1)
        half = normal_quantile(confidence) * spread
        return effect - half, effect + half

    def arrays(self) -> Arrays:
        fitted = {"centre": self.centre, "scale": self.scale, "coefficients": self.coefficients}
        return {**fitted, "replicates": self._bootstrapped()}

    def restore(self, arrays: Arrays) -> RLearner:
        self.centre, self.scale = arrays["centre"], arrays["scale"]
        self.coefficients, self.replicates = arrays["coefficients"], arrays["replicates"]
        return self

    def _standard(self, x: Array) -> Array:
        return (x - self.centre) / self.scale

    def _bootstrapped(self) -> Array:
        """Coefficients of refits on resampled households: made when they are first asked for, as they cost most."""
        from sklearn.linear_model import Lasso

        if self.replicates is None:
            data, found = self.training, []
            if data is None:
                raise ValueError("fit the R-learner first")
            with threadpool_limits(1):
                for rows in household_bootstraps(data.households, self.n_bootstraps, self.seed):
                    model = Lasso(data.penalty, **_SOLVER)
                    model.fit(data.standard[rows], data.target[rows], sample_weight=data.weight[rows])
                    found.append([model.intercept_, *model.coef_])
            self.replicates = np.array(found).T
        return self.replicates
