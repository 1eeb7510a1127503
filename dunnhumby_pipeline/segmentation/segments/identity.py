"""The same segment next month: a refit is matched to the run before, and what has not changed keeps its name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from dunnhumby_pipeline.segmentation.segments.clusters import Labels
from dunnhumby_pipeline.segmentation.segments.model_store import FIRST_RUN, SegmentModel
from dunnhumby_pipeline.segmentation.segments.naming import segment_names, slug, untrue
from dunnhumby_pipeline.segmentation.segments.stability import jaccard_matrix

Array = NDArray[np.float64]
# Overlap says who is who; how near the centroids are decides where it hardly does.
CENTROID_WEIGHT = 0.25
COLUMNS = [
    "segment",
    "segment_name",
    "previous_segment",
    "jaccard",
    "centroid_distance",
    "kept",
    "described_as",
    "reason",
]


@dataclass(frozen=True)
class Identity:
    """`slugs` and `names` by label. `table`: segment, segment_name, previous_segment, jaccard, centroid_distance, kept,
    described_as (the name its profile would give it today), reason; a row per segment, gone ones included."""

    slugs: tuple[str, ...]
    names: tuple[str, ...]
    table: pd.DataFrame


def match_segments(jaccard: Array, distance: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One-to-one pairs (rows, columns) of today's segments (s, t) with those of the run before.

    The Hungarian assignment (Kuhn 1955) of greatest sum of Jaccard overlap + 0.25 x nearness, where nearness is 1 -
    the distance of the centroids over the largest distance.
    """
    largest = float(distance.max())
    nearness = 1 - distance / largest if largest > 0 else np.ones_like(distance)
    return linear_sum_assignment(-(jaccard + CENTROID_WEIGHT * nearness))


def identify(
    features: pd.DataFrame,
    labels: Labels,
    previous: SegmentModel | None,
    min_jaccard: float,
    without: str = FIRST_RUN,
) -> Identity:
    """Names for the `labels` (n,) of today's households: those of the run before where it is the same segment.

    The model of the run before is applied to today's `features`, with percentiles among today's households, so that
    households that moved do not rename a segment that stayed. Segments are matched one to one (`match_segments`) on
    the overlap of households and on centroids in the factor space of the run before. A pair keeps slug and name when
    its Jaccard is at least `min_jaccard` and what its name says still holds, to within a margin (`naming.untrue`): the
    same households may have come to buy less at a time, or at full price. Any other segment takes today's name
    (`segment_names`), never one that the run before used. `without`: why there is no model of the run before, when
    there is none.
    """
    described = segment_names(features, labels)
    n_segments = len(described)
    if previous is None:
        return _all_new(described, without)
    absent = [name for name in previous.features if name not in features.columns or features[name].isna().all()]
    if absent:
        return _all_new(
            segment_names(features, labels, taken=previous.names),
            f"the model of the run before needs {', '.join(absent)}, which today's table has no value of",
            previous,
        )
    before = previous.among_themselves(features)
    scores = before.scores(features)
    earlier = before.clusters.labels(scores)
    jaccard = jaccard_matrix(labels, earlier, n_segments, len(previous.slugs))
    today = np.stack([scores[labels == label].mean(axis=0) for label in range(n_segments)])
    distance = np.linalg.norm(today[:, None, :] - before.clusters.centroids[None, :, :], axis=2)
    rows, columns = match_segments(jaccard, distance)
    match = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    same = {row: column for row, column in match.items() if jaccard[row, column] >= min_jaccard}
    wrong = untrue(features, labels, {row: previous.names[column] for row, column in same.items()})
    kept = {row: column for row, column in same.items() if row not in wrong}
    fresh = segment_names(features, labels, taken=previous.names)
    names = [previous.names[kept[label]] if label in kept else fresh[label] for label in range(n_segments)]
    slugs = [previous.slugs[kept[label]] if label in kept else slug(fresh[label]) for label in range(n_segments)]
    entries: list[tuple[object, ...]] = []
    for label in range(n_segments):
        column = match.get(label)
        overlap = float(jaccard[label, column]) if column is not None else np.nan
        apart = float(distance[label, column]) if column is not None else np.nan
        reason = (
            f"overlap of {overlap:.2f} with its match"
            if label in kept
            else f"overlap of {overlap:.2f} with its match, but {wrong[label]}"
            if label in same
            else "more segments than before"
            if column is None
            else f"overlap of {overlap:.2f} with its closest match is under {min_jaccard:g}"
        )
        was = previous.slugs[column] if column is not None else None
        entries.append((slugs[label], names[label], was, overlap, apart, label in kept, described[label], reason))
    gone = [index for index in range(len(previous.slugs)) if index not in same.values()]
    entries += [(None, None, previous.slugs[index], np.nan, np.nan, False, None, "no longer there") for index in gone]
    return Identity(tuple(slugs), tuple(names), pd.DataFrame(entries, columns=COLUMNS))


def _all_new(names: dict[int, str], reason: str, previous: SegmentModel | None = None) -> Identity:
    ordered = tuple(names[label] for label in range(len(names)))
    slugs = tuple(slug(name) for name in ordered)
    entries: list[tuple[object, ...]] = [
        (one, name, None, np.nan, np.nan, False, name, reason) for one, name in zip(slugs, ordered, strict=True)
    ]
    for was in previous.slugs if previous else ():
        entries.append((None, None, was, np.nan, np.nan, False, None, reason))
    return Identity(slugs, ordered, pd.DataFrame(entries, columns=COLUMNS))
