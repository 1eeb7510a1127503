"""Candidates on equal terms, and a stack of the best: R-stacking (Nie & Wager 2021, section 4.2).

Effects are ATO + sum of w (effect of a learner - its mean), with weights w >= 0 of least R-loss: bold learners are
shrunk and timid ones stretched, and a learner whose differences are noise counts for nothing. The weights that judge
a fold come from the other folds, as the effects do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from dunnhumby_pipeline.causal.cate.candidates import overlap_mean
from dunnhumby_pipeline.causal.cate.learners.base import Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.registry import DEAR, LEARNERS
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import STACK
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Weights = dict[str, float]


def calibration(data: Residuals, level: Array, deviation: Array, rows: Mask) -> float:
    """The b >= 0 of least R-loss over `rows` (n,) when effects are level + b deviation, both (n,)."""
    along = (data.treatment_residual * deviation)[rows]
    left = (data.outcome_residual - level * data.treatment_residual)[rows]
    spread = float(along @ along)
    return max(0.0, float(along @ left) / spread) if spread > 0 else 0.0


def stack_weights(
    data: Residuals, level: Array, deviations: Mapping[str, Array], rows: Mask, n_members: int
) -> Weights:
    """Weights >= 0 of least R-loss over `rows` (n,) of the `n_members` that, calibrated, have the least themselves.

    Of all candidates; 0 for those that are not among them.
    """
    rt = data.treatment_residual[rows]
    left = data.outcome_residual[rows] - level[rows] * rt
    weights = dict.fromkeys(deviations, 0.0)
    gains = {}
    for name, deviation in deviations.items():
        along = rt * deviation[rows]
        gains[name] = calibration(data, level, deviation, rows) * float(along @ left)
    best = [name for name in sorted(gains, key=lambda name: -gains[name])[:n_members] if gains[name] > 0]
    if best:
        design = np.column_stack([rt * deviations[name][rows] for name in best])
        scale = np.sqrt((design**2).mean(axis=0))
        found, _ = optimize.nnls(design / scale, left)
        weights |= {name: float(own) for name, own in zip(best, found / scale, strict=True)}
    return weights


@dataclass(frozen=True)
class Stacked:
    """Out of fold: the `calibrated` effects (n,) by learner and the `effect` (n,) of the stack. By fold, and over all
    (the key ALL_FOLDS, which the final stack has): the `slopes` b and the `weights` by learner."""

    calibrated: dict[str, Array]
    effect: Array
    slopes: dict[int, Weights]
    weights: dict[int, Weights]


def stacked(data: Residuals, level: Array, deviations: Mapping[str, Array], n_members: int, whole: int) -> Stacked:
    """Calibrate and stack candidates' `deviations` (n,) about the `level` (n,), each fold by slopes and weights of the
    others; those of all folds have the key `whole`."""
    calibrated = {name: level.copy() for name in deviations}
    effect = level.copy()
    slopes: dict[int, Weights] = {}
    weights: dict[int, Weights] = {}
    for fold in (*np.unique(data.folds).tolist(), whole):
        others = data.folds != fold
        slopes[fold] = {name: calibration(data, level, own, others) for name, own in deviations.items()}
        weights[fold] = stack_weights(data, level, deviations, others, n_members)
        for name, own in deviations.items():
            calibrated[name][~others] += slopes[fold][name] * own[~others]
            effect[~others] += weights[fold][name] * own[~others]
    return Stacked(calibrated, effect, slopes, weights)


@dataclass(eq=False)
class Stack(Learner):
    """ATO + sum of weights x (effect of a member - its overlap-weighted mean over the trials it is fitted to).

    `members`: name and parameters of each learner; `weights` (m,) >= 0. No interval: the spread of members or of
    refits on half of the households covers too much of some effects and too little of others (docs/methods.md).
    """

    name = STACK
    interval_of = None

    members: list[dict[str, Any]]
    weights: list[float]
    learners: list[Learner] = field(init=False)
    level: float = field(init=False)
    centres: Array = field(init=False)

    @classmethod
    def of(cls, weights: Mapping[str, float], settings: CateSettings, seed: int) -> Stack:
        """The stack of the learners whose weight is not 0, as the settings have them."""
        # Intervals of members are not used, so nothing is resampled for them.
        bare = settings.model_copy(update={"n_outcome_bootstraps": 0})
        kept = {name: weight for name, weight in weights.items() if weight > 0}
        made = [{"learner": name, "params": LEARNERS[name].from_settings(bare, seed).get_params()} for name in kept]
        return cls(made, list(kept.values()))

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> Stack:
        """All learners, each with the same weight."""
        varying = [name for name, kind in LEARNERS.items() if not kind.is_constant]
        return cls.of(dict.fromkeys(varying, 1 / len(varying)), settings, seed)

    def fit(self, x: Array, data: Residuals, rows: Mask | None = None) -> Stack:
        """Fit the members to the trials `rows` (n,), by default to all; their level is that of all in either case."""
        self.level = Constant().fit(x, data).effect
        if rows is not None and not rows.all():
            x, data = x[rows], subset(data, rows)
        self.learners = [learner.fit(x, data) for learner in self._unfitted()]
        self.centres = np.array([overlap_mean(learner.predict(x), data) for learner in self.learners])
        return self

    def predict(self, x: Array) -> Array:
        effect = np.full(len(x), self.level)
        for learner, weight, centre in zip(self.learners, self.weights, self.centres, strict=True):
            effect += weight * (learner.predict(x) - centre)
        return effect

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        own: Arrays = {"level": np.array(self.level), "centres": self.centres}
        for number, learner in enumerate(self.learners):
            own |= {f"member{number}_{name}": value for name, value in learner.arrays().items()}
        return own

    def restore(self, arrays: Arrays) -> Stack:
        self.level, self.centres = float(arrays["level"]), arrays["centres"]
        self.learners = []
        for number, learner in enumerate(self._unfitted()):
            prefix = f"member{number}_"
            own = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
            self.learners.append(learner.restore(own))
        return self

    def _unfitted(self) -> list[Learner]:
        known = {**LEARNERS, **DEAR}
        return [known[member["learner"]](**member["params"]) for member in self.members]
