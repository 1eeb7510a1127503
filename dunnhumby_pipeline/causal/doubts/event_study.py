"""The effect on weekly spend, week by week around the index day."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.doubts.period_spend import Tables, campaign_days, estimable, period_spend
from dunnhumby_pipeline.causal.effects.average import obstacle
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS, normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.features.windows import observed_days
from dunnhumby_pipeline.settings import EngineSettings, SensitivitySettings

Array = NDArray[np.float64]

TYPES = {
    "week": "int64",
    "phase": "str",
    "estimate": "float64",
    "se": "float64",
    "ci_lower": "float64",
    "ci_upper": "float64",
    "n_trials": "int64",
}
BEFORE, AFTER = "before", "after"
_DAYS = 7


def event_study(
    tables: Tables,
    trials: pd.DataFrame,
    x: Array,
    data: Residuals,
    settings: SensitivitySettings,
    engine: EngineSettings,
    confidence: float,
) -> pd.DataFrame:
    """Overlap-weighted effect on spend in each week around the index day, columns `TYPES`; $ per household and week.

    Week 0 begins on the index day, week -1 ends the day before it. Weeks inside the look-back are part of the
    covariates `x` (n, p): there the curve shows how well the arms were made alike, before the look-back whether
    they were alike already, and from week 0 on the effect. A campaign enters the weeks that lie in the data as a
    whole and end within its outcome window, since a later campaign may reach its controls. `n_trials` therefore
    differs by week, and so do the campaigns behind it; a week with few households in an arm has no row.
    Propensity of the study, means linear and cross-fitted, intervals normal, clustered by household.
    Raises ValueError as `campaign_days` does.
    """
    weeks = np.arange(-settings.weeks_before, settings.weeks_after)
    periods = event_weeks(campaign_days(trials), weeks, *observed_days(tables["transactions"], engine))
    spend = period_spend(tables, trials, periods, len(weeks), engine)
    quantile, rows = normal_quantile(confidence), []
    for columns in _alike(np.isfinite(spend)):
        inside = np.isfinite(spend[:, columns[0]])
        few = obstacle(data, inside, least=FEWEST_HOUSEHOLDS)
        if few or not estimable(data.treated[inside], data.folds[inside]):
            continue
        means = np.full((len(trials), len(columns)), np.nan)
        means[inside] = linear_means(x[inside], spend[np.ix_(inside, columns)], data.folds[inside])
        for column, mean in zip(columns, means.T, strict=True):
            estimate, se = overlap_weighted(with_outcome(data, spend[:, column], mean), inside)
            phase = BEFORE if weeks[column] < 0 else AFTER
            ends = (estimate - quantile * se, estimate + quantile * se)
            rows.append((int(weeks[column]), phase, estimate, se, *ends, int(inside.sum())))
    return pd.DataFrame(rows, columns=list(TYPES)).astype(TYPES).sort_values("week", ignore_index=True)


def event_weeks(campaigns: pd.DataFrame, weeks: NDArray[np.int64], first_day: int, last_day: int) -> pd.DataFrame:
    """The weeks that each campaign has: campaign, period (position in `weeks`), first_day, index_day (first day out).

    `campaigns`: campaign, index_day, outcome_end (its last day). `first_day`, `last_day`: those of the data.
    """
    every = campaigns.merge(pd.DataFrame({"period": np.arange(len(weeks)), "week": weeks}), how="cross")
    start = every["index_day"] + _DAYS * every["week"]
    stop = start + _DAYS
    observed = (start >= first_day) & (stop - 1 <= every["outcome_end"].clip(upper=last_day))
    frame = pd.DataFrame(
        {"campaign": every["campaign"], "period": every["period"], "first_day": start, "index_day": stop}
    )
    return frame.loc[observed].reset_index(drop=True)


def _alike(observed: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Columns of `observed` (n, k) that hold the same trials, together; columns without any are left out."""
    _, pattern = np.unique(observed, axis=1, return_inverse=True)
    groups = [np.flatnonzero(pattern == found) for found in np.unique(pattern)]
    return [columns for columns in groups if observed[:, columns[0]].any()]
