"""K-Means on factor scores, and the whole segmentation as one fitted object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.segmentation.factors.factors import Factors, fit_factors
from dunnhumby_pipeline.segmentation.factors.matrix import FeatureScaling, Treatment, fit_scaling
from dunnhumby_pipeline.segmentation.segments.consensus import TooFewDistinct, consensus_centroids, too_few_distinct

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Method = Literal["kmeans", "consensus"]

# One start leaves K-Means in a local optimum: cold ARI .69 with 1, .85 with 5, .85 with 30 (4 factors, 5 segments).
N_STARTS = 5
# Households scored at once; the result is the same.
CHUNK = 100_000


@dataclass(frozen=True)
class Recipe:
    """What is fitted: which features, how treated, how many factors and segments, and how these are found."""

    features: tuple[str, ...]
    n_factors: int
    n_segments: int
    method: Method = "kmeans"
    treatment: Treatment = "percentile"


@dataclass(frozen=True)
class Clusters:
    """Centroids (s, k) in factor scores. Scores share a scale: each factor's largest loading is 1.

    `converged`: whether the fit that gave them converged.
    """

    centroids: Array
    converged: bool = True

    def labels(self, scores: Array) -> Labels:
        """Index of the nearest centroid for each row of factor scores (n, k)."""
        return self.distances(scores).argmin(axis=1)

    def distances(self, scores: Array) -> Array:
        """Squared Euclidean distance (n, s) of each row of factor scores (n, k) to each centroid."""
        return np.stack([((scores - centroid) ** 2).sum(axis=1) for centroid in self.centroids], axis=1)


@dataclass(frozen=True)
class Segmentation:
    """Scaling, factors and clusters fitted together."""

    scaling: FeatureScaling
    factors: Factors
    clusters: Clusters

    def scores(self, features: pd.DataFrame) -> Array:
        """Factor scores (n, k) of one row of features per household."""
        parts = [
            self.factors.scores(self.scaling.apply(features.iloc[first : first + CHUNK]))
            for first in range(0, len(features), CHUNK)
        ]
        return np.concatenate(parts) if parts else np.empty((0, len(self.factors.loadings)))

    def labels(self, features: pd.DataFrame) -> Labels:
        """Index of the segment (n,) of one row of features per household."""
        return self.clusters.labels(self.scores(features))


def fit_clusters(
    scores: Array, n_segments: int, seed: int, start: Clusters | None = None, method: Method = "kmeans"
) -> Clusters:
    """Centroids of factor scores (n, k), by K-Means or as a consensus of it; largest first unless warm-started.

    `start` warm-starts K-Means and keeps the order; a consensus is refined from it likewise. Raises
    TooFewDistinct when there are fewer distinct rows than segments.
    """
    from sklearn.cluster import KMeans

    if too_few_distinct(scores, n_segments):
        n_distinct = len(np.unique(scores, axis=0))
        raise TooFewDistinct(
            f"segmentation.n_segments is {n_segments}, but only {n_distinct} households differ in their factor "
            "scores; choose fewer segments"
        )
    if method == "consensus" and start is None:
        found, converged = consensus_centroids(scores, n_segments, seed)
        return Clusters(_largest_first(found, scores), converged)
    with one_thread():
        model = KMeans(
            n_segments,
            init="k-means++" if start is None else start.centroids,
            n_init=N_STARTS if start is None else 1,
            random_state=seed % 2**32,
        ).fit(scores)
    centroids = model.cluster_centers_
    converged = bool(model.n_iter_ < model.max_iter)
    return Clusters(centroids if start is not None else _largest_first(centroids, scores), converged)


def _largest_first(centroids: Array, scores: Array) -> Array:
    sizes = np.bincount(Clusters(centroids).labels(scores), minlength=len(centroids))
    return centroids[np.argsort(-sizes, kind="stable")]


def fit_segmentation(
    features: pd.DataFrame, recipe: Recipe, seed: int, start: Segmentation | None = None
) -> Segmentation:
    """Fit scaling, factors and clusters to one row of `features` a household.

    `start` warm-starts factors and clusters from an earlier fit; the scaling is always refitted. Raises MatrixError
    for unusable features and ValueError for more factors or segments than the households allow.
    """
    scaling = fit_scaling(features, recipe.features, treatment=recipe.treatment)
    matrix = scaling.apply(features)
    factors = fit_factors(matrix, recipe.features, recipe.n_factors, seed, start.factors if start else None)
    clusters = fit_clusters(
        factors.scores(matrix), recipe.n_segments, seed, start.clusters if start else None, recipe.method
    )
    return Segmentation(scaling, factors, clusters)
