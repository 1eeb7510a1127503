"""Segments of households as they stood before an index day, from look-back features alone."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.segmentation.clusters import clusters_from_table
from dunnhumby_pipeline.segmentation.factors import factors_from_table
from dunnhumby_pipeline.segmentation.matrix import fit_scaling


def look_back_segments(
    features: pd.DataFrame, window: str, factor_loadings: pd.DataFrame, segment_centroids: pd.DataFrame
) -> pd.Series:
    """Segment slug of each row of `features` (one row a household and window), with the fitted segments.

    Percentiles are taken among the households of the same window (column `window`), so that totals over a
    shorter look-back do not make every household look small. No household's later purchases enter; the
    loadings and centroids themselves come from the whole history.
    """
    factors = factors_from_table(factor_loadings)
    clusters, slugs = clusters_from_table(segment_centroids)
    segments = pd.Series("", index=features.index, dtype=object)
    for _, rows in features.groupby(window):
        # A short look-back can hold no coupon at all; the segments were fitted where there are some.
        matrix = fit_scaling(rows, factors.features, constant_ok=True).apply(rows)
        labels = clusters.labels(factors.scores(matrix))
        segments[rows.index] = [slugs[label] for label in labels]
    return segments
