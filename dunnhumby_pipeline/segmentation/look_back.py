"""Segments of households as they stood before an index day, from look-back features alone."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.segmentation.clusters import Segmentation, clusters_from_table
from dunnhumby_pipeline.segmentation.factors import factors_from_table
from dunnhumby_pipeline.segmentation.matrix import Treatment, fit_scaling
from dunnhumby_pipeline.segmentation.model_store import SegmentModel


def window_segments(features: pd.DataFrame, window: str, model: SegmentModel) -> pd.Series:
    """Segment slug of each row of `features` (one row a household and window), with a fitted `model`.

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


def look_back_segments(
    features: pd.DataFrame,
    window: str,
    factor_loadings: pd.DataFrame,
    segment_centroids: pd.DataFrame,
    treatment: Treatment = "percentile",
) -> pd.Series:
    """`window_segments` from the tables `factor_loadings` and `segment_centroids` of a study instead of its model."""
    factors = factors_from_table(factor_loadings)
    clusters, slugs = clusters_from_table(segment_centroids)
    segments = pd.Series("", index=features.index, dtype=object)
    for _, rows in features.groupby(window):
        scaling = fit_scaling(rows, factors.features, treatment=treatment, constant_ok=True)
        labels = Segmentation(scaling, factors, clusters).labels(rows)
        segments[rows.index] = [slugs[label] for label in labels]
    return segments
