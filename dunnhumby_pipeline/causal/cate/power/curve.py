"""The power curve: how often effects of growing spread are found, and the spread that is found often enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PowerCurve:
    """P(found) = Phi(intercept + slope x spread), slope 0 or more; `covariance` (2, 2) of the two by their draws."""

    intercept: float
    slope: float
    covariance: Array

    def share(self, spread: Array) -> Array:
        """Share (m,) of draws in which effects of these spreads (m,) are found."""
        return stats.norm.cdf(self.intercept + self.slope * np.asarray(spread, dtype=float))

    def spread(self, power: float) -> tuple[float, float]:
        """The spread that is found with this probability, and its Monte-Carlo standard error by the delta method.

        Infinite where the curve does not rise, 0 where it starts above.
        """
        if self.slope <= 0:
            return float("inf"), float("nan")
        found = (stats.norm.ppf(power) - self.intercept) / self.slope
        by = np.array([-1.0, -found]) / self.slope
        return max(float(found), 0.0), float(np.sqrt(by @ self.covariance @ by))


@one_thread()
def fit_curve(spread: Array, n_draws: Array, n_found: Array) -> PowerCurve:
    """Probit regression, by maximum likelihood, of what was found on the spread (m,), which must not all be the same.

    Half a draw that finds and half one that does not are added at each spread, so that the curve exists where all or
    none of the draws find the effects (Haldane 1956; Anscombe 1956). `slope` is not below 0: more cannot be harder.
    """
    scale = float(np.max(spread))
    if not np.ptp(spread) > 0:
        raise ValueError(f"a power curve needs two different spreads, found {np.unique(spread).tolist()}")
    at, found, missed = spread / scale, n_found + 0.5, n_draws - n_found + 0.5

    def loss(parameters: Array) -> float:
        index = parameters[0] + parameters[1] * at
        return -float(found @ special.log_ndtr(index) + missed @ special.log_ndtr(-index))

    fitted = optimize.minimize(loss, [-1.5, 3.0], bounds=[(None, None), (0.0, None)], method="L-BFGS-B")
    intercept, slope = fitted.x
    index = intercept + slope * at
    density = stats.norm.pdf(index)
    information = (found + missed) * density**2 / np.maximum(stats.norm.cdf(index) * stats.norm.sf(index), 1e-12)
    design = np.column_stack([np.ones_like(at), at])
    covariance = np.linalg.pinv(design.T @ (information[:, None] * design))
    turn = np.diag([1.0, 1 / scale])
    return PowerCurve(float(intercept), float(slope / scale), turn @ covariance @ turn)
