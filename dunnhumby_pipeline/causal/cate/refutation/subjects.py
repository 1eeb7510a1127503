"""What is refuted: the average effect, and the whole search for effects that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.causal.cate.power.tests import Draw, against_constant, follows_prediction
from dunnhumby_pipeline.causal.cate.reduced import Reduced
from dunnhumby_pipeline.causal.cate.refutation.replicas import Trials
from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals


@dataclass(frozen=True)
class Answer:
    """What is found in a set of trials. `average`, `se`: the overlap-weighted effect in the outcome's unit.
    `gain_in_se`: the ensemble's gain over one effect for all in its standard errors; `proven`: whether gate and BLP, or
    the gate alone where no BLP is carried out, say that effects differ.
    """

    average: float
    se: float
    gain_in_se: float
    proven: bool


# How the search for effects that differ looks at trials: what it says of each, fitted anew.
Search = Callable[[Trials], Draw]


def reduced_search(trials: Trials) -> Draw:
    """The reduced procedure, on these trials."""
    found = Reduced(trials.x, trials.data).find(trials.data.outcome_residual[:, None])
    return Draw(trials.data, found.effect[:, 0], found.constant[:, 0], found.sequential[:, 0])


def answer(trials: Trials, search: Search, gain_in_se: float) -> Answer:
    """The average effect and the verdict of the search; `gain_in_se` as the gate has it."""
    average, se = average_of(trials.data)
    draw = search(trials)
    compared = against_constant(draw, gain_in_se)
    gain = compared.gain / compared.se if compared.se > 0 else 0.0
    proven = compared.passed and (not np.isfinite(draw.sequential).any() or follows_prediction(draw))
    return Answer(average, se, gain, proven)


def average_of(data: Residuals) -> tuple[float, float]:
    """The overlap-weighted effect and its standard error."""
    return overlap_weighted(data, np.ones(len(data.y), dtype=bool))
