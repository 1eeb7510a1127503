"""Effects of groups, traits, calibration, agreement and many splits, on trials whose effects are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.reduced import other_half
from dunnhumby_pipeline.causal.cate.validation import groups
from dunnhumby_pipeline.causal.cate.validation.agreement import agreement
from dunnhumby_pipeline.causal.cate.validation.calibration import calibration_error
from dunnhumby_pipeline.causal.cate.validation.many_splits import many_splits, many_splits_of_study
from dunnhumby_pipeline.causal.cate.validation.ranking import overlap_weights
from dunnhumby_pipeline.causal.cate.validation.traits import classification, holm
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.orchestration.checks.contract import schema_and_keys
from dunnhumby_pipeline.settings import load_settings
from dunnhumby_pipeline_tests.fakes.known_truth import Known, simulate_trials

NAMES = ("first", "second", "third", "fourth")


def planted(seed: int = 1, n_households: int = 1500) -> Known:
    return simulate_trials(n_households, seed, lambda x: 2 + 3 * x[:, 1], n_campaigns=2, noise=3.0)


def test_groups_by_effect_have_their_true_effects_and_rise() -> None:
    known = planted()
    data = known.residuals()
    members, names = groups.by_effect(data, known.effect, 5)
    frame, means = groups.effects_by_group(data, known.effect, members, names, "effect", 0.95, seed=1)
    weights = overlap_weights(data)[:, None] * members
    truth = known.effect @ weights / weights.sum(axis=0)
    assert ((frame["ci_lower"] < truth) & (truth < frame["ci_upper"])).all()
    assert frame["estimate"].is_monotonic_increasing and np.allclose(frame["predicted"], truth)
    assert frame["group"].tolist() == ["1 (smallest effects)", "2", "3", "4", "5 (largest effects)"]
    assert means.differ()[1] < 1e-6 and abs(frame["n_trials"].sum() - len(data.y)) <= 5


def test_groups_under_one_effect_for_all_are_the_whole() -> None:
    known = planted(n_households=200)
    data = known.residuals()
    members, _ = groups.by_effect(data, np.zeros(len(data.y)), 4)
    means = groups.group_means(data.scores, members, data)
    assert np.allclose(means.estimate, np.average(data.scores, weights=overlap_weights(data)))
    assert means.differ()[1] == pytest.approx(1.0)


@pytest.mark.parametrize(("n_groups", "expected"), [(1, 1.96), (5, 2.57), (20, 3.02)])
def test_intervals_for_all_at_once_are_as_wide_as_independent_groups_need(n_groups: int, expected: float) -> None:
    assert groups.max_t(np.diag(np.arange(1.0, n_groups + 1)), 0.95, seed=3) == pytest.approx(expected, abs=0.08)


def test_the_same_group_twice_needs_no_wider_interval() -> None:
    assert groups.max_t(np.ones((4, 4)), 0.95, seed=3) == pytest.approx(1.96, abs=0.07)


def test_intervals_cover_all_groups_together() -> None:
    covered = []
    for seed in range(40):
        known = simulate_trials(250, [3, seed], lambda x: 2 + x[:, 1], n_campaigns=2, household_noise=2.0)
        data = known.residuals()
        members, names = groups.by_label(pd.Series(np.digitize(known.x[:, 2], [-1, 0, 1])))
        frame, _ = groups.effects_by_group(data, known.effect, members, names, "label", 0.95, seed)
        weights = overlap_weights(data)[:, None] * members
        truth = known.effect @ weights / weights.sum(axis=0)
        missed = (frame["ci_lower"] > truth) | (truth > frame["ci_upper"])
        covered.append(not missed.any())
    assert np.mean(covered) >= 0.92


def test_a_group_with_too_few_households_in_an_arm_has_no_effect() -> None:
    known = planted(n_households=300)
    data = known.residuals()
    few = np.isin(data.households, np.unique(data.households)[:15]).astype(float)
    frame, means = groups.effects_by_group(
        data, known.effect, np.column_stack([few, 1 - few]), ["few", "many"], "size", 0.95, 1
    )
    assert frame.set_index("group")["estimate"].isna().to_dict() == {"few": True, "many": False}
    assert np.isnan(means.differ()[1])


def test_regions_of_the_propensity_are_told_apart() -> None:
    data = planted().residuals()
    members, names = groups.by_propensity(data, 0.1, 0.9)
    assert names[0] == "0.00 to 0.10" and names[-1] == "0.90 to 1.00"
    assert (members.sum(axis=1) == 1).all()
    assert (members[:, 0] == (data.propensity < 0.1)).all()
    everybody, one = groups.by_propensity(replace(data, propensity=np.full(len(data.y), 0.5)), 0.1, 0.9)
    assert groups.by_propensity(data, 1.0, 0.0)[1] == ["0.00 to 1.00"]
    assert everybody.shape == (len(data.y), 1) and one == ["0.37 to 0.63"]


def test_traits_tell_what_the_effect_rests_on() -> None:
    known = planted()
    table = classification(known.x, NAMES, known.residuals(), known.effect, 5, 0.95)
    assert table["covariate"].iloc[0] == "second" and table["smd"].iloc[0] > 2
    assert table["p_holm"].iloc[0] < 1e-6 and (table["p_holm"] >= table["p"]).all()
    assert table.set_index("covariate").loc["third", "p_holm"] > 0.01
    nothing = classification(known.x, NAMES, known.residuals(), np.zeros(len(known.x)), 5, 0.95)
    assert nothing.empty and list(nothing) == list(table)


def test_holm_is_the_textbooks() -> None:
    found = holm(np.array([0.01, 0.04, 0.03, 0.005, np.nan]))
    assert found[:4] == pytest.approx([0.03, 0.06, 0.06, 0.02]) and np.isnan(found[4])


def test_a_right_model_is_calibrated_and_others_are_off_by_as_much_as_they_are() -> None:
    known = planted()
    data = known.residuals()
    right = calibration_error(data, known.effect, 5, 0.95, seed=1)
    assert right.p > 0.05 and right.error < 0.6
    off = calibration_error(data, known.effect + 3, 5, 0.95, seed=1)
    assert off.p < 0.01 and off.error == pytest.approx(3, abs=0.4) and off.lower < 3 < off.upper
    bold = calibration_error(data, 3 * known.effect - 2 * known.effect.mean(), 5, 0.95, seed=1)
    assert bold.p < 0.01 and bold.error > 3


def test_learners_agree_as_far_as_their_orders_do() -> None:
    rng = np.random.default_rng(1)
    one, folds = rng.normal(size=400), np.arange(400) % 4
    models = {"one": one, "same": np.exp(one), "reverse": -one, "lot": rng.normal(size=400), "constant": folds + 1.0}
    table = agreement(models, folds).set_index(["model", "other"])
    assert table.loc[("one", "same"), ["rank_correlation", "share_of_top"]].tolist() == pytest.approx([1.0, 1.0])
    assert table.loc[("one", "reverse"), ["rank_correlation", "share_of_top"]].tolist() == pytest.approx([-1.0, 0.0])
    assert abs(table.loc[("one", "lot"), "rank_correlation"]) < 0.15
    assert "constant" not in table.index.get_level_values("model")


def test_many_splits_find_what_is_planted_and_double_the_median() -> None:
    known = planted(n_households=400)
    data = known.residuals()
    found = many_splits(lambda x, own: RLearner().fit(x, own), known.x, NAMES, data, 5, 5, 0.95, 1)
    found = found.set_index("quantity")
    assert found.loc["slope", "p"] < 0.01 and found.loc["slope", "ci_lower"] > 0
    assert found.loc["group_1", "estimate"] < found.loc["group_5", "estimate"]
    assert found.loc["trait_second", "p"] < 0.01
    flat = many_splits(lambda x, own: Constant().fit(x, own), known.x, NAMES, data, 3, 5, 0.95, 1)
    assert flat.set_index("quantity").loc["slope", "p"] == 1.0


def _of_study(known: Known, certified: bool = False) -> pd.DataFrame:
    own = load_settings(validation={"n_splits": 6, "n_certified_splits": 9})
    found = many_splits_of_study(known.x, NAMES, known.residuals(), own, certified)
    return found.set_index("quantity")


def test_a_study_splits_its_households_more_often_for_a_certificate(tmp_path: Path) -> None:
    known = planted(n_households=400)
    found, certified = _of_study(known), _of_study(known, certified=True)
    for own, n_splits, kept in ((found, 6, False), (certified, 9, True)):
        assert (own["n_splits"] == n_splits).all() and (own["certified"] == kept).all()
        assert own.loc["slope", "p"] < 0.01 and own.loc["slope", "ci_lower"] > 0
        assert own.loc["top_minus_bottom", "p"] < 0.01
        groups = [own.loc[f"group_{place}", "estimate"] for place in range(1, 6)]
        assert groups[0] < groups[2] < groups[4]
        assert own.loc["trait_second", "p_holm"] < 0.01 and own.loc["trait_fourth", "p_holm"] > 0.05
        traits = own.index.str.startswith("trait_")
        assert own.loc[~traits, "p_holm"].isna().all() and (own.loc[traits, "p_holm"] >= own.loc[traits, "p"]).all()
    pd.testing.assert_frame_equal(found, _of_study(known))
    found.reset_index().to_parquet(tmp_path / "many_splits.parquet", index=False)
    checked = schema_and_keys(registry.table("many_splits"), tmp_path / "many_splits.parquet")
    assert checked.passed, checked.message


def test_many_splits_prove_nothing_where_effects_do_not_differ() -> None:
    rejected = 0
    for seed in range(10):
        known = simulate_trials(150, seed, lambda x: np.full(len(x), 2.0), n_campaigns=2, noise=4.0)
        rejected += _of_study(known).loc["slope", "p"] < 0.05
    assert rejected <= 1


def test_what_judges_a_half_has_not_seen_it() -> None:
    known = planted(n_households=300)
    data = known.residuals()
    held_out = data.households % 2 == 0
    effect = other_half(known.x, data)(held_out)
    changed = replace(data, y=np.where(held_out, 1e3 * data.y, data.y))
    np.testing.assert_array_equal(other_half(known.x, changed)(held_out), effect)
    assert np.corrcoef(effect, known.effect[held_out])[0, 1] > 0.8
