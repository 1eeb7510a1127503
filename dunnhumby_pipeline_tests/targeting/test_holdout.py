"""The random holdout among the targets."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import CONTACT, HOLD_OUT, LEAVE, TARGET, TEST
from dunnhumby_pipeline.targeting.holdout import hold_out


def listed(n_target: int, n_other: int = 40) -> pd.DataFrame:
    n = n_target + n_other
    key = np.random.default_rng(1).permutation(n) + 1
    decision = np.where(key <= n_target, TARGET, np.where(key % 2 == 0, TEST, LEAVE))
    segment = np.char.add("s", (key % 5).astype(str))
    return pd.DataFrame({"household_key": key, "decision": decision, "segment": segment, "reason": "why"})


def test_a_share_of_the_targets_of_every_segment_is_held_out() -> None:
    rows = hold_out(listed(1003), 0.1, 7)
    assert rows.loc[rows["decision"] != TARGET, ["arm", "arm_probability"]].isna().all(axis=None)
    targets = rows[rows["decision"] == TARGET]
    held = targets["arm"] == HOLD_OUT
    assert abs(held.sum() - 100.3) < 1
    by_segment = held.groupby(targets["segment"]).agg(["sum", "size"])
    assert (by_segment["sum"] - 0.1 * by_segment["size"]).abs().max() < 1
    assert targets.loc[held, "arm_probability"].eq(0.1).all()
    assert targets.loc[~held, "arm_probability"].eq(0.9).all() and set(targets.loc[~held, "arm"]) == {CONTACT}
    assert targets.loc[held, "reason"].eq("why; held out by lot (10%), to measure what the campaign does").all()
    assert rows.loc[rows["arm"] != HOLD_OUT, "reason"].eq("why").all()


def test_the_lot_does_not_depend_on_the_order_of_the_list() -> None:
    rows = listed(200)
    one, other = (hold_out(frame, 0.2, 7).set_index("household_key")["arm"] for frame in (rows, rows.iloc[::-1]))
    pd.testing.assert_series_equal(one.sort_index(), other.sort_index())
    assert not hold_out(rows, 0.2, 8).set_index("household_key")["arm"].equals(one)


def test_the_logged_chance_is_that_of_being_held_out() -> None:
    rows = listed(30, 0)
    often = np.mean([(hold_out(rows, 0.3, seed)["arm"] == HOLD_OUT).to_numpy() for seed in range(120)], axis=0)
    assert np.abs(often - 0.3).max() < 4 * math.sqrt(0.3 * 0.7 / 120)


@pytest.mark.parametrize(("n_target", "share"), [(0, 0.1), (50, 0.0), (0, 0.0), (3, 0.1)])
def test_no_targets_no_share_and_too_few_of_them(n_target: int, share: float) -> None:
    rows = hold_out(listed(n_target), share, 7)
    assert rows["arm"].notna().sum() == n_target
    assert (rows["arm"] == HOLD_OUT).sum() <= math.ceil(n_target * share)
    assert rows["arm_probability"].dropna().between(0, 1).all()
    assert rows["arm"].dtype == rows["segment"].dtype, "a column of text, empty or not"
