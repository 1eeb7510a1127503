"""How stable the segments are, how long they take, and what a fit to a part of a million households loses.

python -m benchmarks.segments study [HOME]      the scoreboard on the customer features of a study
python -m benchmarks.segments speed [HOME]      factor scan and 50 cold bootstraps
python -m benchmarks.segments million [HOME]    NMF and K-Means on a million households drawn from them
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd

from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.segmentation.factors.factors import RIDGE, Factors
from dunnhumby_pipeline.segmentation.factors.feature_choice import choose_features
from dunnhumby_pipeline.segmentation.factors.matrix import fit_scaling
from dunnhumby_pipeline.segmentation.factors.selection import matched_correlations, scan_factors
from dunnhumby_pipeline.segmentation.segments.clusters import Clusters, Recipe, fit_segmentation
from dunnhumby_pipeline.segmentation.segments.stability import cold_refits, refitted_labels
from dunnhumby_pipeline.segmentation.segments.tables import drawn_rows, segment_households
from dunnhumby_pipeline.settings import Home, load_settings

N = 1_000_000
FACTORS, SEGMENTS = 4, 5
Result = TypeVar("Result")


def timed(what: str, work: Callable[[], Result]) -> Result:
    """The result of `work`, with its seconds and the most memory so far printed."""
    started = time.perf_counter()
    result = work()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {time.perf_counter() - started:.1f} s, {memory:.2f} GB at most", flush=True)
    return result


def study(features: pd.DataFrame, home: Home) -> None:
    """The whole of Track 1's segments: scoreboard, stability by segment, names."""
    settings = load_settings(home)
    found = timed("study", lambda: segment_households(features, settings.segmentation, settings.seed_for("segments")))
    for table in ("factor_selection", "segment_scoreboard", "segment_jaccard", "segment_identity"):
        print(f"\n{table}\n{getattr(found, table).round(3).to_string(index=False)}")
    again = timed("refit from it", lambda: segment_households(features, settings.segmentation, 1, found.model))
    print(again.segment_identity.round(3).to_string(index=False))


def speed(features: pd.DataFrame, home: Home) -> None:
    """Factor scan and 50 cold bootstraps, everything refitted."""
    settings = load_settings(home).segmentation
    names = choose_features(features, settings.feature_groups, settings.twin_correlation).features
    matrix = fit_scaling(features, names).apply(features)
    timed("factor scan", lambda: scan_factors(matrix, names, settings.max_factors, settings.n_factor_refits, 1))
    recipe = Recipe(names, FACTORS, SEGMENTS)
    timed(
        "50 cold bootstraps", lambda: [refitted_labels(one, recipe, 1) for one in cold_refits(features, recipe, 50, 1)]
    )


def million(features: pd.DataFrame, home: Home) -> None:
    """A part fitted and all scored, beside mini-batches over all, both against a fit to all of 200,000."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.decomposition import MiniBatchNMF
    from sklearn.metrics import adjusted_rand_score

    settings = load_settings(home).segmentation
    names = choose_features(features, settings.feature_groups, settings.twin_correlation).features
    rng = np.random.default_rng(1)
    rows = rng.integers(0, len(features), N)
    values = features.loc[:, list(names)].to_numpy(dtype=float)
    # Neighbours of real households: each feature moved by up to a tenth.
    simulated = pd.DataFrame(values[rows] * rng.uniform(0.9, 1.1, (N, len(names))), columns=list(names))
    recipe = Recipe(names, FACTORS, SEGMENTS)
    part = simulated.iloc[drawn_rows(N, settings.max_households, 1)]
    fitted = timed(f"fit to {len(part):,}", lambda: fit_segmentation(part, recipe, 1))
    scores = timed(f"score {N:,}", lambda: fitted.scores(simulated))
    labels = fitted.clusters.labels(scores)

    def mini_batches() -> tuple[Factors, Clusters, np.ndarray]:
        with one_thread():
            matrix = fit_scaling(simulated, names).apply(simulated)
            model = MiniBatchNMF(FACTORS, init="nndsvda", batch_size=4096, alpha_W=RIDGE, random_state=1, max_iter=20)
            model.fit(matrix)
            factors = Factors(names, model.components_ / model.components_.max(axis=1, keepdims=True))
            found = factors.scores(matrix)
            kmeans = MiniBatchKMeans(SEGMENTS, batch_size=4096, n_init=5, random_state=1).fit(found)
        return factors, Clusters(kmeans.cluster_centers_), found

    _, mini, mini_scores = timed("mini-batches over all", mini_batches)
    few = simulated.iloc[:200_000]
    whole = timed("fit to 200,000", lambda: fit_segmentation(few, recipe, 1))
    expected, truth = whole.labels(few), whole.scores(few)
    for what, found, placed in (
        ("part", labels[:200_000], scores[:200_000]),
        ("mini-batches", mini.labels(mini_scores[:200_000]), mini_scores[:200_000]),
    ):
        print(
            f"{what} against the fit to 200,000: ARI {adjusted_rand_score(expected, found):.3f}, worst factor's "
            f"correlation {matched_correlations(truth, placed).min():.3f}"
        )


if __name__ == "__main__":
    where = Home.resolve(sys.argv[2] if len(sys.argv) > 2 else None)
    table = pd.read_parquet(where.warehouse / "customer_features.parquet")
    {"study": study, "speed": speed, "million": million}[sys.argv[1]](table, where)
