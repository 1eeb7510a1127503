"""Folds, nuisances and scores: what is fitted out of fold, and that nothing leaks into it."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn.linear_model import Lasso, LassoCV, Ridge
from sklearn.model_selection import PredefinedSplit, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dunnhumby_pipeline.causal.design.clusters import clusters_of, with_clusters
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import aipw_scores, cross_fit, residuals
from dunnhumby_pipeline.causal.nuisance.folds import drawn, household_folds
from dunnhumby_pipeline.causal.nuisance.lasso import fit_lassos
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means, with_outcome
from dunnhumby_pipeline.causal.nuisance.models import (
    LINEAR_ONLY,
    TREES_ONLY,
    fit_outcome,
    fit_outcomes,
    fit_propensity,
)
from dunnhumby_pipeline.settings import NuisanceSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

TWO_FOLDS = NuisanceSettings(n_folds=2, n_repeats=1, n_jobs=1)


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


# Folds


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 4))
def test_folds_keep_households_together_and_hold_both_arms(seed: int, n_folds: int, n_campaigns: int) -> None:
    rng = np.random.default_rng(seed)
    # Each household is a control until the campaign that sends it, which is its last trial.
    sent = rng.integers(0, n_campaigns + 2, 60)
    rows = [(h, w, int(sent[h] == w)) for h in range(60) for w in range(min(n_campaigns, sent[h] + 1))]
    trials = pd.DataFrame(rows, columns=["household_key", "campaign", "treated"])
    assume(trials.loc[trials["treated"] == 1, "household_key"].nunique() >= 2 * n_folds)
    folds = household_folds(trials, n_folds, seed)
    assert set(folds) == set(range(n_folds))
    by_fold = trials.assign(fold=folds).groupby("fold")["treated"].nunique()
    assert (by_fold == 2).all()
    assert trials.assign(fold=folds).groupby("household_key")["fold"].nunique().max() == 1
    assert np.bincount(folds).max() <= 2 * len(trials) / n_folds


def test_copies_of_a_household_share_its_fold_and_its_cluster() -> None:
    known = simulate_trials(120, seed=5, effect=constant_effect, n_campaigns=2)
    key = known.trials["household_key"]
    copies = pd.DataFrame({"household_key": [3, 90, 91, 7, 44], "cluster": [3, 3, 3, 7, 7]})
    trials = with_clusters(known.trials, copies)
    joined = key.replace({90: 3, 91: 3, 44: 7}).to_numpy()
    np.testing.assert_array_equal(clusters_of(trials), joined)
    folds = household_folds(trials, 4, seed=1)
    assert pd.Series(folds).groupby(joined).nunique().max() == 1
    # As if they had been one household from the start.
    np.testing.assert_array_equal(folds, household_folds(known.trials.assign(household_key=joined), 4, seed=1))
    data = residuals(trials, known.nuisances(), "purchase_amount")
    np.testing.assert_array_equal(data.households, joined)


def test_households_without_copies_are_their_own_clusters() -> None:
    trials = simulate_trials(50, seed=5, effect=constant_effect).trials
    others = pd.DataFrame({"household_key": [1000, 1001], "cluster": [1000, 1000]})
    for copies in (others, others.head(0)):
        pd.testing.assert_frame_equal(with_clusters(trials, copies), trials)
    np.testing.assert_array_equal(clusters_of(trials), trials["household_key"])


def test_an_effect_does_not_gain_precision_from_copies() -> None:
    known = simulate_trials(300, seed=6, effect=constant_effect)
    own = known.residuals()
    everyone = np.ones(600, dtype=bool)
    twice = pd.concat([known.trials, known.trials.assign(household_key=known.trials["household_key"] + 1000)])
    key = known.trials["household_key"]
    copies = pd.DataFrame({"household_key": [*key, *(key + 1000)], "cluster": [*key, *key]})
    nuisances = pd.concat([known.nuisances()] * 2).assign(household_key=twice["household_key"])
    effect, se = overlap_weighted(own, everyone[:300])
    apart = overlap_weighted(residuals(twice, nuisances, "purchase_amount"), everyone)
    together = overlap_weighted(residuals(with_clusters(twice, copies), nuisances, "purchase_amount"), everyone)
    assert together == pytest.approx((effect, se))
    assert apart[1] < 0.75 * se


def test_an_arm_too_small_for_the_folds_is_named() -> None:
    trials = pd.DataFrame({"household_key": range(20), "campaign": 1, "treated": [1] * 3 + [0] * 17})
    with pytest.raises(ValueError, match=r"the treated arm has 3 households, fewer than nuisance\.n_folds = 5"):
        household_folds(trials, 5, seed=1)
    with pytest.raises(ValueError, match="the control arm has 0 households"):
        household_folds(trials.assign(treated=1), 5, seed=1)
    # One household per fold, and none but itself to fit on in the other.
    with pytest.raises(ValueError, match="holds 1 treated households and leaves 1 to fit on"):
        household_folds(trials.assign(treated=[1] * 2 + [0] * 18), 2, seed=1)


@pytest.mark.parametrize(("n_folds", "seed"), [(2, 1), (3, 2), (5, 3), (5, 4)])
def test_folds_are_those_of_scikit_learn(n_folds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = {"household_key": rng.integers(0, 90, 300), "campaign": rng.choice([8, 13, 18], 300)}
    trials = pd.DataFrame(columns).assign(treated=rng.integers(0, 2, 300))
    strata = trials["campaign"].astype(str) + "/" + trials["treated"].astype(str)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = household_folds(trials, n_folds, seed)
    for fold, (_, held_out) in enumerate(splitter.split(trials, strata, trials["household_key"])):
        np.testing.assert_array_equal(np.flatnonzero(folds == fold), held_out)


# Models


def test_lassos_of_many_outcomes_are_those_of_scikit_learn_alone() -> None:
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(60), 4)
    x = rng.normal(size=(240, 8)) * [1, 50, 0.01, 1, 1, 1, 1, 0] + [0, 9, 0, 0, 0, 0, 0, 5]
    outcomes = np.column_stack([3 * x[:, 0] + rng.normal(size=240), x[:, 1] - 200 * x[:, 2], rng.normal(size=240)])
    folds = groups % 4
    found, out_of_fold = fit_lassos(x, outcomes, folds)
    for own, predicted, y in zip(found, out_of_fold.T, outcomes.T, strict=True):
        inner = list(PredefinedSplit(folds).split(x, y))
        alone = make_pipeline(StandardScaler(), LassoCV(alphas=30, cv=inner, max_iter=5000, tol=1e-3)).fit(x, y)
        np.testing.assert_allclose(own.predict(x), alone.predict(x), rtol=1e-9, atol=1e-9)
        assert own.slopes[7] == 0
        # What it says of a fold is what it says when fitted to the others.
        train, out = inner[0]
        penalty = alone[-1].alpha_
        standard = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
        of_others = Lasso(penalty, max_iter=5000, tol=1e-6).fit(standard[train], y[train])
        np.testing.assert_allclose(predicted[out], of_others.predict(standard[out]), atol=0.15 * y.std())


def test_an_outcome_is_fitted_as_it_is_alone_whatever_stands_beside_it() -> None:
    rng = np.random.default_rng(5)
    x, households = rng.normal(size=(120, 4)), np.arange(120) // 2
    outcomes = np.column_stack([x[:, 0] + rng.normal(size=120), np.full(120, 0.0), x[:, 1] ** 2])
    for own, y in zip(fit_outcomes(x, outcomes, households, seed=1), outcomes.T, strict=True):
        alone = fit_outcome(x, y, households, seed=1)
        np.testing.assert_allclose(own.mean(x), alone.mean(x), rtol=1e-9)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(own)).mean(x), own.mean(x))


def test_the_candidate_that_fits_gets_the_weight() -> None:
    rng = np.random.default_rng(6)
    x, households = rng.normal(size=(1600, 6)), np.arange(1600) // 2
    straight = x @ [3.0, -2, 1, 0, 0, 0] + rng.normal(size=1600)
    curved = 4 * np.sin(3 * x[:, 0]) * (x[:, 1] > 0) + rng.normal(size=1600)
    linear, trees = (own.weights for own in fit_outcomes(x, np.column_stack([straight, curved]), households, seed=1))
    assert linear[0] > 0.8 > 0.2 > linear[1]
    assert trees[1] > 0.8
    assert (np.concatenate([linear, trees]) <= 1).all()
    noise = rng.normal(size=1600)
    (nothing,) = fit_outcomes(x, noise[:, None], households, seed=1)
    assert nothing.mean(x).std() < 0.3
    for chance, own in ((special.expit(2 * x[:, 0]), 0), (np.where(x[:, 0] * x[:, 1] > 0, 0.9, 0.1), 1)):
        treated = rng.binomial(1, chance)
        weights = fit_propensity(x, treated, households, seed=1).weights
        assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
        assert weights[own] > 0.7


def test_one_kind_of_candidate_alone_can_be_asked_for() -> None:
    rng = np.random.default_rng(7)
    x, households = rng.normal(size=(400, 3)), np.arange(400)
    y, treated = x[:, 0] + rng.normal(size=400), rng.binomial(1, special.expit(x[:, 1]))
    for candidates, out in ((LINEAR_ONLY, 1), (TREES_ONLY, 0)):
        assert fit_outcomes(x, y[:, None], households, 1, candidates)[0].weights[out] == 0
        assert fit_propensity(x, treated, households, 1, candidates).weights[out] == 0


def test_trees_that_begin_from_the_truth_have_nothing_to_add() -> None:
    rng = np.random.default_rng(8)
    x, households = rng.normal(size=(200, 5)), np.arange(200)
    truth = 5 * np.sin(4 * x[:, 0]) + 3 * (x[:, 1] > 0)
    y = truth + 2 + rng.normal(size=200)
    alone, begun = (fit_outcomes(x, y[:, None], households, 1, start=start)[0] for start in (None, truth[:, None]))
    new = rng.normal(size=(2000, 5))
    of_new = 5 * np.sin(4 * new[:, 0]) + 3 * (new[:, 1] > 0)
    missed = [np.sqrt(((said - of_new - 2) ** 2).mean()) for said in (alone.mean(new), begun.mean(new, of_new))]
    assert missed[1] < 0.7 < 1.5 < missed[0]


# Nuisances


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(150, seed=1, effect=constant_effect, n_campaigns=2)


@pytest.fixture(scope="module")
def nuisances(known: Known) -> pd.DataFrame:
    return cross_fit(known.trials, known.x, TWO_FOLDS, seed=3).nuisances


def test_nuisances_follow_the_truth(known: Known, nuisances: pd.DataFrame) -> None:
    assert nuisances[["household_key", "campaign", "treated"]].equals(
        known.trials[["household_key", "campaign", "treated"]]
    )
    assert np.corrcoef(nuisances["propensity"], known.propensity)[0, 1] > 0.75
    assert np.corrcoef(nuisances["mu0_purchase_amount"], known.mu0)[0, 1] > 0.95
    assert np.corrcoef(nuisances["mu1_purchase_count"], known.mu1)[0, 1] > 0.95


def test_a_second_pass_gives_the_same_nuisances(known: Known, nuisances: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(cross_fit(known.trials, known.x, TWO_FOLDS, seed=3).nuisances, nuisances)


def test_a_households_own_outcomes_never_enter_its_predictions(known: Known, nuisances: pd.DataFrame) -> None:
    own = known.trials["household_key"] == known.trials["household_key"].iloc[7]
    shifted = known.trials["purchase_amount"].where(~own, 1e4)
    changed = cross_fit(known.trials.assign(purchase_amount=shifted), known.x, TWO_FOLDS, seed=3).nuisances
    fold = nuisances["fold"] == nuisances.loc[own, "fold"].iloc[0]
    assert 2 <= int(own.sum()) < int(fold.sum())
    pd.testing.assert_frame_equal(changed[fold], nuisances[fold])
    moved = (changed["mu0_purchase_amount"] - nuisances["mu0_purchase_amount"])[~fold].abs()
    moved += (changed["mu1_purchase_amount"] - nuisances["mu1_purchase_amount"])[~fold].abs()
    assert moved.min() > 0
    assert changed["propensity"].equals(nuisances["propensity"])


def test_propensities_near_0_and_1_are_bounded_and_counted(known: Known, nuisances: pd.DataFrame) -> None:
    assert not nuisances["propensity_bounded"].any()
    bound = NuisanceSettings(n_folds=2, n_repeats=1, n_jobs=1, propensity_bound=0.4)
    bounded = cross_fit(known.trials, known.x, bound, seed=3).nuisances
    raw = nuisances["propensity"]
    outside = (raw < 0.4) | (raw > 0.6)
    assert 0.1 < outside.mean() < 0.95
    assert bounded["propensity_bounded"].equals(outside.rename("propensity_bounded"))
    np.testing.assert_array_equal(bounded["propensity"], raw.clip(0.4, 0.6))


def test_the_score_is_its_formula() -> None:
    # Treated: 12 - 10 + (14 - 12) / 0.25; control: 12 - 10 - (7 - 10) / 0.75.
    columns = (np.array([14.0, 7.0]), np.array([1.0, 0.0]), np.full(2, 0.25), np.full(2, 10.0), np.full(2, 12.0))
    assert aipw_scores(*columns).tolist() == [10.0, 6.0]


def test_residuals_are_their_formulas_and_refuse_other_trials(known: Known, nuisances: pd.DataFrame) -> None:
    data = residuals(known.trials, nuisances, "purchase_amount")
    mean = data.propensity * data.mu1 + (1 - data.propensity) * data.mu0
    np.testing.assert_allclose(data.outcome_residual, data.y - mean)
    np.testing.assert_array_equal(data.treatment_residual, known.trials["treated"] - nuisances["propensity"])
    with pytest.raises(ValueError, match="list different trials; materialise nuisances again"):
        residuals(known.trials.iloc[::-1], nuisances, "purchase_amount")


# Repeats


def _settings(**changed: float) -> NuisanceSettings:
    return TWO_FOLDS.model_copy(update=changed)


def test_nuisances_are_medians_over_divisions_into_folds(known: Known) -> None:
    own = ["purchase_amount"]
    singles = [
        cross_fit(known.trials, known.x, TWO_FOLDS, seed=3 + repeat, outcomes=own).nuisances for repeat in range(3)
    ]
    several = cross_fit(known.trials, known.x, _settings(n_repeats=3, repeat_agreement=0.0), seed=3, outcomes=own)
    assert several.nuisances["fold"].equals(singles[0]["fold"])
    for column in ("propensity", "mu0_purchase_amount", "mu1_purchase_amount"):
        values = [single[column] for single in singles]
        assert np.ptp(values, axis=0).min() > 0
        np.testing.assert_array_equal(several.nuisances[column], np.median(values, axis=0))
    quality = several.quality
    assert sorted(quality["repeat"].unique()) == [-1, 0, 1, 2]
    effects = quality[(quality["quantity"] == "overlap_weighted") & (quality["outcome"] == "purchase_amount")]
    alone, medians = effects[effects["repeat"] >= 0]["value"], effects[effects["repeat"] == -1]["value"].item()
    assert alone.std() > 0
    assert abs(medians - 2.0) < 1.0


@pytest.mark.parametrize(("agreement", "n_made"), [(0.0, 4), (1e9, 2)])
def test_no_further_division_is_made_where_two_agree(known: Known, agreement: float, n_made: int) -> None:
    several = _settings(n_repeats=4, repeat_agreement=agreement)
    assert (
        cross_fit(known.trials, known.x, several, seed=3, outcomes=["purchase_amount"]).quality["repeat"].max() + 1
        == n_made
    )


def test_divisions_agree_within_a_share_of_the_standard_error(known: Known) -> None:
    outcomes = ["purchase_amount"]
    once = [cross_fit(known.trials, known.x, TWO_FOLDS, seed=seed, outcomes=outcomes).nuisances for seed in (3, 4)]
    everyone = np.ones(len(known.trials), dtype=bool)
    effects, errors = zip(
        *(overlap_weighted(residuals(known.trials, each, "purchase_amount"), everyone) for each in once), strict=True
    )
    apart = abs(effects[0] - effects[1]) / min(errors)
    for agreement, n_made in ((1.02 * apart, 2), (0.98 * apart, 3)):
        several = _settings(n_repeats=3, repeat_agreement=agreement)
        found = cross_fit(known.trials, known.x, several, seed=3, outcomes=outcomes)
        assert found.quality["repeat"].max() + 1 == n_made


def test_a_household_enters_none_of_the_repeats_of_its_own_predictions(known: Known) -> None:
    several = _settings(n_repeats=2)
    own = known.trials["household_key"] == known.trials["household_key"].iloc[7]
    changed = known.trials.assign(purchase_amount=known.trials["purchase_amount"].where(~own, 1e4))
    columns = ["propensity", "mu0_purchase_amount", "mu1_purchase_amount"]
    before, after = (
        cross_fit(trials, known.x, several, seed=3, outcomes=["purchase_amount"]).nuisances.loc[own, columns]
        for trials in (known.trials, changed)
    )
    pd.testing.assert_frame_equal(after, before)


def test_workers_change_nothing(known: Known) -> None:
    alone = cross_fit(known.trials, known.x, TWO_FOLDS, seed=3)
    side_by_side = cross_fit(known.trials, known.x, _settings(n_jobs=2), seed=3)
    pd.testing.assert_frame_equal(side_by_side.nuisances, alone.nuisances, check_exact=True)


def test_the_quality_of_a_fit_is_reported_for_every_outcome_asked_for(known: Known) -> None:
    trials = known.trials.assign(amount_without_fuel=known.trials["purchase_amount"] * 0.5, redeemed=0)
    outcomes = ("amount_without_fuel", "redeemed")
    found = cross_fit(trials, known.x, TWO_FOLDS, seed=3, outcomes=outcomes)
    assert {name for name in found.nuisances if name.startswith("mu")} == {
        f"mu{arm}_{outcome}" for outcome in outcomes for arm in (0, 1)
    }
    # Nobody redeems, and no model is asked why.
    assert (found.nuisances[["mu0_redeemed", "mu1_redeemed"]] == 0).all(axis=None)
    value = found.quality[found.quality["repeat"] == 0].set_index(["quantity", "outcome"])["value"]
    y, t = trials["amount_without_fuel"], trials["treated"]
    residual = (y - found.nuisances["mu0_amount_without_fuel"])[t == 0]
    by_hand = 1 - (residual**2).sum() / ((y - y[t == 0].mean())[t == 0] ** 2).sum()
    assert value["r2_control", "amount_without_fuel"] == pytest.approx(by_hand)
    assert 0.5 < value["propensity_auc"].item() < 1
    assert value[["weight_propensity_linear", "weight_propensity_trees"]].sum() == pytest.approx(1)
    assert value["weight_control_linear", "amount_without_fuel"] + value["weight_control_trees"].iloc[0] > 0.8


def test_large_studies_are_fitted_to_whole_households_drawn_and_predicted_for_all(known: Known) -> None:
    rows = np.ones(len(known.trials), dtype=bool)
    households = known.trials["household_key"].to_numpy()
    assert drawn(rows, households, 10_000, seed=1) is rows
    part = drawn(rows, households, 100, seed=1)
    assert part.sum() == 100
    of_household = pd.Series(part).groupby(households).nunique()
    assert (of_household == 1).all()
    assert (drawn(rows, households, 100, seed=1) == part).all()
    assert (drawn(rows, households, 100, seed=2) != part).any()
    # Only rows asked for are drawn from.
    assert not drawn(rows & (households > 75), households, 100, seed=1)[households <= 75].any()


# Means of many outcomes


def test_many_means_at_once_are_those_of_each_alone_and_out_of_fold() -> None:
    rng = np.random.default_rng(5)
    x, folds = rng.normal(size=(300, 3)), np.arange(300) % 3
    outcomes = np.column_stack([x[:, 0] * 5 + rng.normal(size=300), x[:, 1] - x[:, 2], np.full(300, 7.0)])
    together = linear_means(x, outcomes, folds)
    for column in range(3):
        np.testing.assert_allclose(linear_means(x, outcomes[:, [column]], folds)[:, 0], together[:, column], rtol=1e-8)
    np.testing.assert_allclose(together[:, 1], outcomes[:, 1], atol=0.05)
    np.testing.assert_allclose(together[:, 2], 7.0)
    shifted = outcomes.copy()
    shifted[folds == 0] += 100
    np.testing.assert_allclose(linear_means(x, shifted, folds)[folds == 0], together[folds == 0], rtol=1e-9)


def test_linear_means_are_those_of_a_ridge_on_the_other_folds() -> None:
    rng = np.random.default_rng(6)
    x, folds = rng.normal(size=(200, 4)) * [1, 10, 0.1, 0], np.arange(200) % 4
    y = x @ [1.0, 0.2, 3.0, 0.0] + rng.normal(size=200)
    found = linear_means(x, y[:, None], folds)[:, 0]
    standard = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1)
    for fold in range(4):
        train = folds != fold
        fits = [
            Ridge(penalty).fit(standard[train], y[train]).predict(standard[~train])
            for penalty in 10.0 ** np.arange(-1, 7)
        ]
        assert min(np.abs(fit - found[~train]).max() for fit in fits) < 1e-9


def test_another_outcome_keeps_the_trials_and_their_propensity(known: Known) -> None:
    data = known.residuals()
    other = with_outcome(data, data.y * 2, data.mu0)
    np.testing.assert_allclose(other.outcome_residual, data.y * 2 - data.mu0)
    np.testing.assert_array_equal(other.treatment_residual, data.treatment_residual)
