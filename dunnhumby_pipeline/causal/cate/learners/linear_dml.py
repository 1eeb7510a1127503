"""Effects linear in the covariates, by least squares on the shared residuals."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.fold_ridge import ridge
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import CateSettings

# Households for each coefficient, below which least squares follows noise and its errors are too small.
_HOUSEHOLDS_A_TERM = 10


@dataclass(eq=False)
class LinearDML(Learner):
    """Least squares of ry on rt (1, x): the final stage of econml's LinearDML (Chernozhukov et al. 2018).

    Errors are clustered by household, with the factor G / (G - 1) (n - 1) / (n - p - 1). They are those of the best
    linear approximation of the effect, and so are the intervals: they cover a household's effect where effects are
    linear, and only there (as 95 % intervals 61 % of the effects of ten sets of ACIC 2016). With fewer than ten
    households for each coefficient it is a ridge regression instead, the penalty by generalised cross-validation and
    the intercept free, which has no interval.
    """

    name = "linear_dml"
    interval_of = "line"

    centre: Array = field(init=False)
    scale: Array = field(init=False)
    # Intercept, then slopes on standardised covariates: (p + 1,), and their covariance (p + 1, p + 1), empty for ridge.
    coefficients: Array = field(init=False)
    covariance: Array = field(init=False)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> LinearDML:
        return cls()

    def fit(self, x: Array, data: Residuals) -> LinearDML:
        self.centre, self.scale = x.mean(axis=0), np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), 1.0)
        rt, ry = data.treatment_residual, data.outcome_residual
        design = rt[:, None] * self._terms(x)
        _, household = np.unique(data.households, return_inverse=True)
        n_households, n_terms = int(household.max()) + 1, design.shape[1]
        with one_thread():
            if n_households < _HOUSEHOLDS_A_TERM * n_terms:
                self._ridge(design, ry)
                return self
            inverse = np.linalg.pinv(design.T @ design, hermitian=True)
            self.coefficients = inverse @ (design.T @ ry)
            totals = np.zeros((n_households, n_terms))
            np.add.at(totals, household, design * (ry - design @ self.coefficients)[:, None])
            factor = n_households / (n_households - 1) * (len(ry) - 1) / (len(ry) - n_terms)
            self.covariance = factor * inverse @ (totals.T @ totals) @ inverse
        return self

    def predict(self, x: Array) -> Array:
        return self._terms(x) @ self.coefficients

    def interval(self, x: Array, confidence: float) -> Interval | None:
        if not self.covariance.size:
            return None
        terms, effect = self._terms(x), self.predict(x)
        half = normal_quantile(confidence) * np.sqrt(((terms @ self.covariance) * terms).sum(axis=1))
        return effect - half, effect + half

    def arrays(self) -> Arrays:
        return {name: getattr(self, name) for name in ("centre", "scale", "coefficients", "covariance")}

    def restore(self, arrays: Arrays) -> LinearDML:
        self.centre, self.scale = arrays["centre"], arrays["scale"]
        self.coefficients, self.covariance = arrays["coefficients"], arrays["covariance"]
        return self

    def _terms(self, x: Array) -> Array:
        return np.column_stack([np.ones(len(x)), (x - self.centre) / self.scale])

    def _ridge(self, design: Array, ry: Array) -> None:
        """Slopes on what the intercept's column leaves of the others, then the intercept."""
        first, others = design[:, :1], np.column_stack([design[:, 1:], ry])
        shares = (first.T @ others) / (first.T @ first)
        left = others - first @ shares
        slopes = ridge(left.T @ left, len(ry), 1)[:, 0]
        self.coefficients = np.array([shares[0, -1] - shares[0, :-1] @ slopes, *slopes])
        self.covariance = np.empty((0, 0))
