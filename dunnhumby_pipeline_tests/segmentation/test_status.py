"""Where households stand: value tier, stage and habit with discounts, each told once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from dunnhumby_pipeline.segmentation.lifetime.status import (
    HABITS,
    LIFECYCLES,
    READ,
    StatusError,
    discount_habits,
    discount_shares,
    household_status,
    lifecycles,
    majority,
    status_shares,
)
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import TIERS
from dunnhumby_pipeline.settings import SettingsError, StatusSettings, load_settings

RULES = StatusSettings()
NAN = float("nan")
# Seen from the first day of the data on: when it came first is not known.
OLD = {"recency": 0.0, "tenure": 364.0, "days_between_purchases_avg": 3.0}


def stage(recency: float, gap: float = 3.0, tenure: float = 364.0, rules: StatusSettings = RULES) -> str:
    one = {"recency": recency, "tenure": tenure, "days_between_purchases_avg": gap}
    return str(lifecycles(pd.DataFrame([one, OLD]), rules).iloc[0])


@pytest.mark.parametrize(
    ("recency", "gap", "tenure", "expected"),
    [
        (0, 3, 364, "active"),
        (27, 3, 364, "active"),
        (28, 3, 364, "lapsing"),
        (28, 14, 364, "active"),
        (29, 14, 364, "lapsing"),
        (60, 30, 364, "active"),
        (61, 30, 364, "lapsing"),
        (83, 60, 364, "active"),
        (84, 60, 364, "lapsed"),
        (300, 200, 364, "lapsed"),
        (40, NAN, 364, "lapsing"),
        (10, NAN, 10, "new"),
        (0, 3, 83, "new"),
        (0, 3, 84, "active"),
        (40, 3, 60, "lapsing"),
    ],
)
def test_stages_of_a_household(recency: float, gap: float, tenure: float, expected: str) -> None:
    assert stage(recency, gap, tenure) == expected


def test_who_is_seen_from_the_beginning_is_not_new() -> None:
    three_weeks = pd.DataFrame(
        {"recency": [0.0, 2.0, 1.0], "tenure": [20.0, 20.0, 3.0], "days_between_purchases_avg": [4.0, 5.0, 2.0]}
    )
    assert lifecycles(three_weeks, RULES).tolist() == ["active"] * 3
    shorter = StatusSettings(new_days=7)
    assert lifecycles(three_weeks, shorter).tolist() == ["active", "active", "new"]


def test_the_borders_are_settings() -> None:
    rules = StatusSettings(lapsing_days=14, lapsed_days=35, lapsing_gaps=1.5)
    assert [stage(days, 10.0, rules=rules) for days in (14, 15, 16, 35)] == ["active", "active", "lapsing", "lapsed"]
    with pytest.raises(SettingsError, match=r"status\.lapsing_days must be below status\.lapsed_days, found 90 and 84"):
        load_settings(status={"lapsing_days": 90})
    with pytest.raises(SettingsError, match=r"status\.habit_shares must be above 0 and leave a middle"):
        load_settings(status={"habit_shares": (0.5, 0.5)})


def test_habits_are_fifths_of_what_the_households_do_and_equals_are_alike() -> None:
    assert discount_habits(pd.Series([0.1, 0.2, 0.3, 0.4]), (0.25, 0.25)).tolist() == [
        "full price",
        "some",
        "some",
        "deals",
    ]
    assert discount_habits(pd.Series([0.4] * 4), (0.25, 0.25)).tolist() == ["some"] * 4
    assert discount_habits(pd.Series([0.0] * 4), (0.25, 0.25)).tolist() == ["full price"] * 4
    assert discount_habits(pd.Series([0.0, 0.0, 0.0, 0.5]), (0.25, 0.25)).tolist() == ["full price"] * 3 + ["deals"]


def test_few_lines_are_drawn_to_the_share_of_all() -> None:
    rng = np.random.default_rng(5)
    n = np.r_[np.full(300, 400), np.full(300, 4)]
    true = rng.beta(10, 10, 600)
    seen = rng.binomial(n, true) / n
    shrunk = discount_shares(pd.Series(seen), pd.Series(n)).to_numpy()
    few = n == 4
    assert np.abs(shrunk[few] - true[few]).mean() < 0.6 * np.abs(seen[few] - true[few]).mean()
    assert np.abs(shrunk[~few] - seen[~few]).max() < 0.03
    # A Beta(10, 10) is worth 20 lines: 4 of 4 at a discount are taken for (4 + 10) / (4 + 20).
    assert shrunk[few & (seen == 1)].mean() == pytest.approx(14 / 24, abs=0.03)


def test_households_that_differ_by_chance_alone_all_have_the_share_of_all() -> None:
    shares, lines = pd.Series([0.5, 0.5, NAN, 0.5]), pd.Series([10.0, 20.0, 0.0, 4.0])
    assert discount_shares(shares, lines).tolist() == [0.5] * 4
    assert discount_shares(pd.Series([NAN, NAN]), pd.Series([0, 0])).tolist() == [0.0, 0.0]


def features(n: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    table = pd.DataFrame({name: rng.random(n) for name in READ})
    return table.assign(household_key=range(1, n + 1), transaction_count=100, tenure=300.0)


def values(n: int = 8) -> pd.DataFrame:
    return pd.DataFrame({"household_key": range(1, n + 1), "value_tier": (TIERS * n)[:n]})


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(StatusError, match="customer_features lacks recency; found"):
        household_status(features().drop(columns="recency"), values(), RULES)
    with pytest.raises(
        StatusError, match=r"customer_lifetime_value lacks value_tier; found household_key; `dunnhumby run`, without"
    ):
        household_status(features(), values().drop(columns="value_tier"), RULES)
    with pytest.raises(StatusError, match="found 8 and 7 rows, 1 households in one alone; make both from one run"):
        household_status(features(), values(7), RULES)
    with pytest.raises(StatusError, match="value_tier has gold; expected high, mid, low"):
        household_status(features(), values().replace("mid", "gold"), RULES)
    with pytest.raises(
        StatusError, match=r"segment_profiles lacks share_high, share_mid, share_low; found segment; .* rebuilds it"
    ):
        majority(pd.DataFrame({"segment": ["a"]}), "value_tier")


@trying(max_examples=25, deadline=None)
@given(st.integers(2, 40))
def test_every_household_has_one_of_each_and_segments_show_the_shares(n: int) -> None:
    status = household_status(features(n), values(n), RULES)
    assert status["household_key"].tolist() == list(range(1, n + 1))
    assert set(status["lifecycle"]) <= set(LIFECYCLES)
    assert set(status["discount_habit"]) <= set(HABITS)
    assert status["value_tier"].tolist() == values(n)["value_tier"].tolist()
    segments = pd.DataFrame({"household_key": range(1, n + 1), "segment": (["a", "b"] * n)[:n]})
    for part in ("value_tier", "lifecycle", "discount_habit"):
        shares = status_shares(status, segments, part)
        assert np.allclose(shares.sum(axis=1), 1.0)
        most = majority(shares.reset_index(), part)
        own = status.merge(segments).groupby("segment")[part].agg(lambda found: found.value_counts().max())
        for segment, value in most.items():
            held = status.merge(segments).query("segment == @segment")[part]
            assert (held == value).sum() == own[segment]


def test_of_equal_shares_the_first_of_the_scale_is_taken_and_nobody_has_no_majority() -> None:
    profiles = pd.DataFrame(
        {"segment": ["a", "b"], "share_high": [0.4, NAN], "share_mid": [0.4, NAN], "share_low": [0.2, NAN]}
    )
    assert majority(profiles, "value_tier") == {"a": "high"}
