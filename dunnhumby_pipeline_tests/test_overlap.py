"""Weights, overlap and balance: formulas by hand, and the laws that weights keep."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.overlap import (
    covariate_balance,
    effective_sample_size,
    entropy_weights,
    inverse_propensity_weights,
    overlap_diagnostics,
    overlap_weights,
    propensity_table,
)
from dunnhumby_pipeline.settings import OverlapSettings
from dunnhumby_pipeline_tests.known_truth import Array, Known, invent_trials


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


# Overlap


def test_weights_are_their_formulas() -> None:
    treated, propensity = np.array([1.0, 0.0]), np.array([0.8, 0.25])
    assert overlap_weights(treated, propensity) == pytest.approx([0.2, 0.25])
    assert inverse_propensity_weights(treated, propensity) == pytest.approx([1.25, 4 / 3])
    assert effective_sample_size(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_sample_size(np.zeros(3)) == 0.0


def test_entropy_weights_reach_the_target_and_are_log_linear() -> None:
    x = np.random.default_rng(3).normal(size=(400, 3)) * [1.0, 10.0, 0.1]
    target = np.array([0.4, -3.0, 0.02])
    weights = entropy_weights(x, target)
    assert weights.min() > 0
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose((np.average(x, axis=0, weights=weights) - target) / x.std(axis=0), 0, atol=1e-3)
    # The evenest weights with these means are exponentials of a line in x.
    design = np.column_stack([np.ones(400), x])
    fitted = design @ np.linalg.lstsq(design, np.log(weights), rcond=None)[0]
    np.testing.assert_allclose(fitted, np.log(weights), atol=1e-6)


def test_entropy_weights_come_near_a_target_out_of_reach() -> None:
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.random(200), rng.normal(size=200), np.zeros(200)])
    weights = entropy_weights(x, np.array([1.2, 0.3, 0.5]))
    reached = np.average(x, axis=0, weights=weights)
    assert weights.min() >= 0
    assert weights.mean() == pytest.approx(1)
    assert 0.9 < reached[0] <= 1.0
    assert entropy_weights(np.zeros((5, 1)), np.array([0.5])).tolist() == [1.0] * 5


@pytest.fixture(scope="module")
def scored() -> tuple[Known, pd.DataFrame]:
    known = invent_trials(1200, seed=5, effect=constant_effect, n_waves=2)
    return known, propensity_table(known.nuisances(), known.x, OverlapSettings(lower=0.3, upper=0.8))


def test_the_propensity_table_weighs_trials_in_overlap(scored: tuple[Known, pd.DataFrame]) -> None:
    known, table = scored
    own = "household_key campaign treated propensity in_overlap w_overlap w_ipw w_balance"
    assert table.columns.tolist() == own.split()
    inside = (known.propensity >= 0.3) & (known.propensity <= 0.8)
    np.testing.assert_array_equal(table["in_overlap"], inside)
    assert (table.loc[~inside, "w_balance"] == 0).all()
    tilt = (known.propensity * (1 - known.propensity))[inside]
    target = np.average(known.x[inside], axis=0, weights=tilt)
    for arm in (0, 1):
        rows = inside & (known.trials["treated"] == arm).to_numpy()
        reached = np.average(known.x[rows], axis=0, weights=table.loc[rows, "w_balance"])
        np.testing.assert_allclose(reached, target, atol=1e-3)
        assert table.loc[rows, "w_balance"].mean() == pytest.approx(1)


def test_standardised_differences_by_hand() -> None:
    x = np.array([[1.0, 7.0], [3.0, 7.0], [0.0, 7.0], [4.0, 7.0]])
    table = pd.DataFrame(
        {"treated": [1, 1, 0, 0], "w_overlap": [3.0, 1.0, 1.0, 3.0], "w_balance": [0.0, 1.0, 1.0, 0.0]}
    )
    found = covariate_balance(x, ("spend", "flat"), table).set_index(["covariate", "weighting"])["smd"]
    pooled = np.sqrt((1.0 + 4.0) / 2)
    assert found["spend"].to_dict() == pytest.approx({"none": 0.0, "overlap": -1.5 / pooled, "entropy": 3.0 / pooled})
    assert found["flat"].tolist() == [0.0, 0.0, 0.0]


def test_weighting_balances_what_differed(scored: tuple[Known, pd.DataFrame]) -> None:
    known, table = scored
    balance = covariate_balance(known.x, tuple("abcd"), table)
    assert balance.columns.tolist() == ["covariate", "weighting", "smd"]
    worst = balance.assign(smd=balance["smd"].abs()).groupby("weighting")["smd"].max()
    assert worst["none"] > 0.5
    assert worst["overlap"] < 0.1
    assert worst["entropy"] < 0.003


def test_diagnostics_by_wave_with_a_wave_of_one_arm() -> None:
    table = pd.DataFrame(
        {
            "campaign": [8, 8, 8, 8, 5, 5],
            "treated": [1, 0, 1, 0, 0, 0],
            "propensity": [0.9, 0.2, 0.4, 0.4, 0.3, 0.05],
            "in_overlap": [True, True, True, True, True, False],
            "w_overlap": [0.1, 0.2, 0.6, 0.4, 0.3, 0.05],
        }
    )
    found = overlap_diagnostics(table, pd.Series([100] * 4 + [50] * 2))
    own = "wave index_day n_trials n_treated n_control auc share_in_overlap ess_treated ess_control"
    assert found.columns.tolist() == own.split()
    assert found["wave"].tolist() == ["all", "5", "8"]
    assert found["index_day"].isna().tolist() == [True, False, False]
    assert found["index_day"].tolist()[1:] == [50, 100]
    assert found[["n_trials", "n_treated", "n_control"]].to_numpy().tolist() == [[6, 2, 4], [2, 0, 2], [4, 2, 2]]
    # Of the four pairs of wave 8 three are in order and one is tied.
    assert found["auc"].iloc[2] == pytest.approx(3.5 / 4)
    assert np.isnan(found["auc"].iloc[1])
    assert found["auc"].iloc[0] == pytest.approx(7.5 / 8)
    assert found["share_in_overlap"].tolist() == pytest.approx([5 / 6, 0.5, 1.0])
    assert found["ess_treated"].tolist() == pytest.approx([0.49 / 0.37, 0.0, 0.49 / 0.37])


def test_a_covariate_that_tells_the_arms_apart_is_not_balanced() -> None:
    treated = np.repeat([1, 0], 50)
    table = pd.DataFrame({"treated": treated, "w_overlap": 1.0, "w_balance": 1.0})
    x = np.column_stack([treated, 1 - treated, np.ones(100)]).astype(float)
    smd = covariate_balance(x, ("only_treated", "only_control", "everybody"), table)
    by_name = smd.groupby("covariate")["smd"].unique()
    assert by_name["only_treated"].tolist() == [np.inf]
    assert by_name["only_control"].tolist() == [-np.inf]
    assert by_name["everybody"].tolist() == [0.0]
