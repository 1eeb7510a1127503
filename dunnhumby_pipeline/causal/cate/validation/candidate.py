"""What is validated: the chosen model; where that is one effect for all, the mean of the learners, as not chosen.

The mean chooses nothing among the learners, so that its tests keep their size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, CONSTANT
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]
MEAN_OF_LEARNERS = "mean_of_learners"


@dataclass(frozen=True)
class Candidate:
    """What is validated: the model called `name`, whether it is the chosen one, and its effects (n,): `effect` by fits
    to the other folds, `sequential` by fits to earlier folds, NaN in the first."""

    name: str
    chosen: bool
    effect: Array
    sequential: Array


def candidate(
    models: pd.DataFrame, by_model: Mapping[str, Array], x: Array, data: Residuals, settings: CateSettings, seed: int
) -> tuple[Candidate, Predict]:
    """The candidate, and its effects at other covariates by the fit to all folds but the last.

    `models` is the table of scores, `by_model` the effects (n,) out of fold.
    """
    chosen = str(models.loc[(models["fold"] == ALL_FOLDS) & models["chosen"].astype(bool), "model"].iloc[0])
    ranking = chosen != CONSTANT
    members = [chosen] if ranking else [name for name in by_model if not LEARNERS[name].is_constant]
    sequential = np.full(len(x), np.nan)
    fitted: list[Learner] = []
    for fold in np.unique(data.folds)[1:]:
        train, held_out = data.folds < fold, data.folds == fold
        known = subset(data, train)
        fitted = [LEARNERS[name].from_settings(settings, seed).fit(x[train], known) for name in members]
        sequential[held_out] = _mean(fitted, x[held_out])
    effect = np.mean([by_model[name] for name in members], axis=0)
    name = chosen if ranking else MEAN_OF_LEARNERS
    return Candidate(name, ranking, effect, sequential), lambda new: _mean(fitted, new)


def _mean(learners: list[Learner], x: Array) -> Array:
    return np.mean([learner.predict(x) for learner in learners], axis=0)
