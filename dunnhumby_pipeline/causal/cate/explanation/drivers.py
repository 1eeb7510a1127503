"""Which covariates a model's effects rest on: how much of each effect each of them adds (SHAP)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
LINEAR, SURROGATE = "exact: the effect is linear in the covariates", "by boosted trees that follow the model"
_TREES = {"max_depth": 4, "eta": 0.15, "tree_method": "hist", "nthread": 1, "min_child_weight": 5}
_ROUNDS = 120
_COLUMNS = ["covariate", "mean_abs", "share", "direction", "method", "fidelity"]


@dataclass(frozen=True)
class Contributions:
    """`values` (m, p): what each covariate adds to each of m effects, $ from the average effect; `rows` (m,) of the
    matrix that they are of; how they were found, and the share of the variance of effects that is followed (R2)."""

    values: Array
    rows: NDArray[np.int64]
    method: str
    fidelity: float


def contributions(predict: Callable[[Array], Array], x: Array, max_rows: int, seed: int) -> Contributions:
    """Shapley values of effects at (n, p) covariates `x`, of `max_rows` of them at most, drawn with `seed`.

    Of a model that is linear they are coefficient times (value - mean), exactly (Lundberg & Lee 2017; covariates taken
    as independent). Of others, those of boosted trees fitted to what the model says (Lundberg et al. 2020, exact for
    the trees); `fidelity` is the R2 of these trees on rows that they were not fitted to.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(x))[:max_rows])
    effect, centre, scale = predict(x), x.mean(axis=0), x.std(axis=0)
    steps = predict(np.vstack([centre, centre + np.diag(scale)]))
    slopes = np.divide(steps[1:] - steps[0], scale, out=np.zeros_like(scale), where=scale > 0)
    off = effect - steps[0] - (x - centre) @ slopes
    if np.abs(off).max() <= 1e-6 * max(float(effect.std()), 1e-12):
        return Contributions((x[rows] - centre) * slopes, rows, LINEAR, 1.0)
    return _surrogate(effect, x, rows, rng)


def _surrogate(effect: Array, x: Array, rows: NDArray[np.int64], rng: np.random.Generator) -> Contributions:
    import xgboost as xgb

    kept = rng.random(len(x)) < 0.8
    trees = xgb.train(_TREES, xgb.DMatrix(x[kept], effect[kept]), _ROUNDS)
    told = trees.predict(xgb.DMatrix(x[~kept]))
    around = float(((effect[~kept] - effect[~kept].mean()) ** 2).sum())
    fidelity = 1 - float(((effect[~kept] - told) ** 2).sum()) / around if around > 0 else float("nan")
    values = trees.predict(xgb.DMatrix(x[rows]), pred_contribs=True)[:, :-1].astype(float)
    return Contributions(values, rows, SURROGATE, fidelity)


def effect_drivers(
    predict: Callable[[Array], Array], x: Array, names: tuple[str, ...], max_rows: int, seed: int
) -> pd.DataFrame:
    """One row per covariate that moves an effect, the largest first.

    covariate, mean_abs (mean size of what it adds, $ per household), share (of all that covariates add), direction
    (correlation of what it adds with its value: 1 when more of it means a larger effect), method, fidelity (R2 of what
    was explained). No rows when all effects are the same.
    """
    effect = predict(x)
    if np.ptp(effect) <= 1e-9 * max(1.0, float(np.abs(effect).max())):
        return pd.DataFrame(columns=_COLUMNS).astype(
            {name: "str" if name in ("covariate", "method") else float for name in _COLUMNS}
        )
    found = contributions(predict, x, max_rows, seed)
    size = np.abs(found.values).mean(axis=0)
    moving = np.flatnonzero(size > 1e-9 * size.max())
    own = x[found.rows]
    frame = pd.DataFrame(
        {
            "covariate": np.asarray(names)[moving],
            "mean_abs": size[moving],
            "share": size[moving] / size.sum(),
            "direction": [_correlation(found.values[:, column], own[:, column]) for column in moving],
            "method": found.method,
            "fidelity": found.fidelity,
        }
    )
    return frame.sort_values("mean_abs", ascending=False, kind="stable").reset_index(drop=True)


def _correlation(one: Array, other: Array) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
