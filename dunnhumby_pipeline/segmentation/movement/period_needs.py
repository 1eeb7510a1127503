"""Needs of households in periods, by the needs that were found for the whole history."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from dunnhumby_pipeline.segmentation.needs.look_back import window_needs
from dunnhumby_pipeline.segmentation.needs.needs import Needs
from dunnhumby_pipeline.segmentation.segments.model_store import SegmentModel


def period_needs(
    factor_needs: pd.DataFrame, need_loadings: pd.DataFrame, model: SegmentModel
) -> Callable[[pd.DataFrame], pd.Series]:
    """What gives the need of each row of features of windows, as `window_needs` does for the tables of these names."""
    source, reason = str(factor_needs["source"].iloc[0]), str(factor_needs["reason"].iloc[0])
    nobody = pd.DataFrame({"household_key": []})
    needs = Needs(factor_needs, nobody, nobody, need_loadings, source, reason)
    treatment = model.recipe.treatment if source == "segments" else "percentile"
    return lambda features: window_needs(features, "window", needs, treatment)
