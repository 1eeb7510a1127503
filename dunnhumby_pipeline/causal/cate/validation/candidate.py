"""What is validated: the stack where it is in use; under one effect for all, the mean of two learners, as not chosen.

The mean chooses nothing by what it is judged by, so that its tests keep their size. Members and weights of a stack come
from all folds, and its tests alone would be too easy; that households differ is said only if the gate says so too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.causal_forest import CausalForest
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.stacking import Stack
from dunnhumby_pipeline.causal.cate.validation.sequential import sequential_fits
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import ALL_FOLDS, STACK
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]
Predict = Callable[[Array], Array]
MEAN_OF_LEARNERS = "mean_of_learners"
_PANEL = (RLearner.name, CausalForest.name)


@dataclass(frozen=True)
class Candidate:
    """What is validated: the model called `name`, whether it is the chosen one, and its effects (n,): `effect` by fits
    to the other folds, `sequential` by fits to earlier folds, NaN in the first and where too few came before."""

    name: str
    chosen: bool
    effect: Array
    sequential: Array


def candidate(
    scoreboard: pd.DataFrame,
    by_model: Mapping[str, Array],
    x: Array,
    data: Residuals,
    settings: CateSettings,
    seed: int,
) -> tuple[Candidate, Predict]:
    """The candidate, and its effects at other covariates by the fit to all folds but the last.

    `scoreboard` is the table cate_scoreboard, `by_model` the effects (n,) out of fold as the models themselves give
    them: a calibration may have shrunk them to one effect for all.
    """
    whole = scoreboard.loc[scoreboard["fold"] == ALL_FOLDS].set_index("model")
    chosen = bool(whole["chosen"].get(STACK, False))
    panel = [name for name in _PANEL if name in by_model]
    weights = whole["weight"].dropna().to_dict() if chosen else dict.fromkeys(panel, 1 / max(len(panel), 1))

    def made() -> Learner:
        return Stack.of(weights, settings, seed) if weights else Constant()

    sequential, last = sequential_fits(made, x, data, settings.max_trials, seed)
    effect = by_model[STACK] if chosen else sum((weights[name] * by_model[name] for name in panel), np.zeros(len(x)))
    known = last or Constant().fit(x, data)
    return Candidate(STACK if chosen else MEAN_OF_LEARNERS, chosen, effect, sequential), known.predict
