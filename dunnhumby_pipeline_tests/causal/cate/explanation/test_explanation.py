"""What effects rest on is found where it was planted, and effects of subgroups come from trials they did not see."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.cate.explanation.credibility import credibility
from dunnhumby_pipeline.causal.cate.explanation.drivers import LINEAR, SURROGATE, contributions, effect_drivers
from dunnhumby_pipeline.causal.cate.explanation.subgroups import subgroups
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.validation.sequential import sequential_effects
from dunnhumby_pipeline.settings import OverlapSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, simulate_trials

NAMES = ("first", "second", "third", "fourth")
X = np.random.default_rng(1).normal(size=(800, 4))


def linear(x: Array) -> Array:
    return 5 + 3 * x[:, 1] - x[:, 3]


def bent(x: Array) -> Array:
    return 5 + 4 * (x[:, 1] > 0) * (x[:, 2] > 0)


def test_of_a_linear_model_the_parts_are_exact() -> None:
    found = contributions(linear, X, 100, seed=1)
    assert found.method == LINEAR and found.fidelity == 1.0 and found.values.shape == (100, 4)
    assert np.allclose(found.values, (X[found.rows] - X.mean(axis=0)) * [0, 3, 0, -1])
    assert np.allclose(found.values.sum(axis=1), linear(X[found.rows]) - linear(X).mean())


def test_of_any_other_model_the_parts_follow_it_closely() -> None:
    found = contributions(bent, X, 200, seed=1)
    assert found.method == SURROGATE and found.fidelity > 0.95
    assert np.allclose(found.values.sum(axis=1), bent(X[found.rows]) - bent(X).mean(), atol=0.6)
    table = effect_drivers(bent, X, NAMES, 200, 1).set_index("covariate")
    assert set(table.index[:2]) == {"second", "third"} and table["share"].iloc[:2].sum() > 0.9
    assert (table["direction"].iloc[:2] > 0.5).all() and table["share"].sum() == pytest.approx(1)


def test_what_moves_an_effect_is_told_with_its_direction_and_nothing_else() -> None:
    table = effect_drivers(linear, X, NAMES, 500, 1)
    assert table["covariate"].tolist() == ["second", "fourth"]
    assert table["direction"].tolist() == pytest.approx([1.0, -1.0])
    assert table["mean_abs"].iloc[0] == pytest.approx(3 * np.abs(X[:, 1] - X[:, 1].mean()).mean(), rel=0.1)


def test_one_effect_for_all_rests_on_nothing() -> None:
    assert effect_drivers(lambda x: np.full(len(x), 7.3), X, NAMES, 100, 1).empty


def test_a_planted_subgroup_is_found_in_words_with_its_true_effect() -> None:
    known = simulate_trials(1500, 1, lambda x: np.where(x[:, 2] > 0.5, 8.0, 1.0), n_campaigns=2, noise=3.0)
    data = known.residuals(n_folds=4)
    table = subgroups(known.x, NAMES, data, np.where(data.folds == 0, np.nan, known.effect), 1, 0.95, 1)
    assert [rule.split(" 0")[0] for rule in table["rule"]] == ["third above", "third at most"]
    assert ((table["ci_lower"] < [8.0, 1.0]) & (table["ci_upper"] > [8.0, 1.0])).all()
    assert table["p_differ"].iloc[0] < 1e-6 and table["n_trials"].sum() == (data.folds >= 2).sum()


def test_the_rules_do_not_know_the_outcomes_that_judge_them() -> None:
    known = simulate_trials(600, 2, lambda x: 2 + 3 * x[:, 1], n_campaigns=2, noise=3.0)
    data = known.residuals(n_folds=4)
    changed = replace(data, y=np.where(data.folds >= 2, data.y + 40 * data.treated * known.x[:, 3], data.y))
    tables = [
        subgroups(known.x, NAMES, own, sequential_effects(RLearner, known.x, own), 2, 0.95, 1).set_index("rule")
        for own in (data, changed)
    ]
    assert set(tables[0].index) == set(tables[1].index)
    assert not np.allclose(tables[0]["estimate"], tables[1].loc[tables[0].index, "estimate"])


def test_one_effect_for_all_has_one_subgroup_everybody() -> None:
    known = simulate_trials(200, 2, lambda x: np.full(len(x), 2.0))
    data = known.residuals()
    table = subgroups(known.x, NAMES, data, np.where(data.folds == 0, np.nan, 2.0), 2, 0.95, 1)
    assert table["rule"].tolist() == ["everybody"] and np.isnan(table["p_differ"].iloc[0])


def test_credibility_keeps_its_three_parts_apart() -> None:
    estimates = pd.DataFrame(
        {
            "household_key": [1, 2, 3, 4],
            "campaign": 8,
            "cate_lower": [1.0, -1.0, -3.0, 1.0],
            "cate_upper": [2.0, 1.0, -1.0, 2.0],
            "interval_of": ["household", "household", "household", "average"],
        }
    )
    effect, folds = np.array([4.0, 3.0, 2.0, 1.0]), np.zeros(4, dtype=int)
    models = {"same": 2 * effect, "reverse": -effect, "constant": np.full(4, 2.0)}
    found = credibility(estimates, effect, models, np.array([0.05, 0.5, 0.9, 0.95]), folds, OverlapSettings())
    assert found["interval_excludes_zero"].tolist()[:3] == [True, False, True]
    assert pd.isna(found["interval_excludes_zero"].iloc[3])
    assert found["in_overlap"].tolist() == [False, True, True, False]
    assert found["agreement"].tolist() == [0.5, 0.5, 0.5, 0.5]
    alone = credibility(estimates, np.full(4, 2.0), models, np.full(4, 0.5), folds, OverlapSettings())
    assert alone["agreement"].isna().all()
