"""The designs side by side on the same data: how comparable the arms are, and what effect each leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.clusters import with_clusters
from dunnhumby_pipeline.causal.design.cohort import CohortError, Tables, build_cohort
from dunnhumby_pipeline.causal.design.matrix import trial_matrix
from dunnhumby_pipeline.causal.effects.average import aipw, naive, overlap_weighted
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.folds import FoldsError
from dunnhumby_pipeline.causal.overlap.balance import covariate_balance
from dunnhumby_pipeline.causal.overlap.overlap import overlap_diagnostics, propensity_table
from dunnhumby_pipeline.contracts.names import (
    ALL_CAMPAIGNS,
    DESIGNS,
    FIRST_ELIGIBLE,
    NEVER_TARGETED,
    SEQUENTIAL,
    SPEND,
    VISITS,
)
from dunnhumby_pipeline.settings import Settings

NOTES = {
    SEQUENTIAL: "Both arms of a campaign share index day, look-back and outcome window; a household counts at every "
    "campaign at which it is eligible.",
    FIRST_ELIGIBLE: "As sequential trials, but a household counts once, so that most enter at the first campaign and "
    "the later ones have few trials.",
    NEVER_TARGETED: "Controls are chosen for having bought while the campaign ran, so none has bought nothing; "
    "look-backs differ in length between the arms and tell them apart.",
}
COUNTS = ("n_trials", "n_households", "n_treated", "n_control")
COLUMNS = [
    "design",
    "chosen",
    *COUNTS,
    "lookback_days_treated",
    "lookback_days_control",
    "share_control_without_purchase",
    "auc",
    "share_in_overlap",
    "max_smd",
    "max_smd_weighted",
    "ess_treated",
    "ess_control",
    "naive",
    "naive_se",
    "ate",
    "ate_se",
    "ato",
    "ato_se",
    "ato_lower",
    "ato_upper",
    "note",
]


@dataclass(frozen=True)
class FittedDesign:
    """Trials with their look-back segment, their (n, p) matrix with the names of its columns, and their nuisances."""

    trials: pd.DataFrame
    x: NDArray[np.float64]
    names: tuple[str, ...]
    nuisances: pd.DataFrame


class _DesignError(Exception):
    """A design cannot be built or fitted on these data, for the reason given."""


def compare_designs(
    tables: Tables,
    campaign_type: str,
    settings: Settings,
    segments_of: Callable[[pd.DataFrame], pd.Series],
    known: FittedDesign | None = None,
    copies: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per design, `COLUMNS`: trials, look-backs (mean days), overlap, balance, and effects on spend ($).

    `chosen`: the design in the settings. `share_control_without_purchase`: controls without a basket in the
    outcome window. `max_smd`: largest finite |standardised mean difference|, unweighted and under overlap
    weights. `ess_`: effective trials of an arm under overlap weights. `naive`, `ate` (AIPW) and `ato`
    (overlap-weighted) over all trials. `note`: what the design does to the comparison. A design that cannot be
    built or fitted has nulls and the reason in its note.

    Nuisances are fitted for one division into folds only. `segments_of` gives the look-back segment of each
    row of `Cohort.look_backs`; `known` is the chosen design as fitted already, `copies` the households that
    are copies of each other (`clusters.with_clusters`).
    """
    rows = []
    # Designs share most of their look-backs, which take longest.
    fitted: dict[str, FittedDesign] = {} if known is None else {settings.trial.design: known}
    for design in DESIGNS:
        chosen = design == settings.trial.design
        row: dict[str, object] = {"design": design, "chosen": chosen, "note": NOTES[design]}
        try:
            if design not in fitted:
                before = [each.trials for each in fitted.values()]
                fitted[design] = _fit(tables, campaign_type, settings, segments_of, design, before, copies)
            row.update(_compared(fitted[design], settings))
        except _DesignError as error:
            row["note"] = f"Not comparable: {error}"
        rows.append(row)
    frame = pd.DataFrame(rows, columns=COLUMNS)
    numbers = [name for name in COLUMNS if name not in ("design", "chosen", "note", *COUNTS)]
    return frame.astype({**dict.fromkeys(COUNTS, "Int64"), **dict.fromkeys(numbers, "float64")})


def _fit(
    tables: Tables,
    campaign_type: str,
    settings: Settings,
    segments_of: Callable[[pd.DataFrame], pd.Series],
    design: str,
    known: list[pd.DataFrame],
    copies: pd.DataFrame | None,
) -> FittedDesign:
    trial = settings.trial.model_copy(update={"design": design})
    once = settings.nuisance.model_copy(update={"n_repeats": 1})
    try:
        cohort = build_cohort(tables, campaign_type, trial, settings.engine, known)
    except CohortError as error:
        raise _DesignError(str(error)) from error
    trials = cohort.placed(segments_of(cohort.look_backs) if len(cohort.look_backs) else pd.Series(dtype="str"))
    trials = trials if copies is None else with_clusters(trials, copies)
    matrix, x = trial_matrix(trials, campaign_type, trial)
    try:
        nuisances = cross_fit(trials, x, once, settings.seed_for("nuisances"), (SPEND,)).nuisances
    # An arm with fewer households than there are folds.
    except FoldsError as error:
        raise _DesignError(str(error)) from error
    return FittedDesign(trials, x, matrix.names, nuisances)


def _compared(fitted: FittedDesign, settings: Settings) -> dict[str, object]:
    trials = fitted.trials
    treated = (trials["treated"] == 1).to_numpy()
    look_back = trials["index_day"] - trials["lookback_start"]
    propensity = propensity_table(fitted.nuisances, fitted.x, settings.overlap)
    overlap = overlap_diagnostics(propensity, trials["index_day"])
    overlap = overlap.loc[overlap["campaign"] == ALL_CAMPAIGNS].iloc[0]
    balance = covariate_balance(fitted.x, fitted.names, propensity)
    size = balance["smd"].abs()
    largest = size.where(np.isfinite(size)).groupby(balance["weighting"]).max()
    data = residuals(trials, fitted.nuisances, SPEND)
    everyone = np.ones(len(trials), dtype=bool)
    effects = {"naive": naive, "ate": aipw, "ato": overlap_weighted}
    found = {name: estimator(data, everyone) for name, estimator in effects.items()}
    ato, ato_se = found["ato"]
    half_width = normal_quantile(settings.confidence) * ato_se
    return {
        "n_trials": len(trials),
        "n_households": trials["household_key"].nunique(),
        "n_treated": int(treated.sum()),
        "n_control": int((~treated).sum()),
        "lookback_days_treated": look_back[treated].mean(),
        "lookback_days_control": look_back[~treated].mean(),
        "share_control_without_purchase": (trials.loc[~treated, VISITS] == 0).mean(),
        **{name: overlap[name] for name in ("auc", "share_in_overlap", "ess_treated", "ess_control")},
        "max_smd": largest["none"],
        "max_smd_weighted": largest["overlap"],
        **{name: estimate for name, (estimate, _) in found.items()},
        **{f"{name}_se": se for name, (_, se) in found.items()},
        "ato_lower": ato - half_width,
        "ato_upper": ato + half_width,
    }
