"""Areas under the uplift curve as usually computed, and adjusted for how households were chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.ranking import Places, half_samples, overlap_weights, rank
from dunnhumby_pipeline.causal.cate.validation.sequential import Statistic
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]


@dataclass(frozen=True)
class UpliftAreas:
    """AUUC ($ per household): mean over shares of the effect among the first. `adjusted` by AIPW scores and overlap
    weights, `unadjusted` by treated minus control; of each the same for an order by lot."""

    adjusted: Statistic
    adjusted_by_lot: float
    unadjusted: Statistic
    unadjusted_by_lot: float


def uplift_areas(data: Residuals, effect: Array, n_steps: int = 20, n_halves: int = 200, seed: int = 0) -> UpliftAreas:
    """AUUC over shares 1 / n_steps to 1, ties shared; errors from halves of the households.

    The unadjusted one compares the treated with the untreated among the first as they are. Where targeting followed
    what households spend, it takes those who would have spent more anyway for those who respond, and an order by lot
    can have a larger area than one that is right.
    """
    shares = np.linspace(0, 1, n_steps + 1)[1:]
    weights, ones = overlap_weights(data), np.ones(len(effect))

    def areas(rows: NDArray[np.bool_]) -> tuple[float, float]:
        adjusted = rank(effect[rows], weights[rows], data.folds[rows])
        raw = rank(effect[rows], ones[rows], data.folds[rows])
        return (
            float(_means(adjusted, shares, data.scores[rows], adjusted.weights).mean()),
            float(_differences(raw, shares, data.y[rows], data.treated[rows]).mean()),
        )

    everyone = np.ones(len(effect), dtype=bool)
    errors = np.nanstd([areas(rows) for rows in half_samples(data.households, data.folds, n_halves, seed)], axis=0)
    adjusted, unadjusted = areas(everyone)
    treated = data.treated == 1
    return UpliftAreas(
        Statistic(adjusted, float(errors[0])),
        float(np.average(data.scores, weights=weights)),
        Statistic(unadjusted, float(errors[1])),
        float(data.y[treated].mean() - data.y[~treated].mean()),
    )


def _means(places: Places, shares: Array, values: Array, weights: Array) -> Array:
    total = places.totals(weights, shares)
    return places.totals(values * weights, shares) / np.where(total > 0, total, np.nan)


def _differences(places: Places, shares: Array, y: Array, treated: Array) -> Array:
    return _means(places, shares, y, treated) - _means(places, shares, y, 1 - treated)
