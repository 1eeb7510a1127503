"""Each learner against its formula, its twin in econml where there is one, and truths that it must tell apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GroupKFold

from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.dr_forest import DRForest
from dunnhumby_pipeline.causal.cate.learners.dr_linear import DRLinear
from dunnhumby_pipeline.causal.cate.learners.dr_xgboost import DRBoosted
from dunnhumby_pipeline.causal.cate.learners.forest_dr import ForestDR
from dunnhumby_pipeline.causal.cate.learners.grown import Grown, grow, standardised
from dunnhumby_pipeline.causal.cate.learners.inner_folds import inner_folds
from dunnhumby_pipeline.causal.cate.learners.linear_dml import LinearDML
from dunnhumby_pipeline.causal.cate.learners.pseudo_outcomes import of_imputed, of_residuals, of_scores
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.r_xgboost import RBoosted
from dunnhumby_pipeline.causal.cate.learners.registry import DEAR, LEARNERS, LEFT_TO_CERTIFICATE
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.cate.learners.s_learner import SLearner
from dunnhumby_pipeline.causal.cate.learners.t_gaussian_process import Process, TGaussianProcess
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner
from dunnhumby_pipeline.causal.cate.learners.t_xgboost import TBoosted
from dunnhumby_pipeline.causal.cate.learners.tuned_forest import TunedForest, by_household, household_samples
from dunnhumby_pipeline.causal.cate.learners.x_learner import XLearner
from dunnhumby_pipeline.causal.cate.learners.x_own_trees import XOwnTrees
from dunnhumby_pipeline.causal.cate.learners.x_xgboost import XBoosted
from dunnhumby_pipeline.causal.cate.validation.candidate import _PANEL
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.models import fit_outcome
from dunnhumby_pipeline.engine.arrays import ArraysFileError
from dunnhumby_pipeline.settings import CateSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SMALL = CateSettings(n_trees=40, n_tuned_trees=80, min_leaf=10, n_outcome_bootstraps=10, n_jobs=1)
BOOSTED = (XBoosted, RBoosted, DRBoosted, DRForest)


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module")
def known() -> Known:
    """300 households in two campaigns, whose effects differ by the third covariate."""
    return simulate_trials(300, seed=11, effect=sloped, n_campaigns=2, household_noise=0.5)


@pytest.fixture(scope="module")
def single() -> Known:
    """Households with one trial each."""
    return simulate_trials(500, seed=12, effect=sloped)


def learned(kind: type[Learner], x: Array, data: Residuals, seed: int = 1) -> Learner:
    return kind.from_settings(SMALL, seed).fit(x, data)


def rmse(model: Learner, known: Known) -> float:
    return float(np.sqrt(np.mean((model.predict(known.x) - known.effect) ** 2)))


# Pseudo-outcomes


def test_pseudo_outcomes_are_their_formulas() -> None:
    one = np.array([1.0, 1.0])
    data = Residuals(
        np.array([7.0, 3.0]), np.array([1.0, 0.0]), 0.25 * one, 2 * one, 4 * one, np.arange(2), np.arange(2)
    )
    # m = .25 x 4 + .75 x 2 = 2.5; t - e = .75 and -.25.
    target, weight = of_residuals(data)
    assert target.tolist() == pytest.approx([4.5 / 0.75, 0.5 / -0.25])
    assert weight.tolist() == pytest.approx([0.5625, 0.0625])
    target, weight = of_scores(data)
    assert target.tolist() == pytest.approx([2 + 3 / 0.25, 2 - 1 / 0.75])
    assert weight.tolist() == pytest.approx([0.1875, 0.1875])
    target, weight = of_imputed(data)
    assert target.tolist() == pytest.approx([5.0, 1.0])
    assert weight.tolist() == pytest.approx([0.5625, 0.0625])


def test_a_trial_whose_treatment_was_certain_decides_nothing(known: Known) -> None:
    certain = np.arange(20)
    propensity = known.propensity.copy()
    propensity[certain] = known.trials["treated"].to_numpy()[certain]
    data = known.residuals(propensity=propensity)
    for pseudo in (of_residuals, of_imputed):
        target, weight = pseudo(data)
        assert np.isfinite(target).all()
        assert (weight[certain] == 0).all()
    moved = replace(data, y=data.y + 1e6 * np.isin(np.arange(len(data.y)), certain))
    for kind in (RLearner, RBoosted):
        np.testing.assert_allclose(
            learned(kind, known.x, moved).predict(known.x), learned(kind, known.x, data).predict(known.x), rtol=1e-6
        )


def test_the_x_learners_one_regression_weighs_arms_as_two_would() -> None:
    """Of one kind of household: (1 - e) tau1 + e tau0, by Kunzel's weights with the propensity."""
    rng = np.random.default_rng(3)
    n, e = 200_000, 0.2
    treated = (rng.random(n) < e).astype(float)
    # Means that are off, so that the arms' regressions disagree: 6 of the treated, 1 of the controls.
    same = np.zeros(n)
    data = Residuals(np.where(treated == 1, 6.0, -1.0), treated, same + e, same, same, np.arange(n), np.arange(n) % 2)
    target, weight = of_imputed(data)
    assert np.average(target, weights=weight) == pytest.approx(0.8 * 6 + 0.2 * 1, abs=0.02)


@pytest.mark.parametrize(("kind", "pseudo"), [(RLearner, of_residuals), (XLearner, of_imputed), (DRLinear, of_scores)])
def test_the_linear_learners_are_the_lasso_of_their_pseudo_outcome(kind: type[Learner], pseudo, known: Known) -> None:
    data = known.residuals()
    target, weight = pseudo(data)
    standard = (known.x - known.x.mean(axis=0)) / known.x.std(axis=0)
    folds = list(GroupKFold(5).split(standard, target, data.households))
    lasso = LassoCV(alphas=30, cv=folds, max_iter=5000, tol=1e-3).fit(standard, target, sample_weight=weight)
    np.testing.assert_allclose(learned(kind, known.x, data).predict(known.x), lasso.predict(standard), rtol=1e-6)


# Boosted trees


@pytest.mark.parametrize("kind", BOOSTED)
def test_boosted_effects_are_the_weighted_mean_when_there_is_nothing_to_find(kind: type[Learner]) -> None:
    alike = simulate_trials(300, seed=4, effect=lambda x: np.full(len(x), 2.0))
    data = alike.residuals()
    effect = learned(kind, alike.x, data).predict(alike.x)
    assert effect.std() < 0.3
    if effect.std() == 0:
        target, weight = kind.pseudo(data)
        assert effect[0] == pytest.approx(np.average(target, weights=weight))


@pytest.mark.parametrize("kind", [*BOOSTED, TBoosted, XOwnTrees])
def test_boosted_effects_follow_a_step_that_no_line_does(kind: type[Learner]) -> None:
    steps = simulate_trials(700, seed=5, effect=lambda x: 6.0 * (np.abs(x[:, 2]) > 1))
    line = learned(RLearner, steps.x, steps.residuals())
    assert rmse(learned(kind, steps.x, steps.residuals()), steps) < 0.6 * rmse(line, steps)


def test_trees_are_grown_by_weight_and_chosen_on_other_households() -> None:
    rng = np.random.default_rng(6)
    x, households = rng.normal(size=(600, 3)), np.arange(600) // 2
    target = np.where(x[:, 0] > 0, 4.0, 0.0) + rng.normal(size=600)
    wrong = rng.random(600) < 0.3
    spoiled, weight = np.where(wrong, 100.0, target), np.where(wrong, 0.0, 1.0)
    setting = ({"max_depth": 2, "learning_rate": 0.1, "min_child_weight": 5},)
    fitted = grow(x, spoiled, weight, households, setting, 1)
    assert np.sqrt(np.mean((fitted.predict(x) - np.where(x[:, 0] > 0, 4.0, 0.0)) ** 2)) < 0.6
    nothing = grow(x, rng.normal(size=600), np.ones(600), households, setting, 1)
    assert nothing.predict(x).std() < 0.3
    # What does not vary is said as it is.
    assert grow(x, np.full(600, 3.0), np.ones(600), households, setting, 1).predict(x).tolist() == [3.0] * 600


def test_a_target_is_standardised_by_weight() -> None:
    z, weight, level, scale = standardised(np.array([1.0, 5.0, 99.0]), np.array([3.0, 1.0, 0.0]))
    assert (level, scale) == (2.0, pytest.approx(np.sqrt(3)))
    assert weight.mean() == 1
    assert np.average(z, weights=weight) == pytest.approx(0)


def test_bytes_that_are_no_trees_are_named() -> None:
    broken = Grown(np.array(0.0), np.array(1.0), np.frombuffer(b"no trees", dtype=np.uint8))
    with pytest.raises(ArraysFileError, match="these bytes are not trees"):
        broken.predict(np.zeros((2, 3)))


def test_inner_folds_keep_households_together_and_are_even() -> None:
    households = np.repeat(np.arange(101), np.arange(101) % 3 + 1)
    folds = inner_folds(households, 4, 1)
    by_household = pd.Series(folds).groupby(households)
    assert (by_household.nunique() == 1).all()
    assert by_household.first().value_counts().tolist() == [26, 25, 25, 25]
    np.testing.assert_array_equal(folds, inner_folds(households, 4, 1))
    assert (folds != inner_folds(households, 4, 2)).any()


# What each is for


def test_the_x_learner_beats_the_t_learner_where_arms_are_uneven() -> None:
    """40 treated among 800, spend that is no line in the covariates, effects that are: the treated alone say little."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(800, 4))
    mu0 = 10 + 4 * np.sin(2 * x[:, 0]) + 3 * np.abs(x[:, 1])
    effect = 2 + x[:, 2]
    treated = (np.arange(800) < 40).astype(float)
    y = mu0 + effect * treated + 0.5 * rng.normal(size=800)
    means = [
        fit_outcome(x[treated == arm], y[treated == arm], np.flatnonzero(treated == arm), 1).mean(x) for arm in (0, 1)
    ]
    data = Residuals(y, treated, np.full(800, 0.05), *means, np.arange(800), np.arange(800) % 3)
    truth = Known(pd.DataFrame(), x, data.propensity, mu0, mu0 + effect)
    by_arm = min(rmse(learned(kind, x, data), truth) for kind in (TLearner, TBoosted))
    for kind in (XLearner, XBoosted, XOwnTrees):
        assert rmse(learned(kind, x, data), truth) < 0.7 * by_arm


@pytest.mark.parametrize("kind", [DRLinear, DRBoosted, DRForest, ForestDR])
def test_doubly_robust_scores_forgive_wrong_means_where_the_propensity_is_right(
    kind: type[Learner], known: Known
) -> None:
    wrong = known.residuals(mu0=np.full(len(known.x), 10.0), mu1=np.full(len(known.x), 10.0))
    effect = learned(kind, known.x, wrong).predict(known.x)
    assert abs(effect.mean() - known.effect.mean()) < 0.8
    assert np.corrcoef(effect, known.effect)[0, 1] > 0.75


def test_the_s_learner_is_one_mean_at_both_treatments(known: Known) -> None:
    data = known.residuals()
    mean = fit_outcome(np.column_stack([known.x, data.treated]), data.y, data.households, 1)
    ones = np.ones(len(known.x))
    expected = mean.mean(np.column_stack([known.x, ones])) - mean.mean(np.column_stack([known.x, 0 * ones]))
    np.testing.assert_allclose(learned(SLearner, known.x, data).predict(known.x), expected, atol=1e-5)


# Twins in econml, given the nuisances


class Column(RegressorMixin, BaseEstimator):
    """Predicts a column of its input, or those of either arm by the last: how econml is given fitted nuisances."""

    def __init__(self, column: int = 0, by_arm: bool = False) -> None:
        self.column, self.by_arm = column, by_arm

    def fit(self, x: Array, y: Array) -> Column:
        self.fitted_ = True
        return self

    def predict(self, x: Array) -> Array:
        if self.by_arm:
            return np.where(x[:, -1] == 1, x[:, self.column + 1], x[:, self.column])
        return x[:, self.column]


class Share(ClassifierMixin, BaseEstimator):
    """Says that a column of its input is the propensity."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, x: Array, y: Array) -> Share:
        self.classes_ = np.unique(y)
        return self

    def predict(self, x: Array) -> Array:
        return (x[:, self.column] > 0.5).astype(int)

    def predict_proba(self, x: Array) -> Array:
        return np.column_stack([1 - x[:, self.column], x[:, self.column]])


def test_linear_dml_is_that_of_econml_with_its_errors(single: Known) -> None:
    from econml.dml import LinearDML as EconmlLinearDML

    data = single.residuals()
    nuisances = np.column_stack([data.y - data.outcome_residual, data.propensity])
    whole = EconmlLinearDML(model_y=Column(4), model_t=Column(5), cv=2, random_state=1)
    whole.fit(data.y, data.treated, X=single.x, W=nuisances)
    fitted = learned(LinearDML, single.x, data)
    np.testing.assert_allclose(fitted.predict(single.x), whole.effect(single.x).ravel(), rtol=1e-6)
    # A household of one trial each: errors clustered by household are those of HC1.
    own, other = fitted.interval(single.x, 0.9), whole.effect_interval(single.x, alpha=0.1)
    np.testing.assert_allclose(own[0], other[0].ravel(), rtol=1e-4)
    np.testing.assert_allclose(own[1], other[1].ravel(), rtol=1e-4)


def test_linear_dmls_intervals_cover_an_effect_that_is_linear() -> None:
    new = np.random.default_rng(9).normal(size=(200, 4))
    covered = []
    for seed in range(20):
        drawn = simulate_trials(150, seed=[9, seed], effect=sloped, n_campaigns=2, household_noise=2.0)
        lower, upper = learned(LinearDML, drawn.x, drawn.residuals()).interval(new, 0.9)
        covered.append(((lower <= sloped(new)) & (sloped(new) <= upper)).mean())
    assert 0.84 < np.mean(covered) < 0.96


def test_linear_dml_with_few_households_for_its_terms_is_shrunk_and_has_no_interval(single: Known) -> None:
    rng = np.random.default_rng(10)
    wide = np.column_stack([single.x, rng.normal(size=(500, 60))])
    few = learned(LinearDML, wide, single.residuals())
    assert few.interval(wide, 0.9) is None
    design = single.residuals().treatment_residual[:, None] * np.column_stack([np.ones(500), wide])
    loose = np.column_stack([np.ones(500), wide]) @ np.linalg.lstsq(design, single.residuals().outcome_residual)[0]
    assert rmse(few, replace(single, x=wide)) < np.sqrt(np.mean((loose - single.effect) ** 2))
    # A covariate that does not vary, or one twice, leaves effects as they are.
    data, twice = single.residuals(), np.column_stack([single.x, single.x[:, 0], np.full(500, 7.0)])
    np.testing.assert_allclose(
        learned(LinearDML, twice, data).predict(twice), learned(LinearDML, single.x, data).predict(single.x), rtol=1e-6
    )


def test_the_forest_of_scores_is_that_of_forest_dr_learner_given_the_nuisances(single: Known) -> None:
    from econml.dr import ForestDRLearner

    data = single.residuals()
    nuisances = np.column_stack([data.mu0, data.mu1, data.propensity])
    whole = ForestDRLearner(
        model_regression=Column(4, by_arm=True),
        model_propensity=Share(6),
        cv=2,
        n_estimators=SMALL.n_trees,
        min_samples_leaf=SMALL.min_leaf,
        max_samples=SMALL.max_samples,
        max_features=4,
        min_propensity=0,
        random_state=1,
        n_jobs=1,
    ).fit(data.y, data.treated.astype(int), X=single.x, W=nuisances)
    fitted = learned(ForestDR, single.x, data)
    assert isinstance(fitted, ForestDR)
    np.testing.assert_allclose(fitted.predict(single.x), whole.effect(single.x).ravel(), rtol=1e-7)
    own = whole.effect_inference(single.x).stderr.ravel()
    np.testing.assert_allclose(fitted.standard_error(single.x), own, rtol=1e-7)


# Gaussian processes


def test_a_process_is_that_of_scikit_learn_with_its_own_length_and_noise() -> None:
    rng = np.random.default_rng(13)
    points = rng.normal(size=(120, 2))
    y = 5 + 3 * np.sin(points[:, 0]) + 0.3 * rng.normal(size=120)
    own = Process.fitted(points, y)
    kernel = ConstantKernel(1.0) * RBF(float(own.length), "fixed") + WhiteKernel(0.1)
    z = (y - y.mean()) / y.std()
    other = GaussianProcessRegressor(kernel, random_state=0).fit(points, z)
    new = rng.normal(size=(50, 2))
    np.testing.assert_allclose(own.mean(new), y.mean() + y.std() * other.predict(new), atol=0.02)


def test_gaussian_processes_follow_smooth_effects_and_refuse_large_studies() -> None:
    smooth = simulate_trials(700, seed=14, effect=lambda x: 3 * np.sin(2 * x[:, 2]))
    fitted = learned(TGaussianProcess, smooth.x, smooth.residuals())
    assert rmse(fitted, smooth) < 0.6 * smooth.effect.std()
    large = simulate_trials(2001, seed=15, effect=sloped)
    said = "t_gaussian_process is for at most 2,000 trials, and these are 2,001"
    with pytest.raises(ValueError, match=said):
        learned(TGaussianProcess, large.x, large.residuals())
    assert TGaussianProcess.refusal(2001) == said
    assert TGaussianProcess.refusal(2000) is None
    assert [kind.name for kind in LEARNERS.values() if kind.refusal(10**6)] == ["t_gaussian_process"]


# The tuned forest


def test_the_tuned_forest_divides_households_not_trials() -> None:
    households = np.repeat(np.arange(60), np.arange(60) % 3 + 1)
    samples = household_samples(households, 0.3, 8, 1)
    assert len(samples) == 8
    halves = []
    for seed, rows in samples:
        order = np.arange(len(rows))
        np.random.RandomState(seed).shuffle(order)
        splits, leaves = (set(households[rows[part]]) for part in np.array_split(order, 2))
        assert not splits & leaves
        assert len(splits | leaves) <= 0.3 * 60
        halves.append(splits | leaves)
    # Trees of a bag share a half of the households; bags do not.
    assert [len(set.union(*halves[first : first + 4])) <= 30 for first in (0, 4)] == [True, True]
    assert len(set.union(*halves)) > 30


def test_the_tuned_forest_is_a_causal_forest_that_finds_the_same_effects(known: Known) -> None:
    from econml.grf import CausalForest as Forest

    data = known.residuals()
    rows = known.x, data.outcome_residual, data.treatment_residual, data.households
    ours = by_household(*rows, (10, 0.45), 400, 1)
    theirs = Forest(n_estimators=400, min_samples_leaf=10, max_samples=0.45, max_features=4, random_state=1, n_jobs=1)
    theirs.fit(known.x, data.treatment_residual, data.outcome_residual)
    np.testing.assert_allclose(ours.predict(known.x), theirs.predict(known.x), atol=0.6)
    assert np.abs(ours.predict(known.x) - theirs.predict(known.x)).mean() < 0.2


def test_the_tuned_forest_is_for_large_forests_and_for_certifying_only() -> None:
    made = TunedForest.from_settings(CateSettings(), 1)
    assert isinstance(made, TunedForest)
    assert made.n_trees >= 2000
    assert not set(DEAR) & set(LEARNERS)
    assert set(DEAR) == {"tuned_forest"}


def test_a_study_leaves_no_learner_to_its_certificate_that_it_validates_by() -> None:
    assert LEFT_TO_CERTIFICATE == {"t_xgboost", "forest_dr"} < set(LEARNERS)
    assert not LEFT_TO_CERTIFICATE & set(_PANEL)


def test_every_learner_takes_covariates_that_do_not_vary_and_outcomes_that_do_not(known: Known) -> None:
    few = np.arange(150)
    x = np.column_stack([known.x[few], np.full(150, 3.0)])
    data = subset(known.residuals(), few)
    zero = np.zeros(150)
    still = replace(data, y=zero, mu0=zero, mu1=zero)
    for kind in LEARNERS.values():
        assert np.isfinite(learned(kind, x, data).predict(x)).all(), kind
        np.testing.assert_allclose(learned(kind, x, still).predict(x), 0, atol=1e-9, err_msg=kind.name)
