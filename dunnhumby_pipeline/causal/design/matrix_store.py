"""Covariates of trials or households as numbers with names, made once and read by every step that adjusts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import TRIAL_KEY
from dunnhumby_pipeline.engine.arrays import read_arrays, write_arrays
from dunnhumby_pipeline.engine.tables import TablePath


@dataclass(frozen=True)
class CovariateMatrix:
    """`x` (n, p), the `names` (p,) of its columns, and `key`: household_key and campaign of its n rows."""

    x: NDArray[np.float64]
    names: tuple[str, ...]
    key: pd.DataFrame


def save_matrix(matrix: CovariateMatrix, path: Path) -> None:
    """Write `matrix` to `path` (.npz)."""
    key = {name: matrix.key[name].to_numpy() for name in TRIAL_KEY}
    write_arrays(path, {"x": matrix.x, **key}, {"names": matrix.names})


def load_matrix(path: TablePath, rows: pd.DataFrame | None = None) -> CovariateMatrix:
    """The matrix that `save_matrix` wrote, number for number.

    Raises FileNotFoundError without a file, ArraysFileError when it holds no such matrix, and ValueError when it is
    not of the trials `rows`, in their order.
    """
    arrays, description = read_arrays(path)
    key = pd.DataFrame({name: arrays[name] for name in TRIAL_KEY})
    if rows is not None and not key.equals(rows[TRIAL_KEY].reset_index(drop=True)):
        raise ValueError(f"{path} and the trials list different rows; materialise first_campaign_cohort again")
    return CovariateMatrix(arrays["x"], tuple(description["names"]), key)
