"""How often tests of differing effects reject where effects do not differ, and how often where they do.

python -m benchmarks.validation_size --draws 400 --households 600 --campaigns 3 --spread 0

Trials of households that take part in several campaigns, confounded, with a taste that a household keeps and heavy
tails; propensities and means are fitted across folds, learners are the lasso on residuals, a small forest and the mean
of both. `--spread` is the standard deviation of the effect ($), 0 for the size. Prints shares of draws with p < .05.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.learners.causal_forest import CausalForest
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.sequential import by_fold, sequential_effects
from dunnhumby_pipeline.causal.cate.validation.targeting_curve import autoc, qini
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.settings import NuisanceSettings

Array = NDArray[np.float64]
N_COVARIATES = 20
AVERAGE_EFFECT = 6.0
TESTS = {"blp": best_linear_predictor, "autoc": autoc, "qini": qini}
LEARNERS = {"r_learner": RLearner, "causal_forest": lambda: CausalForest(24, 25, 0.45, 1, 0)}


def draw(n_households: int, n_campaigns: int, spread: float, seed: int) -> tuple[Array, Residuals]:
    """Covariates and residuals of one draw; the effect has the standard deviation `spread` ($)."""
    rng = np.random.default_rng([20261122, seed])
    own = rng.normal(size=(n_households, N_COVARIATES))
    taste = 40 * rng.standard_t(5, n_households)
    household = np.tile(np.arange(n_households), n_campaigns)
    x = own[household] + 0.5 * rng.normal(size=(len(household), N_COVARIATES))
    propensity = 1 / (1 + np.exp(1.2 - 0.9 * x[:, 0] - 0.4 * x[:, 1] * (x[:, 2] > 0)))
    treated = (rng.random(len(x)) < propensity).astype("int64")
    level = 100 + 40 * x[:, 0] + 20 * np.abs(x[:, 1]) + 10 * x[:, 3]
    effect = AVERAGE_EFFECT + spread * (x[:, 4] + x[:, 0]) / np.sqrt(2 * 1.25)
    noise = 45 * rng.standard_t(4, len(x)) * np.exp(0.25 * x[:, 0])
    trials = pd.DataFrame(
        {
            "household_key": household + 1,
            "campaign": np.repeat(np.arange(n_campaigns), n_households) + 1,
            "treated": treated,
            GROSS_PROFIT: level + taste[household] + treated * effect + noise,
        }
    )
    found = cross_fit(trials, x, NuisanceSettings(n_repeats=1), seed, (GROSS_PROFIT,), (True, False))
    return x, residuals(trials, found.nuisances, GROSS_PROFIT)


def effects_of(x: Array, data: Residuals) -> dict[str, tuple[Array, Array]]:
    """Effects out of fold and in sequence, by learner, and of the mean of both learners."""
    found: dict[str, tuple[Array, Array]] = {}
    for name, learner in LEARNERS.items():
        pooled = np.empty(len(x))
        for fold in np.unique(data.folds):
            train = data.folds != fold
            pooled[~train] = learner().fit(x[train], subset(data, train)).predict(x[~train])
        found[name] = pooled, sequential_effects(learner, x, data)
    pooled, sequential = (np.mean([own[kind] for own in found.values()], axis=0) for kind in (0, 1))
    return {**found, "mean": (pooled, sequential)}


def p_values(data: Residuals, pooled: Array, sequential: Array) -> dict[str, float]:
    """By test, over all folds together and in sequence; 1 where effects rank nothing."""
    found = {f"{name}, pooled": judge(data, pooled).p for name, judge in TESTS.items()}
    found |= {f"{name}, sequential": by_fold(judge, data, sequential).p for name, judge in TESTS.items()}
    return {name: 1.0 if np.isnan(p) else p for name, p in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--households", type=int, default=600)
    parser.add_argument("--campaigns", type=int, default=3)
    parser.add_argument("--spread", type=float, default=0.0)
    given = parser.parse_args()
    rows, begun = [], time.process_time()
    for seed in range(given.draws):
        x, data = draw(given.households, given.campaigns, given.spread, seed)
        for name, (pooled, sequential) in effects_of(x, data).items():
            rows.append({"learner": name, **p_values(data, pooled, sequential)})
    table = pd.DataFrame(rows).set_index("learner")
    print(f"{given.draws} draws of {given.households * given.campaigns} trials, spread ${given.spread:g}, ", end="")
    print(f"{time.process_time() - begun:.0f} CPU s; share of draws with p < .05")
    print((table < 0.05).groupby(level=0, sort=False).mean().T.round(3).to_string())


if __name__ == "__main__":
    main()
