"""What a household's forecast leaves open: intervals from how far such forecasts were off before.

Split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, Distribution-Free Predictive Inference
for Regression, JASA 113), by groups of equal numbers of households with forecasts of like size: in each, the error over
(forecast + 1/20 of the mean)^(3/4) at either tail's rank. Between the middles of groups the ranks' errors run straight
over the logarithm of the forecast. What is learned per week holds for any number of weeks, an assumption whose price
shows in the coverage measured on a hold-out twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.segmentation.lifetime.value import Vector

_FLOOR, _POWER = 0.05, 0.75


@dataclass(frozen=True)
class Intervals:
    """Scaled errors at the lower and the upper tail, at each of the `middles` (forecast over the mean).

    Without groups, of too few households, there is no interval: NaN.
    """

    middles: Vector
    lower: Vector
    upper: Vector
    # May what is forecast be below 0, as gross profit may?
    signed: bool

    def around(self, forecast: Vector) -> tuple[Vector, Vector]:
        """Lower and upper end for each household, $; they hold the forecast between them."""
        if not len(self.middles):
            return np.full(len(forecast), np.nan), np.full(len(forecast), np.nan)
        unit = _mean(forecast)
        size = _size(forecast, unit)
        scale = unit * size**_POWER
        ends = [np.interp(np.log(size), np.log(self.middles), errors) for errors in (self.lower, self.upper)]
        lower, upper = (forecast + end * scale for end in ends)
        if not self.signed:
            lower = np.maximum(lower, 0.0)
        return np.minimum(lower, forecast), np.maximum(upper, forecast)


def fit_intervals(
    forecast: Vector, actual: Vector, n_groups: int, confidence: float, *, signed: bool = False
) -> Intervals:
    """Intervals from forecasts ($, made without the outcome) and what came ($), of the same households.

    Groups are fewer than `n_groups` where one would have too few households for its tails; there are none where all
    together are too few: 39 at a confidence of .95.
    """
    tail = (1 - confidence) / 2
    # So many households have a rank beyond which a share of `tail` of the next ones lies.
    fewest = int(np.ceil(1 / tail - 1e-9)) - 1
    n = len(forecast)
    unit = _mean(forecast)
    groups = min(n_groups, n // max(fewest, 1))
    if groups < 1 or unit <= 0:
        nothing = np.empty(0)
        return Intervals(nothing, nothing, nothing, signed)
    size = _size(forecast, unit)
    errors = (actual - forecast) / (unit * size**_POWER)
    middles, lower, upper = [], [], []
    for inside in np.array_split(np.argsort(size, kind="stable"), groups):
        ordered = np.sort(errors[inside])
        rank = int(np.floor((len(ordered) + 1) * tail + 1e-9))
        middles.append(float(np.median(size[inside])))
        lower.append(float(ordered[rank - 1]))
        upper.append(float(ordered[len(ordered) - rank]))
    return Intervals(np.array(middles), np.array(lower), np.array(upper), signed)


def _mean(forecast: Vector) -> float:
    return float(np.abs(forecast).mean()) if len(forecast) else 0.0


def _size(forecast: Vector, unit: float) -> Vector:
    return np.maximum(forecast, 0.0) / unit + _FLOOR if unit > 0 else np.full(len(forecast), _FLOOR)
