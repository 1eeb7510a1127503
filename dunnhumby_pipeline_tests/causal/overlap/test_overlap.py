"""Weights, trimming and overlap: formulas by hand or brute force, and the laws that weights keep."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.causal.overlap.calibration import propensity_calibration
from dunnhumby_pipeline.causal.overlap.overlap import (
    crump_threshold,
    effective_sample_size,
    entropy_weights,
    inverse_propensity_weights,
    overlap_diagnostics,
    overlap_weights,
    propensity_table,
)
from dunnhumby_pipeline.causal.overlap.positivity import relative_propensity
from dunnhumby_pipeline.settings import OverlapSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

PROPENSITIES = st.lists(st.integers(1, 99).map(lambda percent: percent / 100), min_size=2, max_size=40).map(np.array)


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


@pytest.fixture(autouse=True)
def no_warning_of_arithmetic() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


# Weights


def test_weights_are_their_formulas() -> None:
    treated, propensity = np.array([1.0, 0.0]), np.array([0.8, 0.25])
    assert overlap_weights(treated, propensity) == pytest.approx([0.2, 0.25])
    assert inverse_propensity_weights(treated, propensity) == pytest.approx([1.25, 4 / 3])
    assert effective_sample_size(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_sample_size(np.zeros(3)) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6).filter(lambda w: w == 0 or w > 1e-6), min_size=1, max_size=30))
def test_an_effective_size_is_at_most_the_number_of_trials_with_weight(weights: list[float]) -> None:
    assert effective_sample_size(np.array(weights)) <= np.count_nonzero(weights) * (1 + 1e-9)


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


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 80), st.integers(1, 5))
def test_entropy_weights_meet_any_mean_within_the_cloud(seed: int, n: int, p: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, p)) * 10.0 ** rng.integers(-3, 4, p)
    inner = rng.dirichlet(np.ones(n)) / 2 + 0.5 / n
    weights = entropy_weights(x, inner @ x)
    assert weights.min() > 0
    assert weights.mean() == pytest.approx(1)
    # What the ridge leaves grows with the tilt that the target takes.
    tilt = np.ptp(np.log(weights))
    assert np.abs((weights @ x / n - inner @ x) / x.std(axis=0)).max() < 1e-3 * (1 + tilt)


def test_entropy_weights_come_near_a_target_out_of_reach() -> None:
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.random(200), rng.normal(size=200), np.zeros(200)])
    weights = entropy_weights(x, np.array([1.2, 0.3, 0.5]))
    reached = np.average(x, axis=0, weights=weights)
    assert weights.min() >= 0
    assert weights.mean() == pytest.approx(1)
    assert 0.9 < reached[0] <= 1.0
    assert entropy_weights(np.zeros((5, 1)), np.array([0.5])).tolist() == [1.0] * 5


def test_a_rounded_constant_does_not_disturb_the_weights() -> None:
    x = np.column_stack([np.full(36, 0.1), np.arange(36.0)])
    assert x[:, 0].std() > 0
    target = np.array([0.3, 20.0])
    np.testing.assert_allclose(entropy_weights(x, target), entropy_weights(x[:, 1:], target[1:]))


# Crump's trimming


def least_variance(propensity: Array) -> float:
    """The least over every symmetric interval, one after the other."""
    found = []
    for edge in {min(e, 1 - e) for e in propensity}:
        kept = propensity[(propensity >= edge - 1e-12) & (propensity <= 1 - edge + 1e-12)]
        found.append((1 / (kept * (1 - kept))).sum() / len(kept) ** 2)
    return min(found)


@settings(max_examples=200, deadline=None)
@given(PROPENSITIES)
def test_crump_trimming_has_the_least_variance_of_all(propensity: Array) -> None:
    alpha = crump_threshold(propensity)
    kept = propensity[(propensity >= alpha) & (propensity <= 1 - alpha)]
    g = 1 / (kept * (1 - kept))
    assert g.sum() / len(kept) ** 2 == pytest.approx(least_variance(propensity))
    assert 0 <= alpha < 0.5
    if alpha > 0:
        assert len(kept) < len(propensity)
        assert 1 / (alpha * (1 - alpha)) == pytest.approx(2 * g.mean())
        assert g.max() <= 2 * g.mean()
    else:
        assert len(kept) == len(propensity)


def test_crump_trimming_by_hand() -> None:
    # g = 4, 4, 4 and 101.01: kept, they give 113.01 / 16 = 7.06; left out, 12 / 9 = 1.33.
    assert crump_threshold(np.array([0.5, 0.5, 0.01, 0.5])) == pytest.approx(0.5 - np.sqrt(0.25 - 1 / 8))
    assert crump_threshold(np.array([0.5, 0.3, 0.6])) == 0.0
    assert crump_threshold(np.full(10, 0.01)) == 0.0


# The table


@pytest.fixture(scope="module")
def scored() -> tuple[Known, pd.DataFrame]:
    known = simulate_trials(1200, seed=5, effect=constant_effect, n_campaigns=2)
    return known, propensity_table(known.nuisances(), known.x, OverlapSettings(lower=0.3, upper=0.8))


def test_the_propensity_table_weighs_trials_in_overlap(scored: tuple[Known, pd.DataFrame]) -> None:
    known, table = scored
    own = "household_key campaign treated propensity in_overlap in_crump w_overlap w_ipw w_balance w_treated"
    assert table.columns.tolist() == own.split()
    relative = relative_propensity(known.propensity, known.trials["treated"].mean())
    inside = (relative >= 0.3) & (relative <= 0.8)
    np.testing.assert_array_equal(table["in_overlap"], inside)
    assert (table.loc[~inside, "w_balance"] == 0).all()
    tilt = (known.propensity * (1 - known.propensity))[inside]
    target = np.average(known.x[inside], axis=0, weights=tilt)
    for arm in (0, 1):
        rows = inside & (known.trials["treated"] == arm).to_numpy()
        reached = np.average(known.x[rows], axis=0, weights=table.loc[rows, "w_balance"])
        np.testing.assert_allclose(reached, target, atol=1e-3)
        assert table.loc[rows, "w_balance"].mean() == pytest.approx(1)


def test_controls_weighted_to_the_treated_have_their_means(scored: tuple[Known, pd.DataFrame]) -> None:
    known, table = scored
    treated = (table["treated"] == 1).to_numpy()
    weights = table["w_treated"].to_numpy()
    assert (weights[treated] == 1).all()
    assert weights[~treated].min() > 0
    assert weights[~treated].mean() == pytest.approx(1)
    reached = np.average(known.x[~treated], axis=0, weights=weights[~treated])
    np.testing.assert_allclose(reached, known.x[treated].mean(axis=0), atol=5e-3)
    # The odds of treatment are what a true propensity would weigh controls by.
    odds = (known.propensity / (1 - known.propensity))[~treated]
    assert np.corrcoef(np.log(weights[~treated]), np.log(odds))[0, 1] > 0.95


def test_trials_in_crump_lie_within_its_threshold(scored: tuple[Known, pd.DataFrame]) -> None:
    known, table = scored
    alpha = crump_threshold(known.propensity)
    assert alpha > 0
    np.testing.assert_array_equal(table["in_crump"], np.abs(known.propensity - 0.5) <= 0.5 - alpha)


def test_a_level_that_one_arm_lacks_does_not_stop_the_weights() -> None:
    known = simulate_trials(300, seed=6, effect=constant_effect)
    treated = known.trials["treated"].to_numpy() == 1
    rare = np.zeros((300, 2))
    rare[np.flatnonzero(treated)[:2], 0] = 1
    rare[np.flatnonzero(~treated)[:1], 1] = 1
    table = propensity_table(known.nuisances(), np.column_stack([known.x, rare]), OverlapSettings())
    weights = table[["w_balance", "w_treated"]].to_numpy()
    assert np.isfinite(weights).all()
    assert weights.min() >= 0
    reached = np.average(known.x[~treated], axis=0, weights=weights[~treated, 1])
    np.testing.assert_allclose(reached, known.x[treated].mean(axis=0), atol=0.01)


def test_a_certain_propensity_is_refused() -> None:
    known = simulate_trials(4, seed=1, effect=constant_effect)
    table = known.nuisances(propensity=np.array([0.0, 0.5, 1.0, np.nan]))
    with pytest.raises(ValueError, match=r"^3 of 4 propensities are not strictly between 0 and 1$"):
        propensity_table(table, known.x, OverlapSettings())


def test_trials_of_one_arm_have_no_weights_to_the_treated() -> None:
    known = simulate_trials(50, seed=2, effect=constant_effect)
    for arm, expected in ((0, 0.0), (1, 1.0)):
        table = propensity_table(known.nuisances().assign(treated=arm), known.x, OverlapSettings())
        assert (table["w_treated"] == expected).all()
        assert np.isfinite(table["w_balance"]).all()


def separated(n: int = 400) -> tuple[pd.DataFrame, Array]:
    """Nuisances and covariates of trials that the first covariate tells apart, in two campaigns."""
    x = np.random.default_rng(8).normal(size=(n, 5))
    treated = (x[:, 0] > 0).astype(int)
    campaign = np.repeat([1, 2], n // 2)
    keys = {"household_key": np.arange(n), "campaign": campaign, "treated": treated, "propensity_bounded": True}
    return pd.DataFrame({**keys, "propensity": np.where(treated == 1, 0.99, 0.01)}), x


def test_perfectly_separated_arms_still_make_tables() -> None:
    nuisances, x = separated()
    table = propensity_table(nuisances, x, OverlapSettings())
    assert not table["in_overlap"].any()
    assert (table["w_balance"] == 0).all()
    assert table.notna().all(axis=None)
    found = overlap_diagnostics(table, nuisances["campaign"] * 100)
    assert found["share_in_overlap"].tolist() == [0.0] * 3
    np.testing.assert_allclose(found["share_below"] + found["share_above"], 1)
    assert found[["ess_balance_treated", "ess_balance_control"]].to_numpy().tolist() == [[0.0, 0.0]] * 3
    assert found["auc"].tolist() == [1.0] * 3
    assert found["calibration_slope"].isna().all()
    sizes = found.filter(like="ess_").drop(columns=["ess_balance_treated", "ess_balance_control"])
    assert (sizes > 0).all(axis=None)
    bins = propensity_calibration(table, 10, 0.95)
    assert bins["share_treated"].tolist() == [0.0, 1.0]


# Diagnostics


def test_diagnostics_by_campaign_with_a_campaign_of_one_arm() -> None:
    table = pd.DataFrame(
        {
            "campaign": [8, 8, 8, 8, 5, 5],
            "treated": [1, 0, 1, 0, 0, 0],
            "propensity": [0.95, 0.2, 0.4, 0.4, 0.45, 0.05],
            "in_overlap": [False, True, True, True, True, False],
            "in_crump": [False, True, True, True, True, False],
            "w_overlap": [0.1, 0.2, 0.6, 0.4, 0.3, 0.05],
            "w_ipw": [1.0, 1.0, 3.0, 1.0, 2.0, 1.0],
            "w_balance": [0.0, 1.0, 1.0, 1.0, 1.0, 0.0],
            "w_treated": [1.0, 3.0, 1.0, 1.0, 0.0, 0.0],
        }
    )
    found = overlap_diagnostics(table, pd.Series([100] * 4 + [50] * 2))
    assert found.columns.tolist() == [
        *("campaign", "index_day", "n_trials", "n_treated", "n_control", "auc", "brier"),
        *("calibration_intercept", "calibration_slope", "share_in_overlap", "share_below", "share_above"),
        *("share_treated_comparable", "share_control_comparable"),
        *("crump_alpha", "share_in_crump", "ess_treated", "ess_control", "ess_ipw_treated", "ess_ipw_control"),
        *("ess_balance_treated", "ess_balance_control", "ess_control_as_treated"),
    ]
    assert found["campaign"].tolist() == ["all", "5", "8"]
    assert found["index_day"].isna().tolist() == [True, False, False]
    assert found["index_day"].tolist()[1:] == [50, 100]
    assert found[["n_trials", "n_treated", "n_control"]].to_numpy().tolist() == [[6, 2, 4], [2, 0, 2], [4, 2, 2]]
    # Of the four pairs of campaign 8 three are in order and one is tied.
    assert found["auc"].tolist() == pytest.approx([6.5 / 8, np.nan, 3.5 / 4], nan_ok=True)
    squares = [0.05**2, 0.2**2, 0.6**2, 0.4**2, 0.45**2, 0.05**2]
    assert found["brier"].tolist() == pytest.approx([np.mean(squares), np.mean(squares[4:]), np.mean(squares[:4])])
    # The arms of campaign 8 share no propensity but 0.4, on the border.
    assert found["calibration_slope"].isna().tolist() == [False, True, True]
    assert found["calibration_intercept"].isna().tolist() == [False, True, True]
    shares = found[["share_in_overlap", "share_below", "share_above", "share_in_crump"]].to_numpy()
    np.testing.assert_allclose(shares, [[4 / 6, 1 / 6, 1 / 6, 4 / 6], [0.5, 0.5, 0, 0.5], [0.75, 0, 0.25, 0.75]])
    comparable = found[["share_treated_comparable", "share_control_comparable"]].to_numpy()
    np.testing.assert_allclose(comparable, [[0.5, 0.75], [np.nan, 0.5], [0.5, 1.0]])
    assert found["crump_alpha"].tolist() == [crump_threshold(table["propensity"].to_numpy())] * 3
    assert found["ess_treated"].tolist() == pytest.approx([0.49 / 0.37, 0.0, 0.49 / 0.37])
    assert found["ess_control"].tolist()[1:] == pytest.approx([0.35**2 / (0.09 + 0.0025), 0.36 / 0.2])
    assert found["ess_ipw_treated"].tolist() == pytest.approx([1.6, 0.0, 1.6])
    assert found["ess_ipw_control"].tolist() == pytest.approx([25 / 7, 1.8, 2.0])
    assert found["ess_balance_treated"].tolist() == [1.0, 0.0, 1.0]
    assert found["ess_balance_control"].tolist() == [3.0, 1.0, 2.0]
    assert found["ess_control_as_treated"].tolist() == pytest.approx([1.6, 0.0, 1.6])
