"""Could each trial have been in either arm, given how rare the campaign is? The one definition of support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from dunnhumby_pipeline.settings import OverlapSettings

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
ASSOCIATION = "association"
# The share of the trials without counterparts up to which an estimand is still told.
MOST_WITHOUT = 0.05
# Effective trials of each arm under overlap weights with which an effect over all trials is told; parts of a study,
# such as a campaign, are held to FEWEST_HOUSEHOLDS.
FEWEST_EFFECTIVE = 50.0
# The same of trials of which next to none are in the other arm, whatever the propensity model says of them.
MOST_CERTAIN = 0.20
# At most one in 200 of them is; each may then be as certain as a propensity of .01.
_ONE_IN, _CERTAIN = 200, 0.01
# One-sided level at which trials at a bound are taken to be rarer still in an arm than the region allows.
_LEVEL = 0.05


def relative_propensity(propensity: Array, prevalence: float) -> Array:
    """Propensities (n,) as they would be if one trial in two were treated: odds e / (1 - e) over the overall odds.

    A campaign that treats 5 % of its trials leaves nearly all under 0.1 although controls like the treated abound;
    a trial targeted as often as others has 0.5 here, however rare the campaign is. By Bayes it is
    f1 / (f1 + f0), with the densities f of such trials among the treated and among controls.
    """
    odds = propensity / (1 - propensity) * (1 - prevalence) / prevalence
    return odds / (1 + odds)


@dataclass(frozen=True)
class Region:
    """The propensities, from `lowest` to `highest`, of trials that have counterparts in the other arm."""

    lowest: float
    highest: float

    def holds(self, propensity: Array) -> Mask:
        return (propensity >= self.lowest) & (propensity <= self.highest)


def overlap_region(treated: Array, propensity: Array, bounded: Mask, settings: OverlapSettings) -> Region:
    """Where relative propensities lie from `lower` to `upper`, said in propensities; none where an arm is empty.

    A propensity at its bound says "at most" only. Where a campaign is so rare that the bound itself lies in the
    region, the trials at it (`bounded` (n,)) are in it unless fewer of them were treated than its edge allows
    (Poisson, one-sided, 5 %); as seldom treated as that, they have no counterparts. So for controls at the upper bound.
    """
    prevalence = float(treated.mean()) if len(treated) else 0.0
    if prevalence in (0.0, 1.0):
        return Region(1.0, 0.0)
    lowest, highest = (_absolute(edge, prevalence) for edge in (settings.lower, settings.upper))
    low, high = bounded & (propensity < 0.5), bounded & (propensity > 0.5)
    if low.any() and propensity[low].max() >= lowest and _too_few(treated[low], lowest):
        lowest = float(np.nextafter(propensity[low].max(), 1.0))
    if high.any() and propensity[high].min() <= highest and _too_few(1 - treated[high], 1 - highest):
        highest = float(np.nextafter(propensity[high].min(), 0.0))
    return Region(lowest, highest)


def _absolute(relative: float, prevalence: float) -> float:
    odds = relative / (1 - relative) * prevalence / (1 - prevalence)
    return odds / (1 + odds)


def _too_few(found: Array, share: float) -> bool:
    return bool(scipy.stats.poisson.cdf(found.sum(), share * len(found)) < _LEVEL)


def certain_shares(treated: Array, propensity: Array, settings: OverlapSettings) -> tuple[float, float]:
    """Shares of the trials, by rising propensity, in the longest tail with hardly a treated one, and hardly a control.

    One in 200 at most. A penalised model of few trials draws propensities away from 0 and 1, so that few reach their
    bound where a third of the true ones would; the arms of its tails it cannot hide. 0 on a side where the campaign is
    so rare that trials with a propensity of .01 belong to the region, as a tail without one of them is then no wonder.
    """
    prevalence = float(treated.mean()) if len(treated) else 0.0
    if prevalence in (0.0, 1.0):
        return 1.0 - prevalence, prevalence
    ordered = treated[np.argsort(propensity, kind="stable")]
    low = _tail(ordered) if _absolute(settings.lower, prevalence) > _CERTAIN else 0.0
    high = _tail(1 - ordered[::-1]) if 1 - _absolute(settings.upper, prevalence) > _CERTAIN else 0.0
    return low, high


def _tail(found: Array) -> float:
    rare = np.flatnonzero(_ONE_IN * np.cumsum(found) <= np.arange(1, len(found) + 1))
    return float(rare[-1] + 1) / len(found) if len(rare) else 0.0


@dataclass(frozen=True)
class Support:
    """Shares, 0 to 1. `in_overlap`: of the trials. `bounded`: of the trials, those at their bound without counterparts.

    `lacking`: of the trials, those at a bound that lies outside the region, or in tails of one arm (`certain_shares`).
    `rarer_lacking`: of the rarer arm's trials, those at the far bound, for which the other arm has none.
    """

    in_overlap: float
    bounded: float
    lacking: float
    rarer_lacking: float


def support(treated: Array, propensity: Array, bounded: Mask, settings: OverlapSettings) -> Support:
    """How much of both arms has counterparts; arrays (n,)."""
    prevalence = float(treated.mean()) if len(treated) else 0.0
    if prevalence in (0.0, 1.0):
        return Support(0.0, 1.0, 1.0, 1.0)
    inside = overlap_region(treated, propensity, bounded, settings).holds(propensity)
    relative = relative_propensity(propensity, prevalence)
    beyond = bounded & ((relative < settings.lower) | (relative > settings.upper))
    rarer, far = (1, propensity > 0.5) if prevalence <= 0.5 else (0, propensity < 0.5)
    return Support(
        in_overlap=float(inside.mean()),
        bounded=float((bounded & ~inside).mean()),
        lacking=max(float(beyond.mean()), sum(certain_shares(treated, propensity, settings))),
        rarer_lacking=float((beyond & far)[treated == rarer].mean()),
    )


def overlap_sizes(treated: Array, propensity: Array) -> tuple[float, float]:
    """Effective trials (Kish 1965) of the treated and of controls under overlap weights; 0 of an empty arm."""
    return (
        effective_sample_size((1 - propensity)[treated == 1]),
        effective_sample_size(propensity[treated == 0]),
    )


def effective_sample_size(weights: Array) -> float:
    """(sum of weights)^2 / sum of squared weights (Kish 1965); 0 without weight."""
    squared = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squared if squared > 0 else 0.0


def not_identified(
    estimand: str, treated: Array, propensity: Array, bounded: Mask, inside: Mask, least: float = FEWEST_EFFECTIVE
) -> str | None:
    """Why these trials do not identify an estimand; None when they have its support. Arrays (n,); `inside`: the region.

    The ATE needs both arms for every trial, the ATT controls for every treated trial. The ATO weighs each trial by how
    much it has of both, so it has support wherever there is any: `least` effective trials of each arm under its
    weights, which the others need too.
    """
    if estimand == ASSOCIATION:
        return None
    sizes = overlap_sizes(treated, propensity)
    if min(sizes) < least:
        return f"where both arms occur, the trials are worth {sizes[0]:.0f} treated and {sizes[1]:.0f} control ones"
    if estimand == "ATE":
        share = float((bounded & ~inside).mean())
        certain = sum(certain_shares(treated, propensity, OverlapSettings()))
        if share > MOST_WITHOUT or certain > MOST_CERTAIN:
            share = max(share, certain)
            return f"{share:.0%} of its trials are hardly ever or nearly always targeted"
    if estimand == "ATT":
        share = float((bounded & ~inside & (propensity > 0.5))[treated == 1].mean())
        certain = certain_shares(treated, propensity, OverlapSettings())[1] / float(treated.mean())
        if share > MOST_WITHOUT or certain > MOST_CERTAIN:
            share = max(share, certain)
            return f"{share:.0%} of the treated have no comparable controls"
    return None
