"""A database that is lent again is as if it were new, and one that could not be is not lent again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import duckdb
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dunnhumby_pipeline.engine import databases
from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.engine.duck import connect, run
from dunnhumby_pipeline.settings import EngineSettings
from dunnhumby_pipeline_tests.fakes.journeys import write_tables

# No other test has these bounds, so what lies idle under them is from here.
OWN = EngineSettings(memory_limit="321MB", threads=1)
_GLOBAL = "SELECT name, value FROM duckdb_settings() WHERE name != 'temp_directory' ORDER BY name"


@pytest.fixture(autouse=True)
def _none_made() -> Iterator[None]:
    databases.close_idle()
    yield
    databases.close_idle()


def idle() -> list[duckdb.DuckDBPyConnection]:
    return list(databases._IDLE[os.getpid(), OWN.memory_limit, OWN.threads])


def test_the_next_connection_has_the_same_database() -> None:
    with connect(OWN):
        assert idle() == []
    [first] = idle()
    with connect(OWN):
        assert idle() == []
    assert idle() == [first]


def test_nothing_of_the_last_connection_is_seen() -> None:
    with connect(OWN) as connection:
        connection.execute("CREATE TABLE a AS SELECT 1 AS n; CREATE VIEW b AS FROM a; CREATE TEMP TABLE c AS FROM a")
        connection.execute("CREATE MACRO one() AS 1; CREATE SCHEMA more; CREATE TYPE mood AS ENUM ('fine')")
        connection.execute("SET VARIABLE found = 3; SET enable_progress_bar = true; BEGIN")
        connection.register("d", pd.DataFrame({"n": [1]}))
        before = connection.execute(_GLOBAL).fetchall()
    with connect(OWN) as connection:
        for name in "abcd":
            with pytest.raises(duckdb.CatalogException):
                connection.execute(f"FROM {name}")
        with pytest.raises(duckdb.CatalogException):
            connection.execute("SELECT one()")
        with pytest.raises(duckdb.CatalogException):
            connection.execute("SELECT 'fine'::mood")
        assert connection.execute("SELECT getvariable('found')").fetchall() == [(None,)]
        assert connection.execute("SELECT current_setting('enable_progress_bar')").fetchall() == [(False,)]
        now = dict(connection.execute(_GLOBAL).fetchall())
    assert {name for name, value in before if now[name] != value} == {"enable_progress_bar"}
    assert len(idle()) == 1


def test_a_file_that_took_the_place_of_another_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    for n in (1, 2):
        pd.DataFrame({"n": [n]}).to_parquet(file)
        # As a restored backup does: the same size and the same time of change.
        os.utime(file, (1_000_000_000, 1_000_000_000))
        with connect(OWN) as connection:
            assert connection.execute(f"FROM '{file}'").fetchall() == [(n,)]


def test_a_store_is_that_of_the_connection() -> None:
    for content in (b"n\n1\n", b"n\n2\n"):
        store = MemoryFileSystem(skip_instance_cache=True)
        store.store, store.pseudo_dirs = {}, [""]
        store.pipe_file("/table.csv", content)
        with connect(OWN) as connection:
            assert connection.list_filesystems() == []
            connection.register_filesystem(store)
            assert connection.execute("FROM read_csv('memory:///table.csv')").fetchall() == [(int(content[2:3]),)]


def test_one_that_spilled_or_failed_is_not_lent_again() -> None:
    bounds = OWN.model_copy(update={"memory_limit": "100MB"})
    key = (os.getpid(), bounds.memory_limit, bounds.threads)
    with connect(bounds) as connection:
        connection.execute("CREATE TEMP TABLE many AS SELECT range AS n, hash(range) AS h FROM range(16_000_000)")
    assert databases._IDLE[key] == []
    with pytest.raises(duckdb.CatalogException), connect(OWN) as connection:
        connection.execute("FROM nowhere")
    assert idle() == []


def test_one_that_grew_is_closed_for_its_memory_to_be_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    large = "CREATE TABLE many AS SELECT range AS n, hash(range) AS h FROM range(12_000_000)"
    bounds = OWN.model_copy(update={"memory_limit": "654MB"})
    with connect(bounds) as connection:
        connection.execute(large)
    assert databases._IDLE[os.getpid(), bounds.memory_limit, bounds.threads] == []
    # Where the system does not tell, none is kept.
    monkeypatch.setattr(databases, "_STATM", Path("/nowhere"))
    with connect(OWN):
        pass
    assert idle() == []


def test_who_is_at_work_at_once_has_a_database_each() -> None:
    together = Barrier(3, timeout=30)

    def count(n: int) -> int:
        with connect(OWN) as connection:
            connection.execute(f"CREATE TABLE own AS FROM range({n})")
            together.wait()
            return connection.execute("SELECT count(*) FROM own").fetchall()[0][0]

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(count, (1, 2, 3))) == [1, 2, 3]
    assert len(idle()) == 3


def test_a_forked_process_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with connect(OWN):
        pass
    [of_parent] = idle()
    # A process that was forked sees what its parent had, under another number.
    monkeypatch.setattr(os, "getpid", lambda: 4_000_000)
    with connect(OWN):
        pass
    assert of_parent not in idle()
    assert len(idle()) == 1


def test_work_in_ranges_of_households_leaves_no_setting_behind(tmp_path: Path) -> None:
    lines = write_tables(tmp_path)["transactions"]
    by_household = unbound("transactions").group_by("household_key").agg(n=lambda line: line.count())
    ordered = by_household.order_by("household_key")
    with connect(OWN) as connection:
        before = connection.execute(_GLOBAL).fetchall()
    whole = run(ordered, {"transactions": lines}, OWN)
    parts = run(ordered, {"transactions": lines}, OWN.model_copy(update={"rows_at_once": 5}))
    pd.testing.assert_frame_equal(parts, whole)
    with connect(OWN) as connection:
        assert connection.execute(_GLOBAL).fetchall() == before


def test_a_database_that_kept_footers_is_not_lent_again() -> None:
    with connect(OWN) as connection:
        connection.execute("SET parquet_metadata_cache = true")
    assert idle() == []


def test_those_that_are_idle_are_closed_at_the_end() -> None:
    with connect(OWN):
        pass
    [last] = idle()
    databases.close_idle()
    assert idle() == []
    with pytest.raises(duckdb.ConnectionException):
        last.execute("SELECT 1")
