"""How far systematic error may be, judged by what the negative controls found: a spread that widens intervals.

A negative control is an effect that is none. What the design finds of it is its own systematic error and chance.
Schuemie et al. (2014, 2018) fit a normal distribution to many such errors, mean and spread, and calibrate by both. A
study of campaigns has a handful of them, to which a mean would be fitted as noise: here the mean is zero, so that
estimates stay, and only the spread tau is learnt:

    estimate_j ~ N(0, tau^2 + se_j^2) for each control j, and tau ~ half-normal(scale) before any is seen.

The effect itself is then normal about its estimate with variance se^2 + tau^2, averaged over what is known of tau.
Controls count as independent of each other and of the effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray
from scipy import optimize, special

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS

Array = NDArray[np.float64]
_POINTS, _FARTHEST = 400, 8.0


@dataclass(frozen=True)
class BiasAllowance:
    """What is known of the spread of systematic error: `tau` (k,), in units of the outcome, and the probability
    `weight` (k,) of each; `n_controls` is how many controls have informed it.
    """

    tau: Array
    weight: Array
    n_controls: int

    @property
    def spread(self) -> float:
        """Standard deviation of systematic error: the root of the mean of tau^2."""
        return float(np.sqrt(self.weight @ self.tau**2))

    def times(self, factor: float) -> BiasAllowance:
        """The allowance of an outcome that is `factor` times this one's, as profit is margin times sales."""
        return BiasAllowance(self.tau * abs(factor), self.weight, self.n_controls)

    def standard_error(self, se: float | Array) -> float | Array:
        """Standard deviation of an effect with error `se` about its estimate, systematic error within."""
        return np.sqrt(np.square(se) + self.spread**2)

    def probability_above(self, threshold: float | Array, estimate: float, se: float) -> Array:
        """P(effect > threshold) for each threshold, of an effect with this estimate and error."""
        scale = np.sqrt(se**2 + self.tau**2)
        away = (estimate - np.asarray(threshold, dtype=float))[..., None]
        return np.asarray(special.ndtr(away / scale) @ self.weight)

    def interval(self, estimate: float, se: float, confidence: float) -> tuple[float, float]:
        """Ends of the central interval of the effect; about the estimate, and no narrower than without allowance."""
        if not np.isfinite(se):
            return np.nan, np.nan
        narrow, wide = (
            -scipy.stats.norm.ppf((1 - confidence) / 2) * np.hypot(se, tau) for tau in (0.0, self.tau.max())
        )
        tail = (1 + confidence) / 2
        if wide <= narrow:
            return estimate - narrow, estimate + narrow
        half = optimize.brentq(lambda half: float(self.probability_above(-half, 0.0, se)) - tail, narrow, wide)
        return estimate - half, estimate + half


def bias_allowance(estimates: Array, errors: Array, prior_scale: float) -> BiasAllowance:
    """The allowance after controls with these `estimates` and `errors` (j,), in units of the outcome.

    `prior_scale`: scale of the half-normal prior of tau, whose mean is .8 of it; without controls the prior stands.
    Raises ValueError where an error is not above 0, or the scale is not.
    """
    estimates, errors = np.asarray(estimates, dtype=float), np.asarray(errors, dtype=float)
    if not prior_scale > 0 or not (errors > 0).all():
        raise ValueError(f"expected a prior scale and errors above 0, found {prior_scale} and {errors.tolist()}")
    # Prior and controls are most at one about the root of both scales, when the controls lie far out.
    likely = max(prior_scale, np.sqrt(prior_scale * np.linalg.norm(estimates)))
    tau = (np.arange(_POINTS) + 0.5) / _POINTS * _FARTHEST * likely
    fit = scipy.stats.norm.logpdf(estimates, 0, np.sqrt(tau[:, None] ** 2 + errors**2)).sum(axis=1)
    told = scipy.stats.halfnorm.logpdf(tau, scale=prior_scale) + fit
    return BiasAllowance(tau, special.softmax(told), len(estimates))


def allowance_from(
    negative_controls: pd.DataFrame, prior_scale: float, experiments: pd.DataFrame | None = None
) -> BiasAllowance:
    """The allowance from the table of that name: each control at each campaign, in $ of spend per outcome window.

    `experiments`: of past randomised ones, by how much each differed from the study before it (observed_bias,
    observed_bias_se, $ of profit, at this margin): controls as well. The rows of all campaigns together are made of the
    others and would count them twice.
    """
    own = negative_controls.loc[negative_controls["campaign"].astype(str) != ALL_CAMPAIGNS]
    own = own.loc[own["se"] > 0]
    estimates, errors = own["estimate"].to_numpy(dtype=float), own["se"].to_numpy(dtype=float)
    if experiments is not None and len(experiments):
        margin = experiments["margin"].to_numpy(dtype=float)
        estimates = np.concatenate([estimates, experiments["observed_bias"].to_numpy(dtype=float) / margin])
        errors = np.concatenate([errors, experiments["observed_bias_se"].to_numpy(dtype=float) / margin])
    return bias_allowance(estimates, errors, prior_scale)
