"""The difference of the outcome means of both arms."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from dunnhumby_pipeline.causal.cate.learners.base import Array, Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.outcome_mean import OutcomeMean
from dunnhumby_pipeline.causal.cate.learners.resampling import household_bootstraps, subset
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.models import fit_outcome
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

_ARMS = (0, 1)


@dataclass(eq=False)
class TLearner(Learner):
    """mu1(x) - mu0(x), each fitted within its arm; intervals from refits on resampled households.

    Out of fold it is what the shared nuisances already say.
    """

    name = "t_learner"
    interval_of = "household"

    n_bootstraps: int
    seed: int
    means: list[OutcomeMean] = field(init=False)
    replicates: list[list[OutcomeMean]] | None = field(init=False, default=None)
    training: tuple[Array, Residuals] | None = field(init=False, default=None)

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> TLearner:
        return cls(settings.n_outcome_bootstraps, seed)

    @staticmethod
    def out_of_fold(data: Residuals) -> Array:
        return data.mu1 - data.mu0

    def fit(self, x: Array, data: Residuals) -> TLearner:
        self.means, self.training, self.replicates = self._by_arm(x, data), (x, data), None
        return self

    def predict(self, x: Array) -> Array:
        return _difference(self.means, x)

    def interval(self, x: Array, confidence: float) -> Interval:
        effect = self.predict(x)
        replicates = self._bootstrapped()
        spread = np.std([_difference(means, x) for means in replicates], axis=0, ddof=1)
        # Student's: the spread of few replicates is itself uncertain.
        half = stats.t.ppf((1 + confidence) / 2, len(replicates) - 1) * spread
        return effect - half, effect + half

    def arrays(self) -> Arrays:
        stored: Arrays = {}
        for replicate, means in enumerate([self.means, *self._bootstrapped()]):
            for arm in _ARMS:
                stored |= means[arm].arrays(f"{replicate}_{arm}_")
        return stored

    def restore(self, arrays: Arrays) -> TLearner:
        self.means, *self.replicates = (
            [OutcomeMean.restored(arrays, f"{replicate}_{arm}_") for arm in _ARMS]
            for replicate in range(self.n_bootstraps + 1)
        )
        return self

    def _by_arm(self, x: Array, data: Residuals) -> list[OutcomeMean]:
        arms = [data.treated == arm for arm in _ARMS]
        fitted = [fit_outcome(x[rows], data.y[rows], data.households[rows], self.seed) for rows in arms]
        return [OutcomeMean.of(model) for model in fitted]

    def _bootstrapped(self) -> list[list[OutcomeMean]]:
        """Means of refits on resampled households: made when they are first asked for, as they cost most."""
        if self.replicates is None:
            if self.training is None:
                raise ValueError("fit the T-learner first")
            x, data = self.training
            samples = household_bootstraps(data.households, self.n_bootstraps, self.seed)
            self.replicates = [self._by_arm(x[rows], subset(data, rows)) for rows in samples]
        return self.replicates


def _difference(means: list[OutcomeMean], x: Array) -> Array:
    return means[1].mean(x) - means[0].mean(x)
