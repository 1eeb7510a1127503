"""What measured covariates explain of outcome and treatment, given the others: each group, and blocks of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.cohort import DEMOGRAPHICS, LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.design.matrix import CAMPAIGN
from dunnhumby_pipeline.causal.nuisance.fold_ridge import FoldMoments, fold_moments, ridge
from dunnhumby_pipeline.contracts.feature import per_day_column
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.engine.threads import one_thread

Array = NDArray[np.float64]
Columns = NDArray[np.int64]
_MISSING = "missingindicator_"
GROUP, BLOCK = "group", "block"
LARGEST = "largest gains together"
# Groups of the catalogue that say much the same, and so hide each other when only one of them is left out.
_VALUE, _TIMING = ("monetary", "frequency", "trend"), ("recency", "rhythm", "time", "tenure")
# What is not the household's own purchases.
_NOT_HISTORY = ("campaigns", "demographics", "campaign")


def covariate_groups(names: Sequence[str]) -> dict[str, Columns]:
    """Group -> numbers of its columns, for the `names` of a design matrix, in the order the groups first appear.

    A feature belongs to its group in the catalogue, and so does the indicator that it is missing; levels of
    text columns belong to demographics, campaign and look-back segment. Raises ValueError naming columns of no group.
    """
    by_feature: dict[str, str] = {feature.name: feature.group for feature in CATALOGUE}
    by_feature |= {per_day_column(feature.name): feature.group for feature in CATALOGUE if feature.total}
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


def covariate_blocks(groups: Mapping[str, Columns]) -> dict[str, Columns]:
    """Block -> numbers of its columns: of value, of timing, of all purchase history, each of the `groups` there are.

    A block of a single group is that group, and not among them.
    """
    history = [name for name in groups if name not in _NOT_HISTORY]
    blocks = {"value": _VALUE, "timing": _TIMING, "all purchase history": history}
    found = {block: [name for name in names if name in groups] for block, names in blocks.items()}
    return {block: _together(groups, names) for block, names in found.items() if len(names) > 1}


def covariate_gains(
    x: Array,
    y: Array,
    treated: Array,
    folds: NDArray[np.int64],
    groups: Mapping[str, Columns],
    blocks: Mapping[str, Columns] | None = None,
) -> pd.DataFrame:
    """One row per group and block of columns of `x` (n, p): group, kind, n_covariates, gain_outcome, gain_treatment,
    observed_change.

    How much less of outcome (given treatment) and treatment is left unexplained with the columns than without them, in
    terms of what is left with them: (R2_long - R2_short) / (1 - R2_long), the measure of Chernozhukov et al. (2022,
    section 6) and Cinelli & Hazlett (2020, section 4.4) for a confounder as strong as they are beyond what else is
    measured. Both gains are as measured out of fold: below 0 where the columns only add noise. `observed_change`: the
    estimate without the columns less that with them, in units of `y`, both by this partially linear model.

    Groups that say much the same gain little each and much together, hence `blocks`. The last block pairs the largest
    gain of outcome of any group with the largest gain of treatment of any; what it moves is what both groups do.
    Long and short are the same partially linear model, with ridge regressions fitted out of fold and the penalty by
    generalised cross-validation (Golub, Heath & Wahba 1979), so that they compare like with like. All of it comes from
    the columns' second moments, each fold's once: linear in n, whatever the number of groups. Raises ValueError when
    outcome or treatment does not vary.
    """
    for name, values in (("outcome", y), ("treatment", treated)):
        if np.ptp(values) == 0:
            raise ValueError(f"the {name} does not vary, so covariates explain nothing of it")
    moments = fold_moments(x, np.column_stack([y, treated]), folds)
    every = np.arange(x.shape[1])
    with one_thread():
        long = _partially_linear(moments, every)

        def row(name: str, kind: str, columns: Columns) -> dict[str, object]:
            short = _partially_linear(moments, np.setdiff1d(every, columns))
            return {
                "group": name,
                "kind": kind,
                "n_covariates": len(columns),
                "gain_outcome": short.of_outcome / long.of_outcome - 1,
                "gain_treatment": short.of_treatment / long.of_treatment - 1,
                "observed_change": short.estimate - long.estimate,
            }

        table = pd.DataFrame([row(name, GROUP, columns) for name, columns in groups.items()])
        rows = [row(name, BLOCK, columns) for name, columns in (blocks or {}).items()]
        if len(table) > 1:
            largest = {name: table.loc[table[name].idxmax()] for name in ("gain_outcome", "gain_treatment")}
            both = _together(groups, [str(found["group"]) for found in largest.values()])
            gains = {name: found[name] for name, found in largest.items()}
            rows.append(row(LARGEST, BLOCK, both) | gains)
    return pd.concat([table, pd.DataFrame(rows, columns=table.columns)], ignore_index=True) if rows else table


def _together(groups: Mapping[str, Columns], names: Sequence[str]) -> Columns:
    return np.unique(np.concatenate([groups[name] for name in names]))


@dataclass(frozen=True)
class _Fit:
    """`estimate` (units of the outcome), and mean squares out of fold: of the outcome given treatment and columns, of
    the treatment given columns."""

    estimate: float
    of_outcome: float
    of_treatment: float


def _partially_linear(moments: FoldMoments, columns: Columns) -> _Fit:
    used = np.concatenate([columns, moments.n_columns + np.arange(2)]).astype("int64")
    squares = np.zeros((2, 2))
    for fold, n in enumerate(moments.sizes):
        n_train, means, products = moments.outside(fold)
        mean, sums = means[used], moments.sums[fold][used]
        cross = np.outer(sums, mean)
        held_out = moments.products[fold][np.ix_(used, used)] - cross - cross.T + n * np.outer(mean, mean)
        residual = np.vstack([-ridge(products[np.ix_(used, used)], n_train, 2), np.eye(2)])
        squares += residual.T @ held_out @ residual
    n_all = int(moments.sizes.sum())
    estimate = float(squares[0, 1] / squares[1, 1])
    left = float(squares[0, 0] - squares[0, 1] ** 2 / squares[1, 1])
    return _Fit(estimate, left / n_all, float(squares[1, 1]) / n_all)
