"""Lifetime value in any currency, and where households do not differ in what its models take to vary."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from dunnhumby_pipeline.orchestration.checks.segmentation import parameters_in_range
from dunnhumby_pipeline.segmentation.lifetime.forecast import fit_spend_models
from dunnhumby_pipeline.segmentation.lifetime.likelihoods import TripHistories, gamma_gamma
from dunnhumby_pipeline.segmentation.lifetime.tables import LifetimeTables, lifetime_tables
from dunnhumby_pipeline.segmentation.lifetime.value import (
    BgNbd,
    EqualSpend,
    GammaGamma,
    GeometricNbd,
    fit_bg_nbd,
    fit_gamma_gamma,
)
from dunnhumby_pipeline.settings import CheckSettings, LifetimeValueSettings
from dunnhumby_pipeline_tests.fakes.lifetimes import purchases_from

DAYS = 728
SHARES = (0.2, 0.3)
# A thousandth of a dollar to a currency of which a million buys one; two of them leave no whole number of cents.
FACTORS = (1e-3, 0.0173, 0.37, 90.5, 1e3, 16_000.0, 1e6)


def trips_of(n: int, chance: float, seed: int, rate: float | None = None) -> tuple[NDArray, NDArray, NDArray, list]:
    """Repeats, last and age (weeks) of households that leave after each trip with one `chance`, and days of trips."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(2.0, 0.5, n) if rate is None else np.full(n, rate)
    times = np.cumsum(rng.exponential(1 / rates[:, None], (n, 400)), axis=1)
    left = rng.random((n, 400)) < chance
    seen = (np.cumsum(left, axis=1) - left == 0) & (times <= DAYS / 7)
    last = np.where(seen, times, 0.0).max(axis=1)
    days = [np.unique(np.concatenate([[1], 1 + (times[i, seen[i]] * 7).astype(int)])) for i in range(n)]
    return seen.sum(axis=1).astype(float), last, np.full(n, DAYS / 7), days


def tables_of(days: list, spend: NDArray) -> LifetimeTables:
    """Tables of households that came on `days` and spent (household, trip) `spend` on each of them."""
    rows = [(h, day, spend[h, j]) for h, each in enumerate(days) for j, day in enumerate(each) if day <= DAYS]
    lines = pd.DataFrame(rows, columns=["household_key", "day", "sales"])
    return lifetime_tables(purchases_from(lines, 1, DAYS), LifetimeValueSettings(), SHARES, 0.95)


@pytest.fixture(scope="module")
def shopped() -> tuple[list, NDArray]:
    rng = np.random.default_rng(8)
    days = trips_of(100, 0.03, seed=8)[3]
    return days, rng.gamma(4.0, 8.0, (100, 1)) * rng.gamma(3.0, 1 / 3, (100, 401))


# ------------------------------------------------------------------------------------------------------ any currency


@pytest.mark.parametrize("factor", FACTORS)
def test_another_currency_changes_the_unit_and_nothing_else(factor: float) -> None:
    rng = np.random.default_rng(2)
    trips = rng.integers(1, 90, 2000).astype(float)
    spend = rng.gamma(2.5 * trips, 1 / rng.gamma(3.5, 1 / 20, 2000)) / trips
    dollars, other = fit_gamma_gamma(trips, spend), fit_gamma_gamma(trips, spend * factor)
    assert isinstance(dollars, GammaGamma)
    assert isinstance(other, GammaGamma)
    assert (other.p, other.q, other.gamma / factor) == pytest.approx((dollars.p, dollars.q, dollars.gamma), rel=1e-6)
    assert other.mean == pytest.approx(dollars.mean * factor, rel=1e-6)
    assert other.log_likelihood == pytest.approx(dollars.log_likelihood - 2000 * np.log(factor), abs=1e-5)
    assert other.expected_spend(trips, spend * factor) == pytest.approx(
        dollars.expected_spend(trips, spend) * factor, rel=1e-6
    )


@pytest.fixture(scope="module")
def in_dollars(shopped: tuple[list, NDArray]) -> LifetimeTables:
    return tables_of(*shopped)


@pytest.mark.parametrize("factor", [1e-3, 1e6])
def test_tables_are_proportional_to_money(
    shopped: tuple[list, NDArray], in_dollars: LifetimeTables, factor: float
) -> None:
    days, spend = shopped
    dollars, other = in_dollars, tables_of(days, spend * factor)
    for name in ("clv", "mean_spend", "expected_spend_13w", "stacked_spend_52w"):
        expected = dollars.customer_lifetime_value[name].to_numpy() * factor
        assert other.customer_lifetime_value[name].to_numpy() == pytest.approx(expected, rel=1e-6), name
    assert other.customer_lifetime_value["value_tier"].equals(dollars.customer_lifetime_value["value_tier"])
    key = ["stretch", "model", "parameter"]
    before, after = (found.clv_parameters.set_index(key)["value"] for found in (dollars, other))
    money = before.index.get_level_values("parameter").isin(["gamma", "mean_spend", "error"])
    density = before.index.get_level_values("parameter") == "log_likelihood"
    assert (after[money] / factor).to_numpy() == pytest.approx(before[money].to_numpy(), rel=1e-6)
    rest = ~(money | density)
    assert after[rest].to_numpy() == pytest.approx(before[rest].to_numpy(), rel=1e-6)


# ------------------------------------------------------------------------------------------ households that are alike


@pytest.mark.parametrize(("chance", "rate"), [(0.12, None), (0.12, 1.0), (0.4, None), (0.01, 0.5)])
def test_one_chance_of_leaving_is_found_as_one_and_every_value_is_finite(chance: float, rate: float | None) -> None:
    varying = []
    for seed in range(8):
        *history, _ = trips_of(300, chance, seed, rate)
        fitted = fit_bg_nbd(*history)
        assert fitted.mean_dropout == pytest.approx(chance, rel=0.4, abs=0.01)
        for weeks in (13.0, 52.0):
            trips = fitted.expected_trips(*history, weeks)
            assert np.isfinite(trips).all()
            assert (trips >= 0).all()
        alive = fitted.probability_alive(*history)
        assert ((alive >= 0) & (alive <= 1)).all()
        if isinstance(fitted, BgNbd):
            varying.append(fitted.a + fitted.b)
    # The test of whether chances vary errs in one of twenty: three or more of eight once in 170 times.
    assert len(varying) <= 2


def test_where_leaving_does_not_vary_the_table_has_no_a_and_b_and_one_warning_says_why() -> None:
    days = trips_of(300, 0.12, seed=3)[3]
    spend = np.random.default_rng(3).gamma(3.0, 10.0, (300, 1)) * np.random.default_rng(4).gamma(2.0, 0.5, (300, 401))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tables_of(days, spend)
    households = found.customer_lifetime_value
    assert np.isfinite(households.select_dtypes("number").to_numpy(dtype=float)).all()
    whole = found.clv_parameters[found.clv_parameters["stretch"] == "whole"].set_index("parameter")
    assert not {"a", "b"} & set(whole.index)
    assert whole.at["leaving_varies", "value"] == 0
    assert whole.at["mean_dropout", "value"] == pytest.approx(0.12, rel=0.2)
    verdict = parameters_in_range(found.clv_parameters, CheckSettings())
    assert not verdict.passed
    assert verdict.message.count("not seen to differ between households") == 1


def test_the_geometric_model_is_the_limit_of_bg_nbd() -> None:
    *history, _ = trips_of(60, 0.2, seed=1)
    limit = GeometricNbd(1.5, 2.0, 0.2, 0.0)
    near = BgNbd(1.5, 2.0, 0.2 * 1e7, 0.8 * 1e7, 0.0)
    assert near.expected_trips(*history, 52.0) == pytest.approx(limit.expected_trips(*history, 52.0), rel=1e-4)
    assert near.probability_alive(*history) == pytest.approx(limit.probability_alive(*history), rel=1e-4)


def test_chances_that_vary_are_still_found() -> None:
    rng = np.random.default_rng(7)
    n = 3000
    rates, chances = rng.gamma(0.8, 1 / 4.0, n), rng.beta(0.6, 2.5, n)
    times = np.cumsum(rng.exponential(1 / rates[:, None], (n, 250)), axis=1)
    left = rng.random((n, 250)) < chances[:, None]
    seen = (np.cumsum(left, axis=1) - left == 0) & (times <= 40)
    fitted = fit_bg_nbd(seen.sum(axis=1).astype(float), np.where(seen, times, 0.0).max(axis=1), np.full(n, 40.0))
    assert isinstance(fitted, BgNbd)
    assert fitted.mean_dropout == pytest.approx(0.6 / 3.1, rel=0.15)


def test_equal_spend_on_every_trip_is_said() -> None:
    amount = 2.5e6
    days = trips_of(60, 0.05, seed=5)[3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tables_of(days, np.full((60, 401), amount))
    households = found.customer_lifetime_value
    assert households["expected_spend_52w"].to_numpy() == pytest.approx(
        amount * households["expected_trips_52w"].to_numpy()
    )
    assert not set(found.clv_parameters["parameter"]) & {"p", "q", "gamma"}
    verdict = parameters_in_range(found.clv_parameters, CheckSettings())
    assert "every trip cost the same" in verdict.message
    for alike in (0.001, 5.0, amount):
        assert fit_gamma_gamma(np.array([3.0, 7.0]), np.array([alike, alike])) == EqualSpend(alike)


def test_households_that_are_alike_in_spend_get_the_mean_of_all() -> None:
    rng = np.random.default_rng(9)
    trips = rng.integers(1, 40, 400).astype(float)
    spend = rng.gamma(3.0 * trips, 10.0) / trips
    fitted = fit_gamma_gamma(trips, spend)
    expected = fitted.expected_spend(trips, spend)
    assert expected == pytest.approx(np.full(400, np.average(spend, weights=trips)), rel=0.15)


def test_everything_alike_at_once_still_has_values() -> None:
    history = pd.DataFrame({"household_key": range(40), "trips": 10, "first_trip": 1, "last_trip": 64, "sales": 50.0})
    models = fit_spend_models(history, 70, LifetimeValueSettings())
    assert np.isfinite(models.expected_spend(history, 70, 52.0)).all()


# -------------------------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("free", [(-0.3, -0.2, -3.0, -4.0), (0.1, 0.5, -1.0, -0.1), (0.0, -9.0, -5.0, -8.0)])
def test_the_gradient_of_trips_is_that_of_their_likelihood(free: tuple[float, ...]) -> None:
    repeats, last, age, _ = trips_of(80, 0.1, seed=2)
    histories = TripHistories(repeats.astype(np.int64), last, age)
    at, moves = np.array(free), 1e-5 * np.eye(4)
    slopes = [(histories.bg_nbd(at + move)[0] - histories.bg_nbd(at - move)[0]) / 2e-5 for move in moves]
    assert histories.bg_nbd(at)[1] == pytest.approx(slopes, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("free", [(0.1, -0.3, 0.6), (-0.5, 2.0, -1.0), (0.0, 6.0, 5.0)])
def test_the_gradient_of_spend_is_that_of_its_likelihood(free: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    negative = gamma_gamma(rng.integers(1, 50, 200).astype(float), rng.gamma(4.0, 0.25, 200))
    at, moves = np.array(free), 1e-5 * np.eye(3)
    slopes = [(negative(at + move)[0] - negative(at - move)[0]) / 2e-5 for move in moves]
    assert negative(at)[1] == pytest.approx(slopes, rel=1e-4, abs=1e-7)
