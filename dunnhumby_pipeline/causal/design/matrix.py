"""Covariates of trials or households as a numeric matrix, fitted once and applied to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_SEGMENT, covariate_columns
from dunnhumby_pipeline.contracts.features import CENSORED
from dunnhumby_pipeline.settings import TrialSettings

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

Array = NDArray[np.float64]

CAMPAIGN = "campaign"


@dataclass(frozen=True)
class DesignMatrix:
    """A fitted transformation from covariates to p columns; `names` (p,) label the columns.

    `left_out`: covariates without any value among the trials, such as a trend where look-backs are too short.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    longest: dict[str, float]
    transformer: ColumnTransformer
    names: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def apply(self, frame: pd.DataFrame) -> Array:
        """(n, p) matrix of the rows of `frame`. A level that was not fitted is all zeros."""
        return np.asarray(self.transformer.transform(_prepared(frame, self)), dtype=float)


def trial_matrix(
    trials: pd.DataFrame, campaign_type: str, settings: TrialSettings | None = None
) -> tuple[DesignMatrix, Array]:
    """The design fitted to all covariates of the trials, and its (n, p) matrix; `settings` as the trials were built."""
    design = trial_design(trials, campaign_type, settings)
    return design, design.apply(trials)


def trial_design(trials: pd.DataFrame, campaign_type: str, settings: TrialSettings | None = None) -> DesignMatrix:
    """The design fitted to all covariates of the trials."""
    washout_days = None if settings is None else settings.washout_days
    return fit_design_matrix(trials, [*covariate_columns(campaign_type, washout_days), LOOK_BACK_SEGMENT])


def fit_design_matrix(trials: pd.DataFrame, covariates: list[str]) -> DesignMatrix:
    """Learn medians for missing values, with an indicator each, and the levels of text columns and campaign.

    Raises ValueError naming covariates that are missing from the trials, or when none has a value.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    missing = [name for name in [*covariates, CAMPAIGN] if name not in trials.columns]
    if missing:
        raise ValueError(f"covariates missing from the trials: {missing}")
    left_out = tuple(name for name in covariates if trials[name].isna().all())
    used = [name for name in covariates if name not in left_out]
    if not used:
        raise ValueError(f"no covariate has any value among the {len(trials)} trials")
    numeric = tuple(name for name in used if pd.api.types.is_numeric_dtype(trials[name]))
    categorical = (*(name for name in used if name not in numeric), CAMPAIGN)
    transformer = ColumnTransformer(
        [
            ("numeric", SimpleImputer(strategy="median", add_indicator=True), list(numeric)),
            ("level", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(categorical)),
        ],
        verbose_feature_names_out=False,
    )
    longest = {name: float(trials[name].max()) for name in CENSORED if name in numeric}
    unfitted = DesignMatrix(numeric, categorical, longest, transformer, ())
    transformer.fit(_prepared(trials, unfitted))
    names = tuple(str(name) for name in transformer.get_feature_names_out())
    return DesignMatrix(numeric, categorical, longest, transformer, names, left_out)


def _prepared(frame: pd.DataFrame, design: DesignMatrix) -> pd.DataFrame:
    frame = frame[[*design.numeric, *design.categorical]].fillna(design.longest)
    return frame.astype(dict.fromkeys(design.categorical, str))
