"""Forecasts weighed together, by weights of 0 or more that sum to 1, so that the level is not drawn down.

Stacking (Breiman 1996, Stacked Regressions, Machine Learning 24): weights are chosen on an earlier stretch of the data
and applied to a later one. Lifetime value is a mean, which is summed over households; its weights make the squared
error small, which the mean does. Weights for the absolute error stand beside: it is smallest at the median, which lies
under the mean where spend is skewed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from scipy.optimize import linprog, nnls

from dunnhumby_pipeline.segmentation.lifetime.value import Vector

Loss = Literal["squared", "absolute"]
# A row that says that weights sum to 1, this many times as heavy as all households together.
_HEAVY = 1e4
# A linear programme of five unknowns needs no more.
_MOST_HOUSEHOLDS = 5_000


def fit_stack(parts: Mapping[str, Vector], actual: Vector, loss: Loss) -> dict[str, float]:
    """The weights of `parts` (each (n,), $) with the smallest mean `loss` against `actual` ($), by name."""
    names = list(parts)
    design = np.column_stack([parts[name] for name in names])
    # Without a unit of money, so that the currency does not matter.
    unit = float(np.abs(design).mean())
    if unit <= 0:
        return dict.fromkeys(names, 1 / len(names))
    found = _squared(design / unit, actual / unit) if loss == "squared" else _absolute(design / unit, actual / unit)
    # What is nothing but rounding is no weight.
    found = np.where(found < 1e-6, 0.0, found)
    return dict(zip(names, (found / found.sum()).tolist(), strict=True))


def weighed(parts: Mapping[str, Vector], weights: Mapping[str, float]) -> Vector:
    """The forecasts weighed together."""
    return np.sum([weight * parts[name] for name, weight in weights.items()], axis=0)


def _squared(design: Vector, actual: Vector) -> Vector:
    # By the products of columns: as many rows as there are forecasts, however many households.
    products = design.T @ design / len(design)
    values, vectors = np.linalg.eigh(products)
    root = np.sqrt(np.maximum(values, 1e-12 * values.max()))
    rows = (vectors * root).T
    wanted = (vectors.T @ (design.T @ actual / len(design))) / root
    heavy = _HEAVY * float(np.sqrt(values.max()))
    return nnls(np.vstack([rows, np.full(design.shape[1], heavy)]), np.append(wanted, heavy))[0]


def _absolute(design: Vector, actual: Vector) -> Vector:
    every = max(1, -(-len(design) // _MOST_HOUSEHOLDS))
    design, actual = design[::every], actual[::every]
    n, k = design.shape
    from scipy import sparse

    equal = sparse.hstack([sparse.csr_matrix(design), sparse.eye(n), -sparse.eye(n)])
    summed = sparse.csr_matrix(np.append(np.ones(k), np.zeros(2 * n))[None, :])
    cost = np.append(np.zeros(k), np.ones(2 * n))
    found = linprog(cost, A_eq=sparse.vstack([equal, summed]), b_eq=np.append(actual, 1.0), method="highs")
    return np.asarray(found.x[:k])
