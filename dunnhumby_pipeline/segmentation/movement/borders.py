"""Where a household lies between segments, in the noise of what it was measured by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.segmentation.movement.trails import NOT_THERE, Array, Codes, Trails

# Standard errors beyond which distances from a border are all alike.
_FAR = 10.0
_PAIR = 2


@dataclass(frozen=True)
class Steps:
    """A function of one variable that only rises or only falls, between `places`; without any, nothing is known."""

    places: Array
    values: Array

    @property
    def known(self) -> bool:
        """Whether there was anything to learn from."""
        return len(self.places) > 0

    def of(self, found: Array) -> Array:
        """The values at `found`, NaN where that is NaN, or where nothing is known."""
        if not self.known:
            return np.full(found.shape, np.nan)
        return np.interp(np.clip(found, self.places[0], self.places[-1]), self.places, self.values)


@dataclass(frozen=True)
class HalfScores:
    """Two measurements of the same months: scores (n, k) and baskets (n,) of each, and the share of days in common."""

    first: Array
    second: Array
    baskets: Array
    shared: float

    @classmethod
    def of(cls, halved: Trails, first: int, second: int, shared: float) -> HalfScores:
        """Two rows of `halved`, of the households that are in both."""
        known = halved.seen[first] & halved.seen[second]
        baskets = (halved.baskets[first, known] + halved.baskets[second, known]) / 2
        return cls(halved.scores[first, known], halved.scores[second, known], baskets, shared)

    @property
    def difference(self) -> Array:
        """(n, k), of the size that it would have, were no day in common."""
        return (self.first - self.second) / np.sqrt(1 - self.shared)


@dataclass(frozen=True)
class Borders:
    """What scores are measured against: `centroids` (s, k) of the segments, the mean `noise` covariance of a period's
    scores (k, k), and `level`, by how much more or less of it a household with so many baskets has."""

    centroids: Array
    noise: Array
    level: Steps

    def nearest(self, scores: Array) -> Codes:
        """(n,) segment whose centroid is nearest to each row of `scores` (n, k); -1 where they are NaN."""
        known = np.isfinite(scores).all(axis=1)
        near = np.full(len(scores), NOT_THERE, dtype=np.int64)
        near[known] = self._distances(scores[known]).argmin(axis=1)
        return near

    def beyond(self, scores: Array, variance: Array) -> Array:
        """(n, s): by how many standard errors each row of `scores` (n, k) lies on the segment's side of the border
        that it is least beyond; below 0, on the other side of one. At most 10 either way. `variance` (n,): that of the
        scores, in units of `noise`."""
        steps = self.centroids[:, None] - self.centroids[None]
        along = np.sqrt(np.einsum("jkf,fg,jkg->jk", steps, self.noise, steps))
        squared = self._distances(scores)
        # (d_k^2 - d_j^2) / (2 |c_j - c_k|) is how far j's side of the border is reached; errors likewise along it.
        reach = (squared[:, None, :] - squared[:, :, None]) / 2
        error = along[None] * np.sqrt(variance)[:, None, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            # Without noise a border is crossed or not.
            errors = np.where(error > 0, reach / error, np.where(reach == 0, 0.0, np.sign(reach) * _FAR))
        errors[:, np.arange(len(steps)), np.arange(len(steps))] = np.inf
        return np.clip(errors.min(axis=2), -_FAR, _FAR)

    def levels(self, baskets: Array) -> Array:
        """Noise variance of measurements with so many `baskets`, in units of `noise`; 1 where nothing is known of it,
        NaN without baskets."""
        found = self.level.of(baskets)
        return np.where(np.isfinite(baskets), np.where(np.isfinite(found), found, 1.0), np.nan)

    def _distances(self, scores: Array) -> Array:
        return ((scores[:, None, :] - self.centroids[None]) ** 2).sum(axis=2)


def measure_borders(centroids: Array, halves: list[HalfScores]) -> Borders:
    """Borders with the noise of a period's scores, from two measurements of the same months.

    noise = Cov(first - second) / 2, mean over `halves`. The level falls with the number of baskets, by isotonic
    regression of the squared differences, in units of the noise, on it: who comes seldom is measured badly. (On the
    sample eight times worse, in variance, with two baskets than with fifty.)
    """
    from sklearn.isotonic import IsotonicRegression

    k = centroids.shape[1]
    own = [each for each in halves if len(each.baskets) >= _PAIR]
    if not own:
        return Borders(centroids, np.zeros((k, k)), Steps(np.empty(0), np.empty(0)))
    noise = np.mean([np.atleast_2d(np.cov(each.difference, rowvar=False)) / 2 for each in own], axis=0)
    level = np.concatenate([noise_distance(each.difference, noise) for each in own]) / max(
        np.linalg.matrix_rank(noise), 1
    )
    fitted = IsotonicRegression(increasing=False).fit(np.concatenate([each.baskets for each in own]), level)
    return Borders(centroids, noise, Steps(fitted.X_thresholds_, fitted.y_thresholds_))


def noise_distance(difference: Array, noise: Array) -> Array:
    """(n,) squared Mahalanobis length of differences (n, k) of two measurements, in the `noise` of their difference."""
    return np.einsum("nf,fg,ng->n", difference, np.linalg.pinv(2 * noise, hermitian=True), difference)


def learn_confidence(halves: list[HalfScores], borders: Borders) -> Steps:
    """The chance that other weeks of the same months, as many, lead to a segment, by how far beyond its borders a
    household lies (`Borders.beyond`).

    For every household and segment: how far the first half lies on its side, and whether the second is nearest to it;
    by isotonic regression (Barlow et al. 1972). From halves that share no day; nothing is known without.
    """
    from sklearn.isotonic import IsotonicRegression

    own = [each for each in halves if len(each.baskets) and each.shared == 0]
    if not own:
        return Steps(np.empty(0), np.empty(0))
    places = [borders.beyond(each.first, borders.levels(each.baskets)).ravel() for each in own]
    segments = np.arange(len(borders.centroids))
    came = [(borders.nearest(each.second)[:, None] == segments).ravel().astype(float) for each in own]
    fitted = IsotonicRegression(increasing=True).fit(np.concatenate(places), np.concatenate(came))
    return Steps(fitted.X_thresholds_, fitted.y_thresholds_)
