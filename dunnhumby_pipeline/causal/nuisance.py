"""Propensity and outcome models, cross-fitted once with folds grouped by household, shared by all estimators.

Propensity e(x): mean of an L2 logistic regression and shallow boosted trees. Outcome means mu0(x), mu1(x):
mean of a LassoCV and shallow boosted trees, each fitted within its arm (Chernozhukov et al. 2018 for
cross-fitting).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dunnhumby_pipeline.causal.names import OUTCOMES, TRIAL_KEY
from dunnhumby_pipeline.settings import NuisanceSettings

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

_TREES = {"max_depth": 3, "learning_rate": 0.05, "subsample": 0.8, "colsample_bytree": 0.8, "n_jobs": 1}
_N_TREES = 120
_MIN_CHILD = 10
_INNER_FOLDS = 5


@dataclass(frozen=True)
class Averaged:
    """Two fitted models whose predictions are averaged."""

    first: Any
    second: Any

    def mean(self, x: Array) -> Array:
        return (self.first.predict(x) + self.second.predict(x)) / 2

    def probability(self, x: Array) -> Array:
        return (self.first.predict_proba(x)[:, 1] + self.second.predict_proba(x)[:, 1]) / 2


def household_folds(trials: pd.DataFrame, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Fold (n,) of each trial: a household's trials share a fold; arms and waves are spread evenly.

    Raises ValueError when an arm has fewer households than there are folds, or when a fold would
    lack an arm or leave fewer than two of its households to fit on.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    by_arm = trials.groupby("treated")["household_key"].nunique()
    for arm, name in ((1, "treated"), (0, "control")):
        n = int(by_arm.get(arm, 0))
        if n < n_folds:
            raise ValueError(
                f"the {name} arm has {n} households, fewer than nuisance.n_folds = {n_folds}; "
                "choose fewer folds, or a campaign type with more trials"
            )
    strata = trials["campaign"].astype(str) + "/" + trials["treated"].astype(str)
    folds = np.empty(len(trials), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    for fold, (train, held_out) in enumerate(splitter.split(trials, strata, trials["household_key"])):
        folds[held_out] = fold
        for arm, name in ((1, "treated"), (0, "control")):
            inside = trials["household_key"].where(trials["treated"] == arm)
            n_held_out, n_fitted = inside.iloc[held_out].nunique(), inside.iloc[train].nunique()
            if n_held_out < 1 or n_fitted < 2:
                raise ValueError(
                    f"fold {fold} holds {n_held_out} {name} households and leaves {n_fitted} to fit on; "
                    "choose another nuisance.n_folds, or a campaign type with more trials"
                )
    return folds


def fit_propensity(x: Array, treated: Array, seed: int) -> Averaged:
    """Fit e(x) = P(treated | x) on (n, p) covariates."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBClassifier

    with threadpool_limits(1):
        logistic = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(x, treated)
        trees = XGBClassifier(n_estimators=_N_TREES, min_child_weight=_MIN_CHILD / 2, random_state=seed, **_TREES).fit(
            x, treated
        )
    return Averaged(logistic, trees)


def fit_outcome(x: Array, y: Array, households: Groups, seed: int) -> Averaged:
    """Fit the mean of `y` on (n, p) covariates of one arm; the lasso's own folds are grouped by household."""
    from sklearn.linear_model import LassoCV
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBRegressor

    inner = list(GroupKFold(min(_INNER_FOLDS, len(np.unique(households)))).split(x, y, households))
    with threadpool_limits(1):
        lasso = make_pipeline(StandardScaler(), LassoCV(alphas=30, cv=inner, max_iter=5000, tol=1e-3)).fit(x, y)
        trees = XGBRegressor(n_estimators=_N_TREES, min_child_weight=_MIN_CHILD, random_state=seed, **_TREES).fit(x, y)
    return Averaged(lasso, trees)


def mu_column(arm: int, outcome: str) -> str:
    """Column of the outcome mean of `arm` (0 or 1)."""
    return f"mu{arm}_{outcome}"


def cross_fit(trials: pd.DataFrame, x: Array, settings: NuisanceSettings, seed: int) -> pd.DataFrame:
    """Out-of-fold nuisances of every trial, in the order of `trials`.

    Columns: household_key, campaign, treated, fold, propensity (kept `propensity_bound` from 0 and 1),
    propensity_bounded (whether it had to be), and for each outcome mu0_<outcome>, mu1_<outcome>.
    Raises ValueError when an arm is too small for the folds.
    """
    folds = household_folds(trials, settings.n_folds, seed)
    treated = trials["treated"].to_numpy()
    households = trials["household_key"].to_numpy()
    raw = np.empty(len(trials))
    means = {mu_column(arm, outcome): np.empty(len(trials)) for outcome in OUTCOMES for arm in (0, 1)}
    for fold in range(settings.n_folds):
        train, held_out = folds != fold, folds == fold
        raw[held_out] = fit_propensity(x[train], treated[train], seed).probability(x[held_out])
        for outcome in OUTCOMES:
            y = trials[outcome].to_numpy(dtype=float)
            for arm in (0, 1):
                rows = train & (treated == arm)
                model = fit_outcome(x[rows], y[rows], households[rows], seed)
                means[mu_column(arm, outcome)][held_out] = model.mean(x[held_out])
    bound = settings.propensity_bound
    bounded = np.clip(raw, bound, 1 - bound)
    frame = trials[[*TRIAL_KEY, "treated"]].assign(fold=folds, propensity=bounded, propensity_bounded=raw != bounded)
    return frame.assign(**means)


def aipw_scores(y: Array, treated: Array, e: Array, mu0: Array, mu1: Array) -> Array:
    """Doubly robust score of each trial's effect, in units of y (Robins, Rotnitzky & Zhao 1994):

    mu1 - mu0 + t (y - mu1) / e - (1 - t) (y - mu0) / (1 - e).
    """
    return mu1 - mu0 + treated * (y - mu1) / e - (1 - treated) * (y - mu0) / (1 - e)


@dataclass(frozen=True)
class Residuals:
    """What every effect estimator works on; arrays of length n. `y` in $ for the primary outcome."""

    y: Array
    treated: Array
    propensity: Array
    mu0: Array
    mu1: Array
    households: Groups
    folds: Groups

    @property
    def outcome_residual(self) -> Array:
        """y - m(x), with m = e mu1 + (1 - e) mu0."""
        return self.y - self.propensity * self.mu1 - (1 - self.propensity) * self.mu0

    @property
    def treatment_residual(self) -> Array:
        return self.treated - self.propensity

    @property
    def scores(self) -> Array:
        return aipw_scores(self.y, self.treated, self.propensity, self.mu0, self.mu1)


def residuals(trials: pd.DataFrame, nuisances: pd.DataFrame, outcome: str) -> Residuals:
    """The residuals of one outcome. `trials` and `nuisances` must list the same trials in the same order."""
    if not trials[TRIAL_KEY].reset_index(drop=True).equals(nuisances[TRIAL_KEY].reset_index(drop=True)):
        raise ValueError("trials and nuisances list different trials; materialise nuisances again")
    return Residuals(
        y=trials[outcome].to_numpy(dtype=float),
        treated=trials["treated"].to_numpy(dtype=float),
        propensity=nuisances["propensity"].to_numpy(dtype=float),
        mu0=nuisances[mu_column(0, outcome)].to_numpy(dtype=float),
        mu1=nuisances[mu_column(1, outcome)].to_numpy(dtype=float),
        households=trials["household_key"].to_numpy(),
        folds=nuisances["fold"].to_numpy(),
    )
