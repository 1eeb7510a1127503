"""Tier, stage and segment name have one definition each, and no two tables contradict each other on them."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.orchestration.checks.agreement import tables_agree
from dunnhumby_pipeline.segmentation.lifetime.by_segment import segment_lifetime_value
from dunnhumby_pipeline.segmentation.lifetime.status import READ, StatusError, household_status, majority
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import value_tiers
from dunnhumby_pipeline.segmentation.needs.value_need import ValueNeedError, household_value_need
from dunnhumby_pipeline.segmentation.profiles.profiles import segment_profiles
from dunnhumby_pipeline.settings import CheckSettings, StatusSettings

Story = dict[str, pd.DataFrame]
PARTS = (
    "household_value_need", "household_status", "customer_lifetime_value", "segments", "segment_profiles",
    "segment_lifetime_value", "segment_playbook",
)  # fmt: skip


def test_no_table_has_a_tier_stage_or_habit_under_another_name() -> None:
    for table in TABLES.values():
        columns = {column.name for column in table.columns}
        assert not columns & {"clv_tier", "tier", "rfm_segment", "rfm_group"}, table.name
        if "segment" in table.key and "household_key" not in columns:
            assert not columns & {"value_tier", "lifecycle", "discount_habit"}, f"{table.name}: a segment has shares"
    meanings = {
        (column.name, column.meaning)
        for table in TABLES.values()
        for column in table.columns
        if column.name in ("value_tier", "segment_name", "lifecycle", "discount_habit")
    }
    assert len({name for name, _ in meanings}) == len(meanings), "each is defined once"
    said = [text for table in TABLES.values() for column in table.columns for text in (column.meaning,)]
    assert not [text for text in said if re.search("lifetime value tier", text)], "there is one value tier"


@pytest.fixture
def story() -> Story:
    rng = np.random.default_rng(2)
    n = 60
    keys = np.arange(1, n + 1)
    features = pd.DataFrame({name: rng.random(n) * 40 for name in READ}).assign(
        household_key=keys,
        discount_usage_pct=rng.random(n),
        tenure=300.0,
        tenure_weeks=40.0,
        monetary_sales=rng.gamma(2.0, 100.0, n),
        active_last_4w=1,
        active_last_12w=1,
    )
    values = pd.DataFrame({"household_key": keys, "clv": rng.gamma(2.0, 100.0, n), "probability_alive": 0.9})
    values["value_tier"] = value_tiers(values["clv"], (0.2, 0.3)).to_numpy()
    status = household_status(features, values, StatusSettings())
    segments = pd.DataFrame({"household_key": keys, "segment": np.where(keys % 3, "errands", "large_shops")})
    segments["segment_name"] = segments["segment"].map({"errands": "Errands", "large_shops": "Large shops"})
    profiles = segment_profiles(features, segments, status)
    return {
        "features": features,
        "household_value_need": values[["household_key", "value_tier"]],
        "household_status": status,
        "customer_lifetime_value": values,
        "segments": segments,
        "segment_profiles": profiles,
        "segment_lifetime_value": segment_lifetime_value(values, segments, 0.95),
        "segment_playbook": profiles[["segment", "segment_name"]],
    }


def judged(story: Story) -> tuple[bool, str]:
    found = tables_agree(*(story[name] for name in PARTS), CheckSettings())
    return found.passed, found.message


def test_what_one_run_makes_tells_one_story(story: Story) -> None:
    passed, message = judged(story)
    assert passed, message
    assert message == "60 households and 2 segments have one tier, stage and name each"


def test_tables_of_an_earlier_version_say_what_to_rebuild(story: Story) -> None:
    old = story["customer_lifetime_value"].rename(columns={"value_tier": "clv_tier"})
    told = r"customer_lifetime_value lacks value_tier.*`dunnhumby run`, without --select, rebuilds it"
    with pytest.raises(LifetimeValueError, match=told):
        segment_lifetime_value(old, story["segments"], 0.95)
    with pytest.raises(ValueNeedError, match=told):
        household_value_need(old, old, old)
    with pytest.raises(StatusError, match=told):
        household_status(story["features"], old, StatusSettings())
    profiles = story["segment_profiles"].drop(columns=["share_high"]).assign(value_tier="high")
    with pytest.raises(
        StatusError, match=r"segment_profiles lacks share_high; found .*, without --select, rebuilds it"
    ):
        majority(profiles, "value_tier")


def with_one(name: str, column: str, value: object) -> Callable[[Story], Story]:
    def change(story: Story) -> Story:
        table = story[name].copy()
        table.loc[table.index[0], column] = value if story[name][column].iloc[0] != value else "low"
        return {**story, name: table}

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            with_one("household_value_need", "value_tier", "high"),
            r"household_value_need has another value tier than household_status for 1 households, such as 1: rebuild",
        ),
        (
            with_one("customer_lifetime_value", "value_tier", "high"),
            r"customer_lifetime_value has another value tier than household_status for 1 households",
        ),
        (with_one("segment_profiles", "segment_name", "Gold"), r"segment_profiles has other names than segments: "),
        (with_one("segment_playbook", "segment_name", "Gold"), r"segment_playbook has other names than segments: "),
        (with_one("segment_profiles", "share_high", 0.99), r"segment_profiles has other shares by value tier than its"),
        (
            with_one("segment_profiles", "share_lapsed", 0.99),
            r"segment_profiles has other shares by lifecycle than its",
        ),
        (
            with_one("segment_lifetime_value", "share_low", 0.99),
            r"segment_lifetime_value has other shares by value tier than its",
        ),
        (with_one("segments", "segment_name", "Gold"), r"segments: two segments have one name, or one has two"),
        (
            lambda story: {**story, "segments": story["segments"].iloc[1:]},
            r"1 households have either a status or a segment, not both",
        ),
        (
            lambda story: {**story, "segment_profiles": story["segment_profiles"].iloc[1:]},
            r"segment_profiles has other shares by value tier",
        ),
    ],
)
def test_two_tables_that_contradict_each_other_are_named(
    story: Story, change: Callable[[Story], Story], told: str
) -> None:
    passed, message = judged(change(story))
    assert not passed
    assert re.search(told, message)
    assert message.endswith("rebuild them together")
