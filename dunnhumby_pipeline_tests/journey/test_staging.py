"""The quick and the careful reading of a file give the same rows; whole numbers are exact however large."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.journey.inspection import staging
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import Input
from dunnhumby_pipeline_tests.fakes.journeys import COLA, FILES, HEADERS, ONE_THREAD, RAW, line, load, write_raw

IDS = st.one_of(st.integers(0, 5000), st.integers(2**31, 2**40), st.integers(2**53 - 2, 2**63 - 1))
AMOUNTS = st.one_of(
    st.floats(-1e6, 1e6, allow_nan=False), st.decimals(-99, 99, places=2), st.sampled_from([1e-15, 5e-324, 0.1 + 0.2])
)


@st.composite
def whole(draw: st.DrawFn, numbers: st.SearchStrategy[int]) -> str:
    """A whole number in one of the ways in which it is written."""
    return draw(st.sampled_from(["{}", "{}.0", " {}", "{} ", "{}.", "0{}"])).format(draw(numbers))


@st.composite
def lines(draw: st.DrawFn) -> list[tuple[str, ...]]:
    """Lines of a receipt in the order of the raw file, sound but for some quantities, times, weeks and sums."""
    rows = []
    for _ in range(draw(st.integers(1, 12))):
        day = draw(st.integers(1, 711))
        week = draw(st.sampled_from([(day + 8) // 7] * 5 + [1]))
        discounts = [str(draw(AMOUNTS)) for _ in range(3)]
        rows.append(
            (
                draw(whole(IDS)),
                draw(whole(IDS)),
                draw(whole(st.just(day))),
                draw(whole(IDS)),
                draw(whole(st.integers(0, 1_000_002))),
                str(draw(AMOUNTS)),
                draw(whole(st.integers(1, 600))),
                discounts[0],
                draw(whole(st.integers(0, 2401))),
                draw(whole(st.just(week))),
                *discounts[1:],
            )
        )
    return rows


def _input(folder: Path, rows: list[tuple[str, ...]]) -> Input:
    text = "\n".join(",".join(row) for row in [HEADERS["transactions"], *rows]) + "\n"
    (folder / FILES["transactions"]).write_text(text)
    return raw_folder(folder).inputs["transactions"]


def _staged(connection: duckdb.DuckDBPyConnection, given: Input) -> pd.DataFrame:
    assert staging.stage(connection, schema.TRANSACTIONS, given) is None
    columns = ", ".join(schema.TRANSACTIONS.column_names)
    # In file order, with no sort that would hide another order.
    return connection.execute(f"SELECT line, broken, {columns} FROM checked_transactions").fetchdf()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """A tiny folder and a connection, for one file after another."""
    with connect(ONE_THREAD) as connection:
        yield write_raw(tmp_path_factory.mktemp("both")), connection


@given(rows=lines())
@hypothesis_settings(max_examples=12, deadline=None)
def test_both_readings_give_the_same_rows(
    place: tuple[Path, duckdb.DuckDBPyConnection], rows: list[tuple[str, ...]]
) -> None:
    bad = ("1", "2", "3", "4", "five", *["1"] * 7)
    folder, connection = place
    given_input = _input(folder, rows)
    quick = _staged(connection, given_input)
    careful = _staged(connection, replace(given_input, quick=None))
    forced = _staged(connection, _input(folder, [*rows, bad]))
    pd.testing.assert_frame_equal(quick, careful, check_exact=True)
    assert forced["broken"].iloc[-1] == "not_a_number:quantity"
    pd.testing.assert_frame_equal(
        forced.iloc[:-1].astype(careful.dtypes), careful, check_exact=True, check_column_type=False
    )
    for name, position in (("household_key", 0), ("basket_id", 1), ("product_id", 3)):
        assert quick[name].tolist() == [int(row[position].strip().split(".")[0]) for row in rows]


def test_a_good_file_is_read_once_and_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read as text")

    monkeypatch.setattr(staging, "_stage_carefully", refuse)
    source = raw_folder(write_raw(tmp_path / "raw"))
    with connect(ONE_THREAD) as connection:
        for table in schema.TABLES:
            assert staging.stage(connection, table, source.inputs[table.name]) is None


@pytest.mark.parametrize("largest", [2**31, 2**32 + 1, 2**53 - 1, 2**53 + 1, 2**63 - 1])
def test_large_ids_are_exact(tmp_path: Path, largest: int) -> None:
    """Above 2**53 a number read as a double is another one."""
    ids = [largest - 1, largest]
    rows: list[Any] = [line(key, key, 10, COLA) for key in ids]
    journey = load(write_raw(tmp_path / "raw", transactions=[*RAW["transactions"], *rows]), tmp_path / "staged")
    written = pd.read_parquet(journey.tables["transactions"])
    assert written["household_key"].tolist()[-2:] == ids
    assert written["basket_id"].tolist()[-2:] == ids


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Something else. \nand more", "x.csv: expected a file that can be read to its end, found Something else"),
        ("CSV Error on Line: 7\nodd", "x.csv, line 7: expected as many values as the header has, found CSV Error on"),
    ],
)
def test_an_error_that_is_not_known_is_shown_as_it_is(message: str, problem: str) -> None:
    assert str(staging._unreadable("x.csv", message)).startswith(problem)
