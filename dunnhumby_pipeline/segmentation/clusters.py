"""K-Means on factor scores, and the whole segmentation as one fitted object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dunnhumby_pipeline.segmentation.factors import Factors, fit_factors
from dunnhumby_pipeline.segmentation.matrix import FeatureScaling, fit_scaling
from dunnhumby_pipeline.settings import SegmentationSettings

Array = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Clusters:
    """Centroids (s, k) in factor scores. Scores share a scale: each factor's largest loading is 1."""

    centroids: Array

    def labels(self, scores: Array) -> Labels:
        """Index of the nearest centroid for each row of factor scores (n, k)."""
        distances = ((scores[:, None, :] - self.centroids[None, :, :]) ** 2).sum(axis=2)
        return distances.argmin(axis=1)


@dataclass(frozen=True)
class Segmentation:
    """Scaling, factors and clusters fitted together."""

    scaling: FeatureScaling
    factors: Factors
    clusters: Clusters

    def scores(self, features: pd.DataFrame) -> Array:
        return self.factors.scores(self.scaling.apply(features))

    def labels(self, features: pd.DataFrame) -> Labels:
        return self.clusters.labels(self.scores(features))


def fit_clusters(scores: Array, n_segments: int, seed: int, start: Clusters | None = None) -> Clusters:
    """K-Means on factor scores (n, k); largest cluster first unless warm-started from `start`.

    Raises ValueError when there are fewer distinct rows than segments.
    """
    from sklearn.cluster import KMeans

    n_distinct = len(np.unique(scores, axis=0))
    if n_distinct < n_segments:
        raise ValueError(
            f"segmentation.n_segments is {n_segments}, but only {n_distinct} households differ in their factor "
            "scores; choose fewer segments"
        )
    with threadpool_limits(1):
        model = KMeans(
            n_segments,
            init="k-means++" if start is None else start.centroids,
            n_init=10 if start is None else 1,
            random_state=seed,
        ).fit(scores)
    centroids = model.cluster_centers_
    if start is None:
        sizes = np.bincount(model.labels_, minlength=n_segments)
        centroids = centroids[np.argsort(-sizes, kind="stable")]
    return Clusters(centroids)


def fit_segmentation(
    features: pd.DataFrame,
    names: tuple[str, ...],
    settings: SegmentationSettings,
    seed: int,
    start: Segmentation | None = None,
) -> Segmentation:
    """Fit scaling, factors and clusters to one row of `features` a household.

    `start` warm-starts factors and clusters from an earlier fit; the scaling is always refitted.
    """
    scaling = fit_scaling(features, names)
    matrix = scaling.apply(features)
    factors = fit_factors(matrix, names, settings.n_factors, seed, start.factors if start else None)
    clusters = fit_clusters(factors.scores(matrix), settings.n_segments, seed, start.clusters if start else None)
    return Segmentation(scaling, factors, clusters)


def clusters_table(clusters: Clusters, slugs: tuple[str, ...], factor_names: tuple[str, ...]) -> pd.DataFrame:
    """One row a segment: segment, and its centroid in factor scores, a column a factor."""
    frame = pd.DataFrame(clusters.centroids, columns=list(factor_names))
    frame.insert(0, "segment", list(slugs))
    return frame


def clusters_from_table(table: pd.DataFrame) -> tuple[Clusters, tuple[str, ...]]:
    """The clusters that `clusters_table` wrote, with their slugs."""
    centroids = table.drop(columns="segment").to_numpy(dtype=float)
    return Clusters(centroids), tuple(table["segment"])
