"""Weighted differences between the arms: naive, inverse propensity, entropy balancing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.adjustment import NotEstimableError
from dunnhumby_pipeline.causal.estimators.clustered import Estimate, clustered_estimate
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Smallest eigenvalue of a matrix of correlations, as a share of its largest, that is not taken for zero.
_RANK_TOLERANCE = 1e-9
# One less the leverage of a trial that is not fitted exactly.
_LEAST_FREEDOM = 1e-6
_ROUNDING = 1e-12


def naive(data: Residuals, rows: Mask) -> Estimate:
    """Difference in mean outcome between the arms, adjusted for nothing: an association."""
    return _difference(data, np.ones(len(data.y)), rows)


def ipw(data: Residuals, weights: Array, rows: Mask) -> Estimate:
    """Difference of means weighted by 1 / e and 1 / (1 - e) in `weights` (n,), each arm's summing to one (ATE).

    Hajek's form (Hirano, Imbens & Ridder 2003). Its error takes the propensity as given, which is too wide where
    a correct model of it was fitted (Lunceford & Davidian 2004); a correction by that model's scores would not
    be one for averaged, penalised models. Nor does anything here correct what a propensity that is a little
    wrong leaves in the estimate. In `benchmarks.coverage` both are seen, a bias of about one standard deviation
    and errors two fifths too wide, which together happen to cover: hold it against AIPW, not above it.
    """
    return _difference(data, weights, rows)


def _difference(data: Residuals, weights: Array, rows: Mask) -> Estimate:
    y, treated, w = data.y[rows], data.treated[rows], weights[rows]
    w1, w0 = treated * w, (1 - treated) * w
    mean1, mean0 = np.average(y, weights=w1), np.average(y, weights=w0)
    influence = w1 * (y - mean1) / w1.mean() - w0 * (y - mean0) / w0.mean()
    return clustered_estimate(float(mean1 - mean0), influence, data.households[rows])


def entropy_overlap(data: Residuals, x: Array, weights: Array, rows: Mask) -> Estimate:
    """Difference of means under weights (n,) that bring both arms to the overlap population's covariates (ATO).

    Hainmueller (2012). The weights make a linear regression on (n, p) `x` the same in both arms, so that the
    estimate errs only by each arm's residuals from it (weighted regressions; Deville & Sarndal 1992 for
    calibrated weights) and by the overlap population's own composition, which e decides:

    w1 r1 / mean(w1) - w0 r0 / mean(w0) + (t - e)^2 (x - xbar)'(b1 - b0) / mean((t - e)^2).

    Treating the weights as given would overstate the error by all that covariates explain.
    """
    y, treated = data.y[rows], data.treated[rows]
    influence, gain = np.zeros(len(y)), np.zeros(len(y))
    for arm, sign in ((1, 1.0), (0, -1.0)):
        own = rows & (data.treated == arm)
        residual, fitted = _weighted_regression(x, data.y, weights, own, 0.5)
        influence[treated == arm] = sign * weights[own] * residual * len(y) / weights[own].sum()
        gain += sign * fitted[rows]
    tilt = data.treatment_residual[rows] ** 2
    influence += tilt * (gain - np.average(gain, weights=tilt)) / tilt.mean()
    return clustered_estimate(_difference(data, weights, rows)[0], influence, data.households[rows])


def entropy_treated(data: Residuals, x: Array, weights: Array, rows: Mask) -> Estimate:
    """Mean of the treated less that of controls weighted (n,) to the treated's covariates: the effect on them (ATT).

    As `entropy_overlap`, with the controls' regression b0 alone: the treated's outcomes are compared with what
    it expects, t (y - a0 - x'b0 - effect) / mean(t) - w0 r0 / mean(w0). Few controls carry most of the weight, so
    each residual is taken as if its trial had not been in the regression (HC3): with HC2 the errors come out an
    eighth too small where there are a hundred covariates.
    """
    y, treated = data.y[rows], data.treated[rows]
    control = rows & (data.treated == 0)
    residual, fitted = _weighted_regression(x, data.y, weights, control, 1.0)
    beyond = (y - fitted[rows])[treated == 1]
    influence = np.empty(len(y))
    influence[treated == 1] = (beyond - beyond.mean()) * len(y) / len(beyond)
    influence[treated == 0] = -weights[control] * residual * len(y) / weights[control].sum()
    return clustered_estimate(_difference(data, weights, rows)[0], influence, data.households[rows])


def _weighted_regression(x: Array, y: Array, weights: Array, rows: Mask, power: float) -> tuple[Array, Array]:
    """(residuals of the rows, x'b (n,) of all trials) of the weighted regression of `y` on 1 and (n, p) `x` in `rows`.

    With many covariates the fit takes much of each residual: they are divided by one less their leverage, to
    the `power` of 1/2 (HC2) or 1 (HC3; MacKinnon & White 1985); a trial that alone decides a slope has none.
    Directions in which the covariates do not vary have no slope. Raises NotEstimableError when the covariates
    explain any outcome.
    """
    w = weights[rows]
    share = w / w.sum()
    level = float(share @ y[rows])
    rooted = x[rows]
    mean = share @ rooted
    rooted -= mean
    rooted *= np.sqrt(share)[:, None]
    spread = np.sqrt(np.einsum("ij,ij->j", rooted, rooted))
    # A column that does not vary may be off its mean by rounding.
    varies = spread > _ROUNDING * np.abs(mean)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=varies)
    rooted *= scale
    inverse = np.linalg.pinv(rooted.T @ rooted, rcond=_RANK_TOLERANCE, hermitian=True)
    slope = inverse @ (rooted.T @ (np.sqrt(share) * (y[rows] - level)))
    freedom = 1 - share - np.einsum("ij,ij->i", rooted @ inverse, rooted)
    if freedom[w > 0].sum() < 1:
        raise NotEstimableError(f"an arm's {(w > 0).sum()} trials are too few for {x.shape[1]} covariates")
    fitted = x @ (slope * scale)
    residual = y[rows] - level - (fitted[rows] - mean @ (slope * scale))
    own = np.divide(
        residual, np.maximum(freedom, 0.0) ** power, out=np.zeros_like(residual), where=freedom > _LEAST_FREEDOM
    )
    return own, fitted
