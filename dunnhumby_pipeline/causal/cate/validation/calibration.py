"""Whether effects are as large as a model says, not only in its order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.groups import by_effect, group_means
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
_DRAWS = 4000


@dataclass(frozen=True)
class CalibrationError:
    """`error` ($): the typical distance of a group's effect from what the model says, noise taken out, 0 when it is
    no larger than noise; its interval; `p` of "the model is right of every group"."""

    error: float
    lower: float
    upper: float
    p: float


def calibration_error(data: Residuals, effect: Array, n_groups: int, confidence: float, seed: int) -> CalibrationError:
    """The debiased calibration error over groups by effect (after Xu & Yadlowsky 2022).

    Root of the mean over groups of (effect of the group - what the model says of it)^2 - se^2: the plain mean of
    squares would call every model wrong by its noise. p and interval from normal draws with the groups' covariance.
    """
    members, _ = by_effect(data, effect, n_groups)
    off = group_means(data.scores - effect, members, data)
    known = off.known
    if not known.any():
        return CalibrationError(*[float("nan")] * 4)
    size = members[:, known].sum(axis=0) / members[:, known].sum()
    distance, covariance = off.estimate[known], off.covariance[np.ix_(known, known)]
    noise = np.diag(covariance)
    found = float(size @ (distance**2 - noise))
    draws = np.random.default_rng(seed).multivariate_normal(np.zeros(len(noise)), covariance, _DRAWS, method="eigh")
    under_null = (draws**2 - noise) @ size
    around = ((distance + draws) ** 2 - 2 * noise) @ size
    tail = (1 - confidence) / 2
    low, high = np.quantile(around, [tail, 1 - tail])
    error, lower, upper = (float(np.sqrt(max(value, 0.0))) for value in (found, low, high))
    return CalibrationError(error, min(lower, error), max(upper, error), float((under_null >= found).mean()))
