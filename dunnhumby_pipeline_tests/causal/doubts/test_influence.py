"""Influence of households: the numbers without each, by leaving its rows out, and how concentrated they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dunnhumby_pipeline.causal.doubts.influence import TYPES, Headline, headlines, influence, leave_one_household_out
from dunnhumby_pipeline.causal.estimators.doubly_robust import aipw, overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import PLACEBO_CAMPAIGN, PLACEBO_OUTCOME


def drawn(seed: int, n: int, n_households: int) -> Residuals:
    rng = np.random.default_rng(seed)
    e = rng.uniform(0.05, 0.95, n)
    treated = (rng.random(n) < e).astype(float)
    treated[:4] = [0, 1, 0, 1]
    households = rng.integers(0, n_households, n) * 7 + 3
    households[:4] = [3, 10, 17, 24]
    mu0, mu1 = rng.normal(size=(2, n))
    y = mu0 + treated * (mu1 - mu0) + rng.standard_t(3, n)
    return Residuals(y, treated, e, mu0, mu1, households, np.zeros(n, dtype=np.int64))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 60), st.integers(5, 40))
def test_each_number_without_a_household_is_that_of_the_other_rows(seed: int, n: int, n_households: int) -> None:
    data = drawn(seed, n, n_households)
    placebo = replace(drawn(seed + 1, n, n_households), households=data.households)
    numbers = headlines(data, "purchase_count", {PLACEBO_CAMPAIGN: placebo})
    assert [(one.name, one.outcome) for one in numbers] == [
        *(("ATO", "purchase_count"), ("ATE", "purchase_count")),
        (PLACEBO_CAMPAIGN, "purchase_amount"),
    ]
    estimators = ((data, overlap_weighted), (data, aipw), (placebo, overlap_weighted))
    for headline, (own, estimator) in zip(numbers, estimators, strict=True):
        found = leave_one_household_out(headline, 0.9).set_index("household_key")
        whole = estimator(own, np.ones(n, dtype=bool))
        for household, row in found.iterrows():
            assert (row["estimate"], row["se"]) == pytest.approx(whole)
            others = own.households != household
            without = estimator(own, others)
            assert (row["without"], row["without_se"]) == pytest.approx(without, rel=1e-7, abs=1e-9)
            half = stats.norm.ppf(0.95) * without[1]
            assert (row["without_lower"], row["without_upper"]) == pytest.approx(
                (without[0] - half, without[0] + half), rel=1e-6, abs=1e-9
            )
            assert row["change_in_se"] == pytest.approx((without[0] - whole[0]) / whole[1])
            assert row["n_trials"] == (~others).sum()


def test_the_influence_function_is_near_the_exact_number_where_no_household_weighs_much() -> None:
    data = drawn(3, 4000, 2000)
    for headline in headlines(data, "purchase_amount", {}):
        found = leave_one_household_out(headline, 0.95)
        assert found["share_of_variance"].sum() == pytest.approx(1)
        np.testing.assert_allclose(found["by_influence"], found["without"], atol=0.05 * found["se"].iloc[0])
        assert (found["n_households"] == len(found)).all()


def test_the_effective_number_is_that_of_households_of_equal_shares() -> None:
    def effective(values: list[float]) -> float:
        top = np.array(values)
        one = Headline("ATE", "purchase_amount", top, np.ones(len(top)), np.arange(len(top)))
        return float(leave_one_household_out(one, 0.95)["effective_households"].iloc[0])

    assert effective([1, -1] * 50) == pytest.approx(100)
    assert effective([1, -1, 0, 0, 0, 0]) == pytest.approx(2)
    # One household of 101 holds all but a hundredth of the sum of squares.
    assert 1 < effective([100.0, *[0.0] * 100]) < 1.05


def planted() -> tuple[Residuals, Residuals]:
    """300 households of three trials; number 1023 is a control of enormous spend, which hides an effect of 20."""
    rng = np.random.default_rng(5)
    households = np.repeat(np.arange(1000, 1300), 3)
    treated = (rng.random(900) < 0.5).astype(float)
    treated[households == 1023] = 0
    y = 20 * treated + rng.normal(0, 60, 900)
    y[households == 1023] += 5000
    half, none = np.full(900, 0.5), np.zeros(900)
    data = Residuals(y, treated, half, none, none, households, none.astype("int64"))
    some = households < 1200
    placebo = Residuals(*(own[some] for own in (y - 20 * treated, treated, half, none, none, households, none)))
    return data, placebo


def test_a_household_that_decides_the_headline_is_first_everywhere_and_without_it_the_effect_is_seen() -> None:
    data, placebo = planted()
    table = influence(headlines(data, "purchase_amount", {PLACEBO_OUTCOME: placebo}), 0.95)
    assert table.dtypes.astype(str).to_dict() == TYPES
    for quantity, rows in table.groupby("quantity", sort=False):
        first = rows.iloc[0]
        assert first["household_key"] == 1023, quantity
        assert first["share_of_variance"] > 0.8 and first["effective_households"] < 2
        assert abs(first["change_in_se"]) > 0.5
        assert first["without_se"] < first["se"] / 2
    ato = table.loc[table["quantity"] == "ATO"].iloc[0]
    assert ato["estimate"] < 0 and ato["without_lower"] < 20 < ato["without_upper"] and ato["without_lower"] > 0
    # Who moves one number is listed with all that it has trials in.
    listed = {quantity: set(rows["household_key"]) for quantity, rows in table.groupby("quantity")}
    assert listed["ATO"] == listed["ATE"] and listed[PLACEBO_OUTCOME] == {key for key in listed["ATO"] if key < 1200}
    assert not table.duplicated(["quantity", "household_key"]).any()


def test_numbers_do_not_depend_on_the_order_of_trials() -> None:
    data, placebo = planted()
    order = np.random.default_rng(1).permutation(900)
    mixed = Residuals(*(getattr(data, name)[order] for name in Residuals.__dataclass_fields__))
    found = influence(headlines(mixed, "purchase_amount", {PLACEBO_OUTCOME: placebo}), 0.95)
    expected = influence(headlines(data, "purchase_amount", {PLACEBO_OUTCOME: placebo}), 0.95)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


def test_what_cannot_be_known_is_null() -> None:
    one = Headline("ATE", "purchase_amount", np.ones(3), np.ones(3), np.zeros(3, dtype=np.int64))
    found = influence([one], 0.95).iloc[0]
    assert found["estimate"] == 1 and found[["se", "without", "without_se", "change_in_se"]].isna().all()
    alike = Headline("ATE", "redeemed", np.zeros(6), np.ones(6), np.arange(6))
    table = influence([alike], 0.95)
    assert (table["without"] == 0).all() and table[["change_in_se", "share_of_variance"]].isna().all(axis=None)
