"""Bounds of the average effect (ATE) that need no adjustment: what the data say without a model of targeting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from dunnhumby_pipeline.causal.effects.average import naive
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se, normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
NO_ASSUMPTION = "manski"
MONOTONE_RESPONSE = "monotone_response"
MONOTONE_SELECTION = "monotone_selection"
MONOTONE_BOTH = "monotone_response_and_selection"


@dataclass(frozen=True)
class Bound:
    """One end of the bounds, in the outcome's unit, with its household-clustered standard error."""

    value: float
    se: float


def effect_bounds(data: Residuals, lowest: float, highest: float, confidence: float) -> pd.DataFrame:
    """Bounds of the ATE under each assumption: assumption, lower, upper, lower_se, upper_se, ci_lower, ci_upper.

    `lowest`, `highest`: what an outcome could be at all, in the unit of y (both taken as known). The assumptions:
    `manski`, none, so that the bounds are `highest - lowest` apart (Manski 1990); `monotone_response`, no household
    spends less for being targeted; `monotone_selection`, those targeted would on average spend at least as much as
    the others, targeted or not, so that the naive difference is too large if anything; and the two together
    (Manski & Pepper 2000). Propensity and outcome models play no part. Raises ValueError when an outcome lies
    outside the range or an arm is empty. `lower` above `upper` means that the data contradict the assumption.
    """
    if data.y.min() < lowest or data.y.max() > highest:
        raise ValueError(
            f"outcomes lie between {data.y.min():g} and {data.y.max():g}, outside {lowest:g} to {highest:g}"
        )
    if len(np.unique(data.treated)) < 2:
        raise ValueError("bounds of an effect need treated and control trials")
    lower, upper = _manski(data, lowest, highest)
    zero = Bound(0.0, 0.0)
    difference = Bound(*naive(data, np.ones(len(data.y), dtype=bool)))
    rows = []
    for assumption, low, high in (
        (NO_ASSUMPTION, lower, upper),
        (MONOTONE_RESPONSE, zero, upper),
        (MONOTONE_SELECTION, lower, difference),
        (MONOTONE_BOTH, zero, difference),
    ):
        ci_lower, ci_upper = bounded_interval(low, high, confidence)
        rows.append((assumption, low.value, high.value, low.se, high.se, ci_lower, ci_upper))
    columns = ["assumption", "lower", "upper", "lower_se", "upper_se", "ci_lower", "ci_upper"]
    return pd.DataFrame(rows, columns=columns)


def bounded_interval(lower: Bound, upper: Bound, confidence: float) -> tuple[float, float]:
    """An interval that covers the effect, wherever it lies between the bounds (Imbens & Manski 2004).

    lower - C se and upper + C se, with Phi(C + width / larger se) - Phi(-C) = confidence: C falls from the
    two-sided normal quantile, where the bounds meet, to the one-sided where they are far apart.
    """
    larger = max(lower.se, upper.se)
    if larger == 0:
        return lower.value, upper.value
    gap = max(upper.value - lower.value, 0.0) / larger
    least, most = float(stats.norm.ppf(confidence)), normal_quantile(confidence)

    def excess(c: float) -> float:
        return float(stats.norm.cdf(c + gap) - stats.norm.cdf(-c)) - confidence

    # Rounding can leave no sign change where the gap is very wide or nil.
    c = least if excess(least) >= 0 else most if excess(most) <= 0 else float(optimize.brentq(excess, least, most))
    return lower.value - c * lower.se, upper.value + c * upper.se


def _manski(data: Residuals, lowest: float, highest: float) -> tuple[Bound, Bound]:
    """Each trial's own contribution, averaged: the arm not seen lies at one end of the range, then at the other."""
    observed = np.where(data.treated == 1, data.y, -data.y)
    low = observed + np.where(data.treated == 1, -highest, lowest)
    high = observed + np.where(data.treated == 1, -lowest, highest)
    return _mean(low, data), _mean(high, data)


def _mean(values: Array, data: Residuals) -> Bound:
    mean = float(values.mean())
    return Bound(mean, clustered_se(values - mean, data.households))
