"""Does the effect hang on a choice? Trimming, capping of the outcome, another outcome, other nuisances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.effects.average import interval, obstacle
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw, overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.causal.nuisance.models import BOTH, LINEAR_ONLY, TREES_ONLY
from dunnhumby_pipeline.contracts.names import (
    AS_FITTED,
    LINEAR_NUISANCES,
    ONE_DIVISION,
    PRIMARY_ESTIMATOR,
    REDEEMED,
    SPEND,
    STANDARDISED,
    TOTALS_AS_THEY_ARE,
    TREE_NUISANCES,
)
from dunnhumby_pipeline.contracts.outcomes import SALES
from dunnhumby_pipeline.settings import EffectSettings, NuisanceSettings

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
TRIMMING, CRUMP, WINSORISING = "trimming", "crump", "winsorising"
UNCAPPED = 1.0
_AIPW, _OVERLAP = ("aipw", "ATE", aipw), (PRIMARY_ESTIMATOR, "ATO", overlap_weighted)


def effect_robustness(
    trials: pd.DataFrame,
    x: Array,
    nuisances: pd.DataFrame,
    propensity: pd.DataFrame,
    settings: EffectSettings,
    confidence: float,
    outcome: str,
) -> pd.DataFrame:
    """The effect on `outcome`, in its units, under other choices, over all campaigns: one row per choice and estimator.

    variation, level, estimator, estimand, estimate, se, ci_lower, ci_upper, n_trials, n_households. Variations:
    `trimming`, AIPW and overlap-weighted over trials with level <= e <= 1 - level (Crump et al. 2009; level 0
    leaves none out); `crump`, the same over `in_crump` of the propensity table; `winsorising`, overlap-weighted
    with the outcome capped at its quantile `level`, 1 being uncapped; `amount_without_fuel` and
    `margin_weighted_amount`, overlap-weighted, where the trials have those outcomes and `outcome` is another.
    Capped and other outcomes have means by `linear_means`, the uncapped too, so that they are comparable with
    one another rather than with the trimmed. A redemption is not capped. Level is null where there is none. Where
    too few trials are left, two households in each arm, estimate and error are null and n_trials says how many.
    """
    data = residuals(trials, nuisances, outcome)
    rows = []
    for variation, level, selected in _selections(data, propensity, settings):
        rows += [_row(variation, level, estimator, data, selected, confidence) for estimator in (_AIPW, _OVERLAP)]
    everyone = np.ones(len(trials), dtype=bool)
    variants = list(_outcomes(trials, data, outcome, settings))
    means = linear_means(x, np.column_stack([y for *_, y in variants]), data.folds)
    for (variation, level, y), mean in zip(variants, means.T, strict=True):
        rows.append(_row(variation, level, _OVERLAP, with_outcome(data, y, mean), everyone, confidence))
    return pd.DataFrame(rows).astype({"level": "float64"})


def nuisance_variants(
    trials: pd.DataFrame,
    x: Array,
    totals: Array,
    nuisances: pd.DataFrame,
    settings: NuisanceSettings,
    confidence: float,
    outcome: str,
    seed: int,
) -> pd.DataFrame:
    """The overlap-weighted effect on `outcome` by nuisances made otherwise: rows as of `effect_robustness`.

    `propensity_as_fitted`: the study's own, but the propensity not recalibrated within campaigns. The others are fitted
    again, to the first of the study's divisions into folds (`seed`) only: `one_division`, nothing else changed, is what
    they compare with; `linear_nuisances` and `tree_nuisances` leave out the other candidate; `within_campaign`, every
    column of `x` (n, p) that varies standardised within each campaign; `totals`, the matrix `totals` (n, p) of the same
    covariates not taken per day of the look-back.
    """
    once = settings.model_copy(update={"n_repeats": 1})
    variants = (
        (ONE_DIVISION, x, BOTH),
        (LINEAR_NUISANCES, x, LINEAR_ONLY),
        (TREE_NUISANCES, x, TREES_ONLY),
        (STANDARDISED, _within(x, trials["campaign"].to_numpy()), BOTH),
        (TOTALS_AS_THEY_ARE, totals, BOTH),
    )
    everyone = np.ones(len(trials), dtype=bool)
    as_fitted = nuisances.assign(propensity=nuisances["propensity_as_fitted"])
    rows = [_row(AS_FITTED, None, _OVERLAP, residuals(trials, as_fitted, outcome), everyone, confidence)]
    for name, matrix, candidates in variants:
        fitted = cross_fit(trials, matrix, once, seed, (outcome,), candidates).nuisances
        rows.append(_row(name, None, _OVERLAP, residuals(trials, fitted, outcome), everyone, confidence))
    return pd.DataFrame(rows).astype({"level": "float64"})


def _within(x: Array, campaigns: NDArray[np.int64]) -> Array:
    """Columns of `x` that take more than two values, in standard deviations of each campaign."""
    counted = np.array([len(np.unique(column)) > 2 for column in x.T])
    found = x.copy()
    for campaign in np.unique(campaigns):
        rows = np.ix_(campaigns == campaign, counted)
        spread = found[rows].std(axis=0)
        found[rows] = (found[rows] - found[rows].mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return found


def _selections(
    data: Residuals, propensity: pd.DataFrame, settings: EffectSettings
) -> Iterator[tuple[str, float | None, Mask]]:
    for level in settings.trimming:
        yield TRIMMING, level, (data.propensity >= level) & (data.propensity <= 1 - level)
    yield CRUMP, None, propensity["in_crump"].to_numpy(dtype=bool)


def _outcomes(
    trials: pd.DataFrame, data: Residuals, outcome: str, settings: EffectSettings
) -> Iterator[tuple[str, float | None, Array]]:
    levels = () if outcome == REDEEMED else settings.winsorising
    for level in levels:
        yield WINSORISING, level, np.minimum(data.y, np.quantile(data.y, level))
    yield WINSORISING, UNCAPPED, data.y
    for other in (name for name in SALES if name != SPEND):
        # Without weights of departments, weighted spend is spend.
        comparable = outcome in SALES and other in trials.columns and other != outcome
        if comparable and not trials[other].equals(trials[SPEND]):
            yield other, None, trials[other].to_numpy(dtype=float)


def _row(
    variation: str, level: float | None, estimator: tuple, data: Residuals, rows: Mask, confidence: float
) -> dict[str, object]:
    name, estimand, estimate_of = estimator
    estimate, se = (np.nan, np.nan) if obstacle(data, rows, least=FEWEST_HOUSEHOLDS) else estimate_of(data, rows)
    return {
        "variation": variation,
        "level": level,
        "estimator": name,
        "estimand": estimand,
        **interval(estimate, se, confidence),
        "n_trials": int(rows.sum()),
        "n_households": len(np.unique(data.households[rows])),
    }
