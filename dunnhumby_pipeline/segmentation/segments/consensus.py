"""Consensus clustering: which households keep company whatever part of them is clustered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]

N_SUBSAMPLES = 10
SHARE = 0.8


class TooFewDistinct(ValueError):
    """Fewer households differ than there are to be segments. The message says how many do."""


def too_few_distinct(scores: Array, n_segments: int) -> bool:
    """Whether fewer than `n_segments` rows of `scores` (n, k) differ."""
    # Most often one factor tells enough households apart, and costs a tenth of all of them.
    return len(np.unique(scores[:, 0])) < n_segments and len(np.unique(scores, axis=0)) < n_segments


def consensus_centroids(scores: Array, n_segments: int, seed: int) -> tuple[Array, bool]:
    """(centroids (s, k), whether every fit converged) of the consensus of K-Means over subsamples of the rows
    of `scores` (n, k).

    Monti et al. 2003, Consensus Clustering, Machine Learning 52: 80 % of the rows are clustered again and again, and
    rows are grouped by how often they fall together. Rows are grouped by K-Means on their stacked memberships
    (n, s x subsamples), whose inner products are the co-assignment matrix (Wu et al. 2015, K-Means-Based Consensus
    Clustering, IEEE TKDE 27), so that no n x n matrix is needed. A centroid is the mean of its group's scores.

    Raises TooFewDistinct when a subsample has fewer distinct rows than segments.
    """
    from sklearn.cluster import KMeans

    size = max(int(SHARE * len(scores)), n_segments)
    memberships, fits = [], []
    with one_thread():
        for subsample in range(N_SUBSAMPLES):
            rows = np.random.default_rng([seed, subsample]).permutation(len(scores))[:size]
            if too_few_distinct(scores[rows], n_segments):
                raise TooFewDistinct(
                    f"segmentation.n_segments is {n_segments}, but a subsample of {size} households has fewer that "
                    "differ in their factor scores; choose fewer segments"
                )
            model = KMeans(n_segments, n_init=2, random_state=subsample).fit(scores[rows])
            fits.append(model)
            memberships.append(np.eye(n_segments)[model.predict(scores)])
        together = np.hstack(memberships)
        fits.append(KMeans(n_segments, n_init=4, random_state=seed % 2**32).fit(together))
    groups = fits[-1].labels_
    centroids = np.stack([scores[groups == group].mean(axis=0) for group in range(n_segments)])
    return centroids, all(fit.n_iter_ < fit.max_iter for fit in fits)
