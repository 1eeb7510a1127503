"""How many segments: every candidate's metrics side by side, and the rule that chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.threads import one_thread, side_by_side
from dunnhumby_pipeline.segmentation.factors.factors import convergence_reported
from dunnhumby_pipeline.segmentation.segments.clusters import Labels, Recipe, fit_clusters
from dunnhumby_pipeline.segmentation.segments.stability import Refit, adjusted_rand, refitted_labels
from dunnhumby_pipeline.settings import SegmentationSettings

Array = NDArray[np.float64]
# Three of four refits must agree: on the sample six segments agree by .81 on average, a tenth by under .6.
LOWER = 0.25
# Silhouettes compare all pairs of households.
SILHOUETTE_HOUSEHOLDS = 2000
# Scores of 0 lie on a face of the space, where a component's variance would shrink to nothing.
VARIANCE_FLOOR = 1e-3
# A mixture costs ten times K-Means and is never chosen: fewer refits are enough to see how it fares.
MIXTURE_REFITS = 8
COLUMNS = [
    "role",
    "method",
    "n_features",
    "n_factors",
    "n_segments",
    "silhouette",
    "calinski_harabasz",
    "davies_bouldin",
    "bic",
    "smallest_share",
    "cold_ari",
    "cold_ari_sd",
    "n_cold",
    "warm_ari",
    "warm_ari_sd",
    "n_warm",
    "converged",
    "eligible",
    "reason",
]


@dataclass(frozen=True)
class Choice:
    """The chosen `method` and number of segments, and why."""

    method: str
    n_segments: int
    reason: str


@dataclass(frozen=True)
class Drawn:
    """The households `rows` (m,) whose silhouettes are looked at, and how far `apart` (m, m) their factor scores are.

    One does for every labelling of the same scores: the distances cost more than the silhouettes made of them.
    """

    rows: Labels
    apart: Array

    @classmethod
    def of(cls, scores: Array, seed: int) -> Drawn:
        """All households of factor scores (n, k), 2,000 drawn by `seed` when there are more."""
        from sklearn.metrics import pairwise_distances

        rows = np.random.default_rng(seed).permutation(len(scores))[:SILHOUETTE_HOUSEHOLDS]
        apart = pairwise_distances(scores[rows])
        # As silhouette_score has it, and wants it: rounding leaves some households a hair from themselves.
        np.fill_diagonal(apart, 0.0)
        return cls(rows, apart)


def quality(scores: Array, labels: Labels, drawn: Drawn) -> dict[str, float]:
    """silhouette (Rousseeuw 1987; of the households `drawn` of the same scores), calinski_harabasz (1974),
    davies_bouldin (1979) and smallest_share of the labels (n,) of factor scores (n, k).

    The first three are null with fewer than two segments, or as many as households.
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    sizes = np.bincount(labels)
    sizes = sizes[sizes > 0]
    metrics = {"silhouette": np.nan, "calinski_harabasz": np.nan, "davies_bouldin": np.nan}
    if 1 < len(sizes) < len(labels):
        few = labels[drawn.rows]
        if 1 < len(np.unique(few)) < len(few):
            metrics["silhouette"] = float(silhouette_score(drawn.apart, few, metric="precomputed"))
        metrics["calinski_harabasz"] = float(calinski_harabasz_score(scores, labels))
        metrics["davies_bouldin"] = float(davies_bouldin_score(scores, labels))
    return {**metrics, "smallest_share": float(sizes.min() / len(labels))}


def score_candidates(
    scores: Array, refits: Sequence[Refit], recipe: Recipe, sizes: Sequence[int], seed: int, *, mixtures: bool
) -> pd.DataFrame:
    """One row per method and number of segments: K-Means and, with `mixtures`, Gaussian mixtures with full covariances.

    Everything up to the factors is shared: `scores` (n, k) of the fit, and of its `refits`. Columns: method,
    n_segments, silhouette, calinski_harabasz, davies_bouldin, smallest_share, bic (mixtures alone: -2 log likelihood
    + parameters x log n, lower is better), cold_ari, cold_ari_sd, n_cold (for mixtures the
    first 8 refits), cold_aris (one per refit; NaN where too few households differ), cold_labels (those of each refit;
    None likewise), converged.
    """
    drawn = Drawn.of(scores, seed)

    def rows_of(n_segments: int) -> list[dict[str, object]]:
        sized = replace(recipe, n_segments=n_segments, method="kmeans")
        clusters = fit_clusters(scores, n_segments, seed)
        found = [refitted_labels(refit, sized, seed) for refit in refits]
        row = _row("kmeans", n_segments, scores, clusters.labels(scores), found, drawn)
        rows = [row | {"converged": clusters.converged}]
        if mixtures:
            labels, bic, converged = _mixture(scores, scores, n_segments, seed)
            some = refits[:MIXTURE_REFITS]
            found = [_mixture(one.sample, one.everyone, n_segments, seed + one.replicate)[0] for one in some]
            rows.append(
                _row("mixture", n_segments, scores, labels, found, drawn) | {"bic": bic, "converged": converged}
            )
        return rows

    with convergence_reported():
        found = side_by_side(rows_of, sizes)
    return pd.DataFrame([row for rows in found for row in rows])


def score_consensus(scores: Array, refits: Sequence[Refit], recipe: Recipe, seed: int) -> pd.DataFrame:
    """The row of `score_candidates` for a consensus of K-Means, at one number of segments."""
    sized = replace(recipe, method="consensus")
    clusters = fit_clusters(scores, recipe.n_segments, seed, method="consensus")
    found = side_by_side(lambda refit: refitted_labels(refit, sized, seed), refits)
    row = _row("consensus", recipe.n_segments, scores, clusters.labels(scores), found, Drawn.of(scores, seed))
    return pd.DataFrame([row | {"converged": clusters.converged}])


def choose_segments(candidates: pd.DataFrame, settings: SegmentationSettings) -> Choice:
    """The largest number of segments that still comes back on other households.

    1. A candidate is *useful* when it has at least `min_segments` segments and none smaller than `min_share`. Two or
       three segments are nearly always the most stable and say little more than one number, spend, would.
    2. A useful one *comes back* when three of four refits agree with it by a cold ARI of `stability_target` or more:
       when the lower quartile over refits reaches it. Going up from the smallest number that comes back, segments are
       added as long as each number does: the idea of prediction strength (Tibshirani & Walther 2005, J. Comp. Graph.
       Stat. 14; likewise Ben-Hur et al. 2002), which adds detail until it stops being reproducible. A number beyond
       a gap is luck. When none comes back, the one with the highest mean cold ARI, and the reason records it.
       A quartile, since a mean hides that some refits find other segments altogether (on the sample those of six
       segments have a median of .86, and one in ten is under .6), and a standard error shrinks with the number of
       refits: what is chosen would depend on how closely it is looked at.
    3. Silhouette decides between equals only: it rewards gaps, and customers have none. They form a continuum, in
       which the same cut every month is worth more than the deepest one.
    4. Gaussian mixtures are a second opinion and never chosen: their segments overlap, so that no centre says who
       belongs where. A consensus takes the place of K-Means at the same number of segments when it is clearly more
       stable (`consensus_wins`).
    """
    kmeans = candidates[candidates["method"] == "kmeans"]
    useful = kmeans[useful_rows(kmeans, settings)]
    floors = f"at least {settings.min_segments} segments, none under {settings.min_share:.0%} of households"
    if useful.empty:
        best = kmeans.sort_values(["cold_ari", "silhouette"], ascending=False, kind="stable").iloc[0]
        return Choice("kmeans", int(best["n_segments"]), f"no candidate has {floors}: the most stable of all")
    useful = useful.sort_values("n_segments", kind="stable")
    lower = {int(row["n_segments"]): _lower(row["cold_aris"]) for _, row in useful.iterrows()}
    back = [number for number, ari in lower.items() if ari >= settings.stability_target]
    if not back:
        best = useful.sort_values(["cold_ari", "silhouette"], ascending=False, kind="stable").iloc[0]
        return Choice(
            "kmeans",
            int(best["n_segments"]),
            f"with none of {floors} do three of four refits agree by an ARI of {settings.stability_target:g}: the most "
            "stable of them on average",
        )
    last = back[0]
    while last + 1 in back:
        last += 1
    reason = (
        f"the most segments ({floors}) before refits stop agreeing: three of four agree by an ARI of at least "
        f"{lower[last]:.2f}, {settings.stability_target:g} expected"
    )
    beyond = f"; of {last + 1} segments by {lower[last + 1]:.2f}" if last + 1 in lower else ""
    return Choice("kmeans", last, reason + beyond)


def consensus_wins(kmeans: Array, consensus: Array) -> bool:
    """Whether a consensus is more stable than K-Means by more than a standard error of the mean difference of their
    cold ARI (n,) over the same resamples.

    Paired, since a resample that is hard for one is hard for the other. Resamples that either cannot be fitted to
    say nothing; of fewer than two nobody knows the error, and K-Means, the simpler one, stays.
    """
    gain = consensus - kmeans
    gain = gain[np.isfinite(gain)]
    if len(gain) < 2:
        return False
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def _lower(aris: Array) -> float:
    """Lower quartile of the ARI of the refits that could be made; NaN, which reaches nothing, when none could."""
    found = aris[np.isfinite(aris)]
    return float(np.quantile(found, LOWER)) if len(found) else np.nan


def useful_rows(candidates: pd.DataFrame, settings: SegmentationSettings) -> pd.Series:
    """Whether each candidate has enough segments, and none too small."""
    return (candidates["n_segments"] >= settings.min_segments) & (candidates["smallest_share"] >= settings.min_share)


def _row(
    method: str, n_segments: int, scores: Array, labels: Labels, found: list[Labels | None], drawn: Drawn
) -> dict[str, object]:
    every = np.array([np.nan if other is None else adjusted_rand(labels, other) for other in found])
    aris = every[np.isfinite(every)]
    return {
        "method": method,
        "n_segments": n_segments,
        **quality(scores, labels, drawn),
        "bic": np.nan,
        "cold_ari": float(aris.mean()) if len(aris) else np.nan,
        "cold_ari_sd": float(aris.std(ddof=1)) if len(aris) > 1 else np.nan,
        "n_cold": len(aris),
        "cold_aris": every,
        "cold_labels": found,
    }


def _mixture(sample: Array, everyone: Array, n_segments: int, seed: int) -> tuple[Labels, float, bool]:
    """(labels of everyone, BIC on the sample, converged) of a Gaussian mixture started from K-Means."""
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture

    with one_thread(), convergence_reported():
        start = KMeans(n_segments, n_init=2, random_state=seed % 2**32).fit(sample).cluster_centers_
        model = GaussianMixture(
            n_segments, means_init=start, reg_covar=VARIANCE_FLOOR, tol=1e-2, max_iter=100, random_state=seed % 2**32
        ).fit(sample)
        return model.predict(everyone), float(model.bic(sample)), bool(model.converged_)
