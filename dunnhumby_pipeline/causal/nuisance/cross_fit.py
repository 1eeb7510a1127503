"""Propensity and outcome models, cross-fitted once with folds grouped by household, shared by all estimators.

Propensity e(x): mean of an L2 logistic regression and shallow boosted trees. Outcome means mu0(x), mu1(x):
mean of a LassoCV and shallow boosted trees, each fitted within its arm (Chernozhukov et al. 2018 for
cross-fitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dunnhumby_pipeline.contracts.names import ALL_REPEATS, TRIAL_KEY
from dunnhumby_pipeline.contracts.outcomes import ALWAYS_ESTIMATED
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


class FoldsError(ValueError):
    """Trials that cannot be divided into folds. The message says which arm is too small, and what to do."""


def household_folds(trials: pd.DataFrame, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Fold (n,) of each trial: a household's trials share a fold; arms and campaigns are spread evenly.

    Raises FoldsError when an arm has fewer households than there are folds, or when a fold would
    lack an arm or leave fewer than two of its households to fit on.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    by_arm = trials.groupby("treated")["household_key"].nunique()
    for arm, name in ((1, "treated"), (0, "control")):
        n = int(by_arm.get(arm, 0))
        if n < n_folds:
            raise FoldsError(
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
                raise FoldsError(
                    f"fold {fold} holds {n_held_out} {name} households and leaves {n_fitted} to fit on; "
                    "choose another nuisance.n_folds, or a campaign type with more trials"
                )
    return folds


def fit_propensity(x: Array, treated: Array | Groups, seed: int) -> Averaged:
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
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import LassoCV
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from xgboost import XGBRegressor

    if np.ptp(y) == 0:
        # Controls never redeem a campaign's coupons.
        unvaried = DummyRegressor().fit(x, y)
        return Averaged(unvaried, unvaried)
    inner = list(GroupKFold(min(_INNER_FOLDS, len(np.unique(households)))).split(x, y, households))
    with threadpool_limits(1):
        lasso = make_pipeline(StandardScaler(), LassoCV(alphas=30, cv=inner, max_iter=5000, tol=1e-3)).fit(x, y)
        trees = XGBRegressor(n_estimators=_N_TREES, min_child_weight=_MIN_CHILD, random_state=seed, **_TREES).fit(x, y)
    return Averaged(lasso, trees)


def mu_column(arm: int, outcome: str) -> str:
    """Column of the outcome mean of `arm` (0 or 1)."""
    return f"mu{arm}_{outcome}"


def fitted_outcomes(primary: str) -> tuple[str, ...]:
    """The outcomes whose means are fitted: those of every study, and the primary one where it is another."""
    return ALWAYS_ESTIMATED if primary in ALWAYS_ESTIMATED else (*ALWAYS_ESTIMATED, primary)


@dataclass(frozen=True)
class CrossFit:
    """`nuisances`: one row a trial. `quality`: one row a repeat and measure, and the medians' own (repeat -1)."""

    nuisances: pd.DataFrame
    quality: pd.DataFrame


def cross_fit(
    trials: pd.DataFrame, x: Array, settings: NuisanceSettings, seed: int, outcomes: Sequence[str] = ALWAYS_ESTIMATED
) -> CrossFit:
    """Out-of-fold nuisances of every trial, in the order of `trials`: medians over `n_repeats` divisions into folds.

    No prediction of any repeat has seen the trial's household, so neither has their median (the medians of
    Chernozhukov et al. 2018, section 3.4, taken of predictions, so that every estimator shares them).

    `nuisances`: household_key, campaign, treated, fold (of the first repeat), propensity (kept
    `propensity_bound` from 0 and 1), propensity_bounded (whether it had to be), and for each of `outcomes`
    mu0_<outcome>, mu1_<outcome>. `quality`: repeat, quantity, outcome, value. Quantities: propensity_auc,
    propensity_log_loss; by outcome r2_control and r2_treated (share of the arm's variance explained out of
    fold, below 0 when worse than its mean) and overlap_weighted (the effect in units of the outcome), whose
    spread over repeats is what the division into folds alone does. Raises FoldsError when an arm is too small
    for the folds.
    """
    from joblib import Parallel, delayed

    divisions = [household_folds(trials, settings.n_folds, seed + repeat) for repeat in range(settings.n_repeats)]
    treated, households = trials["treated"].to_numpy(), trials["household_key"].to_numpy()
    observed = {outcome: trials[outcome].to_numpy(dtype=float) for outcome in outcomes}
    tasks = [(repeat, fold) for repeat in range(settings.n_repeats) for fold in range(settings.n_folds)]
    held_out = [divisions[repeat] == fold for repeat, fold in tasks]
    # Processes: limits on threads, which every fit sets, can lock threads of one process against each other.
    fitted = Parallel(n_jobs=settings.n_jobs)(
        delayed(_predict_fold)(x, treated, households, observed, out, settings.max_trials, seed + repeat)
        for (repeat, _), out in zip(tasks, held_out, strict=True)
    )
    names = list(fitted[0])
    predictions = {name: np.empty((settings.n_repeats, len(trials))) for name in names}
    for (repeat, _), out, found in zip(tasks, held_out, fitted, strict=True):
        for name in names:
            predictions[name][repeat, out] = found[name]
    quality = pd.concat(
        [
            _quality(trials, observed, {name: predictions[name][repeat] for name in names}, settings, repeat)
            for repeat in range(settings.n_repeats)
        ]
    )
    medians = {name: np.median(values, axis=0) for name, values in predictions.items()}
    of_medians = _quality(trials, observed, medians, settings, ALL_REPEATS)
    quality = pd.concat([quality, of_medians], ignore_index=True)
    raw = medians.pop("propensity")
    bounded = _bounded(raw, settings)
    frame = trials[[*TRIAL_KEY, "treated"]].assign(
        fold=divisions[0], propensity=bounded, propensity_bounded=raw != bounded
    )
    return CrossFit(frame.assign(**medians), quality)


def _predict_fold(
    x: Array,
    treated: NDArray[np.int64],
    households: Groups,
    outcomes: dict[str, Array],
    held_out: NDArray[np.bool_],
    max_trials: int,
    seed: int,
) -> dict[str, Array]:
    """Propensity and outcome means of the trials held out, from models fitted to the others."""
    train = drawn(~held_out, households, max_trials, seed)
    new = x[held_out]
    found = {"propensity": fit_propensity(x[train], treated[train], seed).probability(new)}
    for outcome, y in outcomes.items():
        for arm in (0, 1):
            rows = train & (treated == arm)
            found[mu_column(arm, outcome)] = fit_outcome(x[rows], y[rows], households[rows], seed).mean(new)
    return found


def drawn(rows: NDArray[np.bool_], households: Groups, at_most: int, seed: int) -> NDArray[np.bool_]:
    """The mask `rows` (n,), or that of whole households drawn at random among them that hold about `at_most`."""
    n_rows = int(rows.sum())
    if n_rows <= at_most:
        return rows
    present = np.unique(households[rows])
    kept = np.random.default_rng(seed).permutation(present)[: int(len(present) * at_most / n_rows)]
    return rows & np.isin(households, kept)


def _bounded(propensity: Array, settings: NuisanceSettings) -> Array:
    return np.clip(propensity, settings.propensity_bound, 1 - settings.propensity_bound)


def _quality(
    trials: pd.DataFrame,
    observed: dict[str, Array],
    predictions: dict[str, Array],
    settings: NuisanceSettings,
    repeat: int,
) -> pd.DataFrame:
    from sklearn.metrics import log_loss, r2_score, roc_auc_score

    treated = trials["treated"].to_numpy()
    e = _bounded(predictions["propensity"], settings)
    rows: list[tuple[str, str | None, float]] = [
        ("propensity_auc", None, roc_auc_score(treated, e)),
        ("propensity_log_loss", None, log_loss(treated, e)),
    ]
    for outcome, y in observed.items():
        means = [predictions[mu_column(arm, outcome)] for arm in (0, 1)]
        for arm, name in ((0, "r2_control"), (1, "r2_treated")):
            of_arm = treated == arm
            # Of an outcome that does not vary there is nothing to explain.
            varies = np.ptp(y[of_arm]) > 0
            rows.append((name, outcome, r2_score(y[of_arm], means[arm][of_arm]) if varies else np.nan))
        ry, rt = y - e * means[1] - (1 - e) * means[0], treated - e
        rows.append(("overlap_weighted", outcome, float((rt * ry).sum() / (rt**2).sum())))
    frame = pd.DataFrame(rows, columns=["quantity", "outcome", "value"])
    return frame.assign(repeat=repeat)[["repeat", "quantity", "outcome", "value"]]


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
