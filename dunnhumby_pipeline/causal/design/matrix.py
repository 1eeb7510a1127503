"""Covariates of trials or households as a numeric matrix, fitted once and applied to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_SEGMENT, covariate_columns
from dunnhumby_pipeline.contracts.feature import per_day_column
from dunnhumby_pipeline.contracts.features import CENSORED, TOTALS
from dunnhumby_pipeline.contracts.names import NEVER_TARGETED
from dunnhumby_pipeline.settings import TrialSettings

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer

Array = NDArray[np.float64]

CAMPAIGN = "campaign"
# What a look-back covers: its first day, and the first day after it.
LOOK_BACK = ["lookback_start", "index_day"]


@dataclass(frozen=True)
class DesignMatrix:
    """A fitted transformation from covariates to p columns; `names` (p,) label the columns.

    `per_day`: the totals among the numeric covariates, taken per day of each row's own look-back.
    `left_out`: covariates without any value among the trials, such as a trend where look-backs are too short.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    longest: dict[str, float]
    transformer: ColumnTransformer
    names: tuple[str, ...]
    per_day: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def apply(self, frame: pd.DataFrame) -> Array:
        """(n, p) matrix of the rows of `frame`. A level that was not fitted is all zeros.

        Raises ValueError where totals are taken per day and `frame` does not say what its look-backs cover.
        """
        return np.asarray(self.transformer.transform(_prepared(frame, self)), dtype=float)


def trial_matrix(
    trials: pd.DataFrame, campaign_type: str, settings: TrialSettings | None = None
) -> tuple[DesignMatrix, Array]:
    """The design fitted to all covariates of the trials, and its (n, p) matrix; `settings` as the trials were built."""
    design = trial_design(trials, campaign_type, settings)
    return design, design.apply(trials)


def trial_design(trials: pd.DataFrame, campaign_type: str, settings: TrialSettings | None = None) -> DesignMatrix:
    """The design fitted to all covariates of the trials; totals stay totals in the reference study's own design."""
    per_day = settings is None or settings.design != NEVER_TARGETED
    return fit_design_matrix(trials, _all_covariates(campaign_type, settings), per_day)


def trial_totals(trials: pd.DataFrame, campaign_type: str, settings: TrialSettings) -> Array:
    """The (n, p) matrix of `trial_matrix` with totals left as they are."""
    return fit_design_matrix(trials, _all_covariates(campaign_type, settings), per_day=False).apply(trials)


def _all_covariates(campaign_type: str, settings: TrialSettings | None) -> list[str]:
    washout_days = None if settings is None else settings.washout_days
    return [*covariate_columns(campaign_type, washout_days), LOOK_BACK_SEGMENT]


def fit_design_matrix(trials: pd.DataFrame, covariates: list[str], per_day: bool = True) -> DesignMatrix:
    """Learn medians for missing values, with an indicator each, and the levels of text columns and campaign.

    `per_day`: covariates that grow with the look-back (`total` in the catalogue) are divided by its days, so that one
    propensity and one mean serve look-backs of all lengths: 40 baskets are few in 182 days and many in 38.
    Raises ValueError naming covariates that are missing from the trials, when none has a value, or when totals are
    taken per day and the look-backs are not known.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    totals = tuple(name for name in covariates if per_day and name in TOTALS)
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
    rates = tuple(name for name in totals if name in numeric)
    unfitted = DesignMatrix(numeric, categorical, longest, transformer, (), rates)
    transformer.fit(_prepared(trials, unfitted))
    renamed = {name: per_day_column(name) for name in rates}
    names = tuple(renamed.get(name, str(name)) for name in transformer.get_feature_names_out())
    return DesignMatrix(numeric, categorical, longest, transformer, names, rates, left_out)


def _prepared(frame: pd.DataFrame, design: DesignMatrix) -> pd.DataFrame:
    known = frame[[*design.numeric, *design.categorical]].fillna(design.longest)
    if design.per_day:
        missing = [name for name in LOOK_BACK if name not in frame.columns]
        if missing:
            raise ValueError(f"the look-back of these rows is not known, {missing} are missing")
        start, end = (frame[name].to_numpy(dtype=float) for name in LOOK_BACK)
        totals = list(design.per_day)
        known = known.assign(**(known[totals].div(end - start, axis=0)))
    return known.astype(dict.fromkeys(design.categorical, str))
