"""Nuisances nested within the folds that effects are judged on: those of training trials have not seen the fold.

The cross-fitted nuisances of a trial come from models of all other folds, among them the one that a model of the
effect is later judged on. Here every trial has, for each fold held out, nuisances from models that saw neither that
fold nor its own (Chernozhukov et al. 2018, applied within each training sample). A model without folds j and k serves
fold j while k is held out, and fold k while j is: K (K - 1) / 2 fits for K folds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, mu_column, predict_fold
from dunnhumby_pipeline.causal.nuisance.folds import FoldsError
from dunnhumby_pipeline.causal.nuisance.models import BOTH
from dunnhumby_pipeline.causal.nuisance.recalibration import recalibrated
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import NuisanceSettings

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
_OUTCOME = "y"
_NUISANCES = ("propensity", "mu0", "mu1")


@dataclass(frozen=True)
class Nested:
    """For each of K `folds` (K,), the nuisances (K, n) of the trials outside it; NaN of those within it."""

    folds: NDArray[np.int64]
    propensity: Array
    mu0: Array
    mu1: Array

    @classmethod
    def known(cls, data: Residuals) -> Nested:
        """The nuisances of `data` for every fold held out: for those that were not estimated from these trials."""
        folds = np.unique(data.folds)
        held_out = data.folds == folds[:, None]
        return cls(folds, **{name: np.where(held_out, np.nan, getattr(data, name)) for name in _NUISANCES})

    def outside(self, fold: int, data: Residuals) -> tuple[Mask, Residuals]:
        """The mask (n,) of the trials outside `fold`, and their residuals, which have not seen it."""
        position, train = int(np.flatnonzero(self.folds == fold)[0]), data.folds != fold
        own = {name: getattr(self, name)[position] for name in _NUISANCES}
        whole = replace(data, **own)
        return train, Residuals(**{name: value[train] for name, value in vars(whole).items()})


def nested_nuisances(
    x: Array, data: Residuals, settings: NuisanceSettings, seed: int, campaigns: NDArray[np.int64] | None = None
) -> Nested:
    """Nuisances of every trial for each fold of `data` held out, at covariates `x` (n, p), by one division.

    Propensities are recalibrated within `campaigns` (n,) by what the other training folds say, and keep
    `propensity_bound` from 0 and 1. With two folds, each is halved by household, and a half has the
    nuisances of models of the other half. Raises FoldsError when two folds together hold (nearly) all of an arm.
    """
    from joblib import Parallel, delayed

    folds, position = np.unique(data.folds, return_inverse=True)
    treated = data.treated.astype("int64")
    fits = list(_divisions(position, data, len(folds)))
    for _, rows in fits:
        _require_both_arms(treated[~rows], data.households[~rows], len(folds))
    with one_thread(), Parallel(n_jobs=settings.n_jobs, prefer="threads") as workers:
        found = workers(
            delayed(predict_fold)(
                x, treated, data.households, {_OUTCOME: data.y}, rows, settings.max_trials, seed, BOTH
            )
            for _, rows in fits
        )
    nested = {name: np.full((len(folds), len(x)), np.nan) for name in _NUISANCES}
    columns = ("propensity", mu_column(0, _OUTCOME), mu_column(1, _OUTCOME))
    for (served, rows), (predicted, _) in zip(fits, found, strict=True):
        for held_out, trials in served:
            for name, column in zip(_NUISANCES, columns, strict=True):
                nested[name][held_out, trials] = predicted[column][trials[rows]]
    for held_out in range(len(folds)):
        own, train = nested["propensity"][held_out], position != held_out
        if campaigns is not None:
            least = settings.recalibration_min_arm
            own[train] = recalibrated(own[train], treated[train], campaigns[train], data.folds[train], least)
    bound = settings.propensity_bound
    nested["propensity"] = np.clip(nested["propensity"], bound, 1 - bound)
    return Nested(folds, **nested)


def _divisions(
    position: NDArray[np.int64], data: Residuals, n_folds: int
) -> Iterator[tuple[list[tuple[int, Mask]], Mask]]:
    """What a fit serves, as pairs of the position of the fold held out and the mask (n,) of the trials that get its
    predictions, and the mask of the trials that it leaves out."""
    if n_folds > 2:
        for first in range(n_folds):
            for second in range(first + 1, n_folds):
                one, other = position == first, position == second
                yield [(first, other), (second, one)], one | other
        return
    for held_out in range(n_folds):
        outside = np.flatnonzero(position != held_out)
        # Every second household in the order of their keys.
        first = np.unique(data.households[outside], return_inverse=True)[1] % 2 == 0
        for half in (first, ~first):
            rows = np.zeros(len(position), dtype=bool)
            rows[outside[half]] = True
            yield [(held_out, rows)], rows | (position == held_out)


def _require_both_arms(treated: NDArray[np.int64], households: NDArray[np.int64], n_folds: int) -> None:
    for arm, name in ((1, "treated"), (0, "control")):
        n_fitted = len(np.unique(households[treated == arm]))
        if n_fitted < 2:
            raise FoldsError(
                f"without two of {max(n_folds, 3)} parts {n_fitted} {name} households are left to fit nested nuisances "
                "on; choose more folds (nuisance.n_folds), or a campaign type with more trials"
            )
