"""BLP, GATES and CLAN over many splits in halves: by any learner, and by the reduced search on a study's trials."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.cate.reduced import other_half
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.groups import by_effect, group_means
from dunnhumby_pipeline.causal.cate.validation.sequential import Statistic
from dunnhumby_pipeline.causal.cate.validation.targeting_curve import top_minus_bottom
from dunnhumby_pipeline.causal.cate.validation.traits import classification, holm
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
# What is told of: the slope (BLP), the largest less the smallest effects, each group (GATES), each trait (CLAN).
SLOPE, TOP_MINUS_BOTTOM, GROUP, TRAIT = "slope", "top_minus_bottom", "group_", "trait_"
Refit = Callable[[Array, Residuals], Learner]
Row = tuple[str, float, float, float, float]


def many_splits(
    refit: Refit,
    x: Array,
    names: tuple[str, ...],
    data: Residuals,
    n_splits: int,
    n_groups: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """One row per quantity: quantity, estimate, p, ci_lower, ci_upper, medians over `n_splits` of the households in
    two halves (Chernozhukov, Demirer, Duflo & Fernandez-Val 2018, section 3.4).

    `refit(x, data)` gives a learner fitted to one half; what it says of the other is judged there: slope (BLP),
    top_minus_bottom, group_1 to group_<n_groups> (GATES, the smallest effects first), and trait_<covariate> (CLAN).
    p-values are doubled medians, and the ends of intervals medians of those with half the error probability, so that
    they hold whatever a single split would have shown.
    """

    def effect_of(held_out: Mask) -> Array:
        return refit(x[~held_out], subset(data, ~held_out)).predict(x[held_out])

    return over_splits(effect_of, x, names, data, n_splits, n_groups, confidence, seed)


def many_splits_of_study(
    x: Array, names: tuple[str, ...], data: Residuals, settings: Settings, certified: bool
) -> pd.DataFrame:
    """The table many_splits of a study's covariates (n, p) and residuals: `many_splits` by the mean of the learners of
    the reduced search, with p_holm of traits (Holm), n_splits and certified.

    `certified`: with the splits of a certificate. Of more trials than `cate.max_trials` households are drawn.
    """
    own = settings.validation
    rows = drawn(np.ones(len(x), dtype=bool), data.households, settings.cate.max_trials, settings.seed_for("cate"))
    x, data = x[rows], subset(data, rows)
    n_splits, seed = own.n_certified_splits if certified else own.n_splits, settings.seed_for("many splits")
    found = over_splits(other_half(x, data), x, names, data, n_splits, own.n_groups, settings.confidence, seed)
    is_trait = found["quantity"].str.startswith(TRAIT).to_numpy()
    p_holm = np.full(len(found), np.nan)
    p_holm[is_trait] = holm(found.loc[is_trait, "p"].to_numpy(dtype=float))
    return found.assign(p_holm=p_holm, n_splits=n_splits, certified=certified)


def over_splits(
    effect_of: Callable[[Mask], Array],
    x: Array,
    names: tuple[str, ...],
    data: Residuals,
    n_splits: int,
    n_groups: int,
    confidence: float,
    seed: int,
) -> pd.DataFrame:
    """`many_splits` of effects: `effect_of(held_out)` gives those (m,) of the m trials that the mask (n,) holds, by
    what was fitted to the others."""
    found: list[Row] = []
    for held_out in _halves(data.households, n_splits, seed):
        judged = subset(data, held_out)
        judged = replace(judged, folds=np.zeros(len(judged.y), dtype=np.int64))
        found += _judged(x[held_out], names, judged, effect_of(held_out), n_groups, (1 + confidence) / 2)
    frame = pd.DataFrame(found, columns=["quantity", "estimate", "p", "ci_lower", "ci_upper"])
    medians = frame.groupby("quantity", sort=False).median()
    return medians.assign(p=np.minimum(1.0, 2 * medians["p"])).reset_index()


def _halves(households: NDArray[np.int64], n_splits: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    names, household = np.unique(households, return_inverse=True)
    rng = np.random.default_rng(seed)
    for _ in range(n_splits):
        drawn = np.zeros(len(names), dtype=bool)
        drawn[rng.permutation(len(names))[: len(names) // 2]] = True
        yield drawn[household]


def _judged(
    x: Array, names: tuple[str, ...], data: Residuals, effect: Array, n_groups: int, confidence: float
) -> list[Row]:
    rows = [_row(SLOPE, best_linear_predictor(data, effect), confidence)]
    rows.append(_row(TOP_MINUS_BOTTOM, top_minus_bottom(data, effect, n_groups), confidence))
    means = group_means(data.scores, by_effect(data, effect, n_groups)[0], data)
    rows += [
        _row(f"{GROUP}{place + 1}", Statistic(float(estimate), float(se)), confidence, two_sided=True)
        for place, (estimate, se) in enumerate(zip(means.estimate, means.se, strict=True))
    ]
    traits = classification(x, names, data, effect, n_groups, confidence)
    rows += [
        (f"{TRAIT}{row['covariate']}", row["difference"], row["p"], row["ci_lower"], row["ci_upper"])
        for _, row in traits.iterrows()
    ]
    return rows


def _row(name: str, found: Statistic, confidence: float, two_sided: bool = False) -> Row:
    # A learner that ranks nothing speaks against an order, not for leaving the split out.
    p = found.p_two_sided if two_sided else found.p
    return (name, found.estimate, 1.0 if np.isnan(p) else p, *found.interval(confidence))
