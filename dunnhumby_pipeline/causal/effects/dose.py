"""Other campaigns beside the trial's own: does the campaign bring more of them, and does its effect depend on them?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from dunnhumby_pipeline.causal.effects.average import interval, obstacle
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.contracts.feature import active_column
from dunnhumby_pipeline.contracts.names import TRIAL_KEY
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.engine.tables import TablePath, read_table

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
RECEIVED, ON_OUTCOME, NO_DIFFERENCE = (
    "effect on other campaigns received",
    "effect on the outcome",
    "effect on the outcome, p of no difference",
)
ANY_DOSE = "all"
# Few households have more than two other campaigns running at a time.
DOSES = ("0", "1", "2+")


def others_in_window(tables: Mapping[str, TablePath], trials: pd.DataFrame, campaign_type: str) -> NDArray[np.int64]:
    """Campaigns of other types (n,) that list each trial's household and start in its outcome window.

    From the canonical tables `campaigns` and `campaign_targets`; the window is [index_day, outcome_end].
    """
    campaigns = read_table(tables["campaigns"], ["campaign", "description", "start_day"])
    others = campaigns.loc[campaigns["description"] != campaign_type, ["campaign", "start_day"]]
    targets = read_table(tables["campaign_targets"], TRIAL_KEY).drop_duplicates()
    sent = targets.merge(others, on="campaign")[["household_key", "start_day"]]
    windows = trials[["household_key", "index_day", "outcome_end"]].reset_index(drop=True)
    dated = windows.reset_index(names="trial").merge(sent, on="household_key")
    inside = dated["start_day"].between(dated["index_day"], dated["outcome_end"])
    return np.bincount(dated.loc[inside, "trial"], minlength=len(trials))


def others_active(trials: pd.DataFrame, campaign_type: str) -> NDArray[np.int64]:
    """Campaigns of other types (n,) that a household has been sent and that run on its index day."""
    columns = [active_column(other) for other in CAMPAIGN_TYPES if other != campaign_type]
    return trials[columns].sum(axis=1).to_numpy().round().astype("int64")


def campaign_dose(
    x: Array, data: Residuals, dose: NDArray[np.int64], others_received: NDArray[np.int64], confidence: float
) -> pd.DataFrame:
    """Whether other campaigns stand between the campaign and its effect: quantity, dose, estimate, se, ci_lower,
    ci_upper, n_trials, n_treated.

    `effect on other campaigns received`: the overlap-weighted effect on `others_received` (n,), the campaigns of
    other types that start in the outcome window, with means by `linear_means` of (n, p) `x`. Where it is not
    zero, the effect on the outcome is partly theirs. `effect on the outcome`: the overlap-weighted effect on `data`'s
    outcome among trials with `dose` (n,) campaigns of other types running on the index day: none, one, or two
    and more. Households are not sent those at random, so that a difference between doses is one between
    households. `effect on the outcome, p of no difference`: p-value that the doses' effects are one, by Wald's chi2
    with the covariance of effects clustered by household (a household may be in several doses). A dose without
    FEWEST_HOUSEHOLDS in each arm has a null estimate and is not in the test; with fewer than two doses its p is null.
    """
    everyone = np.ones(len(data.y), dtype=bool)
    received = others_received.astype(float)
    of_received = with_outcome(data, received, linear_means(x, received[:, None], data.folds)[:, 0])
    rows = [_row(RECEIVED, ANY_DOSE, of_received, everyone, confidence)]
    strata = {name: np.minimum(dose, len(DOSES) - 1) == level for level, name in enumerate(DOSES)}
    rows += [_row(ON_OUTCOME, name, data, selected, confidence) for name, selected in strata.items()]
    tested = [selected for selected in strata.values() if obstacle(data, selected, least=FEWEST_HOUSEHOLDS) is None]
    counted = np.logical_or.reduce(tested) if tested else ~everyone
    p_value = equality_p_value(data, tested) if len(tested) > 1 else np.nan
    none = dict.fromkeys(("se", "ci_lower", "ci_upper"), np.nan)
    sizes = {"n_trials": int(counted.sum()), "n_treated": int(data.treated[counted].sum())}
    return pd.DataFrame([*rows, {"quantity": NO_DIFFERENCE, "dose": ANY_DOSE, "estimate": p_value, **none, **sizes}])


def equality_p_value(data: Residuals, strata: list[Mask]) -> float:
    """p-value that the overlap-weighted effects in S disjoint strata are equal: Wald's chi2 with S - 1 degrees."""
    effects, influences = [], []
    for rows in strata:
        effect, _ = overlap_weighted(data, rows)
        ry, rt = data.outcome_residual, data.treatment_residual
        influences.append(np.where(rows, rt * (ry - effect * rt), 0.0) / float((rt[rows] ** 2).sum()))
        effects.append(effect)
    totals = pd.DataFrame(np.column_stack(influences)).groupby(data.households).sum().to_numpy()
    # As in `clustered_se`, among the households of any of the strata.
    n_households = len(np.unique(data.households[np.logical_or.reduce(strata)]))
    covariance = totals.T @ totals * n_households / (n_households - 1)
    contrast = np.diff(np.eye(len(strata)), axis=0)
    difference = contrast @ np.array(effects)
    statistic = float(difference @ np.linalg.solve(contrast @ covariance @ contrast.T, difference))
    return float(stats.chi2.sf(statistic, len(strata) - 1))


def _row(quantity: str, dose: str, data: Residuals, rows: Mask, confidence: float) -> dict[str, object]:
    estimate, se = (np.nan, np.nan) if obstacle(data, rows, least=FEWEST_HOUSEHOLDS) else overlap_weighted(data, rows)
    return {
        "quantity": quantity,
        "dose": dose,
        **interval(estimate, se, confidence),
        "n_trials": int(rows.sum()),
        "n_treated": int(data.treated[rows].sum()),
    }
