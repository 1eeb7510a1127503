"""Non-negative matrix factorisation: X (n households x p features) ~ W (n x k) H (k x p)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]
MAX_ITERATIONS = 2000
TOLERANCE = 3e-4
# Scores are a convex problem: solved closely, they do not depend on who else is scored.
SCORE_TOLERANCE = 1e-6
# A little ridge picks one of many equally good factorisations, so that refits agree.
RIDGE = 1e-4


@contextmanager
def convergence_reported() -> Iterator[None]:
    """Whether fits converge is said with each of them: within, scikit-learn does not warn of it.

    Filters of warnings belong to the process, so who fits in several threads holds this around all of them.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@dataclass(frozen=True)
class Factors:
    """Fitted factors: `loadings` H (k, p), each factor's largest loading 1, the heaviest factor first.

    That scale makes factors comparable: a score of 1 lifts the factor's leading feature by its whole range,
    from the lowest percentile to the highest, whichever factor it is.
    """

    features: tuple[str, ...]
    loadings: Array
    n_iterations: int = 0
    converged: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"factor_{index + 1}" for index in range(len(self.loadings)))

    def scores(self, matrix: Array) -> Array:
        """W (n, k): non-negative least squares of the households on fixed loadings."""
        from sklearn.decomposition import non_negative_factorization

        # Close to machine precision the stopping rule can be out of reach; the scores are not.
        with one_thread(), convergence_reported():
            scores, _, _ = non_negative_factorization(
                matrix,
                H=self.loadings,
                n_components=len(self.loadings),
                update_H=False,
                alpha_W=RIDGE,
                max_iter=MAX_ITERATIONS,
                tol=SCORE_TOLERANCE,
            )
        return scores


def fit_factors(
    matrix: Array,
    features: tuple[str, ...],
    n_factors: int,
    seed: int,
    start: Factors | None = None,
    tolerance: float = TOLERANCE,
) -> Factors:
    """Factor an (n, p) matrix in [0, 1] by coordinate descent (Cichocki & Phan 2009).

    Cold starts are NNDSVDa (Boutsidis & Gallopoulos 2008), the same whatever the seed. `start` warm-starts from
    earlier factors and keeps their order. `tolerance`: of the violation of optimality, relative to that of the first
    step. Whether the solver converged is in `converged`. Raises ValueError when there are more factors than rows or
    columns, or `start` has other features.
    """
    from sklearn.decomposition import NMF

    if n_factors > min(matrix.shape):
        raise ValueError(
            f"segmentation.n_factors is {n_factors}, but the matrix has {matrix.shape[0]} households and "
            f"{matrix.shape[1]} features; choose at most {min(matrix.shape)}"
        )
    if start is not None and (start.features != features or len(start.loadings) != n_factors):
        raise ValueError(
            f"a warm start needs the same features and number of factors: expected {n_factors} factors of "
            f"{', '.join(features)}; found {len(start.loadings)} of {', '.join(start.features)}; start cold instead"
        )
    model = NMF(
        n_factors,
        init="custom" if start else "nndsvda",
        max_iter=MAX_ITERATIONS,
        tol=tolerance,
        alpha_W=RIDGE,
        random_state=seed,
    )
    with one_thread(), convergence_reported():
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
    return Factors(features, loadings, int(model.n_iter_), bool(model.n_iter_ < MAX_ITERATIONS))


def explained(matrix: Array, factors: Factors) -> tuple[float, float, float]:
    """(pooled R2, column-centred R2, reconstruction error) of the factors.

    Pooled: 1 - SS_res / sum of squares of all cells, which credits the factors with the column means.
    Centred: 1 - SS_res / sum of squares about the column means. Error: Frobenius norm of X - WH.
    """
    residual = matrix - factors.scores(matrix) @ factors.loadings
    lost = float((residual**2).sum())
    centred = matrix - matrix.mean(axis=0)
    return 1 - lost / float((matrix**2).sum()), 1 - lost / float((centred**2).sum()), lost**0.5


def hoyer_sparsity(loadings: Array) -> Array:
    """Sparsity of each row of `loadings` (k, p): 0 when all p are equal, 1 when one is not 0; 0 for a row of zeros.

    (sqrt(p) - |h|_1 / |h|_2) / (sqrt(p) - 1), Hoyer 2004, Non-negative matrix factorization with sparseness
    constraints, JMLR 5.
    """
    root = np.sqrt(loadings.shape[1])
    norms = np.linalg.norm(loadings, axis=1)
    ratio = np.abs(loadings).sum(axis=1) / np.where(norms > 0, norms, 1.0)
    return np.where(norms > 0, (root - ratio) / max(root - 1, 1e-12), 0.0)


def loadings_table(factors: Factors, factor_names: tuple[str, ...] | None = None) -> pd.DataFrame:
    """One row per factor and feature: factor, feature, loading (0-1), factor_name (by default the factor's)."""
    frame = pd.DataFrame(factors.loadings, index=list(factors.names), columns=list(factors.features))
    long = frame.rename_axis("factor").reset_index().melt("factor", var_name="feature", value_name="loading")
    spoken = dict(zip(factors.names, factor_names or factors.names, strict=True))
    long["factor_name"] = long["factor"].map(spoken)
    return long.sort_values(["factor", "feature"], ignore_index=True)
