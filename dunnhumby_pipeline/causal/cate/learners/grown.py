"""Boosted trees of a weighted target, chosen among a few settings on households left out, and kept as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Array
from dunnhumby_pipeline.causal.cate.learners.inner_folds import Groups, inner_folds
from dunnhumby_pipeline.causal.nuisance.boosting import binned, boost, stop_early
from dunnhumby_pipeline.engine.arrays import Arrays, ArraysFileError
from dunnhumby_pipeline.engine.threads import one_thread

Setting = dict[str, object]
_INNER_FOLDS = 4


@dataclass(frozen=True)
class Grown:
    """`level` + `scale` times what the trees say, whose bytes xgboost reads back: none where no tree helps."""

    level: Array
    scale: Array
    trees: NDArray[np.uint8]

    def predict(self, x: Array) -> Array:
        """Mean (n,) of the target at (n, p) covariates."""
        if not len(self.trees):
            return np.full(len(x), float(self.level))
        return self.level + self.scale * self._booster().inplace_predict(x).astype(float)

    def _booster(self) -> Any:
        from xgboost import Booster
        from xgboost.core import XGBoostError

        booster = Booster({"nthread": 1})
        try:
            booster.load_model(bytearray(self.trees))
        except XGBoostError as error:
            raise ArraysFileError("these bytes are not trees; fit the model of the effect again") from error
        return booster

    def arrays(self, prefix: str = "") -> Arrays:
        """Its arrays, each name behind `prefix`."""
        return {f"{prefix}{name}": np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def restored(cls, arrays: Arrays, prefix: str = "") -> Grown:
        return cls(**{name: arrays[f"{prefix}{name}"] for name in cls.__dataclass_fields__})


def standardised(target: Array, weight: Array) -> tuple[Array, Array, float, float]:
    """(target, weight, level, scale): the target about its weighted mean `level` in its weighted standard deviations
    `scale`, the weights about 1, so that limits on both mean the same in any unit."""
    weight = weight / weight.mean()
    level = float(np.average(target, weights=weight))
    scale = float(np.sqrt(np.average((target - level) ** 2, weights=weight))) or 1.0
    return (target - level) / scale, weight, level, scale


def grow(x: Array, target: Array, weight: Array, households: Groups, settings: Sequence[Setting], seed: int) -> Grown:
    """Trees of `target` (n,) with `weight` (n,): as many, and with that of the `settings`, as have the least weighted
    squared error on households left out, each of four parts once; none where the weighted mean alone has it.
    """
    z, weight, level, scale = standardised(target, weight)
    folds = inner_folds(households, _INNER_FOLDS, seed)
    outs = [folds == fold for fold in np.unique(folds)]

    def loss(y: Array, said: Array) -> float:
        return float(np.average((y - said) ** 2, weights=weight))

    nothing = np.zeros(len(z))
    for out in outs:
        nothing[out] = np.average(z[~out], weights=weight[~out])
    least, chosen, n_trees = loss(z, nothing), None, 0
    with one_thread():
        matrix = binned(x)
        for setting in settings:
            parameters = {**setting, "base_score": 0.0, "seed": seed}
            stopped = stop_early(matrix, z, outs, parameters, loss, weight, least)
            if stopped.n_trees:
                least, chosen, n_trees = stopped.loss, parameters, stopped.n_trees
        raw = b"" if chosen is None else boost(matrix, z, n_trees, chosen, weight).booster.save_raw("ubj")
    return Grown(np.array(level), np.array(scale), np.frombuffer(raw, dtype=np.uint8))


def grow_forest(
    x: Array, target: Array, weight: Array, households: Groups, settings: Sequence[Setting], n_trees: int, seed: int
) -> Grown:
    """A random forest (Breiman 2001) of `target` (n,) with `weight` (n,), of that of the `settings` which has the
    least weighted squared error on a quarter of the households; none where the weighted mean alone has it."""
    z, weight, level, scale = standardised(target, weight)
    out = inner_folds(households, _INNER_FOLDS, seed) == 0
    inside = np.where(out, 0.0, weight)
    shared = {"learning_rate": 1.0, "reg_lambda": 0.0, "base_score": 0.0, "seed": seed, "num_parallel_tree": n_trees}
    drawn = {"subsample": 0.5, "colsample_bytree": 1.0, "colsample_bynode": 0.33}
    least = float(np.average((z - np.average(z, weights=inside))[out] ** 2, weights=weight[out]))
    chosen = None
    with one_thread():
        matrix = binned(x)
        for setting in settings:
            said = boost(matrix, z, 1, {**shared, **drawn, **setting}, inside).booster.predict(matrix)[out]
            loss = float(np.average((z[out] - said) ** 2, weights=weight[out]))
            if loss < least:
                least, chosen = loss, setting
        raw = b""
        if chosen is not None:
            raw = boost(matrix, z, 1, {**shared, **drawn, **chosen}, weight).booster.save_raw("ubj")
    return Grown(np.array(level), np.array(scale), np.frombuffer(raw, dtype=np.uint8))
