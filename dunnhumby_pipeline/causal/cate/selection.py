"""Which model of the effect to believe: out-of-fold R-loss, with the constant always a candidate.

A model that is not constant must beat the constant by `gain_in_se` standard errors (the one-standard-
error rule of Breiman et al. 1984): most models of effects are worse than a constant, and the lowest of
several noisy losses is often below it by chance.

One model serves all trials and new households alike: the one that did best over all folds. Models chosen fold by
fold would mix effects of different scales, and none of them would be the one that the list is made with. Each trial's
estimate is still by a fit that has not seen its household. The choice has seen its loss: one choice among a handful
of models by a mean over all trials, which must beat the constant by more than its error, and which the AIPW scores,
by which policies are valued, have no part in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, TRIAL_KEY
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CateFit:
    """`models`: the score table. `estimates`: out-of-fold by the chosen model, one row per trial. `by_model`:
    out-of-fold by every model, one row per trial and model. `chosen`: the model's name; `final`: that model fitted to
    all trials.
    """

    models: pd.DataFrame
    estimates: pd.DataFrame
    by_model: pd.DataFrame
    chosen: str
    final: Learner


def r_loss(data: Residuals, effect: Array) -> Array:
    """Loss of each trial, (ry - effect rt)^2, in squared units of the outcome (Nie & Wager 2021)."""
    return (data.outcome_residual - effect * data.treatment_residual) ** 2


def fit_cate(
    trials: pd.DataFrame, x: Array, data: Residuals, settings: CateSettings, confidence: float, seed: int
) -> CateFit:
    """Fit every learner out of fold, score them, choose, and estimate each trial's effect with its interval.

    `estimates`: household_key, campaign, cate, cate_lower, cate_upper, interval_of (whose effect the interval covers:
    average or household; all three null where the model has no interval), fold, model.
    `by_model`: household_key, campaign, model, fold, cate. `models`: model, fold (-1: all), r_loss,
    gain_over_constant (positive is better), gain_se, chosen.
    """
    fitted, effects = _out_of_fold(x, data, settings, seed)
    losses = {name: r_loss(data, effect) for name, effect in effects.items()}
    constant = next(name for name, learner in LEARNERS.items() if learner.is_constant)
    everyone = np.ones(len(trials), dtype=bool)
    chosen = choose(losses, constant, everyone, data.households, settings.gain_in_se)
    estimates = (
        trials[TRIAL_KEY].reset_index(drop=True).assign(cate=effects[chosen], cate_lower=np.nan, cate_upper=np.nan)
    )
    for fold in np.unique(data.folds):
        held_out, train = data.folds == fold, data.folds != fold
        model = fitted.get((chosen, int(fold)))
        if model is None:
            model = LEARNERS[chosen].from_settings(settings, seed).fit(x[train], subset(data, train))
        ends = _ends(model, x[held_out], confidence)
        # Effects known from the shared nuisances are medians of several fits: the interval of one fit, about them.
        moved = effects[chosen][held_out] - model.predict(x[held_out])
        estimates.loc[held_out, ["cate_lower", "cate_upper"]] = np.column_stack([end + moved for end in ends])
    whose = _of(LEARNERS[chosen], estimates["cate_lower"])
    estimates = estimates.assign(interval_of=whose, fold=data.folds, model=chosen)
    final = LEARNERS[chosen].from_settings(settings, seed).fit(x, data)
    table = _score_table(losses, constant, data, chosen)
    return CateFit(table, estimates, _by_model(trials, data, effects), chosen, final)


def _of(learner: Learner | type[Learner], lower: pd.Series) -> pd.Series:
    """Whose effect the intervals cover whose lower ends are given; null where there is none."""
    return pd.Series(learner.interval_of, index=lower.index, dtype="str").where(lower.notna())


def _out_of_fold(
    x: Array, data: Residuals, settings: CateSettings, seed: int
) -> tuple[dict[tuple[str, int], Learner], dict[str, Array]]:
    """Learners by name and the fold that they have not seen, and the effects (n,) of all learners out of fold."""
    fitted: dict[tuple[str, int], Learner] = {}
    effects: dict[str, Array] = {}
    for name, learner in LEARNERS.items():
        known = learner.out_of_fold(data)
        effects[name] = np.empty(len(x)) if known is None else known
        for fold in np.unique(data.folds) if known is None else ():
            train = data.folds != fold
            fitted[name, int(fold)] = learner.from_settings(settings, seed).fit(x[train], subset(data, train))
            effects[name][~train] = fitted[name, int(fold)].predict(x[~train])
    return fitted, effects


def _ends(model: Learner, x: Array, confidence: float) -> Interval:
    """The model's interval, of nulls where it has none."""
    found = model.interval(x, confidence)
    return (np.full(len(x), np.nan), np.full(len(x), np.nan)) if found is None else found


def _by_model(trials: pd.DataFrame, data: Residuals, effects: dict[str, Array]) -> pd.DataFrame:
    key = trials[TRIAL_KEY].reset_index(drop=True)
    parts = [key.assign(model=name, fold=data.folds, cate=effect) for name, effect in effects.items()]
    return pd.concat(parts, ignore_index=True)


def household_effects(
    today: pd.DataFrame, new: Array, propensity: Array, final: Learner, confidence: float
) -> pd.DataFrame:
    """Effect and `propensity` (m,) of households as of the last day, from models fitted to all trials; `new` (m, p)
    are the covariates of `today`.

    Columns: household_key, cate, cate_lower, cate_upper ($), interval_of, propensity, received_before,
    lookback_segment.
    """
    lower, upper = _ends(final, new, confidence)
    kept = today[["household_key", "received_before", LOOK_BACK_SEGMENT]].reset_index(drop=True)
    found = kept.assign(cate=final.predict(new), cate_lower=lower, cate_upper=upper)
    return found.assign(interval_of=_of(final, found["cate_lower"]), propensity=propensity)


def choose(
    losses: dict[str, Array], constant: str, rows: NDArray[np.bool_], households: NDArray[np.int64], gain_in_se: float
) -> str:
    """The model with the lowest mean loss over `rows` among those that beat that called `constant` by `gain_in_se`
    household-clustered standard errors; the constant when none does."""
    best, lowest = constant, float(losses[constant][rows].mean())
    for name, loss in losses.items():
        gain, se = _gain(losses[constant][rows], loss[rows], households[rows])
        mean = float(loss[rows].mean())
        if name != constant and mean < lowest and gain > gain_in_se * se:
            best, lowest = name, mean
    return best


def _gain(constant: Array, loss: Array, households: NDArray[np.int64]) -> tuple[float, float]:
    gain = constant - loss
    return float(gain.mean()), clustered_se(gain - gain.mean(), households)


def _score_table(losses: dict[str, Array], constant: str, data: Residuals, chosen: str) -> pd.DataFrame:
    rows = []
    for fold in (ALL_FOLDS, *np.unique(data.folds)):
        scored = np.ones(len(data.y), dtype=bool) if fold == ALL_FOLDS else data.folds == fold
        for name, loss in losses.items():
            gain, gain_se = _gain(losses[constant][scored], loss[scored], data.households[scored])
            rows.append(
                {
                    "model": name,
                    "fold": int(fold),
                    "r_loss": float(loss[scored].mean()),
                    "gain_over_constant": gain,
                    "gain_se": gain_se,
                    "chosen": name == chosen,
                }
            )
    return pd.DataFrame(rows)
