"""Sensitivity: published numbers, other libraries, confounders left out on purpose, bounds that hold the truth."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import LinearRegression

from dunnhumby_pipeline.causal.doubts.bounds import Bound, bounded_interval, effect_bounds
from dunnhumby_pipeline.causal.doubts.confounding import (
    ShortEstimate,
    adjusted_interval,
    confounder_benchmarks,
    confounding_contour,
    interval_robustness_value,
    omitted_variable_bias,
    outcome_bound,
    robustness_value,
    short_estimate,
)
from dunnhumby_pipeline.causal.doubts.covariate_gains import (
    LARGEST,
    covariate_blocks,
    covariate_gains,
    covariate_groups,
)
from dunnhumby_pipeline.causal.doubts.e_value import e_value, e_values_of_difference, pooled_sd
from dunnhumby_pipeline.causal.doubts.sensitivity import SensitivityTables, sensitivity_tables
from dunnhumby_pipeline.causal.effects.average import naive, overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means
from dunnhumby_pipeline.settings import SensitivitySettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

NAMES = ("monetary_sales", "frequency", "tenure", "share_fresh")
Z = stats.norm.ppf(0.975)


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


def as_residuals(
    y: Array, treated: Array, e: Array | float, m: Array | float, households: Array | None = None
) -> Residuals:
    n = len(y)
    mean = np.broadcast_to(np.asarray(m, dtype=float), n)
    own = np.arange(n) if households is None else households
    return Residuals(
        y, treated, np.broadcast_to(np.asarray(e, dtype=float), n), mean, mean, own, np.arange(n, dtype=np.int64) % 3
    )


def linear_study(seed: int, n: int = 400, noise: float = 1.0) -> tuple[Residuals, Array, Array]:
    """(residuals of least squares on x alone, x, a confounder left out); the effect is 2."""
    rng = np.random.default_rng(seed)
    x, hidden = rng.normal(size=(n, 2)), rng.normal(size=n)
    dose = x[:, 0] + 0.7 * hidden + rng.normal(size=n)
    y = 2 * dose + x @ [1.0, -1.0] + 1.5 * hidden + noise * rng.normal(size=n)
    return least_squares(y, dose, x), x, hidden


def least_squares(y: Array, dose: Array, x: Array) -> Residuals:
    fitted = LinearRegression().fit(x, np.column_stack([y, dose])).predict(x)
    return as_residuals(y, dose, fitted[:, 1], fitted[:, 0])


# E-values


def test_e_values_are_those_published() -> None:
    # VanderWeele & Ding (2017): breast feeding and death by respiratory infection, 3.9 (1.8 to 8.7).
    assert [round(e_value(ratio), 2) for ratio in (3.9, 1.8)] == [7.26, 3.0]
    # Their second example, a protective one: 0.80 (0.71 to 0.91).
    assert [round(e_value(ratio), 2) for ratio in (0.8, 0.91)] == [1.81, 1.43]


@pytest.mark.parametrize(
    ("estimate", "se", "sd", "expected"),
    # evalues.MD and evalues.OLS of the R package EValue, which rounds 0.91 * 1.96 to 1.78.
    [(0.5, 0.2, 1.0, (2.52914198, 1.44302956)), (1.2, 0.4, 3.0, (2.23397067, 1.52654089))],
)
def test_e_values_of_differences_are_those_of_the_r_package(
    estimate: float, se: float, sd: float, expected: tuple[float, float]
) -> None:
    half = 1.78 / 0.91 * se
    found = e_values_of_difference(estimate, estimate - half, estimate + half, sd)
    assert (found.estimate, found.limit) == pytest.approx(expected)
    mirrored = e_values_of_difference(-estimate, -estimate - half, -estimate + half, sd)
    assert (mirrored.estimate, mirrored.limit) == pytest.approx(expected)


@settings(deadline=None, max_examples=50)
@given(st.floats(0.0, 50), st.floats(0.001, 50), st.floats(0.0, 50), st.floats(0.5, 100))
def test_e_values_grow_with_the_effect_and_the_intervals_are_nearer_to_one(
    estimate: float, more: float, half: float, sd: float
) -> None:
    found = e_values_of_difference(estimate, estimate - half, estimate + half, sd)
    assert found.estimate >= found.limit >= 1
    assert (found.limit == 1) == (estimate - half <= 0) or found.limit == pytest.approx(1, abs=1e-6)
    larger = e_values_of_difference(estimate + more, estimate + more - half, estimate + more + half, sd)
    assert larger.estimate > found.estimate
    assert larger.limit >= found.limit


def test_the_outcomes_sd_is_pooled_within_the_arms() -> None:
    y, treated = np.array([1.0, 3.0, 10.0, 14.0, 12.0]), np.array([0.0, 0.0, 1.0, 1.0, 1.0])
    assert pooled_sd(y, treated) == pytest.approx(np.sqrt((2 + 8) / 3))
    assert pooled_sd(y + 100 * treated, treated) == pytest.approx(pooled_sd(y, treated))
    assert pooled_sd(np.full(5, 0.1), treated) == 0
    assert pooled_sd(np.array([1.0, 2.0]), np.array([0.0, 1.0])) == 0


def test_e_values_need_a_positive_ratio_and_a_positive_sd() -> None:
    with pytest.raises(ValueError, match=r"^a risk ratio is positive, found 0\.0$"):
        e_value(0.0)
    with pytest.raises(ValueError, match=r"^the outcome's standard deviation must be positive, found 0\.0$"):
        e_values_of_difference(1.0, 0.5, 1.5, 0.0)


# Bounds without adjustment


def bounds_of(data: Residuals, lowest: float, highest: float) -> pd.DataFrame:
    return effect_bounds(data, lowest, highest, 0.95).set_index("assumption")


def test_bounds_by_hand() -> None:
    data = as_residuals(np.array([8.0, 6.0, 4.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0, 0.0]), 0.4, 0.0)
    table = bounds_of(data, 0.0, 10.0)
    # E[Y1] in [7 * .4, 7 * .4 + 10 * .6], E[Y0] in [2 * .6, 2 * .6 + 10 * .4].
    assert table.loc["manski", ["lower", "upper"]].tolist() == pytest.approx([2.8 - 5.2, 8.8 - 1.2])
    assert table.loc["monotone_response", ["lower", "upper"]].tolist() == pytest.approx([0, 7.6])
    assert table.loc["monotone_selection", ["lower", "upper"]].tolist() == pytest.approx([-2.4, 5])
    assert table.loc["monotone_response_and_selection", ["lower", "upper"]].tolist() == pytest.approx([0, 5])
    # By trial: y - 10 and -y + 0.
    assert table.loc["manski", "lower_se"] == pytest.approx(np.std([-2, -4, -4, -2, 0], ddof=1) / np.sqrt(5))
    assert table.loc["monotone_selection", "upper_se"] == pytest.approx(naive(data, np.ones(5, dtype=bool))[1])
    assert table.loc["monotone_response", "lower_se"] == 0


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.floats(0, 3), st.floats(-2, 2))
def test_bounds_hold_the_true_effect_whenever_their_assumption_holds(seed: int, taste: float, shift: float) -> None:
    """Both outcomes of every household known; targeting depends on the outcome itself."""
    rng = np.random.default_rng(seed)
    y0 = rng.uniform(0, 8, 200)
    y1 = np.clip(y0 + shift + rng.normal(size=200), 0, 10)
    treated = (rng.random(200) < 1 / (1 + np.exp(-taste * (y0 - 4)))).astype(float)
    treated[:2] = [0, 1]
    data = as_residuals(np.where(treated == 1, y1, y0), treated, 0.5, 0.0)
    table, truth = bounds_of(data, 0.0, 10.0), (y1 - y0).mean()
    assert table.loc["manski", "upper"] - table.loc["manski", "lower"] == pytest.approx(10)
    holds = {"manski": True, "monotone_response": bool((y1 >= y0).all())}
    holds["monotone_selection"] = all(y[treated == 1].mean() >= y[treated == 0].mean() for y in (y0, y1))
    holds["monotone_response_and_selection"] = holds["monotone_response"] and holds["monotone_selection"]
    for assumption, held in holds.items():
        if held:
            assert table.loc[assumption, "lower"] - 1e-9 <= truth <= table.loc[assumption, "upper"] + 1e-9
    assert (table["ci_lower"] <= table["lower"]).all()
    assert (table["ci_upper"] >= table["upper"]).all()


def test_the_interval_covers_the_effect_and_not_both_bounds() -> None:
    met = bounded_interval(Bound(5.0, 1.0), Bound(5.0, 1.0), 0.95)
    assert met == pytest.approx((5 - Z, 5 + Z))
    far = bounded_interval(Bound(-100.0, 1.0), Bound(100.0, 2.0), 0.95)
    assert far == pytest.approx((-100 - stats.norm.ppf(0.95), 100 + 2 * stats.norm.ppf(0.95)))
    assert bounded_interval(Bound(0.0, 0.0), Bound(3.0, 0.0), 0.95) == (0.0, 3.0)
    # Between: by the definition, at an effect on the upper bound.
    low, _ = bounded_interval(Bound(0.0, 1.0), Bound(0.5, 1.0), 0.9)
    c = -low
    assert stats.norm.cdf(c + 0.5) - stats.norm.cdf(-c) == pytest.approx(0.9)


def test_bounds_cluster_by_household() -> None:
    known = simulate_trials(200, seed=3, effect=constant_effect, n_campaigns=3, household_noise=5.0)
    data = known.residuals()
    lowest, highest = data.y.min(), data.y.max()
    clustered = bounds_of(data, lowest, highest)["upper_se"]
    alone = bounds_of(replace(data, households=np.arange(len(data.y))), lowest, highest)["upper_se"]
    # A household keeps its taste, which makes its trials alike.
    assert clustered["monotone_selection"] > 1.1 * alone["monotone_selection"]


def test_bounds_need_a_range_that_holds_the_outcomes_and_both_arms() -> None:
    data = as_residuals(np.array([1.0, 5.0]), np.array([0.0, 1.0]), 0.5, 0.0)
    with pytest.raises(ValueError, match=r"^outcomes lie between 1 and 5, outside 0 to 4$"):
        effect_bounds(data, 0.0, 4.0, 0.95)
    with pytest.raises(ValueError, match=r"^bounds of an effect need treated and control trials$"):
        effect_bounds(replace(data, treated=np.ones(2)), 0.0, 5.0, 0.95)


# Omitted-variable bounds


def test_estimate_and_error_are_those_of_the_primary_estimator() -> None:
    data = simulate_trials(300, seed=4, effect=constant_effect, n_campaigns=2, household_noise=2.0).residuals()
    short = short_estimate(data)
    assert (short.estimate, short.se) == pytest.approx(overlap_weighted(data, np.ones(600, dtype=bool)))
    assert short.interval(0.95) == pytest.approx((short.estimate - Z * short.se, short.estimate + Z * short.se))


def test_a_linear_confounder_left_out_biases_by_exactly_what_its_gains_say() -> None:
    """In least squares the worst case is attained: a single confounder is all there is."""
    data, x, hidden = linear_study(seed=5)
    long = least_squares(data.y, data.treated, np.column_stack([x, hidden]))
    short, full = short_estimate(data), short_estimate(long)
    gain_outcome, gain_treatment = 1 - full.sigma2 / short.sigma2, 1 - short.nu2 / full.nu2
    bias = float(omitted_variable_bias(short, gain_outcome, gain_treatment))
    assert bias == pytest.approx(short.estimate - full.estimate)
    assert bias > 5 * short.se


def test_the_robustness_value_is_that_of_sensemakr() -> None:
    i = np.arange(1, 201)
    x = np.column_stack([np.sin(i), np.cos(1.7 * i)])
    dose = 0.5 * x[:, 0] + 0.6 * np.sin(3.1 * i)
    y = 0.4 * dose + 0.8 * x[:, 0] + 0.3 * x[:, 1] + 0.5 * np.cos(2.3 * i)
    short = short_estimate(least_squares(y, dose, x))
    assert short.estimate == pytest.approx(0.407404970966835)
    assert robustness_value(short) == pytest.approx(0.392125514801805)


@pytest.mark.parametrize("gains", [(0.0, 0.0), (0.1, 0.05), (0.02, 0.4), (0.3, 0.3)])
def test_intervals_are_those_of_econml(gains: tuple[float, float]) -> None:
    from econml.validate.sensitivity_analysis import RV, sensitivity_interval

    short = short_estimate(linear_study(seed=6)[0])
    args = (short.estimate, short.sigma2, short.nu2, short.covariance, 0.1)
    assert adjusted_interval(short, *gains, 0.9) == pytest.approx(sensitivity_interval(*args, *gains, 1.0))
    bias = float(omitted_variable_bias(short, *gains))
    assert (short.estimate - bias, short.estimate + bias) == pytest.approx(
        sensitivity_interval(*args, *gains, 1.0, interval_type="theta")
    )
    assert robustness_value(short) == pytest.approx(RV(*args, interval_type="theta"), abs=1e-5)
    assert interval_robustness_value(short, 0.9) == pytest.approx(RV(*args), abs=1e-5)


def test_the_covariance_is_econmls_but_for_a_sign_and_is_that_of_the_bootstrap() -> None:
    """econml takes the influence of nu2 with the wrong sign: rt^2 above its mean makes 1 / mean(rt^2) smaller."""
    from econml.validate.sensitivity_analysis import dml_sensitivity_values

    rng = np.random.default_rng(7)
    rt, scale = rng.gamma(2.0, size=1500) - 2, rng.uniform(0.5, 2, 1500)
    ry = 3 * rt + scale * rng.gamma(1.0, size=1500) * (1 + rt**2)
    data = as_residuals(ry, rt, 0.0, 0.0)
    short, theirs = short_estimate(data), dml_sensitivity_values(rt, ry)
    assert (short.estimate, short.sigma2, short.nu2) == pytest.approx((theirs.theta, theirs.sigma, theirs.nu))
    sign = np.diag([1.0, 1.0, -1.0])
    factor = 1500 / 1499
    # Theirs is about G^-1, which for nu2 is nu2.
    np.testing.assert_allclose(short.covariance, factor * sign @ theirs.cov @ sign, rtol=1e-6)

    draws = []
    for _ in range(1500):
        rows = rng.integers(0, 1500, 1500)
        one = (rt[rows] * ry[rows]).sum() / (rt[rows] ** 2).sum()
        draws.append((one, ((ry[rows] - one * rt[rows]) ** 2).mean(), 1 / (rt[rows] ** 2).mean()))
    found, drawn = short.covariance, np.cov(np.array(draws).T)
    spread = np.sqrt(np.diag(found))
    np.testing.assert_allclose(np.sqrt(np.diag(drawn)), spread, rtol=0.15)
    np.testing.assert_allclose(np.corrcoef(np.array(draws).T), found / np.outer(spread, spread), atol=0.15)


def test_trials_of_a_household_count_as_one() -> None:
    data, *_ = linear_study(seed=8, n=100)
    twice = {
        name: np.tile(getattr(data, name), 2) for name in ("y", "treated", "propensity", "mu0", "mu1", "households")
    }
    doubled = Residuals(**twice, folds=np.zeros(200, dtype=np.int64))
    np.testing.assert_allclose(short_estimate(doubled).covariance, short_estimate(data).covariance)


def simulated_short(estimate: float = 10.0, se: float = 2.0) -> ShortEstimate:
    return ShortEstimate(estimate, 100.0**2, 6.0, np.diag([se**2, 1e4, 0.01]))


@settings(deadline=None, max_examples=50)
@given(st.floats(-200, 200), st.floats(0.1, 50), st.floats(0, 0.9), st.floats(0, 0.9))
def test_a_stronger_confounder_widens_and_the_robustness_value_is_where_zero_is_reached(
    estimate: float, se: float, of_outcome: float, of_treatment: float
) -> None:
    short = simulated_short(estimate, se)
    lower, upper = adjusted_interval(short, of_outcome, of_treatment, 0.95)
    wider = adjusted_interval(short, of_outcome + 0.05, of_treatment + 0.05, 0.95)
    assert wider[0] <= lower <= estimate <= upper <= wider[1]
    value, of_interval = robustness_value(short), interval_robustness_value(short, 0.95)
    assert 0 <= of_interval <= value + 1e-12 < 1
    assert omitted_variable_bias(short, value, value) == pytest.approx(abs(estimate), abs=1e-9)
    own = short.interval(0.95)
    if own[0] <= 0 <= own[1]:
        assert of_interval == 0
    else:
        limit = adjusted_interval(short, of_interval, of_interval, 0.95)[0 if estimate > 0 else 1]
        assert limit == pytest.approx(0, abs=1e-6)


def test_more_noise_leaves_less_robustness() -> None:
    values = [robustness_value(short_estimate(linear_study(9, n=2000, noise=noise)[0])) for noise in (1, 10, 40)]
    assert values == sorted(values, reverse=True)
    assert values[2] < 0.3 < values[0]


def test_impossible_gains_are_refused_or_bound_nothing() -> None:
    short = simulated_short()
    with pytest.raises(ValueError, match=r"^gains are shares of what is left unexplained, 0 or more$"):
        omitted_variable_bias(short, -0.1, 0.1)
    assert np.isinf(omitted_variable_bias(short, 0.1, 1.0))
    assert [float(limit) for limit in adjusted_interval(short, 0.1, 1.2, 0.95)] == [-np.inf, np.inf]
    assert omitted_variable_bias(short, 0.0, 1.2) == 0
    assert omitted_variable_bias(short, 3.0, 0.2) == omitted_variable_bias(short, 1.0, 0.2)


def test_estimates_that_cannot_be_bounded_are_refused() -> None:
    treated = np.array([0.0, 1.0, 0.0, 1.0])
    for name, data in (
        ("outcome", as_residuals(np.ones(4), treated, 0.5, 1.0)),
        ("treatment", as_residuals(np.arange(4.0), treated, treated, 1.0)),
    ):
        with pytest.raises(ValueError, match=rf"^nothing is left unexplained of the {name} for a confounder"):
            short_estimate(data)
    one = as_residuals(np.arange(4.0), treated, 0.5, 1.0, np.zeros(4))
    with pytest.raises(ValueError, match=r"^standard errors clustered by household need two households or more$"):
        short_estimate(one)


# What the measured covariates explain


def planted(seed: int = 10, n: int = 1500) -> tuple[Array, Array, Array, Array]:
    """(x, y, treated, folds): columns 0-1 confound strongly, 2-3 weakly, 4 explains y alone, 5-6 nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 7)) * [1, 5, 1, 1, 100, 1, 0.01] + 3
    index = (x[:, 0] - 3) + 0.2 * (x[:, 2] - 3)
    treated = (rng.random(n) < 1 / (1 + np.exp(-index))).astype(float)
    y = 2 * treated + 3 * x[:, 0] + 0.2 * x[:, 1] + 0.5 * x[:, 3] + 0.02 * x[:, 4] + rng.normal(size=n)
    return x, y, treated, np.arange(n, dtype=np.int64) % 4


GROUPS = {"strong": np.array([0, 1]), "weak": np.array([2, 3]), "outcome only": np.array([4]), "none": np.array([5, 6])}


def test_gains_are_those_of_two_regressions_a_group() -> None:
    x, y, treated, folds = planted()
    table = covariate_gains(x, y, treated, folds, GROUPS).set_index("group")

    def left(columns: list[int]) -> tuple[float, float, float]:
        ry, rt = (np.column_stack([y, treated]) - linear_means(x[:, columns], np.column_stack([y, treated]), folds)).T
        effect = (rt @ ry) / (rt @ rt)
        return ((ry - effect * rt) ** 2).mean(), (rt**2).mean(), effect

    long = left(list(range(7)))
    for group, columns in GROUPS.items():
        short = left([column for column in range(7) if column not in columns])
        expected = [short[0] / long[0] - 1, short[1] / long[1] - 1, short[2] - long[2]]
        found = table.loc[group, ["gain_outcome", "gain_treatment", "observed_change"]].tolist()
        assert found == pytest.approx(expected, rel=0.01, abs=5e-4)
    assert table.loc["strong", "gain_outcome"] > 3
    assert table.loc["outcome only", "gain_outcome"] > 1
    assert (table.loc["none", ["gain_outcome", "gain_treatment"]] < 0.002).all()
    assert table["n_covariates"].tolist() == [2, 2, 1, 2, 2]
    assert (table.loc["none", ["gain_outcome", "gain_treatment"]] != 0).all(), "as measured, noise on either side"
    # What confounds upward raises the estimate when it is left out.
    assert table.loc["strong", "observed_change"] > 1
    last = table.loc[LARGEST]
    assert last["kind"] == "block" and (table["kind"] == "group").sum() == 4
    assert (
        last["gain_outcome"] == table["gain_outcome"].max() and last["gain_treatment"] == table["gain_treatment"].max()
    )


def test_the_largest_gains_of_two_groups_are_paired_and_both_left_out_together() -> None:
    """One group explains the outcome, the other targeting: neither bounds much, a cause that did both would."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(3000, 3))
    treated = (rng.random(3000) < 1 / (1 + np.exp(-1.5 * x[:, 1] - 0.1 * x[:, 0]))).astype(float)
    y = 5 * x[:, 0] + 0.1 * x[:, 1] + rng.normal(size=3000)
    groups = {"outcome": np.array([0]), "treatment": np.array([1]), "neither": np.array([2])}
    folds = np.arange(3000, dtype=np.int64) % 4
    gains = covariate_gains(x, y, treated, folds, groups)
    fitted = linear_means(x, np.column_stack([y, treated]), folds)
    table = confounder_benchmarks(short_estimate(as_residuals(y, treated, fitted[:, 1], fitted[:, 0])), gains, 0.95)
    bias = table.set_index("group")["bias"]
    assert table["group"].iloc[0] == LARGEST
    assert bias[LARGEST] > 3 * bias[["outcome", "treatment", "neither"]].max()
    both = covariate_gains(x, y, treated, folds, {"both": np.array([0, 1])}).iloc[0]
    last = gains.set_index("group").loc[LARGEST]
    assert last["observed_change"] == pytest.approx(both["observed_change"]) and last["n_covariates"] == 2


def test_groups_that_say_the_same_are_weak_alone_and_strong_together() -> None:
    rng = np.random.default_rng(4)
    taste = rng.normal(size=2000)
    x = np.column_stack([taste + 0.05 * rng.normal(size=2000), taste + 0.05 * rng.normal(size=2000)])
    treated = (rng.random(2000) < 1 / (1 + np.exp(-taste))).astype(float)
    y = 10 * taste + rng.normal(size=2000)
    groups = covariate_groups(["monetary_sales", "frequency"])
    folds = np.arange(2000, dtype=np.int64) % 4
    gains = covariate_gains(x, y, treated, folds, groups, covariate_blocks(groups))
    fitted = linear_means(x, np.column_stack([y, treated]), folds)
    short = short_estimate(as_residuals(y, treated, fitted[:, 1], fitted[:, 0]))
    table = confounder_benchmarks(short, gains, 0.95).set_index("group")
    assert table.loc["value", "bias"] > 5 * table.loc[["monetary", "frequency"], "bias"].max()
    assert table.loc["value", "observed_change"] > 3
    assert table.loc["value", ["gain_outcome", "gain_treatment", "observed_change"]].tolist() == pytest.approx(
        table.loc["all purchase history", ["gain_outcome", "gain_treatment", "observed_change"]].tolist()
    )


def test_blocks_are_of_the_groups_that_are_there() -> None:
    names = [
        *("recency", "frequency", "monetary_sales", "week_coverage", "tenure", "spend_trend", "weekend_share"),
        *("share_fresh", "received_typeb", "age_desc_Group1", "campaign_8", "lookback_segment_loyal"),
    ]
    blocks = {name: columns.tolist() for name, columns in covariate_blocks(covariate_groups(names)).items()}
    assert blocks == {
        "value": [1, 2, 5],
        "timing": [0, 3, 4, 6],
        "all purchase history": [0, 1, 2, 3, 4, 5, 6, 7, 11],
    }
    assert covariate_blocks(covariate_groups(["frequency", "campaign_8"])) == {}


@pytest.mark.parametrize(("on_treatment", "on_outcome"), [(0.1, 0.2), (0.3, 0.5), (0.45, 0.05)])
def test_the_outcome_bound_is_reached_by_a_confounder_exactly_as_strong_as_the_group(
    on_treatment: float, on_outcome: float
) -> None:
    """X is measured and Z is not, alike in all: D = a (X + Z) + e and Y = b (X + Z) + u, by their covariances."""
    a, b = on_treatment, on_outcome
    # Order: X, Z, D, Y, each of variance 1 but for Y.
    noise = 1 - 2 * a**2
    assert noise > 0
    loadings = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [a, a, np.sqrt(noise), 0], [b, b, 0, 1]])
    covariance = loadings @ loadings.T

    def left(of: int, given: list[int]) -> float:
        inside = covariance[np.ix_(given, given)]
        return float(covariance[of, of] - covariance[of, given] @ np.linalg.solve(inside, covariance[given, of]))

    x, z, d, y = range(4)
    gain_outcome = left(y, [d]) / left(y, [x, d]) - 1
    gain_treatment = covariance[d, d] / left(d, [x]) - 1
    true = 1 - left(y, [x, z, d]) / left(y, [x, d])
    assert true == pytest.approx(float(outcome_bound(gain_outcome, gain_treatment)))


def test_the_outcome_bound_has_the_factor_of_sensemakr() -> None:
    """Partial R2 p of the group with treatment and q with outcome, as in `ovb_partial_r2_bound` for kd = ky = 1."""
    for p, q in ((0.00908, 0.10903), (0.2, 0.1), (0.4, 0.02)):
        between = p**2 / ((1 - p) * (1 - p))
        theirs = ((1 + np.sqrt(between)) / np.sqrt(1 - between)) ** 2 * q / (1 - q)
        assert outcome_bound(q / (1 - q), p / (1 - p)) == pytest.approx(min(theirs, 1))
    assert outcome_bound(0.02, 0.01) == pytest.approx(0.02 * 1.01 / 0.99)
    assert outcome_bound([0.4, -0.1, 0.1, 0.0], [0.6, 0.1, 1.3, 1.3]).tolist() == [1.0, 0.0, 1.0, 0.0]


def test_a_gain_below_zero_is_shown_and_a_group_that_moved_the_estimate_is_no_bound_of_zero() -> None:
    short = simulated_short(17.0, 12.0)
    gains = pd.DataFrame(
        {
            "group": ["noise of outcome", "noise of treatment", "both"],
            "kind": "group",
            "n_covariates": 1,
            "gain_outcome": [-0.002, 0.02, 0.01],
            "gain_treatment": [0.04, -0.003, 0.01],
            "observed_change": [-2.5, 7.2, 0.1],
        }
    )
    table = confounder_benchmarks(short, gains, 0.95).set_index("group")
    assert table.loc["noise of outcome", ["gain_outcome", "gain_treatment"]].tolist() == [-0.002, 0.04]
    assert table.loc["noise of outcome", ["bias", "lower", "upper"]].tolist() == pytest.approx([2.5, 14.5, 19.5])
    assert table.loc["noise of treatment", "bias"] == pytest.approx(7.2)
    assert table.loc["noise of treatment", "ci_lower"] < 17 - 7.2 - Z * 11
    bound = float(omitted_variable_bias(short, outcome_bound(0.01, 0.01), 0.01))
    assert table.loc["both", "bias"] == pytest.approx(bound) and bound > 0.1


def test_gains_do_not_depend_on_units_or_on_the_order_of_trials() -> None:
    x, y, treated, folds = planted(n=300)
    expected = covariate_gains(x, y, treated, folds, GROUPS)
    order = np.random.default_rng(1).permutation(300)
    units = np.array([1, 1000, 1, 1, 0.01, 1, 50])
    found = covariate_gains((x * units + 7)[order], 30 * y[order] - 5, treated[order], folds[order], GROUPS)
    in_units = expected.assign(observed_change=30 * expected["observed_change"])
    pd.testing.assert_frame_equal(found, in_units, rtol=1e-6)


def test_a_planted_confounder_is_the_strongest_benchmark() -> None:
    x, y, treated, folds = planted()
    fitted = linear_means(x, np.column_stack([y, treated]), folds)
    short = short_estimate(as_residuals(y, treated, fitted[:, 1], fitted[:, 0]))
    gains = covariate_gains(x, y, treated, folds, GROUPS)
    table = confounder_benchmarks(short, gains, 0.95)
    own = (
        "group kind n_covariates gain_outcome gain_treatment outcome_bound observed_change bias lower upper ci_lower "
        "ci_upper"
    )
    assert table.columns.tolist() == own.split()
    assert table["group"].tolist()[0] == "strong"
    assert table["bias"].is_monotonic_decreasing
    np.testing.assert_allclose(table["upper"] - table["lower"], 2 * table["bias"])
    assert (table["ci_lower"] < table["lower"]).all()
    assert (table["ci_upper"] > table["upper"]).all()


def test_the_truth_lies_within_the_bounds_of_the_true_gains_of_a_confounder_left_out() -> None:
    """The first column confounds and is left out; the others do not, and make yardsticks that are too short."""
    rng = np.random.default_rng(11)
    inside = []
    for _ in range(20):
        x = rng.normal(size=(800, 4))
        treated = (rng.random(800) < 1 / (1 + np.exp(-0.8 * x[:, 0] - 0.5 * x[:, 1]))).astype(float)
        y = 2 * treated + x[:, 0] + x[:, 1] + rng.normal(size=800)
        folds, seen = np.arange(800, dtype=np.int64) % 4, x[:, 1:]
        fitted = linear_means(seen, np.column_stack([y, treated]), folds)
        short = short_estimate(as_residuals(y, treated, fitted[:, 1], fitted[:, 0]))
        gains = covariate_gains(x, y, treated, folds, {"left out": np.array([0])}).iloc[0]
        # Of what is left without the confounder, where benchmarks are of what is left with the group.
        true = [gains[name] / (1 + gains[name]) for name in ("gain_outcome", "gain_treatment")]
        noise = covariate_gains(seen, y, treated, folds, {"noise": np.array([1, 2])})
        benchmark = confounder_benchmarks(short, noise, 0.95).iloc[0]
        intervals = [
            short.interval(0.95),
            adjusted_interval(short, *true, 0.95),
            (benchmark["ci_lower"], benchmark["ci_upper"]),
        ]
        inside.append([lower < 2 < upper for lower, upper in intervals])
    unadjusted, with_true_gains, with_noise = np.mean(inside, axis=0)
    assert unadjusted == 0
    assert with_true_gains > 0.9
    assert with_noise < 0.2


def test_columns_belong_to_the_groups_of_the_catalogue() -> None:
    names = [
        *("recency", "monetary_sales", "frequency", "missingindicator_monetary_std", "received_typeb"),
        *(
            "age_desc_65+",
            "household_size_desc_5+",
            "campaign_13",
            "lookback_segment_high_value",
            "income_desc_Under 15K",
        ),
    ]
    found = {group: columns.tolist() for group, columns in covariate_groups(names).items()}
    assert found == {
        "recency": [0],
        "monetary": [1, 3],
        "frequency": [2],
        "campaigns": [4],
        "demographics": [5, 6, 9],
        "campaign": [7],
        "look-back segment": [8],
    }
    with pytest.raises(ValueError, match=r"^columns that belong to no group of covariates: \['shoe_size'\]$"):
        covariate_groups([*names, "shoe_size"])


def test_nothing_is_explained_of_what_does_not_vary() -> None:
    x, y, treated, folds = planted(n=50)
    with pytest.raises(ValueError, match=r"^the outcome does not vary, so covariates explain nothing of it$"):
        covariate_gains(x, np.ones(50), treated, folds, GROUPS)
    with pytest.raises(ValueError, match=r"^the treatment does not vary, so covariates explain nothing of it$"):
        covariate_gains(x, y, np.ones(50), folds, GROUPS)


# The contour


BENCHMARKS = pd.DataFrame({"outcome_bound": [0.2, 0.01], "gain_treatment": [0.001, 0.03]})


def test_the_contour_starts_at_the_intervals_limit_and_crosses_zero_at_the_robustness_value() -> None:
    short = simulated_short(40.0, 5.0)
    contour = confounding_contour(short, BENCHMARKS, 0.95)
    assert contour.columns.tolist() == ["gain_outcome", "gain_treatment", "limit"]
    assert len(contour) == 21 * 21
    corner = contour[(contour["gain_outcome"] == 0) & (contour["gain_treatment"] == 0)]
    assert corner["limit"].item() == pytest.approx(40 - Z * 5)
    value = interval_robustness_value(short, 0.95)
    weaker = (contour["gain_outcome"] < value) & (contour["gain_treatment"] < value)
    stronger = (contour["gain_outcome"] > value) & (contour["gain_treatment"] > value)
    assert (contour.loc[weaker, "limit"] > 0).all() and weaker.any()
    assert (contour.loc[stronger, "limit"] < 0).all() and stronger.any()
    assert contour["gain_outcome"].max() == pytest.approx(1.25 * 0.2)
    assert contour["gain_treatment"].max() == pytest.approx(1.25 * robustness_value(short))
    mirrored = confounding_contour(simulated_short(-40.0, 5.0), BENCHMARKS, 0.95)
    np.testing.assert_allclose(mirrored["limit"], -contour["limit"])


def test_the_contour_is_of_the_estimate_where_the_interval_includes_zero_already() -> None:
    contour = confounding_contour(simulated_short(5.0, 5.0), BENCHMARKS, 0.95)
    assert contour["limit"].iloc[0] == 5.0
    bias = omitted_variable_bias(simulated_short(5.0, 5.0), contour["gain_outcome"], contour["gain_treatment"])
    np.testing.assert_allclose(contour["limit"], 5.0 - bias)
    strong = pd.DataFrame({"outcome_bound": [3.0], "gain_treatment": [0.0]})
    furthest = confounding_contour(simulated_short(0.0), strong, 0.95).max()
    assert furthest[["gain_outcome", "gain_treatment"]].tolist() == [0.5, 0.05]


# The table


def tables_of(known: Known, differences: Array, **replaced: Array) -> SensitivityTables:
    data = replace(known.residuals(), **replaced)
    return sensitivity_tables(data, known.x, NAMES, differences, SensitivitySettings(max_gamma=2.0), 0.95)


def quantity(tables: SensitivityTables, analysis: str, name: str) -> pd.Series:
    table = tables.sensitivity
    return table[(table["analysis"] == analysis) & (table["quantity"] == name)].iloc[0]


def test_the_table_says_what_each_analysis_found() -> None:
    known = simulate_trials(600, seed=12, effect=constant_effect)
    differences = np.random.default_rng(13).normal(2, 1.5, 100)
    tables = tables_of(known, differences)
    table = tables.sensitivity
    assert table.columns.tolist() == ["analysis", "quantity", "estimate", "ci_lower", "ci_upper", "unit", "meaning"]
    assert table["analysis"].value_counts(sort=False).to_dict() == {
        "e_value": 2,
        "omitted_variable": 4,
        "rosenbaum": 1,
        "manski": 2,
        "monotone_response": 2,
        "monotone_selection": 2,
        "monotone_response_and_selection": 2,
    }
    short = short_estimate(known.residuals())
    values = e_values_of_difference(
        short.estimate, *short.interval(0.95), pooled_sd(known.residuals().y, known.residuals().treated)
    )
    row = quantity(tables, "e_value", "estimate")
    assert (
        row["estimate"] == values.estimate > quantity(tables, "e_value", "interval limit nearest to zero")["estimate"]
    )
    assert f"{values.estimate:.2f} times" in row["meaning"]
    assert f"${short.estimate:,.2f}" in row["meaning"]
    value = quantity(tables, "omitted_variable", "robustness value of the estimate")["estimate"]
    assert value == robustness_value(short)
    part = quantity(tables, "omitted_variable", "robustness value of the interval")
    assert 0 < part["estimate"] < value
    assert part["meaning"] == f"With {part['estimate']:.1%} of each the 95% interval would include zero."
    strongest = quantity(tables, "omitted_variable", "bias as of the strongest measured group")
    by_kind = tables.confounder_benchmarks.groupby("kind")["bias"].max()
    assert strongest["estimate"] == by_kind["group"]
    together = quantity(tables, "omitted_variable", "bias as of the strongest block")
    assert together["estimate"] == by_kind["block"] >= by_kind["group"]
    assert "Groups that say much the same hide each other" in together["meaning"] and "'value' $" in together["meaning"]
    assert "as strong as the measured group 'monetary', the strongest of 4, could" in strongest["meaning"]
    gamma = quantity(tables, "rosenbaum", "critical gamma")
    assert gamma["estimate"] > tables.rosenbaum_bounds["gamma"].max() == 2.0
    assert "In 100 matched pairs the spend of the targeted is higher." in gamma["meaning"]
    lower, upper = (quantity(tables, "manski", f"ATE {end} bound") for end in ("lower", "upper"))
    assert upper["estimate"] - lower["estimate"] == pytest.approx(
        known.trials["purchase_amount"].max() - min(0, known.trials["purchase_amount"].min())
    )
    assert lower["ci_lower"] < lower["estimate"]
    assert np.isnan(lower["ci_upper"]) and np.isnan(upper["ci_lower"])
    assert len(tables.confounding_contour) == 441
    again = tables_of(known, differences)
    pd.testing.assert_frame_equal(table, again.sensitivity)


def test_an_effect_within_chance_needs_no_confounder() -> None:
    known = simulate_trials(300, seed=14, effect=lambda x: np.zeros(len(x)), noise=5.0)
    tables = tables_of(known, np.array([1.0, -1.5, 2.0, -2.5]))
    assert quantity(tables, "e_value", "interval limit nearest to zero")["estimate"] == 1
    assert quantity(tables, "omitted_variable", "robustness value of the interval")["estimate"] == 0
    gamma = quantity(tables, "rosenbaum", "critical gamma")
    assert gamma["estimate"] == 1
    assert "the spend of the targeted is lower by no more than chance would have it" in gamma["meaning"]
    assert "includes zero already" in quantity(tables, "e_value", "interval limit nearest to zero")["meaning"]


def test_an_analysis_without_data_is_null_and_says_why() -> None:
    known = simulate_trials(60, seed=15, effect=constant_effect)
    tables = tables_of(known, np.empty(0), y=np.full(60, 0.1))
    table = tables.sensitivity.set_index("analysis")
    for analysis in ("e_value", "omitted_variable", "rosenbaum"):
        assert table.loc[[analysis], ["estimate", "ci_lower", "ci_upper"]].isna().all(axis=None)
    assert (table.loc["e_value", "meaning"].str.startswith("The spend does not vary within the arms")).all()
    assert table.loc["rosenbaum", "meaning"] == "There are no matched pairs to test."
    full = tables_of(known, np.ones(3))
    for name in ("confounder_benchmarks", "confounding_contour", "rosenbaum_bounds"):
        empty, filled = getattr(tables, name), getattr(full, name)
        assert len(empty) == 0 < len(filled)
        assert empty.dtypes.to_dict() == filled.dtypes.to_dict()
    # Both outcomes lie between 0 and 0.1, and one of them is 0.1.
    share = known.trials["treated"].mean()
    assert table.loc["manski", "estimate"].tolist() == pytest.approx([-0.1 * (1 - share), 0.1 * share])
    same = tables_of(known, np.zeros(4))
    assert "None of the 4 matched pairs differs" in quantity(same, "rosenbaum", "critical gamma")["meaning"]


def test_a_negative_naive_difference_speaks_against_monotony() -> None:
    known = simulate_trials(200, seed=16, effect=lambda x: np.full(len(x), -12.0))
    row = quantity(tables_of(known, np.ones(3)), "monotone_response_and_selection", "ATE upper bound")
    assert row["estimate"] < 0
    assert row["meaning"].endswith("That is below the lower bound: the data speak against the assumption.")


@pytest.mark.parametrize(
    ("outcome", "unit", "interval"),
    [
        ("amount_without_fuel", "$", r"now it is \$1\.\d\d to \$2\.\d\d\.$"),
        ("purchase_count", "visits", r"now it is 1\.\d+ to 2[.\d]* visits\.$"),
    ],
)
def test_sentences_speak_of_the_outcome_in_its_unit(outcome: str, unit: str, interval: str) -> None:
    known = simulate_trials(500, seed=18, effect=constant_effect, noise=0.1)
    tables = sensitivity_tables(
        known.residuals(), known.x, NAMES, np.ones(9), SensitivitySettings(), 0.95, outcome=outcome
    )
    assert quantity(tables, "omitted_variable", "bias as of the strongest measured group")["unit"] == unit
    meaning = quantity(tables, "e_value", "interval limit nearest to zero")["meaning"]
    assert re.search(interval, meaning), meaning


def test_what_only_the_treated_can_do_no_hidden_cause_explains() -> None:
    known = simulate_trials(60, seed=19, effect=constant_effect)
    settings = SensitivitySettings()
    tables = sensitivity_tables(known.residuals(), known.x, NAMES, np.ones(9), settings, 0.95, outcome="redeemed")
    assert tables.sensitivity["estimate"].isna().all()
    assert set(tables.sensitivity["analysis"]) == {"e_value", "omitted_variable"}
    assert tables.sensitivity["meaning"].str.contains("no hidden cause can explain it away").all()
    assert tables.rosenbaum_bounds.empty and tables.confounder_benchmarks.empty and tables.confounding_contour.empty


def test_an_unknown_outcome_is_refused() -> None:
    known = simulate_trials(30, seed=17, effect=constant_effect)
    with pytest.raises(ValueError, match=r"^'joy' is not an outcome; expected one of purchase_amount, purchase_count"):
        sensitivity_tables(known.residuals(), known.x, NAMES, np.ones(3), SensitivitySettings(), 0.95, outcome="joy")


def test_both_arms_are_needed() -> None:
    known = simulate_trials(30, seed=17, effect=constant_effect)
    with pytest.raises(ValueError, match=r"^sensitivity of an effect needs treated and control trials$"):
        tables_of(known, np.ones(3), treated=np.ones(30))
