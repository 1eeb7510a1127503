"""Whether effects that vary predict better than one effect for all: one paired, clustered test of one ensemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import clustered_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals

Array = NDArray[np.float64]


def r_loss(data: Residuals, effect: Array) -> Array:
    """Loss of each trial, (ry - effect rt)^2, in squared units of the outcome (Nie & Wager 2021)."""
    return (data.outcome_residual - effect * data.treatment_residual) ** 2


def dr_loss(data: Residuals, effect: Array) -> Array:
    """Loss of each trial, w (score - effect)^2 with w = e (1 - e) over its mean, in squared units of the outcome."""
    weight = data.propensity * (1 - data.propensity)
    return weight / weight.mean() * (data.scores - effect) ** 2


@dataclass(frozen=True)
class Gate:
    """`gain`: mean loss of the constant minus that of the other; `se`: its standard error, clustered by household."""

    gain: float
    se: float
    passed: bool


def gate(constant: Array, other: Array, households: NDArray[np.int64], gain_in_se: float) -> Gate:
    """Compare the losses (n,) of one effect for all with those of effects that vary, trial by trial.

    Passed when the mean difference is positive and exceeds `gain_in_se` of its standard errors: a one-sided test of
    paired losses (Diebold & Mariano 1995) with errors clustered by household. A single comparison, however many
    models the ensemble draws on.
    """
    difference = constant - other
    gain = float(difference.mean())
    se = clustered_se(difference - gain, households)
    return Gate(gain, se, bool(gain > 0 and gain > gain_in_se * se))
