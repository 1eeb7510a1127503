"""Tables in an object store: the same study there as on disk, whole objects, and settings that cannot be used."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np
import pandas as pd
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pandas.testing import assert_frame_equal
from upath import UPath

from dunnhumby_pipeline.contracts.registry import TABLES as CONTRACTS
from dunnhumby_pipeline.engine.duck import connect, table_at
from dunnhumby_pipeline.engine.tables import TablePath, open_table, read_table, require_reachable, warehouse_at
from dunnhumby_pipeline.orchestration.platform.fingerprints import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.origin import TABLES, Origin
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import (
    ParquetStore,
    mark_stale,
    stale_mark,
    table_metadata,
    write_atomically,
    write_text_atomically,
)
from dunnhumby_pipeline.orchestration.staleness import stale_assets
from dunnhumby_pipeline.segmentation.segments.model_store import load_model, previous_model
from dunnhumby_pipeline.settings import EngineSettings, Home, SettingsError, load_settings
from dunnhumby_pipeline.settings import study as study_settings
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, command, no_pictures, quick_settings

FRAME = pd.DataFrame({"household_key": [1, 2, 3], "text": ["a", None, "c"]})


@pytest.fixture
def store() -> Iterator[TablePath]:
    """An empty warehouse in memory."""
    yield warehouse_at("memory://storage/study", Path())
    MemoryFileSystem.store.clear()


# --- a study --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_disk(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(quick_settings(), small.copy(tmp_path_factory.mktemp("warehouse")).home, small.raw)


@pytest.fixture(scope="module")
def in_store(on_disk: Study) -> Iterator[Study]:
    """The same study again, on one thread and with its tables in a store."""
    settings = load_settings(
        **quick_settings().model_dump(exclude_unset=True),
        engine={"threads": 1},
        warehouse="memory://warehouse/study",
    )
    settings = settings.model_copy(update={"cate": settings.cate.model_copy(update={"n_jobs": 1})})
    assert on_disk.settings.engine.threads > 1 and on_disk.settings.cate.n_jobs > 1
    study = Study(settings, Home(on_disk.home.root.with_name("elsewhere")), on_disk.raw)
    outcome, _ = Laboratory(study.home, study.raw).run(settings=settings)
    assert outcome.errors == ()
    yield study
    MemoryFileSystem.store.clear()


def names(study: Study) -> set[str]:
    """All that lies in the warehouse, marks and hidden files too."""
    below = len(str(study.warehouse)) + 1
    return {str(path)[below:] for path in study.warehouse.rglob("*") if path.is_file()}


# Of a version of the list: when it was first made.
WHEN = ["made_at"]


def test_the_same_input_gives_the_same_tables_on_one_thread_and_in_a_store(on_disk: Study, in_store: Study) -> None:
    assert names(in_store) == names(on_disk)
    tables = sorted(name for name in names(on_disk) if name.endswith(".parquet"))
    assert len(tables) == sum(table.is_table for table in CONTRACTS.values())
    for name in tables:
        here, there = (
            read_table(study.warehouse / name).drop(columns=WHEN, errors="ignore") for study in (on_disk, in_store)
        )
        assert_frame_equal(there, here, check_exact=True)


def test_the_same_input_gives_the_same_arrays(on_disk: Study, in_store: Study) -> None:
    archives = sorted(name for name in names(on_disk) if name.endswith(".npz"))
    assert len(archives) == sum(table.suffix == ".npz" for table in CONTRACTS.values())
    for name in archives:
        here, there = (np.load(BytesIO((study.warehouse / name).read_bytes())) for study in (on_disk, in_store))
        assert there.files == here.files
        # A model names the file that it was fitted to by what its store says of it; the next test reads the rest.
        for array in set(here.files) - ({"description"} if name == "segment_model.npz" else set()):
            np.testing.assert_array_equal(there[array], here[array], err_msg=f"{array} of {name}")


def test_the_same_input_gives_the_same_model(on_disk: Study, in_store: Study) -> None:
    here, there = (load_model(study.table("segment_model")) for study in (on_disk, in_store))
    assert "segment_model.npz" in names(in_store)
    assert (there.slugs, there.features, there.seed) == (here.slugs, here.features, here.seed)
    assert (there.fitted.factors.loadings == here.fitted.factors.loadings).all()
    assert (there.fitted.clusters.centroids == here.fitted.clusters.centroids).all()
    absent, why = previous_model(in_store.warehouse / "absent.npz")
    assert (absent, why) == (None, "first run")


def test_nothing_of_the_tables_is_left_in_the_home(in_store: Study) -> None:
    assert not in_store.home.warehouse.exists()


def test_the_report_in_a_store_is_whole_and_names_its_place(in_store: Study) -> None:
    page = (in_store.warehouse / "TypeA" / "campaign_report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "memory://warehouse/study/TypeA/targeting_list.parquet" in page


def test_tables_in_a_store_show_rows_preview_and_place(in_store: Study) -> None:
    with Laboratory(in_store.home, in_store.raw).history() as instance:
        event = instance.get_latest_materialization_event(asset_key("segments"))
    assert event is not None and event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    assert shown["dagster/row_count"].value == 400
    assert len(shown["preview"].records) == 5
    assert shown["dagster/uri"].value == "memory://warehouse/study/segments.parquet"


def stale(study: Study) -> set[str]:
    laboratory = Laboratory(study.home, study.raw)
    graph = laboratory.defs(study.settings).resolve_asset_graph()
    with warnings.catch_warnings(), laboratory.history() as instance:
        warnings.simplefilter("ignore")
        return {table_of(key) for key in stale_assets(study, graph, instance, "TypeA")}


def test_unchanged_tables_in_a_store_are_kept(in_store: Study) -> None:
    assert stale(in_store) == set()
    before = {name: fingerprint_once(in_store.table(name)) for name in TABLES}
    outcome, _ = Laboratory(in_store.home, in_store.raw).run("key:transactions", in_store.settings)
    assert outcome.errors == ()
    assert {name: fingerprint_once(in_store.table(name)) for name in TABLES} == before


def test_a_table_in_a_store_that_somebody_wrote_over_is_rebuilt(in_store: Study) -> None:
    products = in_store.table("products")
    content = products.read_bytes()
    write_atomically(read_table(products).head(3), products)
    try:
        origin = Origin.read(in_store.origin)
        assert origin is not None
        assert not origin.is_whole({name: in_store.table(name) for name in TABLES})
        assert set(TABLES) <= stale(in_store)
    finally:
        products.write_bytes(content)
        origin = Origin.read(in_store.origin)
        assert origin is not None
        Origin(
            origin.description,
            origin.limits,
            origin.versions,
            {**origin.files, "products": fingerprint_once(products)},
        ).write(in_store.origin)


def test_the_command_reports_from_a_store(in_store: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUNNHUMBY_WAREHOUSE", in_store.settings.warehouse or "")
    report = in_store.warehouse / "TypeA" / "campaign_report.html"
    report.unlink()
    with no_pictures():
        result = command("report", "--home", in_store.home.root, COLUMNS="300")
    assert result.exit_code == 0, result.output
    assert report.is_file()
    assert "memory://warehouse/study/TypeA/campaign_report.html" in result.output
    assert f"raw files in {in_store.raw}" in " ".join(result.output.split())


# --- one table ------------------------------------------------------------------------------------------


def test_a_table_in_a_store_is_read_by_pandas_and_in_sql(store: TablePath) -> None:
    table, other = store / "it's [1] day=5.parquet", store / "it's 1 day=5.parquet"
    write_atomically(FRAME, table)
    write_atomically(FRAME.head(1), other)
    assert_frame_equal(read_table(table), FRAME)
    assert read_table(table, ["text"]).columns.tolist() == ["text"]
    with open_table(table) as opened:
        assert opened.metadata.num_rows == 3
    with connect(EngineSettings()) as connection:
        for path, n_rows in ((table, 3), (other, 1)):
            found = connection.execute(f"SELECT * FROM {table_at(connection, path)}").fetchdf()
            assert (len(found), found.columns.tolist()) == (n_rows, ["household_key", "text"])


def test_a_connection_that_reads_a_folder_alone_knows_no_store(tmp_path: Path, store: TablePath) -> None:
    write_atomically(FRAME, tmp_path / "table.parquet")
    write_atomically(FRAME, store / "table.parquet")
    with connect(EngineSettings()) as connection:
        source = table_at(connection, tmp_path / "table.parquet")
        assert connection.execute(f"SELECT count(*) FROM {source}").fetchall() == [(3,)]
        with pytest.raises(duckdb.Error):
            connection.execute(f"SELECT count(*) FROM read_parquet('{store}/table.parquet')")


def test_a_store_that_goes_by_several_names_is_registered_once(
    store: TablePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryFileSystem, "protocol", ("another", "memory"))
    with connect(EngineSettings()) as connection:
        for name in ("transactions", "products"):
            assert f"'memory://storage/study/{name}.parquet'" in table_at(connection, store / f"{name}.parquet")
        assert connection.list_filesystems() == ["another"]


def test_a_table_that_cannot_be_made_leaves_the_old_one_in_the_store(store: TablePath) -> None:
    target = store / "table.parquet"
    write_atomically(FRAME, target)
    with pytest.raises(Exception, match=r"Conversion failed|cannot mix|Could not convert|Expected"):
        write_atomically(pd.DataFrame({"a": [object(), 1]}), target)
    assert_frame_equal(read_table(target), FRAME)
    assert [path.name for path in store.iterdir()] == ["table.parquet"]


def test_an_upload_that_fails_leaves_the_old_table_and_its_mark(
    store: TablePath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = store / "targeting_list.parquet"
    write_atomically(FRAME, target)
    mark_stale(target, "why")

    def interrupted(*_: object, **__: object) -> None:
        raise OSError("the connection was lost")

    monkeypatch.setattr(MemoryFileSystem, "put_file", interrupted)
    staged = tmp_path / "staged.parquet"
    FRAME.head(1).to_parquet(staged)
    for given in (FRAME.head(1), staged):
        with pytest.raises(OSError, match="the connection was lost"):
            ParquetStore(store).handle_output(dg.build_output_context(asset_key="targeting_list"), given)
    assert_frame_equal(read_table(target), FRAME)
    assert stale_mark(target).read_text(encoding="utf-8") == "why\n"


def test_a_table_in_a_store_that_is_written_again_loses_its_mark(store: TablePath) -> None:
    target = store / "rejected_rows.parquet"
    mark_stale(target, "why")
    assert not stale_mark(target).exists()
    write_atomically(FRAME, target)
    mark_stale(target, "why")
    assert stale_mark(target).read_text(encoding="utf-8") == "why\n"
    ParquetStore(store).handle_output(dg.build_output_context(asset_key="rejected_rows"), FRAME)
    assert not stale_mark(target).exists()


def test_a_staged_file_is_put_in_the_store_and_a_missing_table_is_named(store: TablePath, tmp_path: Path) -> None:
    staged = tmp_path / "staged.parquet"
    FRAME.to_parquet(staged)
    ParquetStore(store).handle_output(dg.build_output_context(asset_key="products"), staged)
    assert table_metadata(store / "products.parquet")["dagster/row_count"] == 3
    with pytest.raises(dg.Failure, match=r"memory://storage/study/segments.parquet does not exist: materialise "):
        ParquetStore(store).load_input(dg.build_input_context(asset_key="segments"))


def test_the_fingerprint_of_an_object_changes_with_every_write(store: TablePath) -> None:
    target = store / "origin.json"
    write_text_atomically("one", target)
    first = fingerprint_once(target)
    assert fingerprint_once(target) == first
    write_text_atomically("two", target)
    assert fingerprint_once(target) != first
    with pytest.raises(FileNotFoundError):
        fingerprint_once(store / "absent")


def test_staging_is_on_this_machine_and_removed(store: TablePath, tmp_path: Path) -> None:
    engine = {"temp_directory": tmp_path}
    study = Study(load_settings(warehouse=str(store), engine=engine), Home(tmp_path / "home"))
    with study.staging() as folder:
        assert folder.parent == tmp_path
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


# --- the setting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        (None, "/home/study/warehouse"),
        ("/mnt/tables", "/mnt/tables"),
        ("tables", "/home/study/tables"),
        ("file:///mnt/tables", "/mnt/tables"),
    ],
)
def test_a_folder_is_a_plain_path(place: str | None, folder: str) -> None:
    warehouse = Study(load_settings(warehouse=place), Home(Path("/home/study"))).warehouse
    assert warehouse == Path(folder)
    assert type(warehouse) is type(Path())


def test_a_store_is_named_in_the_file_of_the_home(tmp_path: Path) -> None:
    (tmp_path / "dunnhumby.toml").write_text('warehouse = "memory://bucket/study"\n', encoding="utf-8")
    study = Study(load_settings(Home(tmp_path)), Home(tmp_path))
    assert str(study.table("propensity", "TypeA")) == "memory://bucket/study/TypeA/propensity.parquet"
    assert not isinstance(study.warehouse, Path)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("ftp://host/tables", r"warehouse is 'ftp://host/tables'; expected a folder, or .* such as s3://bucket/study"),
        ("s3:/bucket/study", r"warehouse is 's3:/bucket/study'; expected a folder, or .* such as s3://bucket/study"),
        ("memory://", r"expected a folder, or a bucket and a folder in it, such as s3://bucket/study, in one of s3://"),
        ("", r"at least 1 character"),
    ],
)
def test_a_place_that_cannot_hold_tables_is_refused(place: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_settings(warehouse=place)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_settings, "find_spec", lambda name: None)
    expected = r"warehouse is 'gs://bucket/x', and gcsfs, which reads and writes gs://, is not installed; pip install g"
    with pytest.raises(SettingsError, match=expected):
        load_settings(warehouse="gs://bucket/x")


def test_a_store_that_does_not_answer_is_named(store: TablePath, monkeypatch: pytest.MonkeyPatch) -> None:
    require_reachable(store)

    def closed(*_: object, **__: object) -> bool:
        raise PermissionError("no credentials")

    monkeypatch.setattr(MemoryFileSystem, "exists", closed)
    with pytest.raises(SettingsError, match=r"warehouse is 'memory://storage/study'; .* PermissionError: no credent"):
        require_reachable(store)
    monkeypatch.setenv("DUNNHUMBY_WAREHOUSE", str(store))
    result = command("report", "--home", os.environ["DUNNHUMBY_HOME"])
    assert result.exit_code == 2
    assert "cannot start" in result.output


def test_what_a_store_lists_is_never_remembered() -> None:
    warehouse = warehouse_at("memory://bucket/study", Path())
    assert isinstance(warehouse, UPath)
    assert warehouse.storage_options["use_listings_cache"] is False
    assert (warehouse / "TypeA" / "propensity.parquet").storage_options == warehouse.storage_options
