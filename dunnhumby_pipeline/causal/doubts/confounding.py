"""Omitted-variable bounds: how far a confounder of given strength could have moved the estimate.

Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis (2022), "Long story short: omitted variable bias in causal machine
learning", for the partially linear estimate sum(rt ry) / sum(rt^2). A confounder that would explain a share
`gain_outcome` of the outcome and a share `gain_treatment` of the treatment, of what the measured covariates leave
unexplained, biases it by at most sqrt(sigma2 nu2 gain_outcome gain_treatment / (1 - gain_treatment)). econml has the
same formulas for errors that are not clustered, one pair of gains at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
# The contour covers the strongest benchmark and the robustness value with this margin, and no gains above the limit.
_MARGIN = 1.25
_LEAST_GAIN, _MOST_GAIN = 0.05, 0.5
_N_STEPS = 21
_CERTAIN = 1 - 1e-12
BENCHMARKS = [
    *("group", "kind", "n_covariates", "gain_outcome", "gain_treatment", "outcome_bound", "observed_change"),
    *("bias", "lower", "upper", "ci_lower", "ci_upper"),
]


@dataclass(frozen=True)
class ShortEstimate:
    """The estimate that omits the confounder, and the parts of its bias.

    `estimate` in the outcome's unit; `sigma2`, the mean square of ry - estimate rt, in its square; `nu2` =
    1 / mean(rt^2). `covariance` (3, 3) of the three, clustered by household.
    """

    estimate: float
    sigma2: float
    nu2: float
    covariance: Array

    @property
    def se(self) -> float:
        return float(np.sqrt(self.covariance[0, 0]))

    def interval(self, confidence: float) -> tuple[float, float]:
        half = normal_quantile(confidence) * self.se
        return self.estimate - half, self.estimate + half


def short_estimate(data: Residuals) -> ShortEstimate:
    """The overlap-weighted estimate of all trials with what bounds its bias.

    Raises ValueError when all of outcome or treatment is explained, or with fewer than two households.
    """
    ry, rt = data.outcome_residual, data.treatment_residual
    if not np.any(rt):
        raise ValueError("nothing is left unexplained of the treatment for a confounder to explain")
    n_households = len(np.unique(data.households))
    if n_households < 2:
        raise ValueError("standard errors clustered by household need two households or more")
    effect, _ = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
    left, nu2 = ry - effect * rt, 1 / float((rt**2).mean())
    sigma2 = float((left**2).mean())
    if sigma2 == 0:
        raise ValueError("nothing is left unexplained of the outcome for a confounder to explain")
    influence = np.column_stack([rt * left * nu2, left**2 - sigma2, nu2 - rt**2 * nu2**2])
    totals = pd.DataFrame(influence).groupby(data.households).sum().to_numpy()
    factor = n_households / (n_households - 1) / len(ry) ** 2
    return ShortEstimate(effect, sigma2, nu2, factor * totals.T @ totals)


def omitted_variable_bias(short: ShortEstimate, gain_outcome: ArrayLike, gain_treatment: ArrayLike) -> Array:
    """The largest bias, in the outcome's unit, of confounders of these gains (arrays that broadcast).

    A gain of outcome above 1 counts as 1: no more is left to explain. Infinite for a gain of treatment of 1 or more.
    """
    return _strength(gain_outcome, gain_treatment) * np.sqrt(short.sigma2 * short.nu2)


def adjusted_interval(
    short: ShortEstimate, gain_outcome: ArrayLike, gain_treatment: ArrayLike, confidence: float
) -> tuple[Array, Array]:
    """Lower limit of the estimate less the bias and upper limit of the estimate plus the bias, with sampling error.

    The bias is estimated too: its part of the error comes by the delta method from the covariance of estimate,
    sigma2 and nu2. Without confounding it is the estimate's own interval.
    """
    return _adjusted(short, _strength(gain_outcome, gain_treatment), confidence)


def _adjusted(short: ShortEstimate, strength: Array, confidence: float) -> tuple[Array, Array]:
    bias = strength * np.sqrt(short.sigma2 * short.nu2)
    slope = np.array([np.sqrt(short.nu2 / short.sigma2), np.sqrt(short.sigma2 / short.nu2)]) / 2
    own, with_bias, of_bias = (
        short.covariance[0, 0],
        slope @ short.covariance[1:, 0],
        slope @ short.covariance[1:, 1:] @ slope,
    )
    quantile = normal_quantile(confidence)
    with np.errstate(invalid="ignore"):
        below = np.sqrt(np.maximum(own - 2 * strength * with_bias + strength**2 * of_bias, 0.0))
        above = np.sqrt(np.maximum(own + 2 * strength * with_bias + strength**2 * of_bias, 0.0))
        return (
            np.where(np.isinf(bias), -np.inf, short.estimate - bias - quantile * below),
            np.where(np.isinf(bias), np.inf, short.estimate + bias + quantile * above),
        )


def robustness_value(short: ShortEstimate) -> float:
    """The gain, of outcome and treatment alike, at which the bias is as large as the estimate.

    The r of r^2 / (1 - r) = estimate^2 / (sigma2 nu2) (Cinelli & Hazlett 2020).
    """
    ratio = short.estimate**2 / (short.sigma2 * short.nu2)
    return float((np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2)


def interval_robustness_value(short: ShortEstimate, confidence: float) -> float:
    """The gain, of outcome and treatment alike, at which the adjusted interval reaches zero; 0 when it did before."""
    lower, upper = short.interval(confidence)
    if lower <= 0 <= upper:
        return 0.0

    def limit(gain: float) -> float:
        below, above = adjusted_interval(short, gain, gain, confidence)
        return float(below) if lower > 0 else float(above)

    return float(optimize.brentq(limit, 0.0, _CERTAIN))


def outcome_bound(gain_outcome: ArrayLike, gain_treatment: ArrayLike) -> Array:
    """The most that a confounder as strong as a group could explain of what is left of the outcome; at most 1.

    eta^2 gain_outcome, for the gains of `covariate_gains` (Cinelli & Hazlett 2020, section 4.4; `ovb_partial_r2_bound`
    of R's sensemakr). Once the treatment is given, a confounder that is alike to the group for the treatment is no
    longer unrelated to it: R2 of one on the other, with f = gain_treatment the treatment's partial R2 of the group over
    one less it, is f^2. Hence eta = (1 + f) / sqrt(1 - f^2) and eta^2 = (1 + f) / (1 - f): 1.02 at a gain of treatment
    of 1 %, 1.5 at 20 %, without bound from 1 on. 0 for a gain of outcome of 0 or less.
    """
    of_outcome = np.maximum(np.asarray(gain_outcome, dtype=float), 0.0)
    f = np.maximum(np.asarray(gain_treatment, dtype=float), 0.0)
    possible = f < 1
    squared_eta = np.where(possible, (1 + f) / np.where(possible, 1 - f, 1.0), np.inf)
    with np.errstate(invalid="ignore"):
        return np.where(of_outcome == 0, 0.0, np.minimum(squared_eta * of_outcome, 1.0))


def confounder_benchmarks(short: ShortEstimate, gains: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """`gains` (see `covariate_gains`) and what a confounder as strong as each group would do, strongest first.

    group, kind, n_covariates, gain_outcome, gain_treatment, `outcome_bound`, observed_change, then in the outcome's
    unit bias, lower, upper (the estimate less and plus the bias) and ci_lower, ci_upper (with sampling error). Infinite
    where the gain of treatment is 1 or more: such a group bounds nothing.

    The bias is that of the outcome bound and the gain of treatment, and no less than what leaving the group out did to
    the estimate. In sample least squares see to that themselves; out of fold either gain may come out at 0 or below by
    chance, when the pair of them bounds nothing, and a group that moved the estimate is not one that could not have.
    """
    bound = outcome_bound(gains["gain_outcome"], gains["gain_treatment"])
    scale = np.sqrt(short.sigma2 * short.nu2)
    positive = (gains["gain_outcome"] > 0) & (gains["gain_treatment"] > 0)
    of_treatment = np.where(positive, gains["gain_treatment"], 0.0)
    strength = np.maximum(_strength(bound, of_treatment), gains["observed_change"].abs() / scale)
    bias = strength * scale
    ci_lower, ci_upper = _adjusted(short, strength, confidence)
    table = gains.assign(
        outcome_bound=bound,
        bias=bias,
        lower=short.estimate - bias,
        upper=short.estimate + bias,
        ci_lower=ci_lower,
        ci_upper=ci_upper,
    )[BENCHMARKS]
    return table.sort_values("bias", ascending=False, kind="stable", ignore_index=True)


def confounding_contour(short: ShortEstimate, benchmarks: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """A grid of gain_outcome and gain_treatment with the `limit` of the effect nearest to zero, in its unit.

    The limit is that of the adjusted interval; where the estimate's own interval includes zero already, it is the
    estimate less its bias (plus, when it is negative). Each axis reaches beyond the strongest benchmark and the
    robustness value, to at most half.
    """
    lower, upper = short.interval(confidence)
    robust = robustness_value(short)
    axes = []
    for gains in (benchmarks["outcome_bound"], benchmarks["gain_treatment"]):
        furthest = _MARGIN * max([robust, *gains])
        axes.append(np.linspace(0, min(max(furthest, _LEAST_GAIN), _MOST_GAIN), _N_STEPS))
    of_outcome, of_treatment = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    positive = short.estimate >= 0
    if lower <= 0 <= upper:
        bias = omitted_variable_bias(short, of_outcome, of_treatment)
        limit = short.estimate - bias if positive else short.estimate + bias
    else:
        limit = adjusted_interval(short, of_outcome, of_treatment, confidence)[0 if positive else 1]
    return pd.DataFrame({"gain_outcome": of_outcome, "gain_treatment": of_treatment, "limit": limit})


def _strength(gain_outcome: ArrayLike, gain_treatment: ArrayLike) -> Array:
    """sqrt(gain_outcome gain_treatment / (1 - gain_treatment))."""
    of_outcome = np.minimum(np.asarray(gain_outcome, dtype=float), 1.0)
    of_treatment = np.asarray(gain_treatment, dtype=float)
    if (of_outcome < 0).any() or (of_treatment < 0).any():
        raise ValueError("gains are shares of what is left unexplained, 0 or more")
    possible = of_treatment < 1
    odds = np.where(possible, of_treatment / np.where(possible, 1 - of_treatment, 1.0), np.inf)
    with np.errstate(invalid="ignore"):
        return np.where(of_outcome == 0, 0.0, np.sqrt(of_outcome * odds))
