"""Samples of trials by household, whose trials go together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals


def subset(data: Residuals, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Residuals:
    """The residuals of some trials."""
    return Residuals(**{name: value[rows] for name, value in vars(data).items()})


def trials_by_household(households: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Row numbers of each household's trials, households in the order of their keys."""
    order = np.argsort(households, kind="stable")
    starts = np.flatnonzero(np.diff(households[order], prepend=households[order][0] - 1))
    return np.split(order, starts[1:])


def household_bootstraps(households: NDArray[np.int64], n_replicates: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers of `n_replicates` bootstrap samples of households, each with all its trials."""
    trials_of = trials_by_household(households)
    for replicate in range(n_replicates):
        drawn = np.random.default_rng([seed, replicate]).integers(0, len(trials_of), len(trials_of))
        yield np.concatenate([trials_of[household] for household in drawn])
