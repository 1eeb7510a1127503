"""Calibration, stack and gate: against formulas, and what none of them may see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dunnhumby_pipeline.causal.cate.gate import dr_loss, gate, r_loss
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.model_store import EffectModel, load_effect_model, save_effect_model
from dunnhumby_pipeline.causal.cate.stacking import Stack, calibration, stack_weights, stacked
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import CateSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SMALL = CateSettings(n_trees=20, min_leaf=10, n_outcome_bootstraps=10, n_jobs=1)
WHOLE = -1


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(600, seed=1, effect=sloped, n_campaigns=2, household_noise=1.0)


@pytest.fixture(scope="module")
def data(known: Known) -> Residuals:
    return known.residuals(mu1=known.mu0 + known.effect.mean())


def test_losses_are_their_formulas() -> None:
    one = np.array([1.0])
    data = Residuals(7 * one, one, 0.25 * one, 2 * one, 4 * one, one.astype(int), one.astype(int))
    # y - m = 7 - (0.25 x 4 + 0.75 x 2) = 4.5; t - e = 0.75; score = 4 - 2 + (7 - 4) / 0.25.
    assert r_loss(data, 2 * one).tolist() == [(4.5 - 2 * 0.75) ** 2]
    assert dr_loss(data, 2 * one).tolist() == [(14 - 2) ** 2]


def test_bold_and_timid_versions_of_the_truth_become_the_same_effect(known: Known, data: Residuals) -> None:
    level, truth = np.full(len(known.x), 2.0), 3.0 * known.x[:, 2]
    versions = {"bold": 4 * truth, "timid": 0.1 * truth, "reversed": -truth, "flat": 0 * truth}
    found = stacked(data, level, versions, 4, WHOLE)
    np.testing.assert_allclose(found.calibrated["bold"], found.calibrated["timid"])
    slopes = found.slopes[WHOLE]
    assert slopes["timid"] == pytest.approx(10, rel=0.1)
    assert (slopes["reversed"], slopes["flat"]) == (0, 0)
    np.testing.assert_array_equal(found.calibrated["reversed"], level)
    rt, ry = data.treatment_residual, data.outcome_residual
    along = rt * truth
    everyone = np.ones(len(truth), dtype=bool)
    assert calibration(data, level, truth, everyone) == pytest.approx((along @ (ry - 2 * rt)) / (along @ along))


def test_the_stack_finds_the_parts_of_the_effect_and_nothing_negative(known: Known, data: Residuals) -> None:
    rng = np.random.default_rng(2)
    level = np.full(len(known.x), 2.0)
    parts = {
        "half": 3 * known.x[:, 2] + 0.7 * known.x[:, 0],
        "rest": 3 * known.x[:, 2] - 0.7 * known.x[:, 0],
        "against": -known.x[:, 2],
        "noise": rng.normal(size=len(level)),
    }
    everyone = np.ones(len(level), dtype=bool)
    weights = stack_weights(data, level, parts, everyone, 4)
    assert weights["half"] + weights["rest"] == pytest.approx(1, abs=0.1)
    assert min(weights["half"], weights["rest"]) > 0.3
    assert weights["against"] == 0 and 0 <= weights["noise"] < 0.15
    one = stack_weights(data, level, parts, everyone, 1)
    assert sum(weight > 0 for weight in one.values()) == 1
    nothing = stack_weights(data, level, {"against": parts["against"]}, everyone, 4)
    assert nothing == {"against": 0.0}
    # In cents the weights are the same.
    cents = replace(data, y=100 * data.y, mu0=100 * data.mu0, mu1=100 * data.mu1)
    again = stack_weights(cents, 100 * level, {name: 100 * part for name, part in parts.items()}, everyone, 4)
    assert again == pytest.approx(weights)


def test_a_fold_has_no_part_in_what_it_is_judged_by(known: Known, data: Residuals) -> None:
    level, parts = np.full(len(known.x), 2.0), {"a": known.x[:, 2], "b": known.x[:, 1]}
    before = stacked(data, level, parts, 2, WHOLE)
    rows = data.folds == 1
    turned = replace(data, y=np.where(rows, data.y + 40 * known.x[:, 1] * data.treatment_residual, data.y))
    after = stacked(turned, level, parts, 2, WHOLE)
    np.testing.assert_array_equal(before.effect[rows], after.effect[rows])
    np.testing.assert_array_equal(before.calibrated["b"][rows], after.calibrated["b"][rows])
    assert (before.slopes[1], before.weights[1]) == (after.slopes[1], after.weights[1])
    assert after.weights[0]["b"] > before.weights[0]["b"]


def test_the_gate_is_paired_and_clustered_and_needs_a_gain() -> None:
    rng = np.random.default_rng(4)
    shared, households = 50 * rng.normal(size=300) ** 2, np.repeat(np.arange(100), 3)
    difference = rng.normal(2, 4, 100)[households]
    found = gate(shared, shared - difference, households, 1.0)
    assert found.gain == pytest.approx(difference.mean())
    assert found.se == pytest.approx(clustered_se(difference - difference.mean(), households))
    # Three trials that say the same are one.
    assert found.se == pytest.approx(
        np.sqrt(3) * clustered_se(difference - difference.mean(), np.arange(300)), rel=0.02
    )
    threshold = found.gain / found.se
    for limit, passed in ((threshold - 0.01, True), (threshold + 0.01, False)):
        assert gate(shared, shared - difference, households, limit).passed is passed
    assert not gate(shared, shared, households, 0.0).passed
    assert not gate(shared, shared + 1, households, 0.0).passed


def test_of_nothing_the_gate_passes_less_than_one_in_twenty() -> None:
    """Deviations that are noise, calibrated and stacked as they are in a study."""
    passed, n, rng = 0, 300, np.random.default_rng(7)
    for _ in range(200):
        folds, rt = np.arange(n) % 5, rng.choice([-0.5, 0.5], n)
        data = Residuals(
            rng.standard_t(4, n) + 2 * rt, rt + 0.5, np.full(n, 0.5), -np.ones(n), np.ones(n), np.arange(n), folds
        )
        level = np.full(n, 2.0)
        deviations = {str(number): rng.normal(size=n) for number in range(6)}
        found = stacked(data, level, deviations, SMALL.n_stacked, WHOLE)
        passed += gate(r_loss(data, level), r_loss(data, found.effect), data.households, SMALL.gain_in_se).passed
    assert passed <= 10


@pytest.fixture(scope="module")
def stack(known: Known, data: Residuals) -> Stack:
    return Stack.of({"r_learner": 0.7, "t_learner": 0.2, "causal_forest": 0.0, "x_learner": 0.1}, SMALL, 1).fit(
        known.x, data
    )


def test_the_stack_is_the_ato_plus_weighted_differences_of_its_members(
    known: Known, data: Residuals, stack: Stack
) -> None:
    assert [member["learner"] for member in stack.members] == ["r_learner", "t_learner", "x_learner"]
    overlap = data.propensity * (1 - data.propensity)
    expected = np.full(len(known.x), Constant().fit(known.x, data).effect)
    for name, weight in (("r_learner", 0.7), ("t_learner", 0.2), ("x_learner", 0.1)):
        effect = LEARNERS[name].from_settings(SMALL, 1).fit(known.x, data).predict(known.x)
        expected += weight * (effect - np.average(effect, weights=overlap))
    np.testing.assert_allclose(stack.predict(known.x), expected)
    assert stack.interval(known.x, 0.9) is None and stack.interval_of is None
    empty = Stack.of({}, SMALL, 1).fit(known.x, data)
    np.testing.assert_allclose(empty.predict(known.x), Constant().fit(known.x, data).effect)
    assert {member["learner"] for member in Stack.from_settings(SMALL, 1).members} == set(LEARNERS) - {"constant"}


def test_a_stack_survives_storing(known: Known, stack: Stack, tmp_path: Path) -> None:
    save_effect_model(EffectModel(stack, tuple("abcd")), tmp_path / "model.npz")
    stored = load_effect_model(tmp_path / "model.npz").learner
    assert isinstance(stored, Stack)
    assert stored.get_params() == stack.get_params()
    np.testing.assert_array_equal(stored.predict(known.x), stack.predict(known.x))
