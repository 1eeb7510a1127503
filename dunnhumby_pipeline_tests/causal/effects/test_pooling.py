"""Pooled campaigns: published numbers, hand computations, and intervals that cover the mean of all campaigns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from dunnhumby_pipeline.causal.effects.pooling import campaign_correlations, pool, pooled_effects
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

# Colditz et al. (1994): tuberculosis among the vaccinated and others, as in metafor's dat.bcg.
BCG = np.array(
    [
        *([4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761]),
        *([180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232]),
        *([17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825]),
    ],
    dtype=float,
)


def test_the_vaccine_trials_pool_to_published_figures() -> None:
    ill, well, other_ill, other_well = BCG.T
    log_ratio = np.log(ill / (ill + well)) - np.log(other_ill / (other_ill + other_well))
    variance = 1 / ill - 1 / (ill + well) + 1 / other_ill - 1 / (other_ill + other_well)
    fixed, random = pool(log_ratio, np.sqrt(variance), 0.95)
    # metafor: rma(yi, vi, method = "EE") and method = "PM", with test = "knha".
    assert (round(fixed["estimate"], 4), round(fixed["se"], 4)) == (-0.4303, 0.0405)
    assert (round(fixed["q"], 4), fixed["q_df"], round(fixed["i2"], 4)) == (152.2330, 12, 0.9212)
    assert round(random["tau"] ** 2, 4) == 0.3181
    assert round(random["estimate"], 3) == -0.715
    half_width = stats.t.ppf(0.975, 12) * random["se"]
    assert random["ci_upper"] - random["estimate"] == pytest.approx(half_width)


def test_pooling_is_statsmodels_where_its_iteration_arrives() -> None:
    from statsmodels.stats.meta_analysis import combine_effects

    rng = np.random.default_rng(2)
    estimates, errors = 30 * rng.normal(size=6), rng.uniform(5, 20, 6)
    theirs = combine_effects(estimates, errors**2, method_re="iterated", atol=1e-8)
    fixed, random = pool(estimates, errors, 0.95)
    assert theirs.tau2 > 0
    assert random["tau"] ** 2 == pytest.approx(theirs.tau2, rel=1e-5)
    assert (fixed["estimate"], fixed["se"]) == pytest.approx((theirs.mean_effect_fe, theirs.sd_eff_w_fe))
    assert (random["estimate"], random["se"]) == pytest.approx((theirs.mean_effect_re, theirs.sd_eff_w_re), rel=1e-5)
    assert (random["q"], random["i2"]) == pytest.approx((theirs.q, theirs.i2))


def test_rounding_does_not_lose_the_spread_between_campaigns() -> None:
    from statsmodels.stats.meta_analysis import combine_effects

    estimates, errors = np.array([0.0, 70.0]), np.array([1.0, 26.0])
    # The library's iteration steps past the root and says that campaigns do not differ.
    assert combine_effects(estimates, errors**2, method_re="iterated", atol=1e-12, maxiter=1000).tau2 == 0
    # 70^2 / (2 tau^2 + 677) = 1.
    assert pool(estimates, errors, 0.95)[1]["tau"] == pytest.approx(np.sqrt(2111.5))


def test_two_campaigns_by_hand() -> None:
    fixed, random = pool(np.array([0.0, 10.0]), np.array([1.0, 2.0]), 0.95)
    assert fixed["estimate"] == pytest.approx(2.0)
    assert fixed["se"] == pytest.approx(np.sqrt(0.8))
    assert fixed["ci_lower"] == pytest.approx(2 - 1.959964 * np.sqrt(0.8))
    assert (fixed["q"], fixed["q_df"]) == pytest.approx((20.0, 1))
    assert fixed["q_p_value"] == pytest.approx(stats.chi2.sf(20, 1))
    assert fixed["i2"] == pytest.approx(0.95)
    # 100 / (2 tau^2 + 5) = 1.
    assert random["tau"] == fixed["tau"] == pytest.approx(np.sqrt(47.5))
    assert random["estimate"] == pytest.approx((10 / 51.5) / (1 / 48.5 + 1 / 51.5))
    assert random["se"] == pytest.approx((1 / 48.5 + 1 / 51.5) ** -0.5)
    assert np.isnan([random["prediction_lower"], fixed["prediction_upper"]]).all()


def test_the_prediction_interval_has_two_degrees_less_than_campaigns() -> None:
    estimates, errors = np.array([66.0, 76.0, 17.0, -28.0]), np.array([16.0, 28.0, 22.0, 25.0])
    fixed, random = pool(estimates, errors, 0.9)
    spread = np.hypot(random["tau"], random["se"])
    quantile = stats.t.ppf(0.95, 2)
    assert random["prediction_upper"] == pytest.approx(random["estimate"] + quantile * spread)
    assert random["prediction_lower"] == pytest.approx(random["estimate"] - quantile * spread)
    assert np.isnan(fixed["prediction_lower"])
    # The generalised Q is its expectation at tau.
    weights = 1 / (errors**2 + random["tau"] ** 2)
    assert weights @ (estimates - np.average(estimates, weights=weights)) ** 2 == pytest.approx(3, abs=1e-6)


def test_campaigns_that_differ_less_than_their_errors_are_not_pooled_to_less_error() -> None:
    fixed, random = pool(np.array([5.0, 5.1, 4.9]), np.array([1.0, 1.0, 2.0]), 0.95)
    assert (random["tau"], random["i2"]) == (0.0, 0.0)
    assert (random["estimate"], random["se"]) == pytest.approx((fixed["estimate"], fixed["se"]))
    assert random["ci_upper"] > fixed["ci_upper"]


def test_one_campaign_is_its_own_pool() -> None:
    fixed, random = pool(np.array([3.0]), np.array([1.5]), 0.95)
    for row in (fixed, random):
        assert (row["estimate"], row["se"], row["tau"], row["q"], row["q_df"], row["i2"]) == (3.0, 1.5, 0, 0, 0, 0)
        assert row["ci_lower"] == pytest.approx(3 - 1.959964 * 1.5)
        assert np.isnan([row["q_p_value"], row["prediction_lower"]]).all()


@settings(max_examples=60, deadline=None)
@given(
    campaigns=st.lists(st.tuples(st.floats(-500, 500), st.floats(0.01, 100)), min_size=2, max_size=8),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
)
def test_tau_solves_its_equation_whatever_the_unit(campaigns: list[tuple[float, float]], scale: float) -> None:
    estimates, errors = scale * np.array(campaigns).T

    def excess(tau2: float) -> float:
        weights = 1 / (errors**2 + tau2)
        return float(weights @ (estimates - np.average(estimates, weights=weights)) ** 2) - (len(campaigns) - 1)

    fixed, random = pool(estimates, errors, 0.95)
    expected = optimize.brentq(excess, 0, 1e8 * scale**2, xtol=1e-12 * scale**2) if excess(0) > 0 else 0.0
    assert random["tau"] == pytest.approx(np.sqrt(expected), rel=1e-4, abs=1e-3 * errors.min())
    inside = (1 + 1e-12) * np.abs(estimates).max()
    assert -inside <= random["estimate"] <= inside
    assert 0 <= random["i2"] < 1
    assert fixed["se"] <= random["se"] * (1 + 1e-12)


def test_intervals_of_few_campaigns_cover_the_mean_of_all_campaigns() -> None:
    rng = np.random.default_rng(1)
    errors = np.array([16.0, 28.0, 22.0, 25.0])
    covered, normally = [], []
    for _ in range(400):
        row = pool(50 + 30 * rng.normal(size=4) + errors * rng.normal(size=4), errors, 0.95)[1]
        covered.append(row["ci_lower"] <= 50 <= row["ci_upper"])
        normally.append(abs(row["estimate"] - 50) <= 1.96 * row["se"])
    assert np.mean(covered) > 0.92
    # What the normal interval would do.
    assert np.mean(normally) < 0.92


def campaign_rows(estimator: str, population: str, estimates: Array, errors: Array) -> pd.DataFrame:
    frame = pd.DataFrame({"campaign": ["30", "8", "13"], "estimate": estimates, "se": errors})
    whole = pd.DataFrame({"campaign": ["all"], "estimate": [99.0], "se": [0.1]})
    frame = pd.concat([whole, frame])
    return frame.assign(outcome="purchase_amount", estimator=estimator, population=population)


def test_the_table_pools_campaigns_by_outcome_and_estimator() -> None:
    errors = np.array([1.0, 1.0, 1.0])
    effects = pd.concat(
        [
            campaign_rows("naive", "all", np.array([200.0, 210.0, 220.0]), errors),
            campaign_rows("overlap_weighted", "all", np.array([1.0, 2.0, 3.0]), errors),
            campaign_rows("aipw", "overlap", np.array([2.0, 4.0, 9.0]), np.array([1.0, 1.0, 0.0])),
            campaign_rows("aipw", "all", np.array([7.0, 7.0, 7.0]), errors),
        ]
    )
    table = pooled_effects(effects, 0.95)
    own = (
        "outcome estimator method n_campaigns estimate se ci_lower ci_upper tau q q_df q_p_value i2 "
        "prediction_lower prediction_upper"
    )
    assert table.columns.tolist() == own.split()
    found = table.set_index(["estimator", "method"])
    assert found.index.tolist() == [
        ("overlap_weighted", "fixed"),
        ("overlap_weighted", "random"),
        ("aipw", "fixed"),
        ("aipw", "random"),
    ]
    # The campaign without an error is not pooled.
    assert found["n_campaigns"].tolist() == [3, 3, 2, 2]
    assert found["estimate"].tolist() == pytest.approx([2.0, 2.0, 3.0, 3.0])
    assert found.loc[("overlap_weighted", "fixed"), "q"] == pytest.approx(2.0)
    assert pooled_effects(effects[effects["campaign"] == "all"], 0.95).empty


# Households that recur


def test_with_correlations_the_test_is_the_wald_test_of_equal_effects() -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(size=(4, 4))
    covariance = root @ root.T
    errors = np.sqrt(np.diag(covariance))
    estimates = rng.normal(size=4)
    fixed, _ = pool(estimates, errors, 0.95, covariance / np.outer(errors, errors))
    contrasts = np.eye(4)[1:] - np.eye(4)[0]
    apart = contrasts @ estimates
    wald = apart @ np.linalg.solve(contrasts @ covariance @ contrasts.T, apart)
    assert (fixed["q"], fixed["q_df"], fixed["q_p_value"]) == pytest.approx((wald, 3, stats.chi2.sf(wald, 3)))
    # Two estimates that vary together: the mean's variance is that of their half sum, 2 (1 + r) / 4.
    assert pool(np.zeros(2), np.ones(2), 0.95, np.array([[1, 0.6], [0.6, 1]]))[0]["se"] == pytest.approx(np.sqrt(0.8))


def recurring(seed: int, household_noise: float) -> tuple[Known, pd.DataFrame, pd.DataFrame]:
    known = simulate_trials(
        250, seed=[9, seed], effect=lambda x: np.full(len(x), 2.0), n_campaigns=3, household_noise=household_noise
    )
    # A household stays in its arm, as one does that is never sent the campaign.
    first = known.trials.groupby("household_key")["treated"].transform("first")
    shift = 2.0 * (first - known.trials["treated"])
    trials = known.trials.assign(treated=first, purchase_amount=known.trials["purchase_amount"] + shift)
    nuisances = known.nuisances().assign(treated=first)
    return known, trials, nuisances


def rows_of(trials: pd.DataFrame, nuisances: pd.DataFrame) -> pd.DataFrame:
    data, rows = residuals(trials, nuisances, "purchase_amount"), []
    for campaign in (1, 2, 3):
        found = overlap_weighted(data, (trials["campaign"] == campaign).to_numpy())
        rows.append(("purchase_amount", "overlap_weighted", "all", str(campaign), *found))
    return pd.DataFrame(rows, columns=["outcome", "estimator", "population", "campaign", "estimate", "se"])


def test_households_that_recur_make_campaigns_differ_less_by_chance() -> None:
    """Of 80 draws with one effect for all campaigns, 5 % should be called different at 5 %."""
    clustered, apart = [], []
    for seed in range(80):
        _, trials, nuisances = recurring(seed, household_noise=3.0)
        inside = nuisances.assign(in_overlap=True)
        shared = campaign_correlations(trials, nuisances, inside, ["purchase_amount"])
        effects = rows_of(trials, nuisances)
        clustered.append(pooled_effects(effects, 0.95, shared)["q_p_value"].iloc[0])
        apart.append(pooled_effects(effects, 0.95)["q_p_value"].iloc[0])
    assert 0.02 <= np.mean(np.array(clustered) < 0.05) <= 0.09
    # As if no household recurred, hardly any would be: differences would be overlooked.
    assert np.mean(np.array(apart) < 0.05) < 0.01


def test_campaigns_without_a_household_in_common_are_independent() -> None:
    _, trials, nuisances = recurring(1, household_noise=3.0)
    for frame in (trials, nuisances):
        frame["household_key"] = np.arange(len(frame))
    shared = campaign_correlations(trials, nuisances, nuisances.assign(in_overlap=True), ["purchase_amount"])
    for found in shared.values():
        np.testing.assert_allclose(found, np.eye(3), atol=1e-12)
        assert found.columns.tolist() == ["1", "2", "3"]
