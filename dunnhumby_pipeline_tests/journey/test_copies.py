"""One household under two ids is found by its lines, however far apart the ids are."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.journey.inspection.copies import COLUMNS, household_copies


def history(household: int, n_lines: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "household_key": household,
            "day": draw.integers(1, 300, n_lines),
            "product_id": draw.integers(1, 200, n_lines),
            "sales_value": draw.integers(50, 900, n_lines) / 100,
        }
    )


def panel(n_households: int = 60) -> pd.DataFrame:
    """Households that share what everybody buys, the same product at the same price on the same days."""
    own = [history(key, 30 + key, key) for key in range(1, n_households + 1)]
    daily = [
        pd.DataFrame({"household_key": key, "day": range(1, 11), "product_id": 7, "sales_value": 0.5})
        for key in range(1, n_households + 1)
    ]
    return pd.concat([*own, *daily], ignore_index=True)


def found_in(lines: pd.DataFrame) -> pd.DataFrame:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("lines", lines)
        return household_copies(connection, "lines")


def copy_of(lines: pd.DataFrame, household: int, key: int, n_changed: int = 0) -> pd.DataFrame:
    copied = lines[lines["household_key"] == household].assign(household_key=key).reset_index(drop=True)
    copied.loc[: n_changed - 1, "sales_value"] += 0.01 * (n_changed > 0)
    return copied


def test_no_household_is_a_copy_of_another() -> None:
    found = found_in(panel())
    assert found.empty and tuple(found.columns) == COLUMNS
    assert found.dtypes.astype(str).tolist() == ["int64"] * 4 + ["float64"]


@pytest.mark.parametrize("many", [False, True], ids=["one copied", "most copied"])
def test_copies_are_found_and_share_a_cluster(many: bool) -> None:
    lines = panel()
    copied = range(5, 60) if many else [5]
    found = found_in(pd.concat([lines, *(copy_of(lines, key, 1_000_000 - key) for key in copied)]))
    pairs = {(row.household_key, row.copy_of, row.cluster) for row in found.itertuples()}
    assert pairs == {pair for key in copied for pair in ((key, 1_000_000 - key, key), (1_000_000 - key, key, key))}
    assert (found["share"] == 1).all()


@pytest.mark.parametrize(("n_changed", "is_copy"), [(4, True), (5, True), (6, False), (12, False)])
def test_a_copy_shares_95_of_100_lines(n_changed: int, is_copy: bool) -> None:
    lines = pd.concat([panel(), history(900, 100, 900)])
    found = found_in(pd.concat([lines, copy_of(lines, 900, 901, n_changed)]))
    assert found["household_key"].tolist() == ([900, 901] if is_copy else [])
    if is_copy:
        assert found["share"].tolist() == [pytest.approx((100 - n_changed) / 100)] * 2


@pytest.mark.parametrize(("n_lines", "is_copy"), [(19, False), (20, True)])
def test_a_copy_has_20_lines(n_lines: int, is_copy: bool) -> None:
    lines = pd.concat([panel(), history(900, n_lines, 900)])
    assert len(found_in(pd.concat([lines, copy_of(lines, 900, 901)]))) == 2 * is_copy


def test_the_smaller_history_counts() -> None:
    lines = pd.concat([panel(), history(900, 400, 900)])
    found = found_in(pd.concat([lines, copy_of(lines, 900, 901).sample(30, random_state=1)]))
    assert found[["household_key", "cluster", "n_lines", "share"]].to_numpy().tolist() == [
        [900, 900, 400, 1.0],
        [901, 900, 30, 1.0],
    ]


def test_a_household_copied_several_times_is_one_cluster() -> None:
    lines = panel()
    found = found_in(pd.concat([lines, *(copy_of(lines, 30, key, 2) for key in (203, 202, 201))]))
    assert found[["household_key", "cluster"]].to_numpy().tolist() == [[30, 30], [201, 30], [202, 30], [203, 30]]


def test_a_line_that_stands_once_is_no_copy_of_one_that_stands_ten_times() -> None:
    once = history(900, 30, 900)
    tenfold = pd.concat([once.head(3).assign(household_key=901)] * 10)
    assert found_in(pd.concat([panel(), once, tenfold])).empty
