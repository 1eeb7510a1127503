"""Lines on other days: features of moved lines are those of lines that were moved by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.engine.compile import to_sql
from dunnhumby_pipeline.engine.households import is_per_household, order_columns
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.calendar import on_calendar
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.settings import EngineSettings
from dunnhumby_pipeline_tests.fakes.journeys import LAST_DAY, canonical
from dunnhumby_pipeline_tests.features.test_features import Frames

ENGINE = EngineSettings(threads=1)


def calendar_of(*parts: tuple[list[int], int]) -> pd.DataFrame:
    """Each part: days of the data, and the first of the days in a row that they are moved to."""
    days = [
        pd.DataFrame({"day": kept, "new_day": first + np.arange(len(kept)), "copy": copy})
        for copy, (kept, first) in enumerate(parts)
    ]
    frame = pd.concat(days, ignore_index=True).assign(n_copies=len(parts))
    return frame.astype({"day": "int32", "new_day": "int32", "copy": "int64", "n_copies": "int64"})


def windows_of(*bounds: tuple[int, int]) -> pd.DataFrame:
    frame = pd.DataFrame(bounds, columns=["first_day", "index_day"]).astype("int32")
    return frame.assign(window=np.arange(len(bounds)))


def plain(tables: Frames, windows: pd.DataFrame) -> pd.DataFrame:
    return run(customer_features(), {**_read(tables), "windows": windows}, ENGINE)


def moved(tables: Frames, windows: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    return run(on_calendar(customer_features()), {**_read(tables), "windows": windows, "calendar": calendar}, ENGINE)


def _read(tables: Frames) -> Frames:
    return {name: tables[name] for name in ("transactions", "products")}


def test_a_calendar_that_moves_nothing_changes_nothing() -> None:
    tables, windows = canonical(), windows_of((1, LAST_DAY + 1))
    every_day = calendar_of((list(range(1, LAST_DAY + 1)), 1))
    pd.testing.assert_frame_equal(moved(tables, windows, every_day), plain(tables, windows))


def test_lines_are_moved_and_the_others_left_out() -> None:
    tables = canonical()
    kept = [day for day in range(1, LAST_DAY + 1) if day // 7 % 2]
    to = {day: 201 + place for place, day in enumerate(kept)}
    lines = tables["transactions"]
    by_hand = lines[lines["day"].isin(kept)].assign(day=lambda rows: rows["day"].map(to).astype("int32"))
    windows = windows_of((201, 201 + len(kept)))
    expected = plain({**tables, "transactions": by_hand}, windows)
    assert len(expected) > 1
    pd.testing.assert_frame_equal(moved(tables, windows, calendar_of((kept, 201))), expected)


def test_two_copies_of_a_basket_are_two_baskets_however_large_their_ids() -> None:
    tables = canonical()
    lines = tables["transactions"]
    huge = lines["basket_id"].rank(method="dense").astype("int64") + np.iinfo("int64").max - 10_000
    tables = {**tables, "transactions": lines.assign(basket_id=huge)}
    days = list(range(1, LAST_DAY + 1))
    length = -(-len(days) // 7) * 7
    windows = windows_of((1, 1 + len(days)), (1 + length, 1 + length + len(days)), (1, 1 + length + len(days)))
    found = moved(tables, windows, calendar_of((days, 1), (days, 1 + length)))
    first, second, both = (found[found["window"] == window].set_index("household_key") for window in range(3))
    totals = ["frequency", "transaction_count", "monetary_sales"]
    assert (both[totals] == first[totals] + second[totals]).all(axis=None)
    assert (first[totals] == second[totals]).all(axis=None)


def test_it_is_worked_out_household_range_by_household_range() -> None:
    expression = on_calendar(customer_features())
    assert is_per_household(expression) and order_columns(expression) == ("window", "household_key")
    tables, windows = canonical(), windows_of((1, LAST_DAY + 1))
    every_day = calendar_of((list(range(1, LAST_DAY + 1)), 1))
    bit_by_bit = ENGINE.model_copy(update={"rows_at_once": 3})
    relations = {**_read(tables), "windows": windows, "calendar": every_day}
    pd.testing.assert_frame_equal(run(expression, relations, bit_by_bit), run(expression, relations, ENGINE))
    assert "calendar" in to_sql(expression, dialect="spark")


def test_an_expression_without_lines_is_left_as_it_is() -> None:
    from dunnhumby_pipeline.features.windows import windows_table

    expression = windows_table().order_by("window")
    assert on_calendar(expression).equals(expression)


@pytest.mark.parametrize("missing", ["calendar", "windows"])
def test_what_is_not_given_is_named(missing: str) -> None:
    import duckdb

    relations = {**_read(canonical()), "windows": windows_of((1, 9)), "calendar": calendar_of(([1], 1))}
    relations.pop(missing)
    with pytest.raises(duckdb.CatalogException, match=missing):
        run(on_calendar(customer_features()), relations, ENGINE)
