"""Propensity and outcome models, cross-fitted once with folds grouped by household, shared by all estimators.

Propensity e(x): an L2 logistic regression and boosted trees. Outcome means mu0(x), mu1(x): a lasso and boosted trees.
How much each counts is found on households that it was not fitted to (Chernozhukov et al. 2018 for cross-fitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.design.clusters import clusters_of
from dunnhumby_pipeline.causal.nuisance.folds import drawn, household_folds
from dunnhumby_pipeline.causal.nuisance.models import BOTH, Stack, fit_outcomes, fit_propensity
from dunnhumby_pipeline.causal.nuisance.recalibration import recalibrated
from dunnhumby_pipeline.contracts.names import ALL_REPEATS, TRIAL_KEY
from dunnhumby_pipeline.contracts.outcomes import ALWAYS_ESTIMATED
from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.settings import NuisanceSettings

Array = NDArray[np.float64]
Groups = NDArray[np.int64]
Candidates = tuple[bool, bool]
# By model (propensity, control or treated) and outcome: those of the linear model and of the trees.
# The propensity as the models say it, before it is recalibrated.
_AS_FITTED = "propensity_as_fitted"
Weights = dict[tuple[str, str | None], Array]


def mu_column(arm: int, outcome: str) -> str:
    """Column of the outcome mean of `arm` (0 or 1)."""
    return f"mu{arm}_{outcome}"


def fitted_outcomes(primary: str) -> tuple[str, ...]:
    """The outcomes whose means are fitted: those of every study, and the primary one where it is another."""
    return ALWAYS_ESTIMATED if primary in ALWAYS_ESTIMATED else (*ALWAYS_ESTIMATED, primary)


@dataclass(frozen=True)
class CrossFit:
    """`nuisances`: one row per trial. `quality`: one row per repeat and measure, and the medians' own (repeat -1)."""

    nuisances: pd.DataFrame
    quality: pd.DataFrame


def cross_fit(
    trials: pd.DataFrame,
    x: Array,
    settings: NuisanceSettings,
    seed: int,
    outcomes: Sequence[str] = ALWAYS_ESTIMATED,
    candidates: Candidates = BOTH,
    known: Array | None = None,
) -> CrossFit:
    """Out-of-fold nuisances of every trial, in the order of `trials`: medians over several divisions into folds.

    No model of any repeat has seen the household that it predicts, so neither has their median (the medians of
    Chernozhukov et al. 2018, section 3.4, taken of predictions, so that every estimator shares them). `n_repeats` are
    made at most, and no further one when the overlap-weighted effects of those so far, two or more, lie within
    `repeat_agreement` standard errors of each other for every outcome.

    `nuisances`: household_key, campaign, treated, fold (of the first repeat), propensity (kept
    `propensity_bound` from 0 and 1), propensity_bounded (whether it had to be), propensity_as_fitted (likewise bounded,
    before it is recalibrated within campaigns, repeat by repeat: see `recalibrated`), and for each of `outcomes`
    mu0_<outcome>, mu1_<outcome>. `quality`: repeat, quantity, outcome, value. Quantities: propensity_auc,
    propensity_log_loss, propensity_log_loss_as_fitted (before recalibration); by outcome r2_control and r2_treated
    (share of the arm's variance explained out of fold, below 0 when worse than its mean) and overlap_weighted (the
    effect in units of the outcome), whose spread over repeats is what the division into folds alone does; and the
    weight of each candidate, the mean over folds: weight_<model>_linear and weight_<model>_trees, the model being
    propensity, control or treated. Of a propensity they sum to 1; of an arm's mean each is 1 at most, and the overall
    mean counts what they lack.
    `known` (n,): propensities that were logged, NaN where they are not: they are the trials' propensities as they are,
    neither recalibrated nor bounded (propensity_logged says where).
    `candidates` may leave out the trees, or the linear models. Raises FoldsError when an arm is too small
    for the folds.
    """
    from joblib import Parallel, delayed

    treated, households = trials["treated"].to_numpy(), clusters_of(trials)
    observed = {outcome: trials[outcome].to_numpy(dtype=float) for outcome in outcomes}
    known = np.full(len(trials), np.nan) if known is None else known
    logged = ~np.isnan(known)
    divisions: list[Groups] = []
    repeats: list[dict[str, Array]] = []
    weights: list[Weights] = []
    # Most of a fit is spent in compiled code, which threads carry out side by side.
    with one_thread(), Parallel(n_jobs=settings.n_jobs, prefer="threads") as workers:
        while len(repeats) < settings.n_repeats and not _agree(trials, observed, repeats, settings):
            own_seed = seed + len(repeats)
            folds = household_folds(trials, settings.n_folds, own_seed)
            held_out = [folds == fold for fold in range(settings.n_folds)]
            fitted = workers(
                delayed(predict_fold)(x, treated, households, observed, out, settings.max_trials, own_seed, candidates)
                for out in held_out
            )
            predictions = {name: np.empty(len(trials)) for name in fitted[0][0]}
            for out, (found, _) in zip(held_out, fitted, strict=True):
                for name, values in found.items():
                    predictions[name][out] = values
            predictions[_AS_FITTED] = predictions["propensity"]
            predictions["propensity"] = recalibrated(
                predictions[_AS_FITTED], treated, trials["campaign"].to_numpy(), folds, settings.recalibration_min_arm
            )
            predictions["propensity"] = np.where(logged, known, predictions["propensity"])
            divisions.append(folds)
            weights.append({name: np.mean([own[name] for _, own in fitted], axis=0) for name in fitted[0][1]})
            repeats.append(predictions)
    medians = {name: np.median([own[name] for own in repeats], axis=0) for name in repeats[0]}
    weights.append({name: np.mean([own[name] for own in weights], axis=0) for name in weights[0]})
    quality = [
        _quality(trials, observed, predictions, own, settings, number)
        for number, predictions, own in zip(
            [*range(len(repeats)), ALL_REPEATS], [*repeats, medians], weights, strict=True
        )
    ]
    raw, as_fitted = medians.pop("propensity"), medians.pop(_AS_FITTED)
    bounded = np.where(logged, raw, _bounded(raw, settings))
    frame = trials[[*TRIAL_KEY, "treated"]].assign(
        fold=divisions[0],
        propensity=bounded,
        propensity_bounded=raw != bounded,
        propensity_as_fitted=_bounded(as_fitted, settings),
        propensity_logged=logged,
    )
    return CrossFit(frame.assign(**medians), pd.concat(quality, ignore_index=True))


def predict_fold(
    x: Array,
    treated: NDArray[np.int64],
    households: Groups,
    outcomes: dict[str, Array],
    held_out: NDArray[np.bool_],
    max_trials: int,
    seed: int,
    candidates: Candidates,
) -> tuple[dict[str, Array], Weights]:
    """Propensity and outcome means of the trials held out, from models fitted to the others; the candidates' weights.

    The trees of the smaller arm begin from what the larger arm's models say (as in the X-learner of Kunzel et al.
    2019): where a campaign is rare, its many controls say most about what households spend.
    """
    train = drawn(~held_out, households, max_trials, seed)
    new = x[held_out]
    model = fit_propensity(x[train], treated[train], households[train], seed, candidates)
    found = {"propensity": model.probability(new)}
    weights: Weights = {("propensity", None): model.weights}
    values = np.column_stack(list(outcomes.values()))
    arms = [train & (treated == arm) for arm in (0, 1)]
    larger = int(arms[1].sum() > arms[0].sum())
    models: dict[int, list[Stack]] = {}

    def means(at: Array) -> Array:
        return np.column_stack([own.mean(at) for own in models[larger]])

    models[larger] = fit_outcomes(x[arms[larger]], values[arms[larger]], households[arms[larger]], seed, candidates)
    of_arm, rows = {larger: means(new)}, arms[1 - larger]
    models[1 - larger] = fit_outcomes(x[rows], values[rows], households[rows], seed, candidates, means(x[rows]))
    of_arm[1 - larger] = np.column_stack(
        [own.mean(new, start) for own, start in zip(models[1 - larger], of_arm[larger].T, strict=True)]
    )
    for arm, name in ((0, "control"), (1, "treated")):
        for column, outcome in enumerate(outcomes):
            found[mu_column(arm, outcome)] = of_arm[arm][:, column]
            weights[name, outcome] = models[arm][column].weights
    return found, weights


def _agree(
    trials: pd.DataFrame, observed: dict[str, Array], repeats: list[dict[str, Array]], settings: NuisanceSettings
) -> bool:
    if len(repeats) < 2:
        return False
    treated = trials["treated"].to_numpy()
    household = pd.factorize(clusters_of(trials))[0]
    for outcome, y in observed.items():
        effects, errors = [], []
        for predictions in repeats:
            ry, rt = _partialled_out(y, treated, predictions, outcome, settings)
            effects.append(float((rt * ry).sum() / (rt**2).sum()))
            by_household = np.bincount(household, rt * (ry - effects[-1] * rt))
            errors.append(float(np.sqrt((by_household**2).sum()) / (rt**2).sum()))
        if max(effects) - min(effects) > settings.repeat_agreement * min(errors):
            return False
    return True


def _partialled_out(
    y: Array, treated: Array | Groups, predictions: dict[str, Array], outcome: str, settings: NuisanceSettings
) -> tuple[Array, Array]:
    """What is left of outcome and treatment."""
    e = _bounded(predictions["propensity"], settings)
    mu0, mu1 = (predictions[mu_column(arm, outcome)] for arm in (0, 1))
    return y - e * mu1 - (1 - e) * mu0, treated - e


def _bounded(propensity: Array, settings: NuisanceSettings) -> Array:
    return np.clip(propensity, settings.propensity_bound, 1 - settings.propensity_bound)


def _quality(
    trials: pd.DataFrame,
    observed: dict[str, Array],
    predictions: dict[str, Array],
    weights: Weights,
    settings: NuisanceSettings,
    repeat: int,
) -> pd.DataFrame:
    from sklearn.metrics import log_loss, r2_score, roc_auc_score

    treated = trials["treated"].to_numpy()
    e = _bounded(predictions["propensity"], settings)
    rows: list[tuple[str, str | None, float]] = [
        ("propensity_auc", None, roc_auc_score(treated, e)),
        ("propensity_log_loss", None, log_loss(treated, e)),
        ("propensity_log_loss_as_fitted", None, log_loss(treated, _bounded(predictions[_AS_FITTED], settings))),
    ]
    for outcome, y in observed.items():
        means = [predictions[mu_column(arm, outcome)] for arm in (0, 1)]
        for arm, name in ((0, "r2_control"), (1, "r2_treated")):
            of_arm = treated == arm
            # Of an outcome that does not vary there is nothing to explain.
            varies = np.ptp(y[of_arm]) > 0
            rows.append((name, outcome, r2_score(y[of_arm], means[arm][of_arm]) if varies else np.nan))
        ry, rt = _partialled_out(y, treated, predictions, outcome, settings)
        rows.append(("overlap_weighted", outcome, float((rt * ry).sum() / (rt**2).sum())))
    for (model, weighed), own in weights.items():
        rows += [
            (f"weight_{model}_{name}", weighed, float(w)) for name, w in zip(("linear", "trees"), own, strict=True)
        ]
    frame = pd.DataFrame(rows, columns=["quantity", "outcome", "value"])
    return frame.assign(repeat=repeat)[["repeat", "quantity", "outcome", "value"]]


def aipw_scores(y: Array, treated: Array, e: Array, mu0: Array, mu1: Array) -> Array:
    """Doubly robust score of each trial's effect, in units of y (Robins, Rotnitzky & Zhao 1994):

    mu1 - mu0 + t (y - mu1) / e - (1 - t) (y - mu0) / (1 - e).
    """
    return mu1 - mu0 + treated * (y - mu1) / e - (1 - treated) * (y - mu0) / (1 - e)


@dataclass(frozen=True)
class Residuals:
    """What every effect estimator works on; arrays of length n. `y` in $ for the primary outcome.

    `households`: what is clustered by, the household with its copies.
    """

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
        households=clusters_of(trials),
        folds=nuisances["fold"].to_numpy(),
    )
