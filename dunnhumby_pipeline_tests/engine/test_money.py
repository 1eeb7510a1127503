"""Money in any unit: the smallest one is found or set, and sums lose nothing."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.engine import duck
from dunnhumby_pipeline.engine.duck import connect, unit_of_money
from dunnhumby_pipeline.engine.money import MoneyUnit
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.purchases import purchases
from dunnhumby_pipeline.features.trips import trip_history
from dunnhumby_pipeline.segmentation.profiles.departments import department_sales
from dunnhumby_pipeline.settings import EngineSettings, Settings

WINDOWS = pd.DataFrame({"window": [0], "first_day": [1], "index_day": [400]}).astype(
    {"window": "int64", "first_day": "int32", "index_day": "int32"}
)
PRODUCTS = pd.DataFrame({"product_id": range(20)}).assign(
    manufacturer=1,
    department="GROCERY",
    brand="National",
    commodity_desc="SOUP",
    sub_commodity_desc="CANNED SOUP",
    curr_size_of_product="1 LB",
)
ONE_THREAD = EngineSettings(threads=1)


def lines_of(amounts: np.ndarray, discounts: np.ndarray | None = None) -> pd.DataFrame:
    n = len(amounts)
    frame = pd.DataFrame({"household_key": np.arange(n) % 7, "basket_id": np.arange(n) // 3 * 10 + np.arange(n) % 7})
    frame["day"] = 1 + (frame["basket_id"] * 7919) % 300
    return frame.assign(
        product_id=np.arange(n) % 20,
        quantity=1,
        sales_value=amounts,
        store_id=1,
        retail_disc=0.0 if discounts is None else discounts,
        trans_time=900,
        week_no=1,
        coupon_disc=0.0,
        coupon_match_disc=0.0,
    )


def unit(amounts: list[float], settings: EngineSettings = ONE_THREAD) -> MoneyUnit:
    with connect(settings) as connection:
        connection.register("lines", lines_of(np.array(amounts)))
        return unit_of_money(connection, "lines", settings)


@pytest.mark.parametrize(
    ("amounts", "decimals"),
    [
        ([120.0, 3500.0], 0),
        ([1.5, 2.0], 1),
        ([0.29, 1.01, 4.35], 2),
        ([0.1 + 0.2, 1.1 * 3], 1),
        ([1.005, 12.75], 3),
        ([0.01234, 1.5], 5),
        ([1e9 + 0.25, 3.0], 2),
        ([0.000000001], 9),
        ([], 0),
    ],
)
def test_the_smallest_unit_is_found(amounts: list[float], decimals: int) -> None:
    found = unit(amounts)
    assert (found.decimals, found.known) == (decimals, "found")
    assert "nothing is rounded" in found.words


def test_a_unit_that_is_set_is_taken_and_said() -> None:
    found = unit([1.2345], EngineSettings(threads=1, money_decimals=2))
    assert found == MoneyUnit(2, "set")
    assert "0.01, as engine.money_decimals sets it" in found.words


def test_amounts_without_a_unit_are_counted_as_finely_as_sums_stay_exact() -> None:
    assert unit([1 / 3, 2 / 7]) == MoneyUnit(9, "finest")
    large = unit([1e5 / 3, 1e5 / 7] * 1000)
    assert (large.decimals, large.known) == (8, "finest")
    assert "more decimals than that" in large.words


@pytest.mark.parametrize("decimals", [0, 3, 6])
def test_nothing_is_rounded_away(decimals: int) -> None:
    rng = np.random.default_rng(decimals)
    whole = rng.integers(1, 5000, 600)
    lines = lines_of(whole / 10.0**decimals)
    exact = (
        lines.assign(whole=whole)
        .groupby("household_key")["whole"]
        .sum()
        .map(lambda units: float(Fraction(int(units), 10**decimals)))
    )
    relations = {"transactions": lines, "windows": WINDOWS, "products": PRODUCTS}
    segments = pd.DataFrame({"household_key": range(7), "segment": "all"})
    bought = run(purchases(), relations, ONE_THREAD).set_index("household_key")["purchase_amount"]
    trips = run(trip_history(), relations, ONE_THREAD).set_index("household_key")["sales"]
    features = run(customer_features(), relations, ONE_THREAD).set_index("household_key")["monetary_sales"]
    departments = run(department_sales(), {**relations, "segments": segments}, ONE_THREAD)["sales"]
    for found in (bought, trips, features):
        assert found.tolist() == exact.tolist()
    assert departments.sum() == pytest.approx(math.fsum(exact), rel=1e-15)


@pytest.mark.parametrize("factor", [1e-3, 0.0173, 1e3, 1e6])
def test_features_are_proportional_to_money(factor: float) -> None:
    rng = np.random.default_rng(1)
    dollars = lines_of(rng.integers(1, 5000, 600) / 100, rng.integers(0, 80, 600) / 100)
    other = dollars.assign(sales_value=dollars["sales_value"] * factor, retail_disc=dollars["retail_disc"] * factor)
    before, after = (
        run(customer_features(), {"transactions": each, "windows": WINDOWS, "products": PRODUCTS}, ONE_THREAD)
        for each in (dollars, other)
    )
    for name in before.columns:
        money = name.startswith("monetary_")
        expected = before[name].astype(float) * (factor if money else 1.0)
        # Amounts with more than nine decimals are counted in billionths.
        assert after[name].to_numpy(dtype=float) == pytest.approx(expected.to_numpy(), rel=1e-6, nan_ok=True), name


def test_the_unit_is_a_setting() -> None:
    assert Settings.model_validate({"engine": {"money_decimals": 3}}).engine.money_decimals == 3
    with pytest.raises(ValueError, match="money_decimals"):
        EngineSettings(money_decimals=10)


def test_the_unit_of_a_file_is_found_once_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    found = duck.unit_of_money
    monkeypatch.setattr(duck, "unit_of_money", lambda *given: looked.append(given[1]) or found(*given))
    path = tmp_path / "transactions.parquet"

    def spent(amount: float) -> float:
        lines_of(np.full(21, amount)).to_parquet(path)
        return asked()

    def asked() -> float:
        return run(purchases(), {"transactions": path, "windows": WINDOWS}, ONE_THREAD)["purchase_amount"].sum()

    assert spent(0.25) == asked() == 21 * 0.25
    assert len(looked) == 1
    # Of another unit, which sums in hundredths would round away.
    assert spent(0.12345) == pytest.approx(21 * 0.12345, abs=1e-9)
    assert len(looked) == 2
    run(purchases(), {"transactions": path, "windows": WINDOWS}, EngineSettings(threads=1, money_decimals=1))
    assert len(looked) == 3
