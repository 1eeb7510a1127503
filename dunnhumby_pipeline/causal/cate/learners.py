"""Models of the conditional effect (CATE) on one outcome, over shared nuisances.

Each learner is fitted to trials and gives, for any covariates, an effect and its standard error in
units of the outcome. Nothing here refits a propensity or, except for the T-learner's own interval and
its use on new households, an outcome mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, fit_outcome
from dunnhumby_pipeline.contracts.names import CONSTANT
from dunnhumby_pipeline.settings import CateSettings

Array = NDArray[np.float64]
_INNER_FOLDS = 5


@dataclass(frozen=True)
class FittedEffect:
    """`effect` (n,) and `standard_error` (n,) as functions of covariates (n, p)."""

    effect: Callable[[Array], Array]
    standard_error: Callable[[Array], Array]


Learner = Callable[[Array, Residuals, CateSettings, int], FittedEffect]


def subset(data: Residuals, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Residuals:
    """The residuals of some trials."""
    return Residuals(**{name: value[rows] for name, value in vars(data).items()})


def fit_constant(x: Array, data: Residuals, settings: CateSettings, seed: int) -> FittedEffect:
    """One effect for all: the overlap-weighted average effect, which minimises the R-loss among constants."""
    effect, se = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
    return FittedEffect(lambda new: np.full(len(new), effect), lambda new: np.full(len(new), se))


def fit_t_learner(x: Array, data: Residuals, settings: CateSettings, seed: int) -> FittedEffect:
    """mu1(x) - mu0(x), each fitted within its arm; standard error from refits on resampled households."""

    def refit(x: Array, data: Residuals, seed: int) -> tuple[Any, Any]:
        arms = [data.treated == arm for arm in (0, 1)]
        mu0, mu1 = (fit_outcome(x[rows], data.y[rows], data.households[rows], seed) for rows in arms)
        return mu0, mu1

    def difference(models: tuple[Any, Any], new: Array) -> Array:
        return models[1].mean(new) - models[0].mean(new)

    fitted = refit(x, data, seed)

    def standard_error(new: Array) -> Array:
        effects = []
        for rows in household_bootstraps(data.households, settings.n_outcome_bootstraps, seed):
            effects.append(difference(refit(x[rows], subset(data, rows), seed), new))
        return np.std(effects, axis=0, ddof=1)

    return FittedEffect(lambda new: difference(fitted, new), standard_error)


def fit_r_learner(x: Array, data: Residuals, settings: CateSettings, seed: int) -> FittedEffect:
    """Lasso of ry / rt on standardised covariates with weight rt^2 (Nie & Wager 2021).

    The penalty is chosen by cross-validation grouped by household, and held in the household bootstrap
    that gives the standard error. The intercept is not penalised, so that the constant effect is nested.
    """
    from sklearn.linear_model import Lasso, LassoCV
    from sklearn.model_selection import GroupKFold
    from sklearn.preprocessing import StandardScaler

    ry, rt = data.outcome_residual, data.treatment_residual
    scaler = StandardScaler().fit(x)
    standard, target, weight = scaler.transform(x), ry / rt, rt**2
    inner = list(GroupKFold(_INNER_FOLDS).split(x, target, data.households))
    with threadpool_limits(1):
        chosen = LassoCV(alphas=30, cv=inner, max_iter=5000, tol=1e-3).fit(standard, target, sample_weight=weight)

    def standard_error(new: Array) -> Array:
        standard_new = scaler.transform(new)
        effects = []
        with threadpool_limits(1):
            for rows in household_bootstraps(data.households, settings.n_bootstraps, seed):
                model = Lasso(chosen.alpha_, max_iter=5000, tol=1e-3)
                model.fit(standard[rows], target[rows], sample_weight=weight[rows])
                effects.append(model.predict(standard_new))
        return np.std(effects, axis=0, ddof=1)

    return FittedEffect(lambda new: chosen.predict(scaler.transform(new)), standard_error)


def fit_causal_forest(x: Array, data: Residuals, settings: CateSettings, seed: int) -> FittedEffect:
    """econml's CausalForestDML (Athey, Tibshirani & Wager 2019), handed the shared nuisances.

    Its standard errors come from the forest's own bootstrap of little bags, which does not know that
    a household can hold several trials.
    """
    from econml.dml import CausalForestDML

    nuisances = np.column_stack([data.y - data.outcome_residual, data.propensity])
    n_covariates = x.shape[1]
    forest = CausalForestDML(
        model_y=column_reader(n_covariates),
        model_t=column_reader(n_covariates + 1),
        discrete_treatment=False,
        cv=2,
        n_estimators=settings.n_trees,
        min_samples_leaf=settings.min_leaf,
        max_samples=settings.max_samples,
        # grf's own number of candidate variables a split; all 80 would take three times as long.
        max_features=min(n_covariates, math.ceil(math.sqrt(n_covariates)) + 20),
        random_state=seed,
        n_jobs=settings.n_jobs,
    )
    with threadpool_limits(1):
        forest.fit(data.y, data.treated, X=x, W=nuisances)
    for grown in forest.model_cate.estimators_:
        # Threads add the trees' predictions in the order in which they finish, which changes the last digits.
        grown.n_jobs = 1
    return FittedEffect(
        lambda new: forest.effect(new).ravel(),
        lambda new: forest.effect_inference(new).stderr.ravel(),
    )


def column_reader(column: int) -> Any:
    """A regressor whose prediction is one column of its input: how econml is given nuisances already fitted."""
    from sklearn.base import BaseEstimator, RegressorMixin

    class ColumnReader(RegressorMixin, BaseEstimator):
        def __init__(self, column: int = 0) -> None:
            self.column = column

        def fit(self, x: Array, y: Array) -> ColumnReader:
            self.fitted_ = True
            return self

        def predict(self, x: Array) -> Array:
            return x[:, self.column]

    return ColumnReader(column)


def household_bootstraps(households: NDArray[np.int64], n_replicates: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Row numbers of `n_replicates` bootstrap samples of households, each with all its trials."""
    order = np.argsort(households, kind="stable")
    starts = np.flatnonzero(np.diff(households[order], prepend=households[order][0] - 1))
    trials_of = np.split(order, starts[1:])
    for replicate in range(n_replicates):
        drawn = np.random.default_rng([seed, replicate]).integers(0, len(trials_of), len(trials_of))
        yield np.concatenate([trials_of[household] for household in drawn])


LEARNERS: dict[str, Learner] = {
    CONSTANT: fit_constant,
    "t_learner": fit_t_learner,
    "r_learner": fit_r_learner,
    "causal_forest": fit_causal_forest,
}
