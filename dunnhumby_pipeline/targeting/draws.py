"""Drawing by lot: every household with the same chance, and every stratum its share."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def systematic(stratum: pd.Series, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows (n,) are taken: each with probability `share`, of a stratum and of all its share to within one.

    Systematic sampling with a random start over a random order within strata (Madow & Madow 1944).
    """
    order = np.lexsort((rng.random(len(stratum)), stratum.to_numpy(dtype=str)))
    # Rounded, so that what floats leave of a whole number does not move a step.
    steps = np.floor(np.round(rng.random() + share * np.arange(len(stratum) + 1), 9))
    taken = np.zeros(len(stratum), dtype=bool)
    taken[order] = np.diff(steps) > 0
    return taken
