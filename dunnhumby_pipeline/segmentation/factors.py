"""Non-negative matrix factorisation: X (n households x p features) ~ W (n x k) H (k x p)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]
MAX_ITERATIONS = 2000
TOLERANCE = 3e-4
# A little ridge picks one of many equally good factorisations, so that refits agree.
RIDGE = 1e-4


@dataclass(frozen=True)
class Factors:
    """Fitted factors: `loadings` H (k, p), each factor's largest loading 1, the heaviest factor first."""

    features: tuple[str, ...]
    loadings: Array

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"factor_{index + 1}" for index in range(len(self.loadings)))

    def scores(self, matrix: Array) -> Array:
        """W (n, k): non-negative least squares of the households on fixed loadings."""
        from sklearn.decomposition import non_negative_factorization

        with threadpool_limits(1):
            scores, _, _ = non_negative_factorization(
                matrix,
                H=self.loadings,
                n_components=len(self.loadings),
                update_H=False,
                alpha_W=RIDGE,
                max_iter=MAX_ITERATIONS,
                tol=TOLERANCE,
            )
        return scores


def fit_factors(
    matrix: Array, features: tuple[str, ...], n_factors: int, seed: int, start: Factors | None = None
) -> Factors:
    """Factor an (n, p) matrix in [0, 1].

    `start` warm-starts from earlier factors and keeps their order. Raises ValueError when there are
    more factors than rows or columns.
    """
    from sklearn.decomposition import NMF

    if n_factors > min(matrix.shape):
        raise ValueError(
            f"segmentation.n_factors is {n_factors}, but the matrix has {matrix.shape[0]} households and "
            f"{matrix.shape[1]} features; choose at most {min(matrix.shape)}"
        )
    model = NMF(
        n_factors,
        init="custom" if start else "nndsvda",
        max_iter=MAX_ITERATIONS,
        tol=TOLERANCE,
        alpha_W=RIDGE,
        random_state=seed,
    )
    with threadpool_limits(1):
        if start is None:
            scores = model.fit_transform(matrix)
        else:
            # Multiplicative zeros never move, so the start is lifted off them.
            first = start.scores(matrix) + 1e-6
            scores = model.fit_transform(matrix, W=first, H=start.loadings + 1e-6)
    peaks = model.components_.max(axis=1)
    peaks = np.where(peaks > 0, peaks, 1.0)
    loadings, scores = model.components_ / peaks[:, None], scores * peaks
    if start is None:
        order = np.argsort(-scores.sum(axis=0), kind="stable")
        loadings = loadings[order]
    return Factors(features, loadings)


def explained(matrix: Array, factors: Factors) -> tuple[float, float, float]:
    """(pooled R2, column-centred R2, reconstruction error) of the factors.

    Pooled: 1 - SS_res / sum of squares of all cells, which credits the factors with the column means.
    Centred: 1 - SS_res / sum of squares about the column means. Error: Frobenius norm of X - WH.
    """
    residual = matrix - factors.scores(matrix) @ factors.loadings
    lost = float((residual**2).sum())
    centred = matrix - matrix.mean(axis=0)
    return 1 - lost / float((matrix**2).sum()), 1 - lost / float((centred**2).sum()), lost**0.5


def scan_factors(matrix: Array, features: tuple[str, ...], largest: int, seed: int) -> pd.DataFrame:
    """One row for each number of factors from 2 to `largest`: pooled_r2, centred_r2, reconstruction_error."""
    rows = []
    for n_factors in range(2, min(largest, *matrix.shape) + 1):
        fitted = fit_factors(matrix, features, n_factors, seed)
        rows.append((n_factors, *explained(matrix, fitted)))
    return pd.DataFrame(rows, columns=["n_factors", "pooled_r2", "centred_r2", "reconstruction_error"])


def loadings_table(factors: Factors) -> pd.DataFrame:
    """One row a factor and feature: factor, feature, loading (0-1)."""
    frame = pd.DataFrame(factors.loadings, index=list(factors.names), columns=list(factors.features))
    long = frame.rename_axis("factor").reset_index().melt("factor", var_name="feature", value_name="loading")
    return long.sort_values(["factor", "feature"], ignore_index=True)


def factors_from_table(table: pd.DataFrame) -> Factors:
    """The factors that `loadings_table` wrote, features in alphabetical order."""
    wide = table.pivot(index="factor", columns="feature", values="loading")
    wide = wide.loc[sorted(wide.index, key=lambda name: int(name.split("_")[1]))]
    return Factors(tuple(wide.columns), wide.to_numpy(dtype=float))
