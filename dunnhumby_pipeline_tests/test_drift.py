"""Drift of features: the index by hand, its properties, the table and its judgement."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunnhumby_pipeline.features.drift import COLUMNS, feature_drift, population_stability
from dunnhumby_pipeline.orchestration.verdicts.segmentation import features_steady
from dunnhumby_pipeline.settings import CheckSettings

CHECKS = CheckSettings(max_psi=0.2)
values = st.lists(st.one_of(st.none(), st.integers(-3, 3), st.floats(-1e6, 1e6)), min_size=1, max_size=60)


def series(numbers: list[float | None]) -> pd.Series:
    return pd.Series(numbers, dtype=float)


@given(values, st.randoms())
def test_the_same_households_in_any_order_have_not_moved(numbers: list[float | None], random: object) -> None:
    before = series(numbers)
    assert population_stability(before, before.sample(frac=1, random_state=1)) == 0.0


@given(values, values)
def test_it_is_finite_and_never_negative(earlier: list[float | None], later: list[float | None]) -> None:
    psi = population_stability(series(earlier), series(later))
    assert math.isfinite(psi)
    assert psi >= 0


@given(st.integers(1, 200), st.integers(0, 200), st.integers(1, 200), st.integers(0, 200))
def test_with_the_same_bins_it_does_not_matter_which_comes_first(a: int, b: int, c: int, d: int) -> None:
    # A flag has the same bins whichever sample makes them, when both values are in both.
    one, other = (series([0.0] * (zeros + 1) + [1.0] * (ones + 1)) for zeros, ones in ((a, b), (c, d)))
    edges = {tuple(np.unique(np.quantile(sample, np.arange(1, 10) / 10))) for sample in (one, other)}
    if len(edges) == 1:
        assert population_stability(one, other) == pytest.approx(population_stability(other, one))


def test_by_hand() -> None:
    # Deciles of before: 0 and 1, so bins (..0], (0..1], (1..], null; counts 50 50 0 0 and 20 70 0 10.
    before, now = series([0.0] * 50 + [1.0] * 50), series([0.0] * 20 + [1.0] * 70 + [None] * 10)
    p = np.array([50.5, 50.5, 0.5, 0.5]) / 102
    q = np.array([20.5, 70.5, 0.5, 10.5]) / 102
    edges = np.unique(np.quantile(before, np.arange(1, 10) / 10))
    if 0.5 in edges:  # the median of two values lies between them: one more, empty bin
        p, q = (np.array([*counts, 0.5]) / 102.5 for counts in ((50.5, 50.5, 0.5, 0.5), (20.5, 70.5, 0.5, 10.5)))
    assert population_stability(before, now) == pytest.approx(float(np.sum((q - p) * np.log(q / p))))


def test_no_values_are_no_sample() -> None:
    with pytest.raises(ValueError, match="two samples are needed; they have 0 and 1 values"):
        population_stability(series([]), series([1.0]))


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
    assert (steady.passed, steady.figures) == (True, {"max_psi": 0.0, "n_moved": 0})
    moved = features_steady(feature_drift(_features(), _features(1.0)), CHECKS)
    assert not moved.passed
    assert moved.message.startswith("1 features moved: recency (PSI ")
    assert "frequency" not in moved.message
    assert moved.figures["max_psi"] > 0.2
    first = features_steady(feature_drift(None, _features()), CHECKS)
    assert first.passed
    assert first.message == "2 features; nothing to compare with: this is the first run"
