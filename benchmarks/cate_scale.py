"""The steps from given nuisances to effects of households, each measured: `causal_scale` runs them at its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.cate.explanation.credibility import credibility
from dunnhumby_pipeline.causal.cate.explanation.drivers import effect_drivers
from dunnhumby_pipeline.causal.cate.explanation.subgroups import subgroups
from dunnhumby_pipeline.causal.cate.power.study import power_of_study
from dunnhumby_pipeline.causal.cate.refutation.refutation import refutations_of_study
from dunnhumby_pipeline.causal.cate.refutation.replicas import Trials
from dunnhumby_pipeline.causal.cate.selection import fit_cate
from dunnhumby_pipeline.causal.cate.validation.candidate import candidate
from dunnhumby_pipeline.causal.cate.validation.many_splits import many_splits_of_study
from dunnhumby_pipeline.causal.cate.validation.validate import validate
from dunnhumby_pipeline.causal.design.cohort import LOOK_BACK_NEED, LOOK_BACK_SEGMENT
from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
from dunnhumby_pipeline.causal.nuisance.nested import nested_nuisances
from dunnhumby_pipeline.contracts.names import GROSS_PROFIT
from dunnhumby_pipeline.settings import Settings

Array = NDArray[np.float64]
Measured = Callable[[str], AbstractContextManager[None]]
CONTACT_COST, OVERLAP, N_LABELS = 2.0, (0.1, 0.9), 5


def cate_steps(
    trials: pd.DataFrame,
    x: Array,
    names: tuple[str, ...],
    nuisances: pd.DataFrame,
    benchmarks: pd.DataFrame,
    settings: Settings,
    measured: Measured,
) -> None:
    """Every step of a study that follows its trials (n,) and covariates (n, p), under a line of `measured` each.

    `benchmarks` as in the table confounder_benchmarks.
    """
    data = residuals(trials, nuisances, GROSS_PROFIT)
    seed, confidence, own = settings.seed_for("validation"), settings.confidence, settings.validation
    with measured("nested nuisances"):
        nested = nested_nuisances(x, data, settings.nuisance, settings.seed_for("cate"), trials["campaign"].to_numpy())
    with measured("learners, stack, gate"):
        found = fit_cate(
            trials, x, data, settings.cate, confidence, settings.seed_for("cate"), settings.nuisance, nested
        )
    with measured("scores of all"):
        found.final.predict(x)
        found.final.interval(x, confidence)
    print(f"chosen: {found.chosen}")
    by_model = {
        str(name): effect.to_numpy()
        for name, effect in found.by_model.groupby("model", sort=False)["cate_uncalibrated"]
    }
    drawn = np.random.default_rng(2).integers(N_LABELS, size=(2, len(trials))).astype(str)
    labels = pd.DataFrame({LOOK_BACK_SEGMENT: drawn[0], LOOK_BACK_NEED: drawn[1]})
    with measured("fits in sequence"):
        judged, predict = candidate(found.scoreboard, by_model, x, data, settings.cate, settings.seed_for("cate"))
    with measured("validation"):
        validate(data, judged, by_model, labels, x, names, CONTACT_COST, own, OVERLAP, confidence, seed)
    with measured("drivers, subgroups"):
        effect_drivers(predict, x, names, own.max_explained, seed)
        subgroups(x, names, data, judged.sequential, own.tree_depth, confidence, seed)
        credibility(found.estimates, judged.effect, by_model, data.propensity, data.folds, OVERLAP)
    with measured("many splits"):
        many_splits_of_study(x, names, data, settings, certified=False)
    with measured("power"):
        power_of_study(trials, x, nuisances, settings, certified=False)
    with measured("refutation"):
        refutations_of_study(Trials(x, data, trials["campaign"].to_numpy()), benchmarks, settings, certified=False)
