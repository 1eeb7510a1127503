"""How many factors: what each number explains, and whether its factors come back on other households."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform

from dunnhumby_pipeline.engine.threads import side_by_side
from dunnhumby_pipeline.segmentation.factors.factors import (
    convergence_reported,
    explained,
    fit_factors,
    hoyer_sparsity,
)

Array = NDArray[np.float64]
# The cophenetic correlation looks at pairs of households, so at a sample of them.
COPHENETIC_HOUSEHOLDS = 400
COLUMNS = [
    "n_factors",
    "pooled_r2",
    "centred_r2",
    "reconstruction_error",
    "sparsity",
    "stability",
    "cophenetic",
    "n_iterations",
    "converged",
    "n_refits",
    "n_unconverged",
]


def scan_factors(matrix: Array, features: tuple[str, ...], largest: int, n_refits: int, seed: int) -> pd.DataFrame:
    """One row for each number of factors from 2 to `largest` (fewer when the matrix (n, p) allows fewer).

    pooled_r2, centred_r2, reconstruction_error as of `explained`; sparsity: mean of Hoyer's over factors;
    stability: factors are refitted to `n_refits` random halves of the households, all households scored, refitted
    factors matched one to one with the reference's, and the correlation of the worst matched pair averaged over
    refits (1: every factor comes back); cophenetic: Brunet et al. 2004, PNAS 101, the correlation of co-assignment
    over those refits (a household belongs to its largest factor) with its average-linkage tree; n_iterations and
    converged of the fit to all; n_unconverged of the n_refits. Both stabilities are null with fewer than 8
    households or no refit.
    """
    largest = min(largest, *matrix.shape)
    halves = _halves(len(matrix), n_refits, seed)

    def row(n_factors: int) -> tuple[object, ...]:
        fitted = fit_factors(matrix, features, n_factors, seed)
        scores = fitted.scores(matrix)
        again = [fit_factors(matrix[half], features, n_factors, seed) for half in halves if len(half) >= n_factors]
        others = [one.scores(matrix) for one in again]
        worst = [matched_correlations(scores, other).min() for other in others]
        return (
            n_factors,
            *explained(matrix, fitted),
            float(hoyer_sparsity(fitted.loadings).mean()),
            float(np.mean(worst)) if worst else np.nan,
            _cophenetic(others, seed),
            fitted.n_iterations,
            fitted.converged,
            len(again),
            sum(not one.converged for one in again),
        )

    with convergence_reported():
        # The largest numbers take longest: begun last, one of them would be waited for.
        rows = side_by_side(row, range(largest, 1, -1))[::-1]
    return pd.DataFrame(rows, columns=COLUMNS)


def choose_n_factors(scan: pd.DataFrame, stability_floor: float) -> tuple[int, str]:
    """(number of factors, why), from the table of `scan_factors`: stability first, then the elbow.

    Factors that do not come back on another half of the households are of this sample, whatever they explain, so
    the numbers under `stability_floor` are out. Of the others it is the elbow of the centred R2: the number farthest
    above the chord from the first to the last number scanned (Satopaa et al. 2011, Finding a "kneedle" in a
    haystack); in a tie the smaller. When none reaches the floor the most stable one is taken, as the reason records.
    """
    numbers = scan["n_factors"].to_numpy()
    gain = scan["centred_r2"].to_numpy(dtype=float)
    stability = scan["stability"].fillna(0.0).to_numpy(dtype=float)
    if scan["stability"].isna().all():
        return int(numbers[0]), "too few households to tell which factors come back: the fewest factors"
    stable = stability >= stability_floor
    if not stable.any():
        best = int(np.argmax(stability))
        return int(numbers[best]), (
            f"no number of factors reaches the stability floor of {stability_floor:g}: the most stable, "
            f"{stability[best]:.2f}"
        )
    spread = gain[-1] - gain[0]
    rise = (gain - gain[0]) / spread if spread > 0 else np.zeros(len(gain))
    run = (numbers - numbers[0]) / max(numbers[-1] - numbers[0], 1)
    above = np.where(stable, rise - run, -np.inf)
    best = int(np.argmax(above.round(9)))
    return int(numbers[best]), (
        f"of the numbers of factors with stability of {stability_floor:g} or more "
        f"({', '.join(str(number) for number in numbers[stable])}), the elbow of the centred R2"
    )


def matched_correlations(scores: Array, others: Array) -> Array:
    """Correlations (k,) of the columns of two (n, k) score matrices, matched one to one for the largest sum.

    A constant column correlates 0 with any other.
    """
    k = scores.shape[1]
    left, right = scores - scores.mean(axis=0), others - others.mean(axis=0)
    spread = np.outer(np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=0))
    correlation = np.divide(left.T @ right, spread, out=np.zeros((k, k)), where=spread > 1e-12)
    rows, columns = linear_sum_assignment(-correlation)
    return correlation[rows, columns]


def _halves(n: int, n_refits: int, seed: int) -> list[NDArray[np.int64]]:
    if n < 8:
        return []
    return [np.random.default_rng([seed, refit]).permutation(n)[: n // 2] for refit in range(n_refits)]


def _cophenetic(scores: list[Array], seed: int) -> float:
    if not scores:
        return np.nan
    n = len(scores[0])
    sample = np.random.default_rng(seed).permutation(n)[:COPHENETIC_HOUSEHOLDS]
    leading = np.stack([one[sample].argmax(axis=1) for one in scores])
    apart = 1 - (leading[:, :, None] == leading[:, None, :]).mean(axis=0)
    distances = squareform(apart, checks=False)
    if np.ptp(distances) == 0:
        return 1.0
    return float(cophenet(linkage(distances, "average"), distances)[0])
