"""Effects of every learner out of fold, on nuisances that have not seen the fold."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn
from dunnhumby_pipeline.causal.nuisance.nested import Nested
from dunnhumby_pipeline.contracts.names import LEFT_TO_CERTIFY
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Candidates:
    """`level` (n,): one effect for all, from the folds that a trial is not in, and `level_ends` ((n,), (n,)) of its
    interval. `effects` (n,) by learner, out of fold; `centres` (n,): the mean effect that the same model gives the
    trials it was fitted to. `left_out`: learners that could not be fitted, with the reason.
    """

    level: Array
    level_ends: tuple[Array, Array]
    effects: dict[str, Array]
    centres: dict[str, Array]
    left_out: dict[str, str]

    def deviations(self) -> dict[str, Array]:
        """How far the effect (n,) of each learner lies from its mean in other folds; 0 where that is rounding."""
        found = {}
        for name, effect in self.effects.items():
            beyond = effect - self.centres[name]
            found[name] = np.where(np.abs(beyond) > _ROUNDING * np.abs(effect), beyond, 0.0)
        return found


class _NotFitted(Exception):
    """A learner gave no effects. The message says why."""


def out_of_fold(
    x: Array,
    data: Residuals,
    nested: Nested,
    settings: CateSettings,
    confidence: float,
    seed: int,
    without: Collection[str] = (),
) -> Candidates:
    """Fit every registered learner without each fold in turn, on at most `settings.max_trials` trials, and predict it;
    those named in `without` are left to the certificate.

    The constant, and what comes from the outcome means that all learners share, rest on all trials outside the fold.
    The mean effect of a model weights trials by e (1 - e), as the constant's is. A learner that raises, or gives
    effects that are not finite, is left out with its reason.
    """
    from joblib import Parallel, delayed

    n = len(x)
    level, lower, upper = np.empty(n), np.empty(n), np.empty(n)
    for fold in nested.folds:
        held_out = data.folds == fold
        _, residuals = nested.outside(int(fold), data)
        constant = Constant().fit(x[~held_out], residuals)
        level[held_out] = constant.predict(x[held_out])
        lower[held_out], upper[held_out] = constant.interval(x[held_out], confidence)
    kinds = {name: kind for name, kind in LEARNERS.items() if not kind.is_constant}
    # Side by side in threads: most of a fit is spent in compiled code.
    with one_thread():
        found = Parallel(n_jobs=settings.n_jobs, prefer="threads")(
            delayed(one_thread()(_tried))(kind, x, data, nested, settings, seed)
            for name, kind in kinds.items()
            if name not in without
        )
    tried = iter(found)
    by_name = {name: LEFT_TO_CERTIFY if name in without else next(tried) for name in kinds}
    return Candidates(
        level,
        (lower, upper),
        {name: own[0] for name, own in by_name.items() if not isinstance(own, str)},
        {name: own[1] for name, own in by_name.items() if not isinstance(own, str)},
        {name: own for name, own in by_name.items() if isinstance(own, str)},
    )


def _tried(
    kind: type[Learner], x: Array, data: Residuals, nested: Nested, settings: CateSettings, seed: int
) -> tuple[Array, Array] | str:
    """Effects and means (n,) of one learner, or why it has none."""
    refused = kind.refusal(len(x))
    if refused:
        return refused
    try:
        return _of_learner(kind, x, data, nested, settings, seed)
    except _NotFitted as reason:
        return str(reason)


def _of_learner(
    kind: type[Learner], x: Array, data: Residuals, nested: Nested, settings: CateSettings, seed: int
) -> tuple[Array, Array]:
    """Effects and means (n,) of one learner."""
    effect, centre = np.empty(len(x)), np.empty(len(x))
    known = kind.out_of_fold(data)
    for fold in nested.folds:
        held_out = data.folds == fold
        train, residuals = nested.outside(int(fold), data)
        said = kind.out_of_fold(residuals)
        if known is not None and said is not None:
            effect[held_out] = known[held_out]
        else:
            rows = drawn(train, data.households, settings.max_trials, seed)
            residuals = subset(residuals, rows[train])
            model = fitted(kind.from_settings(settings, seed), x[rows], residuals)
            effect[held_out], said = model.predict(x[held_out]), model.predict(x[rows])
        centre[held_out] = overlap_mean(said, residuals)
    if not (np.isfinite(effect).all() and np.isfinite(centre).all()):
        raise _NotFitted("gave effects that are not finite")
    return effect, centre


def fitted(learner: Learner, x: Array, data: Residuals) -> Learner:
    """`learner`, fitted; raises _NotFitted with the reason where the data are not such as it can be fitted to."""
    try:
        return learner.fit(x, data)
    except (ValueError, ArithmeticError) as error:
        raise _NotFitted(f"could not be fitted: {error}") from error


def overlap_mean(effect: Array, data: Residuals) -> float:
    """Mean of effects (n,) weighted by e (1 - e)."""
    return float(np.average(effect, weights=data.propensity * (1 - data.propensity)))
