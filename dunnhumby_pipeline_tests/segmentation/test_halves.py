"""Interleaved halves: as long as a period, with as many days in common, of the same months, and neither the earlier."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.segmentation.movement.halves import interleaved_halves, measured_pairs
from dunnhumby_pipeline.segmentation.movement.periods import migration_windows, period_pairs, shared_days
from dunnhumby_pipeline.settings import MigrationSettings

QUICK = settings(max_examples=20, deadline=None)


def half_days(windows: pd.DataFrame, pair: tuple[int, int]) -> list[pd.DataFrame]:
    calendar = interleaved_halves(windows, [pair]).calendar
    return [calendar[calendar["copy"] == copy] for copy in (0, 1)]


@QUICK
@given(look_back=st.integers(28, 120), step=st.integers(7, 60), periods=st.integers(2, 9), last=st.integers(600, 700))
def test_halves_have_the_days_of_their_periods(look_back: int, step: int, periods: int, last: int) -> None:
    own = MigrationSettings(look_back_days=look_back, step_days=step)
    windows = migration_windows(last + 1 - look_back - step * (periods - 1), last, own)
    for pair in period_pairs(windows):
        spans = [windows.set_index("window").loc[one] for one in pair]
        days = [set(range(span["first_day"], span["index_day"])) for span in spans]
        first, second = half_days(windows, pair)
        assert len(first) == len(second) == look_back
        assert set(first["day"]) | set(second["day"]) == days[0] | days[1]
        assert len(set(first["day"]) & set(second["day"])) == len(days[0] & days[1]) == shared_days(windows, *pair)
        for half in (first, second):
            assert half["day"].is_monotonic_increasing
            assert half["new_day"].diff().dropna().eq(1).all()
        # A week more or less at either end.
        assert abs(first["day"].mean() - second["day"].mean()) <= 7


def test_whole_weeks_keep_their_weekdays_and_are_dealt_out_in_turn() -> None:
    windows = migration_windows(1, 168 + 28, MigrationSettings())
    first, second = half_days(windows, (0, 3)) if len(windows) > 3 else half_days(windows, (0, 1))
    for half in (first, second):
        assert ((half["day"] - half["new_day"]) % 7).nunique() == 1
        assert ((half["day"] - half["new_day"]) % 7 == 0).all()
    windows = migration_windows(1, 168, MigrationSettings())
    first, second = half_days(windows, (0, 3))
    weeks = [sorted({(day - 1) // 7 for day in half["day"]}) for half in (first, second)]
    assert weeks[0] == [0, 3, 4, 7, 8, 11, 12, 15, 16, 19, 20, 23]
    assert weeks[1] == [1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22]


def test_halves_of_many_pairs_lie_beside_each_other() -> None:
    windows = migration_windows(1, 365, MigrationSettings())
    found = interleaved_halves(windows, measured_pairs(windows, 3))
    assert len(found.windows) == 2 * len(measured_pairs(windows, 3)) == len(found.pairs)
    spans = found.windows.sort_values("first_day")
    assert (spans["first_day"].to_numpy()[1:] >= spans["index_day"].to_numpy()[:-1]).all()
    assert found.calendar["new_day"].is_unique
    assert (found.calendar["n_copies"] > found.calendar["copy"]).all()
    assert found.windows.dtypes.astype(str).tolist() == ["int64", "int32", "int32"]


def test_of_many_pairs_a_spread_is_measured_the_latest_among_them() -> None:
    windows = migration_windows(1, 700, MigrationSettings())
    few = measured_pairs(windows, 4)
    apart = [pair for pair in few if shared_days(windows, *pair) == 0]
    assert len(few) == 8 and len(apart) == 4
    assert max(apart) == max(pair for pair in period_pairs(windows) if shared_days(windows, *pair) == 0)
    assert np.ptp(np.diff([pair[0] for pair in apart])) <= 1
    assert sorted(measured_pairs(windows, 99)) == sorted(period_pairs(windows))
    one = measured_pairs(windows, 1)
    assert [pair[1] for pair in one] == [windows["window"].max()] * 2
    # Without two periods that share no day, neighbours are measured.
    assert measured_pairs(migration_windows(1, 112, MigrationSettings()), 4) == [(0, 1)]


def test_a_history_of_one_period_has_no_pairs() -> None:
    from dunnhumby_pipeline.segmentation.movement.periods import MigrationError

    with pytest.raises(MigrationError, match="need 112 days, found 21 days, 1 to 21; shorten them"):
        migration_windows(1, 21, MigrationSettings())
    with pytest.raises(MigrationError, match="found 84 days"):
        migration_windows(1, 84, MigrationSettings())
