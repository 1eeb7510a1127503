"""BLP, GATES and CLAN over many splits in halves, where a learner can be refitted many times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.groups import by_effect, group_means
from dunnhumby_pipeline.causal.cate.validation.sequential import Statistic
from dunnhumby_pipeline.causal.cate.validation.targeting_curve import top_minus_bottom
from dunnhumby_pipeline.causal.cate.validation.traits import classification
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]
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
    found: list[Row] = []
    for held_out in _halves(data.households, n_splits, seed):
        learner = refit(x[~held_out], subset(data, ~held_out))
        judged = subset(data, held_out)
        judged = replace(judged, folds=np.zeros(len(judged.y), dtype=np.int64))
        found += _judged(x[held_out], names, judged, learner.predict(x[held_out]), n_groups, (1 + confidence) / 2)
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
    rows = [_row("slope", best_linear_predictor(data, effect), confidence)]
    rows.append(_row("top_minus_bottom", top_minus_bottom(data, effect, n_groups), confidence))
    means = group_means(data.scores, by_effect(data, effect, n_groups)[0], data)
    rows += [
        _row(f"group_{place + 1}", Statistic(float(estimate), float(se)), confidence, two_sided=True)
        for place, (estimate, se) in enumerate(zip(means.estimate, means.se, strict=True))
    ]
    traits = classification(x, names, data, effect, n_groups, confidence)
    rows += [
        (f"trait_{row['covariate']}", row["difference"], row["p"], row["ci_lower"], row["ci_upper"])
        for _, row in traits.iterrows()
    ]
    return rows


def _row(name: str, found: Statistic, confidence: float, two_sided: bool = False) -> Row:
    # A learner that ranks nothing speaks against an order, not for leaving the split out.
    p = found.p_two_sided if two_sided else found.p
    return (name, found.estimate, 1.0 if np.isnan(p) else p, *found.interval(confidence))
