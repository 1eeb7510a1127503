"""Rosenbaum bounds: how unequal the odds of treatment within matched pairs would have to be.

Were the odds of treatment within a pair off by a factor of at most gamma, because of something that was not
matched on, p-value and effect could lie anywhere between the bounds (Rosenbaum 2002, sections 4.3.2 to 4.3.4).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import cycle
from operator import attrgetter

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
# Candidates that are listed and sorted at last; more would cost memory, fewer another count each.
_MOST_CANDIDATES = 500_000
_N_FIRST_COUNTS = 65


def rosenbaum_bounds(differences: Array, max_gamma: float) -> pd.DataFrame:
    """Bounds at gamma = 1, 1.1, ... `max_gamma`, from the outcome differences (n,), treated - control, of 1:1 pairs.

    gamma, p_value_lower, p_value_upper, hodges_lehmann_lower, hodges_lehmann_upper (unit of the differences),
    n_pairs. P-values are one-sided, by the normal approximation of the signed-rank statistic without pairs that do
    not differ (as `psens` of R's rbounds), for an effect of the sign that the pairs show: where they show a negative
    one, that of the differences times -1. The Hodges-Lehmann bounds keep the sign; they are the shifts that make
    the statistic what gamma leads one to expect. Pairs count as independent. P-values are null when no pair differs.
    Raises ValueError without pairs, or when a difference is missing.
    """
    found = _checked(differences)
    # Tenths, so that the last one is not lost to rounding.
    gamma = np.arange(10, np.floor(10 * max_gamma + 1e-9) + 1) / 10
    largest = gamma / (1 + gamma)
    statistic, total, squares = _signed_rank(found)
    with np.errstate(invalid="ignore"):
        scale = np.sqrt(largest * (1 - largest) * squares)
        upper = stats.norm.sf((statistic - largest * total) / scale)
        lower = stats.norm.sf((statistic - (1 - largest) * total) / scale)
    effects = walsh_quantiles(found, np.concatenate([1 - largest, largest])).reshape(2, -1)
    return pd.DataFrame(
        {
            "gamma": gamma,
            "p_value_lower": lower,
            "p_value_upper": upper,
            "hodges_lehmann_lower": effects[0],
            "hodges_lehmann_upper": effects[1],
            "n_pairs": len(found),
        }
    )


def critical_gamma(differences: Array, significance: float) -> float:
    """The largest gamma at which the upper p-value is still at most `significance`; 1 when it never is.

    Exact, from the quadratic in p = gamma / (1 + gamma) that (T - p S)^2 = z^2 p (1 - p) Q is, with T the
    signed-rank statistic, S the sum of ranks and Q that of their squares. `significance` is one-sided and below
    0.5. Raises ValueError without pairs, or when a difference is missing.
    """
    statistic, total, squares = _signed_rank(_checked(differences))
    z = float(stats.norm.isf(significance))
    if squares == 0 or statistic - total / 2 <= z * np.sqrt(squares) / 2:
        return 1.0
    spread = z**2 * squares
    middle = 2 * statistic * total + spread
    root = np.sqrt(middle**2 - 4 * (total**2 + spread) * statistic**2)
    # The smaller root, written so that nothing cancels.
    p = 2 * statistic**2 / (middle + root)
    return float(p / (1 - p))


def walsh_quantiles(values: Array, shares: Array) -> Array:
    """Quantiles at `shares` (0 to 1) of the n (n + 1) / 2 means of two of `values` (n,), each with itself included.

    The quantile of share s is the shift at which the signed-rank statistic passes (1 - s) of its range; at 1/2 it is
    the Hodges-Lehmann estimate. Midway between two means where both will do. Exact, without listing the means:
    counts of means up to a trial value (n log n each) close in on the few that are listed.
    """
    ordered = np.sort(values)
    n_means = len(ordered) * (len(ordered) + 1) // 2
    search = _WalshSearch(ordered, n_means)
    found = []
    for share in shares:
        position = share * n_means
        whole = abs(position - round(position)) < 1e-9 * max(position, 1.0)
        rank = round(position) if whole else int(np.ceil(position))
        first = min(max(rank, 1), n_means)
        second = min(max(rank + 1, 1), n_means) if whole else first
        found.append((search.mean_at(first) + search.mean_at(second)) / 2)
    return np.array(found)


@dataclass(frozen=True)
class _Count:
    """How many means lie at or below `value`, the nearest of them (`below`), and the nearest above it."""

    value: float
    n: int
    below: float
    above: float


class _WalshSearch:
    """Order statistics of the means of two of the ordered values. Counts once made are kept for later ranks."""

    def __init__(self, ordered: Array, n_means: int) -> None:
        self.ordered = ordered
        self.own = np.arange(len(ordered))
        # Means that differ by less are equal but for rounding.
        self.tolerance = 1e-12 * float(np.abs(ordered).max())
        least, most = float(ordered[0]), float(ordered[-1])
        self.counts = [_Count(-np.inf, 0, -np.inf, least), _Count(most, n_means, most, np.inf)]
        self.before, self.listed = 0, np.empty(0)
        if n_means > _MOST_CANDIDATES:
            for value in np.unique(np.quantile(ordered, np.linspace(0, 1, _N_FIRST_COUNTS)))[:-1]:
                self._count(float(value))

    def mean_at(self, rank: int) -> float:
        """The mean that is number `rank` (from 1) in order."""
        if not self.before < rank <= self.before + len(self.listed):
            low, high = self._bracket(rank)
            if high.n - low.n > _MOST_CANDIDATES:
                return high.below
            self.before, self.listed = low.n, np.sort(self._between(low, high))
        return float(self.listed[rank - self.before - 1])

    def _bracket(self, rank: int) -> tuple[_Count, _Count]:
        """Counts on either side of `rank`, with few means between them or all of those equal."""
        # Interpolation to a little below and above the rank is fast where the means lie evenly; halving is sure
        # where many are equal.
        asides = cycle((-_MOST_CANDIDATES / 3, _MOST_CANDIDATES / 3, None))
        while True:
            place = bisect_left(self.counts, rank, key=attrgetter("n"))
            low, high = self.counts[place - 1], self.counts[place]
            least, most = low.above, high.below
            if high.n - low.n <= _MOST_CANDIDATES or most - least <= self.tolerance:
                return low, high
            aside = next(asides)
            share = 0.5 if aside is None else min(max((rank + aside - low.n) / (high.n - low.n), 0.0), 1.0)
            value = least + (most - least) * share
            self._count(value if value < most else least)

    def _count(self, value: float) -> None:
        ends = self._ends(value)
        some, more = ends > self.own, ends < len(self.ordered)
        below = (self.ordered[some] + self.ordered[ends[some] - 1]).max(initial=-np.inf) / 2
        above = (self.ordered[more] + self.ordered[ends[more]]).min(initial=np.inf) / 2
        n = int((ends - self.own).sum())
        insort(self.counts, _Count(value, n, float(below), float(above)), key=attrgetter("n"))

    def _ends(self, value: float) -> NDArray[np.int64]:
        """For each value, where those at or after it end that have a mean with it of at most `value`."""
        return np.maximum(np.searchsorted(self.ordered, 2 * value - self.ordered, side="right"), self.own)

    def _between(self, low: _Count, high: _Count) -> Array:
        """All means above the one count and in the other, of each value with itself and those after it."""
        first = self._ends(low.value) if low.n else self.own
        sizes = self._ends(high.value) - first
        left = np.repeat(self.own, sizes)
        right = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(first, sizes)
        return (self.ordered[left] + self.ordered[right]) / 2


def _checked(differences: Array) -> Array:
    found = np.asarray(differences, dtype=float)
    if len(found) == 0:
        raise ValueError("Rosenbaum bounds need at least one matched pair")
    if not np.isfinite(found).all():
        raise ValueError(f"{(~np.isfinite(found)).sum()} of {len(found)} matched pairs have no difference")
    return found


def shown_sign(differences: Array) -> int:
    """1 when pairs with a positive difference hold at least half of the sum of ranks, else -1."""
    apart = differences[differences != 0]
    ranks = stats.rankdata(np.abs(apart))
    return 1 if 2 * ranks[apart > 0].sum() >= ranks.sum() else -1


def _signed_rank(differences: Array) -> tuple[float, float, float]:
    """(sum of ranks of pairs of the sign shown, sum of all ranks, sum of their squares), without equal pairs."""
    apart = differences[differences != 0]
    ranks = stats.rankdata(np.abs(apart))
    total = float(ranks.sum())
    positive = float(ranks[apart > 0].sum())
    return max(positive, total - positive), total, float((ranks**2).sum())
