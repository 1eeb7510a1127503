"""Nuisances, overlap and average effects: formulas by hand, known effects recovered, intervals that cover."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm  # type: ignore[import-untyped]
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from dunnhumby_pipeline.causal.average_effects import aipw, average_effects, naive, overlap_weighted
from dunnhumby_pipeline.causal.clustered import clustered_se, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.nuisance import Residuals, aipw_scores, cross_fit, household_folds, residuals
from dunnhumby_pipeline.causal.overlap import (
    covariate_balance,
    effective_sample_size,
    entropy_weights,
    inverse_propensity_weights,
    overlap_diagnostics,
    overlap_weights,
    propensity_table,
)
from dunnhumby_pipeline.settings import NuisanceSettings, OverlapSettings
from dunnhumby_pipeline_tests.known_truth import Array, Known, invent_trials

# Rare wave-and-arm combinations are spread as well as they can be.
pytestmark = pytest.mark.filterwarnings("ignore:The least populated class")

TWO_FOLDS = NuisanceSettings(n_folds=2)


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


def peaked_effect(x: Array) -> Array:
    """Largest where both arms occur: the ATE is 2, the ATO is larger."""
    return 4.0 - 2.0 * x[:, 0] ** 2


def everyone(data: Residuals) -> NDArray[np.bool_]:
    return np.ones(len(data.y), dtype=bool)


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
    return cross_fit(known.trials, known.x, TWO_FOLDS, seed=3)


def test_nuisances_follow_the_truth(known: Known, nuisances: pd.DataFrame) -> None:
    assert nuisances[["household_key", "campaign", "treated"]].equals(
        known.trials[["household_key", "campaign", "treated"]]
    )
    assert np.corrcoef(nuisances["propensity"], known.propensity)[0, 1] > 0.75
    assert np.corrcoef(nuisances["mu0_purchase_amount"], known.mu0)[0, 1] > 0.95
    assert np.corrcoef(nuisances["mu1_purchase_count"], known.mu1)[0, 1] > 0.95


def test_a_second_pass_gives_the_same_nuisances(known: Known, nuisances: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(cross_fit(known.trials, known.x, TWO_FOLDS, seed=3), nuisances)


def test_a_households_own_outcomes_never_enter_its_predictions(known: Known, nuisances: pd.DataFrame) -> None:
    own = known.trials["household_key"] == known.trials["household_key"].iloc[7]
    shifted = known.trials["purchase_amount"].where(~own, 1e4)
    changed = cross_fit(known.trials.assign(purchase_amount=shifted), known.x, TWO_FOLDS, seed=3)
    fold = nuisances["fold"] == nuisances.loc[own, "fold"].iloc[0]
    assert 2 <= int(own.sum()) < int(fold.sum())
    pd.testing.assert_frame_equal(changed[fold], nuisances[fold])
    moved = (changed["mu0_purchase_amount"] - nuisances["mu0_purchase_amount"])[~fold].abs()
    moved += (changed["mu1_purchase_amount"] - nuisances["mu1_purchase_amount"])[~fold].abs()
    assert moved.min() > 0
    assert changed["propensity"].equals(nuisances["propensity"])


def test_propensities_near_0_and_1_are_bounded_and_counted(known: Known, nuisances: pd.DataFrame) -> None:
    assert not nuisances["propensity_bounded"].any()
    bound = NuisanceSettings(n_folds=2, propensity_bound=0.4)
    bounded = cross_fit(known.trials, known.x, bound, seed=3)
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


def test_either_a_right_propensity_or_right_means_are_enough() -> None:
    known = invent_trials(4000, seed=2, effect=peaked_effect)
    wrong_means = {"mu0": np.full(4000, 3.0), "mu1": 20 - known.x[:, 0]}
    wrong_propensity = {"propensity": np.clip(0.5 - 0.2 * known.x[:, 0], 0.05, 0.95)}
    off = {}
    for name, replaced in (
        ("means", wrong_means),
        ("propensity", wrong_propensity),
        ("both", wrong_means | wrong_propensity),
    ):
        data = known.residuals(**replaced)
        estimate, se = aipw(data, everyone(data))
        off[name] = abs(estimate - known.effect.mean()) / se
    assert off["means"] < 3
    assert off["propensity"] < 3
    assert off["both"] > 4


# Clustered standard errors


def test_clusters_of_one_give_the_classic_standard_error() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=80)
    mean, se = weighted_mean_se(values, np.ones(80), np.arange(80))
    assert mean == pytest.approx(values.mean())
    assert se == pytest.approx(values.std(ddof=1) / np.sqrt(80))
    assert np.isnan(clustered_se(values - mean, np.zeros(80, dtype=int)))


def test_clustered_errors_are_those_of_weighted_least_squares_and_of_the_household_bootstrap() -> None:
    rng = np.random.default_rng(2)
    households = rng.integers(0, 60, 240)
    values = rng.normal(size=60)[households] + rng.normal(size=240)
    weights = rng.uniform(0.2, 2.0, 240)
    mean, se = weighted_mean_se(values, weights, households)
    fit = sm.WLS(values, np.ones(240), weights=weights).fit(cov_type="cluster", cov_kwds={"groups": households})
    assert (mean, se) == pytest.approx((fit.params[0], fit.bse[0]))
    assert se > 1.3 * weighted_mean_se(values, weights, np.arange(240))[1]

    sums = np.array([[(weights * values)[households == h].sum(), weights[households == h].sum()] for h in range(60)])
    drawn = sums[rng.integers(0, 60, (3000, 60))].sum(axis=1)
    assert se == pytest.approx((drawn[:, 0] / drawn[:, 1]).std(), rel=0.1)


def test_normal_quantiles() -> None:
    assert [round(normal_quantile(confidence), 3) for confidence in (0.9, 0.95)] == [1.645, 1.96]


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


# Average effects


def test_the_naive_difference_has_the_two_sample_standard_error() -> None:
    known = invent_trials(500, seed=6, effect=constant_effect)
    data = known.residuals()
    estimate, se = naive(data, everyone(data))
    treated, control = data.y[data.treated == 1], data.y[data.treated == 0]
    assert estimate == pytest.approx(treated.mean() - control.mean())
    assert se == pytest.approx(np.sqrt(treated.var() / len(treated) + control.var() / len(control)), rel=0.01)


def test_fitted_nuisances_recover_the_effect_that_the_naive_difference_misses() -> None:
    known = invent_trials(500, seed=7, effect=constant_effect, n_waves=2)
    data = residuals(known.trials, cross_fit(known.trials, known.x, TWO_FOLDS, seed=1), "purchase_amount")
    for estimator in (aipw, overlap_weighted):
        estimate, se = estimator(data, everyone(data))
        assert abs(estimate - 2.0) < 3 * se < 1.0
    estimate, se = naive(data, everyone(data))
    assert estimate - 2.0 > 6 * se


def test_the_two_estimands_part_when_effects_differ() -> None:
    known = invent_trials(6000, seed=8, effect=peaked_effect)
    data = known.residuals()
    ate, ate_se = aipw(data, everyone(data))
    ato, ato_se = overlap_weighted(data, everyone(data))
    assert abs(known.ato - known.effect.mean()) > 0.3
    assert abs(ate - known.effect.mean()) < 3 * ate_se
    assert abs(ato - known.ato) < 3 * ato_se
    assert abs(ato - known.effect.mean()) > 4 * ato_se


def _invented_estimates(seed: int) -> tuple[tuple[float, float], ...]:
    """Estimates and errors of one study of 150 households in three waves, with nuisances that are a little off."""
    known = invent_trials(150, seed=[9, seed], effect=constant_effect, n_waves=3, household_noise=1.5)
    tilted = np.clip(known.propensity + 0.05 * np.sin(3 * known.x[:, 1]), 0.05, 0.95)
    data = known.residuals(propensity=tilted, mu0=known.mu0 + 0.3 * known.x[:, 2])
    return tuple(estimator(data, everyone(data)) for estimator in (aipw, overlap_weighted, naive))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    runs = np.array([_invented_estimates(seed) for seed in range(100)])
    estimates, errors = runs[:, :, 0], runs[:, :, 1]
    covered = (np.abs(estimates - 2.0) < normal_quantile(0.95) * errors).mean(axis=0)
    assert 0.88 <= covered[0] <= 1.0
    assert 0.88 <= covered[1] <= 1.0
    assert covered[2] < 0.05
    # Not by being wide: the mean error is the spread of the estimates.
    np.testing.assert_allclose(errors[:, :2].mean(axis=0), estimates[:, :2].std(axis=0), rtol=0.2)


def test_the_table_of_effects_has_a_row_for_what_can_be_estimated() -> None:
    known = invent_trials(300, seed=10, effect=constant_effect, n_waves=2)
    one_armed = known.trials["campaign"] == 2
    trials = known.trials.assign(treated=known.trials["treated"].where(~one_armed, 0))
    nuisances = known.nuisances().assign(treated=trials["treated"])
    inside = pd.Series((known.propensity > 0.3) & (known.propensity < 0.7))
    table = average_effects(trials, nuisances, inside, 0.9)
    own = "outcome estimator estimand population wave estimate se ci_lower ci_upper n_trials n_households"
    assert table.columns.tolist() == own.split()
    assert set(table["wave"]) == {"all", "1"}
    assert len(table) == 3 * 2 * 4
    assert table.groupby("estimator")["estimand"].first().to_dict() == {
        "aipw": "ATE",
        "naive": "association",
        "overlap_weighted": "ATO",
    }
    np.testing.assert_allclose(table["ci_upper"] - table["estimate"], 1.6449 * table["se"], rtol=1e-4)
    np.testing.assert_allclose(table["estimate"] - table["ci_lower"], 1.6449 * table["se"], rtol=1e-4)
    row = table[(table["population"] == "overlap") & (table["wave"] == "all")].iloc[0]
    assert row["n_trials"] == inside.sum() == 2 * row["n_households"]
    data = residuals(trials, nuisances, "purchase_amount")
    assert (row["estimate"], row["se"]) == pytest.approx(aipw(data, inside.to_numpy()))


def test_a_covariate_that_tells_the_arms_apart_is_not_balanced() -> None:
    treated = np.repeat([1, 0], 50)
    table = pd.DataFrame({"treated": treated, "w_overlap": 1.0, "w_balance": 1.0})
    x = np.column_stack([treated, 1 - treated, np.ones(100)]).astype(float)
    smd = covariate_balance(x, ("only_treated", "only_control", "everybody"), table)
    by_name = smd.groupby("covariate")["smd"].unique()
    assert by_name["only_treated"].tolist() == [np.inf]
    assert by_name["only_control"].tolist() == [-np.inf]
    assert by_name["everybody"].tolist() == [0.0]


def test_the_overlap_weighted_effect_forgives_a_wrong_propensity_where_effects_vary() -> None:
    """Effects that grow with e, outcome models right, propensity shrunk: the interval still covers the ATO."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(100):
        x = rng.normal(size=1500)
        e, effect = expit(x), 50 + 60 * x
        treated = rng.binomial(1, e).astype(float)
        y = 100 + treated * effect + rng.normal(0, 100, 1500)
        data = Residuals(
            y=y,
            treated=treated,
            propensity=expit(0.8 * x),
            mu0=np.full(1500, 100.0),
            mu1=100 + effect,
            households=np.arange(1500),
            folds=np.zeros(1500, dtype=np.int64),
        )
        estimate, se = overlap_weighted(data, np.ones(1500, dtype=bool))
        truth = np.average(50 + 60 * x, weights=e * (1 - e))
        covered.append(abs(estimate - truth) < 1.96 * se)
    assert np.mean(covered) > 0.9
