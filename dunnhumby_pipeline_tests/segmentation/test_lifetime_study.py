"""Lifetime value as a whole: what is weighed, what intervals hold, gross profit, and short histories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from dunnhumby_pipeline.orchestration.checks.lifetime import intervals_cover
from dunnhumby_pipeline.orchestration.checks.segmentation import not_worse_than_naive
from dunnhumby_pipeline.segmentation.lifetime.purchases import Purchases
from dunnhumby_pipeline.segmentation.lifetime.tables import LifetimeTables, lifetime_tables
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
from dunnhumby_pipeline.settings import CheckSettings, LifetimeValueSettings
from dunnhumby_pipeline_tests.fakes.lifetimes import purchases_from

DAYS, SHARES = 364, (0.2, 0.3)
CHECKS = CheckSettings()


def shop(n: int, seed: int, days: int = DAYS, drift: float = 0.06, dropout: float = 0.0) -> pd.DataFrame:
    """household_key, day, sales of n households whose rate of trips wanders, who leave after a trip by `dropout`."""
    rng = np.random.default_rng(seed)
    n_weeks = -(-days // 7)
    walk = np.cumsum(rng.normal(0, drift, (n, n_weeks)), axis=1) - drift**2 / 2
    chance = np.clip(rng.gamma(1.5, 0.12, (n, 1)) * np.exp(walk), 0.0, 0.9)
    bought = rng.random((n, days)) < np.repeat(chance, 7, axis=1)[:, :days]
    left: NDArray = rng.random((n, days)) < dropout
    gone = np.cumsum(bought & left, axis=1) - (bought & left)
    household, day = np.nonzero(bought & (gone == 0))
    spend = rng.gamma(4.0, 10.0, n)[household] * rng.gamma(2.0, 0.5, len(day))
    return pd.DataFrame({"household_key": household + 1, "day": day + 1, "sales": np.round(spend, 2)})


def study(bought: Purchases, confidence: float = 0.95, **changed: object) -> LifetimeTables:
    return lifetime_tables(bought, LifetimeValueSettings(**changed), SHARES, confidence)


@pytest.fixture(scope="module")
def wandering() -> LifetimeTables:
    return study(purchases_from(shop(600, seed=1, drift=0.15), 1, DAYS))


def weights(found: LifetimeTables, stretch: str, stack: str = "stacked") -> pd.Series:
    table = found.clv_parameters
    own = table[(table["stretch"] == stretch) & (table["model"] == stack)]
    return own.set_index("parameter")["value"]


# ----------------------------------------------------------------------------------------------- against what is known


def test_where_rates_wander_the_stack_beats_carrying_the_past_forward(wandering: LifetimeTables) -> None:
    errors = wandering.clv_validation.set_index(["target", "forecast"])
    for target in ("spend", "gross_profit"):
        ours, naive = errors.loc[(target, "stacked")], errors.loc[(target, "naive")]
        assert ours["verdict"] == "better than naive"
        assert ours["rmse"] < naive["rmse"]
        assert ours["bin_error"] < naive["bin_error"]
    assert not_worse_than_naive(wandering.clv_validation, CHECKS).passed
    whole = wandering.clv_parameters.set_index(["stretch", "model", "parameter"])["value"]
    assert whole["whole", "smoothed", "alpha"] > 0.04


def test_intervals_hold_what_came_and_the_check_sees_when_they_do_not(wandering: LifetimeTables) -> None:
    errors = wandering.clv_validation.set_index(["target", "forecast"])
    assert errors.loc[("spend", "stacked"), "coverage"] > 0.92
    assert errors.loc[("gross_profit", "stacked"), "coverage"] > 0.92
    assert errors.loc["trips", "coverage"].isna().all()
    assert (errors["nominal_coverage"] == 0.95).all()
    verdict = intervals_cover(wandering.clv_validation, CHECKS)
    assert verdict.passed and "intervals of 95% held the spend of" in verdict.message
    bins = wandering.clv_calibration.query("target == 'spend' and forecast == 'stacked'")
    total = np.average(bins["coverage"], weights=bins["n_households"])
    assert total == pytest.approx(errors.loc[("spend", "stacked"), "coverage"])
    assert ((bins["mean_lower"] <= bins["mean_forecast"]) & (bins["mean_forecast"] <= bins["mean_upper"])).all()
    households = wandering.customer_lifetime_value
    for name in ("clv", "clv_gross_profit"):
        assert (households[f"{name}_lower"] <= households[name]).all()
        assert (households[name] <= households[f"{name}_upper"]).all()
    # A later half that is nothing like the first.
    days = shop(300, seed=1, drift=0.15)
    late = days["day"] > DAYS // 2
    rng = np.random.default_rng(0)
    days.loc[late, "sales"] *= rng.choice([0.0, 6.0], 301)[days.loc[late, "household_key"]]
    changed = study(purchases_from(days, 1, DAYS)).clv_validation
    failed = intervals_cover(changed, CHECKS)
    assert not failed.passed and failed.message.endswith("the half-year differed from the one before it")


def test_what_is_weighed_was_learned_before_what_it_is_judged_on() -> None:
    """Whatever the later half holds, weights, intervals and forecasts for it are the same."""
    days = shop(150, seed=2)
    changed = days.copy()
    late = changed["day"] > DAYS // 2
    changed.loc[late, "sales"] = changed.loc[late, "sales"] * 3 + 7
    one, other = (study(purchases_from(each, 1, DAYS)) for each in (days, changed))
    for stack in ("stacked", "stacked_absolute"):
        assert weights(one, "first half", stack).equals(weights(other, "first half", stack))
    forecasts = ["target", "forecast", "bin", "mean_forecast", "mean_lower", "mean_upper"]
    spend = [each.clv_calibration.query("target == 'spend'")[forecasts] for each in (one, other)]
    pd.testing.assert_frame_equal(*spend)


@pytest.mark.parametrize(("dropout", "weighed"), [(0.0, False), (0.08, True)])
def test_bg_nbd_is_weighed_in_where_households_leave(dropout: float, weighed: bool) -> None:
    found = study(purchases_from(shop(500, seed=3, drift=0.0, dropout=dropout), 1, DAYS), n_bins=4)
    table = found.clv_parameters.query("model == 'stacked' and parameter == 'model'")
    assert table["meaning"].str.contains("none, as nobody was seen to leave").tolist() == [not weighed] * 2
    for stretch in ("first half", "whole"):
        assert weights(found, stretch).sum() == pytest.approx(1.0)
        assert weighed or weights(found, stretch)["model"] == 0
    errors = found.clv_validation.set_index(["target", "forecast"])["mae"]
    if weighed:
        assert errors["spend", "model"] < errors["spend", "nbd"]
        assert errors["spend", "model"] < errors["spend", "naive"]


def test_weights_for_the_mean_are_not_those_for_the_median(wandering: LifetimeTables) -> None:
    mean, median = (weights(wandering, "whole", stack) for stack in ("stacked", "stacked_absolute"))
    assert not np.allclose(mean, median)


# --------------------------------------------------------------------------------------------------------- gross profit


@pytest.fixture(scope="module")
def rates() -> pd.DataFrame:
    """Lifetime values where gross profit is 45 or 15 % of sales, and for the first 20 households a loss of 40 %."""
    days = shop(220, seed=5)
    rate = np.where(days["household_key"] % 2 == 0, 0.45, 0.15)
    days["profit"] = np.where(days["household_key"] <= 20, -0.4, rate) * days["sales"]
    return study(purchases_from(days, 1, DAYS)).customer_lifetime_value


def test_gross_profit_follows_each_household_s_own_rate(rates: pd.DataFrame, wandering: LifetimeTables) -> None:
    households = rates
    often = households[(households["trips"] > 40) & (households["household_key"] > 20)].set_index("household_key")
    assert len(often) > 25
    even = often.index % 2 == 0
    assert often.loc[even, "profit_rate"].between(0.40, 0.4501).all()
    assert often.loc[~even, "profit_rate"].between(0.1499, 0.20).all()
    assert households["clv_gross_profit"].tolist() == pytest.approx(
        (households["clv"] * households["profit_rate"]).tolist()
    )
    # One rate for all is everybody's, whatever they are drawn towards.
    assert wandering.customer_lifetime_value["profit_rate"].to_numpy() == pytest.approx(0.3)


def test_a_household_that_pays_in_coupons_may_be_worth_less_than_nothing(rates: pd.DataFrame) -> None:
    losing = rates[rates["household_key"] <= 20]
    assert (losing["trips"] > 30).any()
    assert (losing.loc[losing["trips"] > 30, "clv_gross_profit"] < 0).all()
    assert (losing["clv"] > 0).all()


# ---------------------------------------------------------------------------------------- histories with little in them


def test_thirty_households_have_values_and_no_intervals() -> None:
    days = shop(30, seed=7)
    everyone = pd.DataFrame({"household_key": range(1, 31), "day": 1, "sales": 9.0})
    found = study(purchases_from(pd.concat([days, everyone], ignore_index=True), 1, DAYS))
    households = found.customer_lifetime_value
    assert len(households) == 30
    assert np.isfinite(households["clv"]).all()
    assert households[["clv_lower", "clv_upper", "clv_gross_profit_upper"]].isna().all(axis=None)
    verdict = intervals_cover(found.clv_validation, CHECKS)
    assert not verdict.passed
    assert "as 30 households are too few for one of 95%" in verdict.message
    with pytest.raises(LifetimeValueError, match="min_households is 30, but only 29 households"):
        fewer = pd.concat([days, everyone], ignore_index=True).query("household_key > 1")
        study(purchases_from(fewer, 1, DAYS))


def test_sixteen_weeks_are_enough_and_three_are_not() -> None:
    found = study(purchases_from(shop(200, seed=8, days=112), 1, 112))
    assert np.isfinite(found.customer_lifetime_value["clv"]).all()
    rows = found.clv_parameters.query("model == 'boosted' and parameter == 'n_origins'")
    assert (rows["value"] >= 1).all()
    with pytest.raises(LifetimeValueError, match=r"lifetime value needs 112 days.*found 21 days, 1 to 21"):
        purchases_from(shop(200, seed=8, days=21), 1, 21)


def test_households_of_one_trip_and_of_no_spend_have_finite_values() -> None:
    days = shop(150, seed=9)
    odd = pd.DataFrame({"household_key": range(1000, 1080), "day": np.arange(80) * 4 + 5})
    odd["sales"] = np.where(odd["household_key"] < 1010, 0.0, 25.0)
    households = study(purchases_from(pd.concat([days, odd], ignore_index=True), 1, DAYS)).customer_lifetime_value
    amounts = households.filter(regex="spend|clv|rate").drop(columns=["mean_spend"]).to_numpy(dtype=float)
    assert np.isfinite(amounts).all()
    once = households[households["rule"] == "one trip"]
    assert len(once) >= 70
    assert (once["clv"] < households.loc[households["trips"] > 20, "clv"].min()).all()


def test_refunds_that_outweigh_what_was_bought_are_refused() -> None:
    days = shop(100, seed=10)
    refund = pd.DataFrame({"household_key": [3], "day": [40], "sales": [-1e5]})
    with pytest.raises(LifetimeValueError, match="without such"):
        study(purchases_from(pd.concat([days, refund], ignore_index=True), 1, DAYS))


def test_a_missing_gross_profit_is_said() -> None:
    bought = purchases_from(shop(100, seed=11), 1, DAYS)
    fewer = bought.gross_profit.query("household_key != 5")
    with pytest.raises(LifetimeValueError, match="1 households have no gross profit"):
        study(Purchases(bought.windows, bought.trips, fewer, bought.weekly))


def test_of_many_households_some_teach_and_all_are_forecast() -> None:
    bought = purchases_from(shop(1300, seed=12, days=140), 1, 140)
    found = study(bought, max_households=1000)
    assert len(found.customer_lifetime_value) == bought.trips.query("window == 0")["household_key"].nunique()
    judged = found.clv_validation.query("target == 'spend'")["n_households"]
    assert judged.max() <= 1000
    assert found.clv_validation["n_new"].iloc[0] >= 0
