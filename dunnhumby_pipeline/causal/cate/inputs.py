"""What users hand over, as arrays: covariates, treatment, outcome and groups, or an error that names what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.settings import NuisanceSettings, Settings, load_settings

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
# Squares of larger numbers, and sums of them, are no longer numbers.
_LARGEST = 1e100
_NAMED = 5


class InputError(ValueError):
    """Data cannot be used. The message names the column, the row or the setting, what was found, and what to do."""


@dataclass(frozen=True)
class Inputs:
    """n rows with the columns `columns`, of which `x` (n, p) holds those that vary, `used`. `groups` and `campaigns`
    (n,) are numbers from 0 on."""

    x: Array
    columns: tuple[str, ...]
    used: tuple[str, ...]
    treated: Groups
    outcome: Array
    groups: Groups
    campaigns: Groups


def read_inputs(
    covariates: Any, treatment: Any, outcome: Any, groups: Any, campaigns: Any, settings: NuisanceSettings
) -> Inputs:
    """All inputs, checked. Raises InputError; rows are counted from 0."""
    names, x = read_covariates(covariates)
    n = len(x)
    treated = _treatment(treatment, n)
    y = _numbers("outcome", _vector("outcome", outcome, n))
    clusters = np.arange(n) if groups is None else _labels("groups", groups, n)
    strata = np.zeros(n, dtype="int64") if campaigns is None else _labels("campaigns", campaigns, n)
    _require_arms(treated, clusters, settings)
    # But for rounding: what varies in the last digits only says nothing.
    varies = np.ptp(x, axis=0) > 10 * np.finfo(float).eps * np.abs(x).max(axis=0)
    if not varies.any():
        raise InputError(f"no column of X varies ({_some(names)}); effects can differ only by what differs")
    used = tuple(name for name, own in zip(names, varies, strict=True) if own)
    return Inputs(np.ascontiguousarray(x[:, varies]), names, used, treated, y, clusters, strata)


def read_scored(treatment: Any, outcome: Any, n: int) -> tuple[Groups, Array]:
    """Treatment and outcome of n rows, checked, whatever the number of each arm."""
    return _treatment(treatment, n), _numbers("outcome", _vector("outcome", outcome, n))


def read_covariates(covariates: Any) -> tuple[tuple[str, ...], Array]:
    """Names (p,) and values (n, p) of an array or frame; columns of an array are named x0, x1 and so on.

    Raises InputError for text, dates, missing and infinite values, by column and row.
    """
    frame = _frame(covariates)
    names = tuple(str(name) for name in frame.columns)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"X has more than one column called {_some(twice)}; give each its own name")
    columns = [_numbers(f"column {name!r} of X", frame.iloc[:, at]) for at, name in enumerate(names)]
    return names, np.column_stack(columns)


def select(covariates: Any, used: tuple[str, ...], fitted: tuple[str, ...]) -> Array:
    """Values (m, p) of the columns `used` of new data, which must have the columns `fitted`: a frame by name in any
    order, an array by position. Raises InputError when it has others."""
    found, x = read_covariates(covariates)
    if not isinstance(covariates, pd.DataFrame) and not hasattr(covariates, "columns"):
        if len(found) != len(fitted):
            raise InputError(f"X has {len(found)} columns; the model was fitted to {len(fitted)}: {_some(fitted)}")
        found = fitted
    missing = [name for name in fitted if name not in found]
    unknown = [name for name in found if name not in fitted]
    if missing or unknown:
        lacks = f"lacks {_some(missing)}" if missing else f"has {_some(unknown)}, which the model does not know"
        raise InputError(f"X {lacks}; the model was fitted to {_some(fitted)}")
    return x[:, [found.index(name) for name in used]]


def _frame(covariates: Any) -> pd.DataFrame:
    if hasattr(covariates, "toarray"):
        raise InputError("X is a sparse matrix; pass X.toarray()")
    if not isinstance(covariates, pd.DataFrame) and hasattr(covariates, "to_pandas"):
        covariates = covariates.to_pandas()
    if isinstance(covariates, pd.DataFrame):
        frame = covariates
    else:
        values = np.asarray(covariates)
        if values.ndim != 2:
            raise InputError(f"X has {values.ndim} dimension(s); expected rows x columns")
        frame = pd.DataFrame(values, columns=[f"x{at}" for at in range(values.shape[1])])
    if not frame.shape[0] or not frame.shape[1]:
        raise InputError(f"X has {frame.shape[0]} rows and {frame.shape[1]} columns; expected at least one of each")
    return frame


def _numbers(what: str, values: pd.Series) -> Array:
    """The values (n,) as finite numbers."""
    if isinstance(values.dtype, pd.CategoricalDtype) or not (
        pd.api.types.is_numeric_dtype(values.dtype) or values.dtype == object
    ):
        raise InputError(f"{what} holds {_kind(values)}; expected numbers: encode it, one column of 0 and 1 per value")
    if pd.api.types.is_complex_dtype(values.dtype):
        raise InputError(f"{what} holds complex numbers; expected real ones")
    missing = values.isna().to_numpy()
    if missing.any():
        raise InputError(
            f"{what} has {_count(missing, 'missing value')}; fill them, with a column of 0 and 1 that says so, or "
            "leave the rows out"
        )
    if values.dtype == object:
        for row, value in enumerate(values):
            if isinstance(value, str | bytes) or not _is_number(value):
                raise InputError(f"{what} holds {value!r} in row {row}; expected numbers")
    found = values.to_numpy(dtype=float)
    wrong = ~(np.abs(found) <= _LARGEST)
    if wrong.any():
        raise InputError(f"{what} has {_count(wrong, 'value')} that are infinite or beyond 1e100; correct or cap them")
    return found


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _kind(values: pd.Series) -> str:
    if pd.api.types.is_datetime64_any_dtype(values.dtype) or pd.api.types.is_timedelta64_dtype(values.dtype):
        return "dates or times"
    present = values.dropna()
    return f"text or categories, such as {present.iloc[0]!r}" if len(present) else "no value"


def _vector(what: str, values: Any, n: int) -> pd.Series:
    """`values` (n,) as a series numbered from 0; a column (n, 1) counts as one."""
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if isinstance(values, pd.DataFrame):
        values = values.to_numpy()
    array = values if isinstance(values, pd.Series) else np.asarray(values)
    if not isinstance(array, pd.Series) and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"{what} has {array.ndim} dimension(s); expected one value per row of X")
    if len(array) != n:
        raise InputError(f"{what} has {len(array):,} values and X has {n:,} rows; expected one per row")
    return pd.Series(array).reset_index(drop=True)


def _treatment(treatment: Any, n: int) -> Groups:
    values = _vector("treatment", treatment, n)
    known = values.isin([0, 1]).to_numpy() & ~values.isna().to_numpy()
    if not known.all():
        row = int(np.flatnonzero(~known)[0])
        found = values.tolist()[row]
        raise InputError(f"treatment is {found!r} in row {row}; expected 0 (control) or 1 (treated) in every row")
    return values.to_numpy(dtype=float).astype("int64")


def _labels(what: str, values: Any, n: int) -> Groups:
    found = _vector(what, values, n)
    missing = found.isna().to_numpy()
    if missing.any():
        raise InputError(f"{what} has {_count(missing, 'missing value')}; every row needs one")
    return np.asarray(pd.factorize(found)[0], dtype="int64")


def _require_arms(treated: Groups, groups: Groups, settings: NuisanceSettings) -> None:
    """Enough groups in both arms for folds and for clustered errors."""
    fewest = max(FEWEST_HOUSEHOLDS, 2 * settings.n_folds)
    for arm, name in ((1, "treated"), (0, "control")):
        rows = treated == arm
        n_groups = len(np.unique(groups[rows]))
        if not rows.any():
            raise InputError(
                f"no row is {name}: treatment is {1 - arm} in all {len(rows):,} rows; effects need both arms"
            )
        if n_groups < fewest:
            raise InputError(
                f"the {name} arm has {n_groups} groups in {int(rows.sum())} rows; at least {fewest} are needed for "
                f"errors clustered by group and nuisance.n_folds = {settings.n_folds} folds: collect more"
            )


def _count(rows: NDArray[np.bool_], what: str) -> str:
    n = int(rows.sum())
    return f"{n:,} {what}{'' if n == 1 else 's'} (first in row {int(np.flatnonzero(rows)[0])})"


def _some(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(every[:_NAMED]) + (f" and {len(every) - _NAMED} more" if len(every) > _NAMED else "")


def settings_of(settings: Any) -> Settings:
    """Settings as they are, or the defaults with what a mapping changes. Raises InputError for anything else."""
    if isinstance(settings, Settings):
        return settings
    if settings is None or isinstance(settings, Mapping):
        return load_settings(**(settings or {}))
    raise InputError(
        f"settings is a {type(settings).__name__}; expected Settings, or a mapping such as "
        "{'cate': {'n_trees': 200}}"
    )
