"""Candidates on equal terms, and a stack of the best: R-stacking (Nie & Wager 2021, section 4.2).

Effects are ATO + sum of w (effect of a learner - its mean), with w >= 0. Calibrated, bold learners are shrunk and
timid ones stretched, and a learner whose differences are noise counts for nothing. The stack takes the best of them by
weights of least R-loss that are drawn to equal parts: weights alone follow noise where effects are hard to see, and
equal parts alone waste a learner that is right where they are plain. The weights that judge a fold come from the
other folds, as the effects do.
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
_OUTWEIGHS = 1e4
# One-sided, 5 %.
_QUANTILE = 1.645


def calibration(data: Residuals, level: Array, deviation: Array, rows: Mask) -> float:
    """The b >= 0 of least R-loss over `rows` (n,) when effects are level + b deviation, both (n,)."""
    along = (data.treatment_residual * deviation)[rows]
    left = (data.outcome_residual - level * data.treatment_residual)[rows]
    spread = float(along @ along)
    return max(0.0, float(along @ left) / spread) if spread > 0 else 0.0


def stack_weights(
    data: Residuals, level: Array, deviations: Mapping[str, Array], rows: Mask, n_members: int
) -> Weights:
    """Weights >= 0, over `rows` (n,), of the `n_members` that, calibrated, have the least R-loss themselves.

    A member counts by its calibration, which stretches its differences only as far as that is proven (5 %, one-sided),
    times its share. Of all candidates; 0 for those that are not among them.
    """
    rt = data.treatment_residual[rows]
    left = data.outcome_residual[rows] - level[rows] * rt
    noise = float(np.sqrt((left**2).mean()))
    weights = dict.fromkeys(deviations, 0.0)
    slopes, gains = {}, {}
    for name, deviation in deviations.items():
        along = rt * deviation[rows]
        slope, spread = calibration(data, level, deviation, rows), float(np.sqrt(along @ along))
        proven = slope - _QUANTILE * noise / spread if spread > 0 else 0.0
        slopes[name], gains[name] = max(min(slope, 1.0), proven), slope * float(along @ left)
    best = [name for name in sorted(gains, key=lambda name: -gains[name])[:n_members] if gains[name] > 0]
    if best:
        members = np.column_stack([rt * slopes[name] * deviations[name][rows] for name in best])
        shares = _shares(members / noise, left / noise)
        weights |= {name: slopes[name] * float(share) for name, share in zip(best, shares, strict=True)}
    return weights


def _shares(members: Array, left: Array) -> Array:
    """Shares (m,) of `members` (n, m), 0 or more and 1 together at most, given what is `left` (n,), of variance 1.

    Before the data is seen a share is 1 / m, give or take as much: the shares are the most likely ones after it. Where
    effects are hard to see that is a mean of the best, where they are plain the mixture of least loss.
    """
    n_members = members.shape[1]
    prior = np.hstack([n_members * np.eye(n_members), np.zeros((n_members, 1))])
    # What is not shared out goes to a column of zeros; that all of it is 1 outweighs the rest.
    design = np.vstack([np.column_stack([members, np.zeros(len(left))]), prior, np.full(n_members + 1, _OUTWEIGHS)])
    found, _ = optimize.nnls(design, np.concatenate([left, np.ones(n_members), [_OUTWEIGHS]]))
    return np.asarray(found[:-1])


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
