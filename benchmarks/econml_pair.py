"""This project's nuisances, effects and conditional effects of spend against plain econml on the same matrix.

    OMP_NUM_THREADS=1 python -m benchmarks.econml_pair [HOME] [PAIRS=3]

Each side runs in a process of its own, one after the other: ours cross-fits propensity and means of spend, estimates
average effects, and fits, scores and chooses among all learners of the conditional effect; econml's fits LinearDML
(one effect for all, with its interval) and CausalForestDML (one effect per trial, with its interval), nuisances by
lasso and logistic regression. Both have the same folds, number of trees and threads; all else of econml is its default.
Processor seconds, since other work may run beside it; importing the libraries is part of it.
"""

from __future__ import annotations

import sys
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.measure import measure
from dunnhumby_pipeline.causal.design.matrix import trial_matrix
from dunnhumby_pipeline.contracts.names import SPEND
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Home, Settings, load_settings

Array = NDArray[np.float64]
TYPE = "TypeA"


def main(home: Home, n_pairs: int) -> None:
    settings = load_settings(home)
    trials = pd.read_parquet(Study(settings, home).table("first_campaign_cohort", TYPE))
    matrix = trial_matrix(trials, TYPE, settings.trial)[1]
    print(f"{len(trials):,} trials, {matrix.shape[1]} columns; processor seconds")
    ratios = []
    for _ in range(n_pairs):
        ours = measure(lambda: this_project(trials, matrix, settings)).cpu_seconds
        theirs = measure(lambda: plain_econml(trials, matrix, settings)).cpu_seconds
        ratios.append(ours / theirs)
        print(f"this project {ours:6.1f}   econml {theirs:6.1f}   ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {median(ratios):.2f}")


def this_project(trials: pd.DataFrame, x: Array, settings: Settings) -> None:
    from dunnhumby_pipeline.causal.cate.selection import fit_cate
    from dunnhumby_pipeline.causal.effects.average import average_effects
    from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
    from dunnhumby_pipeline.causal.overlap.overlap import propensity_table

    nuisances = cross_fit(trials, x, settings.nuisance, settings.seed_for("nuisances"), [SPEND]).nuisances
    propensity = propensity_table(nuisances, x, settings.overlap)
    average_effects(trials, x, nuisances, propensity, settings.effects, settings.confidence, SPEND)
    data = residuals(trials, nuisances, SPEND)
    fit_cate(trials, x, data, settings.cate, settings.confidence, settings.seed_for("cate"))


def plain_econml(trials: pd.DataFrame, x: Array, settings: Settings) -> None:
    from econml.dml import CausalForestDML, LinearDML
    from sklearn.linear_model import LassoCV, LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y, treated = trials[SPEND].to_numpy(dtype=float), trials["treated"].to_numpy()
    households = trials["household_key"].to_numpy()
    shared = {
        "model_y": make_pipeline(StandardScaler(), LassoCV(alphas=100)),
        "model_t": make_pipeline(StandardScaler(), LogisticRegressionCV(max_iter=1000)),
        "discrete_treatment": True,
        "cv": settings.nuisance.n_folds,
        "random_state": 1,
    }
    linear = LinearDML(**shared).fit(y, treated, W=x, groups=households)
    linear.ate_interval()
    forest = CausalForestDML(n_estimators=settings.cate.n_trees, n_jobs=settings.cate.n_jobs, **shared)
    forest.fit(y, treated, X=x, groups=households)
    forest.effect_interval(x)


if __name__ == "__main__":
    main(Home.resolve(sys.argv[1] if len(sys.argv) > 1 else None), int(sys.argv[2]) if len(sys.argv) > 2 else 3)
