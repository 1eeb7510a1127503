"""A home that an earlier release wrote: what is said of its history and its files, and that gates look past them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.orchestration.platform.history import latest_materialization
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.upgrade import Leftovers, in_words, left_by_earlier

TODAY = [asset_key("segments"), asset_key("policy_value")]
BEFORE = dg.AssetKey(["targeting", "policy_value"])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as history:
        yield history


def made(instance: dg.DagsterInstance, *keys: dg.AssetKey) -> None:
    for key in keys:
        instance.report_runless_asset_event(dg.AssetMaterialization(key))


def test_nothing_is_said_of_a_home_of_today(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    for table in TABLES.values():
        (tmp_path / table.file_name).touch()
    (tmp_path / "notes.txt").touch()
    assert in_words(left_by_earlier(instance, TODAY, tmp_path)) == []
    made(instance, *TODAY)
    assert in_words(left_by_earlier(instance, TODAY, tmp_path)) == []


def test_a_table_whose_group_was_another_is_named_until_it_is_made_again(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    assert asset_key("policy_value") != BEFORE
    made(instance, asset_key("segments"), BEFORE, dg.AssetKey(["targeting", "rfm_segment"]))
    left = left_by_earlier(instance, TODAY, tmp_path)
    assert left == Leftovers(("policy_value",), ("rfm_segment",), ())
    moved, gone = in_words(left)
    assert "policy_value" in moved and "rebuilt and judged once" in moved and "rfm_segment" in gone
    # What is read of a table is read under the key of today.
    assert latest_materialization(instance, asset_key("policy_value"), None) is None
    made(instance, asset_key("policy_value"))
    left = left_by_earlier(instance, TODAY, tmp_path)
    assert left.moved == () and in_words(left) == []


def test_names_without_groups_are_of_an_earlier_release(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    made(instance, dg.AssetKey("segments"))
    assert left_by_earlier(instance, TODAY, tmp_path).moved == ("segments",)


def test_files_that_nothing_reads_are_named_where_they_lie(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    (tmp_path / "TypeA").mkdir()
    old = [tmp_path / "TypeA" / f"old_{n}.parquet" for n in range(7)]
    for path in old:
        path.touch()
    left = left_by_earlier(instance, TODAY, tmp_path)
    assert left.files == tuple(old)
    [said] = in_words(left)
    assert "old_0.parquet" in said and "and 2 more" in said and str(tmp_path / "TypeA") in said and "delete" in said
    # Others may keep files in a store.
    assert left_by_earlier(instance, TODAY, "s3://bucket/warehouse").files == ()
