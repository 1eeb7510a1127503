"""Drift of features: the index by hand, its properties, the table and its judgement."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunnhumby_pipeline.features.drift import COLUMNS, drift_since, feature_drift, psi, share_psi
from dunnhumby_pipeline.orchestration.checks.features import features_steady
from dunnhumby_pipeline.settings import CheckSettings

CHECKS = CheckSettings(max_psi=0.2)
values = st.lists(st.one_of(st.none(), st.integers(-3, 3), st.floats(-1e6, 1e6)), min_size=1, max_size=60)


def series(numbers: list[float | None]) -> pd.Series:
    return pd.Series(numbers, dtype=float)


@given(values, st.integers(2, 10))
def test_the_same_households_in_any_order_have_not_moved(numbers: list[float | None], bins: int) -> None:
    before = series(numbers)
    assert psi(before, before.sample(frac=1, random_state=1), bins) == 0.0


@given(values, values, st.integers(2, 10))
def test_it_is_finite_and_never_negative(earlier: list[float | None], later: list[float | None], bins: int) -> None:
    moved = psi(series(earlier), series(later), bins)
    assert math.isfinite(moved)
    assert moved >= 0


counts = st.lists(st.integers(0, 200), min_size=2, max_size=6).map(lambda found: np.array(found, dtype=float))


@given(counts, counts)
def test_with_the_same_bins_it_does_not_matter_which_comes_first(one: np.ndarray, other: np.ndarray) -> None:
    n = min(len(one), len(other))
    there, back = share_psi(one[:n], other[:n]), share_psi(other[:n], one[:n])
    assert there == pytest.approx(back, nan_ok=True)


def test_by_hand() -> None:
    expected = (0.75 - 0.5) * np.log(0.75 / 0.5) + (0.25 - 0.5) * np.log(0.25 / 0.5)
    assert share_psi(np.array([5.0, 5.0]), np.array([30.0, 10.0])) == pytest.approx(expected)
    moved = psi(pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([1.0, 1.5, 2.0, 4.0]), n_bins=2)
    assert moved == pytest.approx(expected)
    # An empty bin is half a household of eleven, not nothing.
    emptied = share_psi(np.array([5.0, 5.0]), np.array([10.0, 0.0]))
    new = np.array([10, 0.5]) / 10.5
    assert emptied == pytest.approx(((new - 0.5) * np.log(new / 0.5)).sum())


def test_no_values_are_no_sample() -> None:
    assert math.isnan(share_psi(np.array([1.0]), np.array([0.0])))
    assert math.isnan(psi(series([]), series([1.0])))


def test_missing_values_and_constants_are_places_of_their_own() -> None:
    whole, torn = pd.Series([1.0, 2.0, 3.0, 4.0]), pd.Series([1.0, 2.0, np.nan, np.nan])
    assert psi(whole, torn, 2) > 0.25
    assert psi(torn, torn, 2) == 0
    constant = pd.Series([7.0] * 20)
    assert psi(constant, constant) == 0
    assert psi(constant, constant + 1) > 0.25
    assert psi(constant, constant - 1) > 0.25
    assert psi(pd.Series([np.nan] * 4), pd.Series([np.nan] * 9)) == 0


def _features(shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "household_key": range(500),
            "recency": random.normal(size=500) + shift,
            "frequency": random.integers(1, 9, 500),
            "note": "text",
        }
    )


def test_the_table_has_a_row_a_feature_and_nulls_where_nothing_came_before() -> None:
    first = feature_drift(None, _features())
    assert list(first.columns) == list(COLUMNS)
    assert first["feature"].tolist() == ["recency", "frequency"]
    assert first[["psi", "n_before", "median_before", "null_share_before"]].isna().all(axis=None)
    assert first["n_now"].tolist() == [500, 500]
    new = feature_drift(_features().drop(columns="frequency"), _features()).set_index("feature")
    assert new.loc["recency", "psi"] == 0.0
    assert math.isnan(new.loc["frequency", "psi"])


def test_features_that_moved_are_named() -> None:
    steady = features_steady(feature_drift(_features(), _features()), CHECKS)
    assert (steady.passed, steady.metrics) == (True, {"max_psi": 0.0, "n_moved": 0})
    moved = features_steady(feature_drift(_features(), _features(1.0)), CHECKS)
    assert not moved.passed
    assert moved.message.startswith("1 features moved: recency (PSI ")
    assert "frequency" not in moved.message
    assert moved.metrics["max_psi"] > 0.2
    first = features_steady(feature_drift(None, _features()), CHECKS)
    assert first.passed
    assert first.message == "2 features; nothing to compare with: this is the first run"


def test_the_same_features_again_do_not_clear_what_was_found(tmp_path: Path) -> None:
    before, now = _features(), _features(1.0)
    found = drift_since(before, feature_drift(None, before), now)
    assert not features_steady(found, CHECKS).passed
    now.to_parquet(tmp_path / "customer_features.parquet", index=False)
    again = drift_since(pd.read_parquet(tmp_path / "customer_features.parquet"), found, now)
    pd.testing.assert_frame_equal(again, found)
    assert features_steady(drift_since(now, found, _features(1.0).iloc[::-1]), CHECKS).passed
