"""Effects per row of any table: from covariates, treatment and outcome to estimates, their scoreboard and averages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.inputs import Inputs, read_inputs, select, settings_of
from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.selection import fit_cate
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw, overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
_OUTCOME = "outcome"


@dataclass(frozen=True)
class Estimate:
    """Effects of n rows, in units of the outcome.

    `effect`, `lower`, `upper` (n,): out of fold, one per row; ends are NaN where there is no honest interval.
    `interval_of`: whose effect the intervals cover, "average", "household" (that of rows with such covariates) or
    "line" (their place on the best line through all effects); None where there is none. `chosen`: the model,
    "constant" or "stack". `scoreboard`: every model and fold with losses, gain over the constant, calibration and
    weight in the stack; `reason` says why a learner was left out. `average`:
    estimand (ATE, ATO), estimate, se, lower, upper. `notes`: what was left out or capped, in words. `columns`: all
    columns of X; `used`: those that vary. `model`: the chosen one, fitted to all rows.
    """

    effect: Array
    lower: Array
    upper: Array
    interval_of: str | None
    chosen: str
    scoreboard: pd.DataFrame
    average: pd.DataFrame
    notes: tuple[str, ...]
    columns: tuple[str, ...]
    used: tuple[str, ...]
    confidence: float
    model: Learner

    def predict(self, X: Any) -> Array:
        """Effect (m,) at new covariates (m, p). Raises InputError when its columns are others."""
        return self.model.predict(select(X, self.used, self.columns))

    def interval(self, X: Any) -> tuple[Array, Array]:
        """Lower and upper ends, (m,) each; NaN where there is no honest interval."""
        x = select(X, self.used, self.columns)
        found = self.model.interval(x, self.confidence)
        return (np.full(len(x), np.nan), np.full(len(x), np.nan)) if found is None else found


def estimate(
    X: Any,
    treatment: Any,
    outcome: Any,
    groups: Any = None,
    campaigns: Any = None,
    settings: Settings | Mapping[str, Any] | None = None,
) -> Estimate:
    """Estimate the effect of a treatment, 0 or 1, on an outcome for every row of a table.

    `X` (n, p): an array, or a frame of numbers. `treatment`, `outcome` (n,). `groups` (n,): what folds and errors keep
    together, such as the household; each row is its own where there are none. `campaigns` (n,): strata that folds
    spread evenly. `settings`: of a study (the sections nuisance and cate, confidence and seed count here), or a mapping
    of those to change.

    Propensity and outcome means are cross-fitted, learners of the effect fitted out of fold on nuisances nested in the
    folds, calibrated, stacked, and the stack is used where it beats one effect for all (see `fit_cate`). Models of
    propensity and means are fitted to at most nuisance.max_trials rows, those of the effect to at most cate.max_trials,
    drawn by group; all rows get effects. Raises InputError for missing,
    infinite or non-numeric values, a treatment that is not 0 or 1, arms with too few groups, and lengths that differ.
    """
    own = settings_of(settings)
    inputs = read_inputs(X, treatment, outcome, groups, campaigns, own.nuisance)
    trials = pd.DataFrame(
        {
            "household_key": inputs.groups,
            "campaign": inputs.campaigns,
            "treated": inputs.treated,
            _OUTCOME: inputs.outcome,
        }
    )
    fitted = cross_fit(trials, inputs.x, own.nuisance, own.seed_for("nuisances"), [_OUTCOME])
    data = residuals(trials, fitted.nuisances, _OUTCOME)
    found = fit_cate(trials, inputs.x, data, own.cate, own.confidence, own.seed_for("cate"), own.nuisance)
    rows, whose = found.estimates, found.estimates["interval_of"].dropna()
    return Estimate(
        effect=rows["cate"].to_numpy(dtype=float),
        lower=rows["cate_lower"].to_numpy(dtype=float),
        upper=rows["cate_upper"].to_numpy(dtype=float),
        interval_of=str(whose.iloc[0]) if len(whose) else None,
        chosen=found.chosen,
        scoreboard=found.scoreboard,
        average=_averages(data, own.confidence),
        notes=tuple(_notes(inputs, fitted.nuisances, own)),
        columns=inputs.columns,
        used=inputs.used,
        confidence=own.confidence,
        model=found.final,
    )


def _averages(data: Residuals, confidence: float) -> pd.DataFrame:
    """ATE by AIPW and ATO by overlap weights, with intervals clustered by group."""
    everyone, reach = np.ones(len(data.y), dtype=bool), normal_quantile(confidence)
    rows = [("ATE", *aipw(data, everyone)), ("ATO", *overlap_weighted(data, everyone))]
    found = pd.DataFrame(rows, columns=["estimand", "estimate", "se"])
    half = reach * found["se"]
    return found.assign(lower=found["estimate"] - half, upper=found["estimate"] + half)


def _notes(inputs: Inputs, nuisances: pd.DataFrame, settings: Settings) -> Iterator[str]:
    n, bound = len(inputs.x), settings.nuisance.propensity_bound
    flat = [name for name in inputs.columns if name not in inputs.used]
    if flat:
        yield f"columns left out, as they do not vary: {', '.join(flat)}"
    fitted = {
        "each model": ("nuisance", settings.nuisance.max_trials),
        "each model of the effect": ("cate", settings.cate.max_trials),
    }
    for models, (section, most) in fitted.items():
        if n > most:
            yield f"{models} is fitted to at most {most:,} of {n:,} rows ({section}.max_trials), drawn by group"
    n_bounded = int(nuisances["propensity_bounded"].sum())
    if n_bounded:
        yield f"{n_bounded:,} propensities were kept {bound:g} from 0 and 1 (nuisance.propensity_bound)"
