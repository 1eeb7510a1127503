"""What a feature is said to come from: each column of the raw tables is altered by itself, and what moves is held
against what the catalogue declares, both ways."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.feature import PROFILE_TABLES
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.features import profile
from dunnhumby_pipeline.features.by_day import run_by_day
from dunnhumby_pipeline.features.windows import one_window
from dunnhumby_pipeline.settings import EngineSettings
from dunnhumby_pipeline_tests.fakes.journeys import ONE_THREAD, read_table, sample_tables

# A day of the sample on which a campaign of each type runs.
RUNNING = 600
NAMES = [feature.name for feature in CATALOGUE]
# Of keys it is tried only whether they move what they are said to move: by them tables are joined, too.
KEYS = ("transactions.household_key", "transactions.product_id", "coupon_redemptions.household_key")


def shuffled(frame: pd.DataFrame, column: str) -> pd.Series:
    """The same values, in other rows."""
    places = np.random.default_rng(1).permutation(len(frame))
    return pd.Series(frame[column].to_numpy()[places], index=frame.index, dtype=frame[column].dtype)


def bent(frame: pd.DataFrame, column: str) -> pd.Series:
    """Days moved towards the last, those in the middle most: baskets stay whole, and none leaves the window."""
    days, first = frame[column].astype("int64"), int(frame[column].min())
    span = int(days.max()) - first
    return (first + span - (first + span - days) ** 2 // span).astype(frame[column].dtype)


def later(frame: pd.DataFrame, column: str) -> pd.Series:
    """Three months on: what runs has not begun."""
    return frame[column] + 90


def earlier(frame: pd.DataFrame, column: str) -> pd.Series:
    """Half a year back, longer than any campaign goes on: what runs has ended."""
    return frame[column] - 180


def split(frame: pd.DataFrame, column: str) -> pd.Series:
    """Every basket in two, by the parity of its products."""
    return frame[column] * 2 + frame["product_id"] % 2


def halved(frame: pd.DataFrame, column: str) -> pd.Series:
    """Pairs of keys become one."""
    return frame[column] // 2


def with_gaps(frame: pd.DataFrame, column: str) -> pd.Series:
    """Other rows have the values, and every third has none."""
    return shuffled(frame, column).where(np.arange(len(frame)) % 3 > 0)


ALTERED: dict[str, Callable[[pd.DataFrame, str], pd.Series]] = {
    "transactions.basket_id": split,
    "transactions.day": bent,
    **dict.fromkeys(
        [f"transactions.{name}" for name in ("quantity", "sales_value", "retail_disc", "trans_time")], shuffled
    ),
    **dict.fromkeys([f"transactions.{name}" for name in ("coupon_disc", "coupon_match_disc")], shuffled),
    **dict.fromkeys(
        [f"products.{name}" for name in ("department", "sub_commodity_desc", "commodity_desc", "manufacturer")],
        shuffled,
    ),
    "products.brand": with_gaps,
    "promotions.display": shuffled,
    "promotions.mailer": shuffled,
    "campaigns.description": shuffled,
    "campaigns.start_day": later,
    "campaigns.end_day": earlier,
    "campaign_targets.campaign": shuffled,
    "coupon_redemptions.campaign": shuffled,
    **dict.fromkeys(KEYS, halved),
}


@cache
def tables() -> dict[str, pd.DataFrame]:
    found = {name: read_table(path, name) for name, path in sample_tables().items() if name in PROFILE_TABLES}
    # Moved so that on the last day campaigns of each type lie behind, ahead and around.
    by = int(found["transactions"]["day"].max()) - RUNNING
    for column in ("start_day", "end_day"):
        found["campaigns"][column] += by
    return found


_KNOWN: dict[int, pd.DataFrame] = {}


def unless_known(expression: ir.Table, relations: dict[str, pd.DataFrame], engine: EngineSettings) -> pd.DataFrame:
    """`run_by_day`, once for an expression none of whose tables is altered: it is given no others."""
    if any(frame is not tables()[name] for name, frame in relations.items() if name != "windows"):
        return run_by_day(expression, relations, engine)
    if id(expression) not in _KNOWN:
        _KNOWN[id(expression)] = run_by_day(expression, relations, engine)
    return _KNOWN[id(expression)]


def features(**altered: pd.DataFrame) -> pd.DataFrame:
    lines = tables()["transactions"]
    window = one_window(int(lines["day"].min()), int(lines["day"].max()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile, "run_by_day", unless_known)
        frame = profile.household_features({**tables(), **altered}, window, ONE_THREAD)
    return frame.set_index("household_key")[NAMES].astype(float)


@cache
def before() -> pd.DataFrame:
    return features()


@cache
def moved_by(source: str) -> frozenset[str]:
    """The features that are not as they were once a column is altered."""
    table, _, column = source.partition(".")
    frame = tables()[table].copy()
    frame[column] = ALTERED[source](frame, column)
    after = features(**{table: frame}).reindex(before().index)
    same = np.isclose(before(), after, rtol=1e-9, atol=1e-9, equal_nan=True).all(axis=0)
    return frozenset(np.array(NAMES)[~same])


@pytest.mark.parametrize("source", ALTERED)
def test_a_column_moves_the_features_that_come_from_it_and_no_others(source: str) -> None:
    declared = {feature.name for feature in CATALOGUE if source in feature.sources.split()}
    moved = moved_by(source)
    assert declared - moved == set(), "declared, and not moved"
    assert source in KEYS or moved - declared == set(), "moved, and not declared"


def test_every_feature_says_what_it_comes_from_and_each_of_these_columns_is_tried() -> None:
    assert [feature.name for feature in CATALOGUE if not feature.sources] == []
    assert {source for feature in CATALOGUE for source in feature.sources.split()} - set(ALTERED) == set()
