"""Exponential smoothing of weekly spend, its parameters learned from how it would have forecast earlier weeks.

Simple exponential smoothing (Brown 1959, Statistical Forecasting for Inventory Control) in its form as a weighted mean,

    level = (sum_k (1 - alpha)^k y_k + kappa m) / (sum_k (1 - alpha)^k + kappa),

with y_k the spend k weeks ago, k from 0, and m the mean of all households: `kappa` weeks of what all spend on average
draw a household with a short history, or with little said in it, to the others (Buehlmann & Gisler 2005, A Course in
Credibility Theory, 4.2). alpha, kappa and whether weeks count from the first day of the data or from a household's
first trip are those with the smallest squared error of the mean spend of the next four weeks, over all earlier weeks
four apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from dunnhumby_pipeline.segmentation.lifetime.value import Vector
from dunnhumby_pipeline.segmentation.lifetime.weeks import Weeks

Since = Literal["first day", "first trip"]
SINCE: Final[tuple[Since, ...]] = ("first day", "first trip")
ALPHAS: Final = tuple(percent / 100 for percent in range(1, 31))
KAPPAS: Final = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
AHEAD: Final = 4
# Three parameters of ten thousand households are as good as known.
_MOST_HOUSEHOLDS = 10_000


@dataclass(frozen=True)
class Smoothing:
    """alpha (per week), kappa (weeks) and where weeks begin to count; `error` ($ a week): root of the mean squared
    error of the next weeks, on earlier ones, that chose them."""

    alpha: float
    kappa: float
    since: Since
    error: float

    def level(self, weeks: Weeks) -> Vector:
        """Expected spend per week of each household, $, after the last of `weeks`."""
        *_, (total, weight) = _sums(weeks, self.alpha, self.since)
        return _drawn_in(total, weight, self.kappa, weeks.mean)


def learn_smoothing(weeks: Weeks) -> Smoothing:
    """The parameters that would have forecast earlier weeks best; the mean of `weeks` where there is none to learn
    from (under two weeks): the smallest alpha, no kappa."""
    some = weeks.rows(slice(None, None, max(1, -(-len(weeks.spend) // _MOST_HOUSEHOLDS))))
    origins, ahead = origins_of(weeks.n_weeks)
    tried = [(alpha, since, _squared_errors(some, alpha, since, origins, ahead)) for since in SINCE for alpha in ALPHAS]
    least = min(float(errors.min()) for *_, errors in tried)
    # Of equals the first: weeks that count from the first day, the smallest alpha.
    alpha, since, errors = next(each for each in tried if each[2].min() <= least)
    return Smoothing(alpha, KAPPAS[int(errors.argmin())], since, float(np.sqrt(least)))


def origins_of(n_weeks: int) -> tuple[list[int], int]:
    """Weeks after which forecasts are tried, the earliest first, and how many weeks ahead they look."""
    ahead = max(1, min(AHEAD, n_weeks // 2))
    first = max(1, n_weeks // 4)
    return sorted(range(n_weeks - ahead, first - 1, -ahead)), ahead


def _squared_errors(weeks: Weeks, alpha: float, since: Since, origins: list[int], ahead: int) -> Vector:
    """Mean squared error for each kappa, over all origins and the households seen by then."""
    squares, n = np.zeros(len(KAPPAS)), 0
    wanted = set(origins)
    for origin, (total, weight) in enumerate(_sums(weeks, alpha, since)):
        seen = weeks.first < origin
        if origin not in wanted or not seen.any():
            continue
        actual = weeks.spend[seen, origin : origin + ahead].mean(axis=1)
        mean = float(weeks.spend[seen, :origin].mean())
        own, known = total[seen], weight[seen]
        squares += [float(((_drawn_in(own, known, kappa, mean) - actual) ** 2).sum()) for kappa in KAPPAS]
        n += len(actual)
    return squares / n if n else np.zeros(len(KAPPAS))


def _sums(weeks: Weeks, alpha: float, since: Since) -> Iterator[tuple[Vector, Vector]]:
    """Weighted sums of spend and of weights, before the first week and after each."""
    total, weight = np.zeros(len(weeks.spend)), np.zeros(len(weeks.spend))
    yield total, weight
    for week in range(weeks.n_weeks):
        counts = 1.0 if since == "first day" else (week >= weeks.first).astype(float)
        total, weight = total * (1 - alpha) + counts * weeks.spend[:, week], weight * (1 - alpha) + counts
        yield total, weight


def _drawn_in(total: Vector, weight: Vector, kappa: float, mean: float) -> Vector:
    known = weight + kappa
    return np.where(known > 0, (total + kappa * mean) / np.where(known > 0, known, 1.0), mean)
