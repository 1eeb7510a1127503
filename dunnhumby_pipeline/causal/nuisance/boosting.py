"""Boosted trees that stop growing in number where they stop helping households that they were not fitted to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import local
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.remembered import digest

if TYPE_CHECKING:
    import xgboost

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Bins of a covariate. Of as few as 32 the error of a mean is an effect where it is a step that none of them hits; of a
# few hundred trials, propensities by more are the worse for it.
BINS, COARSE = 256, 32
_TREES = {
    "max_depth": 4,
    "learning_rate": 0.15,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "max_bin": BINS,
    "nthread": 1,
}
# Trees are added and judged in steps; ten that do not help are the last.
_MOST_TREES, _STEP, _PATIENCE = 400, 5, 10
# Learners of effects fit trees to all trials outside each of five folds, and to either arm of these.
_MOST_KEPT = 15


@dataclass(frozen=True)
class Trees:
    """Boosted trees: `predict` gives means, or probabilities where they were fitted to classes."""

    booster: xgboost.Booster

    def predict(self, x: Array) -> Array:
        return np.asarray(self.booster.inplace_predict(x), dtype=float)


@dataclass(frozen=True)
class Stopped:
    """How many trees help most, their `loss` on rows that they were not fitted to, and what they say of all rows that
    were left out (n,); null where no tree helps, or where a row was never left out."""

    n_trees: int
    loss: float
    predicted: Array


class _Kept(local):
    """The matrices that were binned last, by content. Labels and weights are set on them: each thread has its own."""

    def __init__(self) -> None:
        self.matrices: OrderedDict[tuple[object, ...], xgboost.DMatrix] = OrderedDict()


_KEPT = _Kept()


def binned(x: Array, bins: int = BINS, known: tuple[object, ...] | None = None) -> xgboost.DMatrix:
    """The (n, p) covariates as trees take them: binning takes as long as 25 trees, so it is done once for all that
    are fitted to the same rows one after another. Labels and weights are those set last.

    Trees of other than the usual number of `bins` need it among their parameters, as `max_bin`. `known`: the digest of
    `x`, where it has been worked out.
    """
    key = (bins, digest(x) if known is None else known)
    kept = _KEPT.matrices
    if key not in kept:
        kept[key] = _binned(np.ascontiguousarray(x), bins)
        if len(kept) > _MOST_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def _binned(x: Array, bins: int) -> xgboost.DMatrix:
    """A matrix whose bins are those of rows that all weigh the same, as a QuantileDMatrix has them, in half its time.

    A DMatrix is binned for its first tree, by the weights of that moment, so a tree is grown while there are none.
    """
    import xgboost

    matrix = xgboost.DMatrix(x, label=np.zeros(len(x)), nthread=1)
    xgboost.Booster({**_TREES, "max_bin": bins, "max_depth": 1}, [matrix]).update(matrix, 0)
    return matrix


def stop_early(
    matrix: xgboost.DMatrix,
    y: Array,
    outs: Sequence[Mask],
    parameters: Mapping[str, object],
    loss: Callable[[Array, Array], float],
    weight: Array | None = None,
    least: float = np.inf,
) -> Stopped:
    """Boost trees (Chen & Guestrin 2016) of `y` (n,) on the rows outside each of `outs`, side by side.

    `weight` (n,): of the rows, 1 by default. `loss` judges the rows left out, in their order, and what is said of
    them; `least` is that of no trees at all, which any number of them must go below.
    """
    import xgboost

    rows = np.logical_or.reduce(outs)
    weight = np.ones(len(y)) if weight is None else weight
    matrix.set_label(y)
    boosters: list[xgboost.Booster] = []
    said, predicted, best, since = np.full(len(y), np.nan), np.full(len(y), np.nan), 0, 0
    while since < _PATIENCE and best + since < _MOST_TREES:
        for position, out in enumerate(outs):
            # Without weight a row decides nothing, and is still predicted without a second binning.
            matrix.set_weight(np.where(out, 0.0, weight))
            if since + best == 0:
                boosters.append(xgboost.Booster({**_TREES, **parameters}, [matrix]))
            for step in range(_STEP):
                boosters[position].update(matrix, best + since + step)
            said[out] = np.asarray(boosters[position].predict(matrix)[out], dtype=float)
        since += _STEP
        found = loss(y[rows], said[rows])
        if found < least:
            predicted, least, best, since = said.copy(), found, best + since, 0
    return Stopped(best, least, predicted)


def boost(
    matrix: xgboost.DMatrix,
    y: Array,
    n_trees: int,
    parameters: Mapping[str, object],
    weight: Array | None = None,
) -> Trees:
    """`n_trees` trees of `y` (n,) on all rows, which have `weight` (n,), or 1."""
    import xgboost

    matrix.set_label(y)
    matrix.set_weight(np.ones(len(y)) if weight is None else weight)
    return Trees(xgboost.train({**_TREES, **parameters}, matrix, n_trees))
