"""Whether effects vary, and by which model: an ensemble of calibrated candidates against one effect for all.

Every learner is fitted out of fold on nested nuisances, calibrated by R-stacking, and the best are stacked. The stack,
one ensemble whatever it holds, must beat the constant by `gain_in_se` standard errors of their paired R-losses: most
models of effects are worse than a constant, and the lowest of several noisy losses is often below it by chance.

One model serves all trials and new households alike. Each trial's estimate is still by models, calibrations and
weights that have not seen its household. The AIPW scores, by which policies are valued, have no part in the choice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.candidates import Candidates, out_of_fold
from dunnhumby_pipeline.causal.cate.gate import dr_loss, gate, r_loss
from dunnhumby_pipeline.causal.cate.learners.base import Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.stacking import Stack, Stacked, stacked
from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_NEED, LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.causal.nuisance.nested import Nested, nested_nuisances
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT, STACK, TRIAL_KEY
from dunnhumby_pipeline.settings import CateSettings, NuisanceSettings

Array = NDArray[np.float64]
_SCORES = ("r_loss", "dr_loss", "gain_over_constant", "gain_se", "dr_gain", "dr_gain_se")
SCOREBOARD = ("model", "fold", *_SCORES, "calibration", "weight", "chosen", "reason")


@dataclass(frozen=True)
class CateFit:
    """`scoreboard`: one row per model and fold. `estimates`: out of fold by what was chosen, one row per trial.
    `by_model`: out of fold by every model, one row per trial and model. `chosen`: CONSTANT or STACK; `final`: that
    model fitted to all trials, or to as many households as `cate.max_trials` allows.
    """

    scoreboard: pd.DataFrame
    estimates: pd.DataFrame
    by_model: pd.DataFrame
    chosen: str
    final: Learner


def fit_cate(
    trials: pd.DataFrame,
    x: Array,
    data: Residuals,
    settings: CateSettings,
    confidence: float,
    seed: int,
    nuisance: NuisanceSettings | None = None,
    nested: Nested | None = None,
    without: Collection[str] = (),
) -> CateFit:
    """Fit every learner out of fold, calibrate, stack, choose, and estimate each trial's effect.

    `nested` are the nuisances of training trials where they are known already; otherwise they are fitted. `nuisance`
    has the size of the fits (its defaults when None). Learners named in `without` are left to the certificate.

    `estimates`: household_key, campaign, cate, cate_lower, cate_upper, interval_of (whose effect the interval covers:
    average or household; all three null where the model has no interval), fold, model.
    `by_model`: household_key, campaign, model, fold, cate (calibrated), cate_uncalibrated.
    `scoreboard`: model, fold (-1: all), r_loss and dr_loss (of the calibrated effects), gain_over_constant (positive is
    better) and gain_se in R-loss, dr_gain and dr_gain_se, calibration, weight, chosen, reason (why a learner that
    could not be fitted was left out). Raises FoldsError when folds are too small to nest nuisances in.
    """
    sizes = nuisance or NuisanceSettings()
    campaigns = trials["campaign"].to_numpy()
    known = nested_nuisances(x, data, sizes, seed, campaigns) if nested is None else nested
    candidates = out_of_fold(x, data, known, settings, confidence, seed, without)
    found = stacked(data, candidates.level, candidates.deviations(), settings.n_stacked, ALL_FOLDS)
    losses = r_loss(data, candidates.level), r_loss(data, found.effect)
    passed = gate(*losses, data.households, settings.gain_in_se).passed
    chosen = STACK if passed else CONSTANT
    final = Stack.of(found.weights[ALL_FOLDS], settings, seed) if passed else Constant()
    everyone = np.ones(len(x), dtype=bool)
    rows = drawn(everyone, data.households, settings.max_trials, seed)
    key = trials[TRIAL_KEY].reset_index(drop=True)
    return CateFit(
        pd.DataFrame(_scores(data, candidates, found, chosen)).astype({"reason": "str"}),
        _estimates(key, data, candidates, found, passed),
        _by_model(key, data, candidates, found),
        chosen,
        final.fit(x, data, rows) if isinstance(final, Stack) else final.fit(x, data),
    )


def _estimates(
    key: pd.DataFrame, data: Residuals, candidates: Candidates, found: Stacked, passed: bool
) -> pd.DataFrame:
    nothing = np.full(len(key), np.nan)
    kind: type[Learner] = Stack if passed else Constant
    cate, (lower, upper) = (found.effect, (nothing, nothing)) if passed else (candidates.level, candidates.level_ends)
    frame = key.assign(cate=cate, cate_lower=lower, cate_upper=upper)
    return frame.assign(interval_of=_of(kind, frame["cate_lower"]), fold=data.folds, model=kind.name)


def _of(learner: Learner | type[Learner], lower: pd.Series) -> pd.Series:
    """Whose effect the intervals cover whose lower ends are given; null where there is none."""
    return pd.Series(learner.interval_of, index=lower.index, dtype="str").where(lower.notna())


def _ends(model: Learner, x: Array, confidence: float) -> Interval:
    """The model's interval, of nulls where it has none."""
    found = model.interval(x, confidence)
    return (np.full(len(x), np.nan), np.full(len(x), np.nan)) if found is None else found


def _effects(candidates: Candidates, found: Stacked) -> dict[str, Array]:
    """Effects (n,) out of fold by model: the constant, every calibrated candidate, the stack."""
    return {CONSTANT: candidates.level, **found.calibrated, STACK: found.effect}


def _by_model(key: pd.DataFrame, data: Residuals, candidates: Candidates, found: Stacked) -> pd.DataFrame:
    parts = [
        key.assign(model=name, fold=data.folds, cate=effect, cate_uncalibrated=candidates.effects.get(name, effect))
        for name, effect in _effects(candidates, found).items()
    ]
    return pd.concat(parts, ignore_index=True)


def _scores(data: Residuals, candidates: Candidates, found: Stacked, chosen: str) -> Iterator[dict[str, object]]:
    effects = _effects(candidates, found)
    losses = {name: (r_loss(data, effect), dr_loss(data, effect)) for name, effect in effects.items()}
    for fold in (ALL_FOLDS, *np.unique(data.folds).tolist()):
        rows = np.ones(len(data.y), dtype=bool) if fold == ALL_FOLDS else data.folds == fold
        for name, own in losses.items():
            by_r, by_dr = (
                gate(constant[rows], loss[rows], data.households[rows], 0.0)
                for constant, loss in zip(losses[CONSTANT], own, strict=True)
            )
            yield {
                "model": name,
                "fold": fold,
                "r_loss": float(own[0][rows].mean()),
                "dr_loss": float(own[1][rows].mean()),
                "gain_over_constant": by_r.gain,
                "gain_se": by_r.se,
                "dr_gain": by_dr.gain,
                "dr_gain_se": by_dr.se,
                "calibration": _value(found.slopes[fold], name),
                "weight": _value(found.weights[fold], name),
                "chosen": name == chosen,
                "reason": None,
            }
    for name, reason in candidates.left_out.items():
        unknown = dict.fromkeys((*_SCORES, "calibration", "weight"), np.nan)
        yield {"model": name, "fold": ALL_FOLDS, **unknown, "chosen": False, "reason": reason}


def _value(values: Mapping[str, float], name: str) -> float:
    return values.get(name, np.nan)


def household_effects(
    today: pd.DataFrame, new: Array, propensity: Array, final: Learner, confidence: float
) -> pd.DataFrame:
    """Effect and `propensity` (m,) of households as of the last day, from models fitted to all trials; `new` (m, p)
    are the covariates of `today`.

    Columns: household_key, cate, cate_lower, cate_upper ($), interval_of, propensity, received_before,
    lookback_segment, lookback_need.
    """
    lower, upper = _ends(final, new, confidence)
    kept = today[["household_key", "received_before", LOOK_BACK_SEGMENT, LOOK_BACK_NEED]].reset_index(drop=True)
    found = kept.assign(cate=final.predict(new), cate_lower=lower, cate_upper=upper)
    return found.assign(interval_of=_of(final, found["cate_lower"]), propensity=propensity)
