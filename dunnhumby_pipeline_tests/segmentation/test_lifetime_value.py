"""Lifetime value: published estimates and planted parameters come back, and a hold-out half judges the forecasts."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.trips import trip_history
from dunnhumby_pipeline.segmentation.lifetime.by_segment import lifetime_differences, segment_lifetime_value
from dunnhumby_pipeline.segmentation.lifetime.forecast import fit_spend_models
from dunnhumby_pipeline.segmentation.lifetime.purchases import (
    FIRST_HALF,
    SECOND_HALF,
    WHOLE,
    Purchases,
    lifetime_windows,
)
from dunnhumby_pipeline.segmentation.lifetime.tables import LifetimeTables, lifetime_tables
from dunnhumby_pipeline.segmentation.lifetime.value import (
    BgNbd,
    GammaGamma,
    LifetimeValueError,
    fit_bg_nbd,
    fit_gamma_gamma,
    in_range,
)
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import gini, pareto_curve, rfm_scores, value_tiers
from dunnhumby_pipeline.settings import EngineSettings, LifetimeValueSettings, ProfileSettings
from dunnhumby_pipeline_tests.fakes.lifetimes import purchases_from

QUICK = settings(max_examples=40, deadline=None)
ONE_THREAD = EngineSettings(threads=1)
SHARES = (0.2, 0.3)
TRUE = {"r": 0.8, "alpha": 4.0, "a": 0.6, "b": 2.5}


# ------------------------------------------------------------------------------------------- the published estimates


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """The 2,357 customers of CDNOW that the papers print estimates of: x, t_x, T (weeks), zbar ($)."""
    # The package itself is older than its dependencies and is not imported: it is only where the file lies.
    found = find_spec("lifetimes")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the published data are in the package lifetimes, which the extra 'dev' installs")
    folder = Path(next(iter(found.submodule_search_locations))) / "datasets"
    customers = pd.read_csv(folder / "cdnow_customers_summary_with_transactions.csv")
    assert len(customers) == 2357
    return customers.astype(float)


def test_bg_nbd_gives_the_published_estimates(cdnow: pd.DataFrame) -> None:
    """Fader, Hardie & Lee 2005, table 2: r .243, alpha 4.414, a .793, b 2.426, LL -9582.4; customer 1: 1.226."""
    repeats, last, age = (cdnow[name].to_numpy() for name in ("x", "t_x", "T"))
    fitted = fit_bg_nbd(repeats, last, age)
    assert (fitted.r, fitted.a) == pytest.approx((0.243, 0.793), abs=6e-4)
    assert (fitted.alpha, fitted.b) == pytest.approx((4.414, 2.426), abs=5e-3)
    assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert fitted.expected_trips(repeats[:1], last[:1], age[:1], 39.0)[0] == pytest.approx(1.226, abs=1e-3)


def test_gamma_gamma_gives_the_published_estimates(cdnow: pd.DataFrame) -> None:
    """Fader & Hardie 2013: p 6.25, q 3.74, gamma 15.44, of the 946 customers who came back."""
    again = cdnow[cdnow["x"] > 0]
    assert len(again) == 946
    fitted = fit_gamma_gamma(again["x"].to_numpy(), again["zbar"].to_numpy())
    assert (fitted.p, fitted.q, fitted.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)
    assert fitted.mean == pytest.approx(fitted.p * fitted.gamma / (fitted.q - 1))


# ------------------------------------------------------------------------------------------------ planted parameters


def simulated(n: int, seed: int, age: float, horizon: float) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """(repeats, last, age, trips in the `horizon` after) of n households that follow BG/NBD with TRUE."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(TRUE["r"], 1 / TRUE["alpha"], n)
    chances = rng.beta(TRUE["a"], TRUE["b"], n)
    gaps = rng.exponential(1 / rates[:, None], (n, 250))
    # A household may leave after each trip but the first, which is what makes it one.
    left = rng.random((n, 250)) < chances[:, None]
    times = np.cumsum(gaps, axis=1)
    alive = np.cumsum(left, axis=1) - left == 0
    seen, later = alive & (times <= age), alive & (times > age) & (times <= age + horizon)
    last = np.where(seen, times, 0.0).max(axis=1)
    return seen.sum(axis=1).astype(float), last, np.full(n, age), later.sum(axis=1).astype(float)


def test_planted_bg_nbd_parameters_come_back_and_forecast() -> None:
    repeats, last, age, later = simulated(6000, seed=1, age=40.0, horizon=30.0)
    fitted = fit_bg_nbd(repeats, last, age)
    found = [fitted.r, fitted.alpha, fitted.a / (fitted.a + fitted.b)]
    assert found == pytest.approx([0.8, 4.0, 0.6 / 3.1], rel=0.12)
    forecast = fitted.expected_trips(repeats, last, age, 30.0)
    assert forecast.mean() == pytest.approx(later.mean(), rel=0.05)
    for low, high in ((0, 0), (1, 3), (4, 8), (9, 300)):
        some = (repeats >= low) & (repeats <= high)
        standard_error = later[some].std() / some.sum() ** 0.5
        assert abs(forecast[some].mean() - later[some].mean()) < 4 * standard_error
    truly = BgNbd(**TRUE, log_likelihood=0.0)
    assert np.corrcoef(forecast, truly.expected_trips(repeats, last, age, 30.0))[0, 1] > 0.999


def test_planted_gamma_gamma_parameters_come_back() -> None:
    rng = np.random.default_rng(2)
    p, q, gamma = 4.0, 3.5, 20.0
    trips = rng.integers(1, 30, 5000).astype(float)
    mean_spend = rng.gamma(p * trips, 1 / rng.gamma(q, 1 / gamma, 5000)) / trips
    fitted = fit_gamma_gamma(trips, mean_spend)
    # p and gamma alone are told apart only by how means of few and of many trips scatter.
    assert (fitted.p, fitted.gamma) == pytest.approx((p, gamma), rel=0.25)
    assert (fitted.q, fitted.p * fitted.gamma, fitted.mean) == pytest.approx((q, p * gamma, 32.0), rel=0.05)
    drawn_in = fitted.expected_spend(np.array([1.0, 30.0]), np.array([200.0, 200.0]))
    assert fitted.mean < drawn_in[0] < drawn_in[1] < 200


histories = st.tuples(st.integers(0, 300), st.floats(0.01, 1), st.floats(1, 60)).map(
    lambda h: (float(h[0]), h[1] * h[2] if h[0] else 0.0, h[2])
)


@QUICK
@given(histories, st.floats(0.05, 5), st.floats(0.05, 10))
def test_a_chance_is_a_chance_and_more_time_brings_more_trips(
    history: tuple[float, float, float], a: float, b: float
) -> None:
    model = BgNbd(0.5, 3.0, a, b, 0.0)
    repeats, last, age = (np.array([value]) for value in history)
    assert 0 <= model.probability_alive(repeats, last, age)[0] <= 1
    trips = [model.expected_trips(repeats, last, age, weeks)[0] for weeks in (1.0, 13.0, 52.0)]
    assert np.isfinite(trips).all()
    assert -1e-9 <= trips[0] <= trips[1] + 1e-9 <= trips[2] + 2e-9


@pytest.mark.parametrize("horizon", [1.0, 13.0, 52.0])
@pytest.mark.parametrize(("repeats", "last", "age"), [(0.0, 0.0, 5.0), (3.0, 4.0, 5.0), (40.0, 29.0, 30.0)])
def test_expected_trips_are_an_integral_over_what_a_household_may_be(
    repeats: float, last: float, age: float, horizon: float
) -> None:
    """Equation 10 against its meaning, by quadrature: over rate and chance of leaving, given the history."""
    r, alpha, a, b = 0.8, 4.0, 0.6, 2.5
    # Powers of an even grid take the poles at 0 out of the densities of gamma and beta.
    grid = (np.arange(1500) + 0.5) / 1500
    rate, p = 8 * grid[:, None] ** (1 / r), grid[None, :] ** (1 / a)
    prior = np.exp(-alpha * rate) * (1 - p) ** (b - 1)
    stayed = (1 - p) ** repeats * rate**repeats * np.exp(-rate * age)
    left = (p * (1 - p) ** (repeats - 1) * rate**repeats * np.exp(-rate * last)) if repeats else 0 * stayed
    future = (1 - np.exp(-rate * p * horizon)) / p
    expected = (prior * stayed * future).sum() / (prior * (stayed + left)).sum()
    found = BgNbd(r, alpha, a, b, 0.0).expected_trips(*(np.array([x]) for x in (repeats, last, age)), horizon)
    assert found[0] == pytest.approx(expected, rel=2e-3)


def test_no_dropout_is_a_poisson_process() -> None:
    """With next to no chance of leaving, trips are (r + x) / (alpha + T) per week: the NBD."""
    model = BgNbd(1.5, 2.0, 1e-9, 50.0, 0.0)
    trips = model.expected_trips(np.array([30.0]), np.array([39.0]), np.array([40.0]), 26.0)
    assert trips[0] == pytest.approx(31.5 / 42 * 26, rel=1e-5)


@pytest.mark.parametrize(
    ("repeats", "last", "age"), [(2, 9, 8), (2, -1, 8), (-1, 0, 8), (2, 0, 8), (0, 3, 8), (2, np.nan, 8)]
)
def test_a_history_that_cannot_be_is_refused(repeats: float, last: float, age: float) -> None:
    columns = [np.array([3.0, value]) for value in (repeats, last, age)]
    columns[2][0] = 9.0
    with pytest.raises(LifetimeValueError, match=r"1 histories cannot be; expected 0 <= last <= age"):
        fit_bg_nbd(*columns)


def test_what_cannot_be_fitted_says_why() -> None:
    none = np.zeros(5)
    with pytest.raises(LifetimeValueError, match="no household came twice"):
        fit_bg_nbd(none, none, none + 4)
    with pytest.raises(LifetimeValueError, match=r"a trip and a mean spend above \$0"):
        fit_gamma_gamma(np.array([1.0, 2.0]), np.array([0.0, 3.0]))


def test_a_parameter_in_range_is_off_the_bounds_and_says_something() -> None:
    least = {"q": 1.05, "mean_dropout": 0.005}
    assert in_range({"r": 1.0, "a": 1e-3, "q": 3.7, "mean_dropout": 0.25}, least)
    assert not in_range({"r": 1.0, "a": 1e-9}, least)
    assert not in_range({"r": float("nan")}, least)
    assert not in_range({"q": 1.01}, least)
    assert not in_range({"mean_dropout": BgNbd(1.4, 1.4, 0.175, 246.0, 0.0).mean_dropout}, least)
    assert not in_range({"mean_dropout": BgNbd(1.4, 1.3, 0.0115, 6.3, 0.0).mean_dropout}, least)


def test_where_nobody_leaves_the_table_says_so(bought: Purchases, tables: LifetimeTables) -> None:
    def dropout(found: LifetimeTables) -> pd.DataFrame:
        return found.clv_parameters[found.clv_parameters["parameter"] == "mean_dropout"]

    rows = dropout(tables)
    assert rows["stretch"].tolist() == ["first half", "whole"]
    # These households were made to come as long as the days last.
    assert (rows["value"] < 0.005).all()
    assert not rows["in_range"].any()
    assert rows["meaning"].str.contains("probability_alive tells nothing").all()
    assert dropout(study(bought, n_bins=4, min_dropout=0))["in_range"].iloc[1] == (rows["value"].iloc[1] > 1e-8)


# ------------------------------------------------------------------------------------------------- trips from lines


def test_a_trip_is_a_day_on_which_something_was_bought() -> None:
    rows = [
        (1, 10, 5, 100, 2.5),
        (1, 10, 5, 101, 1.25),
        (1, 11, 5, 100, 4.0),
        (1, 12, 9, 100, 1.0),
        (1, 13, 30, 100, 8.0),
        (2, 14, 9, 100, 0.0),
    ]
    lines = pd.DataFrame(rows, columns=["household_key", "basket_id", "day", "product_id", "sales_value"])
    rest = {"week_no": 1, "quantity": 1, "store_id": 1, "retail_disc": 0.0, "trans_time": 900}
    lines = lines.assign(**rest, coupon_disc=0.0, coupon_match_disc=0.0)
    windows = pd.DataFrame({"window": [0, 1], "first_day": [1, 6], "index_day": [31, 30]})
    windows = windows.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})
    found = run(trip_history(), {"transactions": lines, "windows": windows}, ONE_THREAD)
    assert found.to_numpy().tolist() == [
        [0, 1, 3, 5, 30, 16.75],
        [0, 2, 1, 9, 9, 0.0],
        [1, 1, 1, 9, 9, 1.0],
        [1, 2, 1, 9, 9, 0.0],
    ]
    assert found.columns.tolist() == ["window", "household_key", "trips", "first_trip", "last_trip", "sales"]


# ------------------------------------------------------------------------------------------------------- the study

FIRST_DAY, LAST_DAY = 11, 374
NEWCOMER, ONCE, FREE = 901, 902, 903


def shopping(n: int, seed: int) -> pd.DataFrame:
    """Days and $ of n households, of one who came late, one who came once and one who never paid."""
    rng = np.random.default_rng(seed)
    days = np.arange(FIRST_DAY, LAST_DAY + 1)
    rates = np.clip(rng.gamma(2.0, 0.08, n), 0.02, 0.9)
    scale = rng.gamma(4.0, 8.0, n)
    bought = rng.random((n, len(days))) < rates[:, None]
    bought[:, 0] = True
    household, place = np.nonzero(bought)
    lines = pd.DataFrame({"household_key": household + 1, "day": days[place]})
    lines["sales"] = np.round(scale[household] * rng.gamma(3.0, 1 / 3, len(lines)), 2)
    odd = pd.DataFrame(
        {
            "household_key": [NEWCOMER, NEWCOMER, ONCE, FREE, FREE],
            "day": [300, 320, 30, 20, 60],
            "sales": [50.0, 30.0, 12.0, 0.0, 0.0],
        }
    )
    return pd.concat([lines, odd], ignore_index=True)


@pytest.fixture(scope="module")
def bought() -> Purchases:
    return purchases_from(shopping(150, seed=3), FIRST_DAY, LAST_DAY)


@pytest.fixture(scope="module")
def trips(bought: Purchases) -> pd.DataFrame:
    return bought.trips


def study(bought: Purchases, **changed: object) -> LifetimeTables:
    return lifetime_tables(bought, LifetimeValueSettings(**changed), SHARES, 0.95)


@pytest.fixture(scope="module")
def tables(bought: Purchases) -> LifetimeTables:
    return study(bought, n_bins=4)


def test_the_windows_nest() -> None:
    windows = lifetime_windows(FIRST_DAY, LAST_DAY).set_index("window")
    assert windows.loc[WHOLE].tolist() == [11, 375]
    assert windows.loc[FIRST_HALF].tolist() == [11, 193]
    assert windows.loc[SECOND_HALF].tolist() == [193, 375]
    assert windows["first_day"].tolist() == [11, 11, 193, 11, 102]
    assert windows["index_day"].tolist() == [375, 193, 375, 102, 193]
    with pytest.raises(LifetimeValueError, match=r"needs 112 days.*found 111 days, 1 to 111"):
        lifetime_windows(1, 111)


def test_every_household_with_a_trip_has_a_row(trips: pd.DataFrame, tables: LifetimeTables) -> None:
    households = tables.customer_lifetime_value.set_index("household_key")
    whole = trips[trips["window"] == WHOLE].set_index("household_key")
    assert households.index.tolist() == whole.index.tolist()
    assert not households.isna().any(axis=None)
    assert households.loc[[1, ONCE, FREE], "rule"].tolist() == ["repeat", "one trip", "no spend"]
    assert households.at[ONCE, "probability_alive"] == 1
    assert households.at[FREE, "mean_spend"] == 0
    assert households.at[FREE, "expected_spend_26w"] > 0
    assert households.at[NEWCOMER, "age"] == pytest.approx((LAST_DAY - 300) / 7)
    assert households.at[NEWCOMER, "last"] == pytest.approx(20 / 7)
    assert (households["repeats"] == households["trips"] - 1).all()
    for name in ("expected_trips", "expected_spend", "stacked_spend"):
        horizons = households[[f"{name}_{weeks}w" for weeks in (13, 26, 52)]].to_numpy()
        assert (np.diff(horizons, axis=1) >= 0).all()
    assert households["clv"].tolist() == households["stacked_spend_52w"].tolist()
    assert (households["value_tier"] == "high").sum() == int(np.ceil(0.2 * len(households)))
    worst_high = households.loc[households["value_tier"] == "high", "clv"].min()
    assert worst_high >= households.loc[households["value_tier"] != "high", "clv"].max()


@pytest.mark.parametrize("forecast", ["model", "smoothed"])
def test_the_forecast_of_the_tiers_is_a_setting(bought: Purchases, forecast: str) -> None:
    found = study(bought, forecast=forecast)
    households, errors = found.customer_lifetime_value, found.clv_validation
    name = "expected_spend_52w" if forecast == "model" else f"{forecast}_spend_52w"
    assert households["clv"].tolist() == households[name].tolist()
    assert errors.loc[errors["chosen"], ["target", "forecast"]].to_numpy().tolist() == [["spend", forecast]]


def test_errors_on_the_second_half_are_those_of_a_hand_count(trips: pd.DataFrame, tables: LifetimeTables) -> None:
    before = trips[trips["window"] == FIRST_HALF].set_index("household_key")
    after = trips[trips["window"] == SECOND_HALF].set_index("household_key")
    actual = after["sales"].reindex(before.index).fillna(0.0)
    naive = before["sales"] * 182 / 182
    errors = tables.clv_validation.set_index(["target", "forecast"])
    row = errors.loc[("spend", "naive")]
    assert row["mae"] == pytest.approx((naive - actual).abs().mean())
    assert row["rmse"] == pytest.approx(((naive - actual) ** 2).mean() ** 0.5)
    assert row["bias"] == pytest.approx((naive - actual).mean())
    assert row["spearman"] == pytest.approx(naive.corr(actual, method="spearman"))
    assert row["verdict"] == "the yardstick"
    assert row["n_households"] == len(before)
    assert row["n_new"] == 1
    assert row["new_spend_share"] == pytest.approx(80 / after["sales"].sum())
    for forecast in ("model", "stacked"):
        other = errors.loc[("spend", forecast)]
        assert other["mae_against_naive"] == pytest.approx(other["mae"] - row["mae"])
        assert other["ci_lower"] < other["mae_against_naive"] < other["ci_upper"]
        told = "better" if other["ci_upper"] < 0 else "worse" if other["ci_lower"] > 0 else "no better"
        assert other["verdict"] == f"{told} than naive"
    # Rates that never change: drawing them towards each other helps, and the model knows it.
    assert errors.loc[("trips", "model"), "mae"] < errors.loc[("trips", "naive"), "mae"]


def test_bins_hold_everyone_and_their_means_are_the_whole(tables: LifetimeTables) -> None:
    bins = tables.clv_calibration
    errors = tables.clv_validation.set_index(["target", "forecast"])
    for (target, forecast), rows in bins.groupby(["target", "forecast"]):
        assert rows["bin"].tolist() == [1, 2, 3, 4]
        total = errors.loc[(target, forecast)]
        assert rows["n_households"].sum() == total["n_households"]
        assert rows["n_households"].max() - rows["n_households"].min() <= 1
        bias = ((rows["mean_forecast"] - rows["mean_actual"]) * rows["n_households"]).sum() / total["n_households"]
        assert bias == pytest.approx(total["bias"])
        assert rows["mean_forecast"].is_monotonic_increasing


def test_parameters_are_reported_with_their_range_and_counts(tables: LifetimeTables) -> None:
    parameters = tables.clv_parameters
    whole = parameters[parameters["stretch"] == "whole"].set_index(["model", "parameter"])
    assert whole.at[("both", "n_households"), "value"] == 153
    assert whole.at[("both", "n_one_trip"), "value"] == 1
    assert whole.at[("both", "n_without_spend"), "value"] == 1
    for stack in ("stacked", "stacked_absolute"):
        weights = parameters[parameters["model"] == stack].groupby("stretch")["value"]
        assert weights.sum().tolist() == pytest.approx([1.0, 1.0])
        assert (weights.min() >= 0).all()
    named = parameters["parameter"].isin(["r", "alpha", "a", "b", "mean_dropout", "p", "q", "gamma"])
    fitted = parameters[named & parameters["model"].isin(["bg_nbd", "gamma_gamma"])]
    assert fitted["in_range"].notna().all()
    assert parameters.drop(fitted.index)["in_range"].isna().all()


def test_bad_trips_are_refused(trips: pd.DataFrame) -> None:
    whole = trips[trips["window"] == WHOLE]
    with pytest.raises(LifetimeValueError, match=r"lifetime_value.min_households is 30, but only 3 households"):
        fit_spend_models(whole.head(3), LAST_DAY, LifetimeValueSettings())
    with pytest.raises(LifetimeValueError, match="lacks sales; found"):
        fit_spend_models(whole.drop(columns="sales"), LAST_DAY, LifetimeValueSettings())
    with pytest.raises(LifetimeValueError, match="one row per household"):
        fit_spend_models(trips, LAST_DAY, LifetimeValueSettings())
    with pytest.raises(LifetimeValueError, match="found 0 without a trip and 153 without such sales"):
        fit_spend_models(whole.assign(sales=np.nan), LAST_DAY, LifetimeValueSettings())
    with pytest.raises(LifetimeValueError, match="goes beyond day 200"):
        fit_spend_models(whole, 200, LifetimeValueSettings())


def test_of_many_households_some_speak_for_all() -> None:
    rng = np.random.default_rng(5)
    trips = 2 + rng.poisson(rng.gamma(2.0, 4.0, 2500))
    many = pd.DataFrame({"household_key": range(2500), "trips": trips, "first_trip": 1, "last_trip": 90})
    many["sales"] = trips * rng.gamma(5.0, 5.0, 2500)
    few = fit_spend_models(many, 100, LifetimeValueSettings(max_households=1000))
    every = fit_spend_models(many, 100, LifetimeValueSettings())
    assert (few.n_households, few.n_fitted, every.n_fitted) == (2500, 834, 2500)
    assert few.expected_spend(many, 100, 26.0) == pytest.approx(every.expected_spend(many, 100, 26.0), rel=0.1)


def test_segments_differ_in_value_as_they_were_made_to(tables: LifetimeTables) -> None:
    households = tables.customer_lifetime_value
    best = households["clv"] > households["clv"].median()
    segments = pd.DataFrame({"household_key": households["household_key"], "segment": np.where(best, "best", "others")})
    table = segment_lifetime_value(households, segments, 0.95)
    assert table["segment"].tolist() == ["best", "others"]
    assert table["clv_share"].sum() == pytest.approx(1.0)
    assert table[["share_high", "share_mid", "share_low"]].sum(axis=1).tolist() == pytest.approx([1.0, 1.0])
    assert (table["ci_lower"] < table["clv_mean"]).all()
    difference = lifetime_differences(households, segments).set_index("measure").loc["clv"]
    assert difference["kruskal_p_value"] < 1e-20
    assert difference["epsilon_squared"] > 0.7
    with pytest.raises(LifetimeValueError, match="1 households have either a lifetime value or a segment"):
        segment_lifetime_value(households, segments.iloc[1:], 0.95)


# -------------------------------------------------------------------------------------------------- who is worth what


def test_tiers_take_the_best_first() -> None:
    values = pd.Series([5.0, 1.0, 9.0, 7.0, 3.0, 2.0, 8.0, 4.0, 6.0, 0.0], index=list("abcdefghij"))
    tiers = value_tiers(values, SHARES)
    assert tiers[tiers == "high"].index.tolist() == ["c", "g"]
    assert tiers[tiers == "mid"].index.tolist() == ["a", "d", "i"]
    assert value_tiers(pd.Series([1.0, 3.0, 2.0]), SHARES).tolist() == ["low", "high", "mid"]
    assert value_tiers(pd.Series([1.0, 1.0, 1.0]), SHARES).tolist() == ["high", "mid", "low"]
    with pytest.raises(ValueError, match="clv: 1 households have no value"):
        value_tiers(pd.Series([1.0, np.nan], name="clv"), SHARES)
    with pytest.raises(ValueError, match=r"profile.tier_shares must be above 0 and leave a low tier"):
        ProfileSettings(tier_shares=(0.5, 0.5))


def test_gini_and_pareto_by_hand() -> None:
    assert gini(np.ones(4)) == pytest.approx(0.0)
    assert gini(np.array([0.0, 0.0, 0.0, 8.0])) == pytest.approx(0.75)
    assert gini(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 9)
    assert np.isnan(gini(np.zeros(3)))
    assert set(pareto_curve(np.array([0.0, 0.0, 0.0, 8.0]))["gini"]) == {0.75}
    curve = pareto_curve(np.array([1.0, 0.0, 6.0, 3.0])).set_index("share_of_households")["share_of_revenue"]
    assert curve.iloc[[0, 25, 50, 75, 100]].tolist() == pytest.approx([0.0, 0.6, 0.9, 1.0, 1.0])
    assert curve.iloc[10] == pytest.approx(0.6 * 0.4)
    with pytest.raises(ValueError, match="no household has any revenue"):
        pareto_curve(np.zeros(3))
    with pytest.raises(ValueError, match=r"\$0 or more"):
        gini(np.array([1.0, -1.0]))


@QUICK
@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=30).filter(any))
def test_gini_is_half_the_relative_mean_difference(values: list[int]) -> None:
    spend = np.array(values, dtype=float)
    mean_difference = np.abs(spend[:, None] - spend[None, :]).mean()
    assert gini(spend) == pytest.approx(mean_difference / (2 * spend.mean()))
    curve = pareto_curve(spend)["share_of_revenue"].to_numpy()
    assert curve[-1] == pytest.approx(1.0)
    assert (np.diff(curve) >= -1e-12).all()
    assert (np.diff(curve, 2) <= 1e-9).all()


def test_scores_treat_equals_alike_and_have_no_names() -> None:
    rank = pd.Series(range(10))
    scores = rfm_scores(rank, rank, rank)
    assert scores["recency_score"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert list(scores) == ["recency_score", "frequency_score", "monetary_score"], (
        "names of scores are household_status's"
    )
    equal = pd.Series([4, 4, 4])
    assert rfm_scores(equal, equal, equal).to_numpy().tolist() == [[3, 3, 3]] * 3


def test_shrinking_spend_follows_its_formula() -> None:
    model = GammaGamma(p=6.25, q=3.74, gamma=15.44, log_likelihood=0.0)
    expected = 6.25 * (15.44 + 4 * 30) / (6.25 * 4 + 3.74 - 1)
    assert model.expected_spend(np.array([4.0]), np.array([30.0]))[0] == pytest.approx(expected)
