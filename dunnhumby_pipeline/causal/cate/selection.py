"""Which model of the effect to believe: out-of-fold R-loss, with the constant always a candidate.

A model that is not constant must beat the constant by `gain_in_se` standard errors (the one-standard-
error rule of Breiman et al. 1984): most models of effects are worse than a constant, and the lowest of
several noisy losses is often below it by chance.

Trials of a fold get the model that did best on the other folds, so that the estimates later valued on
a fold were not chosen by its losses (it did help to train the models compared there). New households
get the model that did best on all folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners import LEARNERS, FittedEffect, subset
from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.design.matrix import DesignMatrix
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se, normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, fit_propensity
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT, TRIAL_KEY
from dunnhumby_pipeline.settings import CateSettings, Settings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CateFit:
    """`models`: the score table. `estimates`: out-of-fold, one row a trial. `chosen`: the model's name;
    `final`: that model fitted to all trials."""

    models: pd.DataFrame
    estimates: pd.DataFrame
    chosen: str
    final: FittedEffect


def r_loss(data: Residuals, effect: Array) -> Array:
    """Loss of each trial, (ry - effect rt)^2, in squared units of the outcome (Nie & Wager 2021)."""
    return (data.outcome_residual - effect * data.treatment_residual) ** 2


def fit_cate(
    trials: pd.DataFrame, x: Array, data: Residuals, settings: CateSettings, confidence: float, seed: int
) -> CateFit:
    """Fit every learner out of fold, score them, choose, and estimate each trial's effect with its interval.

    `estimates`: household_key, campaign, cate, cate_lower, cate_upper, fold, model. `models`: model, fold
    (-1: all), r_loss, gain_over_constant (positive is better), gain_se, chosen.
    """
    folds = np.unique(data.folds)
    fitted = {
        (name, fold): learn(x[data.folds != fold], subset(data, data.folds != fold), settings, seed)
        for name, learn in LEARNERS.items()
        if name != "t_learner"
        for fold in folds
    }
    # The T-learner's out-of-fold effect is what the shared nuisances already say.
    effects = {name: np.empty(len(trials)) for name in LEARNERS} | {"t_learner": data.mu1 - data.mu0}
    for (name, fold), model in fitted.items():
        held_out = data.folds == fold
        effects[name][held_out] = model.effect(x[held_out])
    losses = {name: r_loss(data, effect) for name, effect in effects.items()}
    everyone = np.ones(len(trials), dtype=bool)
    chosen = choose(losses, everyone, data.households, settings.gain_in_se)
    chosen_by_fold = {
        int(fold): choose(losses, data.folds != fold, data.households, settings.gain_in_se) for fold in folds
    }
    quantile = normal_quantile(confidence)
    parts = []
    for fold, name in chosen_by_fold.items():
        held_out, train = data.folds == fold, data.folds != fold
        model = fitted.get((name, fold)) or LEARNERS[name](x[train], subset(data, train), settings, seed)
        cate, se = effects[name][held_out], model.standard_error(x[held_out])
        parts.append(
            trials.loc[held_out, TRIAL_KEY].assign(
                cate=cate,
                cate_lower=cate - quantile * se,
                cate_upper=cate + quantile * se,
                fold=fold,
                model=name,
            )
        )
    estimates = pd.concat(parts).sort_index().reset_index(drop=True)
    table = _score_table(losses, data, chosen, chosen_by_fold)
    return CateFit(table, estimates, chosen, LEARNERS[chosen](x, data, settings, seed))


def household_effects(
    today: pd.DataFrame, design: DesignMatrix, x: Array, data: Residuals, fitted: CateFit, settings: Settings
) -> pd.DataFrame:
    """Effect and propensity of households as of the last day, from models fitted to all trials `x`.

    Columns: household_key, cate, cate_lower, cate_upper ($), propensity, received_before, lookback_segment.
    """
    new = design.apply(today)
    cate, se = fitted.final.effect(new), fitted.final.standard_error(new)
    half = normal_quantile(settings.confidence) * se
    propensity = fit_propensity(x, data.treated, settings.seed_for("nuisances")).probability(new)
    kept = today[["household_key", "received_before", LOOK_BACK_SEGMENT]].reset_index(drop=True)
    return kept.assign(cate=cate, cate_lower=cate - half, cate_upper=cate + half, propensity=propensity)


def choose(losses: dict[str, Array], rows: NDArray[np.bool_], households: NDArray[np.int64], gain_in_se: float) -> str:
    """The model with the lowest mean loss over `rows` among those that beat the constant by `gain_in_se`
    household-clustered standard errors; the constant when none does."""
    best, lowest = CONSTANT, float(losses[CONSTANT][rows].mean())
    for name, loss in losses.items():
        gain, se = _gain(losses[CONSTANT][rows], loss[rows], households[rows])
        mean = float(loss[rows].mean())
        if name != CONSTANT and mean < lowest and gain > gain_in_se * se:
            best, lowest = name, mean
    return best


def _gain(constant: Array, loss: Array, households: NDArray[np.int64]) -> tuple[float, float]:
    gain = constant - loss
    return float(gain.mean()), clustered_se(gain - gain.mean(), households)


def _score_table(
    losses: dict[str, Array], data: Residuals, chosen: str, chosen_by_fold: dict[int, str]
) -> pd.DataFrame:
    rows = []
    for fold in (ALL_FOLDS, *chosen_by_fold):
        scored = np.ones(len(data.y), dtype=bool) if fold == ALL_FOLDS else data.folds == fold
        for name, loss in losses.items():
            gain, gain_se = _gain(losses[CONSTANT][scored], loss[scored], data.households[scored])
            rows.append(
                {
                    "model": name,
                    "fold": int(fold),
                    "r_loss": float(loss[scored].mean()),
                    "gain_over_constant": gain,
                    "gain_se": gain_se,
                    "chosen": name == (chosen if fold == ALL_FOLDS else chosen_by_fold[fold]),
                }
            )
    return pd.DataFrame(rows)
