"""What targeting those with the largest effects first gains: TOC and Qini curves and the areas under them.

TOC(u) is the average effect among the first u less that of all; the Qini curve is u TOC(u), what an order gains over
lots per household (Yadlowsky, Fleming, Shah, Brunskill & Wager 2021). Effects are AIPW scores of trials that the
order was not fitted to, under overlap weights e (1 - e).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.validation.ranking import Places, half_samples, overlap_weights, rank
from dunnhumby_pipeline.causal.cate.validation.sequential import UNKNOWN, Statistic
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se, normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]


def autoc_weights(places: Places) -> Array:
    """By how much each trial's score counts in the area under TOC: the mean of -log(s) - 1 over its stretch."""
    a, b = places.start, places.end
    return -(_x_log_x(b) - _x_log_x(a)) / (b - a)


def qini_weights(places: Places) -> Array:
    """By how much each trial's score counts in the area under the Qini curve: the mean of 1/2 - s over its stretch."""
    return 0.5 - (places.start + places.end) / 2


def autoc(data: Residuals, effect: Array) -> Statistic:
    """The area under TOC, $ per household: large when a few respond far more. 0 when effects rank nothing."""
    return contrast(data, effect, autoc_weights)


def qini(data: Residuals, effect: Array) -> Statistic:
    """The area under the Qini curve, $ per household: large when many respond more. 0 when effects rank nothing."""
    return contrast(data, effect, qini_weights)


def top_minus_bottom(data: Residuals, effect: Array, n_groups: int = 5) -> Statistic:
    """The average effect of the group of largest effects less that of the smallest, $ per household."""

    def counts(places: Places) -> Array:
        members = places.groups(n_groups)
        return n_groups * (members[:, -1] - members[:, 0])

    return contrast(data, effect, counts)


def above_average(data: Residuals, effect: Array, share: float) -> Statistic:
    """The average effect among the first `share` less that of all, $ per household: TOC(share)."""
    return contrast(data, effect, lambda places: places.among_first(share) / share - 1)


def contrast(data: Residuals, effect: Array, counts_of: Callable[[Places], Array]) -> Statistic:
    """Sum of weights times counts times scores, for counts (n,) of the places that sum to nothing."""
    weights, scores = overlap_weights(data), data.scores
    places = rank(effect, weights, data.folds)
    if not places.has_order:
        return UNKNOWN
    about = scores - np.average(scores, weights=weights)
    each = weights / weights.mean() * counts_of(places) * about
    # Around the average of all: what a trial adds when its place says nothing, which the test supposes.
    return Statistic(float(each.mean()), clustered_se(each, data.households))


@dataclass(frozen=True)
class Curves:
    """`curve`: one row per share (columns in `targeting_curve`). `autoc` and `qini`: the areas, errors from halves of
    the households, for intervals: over all folds together their p-values reject a true null too often."""

    curve: pd.DataFrame
    autoc: Statistic
    qini: Statistic


def targeting_curve(
    data: Residuals,
    effect: Array,
    contact_cost: float,
    *,
    n_steps: int = 20,
    n_halves: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> Curves:
    """TOC and Qini curves over all folds, with bands.

    `curve`: share (targeted, from 1 / n_steps to 1), toc and qini with _lower and _upper ($ per household), effect
    (average among the first, $ per targeted household), spend (on contacts, $ per household), gain (what they add to
    gross profit before contacts, $ per household), profit (gain - spend) with profit_lower and profit_upper. Bands hold
    for all shares at once: estimates -/+ c standard deviations between halves of the households, with c such that
    `confidence` of the halves lie within everywhere.
    """
    weights, scores = overlap_weights(data), data.scores
    shares = np.linspace(0, 1, n_steps + 1)[1:]
    whole = _heights(rank(effect, weights, data.folds), scores, shares)
    halves, areas = [], []
    for drawn in half_samples(data.households, data.folds, n_halves, seed):
        places = rank(effect[drawn], weights[drawn], data.folds[drawn])
        halves.append(_heights(places, scores[drawn], shares))
        areas.append(_areas(places, scores[drawn]))
    toc, average = whole
    means = np.array([own[0] + own[1] for own in halves])
    profit = shares * (toc + average - contact_cost)
    drawn_toc = np.array([own[0] for own in halves])
    columns = {"share": shares}
    for name, estimate, replicates in (
        ("toc", toc, drawn_toc),
        ("qini", shares * toc, shares * drawn_toc),
        ("profit", profit, shares * (means - contact_cost)),
    ):
        half = _band(estimate, replicates, confidence)
        columns |= {name: estimate, f"{name}_lower": estimate - half, f"{name}_upper": estimate + half}
    frame = pd.DataFrame(columns).assign(effect=toc + average, spend=shares * contact_cost)
    areas_whole = _areas(rank(effect, weights, data.folds), scores)
    errors = np.std(areas, axis=0)
    return Curves(
        frame.assign(gain=frame["share"] * frame["effect"]),
        *(Statistic(float(area), float(error)) for area, error in zip(areas_whole, errors, strict=True)),
    )


def _heights(places: Places, scores: Array, shares: Array) -> tuple[Array, float]:
    """TOC at each share, and the average effect."""
    average = float(places.weights @ scores)
    counted = places.totals(places.weights, shares)
    return places.totals(places.weights * scores, shares) / counted - average, average


def _areas(places: Places, scores: Array) -> tuple[float, float]:
    about = places.weights * (scores - places.weights @ scores)
    return float(about @ autoc_weights(places)), float(about @ qini_weights(places))


def _band(estimate: Array, replicates: Array, confidence: float) -> Array:
    """Half-width at each share of a band that holds everywhere."""
    spread = replicates.std(axis=0)
    varies = spread > 1e-9 * max(1.0, float(np.abs(estimate).max()))
    if not varies.any():
        return np.zeros_like(estimate)
    furthest = np.abs((replicates - estimate)[:, varies] / spread[varies]).max(axis=1)
    return max(float(np.quantile(furthest, confidence)), normal_quantile(confidence)) * np.where(varies, spread, 0.0)


def _x_log_x(values: Array) -> Array:
    return np.where(values > 0, values * np.log(np.maximum(values, 1e-300)), 0.0)
