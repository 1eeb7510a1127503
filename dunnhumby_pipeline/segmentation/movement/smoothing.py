"""Smoothed membership: scores averaged over periods, and a border that is crossed only by going well beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.movement.borders import Borders
from dunnhumby_pipeline.segmentation.movement.trails import NOT_THERE, Array, Codes

# Settings give the weight of a month as this many days.
MONTH = 28


@dataclass(frozen=True)
class Smoothed:
    """(T, n, k) smoothed `scores`, (T, n) `segments` (-1 before a household first buys) and `variance`, the noise of
    the scores in units of that of one period's."""

    scores: Array
    segments: Codes
    variance: Array


def smooth(
    scores: Array, levels: Array, overlap: Array, weight: float, borders: Borders, hysteresis: float
) -> Smoothed:
    """Exponentially weighted scores (T, n, k) of periods, and the segment that each leads to.

        s_t = (1 - w) s_(t-1) + w x_t;    w = 1 - (1 - weight)^(periods since the household was last seen)

    (Brown 1959; simple exponential smoothing.) A period without purchases leaves everything as it was. A household
    changes to the segment it is nearest to once it lies `hysteresis` standard errors beyond the border between that
    and its present one. `overlap` (T, T): share of days that two periods have in common; noise of their scores is
    taken to be common in that proportion, as it is for sums over days. `levels` (T, n): variance of the noise of each
    measurement (`Borders.levels`). `weight`: of one period, in (0, 1].
    """
    spread = np.sqrt(np.nan_to_num(levels))
    periods, n, k = scores.shape
    level, shares = np.full((n, k), np.nan), np.zeros((n, periods))
    last, current = np.full(n, NOT_THERE), np.full(n, NOT_THERE, dtype=np.int64)
    levels, segments = np.full(scores.shape, np.nan), np.full((periods, n), NOT_THERE, dtype=np.int64)
    variance = np.full((periods, n), np.nan)
    for period in range(periods):
        found = scores[period]
        seen = np.isfinite(found).all(axis=1)
        w = np.where(last == NOT_THERE, 1.0, 1 - (1 - weight) ** (period - last))
        old = np.where((last == NOT_THERE)[:, None], 0.0, level)
        level = np.where(seen[:, None], (1 - w)[:, None] * old + w[:, None] * np.nan_to_num(found), level)
        shares[seen] *= (1 - w[seen])[:, None]
        shares[seen, period] = w[seen]
        last = np.where(seen, period, last)
        started = last != NOT_THERE
        levels[period] = level
        variance[period, started] = _variance(shares[started] * spread.T[started], overlap)
        nearest = borders.nearest(level)
        segments[period] = current = _held(level, nearest, current, variance[period], borders, hysteresis)
    return Smoothed(levels, segments, variance)


def _held(level: Array, nearest: Codes, current: Codes, variance: Array, borders: Borders, hysteresis: float) -> Codes:
    """The segment of each household: the nearest, unless the border to it is not crossed by enough."""
    asked = np.flatnonzero((current != NOT_THERE) & (nearest != current))
    if not len(asked):
        return nearest
    new, old = borders.centroids[nearest[asked]], borders.centroids[current[asked]]
    step = new - old
    reach = ((level[asked] - old) ** 2).sum(axis=1) - ((level[asked] - new) ** 2).sum(axis=1)
    along = np.sqrt(np.einsum("nf,fg,ng->n", step, borders.noise, step) * variance[asked])
    held = nearest.copy()
    stays = asked[reach / 2 < hysteresis * along]
    held[stays] = current[stays]
    return held


def _variance(shares: Array, overlap: Array) -> Array:
    """(n,) a' G a of every row a of `shares` (n, T)."""
    return ((shares @ overlap) * shares).sum(axis=1)


def overlaps(windows: pd.DataFrame) -> Array:
    """(T, T) share of days that each two periods of one length have in common."""
    first, index = windows["first_day"].to_numpy(dtype=float), windows["index_day"].to_numpy(dtype=float)
    common = np.minimum(index[:, None], index[None]) - np.maximum(first[:, None], first[None])
    return np.maximum(common, 0.0) / (index - first)


def weight_of(weight: float, step_days: int) -> float:
    """The weight of one period, from that of `MONTH` days."""
    return 1 - (1 - weight) ** (step_days / MONTH)


def still_world(scores: Array, levels: Array, overlap: Array, noise: Array, seed: int) -> Array:
    """(T, n, k): measurements of households that do not change at all.

    Each stays at its mean score, and every period adds noise of covariance `noise`, as much as `levels` (T, n) says,
    that two periods have in common in proportion to their days (`overlap`); seen in the same periods as in `scores`.
    """
    seen = np.asarray(np.isfinite(scores).all(axis=2))
    count = np.maximum(seen.sum(axis=0), 1)
    centre = np.where(seen[..., None], scores, 0.0).sum(axis=0) / count[:, None]
    drawn = np.random.default_rng(seed).standard_normal(scores.shape)
    together = np.einsum("tu,unk->tnk", _root(overlap), drawn) @ _root(noise).T
    return np.where(seen[..., None], centre + np.sqrt(np.nan_to_num(levels))[..., None] * together, np.nan)


def _root(covariance: Array) -> Array:
    """A square root, of a covariance that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
