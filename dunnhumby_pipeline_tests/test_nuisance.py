"""Folds, nuisances and scores: what is fitted out of fold, and that nothing leaks into it."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.causal.nuisance import aipw_scores, cross_fit, household_folds, residuals
from dunnhumby_pipeline.settings import NuisanceSettings
from dunnhumby_pipeline_tests.known_truth import Array, Known, invent_trials

# Rare wave-and-arm combinations are spread as well as they can be.
pytestmark = pytest.mark.filterwarnings("ignore:The least populated class")

TWO_FOLDS = NuisanceSettings(n_folds=2, n_repeats=1, n_jobs=1)


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


# Folds


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 4))
def test_folds_keep_households_together_and_hold_both_arms(seed: int, n_folds: int, n_waves: int) -> None:
    rng = np.random.default_rng(seed)
    # Each household is a control until the wave that sends it, which is its last trial.
    sent = rng.integers(0, n_waves + 2, 60)
    rows = [(h, w, int(sent[h] == w)) for h in range(60) for w in range(min(n_waves, sent[h] + 1))]
    trials = pd.DataFrame(rows, columns=["household_key", "campaign", "treated"])
    assume(trials.loc[trials["treated"] == 1, "household_key"].nunique() >= 2 * n_folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folds = household_folds(trials, n_folds, seed)
    assert set(folds) == set(range(n_folds))
    by_fold = trials.assign(fold=folds).groupby("fold")["treated"].nunique()
    assert (by_fold == 2).all()
    assert trials.assign(fold=folds).groupby("household_key")["fold"].nunique().max() == 1
    assert np.bincount(folds).max() <= 2 * len(trials) / n_folds


def test_an_arm_too_small_for_the_folds_is_named() -> None:
    trials = pd.DataFrame({"household_key": range(20), "campaign": 1, "treated": [1] * 3 + [0] * 17})
    with pytest.raises(ValueError, match=r"the treated arm has 3 households, fewer than nuisance\.n_folds = 5"):
        household_folds(trials, 5, seed=1)
    with pytest.raises(ValueError, match="the control arm has 0 households"):
        household_folds(trials.assign(treated=1), 5, seed=1)
    # One household a fold, and none but itself to fit on in the other.
    with pytest.raises(ValueError, match="holds 1 treated households and leaves 1 to fit on"):
        household_folds(trials.assign(treated=[1] * 2 + [0] * 18), 2, seed=1)


# Nuisances


@pytest.fixture(scope="module")
def known() -> Known:
    return invent_trials(150, seed=1, effect=constant_effect, n_waves=2)


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
