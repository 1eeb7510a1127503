"""The study's own data with effects planted in them: a plasmode.

Covariates, propensities and outcome means are the study's, and stay. What is left of the outcome once one effect for
all is taken from it is noise; a draw gives every household's noise a sign at random, its trials together (the wild
bootstrap of Liu 1988 and Davidson & Flachaire 2008, by cluster as in Cameron, Gelbach & Miller 2008). The noise is
then unrelated to treatment and covariates, and as large as it is here, household by household: outliers, arms of
unequal noise and households that return stay as they are. Only its skewness is lost. On top comes an effect of known
shape and spread. See Franklin et al. (2014) for plasmodes; nuisances are not fitted again, as they are the study's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.reduced import standard, stumps
from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]

# Effects that rise with what is bought anyway, that are linear in a few covariates, that jump where one passes a
# threshold, and that jump where two do.
PROGNOSTIC, LINEAR, THRESHOLD, INTERACTION = "prognostic", "linear", "threshold", "interaction"
SHAPES = (PROGNOSTIC, LINEAR, THRESHOLD, INTERACTION)
_N_LINEAR = 3


@dataclass(frozen=True)
class Plasmode:
    """`data`: of the study. `average`: its overlap-weighted effect, with `average_se`. `noise` (n,): what is left."""

    x: Array
    data: Residuals
    average: float
    average_se: float
    noise: Array

    def directions(self, shapes: list[str], rng: np.random.Generator) -> Array:
        """Directions (n, d) of effects, of overlap-weighted mean 0 and standard deviation 1, one for each shape."""
        z, steps, several = self._of_covariates
        # Covariates that take more than two values, where there are any, make up the linear ones.
        numbers = np.flatnonzero(several if several.any() else z.any(axis=0))
        expected = self.data.propensity * self.data.mu1 + (1 - self.data.propensity) * self.data.mu0
        found = []
        for shape in shapes:
            if shape == LINEAR or not steps.shape[1]:
                own = rng.choice(numbers, min(_N_LINEAR, len(numbers)), replace=False)
                direction = z[:, own] @ rng.standard_normal(len(own))
            elif shape == PROGNOSTIC:
                direction = standard(expected[:, None])[:, 0] * rng.choice([-1.0, 1.0])
            elif shape == THRESHOLD:
                direction = steps[:, rng.integers(steps.shape[1])] * rng.choice([-1.0, 1.0])
            else:
                direction = steps[:, rng.integers(steps.shape[1], size=2)].prod(axis=1) * rng.choice([-1.0, 1.0])
            found.append(self._standardised(direction, z, rng))
        return np.column_stack(found)

    @cached_property
    def _of_covariates(self) -> tuple[Array, Array, NDArray[np.bool_]]:
        """What all draws share: covariates standardised, their thresholds, and which take more than two values."""
        several = np.array([len(np.unique(column)) > 2 for column in self.x.T])
        return standard(self.x), stumps(self.x, self.data.treated), several

    def _standardised(self, direction: Array, z: Array, rng: np.random.Generator) -> Array:
        weight = self.data.propensity * (1 - self.data.propensity)
        direction = direction - np.average(direction, weights=weight)
        spread = np.sqrt(np.average(direction**2, weights=weight))
        if spread < 1e-6:
            # Two thresholds that no household passes together.
            return self._standardised(z @ rng.standard_normal(z.shape[1]), z, rng)
        return direction / spread

    def signs(self, n_draws: int, rng: np.random.Generator) -> Array:
        """A sign (n, d) of every household's noise, the same for all its trials."""
        households, inverse = np.unique(self.data.households, return_inverse=True)
        return rng.choice([-1.0, 1.0], size=(len(households), n_draws))[inverse]

    def outcome_residuals(self, effects: Array, signs: Array) -> Array:
        """Outcome residuals (n, d) where the effects (n, d) are true."""
        return self.data.treatment_residual[:, None] * effects + signs * self.noise[:, None]

    def drawn(self, outcome_residual: Array) -> Residuals:
        """The trials as they would be with these outcome residuals (n,), and means that know one effect for all."""
        e = self.data.propensity
        mean = e * self.data.mu1 + (1 - e) * self.data.mu0
        effect = float(self.data.treatment_residual @ outcome_residual / (self.data.treatment_residual**2).sum())
        return replace(self.data, y=mean + outcome_residual, mu0=mean - e * effect, mu1=mean + (1 - e) * effect)


def plasmode(x: Array, data: Residuals) -> Plasmode:
    """The plasmode of the study's covariates (n, p) and residuals; `average` in the outcome's unit."""
    # Households counted from 0: every draw sums over them several times.
    data = replace(data, households=np.unique(data.households, return_inverse=True)[1])
    average, se = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
    return Plasmode(x, data, average, se, data.outcome_residual - average * data.treatment_residual)
