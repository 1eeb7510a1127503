"""From customer features to the non-negative matrix that is factored.

Missing values are imputed, and every feature becomes the household's percentile among the fitted
households: heavy tails cannot dominate, every column lies in [0, 1], and a feature means the same
over windows of different length. (Measured on the sample with everything refit on 8 bootstraps, five
factors and seven segments: cold ARI .68 with percentiles, .56 with logs, .61 with square roots.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.features.catalogue import CENSORED

if TYPE_CHECKING:
    from sklearn.preprocessing import QuantileTransformer

Array = NDArray[np.float64]

N_QUANTILES = 1000


class MatrixError(ValueError):
    """The features cannot be made into a matrix. The message names the feature."""


@dataclass(frozen=True)
class FeatureScaling:
    """Fitted treatment of p features: `fill` (p,) in units of the feature, then percentiles."""

    features: tuple[str, ...]
    fill: Array
    percentiles: QuantileTransformer

    def apply(self, frame: pd.DataFrame) -> Array:
        """The households of `frame` as an (n, p) matrix in [0, 1]; values beyond the fitted range are 0 or 1.

        Raises MatrixError when a feature is missing.
        """
        return self.percentiles.transform(_filled(_values(frame, self.features), self.fill))


def fit_scaling(frame: pd.DataFrame, features: tuple[str, ...], *, constant_ok: bool = False) -> FeatureScaling:
    """Learn what missing values become and the percentiles of each feature.

    Raises MatrixError when a feature is missing, has no value at all, or is constant. With `constant_ok` a
    constant feature is 0 for every household, as it is for those at a feature's minimum.
    """
    from sklearn.preprocessing import QuantileTransformer

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
    percentiles = QuantileTransformer(n_quantiles=min(N_QUANTILES, len(values)), subsample=None)
    return FeatureScaling(features, fill, percentiles.fit(values))


def _values(frame: pd.DataFrame, features: tuple[str, ...]) -> Array:
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise MatrixError(f"features are missing: {', '.join(missing)}; found {', '.join(frame.columns)}")
    return frame.loc[:, list(features)].to_numpy(dtype=float)


def _filled(values: Array, fill: Array) -> Array:
    return np.where(np.isnan(values), fill, values)
