"""The methods that are held against known effects: this project's, each of its learners, and its peers.

Each is a function from a data set and a seed to a `Found`. Outcome models of the peers are xgboost's with its
defaults, but for 100 trees of depth 4; their propensities are logistic, as boosted trees of that size give some near
0 and 1, which alone would lose them every comparison.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.truth_data import DataSet
from dunnhumby_pipeline.causal.cate import estimate
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.contracts.names import CONSTANT, SPEND
from dunnhumby_pipeline.settings import Settings, load_settings

Array = NDArray[np.float64]
CONFIDENCE = 0.95
TREES = {"n_estimators": 100, "max_depth": 4, "n_jobs": 1}
OURS = "this project"


@dataclass(frozen=True)
class Found:
    """Effects (m,) of the rows held out, the ends (m,) of intervals that are claimed to be a household's own (None
    where none is), the average effect of the rows fitted on, and what was chosen, for methods that choose."""

    effect: Array
    interval: tuple[Array, Array] | None
    average: float
    chosen: str = ""


Method = Callable[[DataSet, int], Found]


class Refused(Exception):
    """A method is not for such data. The message says why."""


def this_project(data: DataSet, seed: int) -> Found:
    """Nuisances, candidates and the choice among them, as in a study."""
    found = estimate(data.x, data.treatment, data.y, data.households, data.campaigns, _settings(seed))
    interval = found.interval(data.x_test) if found.interval_of == "household" else None
    average = found.average.set_index("estimand")["estimate"]
    return Found(found.predict(data.x_test), interval, float(average["ATE"]), found.chosen)


def of_learner(name: str) -> Method:
    """One learner of this project alone, fitted to all rows without a choice."""

    def fit(data: DataSet, seed: int) -> Found:
        refusal = LEARNERS[name].refusal(len(data.y))
        if refusal:
            raise Refused(refusal)
        nuisances, settings = _nuisances(data, seed), _settings(seed)
        learner = LEARNERS[name].from_settings(settings.cate, settings.seed_for("cate")).fit(data.x, nuisances)
        own = learner.interval_of == "household"
        average, _ = aipw(nuisances, np.ones(len(data.y), dtype=bool))
        return Found(learner.predict(data.x_test), learner.interval(data.x_test, CONFIDENCE) if own else None, average)

    return fit


@lru_cache(maxsize=1)
def _nuisances(data: DataSet, seed: int) -> Residuals:
    """Shared by the learners of a data set: the first of them, the constant, is charged with their time."""
    # Numbered as `estimate` does: by other numbers folds are others, and one effect for all is not quite the same.
    campaign = pd.factorize(data.campaigns)[0].astype("int64")
    trials = pd.DataFrame(
        {"household_key": data.households, "campaign": campaign, "treated": data.treatment, SPEND: data.y}
    )
    settings = _settings(seed)
    fitted = cross_fit(trials, data.x, settings.nuisance, settings.seed_for("nuisances"), [SPEND])
    return residuals(trials, fitted.nuisances, SPEND)


def _settings(seed: int) -> Settings:
    """Those of a study, with a seed of the data set's own."""
    return load_settings(seed=seed, confidence=CONFIDENCE)


def _regression(seed: int) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(**TREES, random_state=seed)


def _classification() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def causal_forest(data: DataSet, seed: int) -> Found:
    """econml's CausalForestDML with 500 trees."""
    from econml.dml import CausalForestDML

    model = CausalForestDML(
        model_y=_regression(seed),
        model_t=_classification(),
        discrete_treatment=True,
        n_estimators=500,
        n_jobs=1,
        random_state=seed,
    )
    return _of_econml(model, data, intervals=True, groups=data.households)


def dr_learner(data: DataSet, seed: int) -> Found:
    """econml's DRLearner with its linear final stage."""
    from econml.dr import LinearDRLearner

    model = LinearDRLearner(model_propensity=_classification(), model_regression=_regression(seed), random_state=seed)
    return _of_econml(model, data, intervals=True, groups=data.households)


def dr_trees(data: DataSet, seed: int) -> Found:
    """econml's DRLearner with trees in its final stage."""
    from econml.dr import DRLearner

    model = DRLearner(
        model_propensity=_classification(),
        model_regression=_regression(seed),
        model_final=_regression(seed),
        random_state=seed,
    )
    return _of_econml(model, data, groups=data.households)


def x_learner(data: DataSet, seed: int) -> Found:
    """econml's XLearner."""
    from econml.metalearners import XLearner

    model = XLearner(models=_regression(seed), propensity_model=_classification())
    return _of_econml(model, data)


def t_learner(data: DataSet, seed: int) -> Found:
    """econml's TLearner."""
    from econml.metalearners import TLearner

    return _of_econml(TLearner(models=_regression(seed)), data)


def s_learner(data: DataSet, seed: int) -> Found:
    """econml's SLearner."""
    from econml.metalearners import SLearner

    return _of_econml(SLearner(overall_model=_regression(seed)), data)


def _of_econml(model: Any, data: DataSet, intervals: bool = False, **fitting: Any) -> Found:
    model.fit(data.y, data.treatment, X=data.x, **fitting)
    ends = None
    if intervals:
        lower, upper = model.effect_interval(data.x_test, alpha=1 - CONFIDENCE)
        ends = np.ravel(lower), np.ravel(upper)
    return Found(np.ravel(model.effect(data.x_test)), ends, float(np.mean(model.effect(data.x))))


def causalml_x(data: DataSet, seed: int) -> Found:
    """causalml's X-learner, with a propensity of its own."""
    from causalml.inference.meta import BaseXRegressor

    model = BaseXRegressor(learner=_regression(seed))
    propensity = _classification().fit(data.x, data.treatment)
    e, e_test = (propensity.predict_proba(x)[:, 1] for x in (data.x, data.x_test))
    model.fit(X=data.x, treatment=data.treatment, y=data.y, p=e)
    average = float(np.mean(model.predict(X=data.x, p=e)))
    return Found(np.ravel(model.predict(X=data.x_test, p=e_test)), None, average)


def causalml_dr(data: DataSet, seed: int) -> Found:
    """causalml's DR-learner."""
    from causalml.inference.meta import BaseDRRegressor

    model = BaseDRRegressor(learner=_regression(seed))
    model.fit(X=data.x, treatment=data.treatment, y=data.y, seed=seed)
    return Found(np.ravel(model.predict(X=data.x_test)), None, float(np.mean(model.predict(X=data.x))))


PEERS: dict[str, Method] = {
    "econml CausalForestDML": causal_forest,
    "econml LinearDRLearner": dr_learner,
    "econml DRLearner, xgboost": dr_trees,
    "econml XLearner, xgboost": x_learner,
    "econml TLearner, xgboost": t_learner,
    "econml SLearner, xgboost": s_learner,
}
OF_CAUSALML: dict[str, Method] = {"causalml X-learner": causalml_x, "causalml DR-learner": causalml_dr}


def methods(with_learners: bool) -> dict[str, Method]:
    """Every method by name: this project's choice, one effect for all, the peers, those of causalml where it is
    installed, and each learner of this project, if asked for."""
    known = {OURS: this_project, CONSTANT: of_learner(CONSTANT), **PEERS}
    if importlib.util.find_spec("causalml") is not None:
        known |= OF_CAUSALML
    if with_learners:
        known |= {f"learner {name}": of_learner(name) for name in LEARNERS if name != CONSTANT}
    return known
