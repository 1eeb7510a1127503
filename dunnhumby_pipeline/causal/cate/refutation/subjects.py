"""What is refuted: the average effect, and the whole search for effects that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dunnhumby_pipeline.causal.cate.gate import gate, r_loss
from dunnhumby_pipeline.causal.cate.power.tests import BLP, GATE, PROVEN, Draw, outcomes, study_tests
from dunnhumby_pipeline.causal.cate.reduced import Reduced
from dunnhumby_pipeline.causal.cate.refutation.replicas import Trials
from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals


@dataclass(frozen=True)
class Answer:
    """What is found in a set of trials. `average`, `se`: the overlap-weighted effect in the outcome's unit.
    `gain_in_se`: the ensemble's gain over one effect for all in its standard errors; `proven`: whether gate and BLP
    say that effects differ.
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
    losses = (r_loss(draw.data, effect) for effect in (draw.constant, draw.effect))
    compared = gate(*losses, draw.data.households, gain_in_se)
    tests = {name: test for name, test in study_tests(gain_in_se).items() if name in (GATE, BLP)}
    gain = compared.gain / compared.se if compared.se > 0 else 0.0
    return Answer(average, se, gain, outcomes(draw, tests)[PROVEN])


def average_of(data: Residuals) -> tuple[float, float]:
    """The overlap-weighted effect and its standard error."""
    return overlap_weighted(data, np.ones(len(data.y), dtype=bool))
