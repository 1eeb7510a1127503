"""Could each trial have been in either arm, given how rare the campaign is?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# As the overlap region of a campaign that treats one trial in two.
LOWER, UPPER = 0.1, 0.9


@dataclass(frozen=True)
class Support:
    """Shares of the trials, 0 to 1."""

    in_overlap: float
    bounded: float


def relative_propensity(propensity: Array, prevalence: float) -> Array:
    """Propensities (n,) as they would be if one trial in two were treated: odds e / (1 - e) over the overall odds.

    A campaign that treats 5 % of its trials leaves nearly all under 0.1 although controls like the treated abound;
    a trial targeted as often as others has 0.5 here, however rare the campaign is.
    """
    odds = propensity / (1 - propensity) * (1 - prevalence) / prevalence
    return odds / (1 + odds)


def support(treated: Array, propensity: Array, bounded: Mask) -> Support:
    """Share of trials whose relative propensity is from 0.1 to 0.9, and share at their bound that are outside of it."""
    prevalence = float(treated.mean())
    if prevalence in (0.0, 1.0):
        return Support(0.0, 1.0)
    relative = relative_propensity(propensity, prevalence)
    inside = (relative >= LOWER) & (relative <= UPPER)
    return Support(float(inside.mean()), float((bounded & ~inside).mean()))


# The share of trials without support up to which an estimand is still told.
MOST_WITHOUT = 0.05


def not_identified(estimand: str, treated: Array, propensity: Array, bounded: Mask) -> str | None:
    """Why these trials do not identify an estimand; None when they have its support.

    The ATE needs both arms for every trial, the ATT controls for every treated trial. The ATO weighs each trial by how
    much it has of both, so it has support wherever there is any.
    """
    if estimand == "ATE":
        share = float(bounded.mean())
        if share > MOST_WITHOUT:
            return f"{share:.0%} of its trials are hardly ever or nearly always targeted"
    if estimand == "ATT":
        share = float((bounded & (propensity > 0.5))[treated == 1].mean())
        if share > MOST_WITHOUT:
            return f"{share:.0%} of the treated have no comparable controls"
    return None
