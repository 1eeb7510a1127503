"""From customer features to the non-negative matrix that is factored.

Missing values are imputed, and every feature becomes the household's percentile among the fitted
households: heavy tails cannot dominate, every column lies in [0, 1], and a feature means the same
over windows of different length. (Measured on the sample with everything refit on 8 bootstraps, five
factors and seven segments: cold ARI .68 with percentiles, .56 with logs, .61 with square roots.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.features import CENSORED

Array = NDArray[np.float64]
Treatment = Literal["percentile", "log"]

N_QUANTILES = 1000
LOG_RANGE = (1.0, 99.0)


class MatrixError(ValueError):
    """The features cannot be made into a matrix. The message names the feature."""


@dataclass(frozen=True)
class FeatureScaling:
    """Fitted treatment of p features: `fill` (p,) in units of the feature, then percentiles or logs.

    `knots` (q, p), in units of the feature: the quantiles at q even levels from 0 to 1, or, with logs (q = 2),
    the values that become 0 and 1. Arrays alone, so that a fitted treatment can be stored without code.
    """

    features: tuple[str, ...]
    fill: Array
    knots: Array
    treatment: Treatment = "percentile"

    def apply(self, frame: pd.DataFrame) -> Array:
        """The households of `frame` as an (n, p) matrix in [0, 1]; values beyond the fitted range are 0 or 1.

        Raises MatrixError when a feature is missing.
        """
        values = _filled(_values(frame, self.features), self.fill)
        if self.treatment == "log":
            low, high = np.log1p(self.knots)
            wide = np.where(high > low, high - low, 1.0)
            return np.clip((np.log1p(np.maximum(values, 0.0)) - low) / wide, 0.0, 1.0)
        return self._percentiles(values)

    def _percentiles(self, values: Array) -> Array:
        from sklearn.preprocessing import QuantileTransformer

        transformer = QuantileTransformer(n_quantiles=len(self.knots), subsample=None)
        transformer.quantiles_ = self.knots
        transformer.references_ = np.linspace(0, 1, len(self.knots))
        transformer.n_quantiles_, transformer.n_features_in_ = self.knots.shape
        return transformer.transform(values)


def fit_scaling(
    frame: pd.DataFrame,
    features: tuple[str, ...],
    *,
    treatment: Treatment = "percentile",
    constant_ok: bool = False,
) -> FeatureScaling:
    """Learn what missing values become and the percentiles of each feature, or the range of its logarithm.

    Logs are of 1 + value, from the 1st percentile (0) to the 99th (1). Raises MatrixError when a feature is
    missing, has no value at all, is constant, or lies below 0 where its log is taken. With `constant_ok` a
    constant feature is 0 for every household, as it is for those at a feature's minimum.
    """
    values = _values(frame, features)
    empty = [name for name, column in zip(features, values.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise MatrixError(f"features without any value: {', '.join(empty)}; leave them out of the matrix")
    longest = np.array([name in CENSORED for name in features])
    fill = np.where(longest, np.nanmax(values, axis=0), np.nanmedian(values, axis=0))
    values = _filled(values, fill)
    constant = [name for name, flat in zip(features, np.ptp(values, axis=0) == 0, strict=True) if flat]
    if constant and not constant_ok:
        raise MatrixError(
            f"features with one value only: {', '.join(constant)}; they tell no household from another, "
            "leave them out of the matrix"
        )
    if treatment == "log":
        below = [name for name, least in zip(features, values.min(axis=0), strict=True) if least < 0]
        if below:
            raise MatrixError(f"features below 0 have no log: {', '.join(below)}; use percentiles")
        return FeatureScaling(features, fill, np.percentile(values, LOG_RANGE, axis=0), treatment)
    return FeatureScaling(features, fill, _quantiles(values), treatment)


def _quantiles(values: Array) -> Array:
    # As QuantileTransformer.fit has them, in a fiftieth of its time: nothing is missing here, and one sort is enough.
    ordered = np.sort(values, axis=0)
    places = np.linspace(0, 1, min(N_QUANTILES, len(values))) * (len(values) - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, len(values) - 1)
    share = (places - below)[:, None]
    # An increment, not a weighted mean: equal neighbours stay exactly equal.
    return np.maximum.accumulate(ordered[below] + share * (ordered[above] - ordered[below]), axis=0)


def _values(frame: pd.DataFrame, features: tuple[str, ...]) -> Array:
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise MatrixError(f"features are missing: {', '.join(missing)}; found {', '.join(frame.columns)}")
    return frame.loc[:, list(features)].to_numpy(dtype=float)


def _filled(values: Array, fill: Array) -> Array:
    return np.where(np.isnan(values), fill, values)
