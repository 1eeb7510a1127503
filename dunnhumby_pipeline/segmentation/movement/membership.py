"""Each household's smoothed segment, how sure it is, and whether it has moved beyond noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.segmentation.movement.borders import Borders, HalfScores, Steps, noise_distance
from dunnhumby_pipeline.segmentation.movement.periods import ABSENT
from dunnhumby_pipeline.segmentation.movement.smoothing import Smoothed, smooth, still_world
from dunnhumby_pipeline.segmentation.movement.trails import NOT_THERE, Array, Trails


@dataclass(frozen=True)
class Move:
    """What counts as moved: another smoothed segment in period `after` than in period `before`, and scores of the two
    that lie further apart than `threshold` (`differing`)."""

    before: int
    after: int
    borders: Borders
    threshold: float

    def of(self, scores: Array, levels: Array, smoothed: Smoothed) -> NDArray[np.bool_]:
        """(n,) whether each household moved; one that bought in one of the two periods alone did not."""
        old, new = smoothed.segments[self.before], smoothed.segments[self.after]
        level = (levels[self.before] + levels[self.after]) / 2
        apart = differing(scores[self.before] - scores[self.after], level, self.borders)
        return (old != NOT_THERE) & (old != new) & (np.nan_to_num(apart, nan=-1.0) > self.threshold)


def differing(difference: Array, level: Array, borders: Borders) -> Array:
    """(n,) squared length of differences (n, k) in the noise that two measurements of that `level` (n,) differ by."""
    length = noise_distance(difference, borders.noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Where there is no noise at all, any difference is beyond it.
        return np.where(level == 0, np.where(length > 0, np.inf, 0.0), length / level)


def noise_threshold(halves: list[HalfScores], borders: Borders, move_confidence: float) -> float:
    """The length that a share `move_confidence` of households do not reach between halves of the same months."""
    lengths = [differing(each.difference, borders.levels(each.baskets), borders) for each in halves]
    return float(np.quantile(np.concatenate(lengths), move_confidence))


def household_membership(
    trail: Trails,
    smoothed: Smoothed,
    windows: list[int],
    borders: Borders,
    confidence: Steps,
    move: Move | None,
    slugs: tuple[str, ...],
) -> pd.DataFrame:
    """One row per household that bought in any period, as it stands in the last one.

    Columns: household_key, last_period (in which it bought), n_periods, segment (of the last period alone, or
    '(no purchase)'), smoothed_segment, confidence (`learn_confidence`, of the smoothed segment; NaN where unknown),
    earlier_segment (smoothed, in the last period that shares no day with this; null for none), moved.
    """
    seen = trail.seen
    ever = np.flatnonzero(seen.any(axis=0))
    names = np.array([*slugs, ABSENT], dtype=object)
    last = len(windows) - 1
    now = smoothed.segments[-1, ever]
    beyond = borders.beyond(smoothed.scores[-1, ever], smoothed.variance[-1, ever])
    moved = (
        move.of(trail.scores, borders.levels(trail.baskets), smoothed)[ever]
        if move
        else np.zeros(len(ever), dtype=bool)
    )
    earlier = smoothed.segments[move.before, ever] if move else np.full(len(ever), NOT_THERE)
    return pd.DataFrame(
        {
            "household_key": trail.households[ever],
            "last_period": np.array(windows)[last - seen[::-1, ever].argmax(axis=0)],
            "n_periods": seen[:, ever].sum(axis=0),
            "segment": names[trail.codes["segment"][-1, ever]],
            "smoothed_segment": names[now],
            "confidence": confidence.of(beyond[np.arange(len(ever)), now]),
            "earlier_segment": np.where(earlier == NOT_THERE, None, names[earlier]),
            "moved": moved,
        }
    ).astype({"segment": "str", "smoothed_segment": "str", "earlier_segment": "str"})


def smoothed_periods(trail: Trails, smoothed: Smoothed, windows: list[int], slugs: tuple[str, ...]) -> pd.DataFrame:
    """window, household_key, segment (smoothed), of each household in each period in which it bought."""
    period, household = np.nonzero(trail.seen)
    return pd.DataFrame(
        {
            "window": np.array(windows)[period],
            "household_key": trail.households[household],
            "segment": np.array(slugs, dtype=object)[smoothed.segments[period, household]],
        }
    ).astype({"segment": "str"})


def by_noise_alone(
    trail: Trails, overlap: Array, weight: float, borders: Borders, hysteresis: float, seed: int, worlds: int
) -> list[tuple[Array, Smoothed]]:
    """Scores and what smoothing makes of them, of `worlds` simulated worlds in which no household changes."""
    rng = np.random.default_rng(seed)
    levels = borders.levels(trail.baskets)
    found = []
    for drawn in rng.integers(0, 2**32, size=worlds):
        scores = still_world(trail.scores, levels, overlap, borders.noise, int(drawn))
        found.append((scores, smooth(scores, levels, overlap, weight, borders, hysteresis)))
    return found
