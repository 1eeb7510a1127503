"""What is believed of an effect before and after an experiment.

Before it: normal about the study's estimate with variance se^2 + tau^2, where tau, the spread of systematic error, has
the probabilities of the bias allowance. An experiment that finds x with error e multiplies the probability of each tau
by the density of x under N(estimate, se^2 + tau^2 + e^2), and moves the effect of each to the mean of both, weighted by
their precision. So the study pulls as much as its systematic error, of which the experiment itself tells, lets it:
where the two are far apart, large spreads become likely and the experiment decides. It is never the inverse-variance
mean of two estimates that are taken to be unbiased.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy import optimize, special

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Belief:
    """A mixture of normals: `mean`, `sd` and probability `weight` (k,) each, in $ per household."""

    mean: Array
    sd: Array
    weight: Array

    @property
    def estimate(self) -> float:
        """Expected effect, $."""
        return float(self.weight @ self.mean)

    @property
    def spread(self) -> float:
        """Standard deviation, $."""
        return float(np.sqrt(self.weight @ (self.sd**2 + self.mean**2) - self.estimate**2))

    def probability_above(self, threshold: float) -> float:
        """P(effect > threshold)."""
        return float(self.weight @ special.ndtr((self.mean - threshold) / self.sd))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Ends of the central interval, $."""
        far = 12 * float((self.sd + np.abs(self.mean - self.estimate)).max())
        low, high = self.estimate - far, self.estimate + far
        lower, upper = (
            optimize.brentq(lambda x, tail=tail: self.probability_above(x) - tail, low, high)
            for tail in ((1 + confidence) / 2, (1 - confidence) / 2)
        )
        return float(lower), float(upper)

    def density(self, at: Array) -> Array:
        """Density (m,) at effects (m,) in $."""
        return np.asarray(scipy.stats.norm.pdf(at[:, None], self.mean, self.sd) @ self.weight)


def prior(estimate: float, se: float, allowance: BiasAllowance) -> Belief:
    """What a study's estimate ($) with its error means, systematic error allowed for."""
    sd = np.hypot(se, allowance.tau)
    return Belief(np.full(len(sd), float(estimate)), sd, allowance.weight)


def updated(belief: Belief, found: float, error: float) -> Belief:
    """The belief after a randomised experiment that `found` this effect ($) with this standard `error`.

    Raises ValueError where the error is not above 0.
    """
    if not error > 0:
        raise ValueError(f"expected an experiment with an error above 0, found {error}")
    likely = scipy.stats.norm.logpdf(found, belief.mean, np.hypot(belief.sd, error))
    with np.errstate(divide="ignore"):
        weight = special.softmax(np.log(belief.weight) + likely)
    pull = belief.sd**2 / (belief.sd**2 + error**2)
    return Belief(belief.mean + pull * (found - belief.mean), np.sqrt(pull) * error, weight)


def believed(estimate: float, se: float, allowance: BiasAllowance, found: Iterable[tuple[float, float]]) -> Belief:
    """The belief of a study's estimate ($) after experiments that `found` these effects with these errors.

    A study without an error says nothing: then the first experiment is all that is known.
    """
    rest = list(found)
    if np.isfinite(se):
        belief = prior(estimate, se, allowance)
    else:
        effect, error = rest.pop(0)
        belief = Belief(np.array([effect]), np.array([error]), np.array([1.0]))
    for effect, error in rest:
        belief = updated(belief, effect, error)
    return belief
