"""Would another sample of households give the same segments? Bootstrap agreement with everything refit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.segmentation.factors.factors import convergence_reported, fit_factors
from dunnhumby_pipeline.segmentation.factors.matrix import MatrixError, fit_scaling
from dunnhumby_pipeline.segmentation.segments.clusters import Labels, Recipe, Segmentation, fit_clusters
from dunnhumby_pipeline.segmentation.segments.consensus import TooFewDistinct

Array = NDArray[np.float64]
# Hennig 2007: a cluster under the first is dissolved, over the second it has come back.
DISSOLVED, RECOVERED = 0.5, 0.75
# Relative to a first step that is small already. On the sample a sixth of the time of the cold one, 3e-4, and the same
# labels but for an ARI of .995; looser cold refits instead find other factors (cold ARI .84 with 3e-4, .81 with 1e-3).
WARM_TOLERANCE = 3e-3


@dataclass(frozen=True)
class Refit:
    """A bootstrap refit of scaling and factors to `rows` (n,): scores of `everyone` (n, k), and the `matrix` (n, p)
    that they are scores of."""

    replicate: int
    rows: Labels
    everyone: Array
    matrix: Array
    converged: bool

    @property
    def sample(self) -> Array:
        """Scores (n, k) of the households that it was fitted to."""
        return self.everyone[self.rows]


@dataclass(frozen=True)
class Stability:
    """`replicates`: start ('cold' or 'warm'), replicate, ari, converged. `agreement` (n,): share of cold refits that
    agree. `jaccard` (refits, s): Jaccard of each segment with its closest cold refitted one."""

    replicates: pd.DataFrame
    agreement: Array
    jaccard: Array


def resamples(n: int, n_bootstraps: int, seed: int) -> list[Labels]:
    """Rows of each bootstrap sample; one does not depend on how many came before."""
    return [np.random.default_rng([seed, replicate]).integers(0, n, n) for replicate in range(n_bootstraps)]


def cold_refits(features: pd.DataFrame, recipe: Recipe, n_bootstraps: int, seed: int) -> list[Refit]:
    """Scaling and factors of `recipe` refitted from scratch to resampled households.

    A sample in which a feature is constant cannot be factored and is left out; there are then fewer refits.
    """

    def refit(numbered: tuple[int, Labels]) -> Refit | None:
        replicate, rows = numbered
        try:
            scaling = fit_scaling(features.iloc[rows], recipe.features, treatment=recipe.treatment)
        except MatrixError:
            return None
        matrix = scaling.apply(features)
        factors = fit_factors(matrix[rows], recipe.features, recipe.n_factors, seed + replicate)
        return Refit(replicate, rows, factors.scores(matrix), matrix, factors.converged)

    with convergence_reported():
        found = side_by_side(refit, enumerate(resamples(len(features), n_bootstraps, seed)))
    return [each for each in found if each is not None]


def refitted_labels(refit: Refit, recipe: Recipe, seed: int) -> Labels | None:
    """Labels (n,) that the segments of a refit give to everyone; None when too few of its households differ."""
    try:
        clusters = fit_clusters(refit.sample, recipe.n_segments, seed + refit.replicate, method=recipe.method)
    except TooFewDistinct:
        return None
    return clusters.labels(refit.everyone)


def bootstrap_stability(
    features: pd.DataFrame,
    reference: Segmentation,
    recipe: Recipe,
    n_bootstraps: int,
    seed: int,
    refits: Sequence[Refit] | None = None,
    cold: Sequence[Labels | None] | None = None,
) -> Stability:
    """Refit scaling, factors and clusters on resampled households; compare on all households.

    Adjusted Rand index (Hubert & Arabie 1985) of each refit's labels with the reference's. *Cold* refits start from
    scratch (`refits` and their labels, `cold`, when they have been made already, by the same recipe and seed); *warm*
    ones from the reference's factors and centroids, as a scheduled refit would. A household agrees with a refit when
    its label is the one that the best one-to-one matching of labels (Hungarian) gives to its reference segment. The
    Jaccard of a segment is Hennig's (2007, Cluster-wise assessment of cluster stability, CSDA 52).

    Raises ValueError when no resample can be refitted.
    """
    expected = reference.labels(features)
    refits = cold_refits(features, recipe, n_bootstraps, seed) if refits is None else refits
    agreement, jaccards, rows = [], [], []
    if cold is None:
        cold = side_by_side(lambda refit: refitted_labels(refit, recipe, seed), refits)
    for refit, labels in zip(refits, cold, strict=True):
        if labels is None:
            continue
        rows.append(("cold", refit.replicate, adjusted_rand(expected, labels), refit.converged))
        agreement.append(match_labels(expected, labels, recipe.n_segments) == expected)
        jaccards.append(jaccard_matrix(expected, labels, recipe.n_segments, recipe.n_segments).max(axis=1))
    if not agreement:
        raise ValueError(
            f"none of {n_bootstraps} resamples of {len(features)} households has {recipe.n_segments} that differ in "
            "every feature's scale and their scores; choose fewer segments, or leave out features that hardly vary"
        )
    with convergence_reported():
        warm = side_by_side(lambda refit: _warm_labels(refit, reference, recipe, seed), refits)
    for refit, found in zip(refits, warm, strict=True):
        if found is not None:
            rows.append(("warm", refit.replicate, adjusted_rand(expected, found[0]), found[1]))
    replicates = pd.DataFrame(rows, columns=["start", "replicate", "ari", "converged"])
    return Stability(replicates, np.mean(agreement, axis=0), np.stack(jaccards))


def _warm_labels(refit: Refit, reference: Segmentation, recipe: Recipe, seed: int) -> tuple[Labels, bool] | None:
    """Labels (n,) that a refit begun at the reference gives to everyone, and whether it converged; None when too few of
    its households differ."""
    sample = refit.matrix[refit.rows]
    factors = fit_factors(sample, recipe.features, recipe.n_factors, seed, reference.factors, WARM_TOLERANCE)
    scores = factors.scores(refit.matrix)
    try:
        clusters = fit_clusters(scores[refit.rows], recipe.n_segments, seed, reference.clusters)
    except TooFewDistinct:
        return None
    return clusters.labels(scores), factors.converged


def adjusted_rand(left: Labels, right: Labels) -> float:
    """Adjusted Rand index of two labellings (n,) by whole numbers from 0: as scikit-learn's, in a tenth of its time."""
    counts = _contingency(left, right, left.max() + 1, right.max() + 1)
    together = int((counts**2).sum())
    lefts, rights = int((counts.sum(axis=1) ** 2).sum()), int((counts.sum(axis=0) ** 2).sum())
    # Ordered pairs: in one segment on either side, on the left alone, on the right alone, on neither.
    n = len(left)
    both, only_left, only_right = together - n, lefts - together, rights - together
    neither = n**2 - together - only_left - only_right
    if only_left == only_right == 0:
        return 1.0
    return (
        2.0
        * (both * neither - only_left * only_right)
        / ((both + only_left) * (only_left + neither) + (both + only_right) * (only_right + neither))
    )


def match_labels(expected: Labels, labels: Labels, n_segments: int) -> Labels:
    """`labels` renamed one-to-one so that as many as possible equal `expected`."""
    counts = _contingency(labels, expected, n_segments, n_segments)
    rows, columns = linear_sum_assignment(-counts)
    renamed = np.empty(n_segments, dtype=np.int64)
    renamed[rows] = columns
    return renamed[labels]


def jaccard_matrix(left: Labels, right: Labels, n_left: int, n_right: int) -> Array:
    """(n_left, n_right): households in both segments / households in either; 0 when neither has any."""
    both = _contingency(left, right, n_left, n_right)
    either = both.sum(axis=1, keepdims=True) + both.sum(axis=0, keepdims=True) - both
    return np.divide(both, either, out=np.zeros(both.shape), where=either > 0)


def jaccard_table(stability: Stability, slugs: tuple[str, ...]) -> pd.DataFrame:
    """One row per segment: segment, mean_jaccard, lowest_jaccard, dissolved, recovered.

    `dissolved`, `recovered`: share of cold refits in which the segment's Jaccard is at most .5, at least .75.
    """
    jaccard = stability.jaccard
    return pd.DataFrame(
        {
            "segment": list(slugs),
            "mean_jaccard": jaccard.mean(axis=0),
            "lowest_jaccard": jaccard.min(axis=0),
            "dissolved": (jaccard <= DISSOLVED).mean(axis=0),
            "recovered": (jaccard >= RECOVERED).mean(axis=0),
        }
    )


def _contingency(rows: Labels, columns: Labels, n_rows: int, n_columns: int) -> NDArray[np.int64]:
    return np.bincount(rows * n_columns + columns, minlength=n_rows * n_columns).reshape(n_rows, n_columns)
