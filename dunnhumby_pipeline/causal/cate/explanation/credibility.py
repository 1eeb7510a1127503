"""How far one household's effect can be believed, in three parts that answer different questions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import TRIAL_KEY
from dunnhumby_pipeline.settings import OverlapSettings

Array = NDArray[np.float64]
OF_HOUSEHOLD = "household"


def credibility(
    estimates: pd.DataFrame,
    effect: Array,
    by_model: Mapping[str, Array],
    propensity: Array,
    folds: NDArray[np.int64],
    overlap: OverlapSettings,
) -> pd.DataFrame:
    """One row per trial: household_key, campaign, interval_excludes_zero, in_overlap, agreement.

    `estimates` is the table cate_estimates; `interval_excludes_zero` is null where its interval is of the average or
    missing, since that says nothing of a household. `in_overlap`: whether comparable households were seen in both arms.
    `agreement`: share (0-1) of the learners that rank at all and put the trial on the same side of its fold's middle as
    `effect` (n,) does; null without any. The parts are not added up: none makes up for another.
    """
    own = estimates["interval_of"].eq(OF_HOUSEHOLD) & estimates["cate_lower"].notna()
    excludes = (estimates["cate_lower"] > 0) | (estimates["cate_upper"] < 0)
    side = _side(effect, folds)
    agreeing = [_side(other, folds) == side for other in by_model.values() if _side(other, folds).any()]
    return (
        estimates[TRIAL_KEY]
        .reset_index(drop=True)
        .assign(
            interval_excludes_zero=excludes.astype("boolean").where(own.to_numpy(), pd.NA).to_numpy(),
            in_overlap=(propensity >= overlap.lower) & (propensity <= overlap.upper),
            agreement=np.mean(agreeing, axis=0) if agreeing and side.any() else np.nan,
        )
        .astype({"interval_excludes_zero": "boolean", "agreement": float})
    )


def _side(effect: Array, folds: NDArray[np.int64]) -> Array:
    """1 above the median of the fold, -1 below, 0 at it; effects that differ by rounding alone are at it."""
    off = effect - pd.Series(effect).groupby(folds).transform("median").to_numpy()
    return np.sign(np.where(np.abs(off) > 1e-9 * max(1.0, float(np.abs(effect).max())), off, 0.0))
