"""Movement with the noise taken out: what could stay at most, what really changed, and who moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import TIERS, value_tiers
from dunnhumby_pipeline.segmentation.movement.agreement import household_weights
from dunnhumby_pipeline.segmentation.movement.borders import HalfScores, learn_confidence, measure_borders
from dunnhumby_pipeline.segmentation.movement.membership import (
    Move,
    by_noise_alone,
    household_membership,
    noise_threshold,
    smoothed_periods,
)
from dunnhumby_pipeline.segmentation.movement.migration import segment_migration
from dunnhumby_pipeline.segmentation.movement.noise import noise_tables, smoothed_rows
from dunnhumby_pipeline.segmentation.movement.periods import SPEND, period_pairs, shared_days
from dunnhumby_pipeline.segmentation.movement.prediction import label_prediction
from dunnhumby_pipeline.segmentation.movement.smoothing import overlaps, smooth, weight_of
from dunnhumby_pipeline.segmentation.movement.trails import Array, Trails, trails
from dunnhumby_pipeline.segmentation.movement.weight import choose_weight
from dunnhumby_pipeline.segmentation.segments.model_store import SegmentModel
from dunnhumby_pipeline.settings import MigrationSettings

SEGMENT, TIER, NEED, SMOOTHED = "segment", "value tier", "need", "smoothed segment"
N_REPLICATES = 200
N_WORLDS = 5
# Noise is a property of all: it is measured on as many households, drawn at random, of more.
MOST_MEASURED = 20_000


@dataclass(frozen=True)
class MeasuredTables:
    """Columns as in the contracts of the same names; see the functions that make them."""

    stay_rates: pd.DataFrame
    movement_noise: pd.DataFrame
    smoothing_weights: pd.DataFrame
    household_membership: pd.DataFrame
    smoothed_migration: pd.DataFrame
    label_prediction: pd.DataFrame


@dataclass(frozen=True)
class Reading:
    """`features` of households in windows, with what was read from them, row by row: `scores` (rows, k) on the
    factors, and `labels` (segment, value tier, and need where needs are known)."""

    features: pd.DataFrame
    scores: Array
    labels: Mapping[str, pd.Series]


def read(
    features: pd.DataFrame, model: SegmentModel, tier_shares: tuple[float, float], needs: pd.Series | None
) -> Reading:
    """Scores and labels of each row of `features`, from the rows of the same `window` alone.

    The segment is that of `window_segments`; the value tier is by spend in the window (`value_tiers`); `needs`: the
    need of each row. Raises MatrixError when a feature is missing, or has no value in some window.
    """
    features = features.reset_index(drop=True)
    clusters = model.fitted.clusters
    scores = np.full((len(features), clusters.centroids.shape[1]), np.nan)
    for _, rows in features.groupby("window"):
        scores[rows.index] = model.among_themselves(rows).scores(rows)
    slugs = np.array(model.slugs, dtype=object)
    tiers = features.groupby("window")[SPEND].transform(lambda spend: value_tiers(spend, tier_shares))
    labels = {SEGMENT: pd.Series(slugs[clusters.labels(scores)], index=features.index), TIER: tiers}
    if needs is not None:
        labels[NEED] = needs.reset_index(drop=True)
    return Reading(features, scores, labels)


def movement_measures(
    periods: Reading,
    windows: pd.DataFrame,
    halves: Reading,
    pairs: pd.DataFrame,
    model: SegmentModel,
    settings: MigrationSettings,
    confidence: float,
    seed: int,
) -> MeasuredTables:
    """All tables of movement with the noise taken out.

    `windows`: of the periods; `pairs`: which window of `halves` is which (`interleaved_halves`). Intervals are
    percentiles of a bootstrap of households.
    """
    numbers = [int(window) for window in windows["window"]]
    place = {window: at for at, window in enumerate(numbers)}
    trail, halved = _trails(periods, numbers, halves, pairs, model)
    compared = [(place[a], place[b]) for a, b in period_pairs(windows)]
    apart = [pair for pair in compared if shared_days(windows, numbers[pair[0]], numbers[pair[1]]) == 0]
    drawn = _drawn(len(trail.households), seed)
    few, few_halves = trail.of(drawn), halved.of(drawn)
    weights = household_weights(len(drawn), N_REPLICATES, seed)

    rates, noise = noise_tables(few, few_halves, windows, pairs, weights, confidence)
    overlap = overlaps(windows)
    measured = _half_scores(few_halves, windows, pairs)
    independent = [each for each in measured if each.shared == 0]
    borders = measure_borders(model.fitted.clusters.centroids, independent or measured)
    choice = choose_weight(few, overlap, borders, apart, settings)
    weight = weight_of(choice.weight, settings.step_days)
    smoothed = smooth(trail.scores, borders.levels(trail.baskets), overlap, weight, borders, settings.hysteresis)
    before = [early for early, late in apart if late == len(numbers) - 1]
    move = None
    if before and any(len(each.baskets) for each in independent):
        threshold = noise_threshold(independent, borders, settings.move_confidence)
        move = Move(before[-1], len(numbers) - 1, borders, threshold)
    worlds = by_noise_alone(few, overlap, weight, borders, settings.hysteresis, seed, N_WORLDS)
    few_smoothed = smooth(few.scores, borders.levels(few.baskets), overlap, weight, borders, settings.hysteresis)
    noise += smoothed_rows(SMOOTHED, few, few_smoothed, worlds, compared, set(apart), move, weights, confidence)
    codes = {**{label: few.codes[label] for label in few.codes}, SMOOTHED: few_smoothed.segments}
    return MeasuredTables(
        stay_rates=rates,
        movement_noise=pd.DataFrame(noise),
        smoothing_weights=choice.table,
        household_membership=household_membership(
            trail, smoothed, numbers, borders, learn_confidence(independent, borders), move, model.slugs
        ),
        smoothed_migration=segment_migration(
            smoothed_periods(trail, smoothed, numbers, model.slugs), period_pairs(windows)
        ),
        label_prediction=label_prediction(codes, few.outcomes, apart, weights, confidence),
    )


def _trails(
    periods: Reading, numbers: list[int], halves: Reading, pairs: pd.DataFrame, model: SegmentModel
) -> tuple[Trails, Trails]:
    households = np.unique(np.concatenate([one.features["household_key"].to_numpy() for one in (periods, halves)]))
    names = {SEGMENT: tuple(model.slugs), TIER: tuple(TIERS)}
    labels = set(periods.labels) & set(halves.labels)
    if NEED in labels:
        found = {*periods.labels[NEED].unique(), *halves.labels[NEED].unique()}
        # Needs that cannot be told of anybody are no label.
        if found <= {NO_NEED}:
            labels.remove(NEED)
        names[NEED] = tuple(sorted(found))
    kept = {label: names[label] for label in (SEGMENT, TIER, NEED) if label in labels}

    def made(reading: Reading, order: list[int]) -> Trails:
        own = {label: reading.labels[label] for label in kept}
        return trails(reading.features, reading.scores, own, order, households, kept)

    return made(periods, numbers), made(halves, [int(window) for window in pairs["window"]])


def _drawn(n: int, seed: int) -> NDArray[np.int64]:
    if n <= MOST_MEASURED:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:MOST_MEASURED])


def _half_scores(halved: Trails, windows: pd.DataFrame, pairs: pd.DataFrame) -> list[HalfScores]:
    """Both halves of each pair of periods that is measured, of the households in both."""
    length = float(windows["index_day"].iloc[0] - windows["first_day"].iloc[0])
    found = []
    for (before, after), own in pairs.reset_index(drop=True).groupby(["from_period", "to_period"], sort=False):
        first, second = own.sort_values("half").index
        shared = shared_days(windows, int(before), int(after)) / length
        found.append(HalfScores.of(halved, int(first), int(second), shared))
    return found
