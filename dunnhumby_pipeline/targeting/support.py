"""Which households of today the study speaks of: those with comparable ones in both arms, at a first campaign."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.overlap.positivity import Region, overlap_region
from dunnhumby_pipeline.settings import OverlapSettings

Mask = NDArray[np.bool_]


def study_region(nuisances: pd.DataFrame, settings: OverlapSettings) -> Region:
    """The overlap region of the trials in the table `nuisances`."""
    return overlap_region(
        nuisances["treated"].to_numpy(dtype=float),
        nuisances["propensity"].to_numpy(dtype=float),
        nuisances["propensity_bounded"].to_numpy(dtype=bool),
        settings,
    )


def in_region(households: pd.DataFrame, region: Region) -> Mask:
    """Households (n,) whose effect is known and whose propensity lies in the region: columns cate and propensity."""
    return households["cate"].notna().to_numpy() & region.holds(households["propensity"].to_numpy(dtype=float))


def at_first(households: pd.DataFrame) -> Mask:
    """Households (n,) whom no campaign of the type has reached before, as far as is known: column received_before."""
    return ~households["received_before"].eq(True).to_numpy(dtype=bool)


def supported(households: pd.DataFrame, region: Region) -> Mask:
    """Those in the region for whom it would be the first campaign of the type: a repeat is not estimated."""
    return in_region(households, region) & at_first(households)
