"""Differences of estimators on the same trials: by hand, by the bootstrap, and as often beyond noise as they should."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dunnhumby_pipeline.causal.effects.differences import COLUMNS, Estimated, estimator_differences, holm, paired_error
from dunnhumby_pipeline.causal.estimators.adjustment import lin, ols
from dunnhumby_pipeline.causal.estimators.clustered import Estimate, clustered_estimate
from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw, att, overlap_weighted, tmle
from dunnhumby_pipeline.causal.estimators.matching import match_pairs, matched_difference
from dunnhumby_pipeline.causal.estimators.weighting import entropy_treated, ipw, naive
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(300, seed=4, effect=constant_effect, n_campaigns=2, household_noise=1.0)


def test_every_influence_makes_its_own_error(known: Known) -> None:
    data, everyone = known.residuals(), np.ones(600, dtype=bool)
    weights = 1 / np.where(data.treated == 1, data.propensity, 1 - data.propensity)
    found = {
        **{own.__name__: own(data, everyone) for own in (aipw, att, overlap_weighted, tmle, naive)},
        **{own.__name__: own(data, known.x, everyone) for own in (ols, lin)},
        "ipw": ipw(data, weights, everyone),
        "entropy": entropy_treated(data, known.x, np.ones(600), everyone),
    }
    for name, estimate in found.items():
        assert estimate.influence is not None
        totals = pd.Series(estimate.influence).groupby(data.households).sum()
        assert estimate[1] == pytest.approx(np.sqrt(300 / 299 * (totals**2).sum())), name
    pairs = match_pairs(data.propensity, data.treated, known.trials["campaign"].to_numpy(), 0.2)
    assert matched_difference(data, pairs).influence is None


def test_the_error_of_a_difference_is_that_of_the_household_bootstrap() -> None:
    rng = np.random.default_rng(7)
    households = np.repeat(np.arange(80), 3)
    both = rng.normal(size=80)[households] + rng.normal(size=240)
    a, b = both, both + 0.5 * rng.normal(size=80)[households]
    of_a, of_b = (clustered_estimate(float(v.mean()), v - v.mean(), households) for v in (a, b))
    sums = np.array([[a[households == h].mean(), b[households == h].mean()] for h in range(80)])
    drawn = sums[rng.integers(0, 80, (4000, 80))].mean(axis=1)
    assert paired_error(of_a, of_b, households) == pytest.approx((drawn[:, 0] - drawn[:, 1]).std(), rel=0.05)
    # Far below that of two independent estimates.
    assert paired_error(of_a, of_b, households) < 0.6 * np.hypot(of_a[1], of_b[1])
    # Not below a tenth of either error, however alike the influences.
    assert paired_error(of_a, of_a, households) == pytest.approx(0.1 * of_a[1])


def estimated(name: str, values: Array, estimand: str = "ATE", population: str = "all") -> Estimated:
    found = clustered_estimate(float(values.mean()), values - values.mean(), np.arange(len(values)))
    return Estimated("spend", name, estimand, population, np.ones(len(values), dtype=bool), found)


def test_pairs_of_one_estimand_are_compared_with_holm() -> None:
    rng = np.random.default_rng(8)
    base, ones = rng.normal(size=500), np.ones(500)
    estimates = [
        estimated("aipw", base + 25),
        estimated("tmle", base + 25 + 0.2 * rng.normal(size=500)),
        estimated("ipw", base + 218),
        estimated("lin", base + 99, population="overlap"),
        estimated("att", base, "ATT"),
        Estimated("spend", "matching", "ATT", "matched", ones > 0, Estimate(50.0, 1.0, None)),
        Estimated("spend", "ols", "ATO", "all", ones > 0, Estimate(50.0, 1.0, None)),
    ]
    table = estimator_differences(estimates, np.arange(500), 0.95, "spend")
    assert table.columns.tolist() == COLUMNS
    pairs = table.set_index(["estimator_a", "estimator_b"])
    assert set(pairs.index) == {("aipw", "tmle"), ("aipw", "ipw"), ("tmle", "ipw"), ("att", "matching")}
    assert pairs["apart"].to_dict() == {
        ("aipw", "tmle"): False,
        ("aipw", "ipw"): True,
        ("tmle", "ipw"): True,
        ("att", "matching"): True,
    }
    row = pairs.loc[("aipw", "tmle")]
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(abs(row["difference"]) / row["se"]))
    assert pairs.loc[("att", "matching"), "comparison"] == "intervals"
    assert pairs.loc[("att", "matching"), ["se", "p_value", "p_adjusted"]].isna().all()
    near = [
        estimated("att", base, "ATT"),
        Estimated("spend", "matching", "ATT", "matched", ones > 0, Estimate(1.0, 1.0, None)),
    ]
    assert not estimator_differences(near, np.arange(500), 0.95, "spend")["apart"].any()
    assert estimator_differences([], np.arange(0), 0.95, "spend").columns.tolist() == COLUMNS


def test_holm_by_hand() -> None:
    adjusted = holm(pd.Series([0.01, np.nan, 0.04, 0.03, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.04, np.nan, 0.09, 0.09, 0.9], nan_ok=True)


def test_estimators_with_right_nuisances_seldom_differ_beyond_noise() -> None:
    found = []
    for seed in range(60):
        known = simulate_trials(200, seed=[5, seed], effect=constant_effect, n_campaigns=2, household_noise=1.5)
        data, everyone = known.residuals(mu0=known.mu0 + 0.3 * known.x[:, 2]), np.ones(400, dtype=bool)
        own = {"aipw": aipw(data, everyone), "tmle": tmle(data, everyone), "lin": lin(data, known.x, everyone)}
        made = [Estimated("spend", name, "ATE", "all", everyone, estimate) for name, estimate in own.items()]
        found.append(estimator_differences(made, data.households, 0.95, "spend")["apart"].any())
    assert np.mean(found) <= 0.12
