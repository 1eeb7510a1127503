"""Conditional effects: learners against formulas and planted effects, and the choice among them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from econml.grf import CausalForest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.base import clone

from dunnhumby_pipeline.causal.cate import selection
from dunnhumby_pipeline.causal.cate.learners import (
    CONSTANT,
    LEARNERS,
    FittedEffect,
    Learner,
    column_reader,
    fit_causal_forest,
    fit_constant,
    fit_r_learner,
    fit_t_learner,
    household_bootstraps,
    subset,
)
from dunnhumby_pipeline.causal.cate.selection import CateFit, choose, fit_cate, household_effects, r_loss
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import CateSettings, load_settings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, invent_trials

SMALL = CateSettings(n_trees=40, min_leaf=10, n_bootstraps=20, n_outcome_bootstraps=10, n_jobs=1)


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module")
def varied() -> Known:
    """400 households in two campaigns, whose effects differ by the third covariate."""
    return invent_trials(400, seed=1, effect=sloped, n_campaigns=2, household_noise=1.0)


@pytest.fixture(scope="module")
def uniform() -> Known:
    return invent_trials(400, seed=2, effect=flat, n_campaigns=2, household_noise=1.0)


def blind(known: Known) -> Residuals:
    """True propensity and control means; but treated means that know the average effect only."""
    return known.residuals(mu1=known.mu0 + known.effect.mean())


# Learners


def test_the_constant_is_robinsons_formula_and_close_to_the_overlap_weighted_effect(varied: Known) -> None:
    data = blind(varied)
    fitted = fit_constant(varied.x, data, SMALL, 1)
    ry = data.y - (data.propensity * data.mu1 + (1 - data.propensity) * data.mu0)
    rt = data.treated - data.propensity
    expected = (rt * ry).sum() / (rt**2).sum()
    assert fitted.effect(varied.x[:3]).tolist() == pytest.approx([expected] * 3)
    influence = rt * (ry - expected * rt) / (rt**2).mean()
    assert fitted.standard_error(varied.x[:2]).tolist() == pytest.approx([clustered_se(influence, data.households)] * 2)
    weighted, se = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
    assert abs(expected - weighted) < se
    assert abs(expected - varied.ato) < 3 * se


@pytest.mark.parametrize("learn", [fit_r_learner, fit_causal_forest, fit_t_learner])
def test_a_planted_effect_is_found_on_other_households(learn: Learner, varied: Known) -> None:
    new = invent_trials(200, seed=3, effect=sloped)
    fitted = learn(varied.x, blind(varied), SMALL, 1)
    effect, se = fitted.effect(new.x), fitted.standard_error(new.x)
    assert np.corrcoef(effect, new.effect)[0, 1] > 0.8
    assert abs(effect.mean() - new.effect.mean()) < 0.6
    assert effect.shape == se.shape == (200,)
    assert se.min() > 0
    # An error that says how far off the effects are, neither all of their spread nor next to nothing.
    assert 0.1 < np.median(se) < 2.0


def test_the_lasso_is_near_constant_when_effects_are(uniform: Known) -> None:
    data = uniform.residuals()
    fitted, constant = (learn(uniform.x, data, SMALL, 1) for learn in (fit_r_learner, fit_constant))
    effect = fitted.effect(uniform.x)
    assert effect.std() < 0.15
    assert abs(effect.mean() - 2.0) < 3 * constant.standard_error(uniform.x)[0]
    # With nothing else to learn, the bootstrap error is that of the constant.
    assert np.median(fitted.standard_error(uniform.x)) == pytest.approx(constant.standard_error(uniform.x)[0], rel=0.4)


@pytest.mark.parametrize("learn", [fit_constant, fit_r_learner, fit_causal_forest])
def test_cents_give_the_effect_and_error_in_cents(learn: Learner, varied: Known) -> None:
    data = blind(varied)
    in_cents = Residuals(**{**vars(data), "y": 100 * data.y, "mu0": 100 * data.mu0, "mu1": 100 * data.mu1})
    dollars, cents = (learn(varied.x, units, SMALL, 1) for units in (data, in_cents))
    new = varied.x[:20]
    np.testing.assert_allclose(cents.effect(new), 100 * dollars.effect(new), rtol=1e-3)
    np.testing.assert_allclose(cents.standard_error(new), 100 * dollars.standard_error(new), rtol=1e-3)


@pytest.mark.parametrize("learn", LEARNERS.values(), ids=LEARNERS)
def test_a_seed_gives_one_result(learn: Learner, varied: Known) -> None:
    few = np.arange(200)
    first, second = (learn(varied.x[few], subset(blind(varied), few), SMALL, 5) for _ in range(2))
    np.testing.assert_array_equal(first.effect(varied.x[:9]), second.effect(varied.x[:9]))
    np.testing.assert_array_equal(first.standard_error(varied.x[:9]), second.standard_error(varied.x[:9]))


def test_the_t_learner_is_the_difference_of_means_fitted_by_arm(varied: Known) -> None:
    data = varied.residuals()
    fitted = fit_t_learner(varied.x, data, SMALL, 1)
    # Another outcome of the controls leaves the treated arm's model alone: effects shift by the controls' shift.
    shifted = Residuals(**{**vars(data), "y": data.y + 50.0 * (data.treated == 0)})
    difference = fit_t_learner(varied.x, shifted, SMALL, 1).effect(varied.x) - fitted.effect(varied.x)
    np.testing.assert_allclose(difference, -50.0, atol=0.5)


def test_the_forest_is_grown_on_the_shared_residuals(varied: Known) -> None:
    data = blind(varied)
    fitted = fit_causal_forest(varied.x, data, SMALL, 1)
    forest = CausalForest(
        n_estimators=SMALL.n_trees,
        min_samples_leaf=SMALL.min_leaf,
        max_samples=SMALL.max_samples,
        max_features=4,
        random_state=1,
        n_jobs=1,
    ).fit(varied.x, data.treatment_residual, data.outcome_residual)
    np.testing.assert_allclose(fitted.effect(varied.x), forest.predict(varied.x).ravel(), atol=1e-6)
    # With nuisances that are off, it is another forest: the nuisances given are the nuisances used.
    off = fit_causal_forest(varied.x, varied.residuals(mu0=np.zeros(800), mu1=np.zeros(800)), SMALL, 1)
    assert np.abs(off.effect(varied.x) - fitted.effect(varied.x)).max() > 0.1


def test_a_column_reader_reads_its_column_and_can_be_cloned() -> None:
    table = np.arange(6.0).reshape(2, 3)
    reader = clone(column_reader(2)).fit(table, np.zeros(2))
    assert reader.predict(table).tolist() == [2.0, 5.0]


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-3, 5), min_size=1, max_size=30), st.integers(0, 99))
def test_a_household_is_resampled_with_all_its_trials(households: list[int], seed: int) -> None:
    keys = np.array(households)
    samples = list(household_bootstraps(keys, 3, seed))
    assert len(samples) == 3
    for rows in samples:
        times = pd.Series(np.bincount(rows, minlength=len(keys))).groupby(keys)
        assert (times.nunique() == 1).all()
        assert times.first().sum() == len(set(households))
    again = list(household_bootstraps(keys, 3, seed))
    assert all((one == other).all() for one, other in zip(samples, again, strict=True))


# The choice


def test_the_loss_is_its_formula() -> None:
    one = np.array([1.0])
    data = Residuals(7 * one, one, 0.25 * one, 2 * one, 4 * one, one.astype(int), one.astype(int))
    # y - m = 7 - (0.25 x 4 + 0.75 x 2) = 4.5; t - e = 0.75.
    assert r_loss(data, 2 * one).tolist() == [(4.5 - 2 * 0.75) ** 2]


def test_a_model_must_beat_the_constant_by_more_than_noise() -> None:
    rng = np.random.default_rng(4)
    everyone, households = np.ones(200, dtype=bool), np.arange(200)
    losses = {CONSTANT: np.full(200, 10.0), "lucky": 10.0 - 0.5 + 10 * rng.normal(size=200)}
    losses["lucky"] += 9.5 - losses["lucky"].mean()
    assert choose(losses, everyone, households, 1.0) == CONSTANT
    assert choose(losses, everyone, households, 0.0) == "lucky"
    # Ten trials a household make the same gain less sure; twice the gain is enough.
    losses["steady"] = losses["lucky"] - 0.5
    assert choose(losses, everyone, households, 1.0) == "steady"
    assert choose(losses, everyone, np.sort(rng.integers(0, 2, 200)), 50.0) == CONSTANT
    losses["worse"] = losses["steady"] + 20.0
    assert choose(losses, everyone, households, 0.0) == "steady"


def _fit(known: Known, data: Residuals | None = None) -> CateFit:
    return fit_cate(known.trials, known.x, data or blind(known), SMALL, 0.95, 1)


@pytest.fixture(scope="module")
def fitted(varied: Known) -> CateFit:
    return _fit(varied)


def test_a_model_is_chosen_when_effects_differ_and_the_constant_when_they_do_not(
    varied: Known, uniform: Known, fitted: CateFit
) -> None:
    assert fitted.chosen in {"r_learner", "causal_forest"}
    assert CONSTANT not in set(fitted.estimates["model"])
    assert np.corrcoef(fitted.estimates["cate"], varied.effect)[0, 1] > 0.8
    alike = _fit(uniform, uniform.residuals())
    assert alike.chosen == CONSTANT
    within = alike.estimates.groupby(["model", "fold"])["cate"].nunique()
    assert within.loc[CONSTANT].max() == 1
    assert abs(alike.estimates["cate"].mean() - 2.0) < 0.5


def test_estimates_are_out_of_fold_and_in_the_order_of_the_trials(varied: Known, fitted: CateFit) -> None:
    own = ["household_key", "campaign", "cate", "cate_lower", "cate_upper", "fold", "model"]
    assert fitted.estimates.columns.tolist() == own
    assert fitted.estimates[own[:2]].equals(varied.trials[own[:2]])
    data = blind(varied)
    np.testing.assert_array_equal(fitted.estimates["fold"], data.folds)
    fold, name = fitted.estimates.loc[0, ["fold", "model"]]
    held_out = data.folds == fold
    again = LEARNERS[name](varied.x[~held_out], subset(data, ~held_out), SMALL, 1)
    rows = fitted.estimates[held_out]
    np.testing.assert_allclose(rows["cate"], again.effect(varied.x[held_out]))
    half = 1.959964 * again.standard_error(varied.x[held_out])
    np.testing.assert_allclose(rows["cate_upper"] - rows["cate"], half, rtol=1e-5)
    np.testing.assert_allclose(rows["cate"] - rows["cate_lower"], half, rtol=1e-5)


def test_the_score_table_says_what_was_compared(varied: Known, fitted: CateFit) -> None:
    table = fitted.models
    assert table.columns.tolist() == ["model", "fold", "r_loss", "gain_over_constant", "gain_se", "chosen"]
    assert set(table["model"]) == set(LEARNERS)
    assert sorted(set(table["fold"])) == [-1, 0, 1, 2]
    assert (table.groupby("fold")["chosen"].sum() == 1).all()
    losses = table.set_index(["fold", "model"])["r_loss"]
    gains = table.set_index(["fold", "model"])["gain_over_constant"]
    for fold in (-1, 0, 1, 2):
        np.testing.assert_allclose(gains[fold], losses[fold][CONSTANT] - losses[fold], atol=1e-9)
    data = blind(varied)
    rows = data.folds == 1
    constant = LEARNERS[CONSTANT](varied.x[~rows], subset(data, ~rows), SMALL, 1).effect(varied.x[rows])
    assert losses[1][CONSTANT] == pytest.approx(r_loss(subset(data, rows), constant).mean())
    # The shared means are the T-learner's out-of-fold effect; here they know the average effect only.
    assert losses[-1]["t_learner"] == pytest.approx(r_loss(data, data.mu1 - data.mu0).mean())


def _knows(effect: float, slope: float) -> Learner:
    """A model that needs no data."""
    return lambda x, data, settings, seed: FittedEffect(
        lambda new: effect + slope * new[:, 2], lambda new: np.ones(len(new))
    )


def test_a_folds_own_outcomes_have_no_say_in_its_model(varied: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {CONSTANT: _knows(2, 0), "right": _knows(2, 3), "reversed": _knows(2, -3), "t_learner": _knows(2, 0)}
    monkeypatch.setattr(selection, "LEARNERS", models)
    data = blind(varied)
    before = _fit(varied).estimates.groupby("fold")["model"].first()
    assert before.tolist() == ["right"] * 3
    # In fold 0 the effects now run the other way, so strongly that they rule every choice they enter.
    rt, slope = data.treatment_residual, varied.x[:, 2]
    turned = np.where(data.folds == 0, data.y - 40 * rt * slope, data.y)
    after = _fit(varied, Residuals(**{**vars(data), "y": turned})).estimates.groupby("fold")["model"].first()
    assert after.tolist() == ["right", "reversed", "reversed"]


def test_households_of_today_get_the_final_model_and_a_propensity(varied: Known, fitted: CateFit) -> None:
    names = list("abcd")
    frame = pd.DataFrame(varied.x, columns=names).assign(campaign=varied.trials["campaign"])
    design = fit_design_matrix(frame, names)
    x, data = design.apply(frame), blind(varied)
    final = _fit(Known(varied.trials, x, varied.propensity, varied.mu0, varied.mu1), data)
    new = invent_trials(60, seed=6, effect=sloped)
    today = pd.DataFrame(new.x, columns=names, index=range(100, 160)).assign(
        campaign=2, household_key=range(60), received_before=[True, False] * 30, lookback_segment="light"
    )
    settings = load_settings(confidence=0.8)
    found = household_effects(today, design, x, data, final, settings)
    own = "household_key received_before lookback_segment cate cate_lower cate_upper propensity"
    assert found.columns.tolist() == own.split()
    assert found["household_key"].tolist() == list(range(60))
    assert np.corrcoef(found["cate"], new.effect)[0, 1] > 0.8
    assert np.corrcoef(found["propensity"], new.propensity)[0, 1] > 0.9
    assert found["propensity"].between(0, 1).all()
    half = 1.281552 * final.final.standard_error(design.apply(today))
    np.testing.assert_allclose(found["cate_upper"] - found["cate"], half, rtol=1e-5)
    np.testing.assert_allclose(found["cate"] - found["cate_lower"], half, rtol=1e-5)
    assert fitted.chosen == final.chosen
