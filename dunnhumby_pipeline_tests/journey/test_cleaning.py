"""The canonical tables: what is written, in which types and order, and what a failed write leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.journey import cleaning
from dunnhumby_pipeline.journey.cleaning import CleanJourney, clean
from dunnhumby_pipeline.journey.inspection.inspection import inspect
from dunnhumby_pipeline.journey.inspection.promotions import forget_promotions, merge_promotions
from dunnhumby_pipeline.journey.inspection.staging import enumeration
from dunnhumby_pipeline.journey.literals import one_file, quoted
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline.orchestration.assets.journey import load_journey
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import ParquetStore
from dunnhumby_pipeline.settings import EngineSettings, Home, Settings
from dunnhumby_pipeline_tests.fakes.findings import TINY, assert_canonical, findings
from dunnhumby_pipeline_tests.fakes.journeys import (
    ANY_REJECTS,
    COLA,
    ONE_THREAD,
    RAW,
    canonical,
    line,
    load,
    read_table,
    write_raw,
)

ARROW_TYPES = {"BIGINT": "int64", "INTEGER": "int32", "DOUBLE": "double", "VARCHAR": "string"}
DISPLAYS, MAILERS = "0123456789A", "0ACDFHJLPXZ"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> CleanJourney:
    folder = tmp_path_factory.mktemp("tiny")
    return load(write_raw(folder / "raw"), folder / "staged")


def test_a_good_folder_becomes_the_eight_canonical_tables(tiny: CleanJourney) -> None:
    assert set(tiny.tables) == {table.name for table in schema.TABLES} == set(canonical())
    assert_canonical(tiny)


def test_files_hold_the_columns_and_types_that_the_schema_declares(tiny: CleanJourney) -> None:
    for table in schema.TABLES:
        written = pq.read_schema(tiny.tables[table.name])
        assert dict(zip(written.names, map(str, written.types), strict=True)) == {
            column.name: ARROW_TYPES[column.type] for column in table.columns
        }
        assert tuple(written.names) == table.column_names


def test_what_was_found_is_reported_with_its_share_and_its_rows(tiny: CleanJourney) -> None:
    assert findings(tiny.inspection) == TINY
    shares = dict(zip(tiny.inspection.rejects["rule"], tiny.inspection.rejects["share"], strict=True))
    assert shares["no_quantity"] == 2 / 27
    assert shares["duplicate_key"] == 1 / 7
    assert shares["not_in_products"] == 1 / 25


def test_discounts_become_positive_and_noise_above_zero_becomes_zero(tiny: CleanJourney) -> None:
    lines = read_table(tiny.tables["transactions"], "transactions").set_index(["basket_id", "product_id"])
    assert lines.loc[(101, COLA), "retail_disc"] == 0.5
    assert (lines.loc[(102, 13), "coupon_disc"], lines.loc[(102, 13), "coupon_match_disc"]) == (1.0, 0.25)
    assert lines.loc[(401, COLA), "retail_disc"] == 0.0
    assert lines.loc[(406, COLA), "coupon_disc"] == 0.0
    discounts = lines[["retail_disc", "coupon_disc", "coupon_match_disc"]].to_numpy()
    assert (discounts >= 0).all()
    assert not np.signbit(discounts).any(), "minus zero is not a discount"


def test_campaigns_stand_in_order_of_their_first_day(tiny: CleanJourney) -> None:
    campaigns = pd.read_parquet(tiny.tables["campaigns"])
    assert campaigns["campaign"].tolist() == [30, 26, 27, 8, 13]
    assert campaigns["start_day"].tolist() == [-3, 20, 50, 60, 80]


def test_answers_that_are_not_known_are_null(tiny: CleanJourney) -> None:
    fourth = pd.read_parquet(tiny.tables["demographics"]).set_index("household_key").loc[4]
    assert fourth[["marital_status_code", "income_desc", "homeowner_desc"]].isna().all()
    assert fourth["kid_category_desc"] == "None/Unknown"


def test_one_connection_cleans_one_journey_after_another(tmp_path: Path) -> None:
    one = raw_folder(write_raw(tmp_path / "one"))
    two = raw_folder(write_raw(tmp_path / "two", transactions=RAW["transactions"][:5]))
    bad = raw_folder(write_raw(tmp_path / "bad", promotions="PRODUCT_ID,STORE_ID,WEEK_NO,display,mailer\n1,2\n"))
    with connect(ONE_THREAD) as connection:
        assert findings(inspect(one, connection, ANY_REJECTS)) == TINY
        assert_canonical(clean(one, tmp_path / "staged one", connection, ANY_REJECTS))
        assert len(inspect(bad, connection, ANY_REJECTS).problems) == 1
        second = clean(two, tmp_path / "staged two", connection, ANY_REJECTS)
        assert len(read_table(second.tables["transactions"], "transactions")) == 5
        assert_canonical(clean(one, tmp_path / "staged again", connection, ANY_REJECTS))


@pytest.mark.parametrize("text", ["it's ''x'' -- ", "'", ""])
def test_a_quote_ends_no_literal(text: str) -> None:
    assert duckdb.execute(f"SELECT {quoted(text)}").fetchall() == [(text,)]


def test_a_pattern_is_a_name() -> None:
    assert one_file(Path("it's [a]*?.csv")) == "'it''s [[]a][*][?].csv'"


# --------------------------------------------------------------------------------------- promotions

KEY = ["week_no", "store_id", "product_id"]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(EngineSettings(threads=2)) as connection:
        yield connection


def _assert_merged_as_pandas_does(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> None:
    """The promotions that `merge_promotions` makes of sound rows, in the order in which they stand."""
    display, mailer = (enumeration(schema.PROMOTIONS.column(name)) for name in ("display", "mailer"))
    connection.register("given", frame)
    forget_promotions(connection)
    connection.execute(
        "CREATE TEMP TABLE staged_promotions AS SELECT product_id, store_id, week_no, "
        f"display::{display} AS display, mailer::{mailer} AS mailer FROM given"
    )
    connection.execute("CREATE TEMP VIEW checked_promotions AS SELECT * FROM staged_promotions")
    connection.execute("CREATE TEMP VIEW sound_promotions AS SELECT * FROM checked_promotions")
    n = merge_promotions(connection)
    merged = connection.execute(
        "SELECT product_id, store_id, week_no, display::VARCHAR AS display, mailer::VARCHAR AS mailer "
        "FROM sound_promotions"
    ).fetchdf()
    expected = frame.groupby(KEY, as_index=False)[["display", "mailer"]].max()[list(frame.columns)]
    assert n == len(frame) - len(expected)
    pd.testing.assert_frame_equal(merged, expected, check_dtype=False)


@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 3),
            st.integers(1, 2),
            st.integers(9, 11),
            st.sampled_from(DISPLAYS),
            st.sampled_from(MAILERS),
        ),
        min_size=1,
        max_size=40,
    )
)
@hypothesis_settings(max_examples=12, deadline=None)
def test_promotions_are_merged_as_pandas_does(
    connection: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]
) -> None:
    columns = list(schema.PROMOTIONS.column_names)
    _assert_merged_as_pandas_does(connection, pd.DataFrame(rows, columns=columns))


def test_many_promotions_are_merged_in_order_by_two_threads(connection: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(5)
    n = 400_000
    frame = pd.DataFrame(
        {
            "product_id": rng.integers(1, 5000, n),
            "store_id": rng.integers(1, 20, n),
            "week_no": rng.integers(1, 20, n),
            "display": rng.choice(list(DISPLAYS), n),
            "mailer": rng.choice(list(MAILERS), n),
        }
    )
    _assert_merged_as_pandas_does(connection, frame)


@pytest.mark.parametrize("product", [2**31, 2**62])
def test_promotions_that_are_too_many_or_too_long_for_one_number_are_merged_by_the_engine(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, product: int
) -> None:
    rows = [(product, 3, 9, "0", "D"), (1, 3, 9, "5", "A"), (product, 3, 9, "A", "0"), (product - 1, 3, 8, "1", "0")]
    frame = pd.DataFrame(rows, columns=list(schema.PROMOTIONS.column_names))
    if product == 2**31:
        _assert_merged_as_pandas_does(connection, frame)
        assert not connection.execute("SELECT * FROM duckdb_tables() WHERE table_name = 'sound_promotions'").fetchall()
    monkeypatch.setattr("dunnhumby_pipeline.journey.inspection.promotions.MOST_PACKED", 2 if product == 2**31 else 99)
    _assert_merged_as_pandas_does(connection, frame)
    assert connection.execute("SELECT * FROM duckdb_tables() WHERE table_name = 'sound_promotions'").fetchall()


# ------------------------------------------------------------------------------------ a disk that is full

FULL = 100_000


@contextmanager
def no_file_above(n_bytes: int) -> Iterator[None]:
    """Writes beyond this size fail, as on a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _many_lines() -> list[tuple[Any, ...]]:
    """Enough for a file of more than FULL bytes."""
    return [line(1 + n % 500, 1000 + n, 1 + n % 100, COLA, 1, 1.0 + n / 7) for n in range(40_000)]


def _no_space(where: Path) -> str:
    return (
        f"{where}: expected space to write the table transactions, found File too large. "
        "Free space there, or choose another disk (DUNNHUMBY_HOME; with a store, DUNNHUMBY_ENGINE__TEMP_DIRECTORY); "
        "the tables written before are untouched."
    )


def test_a_table_that_cannot_be_written_leaves_no_half_of_it(tmp_path: Path) -> None:
    source = raw_folder(write_raw(tmp_path / "raw", transactions=_many_lines()))
    staged = tmp_path / "warehouse" / "staged"
    with connect(ONE_THREAD) as connection, no_file_above(FULL), pytest.raises(JourneyError) as refused:
        clean(source, staged, connection, ANY_REJECTS)
    assert str(refused.value) == _no_space(staged.parent)
    assert list(staged.iterdir()) == []


def test_tables_written_before_are_untouched_by_a_load_that_runs_out_of_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    settings = Settings(engine=ONE_THREAD, journey=ANY_REJECTS)

    def outcome(raw: Path) -> dg.ExecuteInProcessResult:
        resources = {"study": Study(settings, home, raw), "io_manager": ParquetStore(home.warehouse)}
        return dg.materialize([load_journey], resources=resources, raise_on_error=False)

    assert outcome(write_raw(tmp_path / "good")).success
    before = {path: path.read_bytes() for path in home.warehouse.iterdir()}
    assert home.warehouse / "transactions.parquet" in before

    def on_a_full_disk(*given: Any) -> CleanJourney:
        with no_file_above(FULL):
            return clean(*given)

    monkeypatch.setattr(cleaning, "clean", on_a_full_disk)
    failed = outcome(write_raw(tmp_path / "larger", transactions=_many_lines()))
    assert not failed.success
    (failure,) = failed.get_step_failure_events()
    assert _no_space(home.warehouse) in str(failure.step_failure_data.error)
    assert {path: path.read_bytes() for path in home.warehouse.iterdir()} == before
