"""Would another sample of households give the same segments? Bootstrap ARI with everything refit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dunnhumby_pipeline.segmentation.clusters import Labels, Segmentation, fit_segmentation
from dunnhumby_pipeline.settings import SegmentationSettings


@dataclass(frozen=True)
class Stability:
    """`replicates`: start ('cold' or 'warm'), replicate, ari. `agreement`: (n,) share of cold refits that agree."""

    replicates: pd.DataFrame
    agreement: NDArray[np.float64]


def bootstrap_stability(
    features: pd.DataFrame, reference: Segmentation, settings: SegmentationSettings, seed: int
) -> Stability:
    """Refit scaling, factors and clusters on resampled households; compare on all households.

    Adjusted Rand index (Hubert & Arabie 1985) of each refit's labels with the reference's. *Cold*
    refits start from scratch; *warm* ones from the reference's factors and centroids, as a
    scheduled refit would. A household agrees with a refit when its label is the one that the best
    one-to-one matching of labels (Hungarian) gives to its reference segment.
    """
    from sklearn.metrics import adjusted_rand_score

    names = reference.scaling.features
    expected = reference.labels(features)
    agreement = np.zeros(len(features))
    rows = []
    for replicate in range(settings.n_bootstraps):
        # A generator of its own, so that one replicate does not depend on how many came before.
        rng = np.random.default_rng([seed, replicate])
        resampled = features.iloc[rng.integers(0, len(features), len(features))]
        for start_name, start in (("cold", None), ("warm", reference)):
            refit = fit_segmentation(resampled, names, settings, seed + replicate, start)
            labels = refit.labels(features)
            rows.append((start_name, replicate, adjusted_rand_score(expected, labels)))
            if start is None:
                agreement += match_labels(expected, labels, settings.n_segments) == expected
    replicates = pd.DataFrame(rows, columns=["start", "replicate", "ari"])
    return Stability(replicates, agreement / settings.n_bootstraps)


def match_labels(expected: Labels, labels: Labels, n_segments: int) -> Labels:
    """`labels` renamed one-to-one so that as many as possible equal `expected`."""
    counts = np.zeros((n_segments, n_segments), dtype=np.int64)
    np.add.at(counts, (labels, expected), 1)
    rows, columns = linear_sum_assignment(-counts)
    renamed = np.empty(n_segments, dtype=np.int64)
    renamed[rows] = columns
    return renamed[labels]
