"""What each group of measured covariates explains of outcome and treatment, given all the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.cohort import DEMOGRAPHICS, LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.design.matrix import CAMPAIGN
from dunnhumby_pipeline.causal.nuisance.fold_ridge import FoldMoments, fold_moments, ridge
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]
Columns = NDArray[np.int64]
_MISSING = "missingindicator_"


def covariate_groups(names: Sequence[str]) -> dict[str, Columns]:
    """Group -> numbers of its columns, for the `names` of a design matrix, in the order the groups first appear.

    A feature belongs to its group in the catalogue, and so does the indicator that it is missing; levels of
    text columns belong to demographics, campaign and look-back segment. Raises ValueError naming columns of no group.
    """
    by_feature: dict[str, str] = {feature.name: feature.group for feature in CATALOGUE}
    by_level = {
        **dict.fromkeys(DEMOGRAPHICS, "demographics"),
        CAMPAIGN: "campaign",
        LOOK_BACK_SEGMENT: "look-back segment",
    }
    found: dict[str, list[int]] = {}
    unknown = []
    for number, name in enumerate(names):
        group = by_feature.get(name.removeprefix(_MISSING)) or next(
            (group for column, group in by_level.items() if name.startswith(f"{column}_")), None
        )
        if group is None:
            unknown.append(name)
        else:
            found.setdefault(group, []).append(number)
    if unknown:
        raise ValueError(f"columns that belong to no group of covariates: {unknown}")
    return {group: np.array(columns) for group, columns in found.items()}


def covariate_gains(
    x: Array, y: Array, treated: Array, folds: NDArray[np.int64], groups: Mapping[str, Columns]
) -> pd.DataFrame:
    """One row per group of columns of `x` (n, p): group, n_covariates, gain_outcome, gain_treatment (shares).

    How much less of outcome (given treatment) and treatment is left unexplained with the group than without it, in
    terms of what is left with it: (R2_long - R2_short) / (1 - R2_long), the measure of Chernozhukov et al. (2022,
    section 6) and Cinelli & Hazlett (2020, section 4.4) for a confounder as strong as the group beyond what is
    measured. Below 0, where a group only adds noise, it is 0. Long and short are the same partially linear model,
    with ridge regressions fitted out of fold and the penalty by generalised cross-validation (Golub, Heath & Wahba
    1979), so that their gains compare like with like. All of it comes from the columns' second moments, each fold's
    once: linear in n, whatever the number of groups. Raises ValueError when outcome or treatment does not vary.
    """
    for name, values in (("outcome", y), ("treatment", treated)):
        if np.ptp(values) == 0:
            raise ValueError(f"the {name} does not vary, so covariates explain nothing of it")
    moments = fold_moments(x, np.column_stack([y, treated]), folds)
    every = np.arange(x.shape[1])
    with one_thread():
        long_y, long_t = _left_unexplained(moments, every)
        rows = []
        for group, columns in groups.items():
            short_y, short_t = _left_unexplained(moments, np.setdiff1d(every, columns))
            rows.append((group, len(columns), max(short_y / long_y - 1, 0.0), max(short_t / long_t - 1, 0.0)))
    return pd.DataFrame(rows, columns=["group", "n_covariates", "gain_outcome", "gain_treatment"])


def _left_unexplained(moments: FoldMoments, columns: Columns) -> tuple[float, float]:
    """Mean squares out of fold: of the outcome given treatment and columns, of the treatment given columns."""
    used = np.concatenate([columns, moments.n_columns + np.arange(2)])
    squares = np.zeros((2, 2))
    for fold, n in enumerate(moments.sizes):
        n_train, means, products = moments.outside(fold)
        mean, sums = means[used], moments.sums[fold][used]
        cross = np.outer(sums, mean)
        held_out = moments.products[fold][np.ix_(used, used)] - cross - cross.T + n * np.outer(mean, mean)
        residual = np.vstack([-ridge(products[np.ix_(used, used)], n_train, 2), np.eye(2)])
        squares += residual.T @ held_out @ residual
    of_outcome = squares[0, 0] - squares[0, 1] ** 2 / squares[1, 1]
    return float(of_outcome / moments.sizes.sum()), float(squares[1, 1] / moments.sizes.sum())
