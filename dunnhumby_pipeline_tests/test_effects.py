"""Average effects: formulas by hand, known effects recovered, intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy.special import expit

from dunnhumby_pipeline.causal.average_effects import aipw, average_effects, naive, overlap_weighted
from dunnhumby_pipeline.causal.clustered import clustered_se, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.nuisance import Residuals, cross_fit, residuals
from dunnhumby_pipeline.settings import NuisanceSettings
from dunnhumby_pipeline_tests.known_truth import Array, invent_trials

TWO_FOLDS = NuisanceSettings(n_folds=2, n_repeats=1, n_jobs=1)


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


def peaked_effect(x: Array) -> Array:
    """Largest where both arms occur: the ATE is 2, the ATO is larger."""
    return 4.0 - 2.0 * x[:, 0] ** 2


def everyone(data: Residuals) -> NDArray[np.bool_]:
    return np.ones(len(data.y), dtype=bool)


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


# Average effects


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


def test_the_naive_difference_has_the_two_sample_standard_error() -> None:
    known = invent_trials(500, seed=6, effect=constant_effect)
    data = known.residuals()
    estimate, se = naive(data, everyone(data))
    treated, control = data.y[data.treated == 1], data.y[data.treated == 0]
    assert estimate == pytest.approx(treated.mean() - control.mean())
    assert se == pytest.approx(np.sqrt(treated.var() / len(treated) + control.var() / len(control)), rel=0.01)


def test_fitted_nuisances_recover_the_effect_that_the_naive_difference_misses() -> None:
    known = invent_trials(500, seed=7, effect=constant_effect, n_waves=2)
    data = residuals(known.trials, cross_fit(known.trials, known.x, TWO_FOLDS, seed=1).nuisances, "purchase_amount")
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
