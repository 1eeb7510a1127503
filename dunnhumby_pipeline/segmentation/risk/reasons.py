"""Why a household's chance of a fall is what it is, in words: the measures that raise it most."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logit

from dunnhumby_pipeline.segmentation.risk.forecasts import Array, Forecast
from dunnhumby_pipeline.segmentation.risk.signs import SIGNS

_MOST = 2
# Log odds under which a measure is no reason: it moves a chance of 0.2 by less than 0.02.
_LEAST = 0.1


def contributions(forecast: Forecast, signs: pd.DataFrame, usual: pd.Series) -> Array:
    """What each measure adds to the log odds of each household (n, p), beside having the `usual` value (p) of it.

    One measure at a time is put at its usual value, and the rest left as they are: exact in a model without
    interactions, and defined for any.
    """
    own = logit(forecast.chances(signs))
    columns = [own - logit(forecast.chances(signs.assign(**{sign.name: usual[sign.name]}))) for sign in SIGNS]
    return np.column_stack(columns)


def reasons(forecast: Forecast, signs: pd.DataFrame, usual: pd.Series) -> pd.Series:
    """The two measures that raise the chance most, as words; null where none does by as much as counts."""
    added = contributions(forecast, signs, usual)
    above = signs[[sign.name for sign in SIGNS]].to_numpy() >= usual[[sign.name for sign in SIGNS]].to_numpy()
    order = np.argsort(-added, axis=1, kind="stable")[:, :_MOST]
    counts = np.take_along_axis(added, order, axis=1) >= _LEAST
    # A number for each measure and side, 0 for none; then one for the pattern, which is put into words once.
    side = np.where(counts, 1 + 2 * order + np.take_along_axis(above, order, axis=1), 0)
    patterns, place = np.unique(side, axis=0, return_inverse=True)
    words = np.array([_words(pattern) for pattern in patterns], dtype=object)
    return pd.Series(words[place.reshape(-1)], index=signs.index, dtype="str")


def _words(pattern: np.ndarray) -> str | None:
    found = [SIGNS[(one - 1) // 2] for one in pattern if one]
    texts = [sign.above if (one - 1) % 2 else sign.below for sign, one in zip(found, pattern, strict=False)]
    return "; ".join(texts) or None
