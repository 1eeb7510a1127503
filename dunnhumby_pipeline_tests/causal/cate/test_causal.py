"""Conditional effects: learners against formulas and planted effects, and the choice among them."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.causal_forest import CausalForest
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.registry import DEAR, LEARNERS
from dunnhumby_pipeline.causal.cate.learners.resampling import household_bootstraps, subset
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner
from dunnhumby_pipeline.causal.cate.model_store import EffectModel, load_effect_model, save_effect_model
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se, normal_quantile
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.models import fit_outcome
from dunnhumby_pipeline.engine.arrays import ArraysFileError, read_arrays, write_arrays
from dunnhumby_pipeline.settings import CateSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SMALL = CateSettings(n_trees=40, n_tuned_trees=80, min_leaf=10, n_outcome_bootstraps=10, n_jobs=1)
EVERY = {**LEARNERS, **DEAR}


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module")
def varied() -> Known:
    """400 households in two campaigns, whose effects differ by the third covariate."""
    return simulate_trials(400, seed=1, effect=sloped, n_campaigns=2, household_noise=1.0)


@pytest.fixture(scope="module")
def uniform() -> Known:
    return simulate_trials(400, seed=2, effect=flat, n_campaigns=2, household_noise=1.0)


def blind(known: Known) -> Residuals:
    """True propensity and control means; but treated means that know the average effect only."""
    return known.residuals(mu1=known.mu0 + known.effect.mean())


def learned(kind: type[Learner], x: Array, data: Residuals, seed: int = 1) -> Learner:
    return kind.from_settings(SMALL, seed).fit(x, data)


def errors(model: Learner, x: Array) -> Array:
    """Half of the interval, in standard errors."""
    found = model.interval(x, 0.9)
    assert found is not None
    np.testing.assert_allclose((found[0] + found[1]) / 2, model.predict(x), rtol=1e-9, atol=1e-9)
    return (found[1] - found[0]) / 2 / normal_quantile(0.9)


# Learners


def test_the_constant_is_robinsons_formula_and_close_to_the_overlap_weighted_effect(varied: Known) -> None:
    data = blind(varied)
    fitted = learned(Constant, varied.x, data)
    ry = data.y - (data.propensity * data.mu1 + (1 - data.propensity) * data.mu0)
    rt = data.treated - data.propensity
    expected = (rt * ry).sum() / (rt**2).sum()
    assert fitted.predict(varied.x[:3]).tolist() == pytest.approx([expected] * 3)
    influence = rt * (ry - expected * rt) / (rt**2).mean()
    assert errors(fitted, varied.x[:2]).tolist() == pytest.approx([clustered_se(influence, data.households)] * 2)
    weighted, se = overlap_weighted(data, np.ones(len(data.y), dtype=bool))
    assert abs(expected - weighted) < se
    assert abs(expected - varied.ato) < 3 * se


@pytest.mark.parametrize("kind", [kind for kind in EVERY.values() if not kind.is_constant])
def test_a_planted_effect_is_found_on_other_households(kind: type[Learner], varied: Known) -> None:
    new = simulate_trials(200, seed=3, effect=sloped)
    fitted = learned(kind, varied.x, blind(varied))
    effect = fitted.predict(new.x)
    assert np.corrcoef(effect, new.effect)[0, 1] > 0.8
    assert abs(effect.mean() - new.effect.mean()) < 0.6
    assert effect.shape == (200,)
    if kind.interval_of is None:
        assert fitted.interval(new.x, 0.9) is None
        return
    se = errors(fitted, new.x)
    assert se.shape == (200,)
    assert se.min() > 0
    # An error that says how far off the effects are, neither all of their spread nor next to nothing.
    assert 0.1 < np.median(se) < 2.0


def test_the_lasso_is_near_constant_when_effects_are(uniform: Known) -> None:
    data = uniform.residuals()
    fitted, constant = (learned(kind, uniform.x, data) for kind in (RLearner, Constant))
    effect = fitted.predict(uniform.x)
    assert effect.std() < 0.15
    assert abs(effect.mean() - 2.0) < 3 * errors(constant, uniform.x)[0]
    # Coefficients at zero have no honest error: there is no interval, at zero or elsewhere.
    assert fitted.interval(uniform.x, 0.9) is None


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_cents_give_the_effect_and_error_in_cents(kind: type[Learner], varied: Known) -> None:
    few = np.arange(300)
    data = subset(blind(varied), few)
    in_cents = Residuals(**{**vars(data), "y": 100 * data.y, "mu0": 100 * data.mu0, "mu1": 100 * data.mu1})
    dollars, cents = (learned(kind, varied.x[few], units) for units in (data, in_cents))
    new = varied.x[:20]
    np.testing.assert_allclose(cents.predict(new), 100 * dollars.predict(new), rtol=1e-3)
    if kind.interval_of is not None:
        np.testing.assert_allclose(errors(cents, new), 100 * errors(dollars, new), rtol=1e-3)


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_a_seed_gives_one_result(kind: type[Learner], varied: Known) -> None:
    few = np.arange(200)
    first, second = (learned(kind, varied.x[few], subset(blind(varied), few), 5) for _ in range(2))
    np.testing.assert_array_equal(first.predict(varied.x[:9]), second.predict(varied.x[:9]))
    if kind.interval_of is not None:
        np.testing.assert_array_equal(errors(first, varied.x[:9]), errors(second, varied.x[:9]))


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_a_fitted_learner_survives_pickling_and_storing(kind: type[Learner], varied: Known, tmp_path: Path) -> None:
    few, new = np.arange(200), varied.x[:40]
    fitted = learned(kind, varied.x[few], subset(blind(varied), few))
    copied = pickle.loads(pickle.dumps(fitted))
    save_effect_model(EffectModel(fitted, ("a", "b", "c", "d")), tmp_path / "model.npz")
    stored = load_effect_model(tmp_path / "model.npz")
    assert stored.covariates == ("a", "b", "c", "d")
    for other in (copied, stored.learner):
        assert type(other) is kind
        assert other.get_params() == fitted.get_params()
        np.testing.assert_array_equal(other.predict(new), fitted.predict(new))
        np.testing.assert_array_equal(other.interval(new, 0.8), fitted.interval(new, 0.8))


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_a_learner_says_what_it_is_made_of(kind: type[Learner]) -> None:
    made = kind.from_settings(SMALL, 7)
    assert kind(**made.get_params()).get_params() == made.get_params()
    whose = {"constant": "average", "t_learner": "household", "linear_dml": "line"}
    assert kind.interval_of == whose.get(kind.name)
    assert kind.dear == (kind.name in DEAR)
    assert [learner for learner in EVERY.values() if learner.is_constant] == [Constant]


def test_a_file_that_holds_no_model_is_named(varied: Known, tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    with pytest.raises(FileNotFoundError):
        load_effect_model(path)
    path.write_bytes(b"no model")
    with pytest.raises(ArraysFileError, match=r"model\.npz is not a file of arrays"):
        load_effect_model(path)
    write_arrays(path, {}, {"format_version": 1, "learner": "oracle", "params": {}, "covariates": []})
    with pytest.raises(ArraysFileError, match="holds learner 'oracle' in format version 1; expected one of constant,"):
        load_effect_model(path)
    # A tree whose nodes lead back to its root would be followed for ever.
    save_effect_model(EffectModel(learned(CausalForest, varied.x, blind(varied)), tuple("abcd")), path)
    arrays, description = read_arrays(path)
    arrays["nodes"]["left_child"][0] = 0
    write_arrays(path, arrays, description)
    with pytest.raises(ArraysFileError, match="are not trees"):
        load_effect_model(path)


@pytest.mark.parametrize("varies", [True, False])
def test_the_t_learners_means_are_those_of_the_nuisances(varied: Known, varies: bool) -> None:
    data = varied.residuals() if varies else Residuals(**{**vars(varied.residuals()), "y": np.full(len(varied.x), 3.0)})
    control = learned(TLearner, varied.x, data)
    assert isinstance(control, TLearner)
    rows = data.treated == 0
    fitted = fit_outcome(varied.x[rows], data.y[rows], data.households[rows], 1)
    np.testing.assert_allclose(control.means[0].mean(varied.x), fitted.mean(varied.x), rtol=1e-9)


def test_the_t_learner_is_the_difference_of_means_fitted_by_arm(varied: Known) -> None:
    data = varied.residuals()
    fitted = learned(TLearner, varied.x, data)
    # Another outcome of the controls leaves the treated arm's model alone: effects shift by the controls' shift.
    shifted = Residuals(**{**vars(data), "y": data.y + 50.0 * (data.treated == 0)})
    difference = learned(TLearner, varied.x, shifted).predict(varied.x) - fitted.predict(varied.x)
    np.testing.assert_allclose(difference, -50.0, atol=0.5)


def test_the_forest_is_grown_on_the_shared_residuals(varied: Known) -> None:
    from econml.grf import CausalForest as Forest

    data = blind(varied)
    fitted = learned(CausalForest, varied.x, data)
    forest = Forest(
        n_estimators=SMALL.n_trees,
        min_samples_leaf=SMALL.min_leaf,
        max_samples=SMALL.max_samples,
        max_features=4,
        random_state=1,
        n_jobs=1,
    ).fit(varied.x, data.treatment_residual, data.outcome_residual)
    np.testing.assert_allclose(fitted.predict(varied.x), forest.predict(varied.x).ravel(), atol=1e-6)
    # With nuisances that are off, it is another forest: the nuisances given are the nuisances used.
    off = learned(CausalForest, varied.x, varied.residuals(mu0=np.zeros(800), mu1=np.zeros(800)))
    assert np.abs(off.predict(varied.x) - fitted.predict(varied.x)).max() > 0.1


class ColumnReader(RegressorMixin, BaseEstimator):
    """Predicts a column of its input: how econml.dml is given nuisances that are fitted already."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, x: Array, y: Array) -> ColumnReader:
        self.fitted_ = True
        return self

    def predict(self, x: Array) -> Array:
        return x[:, self.column]


def test_the_forest_is_that_of_causal_forest_dml_given_the_nuisances(varied: Known) -> None:
    from econml.dml import CausalForestDML

    data = blind(varied)
    nuisances = np.column_stack([data.y - data.outcome_residual, data.propensity])
    whole = CausalForestDML(
        model_y=ColumnReader(4),
        model_t=ColumnReader(5),
        cv=2,
        n_estimators=SMALL.n_trees,
        min_samples_leaf=SMALL.min_leaf,
        max_samples=SMALL.max_samples,
        max_features=4,
        random_state=1,
        n_jobs=1,
    ).fit(data.y, data.treated, X=varied.x, W=nuisances)
    fitted = learned(CausalForest, varied.x, data)
    np.testing.assert_allclose(fitted.predict(varied.x), whole.effect(varied.x).ravel(), rtol=1e-9)
    assert isinstance(fitted, CausalForest)
    own = whole.effect_inference(varied.x).stderr.ravel()
    np.testing.assert_allclose(fitted.standard_error(varied.x), own, rtol=1e-9)


@hypothesis_settings(max_examples=20, deadline=None)
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
