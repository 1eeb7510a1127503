"""E-values: how strongly an unmeasured cause would have to act on both treatment and outcome."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# A difference of d standard deviations is about this log risk ratio a standard deviation (Chinn 2000).
_LOG_RATIO_PER_SD = 0.91


@dataclass(frozen=True)
class EValues:
    """E-values of an estimate and of the limit of its interval that is nearest to zero."""

    estimate: float
    limit: float


def e_value(risk_ratio: float) -> float:
    """RR + sqrt(RR (RR - 1)), of 1 / RR when RR is below 1 (VanderWeele & Ding 2017). ValueError unless RR > 0."""
    if not risk_ratio > 0:
        raise ValueError(f"a risk ratio is positive, found {risk_ratio}")
    ratio = max(risk_ratio, 1 / risk_ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))


def e_values_of_difference(estimate: float, ci_lower: float, ci_upper: float, sd: float) -> EValues:
    """E-values of a difference in means, its interval and `sd` all in the outcome's unit.

    The difference d = estimate / sd is taken as a risk ratio of exp(0.91 d), and its limits alike, which at 0.95
    is exp(0.91 d -/+ 1.78 se_d) (VanderWeele & Ding 2017, table 2; `sd` is taken as known). The E-value of an
    interval that includes zero is 1: nothing needs to be unmeasured. Raises ValueError when `sd` is not positive.
    """
    if not sd > 0:
        raise ValueError(f"the outcome's standard deviation must be positive, found {sd}")
    nearest = max(ci_lower, 0.0) if estimate >= 0 else min(ci_upper, 0.0)
    return EValues(
        estimate=e_value(math.exp(_LOG_RATIO_PER_SD * estimate / sd)),
        limit=e_value(math.exp(_LOG_RATIO_PER_SD * nearest / sd)),
    )


def pooled_sd(y: Array, treated: Array) -> float:
    """Standard deviation of the outcome within the arms, pooled, in the unit of `y`; both arms must occur.

    sqrt(sum of squares about each arm's mean / (n - 2)), as in Cohen's d: the effect itself does not widen it.
    """
    arms = [y[treated == arm] for arm in (0, 1)]
    # Not left to rounding: 0.1 three times over has a mean that is not 0.1.
    if all(np.ptp(arm) == 0 for arm in arms):
        return 0.0
    return float(np.sqrt(sum(((arm - arm.mean()) ** 2).sum() for arm in arms) / (len(y) - 2)))
