"""A lot that each household keeps: whom it falls on does not depend on who else there is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_GAMMA, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def lots(households: pd.Series, seed: int) -> NDArray[np.float64]:
    """A number of [0, 1) for each household (n,): uniform over households, and the same in every run of one seed.

    The output function of SplitMix64 (Steele, Lea & Flood 2014, OOPSLA), of the key in the place of the counter; its
    upper 53 bits fill the number.
    """
    with np.errstate(over="ignore"):
        state = _mixed(households.to_numpy(dtype="int64").view("uint64") * _GAMMA + np.uint64(seed) * _FIRST)
        return np.asarray((_mixed(state + _GAMMA) >> np.uint64(11)) * 2.0**-53)


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
