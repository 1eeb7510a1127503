"""Segments of households as they stood before an index day, from look-back features alone."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.segmentation.segments.model_store import SegmentModel


def window_segments(features: pd.DataFrame, window: str, model: SegmentModel) -> pd.Series:
    """Segment slug of each row of `features` (one row per household and window), with a fitted `model`.

    Percentiles are taken among the households of the same window (column `window`), so that totals over a
    shorter look-back do not make every household look small. No household's later purchases enter; the
    loadings and centroids themselves come from the whole history.

    Raises MatrixError when a feature is missing, or has no value in some window.
    """
    segments = pd.Series("", index=features.index, dtype=object)
    for _, rows in features.groupby(window):
        # A short look-back can hold no coupon at all; the segments were fitted where there are some.
        labels = model.among_themselves(rows).labels(rows)
        segments[rows.index] = [model.slugs[label] for label in labels]
    return segments
