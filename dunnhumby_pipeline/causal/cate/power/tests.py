"""The tests of effects that differ, as the study carries them out, for one draw of a plasmode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.gate import Gate, gate, r_loss
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.sequential import by_fold
from dunnhumby_pipeline.causal.cate.validation.targeting_curve import autoc
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]

# "Proven" is what the study calls it: gate and BLP together.
GATE, BLP, AUTOC, PROVEN = "gate", "blp", "autoc", "proven"
LEVEL = 0.05


@dataclass(frozen=True)
class Draw:
    """One draw: trials with their nuisances, and what a procedure says of them, each (n,)."""

    data: Residuals
    effect: Array
    constant: Array
    sequential: Array


Test = Callable[[Draw], bool]


def beats_constant(draw: Draw, gain_in_se: float) -> bool:
    """The gate: whether the ensemble's R-loss is below that of one effect for all by so many standard errors."""
    return against_constant(draw, gain_in_se).passed


def against_constant(draw: Draw, gain_in_se: float) -> Gate:
    """The ensemble's gain over one effect for all, and whether it passes the gate."""
    constant, other = (r_loss(draw.data, effect) for effect in (draw.constant, draw.effect))
    return gate(constant, other, draw.data.households, gain_in_se)


def follows_prediction(draw: Draw) -> bool:
    """BLP: whether the effect rises with its prediction, fold by fold in sequence, one-sided at 5 %."""
    return by_fold(best_linear_predictor, draw.data, draw.sequential).p < LEVEL


def ranks(draw: Draw) -> bool:
    """AUTOC: whether those first in order respond more, fold by fold in sequence, one-sided at 5 %."""
    return by_fold(autoc, draw.data, draw.sequential).p < LEVEL


def study_tests(gain_in_se: float) -> dict[str, Test]:
    """The study's tests by name; `gain_in_se` as the gate has it. "Proven" is not among them: see `outcomes`."""
    return {GATE: lambda draw: beats_constant(draw, gain_in_se), BLP: follows_prediction, AUTOC: ranks}


def outcomes(draw: Draw, tests: Mapping[str, Test]) -> dict[str, bool]:
    """Which tests find differences, and where gate and BLP are among them, whether both do: what is called proven."""
    found = {name: bool(test(draw)) for name, test in tests.items()}
    return found | ({PROVEN: found[GATE] and found[BLP]} if {GATE, BLP} <= set(found) else {})
