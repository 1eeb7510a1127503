"""Folds within the trials of a fit, by which a learner chooses how flexible it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Groups = NDArray[np.int64]


def inner_folds(households: Groups, n_folds: int, seed: int) -> Groups:
    """Fold (n,) of each trial, drawn at random by household; folds differ by one household at most."""
    position = np.unique(households, return_inverse=True)[1]
    drawn = np.random.default_rng(seed).permutation(position.max() + 1)
    return drawn[position] % n_folds
