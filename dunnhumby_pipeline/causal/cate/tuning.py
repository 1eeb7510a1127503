"""A search over the settings of learners by Optuna (Akiba et al. 2019), for those who have time: the extra `tune`.

Draws are asked for and told in groups of the same size whatever works on them, so that one machine and a cluster find
the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dunnhumby_pipeline.causal.cate.learners.base import Array, Learner
from dunnhumby_pipeline.causal.cate.learners.inner_folds import inner_folds
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn as among
from dunnhumby_pipeline.settings import CateSettings

_N_FOLDS, _AT_ONCE = 3, 4
COMPLETE, FAILED = "complete", "failed"
Drawn = dict[str, int | float]


class TuningError(Exception):
    """The search cannot be made. The message says what is missing."""


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high` in steps, or on a logarithmic scale."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def drawn(self, trial: Any, name: str) -> int:
        return int(trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log))


@dataclass(frozen=True)
class Real:
    """Numbers from `low` to `high`, or on a logarithmic scale."""

    low: float
    high: float
    log: bool = False

    def drawn(self, trial: Any, name: str) -> float:
        return float(trial.suggest_float(name, self.low, self.high, log=self.log))


Space = Mapping[str, Whole | Real]
_BOOSTED: Space = {
    "deepest": Whole(1, 6),
    "learning_rate": Real(0.02, 0.3, log=True),
    "min_child": Real(3, 200, log=True),
}
# Bags are of four trees, and no tree may see more than its bag's half of the trials.
_FOREST: Space = {
    "n_trees": Whole(100, 600, step=4),
    "min_leaf": Whole(5, 100, log=True),
    "max_samples": Real(0.1, 0.5),
}
# By learner, the arguments that are searched; each draw is valid.
SPACES: Mapping[str, Space] = {
    "x_xgboost": _BOOSTED,
    "r_xgboost": _BOOSTED,
    "dr_xgboost": _BOOSTED,
    "causal_forest": _FOREST,
    "forest_dr": _FOREST,
}


@dataclass(frozen=True)
class Search:
    """`draws`: one row per draw: draw, learner, parameters (JSON), r_loss (null where it failed), gain_over_constant,
    state (complete or failed), reason (of a failure). `learner`: that of the lowest R-loss, not yet fitted."""

    draws: pd.DataFrame
    learner: Learner


def search(
    x: Array,
    data: Residuals,
    settings: CateSettings,
    seed: int,
    n_draws: int = 40,
    names: Sequence[str] = tuple(SPACES),
    ray_address: str | None = None,
) -> Search:
    """Draw settings of the learners `names`, and judge each by its R-loss on households left out (three folds),
    fitted to at most `settings.max_trials` trials.

    `ray_address`: of a Ray cluster on which draws are judged; without one, they are judged here, one after the other.
    Raises TuningError when optuna, or ray where an address is given, is not installed, when a learner has nothing to
    search, and when every draw failed.
    """
    unknown = [name for name in names if name not in SPACES]
    if unknown or not names:
        raise TuningError(
            f"nothing to search of {', '.join(unknown) or 'no learner'}; choose among {', '.join(SPACES)}"
        )
    try:
        import optuna
    except ImportError as missing:
        raise TuningError("a search needs optuna: pip install 'dunnhumby-pipeline[tune]'") from missing
    from joblib import Parallel, delayed

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    everywhere = np.average(data.outcome_residual * data.treatment_residual) / np.average(data.treatment_residual**2)
    constant = float(((data.outcome_residual - everywhere * data.treatment_residual) ** 2).mean())
    rows: list[dict[str, object]] = []
    with _workers(ray_address):
        for first in range(0, n_draws, _AT_ONCE):
            trials = [study.ask() for _ in range(min(_AT_ONCE, n_draws - first))]
            drawn = [draw(trial, names) for trial in trials]
            judged = Parallel(n_jobs=-1 if ray_address else 1)(
                delayed(judge)(x, data, settings, seed, *own) for own in drawn
            )
            for trial, (name, arguments), (loss, reason) in zip(trials, drawn, judged, strict=True):
                failed = optuna.trial.TrialState.FAIL if reason else optuna.trial.TrialState.COMPLETE
                study.tell(trial, None if reason else loss, state=failed)
                rows.append(
                    {
                        "draw": trial.number,
                        "learner": name,
                        "parameters": json.dumps(arguments),
                        "r_loss": loss,
                        "gain_over_constant": constant - loss,
                        "state": FAILED if reason else COMPLETE,
                        "reason": reason,
                    }
                )
    draws = pd.DataFrame(rows).astype({"reason": "str"})
    if draws["r_loss"].isna().all():
        raise TuningError(f"all {n_draws} draws failed; the last said: {draws['reason'].iloc[-1]}")
    best = draws.loc[draws["r_loss"].idxmin()]
    return Search(draws, made(str(best["learner"]), settings, seed, json.loads(str(best["parameters"]))))


def draw(trial: Any, names: Sequence[str]) -> tuple[str, Drawn]:
    """A learner's name and its arguments, drawn by an Optuna trial."""
    name = str(trial.suggest_categorical("learner", list(names)))
    return name, {key: own.drawn(trial, f"{name}.{key}") for key, own in SPACES[name].items()}


def made(name: str, settings: CateSettings, seed: int, arguments: Drawn) -> Learner:
    """The learner as the settings have it, but for `arguments`, not yet fitted."""
    return LEARNERS[name](**{**LEARNERS[name].from_settings(settings, seed).get_params(), **arguments})


def judge(
    x: Array, data: Residuals, settings: CateSettings, seed: int, name: str, arguments: Drawn
) -> tuple[float, str | None]:
    """R-loss on households left out and None, or null and why the learner could not be fitted."""
    folds = inner_folds(data.households, _N_FOLDS, seed)
    effect = np.empty(len(x))
    for fold in np.unique(folds):
        out = folds == fold
        rows = among(~out, data.households, settings.max_trials, seed)
        try:
            effect[out] = made(name, settings, seed, arguments).fit(x[rows], subset(data, rows)).predict(x[out])
        # What numbers can do to a fit; a defect of the program is none of these, and ends the search.
        except (ValueError, ArithmeticError, MemoryError) as error:
            return float("nan"), f"{type(error).__name__}: {error}"
    if not np.isfinite(effect).all():
        return float("nan"), f"{int((~np.isfinite(effect)).sum())} effects are not finite"
    return float(((data.outcome_residual - effect * data.treatment_residual) ** 2).mean()), None


@contextmanager
def _workers(ray_address: str | None) -> Iterator[None]:
    """Where joblib works: here, or on the Ray cluster at an address, whose machines have this package."""
    if ray_address is None:
        yield
        return
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as missing:
        raise TuningError(
            f"the cluster {ray_address} is reached by ray, which is not installed: pip install ray"
        ) from missing
    from joblib import parallel_config

    ray.init(address=ray_address, log_to_driver=False)
    register_ray()
    try:
        with parallel_config(backend="ray"):
            yield
    finally:
        ray.shutdown()
