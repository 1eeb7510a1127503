"""Ridge regressions out of fold from second moments: linear in n, whatever the number of targets or column sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]
Columns = NDArray[np.int64]
_PENALTIES = 10.0 ** np.arange(-1, 7)


@dataclass(frozen=True)
class FoldMoments:
    """Of p columns and k targets, `z` = (values - centre) / scale, scales of the targets 1: for each of the `folds`
    its `sizes` (f,), `sums` (f, p + k) and `products` (f, p + k, p + k), over its rows."""

    folds: Columns
    sizes: Columns
    sums: Array
    products: Array
    centre: Array
    scale: Array

    @property
    def n_columns(self) -> int:
        return len(self.scale)

    def outside(self, fold: int) -> tuple[int, Array, Array]:
        """(rows, means, centred sums of products) of the rows outside the fold at position `fold`."""
        n = int(self.sizes.sum() - self.sizes[fold])
        mean = (self.sums.sum(axis=0) - self.sums[fold]) / n
        return n, mean, self.products.sum(axis=0) - self.products[fold] - n * np.outer(mean, mean)


@one_thread()
def fold_moments(x: Array, targets: Array, folds: Columns) -> FoldMoments:
    """Moments of (n, p) `x`, standardised, and (n, k) `targets`, about their means. Columns that do not vary stay 0."""
    centre = np.concatenate([x.mean(axis=0), targets.mean(axis=0)])
    scale = x.std(axis=0)
    scale[np.ptp(x, axis=0) == 0] = 1.0
    by = np.concatenate([scale, np.ones(targets.shape[1])])
    names = np.unique(folds)
    sizes, sums, products = [], [], []
    # Fold by fold, so that no second copy of all of x is made.
    for name in names:
        rows = folds == name
        z = (np.column_stack([x[rows], targets[rows]]) - centre) / by
        sizes.append(int(rows.sum()))
        sums.append(z.sum(axis=0))
        products.append(z.T @ z)
    return FoldMoments(names, np.array(sizes), np.array(sums), np.array(products), centre, scale)


@one_thread()
def ridge(products: Array, n: int, n_targets: int) -> Array:
    """Coefficients (p, k) of the last k columns on the others, from centred sums of products over n rows.

    The penalty of each target by generalised cross-validation (Golub, Heath & Wahba 1979).
    """
    p = len(products) - n_targets
    values, vectors = np.linalg.eigh(products[:p, :p])
    values = np.maximum(values, 0.0)
    along = vectors.T @ products[:p, p:]
    shrunk = values[:, None] + _PENALTIES
    spent = 1 + (values[:, None] / shrunk).sum(axis=0)
    coefficients = []
    for target in range(n_targets):
        explained = along[:, [target]] ** 2 * (values[:, None] + 2 * _PENALTIES) / shrunk**2
        error = (products[p + target, p + target] - explained.sum(axis=0)) / (n - spent) ** 2
        coefficients.append(vectors @ (along[:, target] / shrunk[:, error.argmin()]))
    return np.column_stack(coefficients)
