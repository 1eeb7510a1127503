"""How much of what differs between households differs between segments: tests and effect sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

NAN = float("nan")


@dataclass(frozen=True)
class GroupDifference:
    """Differences of one value between groups; NaN where nothing can differ (see `group_difference`).

    `eta_squared` (0-1): share of the sum of squares between groups, with its F test. `epsilon_squared` (0-1): the
    same of ranks, H / (n - 1), with the Kruskal-Wallis test (Tomczak & Tomczak 2014, Trends in Sport Sciences 1).
    """

    n: int
    n_groups: int
    eta_squared: float
    f_statistic: float
    f_p_value: float
    epsilon_squared: float
    kruskal_h: float
    kruskal_p_value: float


def group_difference(values: pd.Series, groups: pd.Series) -> GroupDifference:
    """Difference of `values` between `groups` (aligned by index); missing values stay out, and n says how many are in.

    All measures are NaN when the values are constant, fewer than two groups have a value, or no group has two.
    The F test takes group variances as equal; with money, trust the ranks.
    """
    known = values.notna() & groups.notna()
    numbers = values[known].to_numpy(dtype=float)
    codes, names = pd.factorize(groups[known])
    n, k = len(numbers), len(names)
    if k < 2 or n <= k or np.ptp(numbers) == 0:
        return GroupDifference(n, k, NAN, NAN, NAN, NAN, NAN, NAN)
    sizes = np.bincount(codes)
    centred = numbers - numbers.mean()
    between = float((np.bincount(codes, centred) ** 2 / sizes).sum())
    total = float((centred**2).sum())
    # Rounding can leave a little less than nothing.
    within = max(total - between, 0.0)
    f = (between / (k - 1)) / (within / (n - k)) if within > 0 else float("inf")
    ranks = stats.rankdata(numbers)
    h = _kruskal(ranks, codes, sizes)
    return GroupDifference(
        n=n,
        n_groups=k,
        eta_squared=between / total,
        f_statistic=f,
        f_p_value=float(stats.f.sf(f, k - 1, n - k)),
        epsilon_squared=h / (n - 1),
        kruskal_h=h,
        kruskal_p_value=float(stats.chi2.sf(h, k - 1)),
    )


def _kruskal(ranks: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> float:
    """H corrected for ties: (n - 1) times the share of the ranks' sum of squares that lies between groups."""
    centred = ranks - ranks.mean()
    between = float((np.bincount(codes, centred) ** 2 / sizes).sum())
    return (len(ranks) - 1) * between / float((centred**2).sum())
