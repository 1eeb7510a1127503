"""What the adapter reads from dagster's history and graph, and the checks that no longer speak of their table."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform import history
from dunnhumby_pipeline.orchestration.platform.history import (
    AssetGraph,
    latest_checks,
    latest_materialization,
    partition_of,
    selected,
    unsynced,
)
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.remembering import remembering
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.orchestration.staleness import stale_checks
from dunnhumby_pipeline.settings import Home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as history:
        yield history


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> AssetGraph:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_defs(home=Home(tmp_path_factory.mktemp("home"))).resolve_asset_graph()


def made(instance: dg.DagsterInstance, table: str, partition: str | None = None) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(asset_key(table), partition=partition))


def evaluated(instance: dg.DagsterInstance, table: str, name: str, passed: bool, partition: str | None = None) -> None:
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key(table), name, passed, description=f"{passed}", partition=partition)
    )


def checks_of(table: str) -> list[str]:
    return [check.name for check in CHECKS if check.table == table]


def test_one_look_sees_the_history_as_it_was_and_the_next_look_sees_new_ones(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(instance, "segments")
    made(instance, "propensity", "TypeA")
    looked = remembering(instance)
    assert remembering(looked) is looked
    asked = (("segments", None), ("propensity", "TypeA"), ("propensity", "TypeB"))
    first = [latest_materialization(looked, asset_key(table), partition) for table, partition in asked]
    made(instance, "propensity", "TypeB")
    with monkeypatch.context() as silent:
        silent.setattr(instance.event_log_storage, "fetch_materializations", None)
        again = [latest_materialization(looked, asset_key(table), partition) for table, partition in asked]
    assert first == again and None not in first[:2] and first[2] is None
    assert latest_materialization(instance, asset_key("propensity"), "TypeB") is not None
    assert latest_materialization(remembering(instance), asset_key("propensity"), "TypeB") is not None


def questions(key: dg.AssetKey, last: int) -> list[dg.AssetKey | dg.AssetRecordsFilter]:
    """What dagster asks of a table and a partition, before and after events up to number `last`."""
    found: list[dg.AssetKey | dg.AssetRecordsFilter] = [key]
    for partitions in (None, ["TypeA"], ["TypeB"], ["TypeA", "TypeB"]):
        found.append(dg.AssetRecordsFilter(key, asset_partitions=partitions))
        for cursor in range(last + 2):
            found.append(dg.AssetRecordsFilter(key, asset_partitions=partitions, after_storage_id=cursor))
            found.append(dg.AssetRecordsFilter(key, asset_partitions=partitions, before_storage_id=cursor))
    return found


def test_what_is_remembered_is_what_dagster_answers(tmp_path: Path) -> None:
    tables = ("segments", "propensity", "nuisances", "products", "coupons")
    with open_history(Home(tmp_path)) as instance:
        storage = instance.event_log_storage
        for partition in ("TypeA", "TypeB", "TypeA"):
            made(instance, "propensity", partition)
        for table in ("segments", "segments", "nuisances", "products", "products"):
            made(instance, table)
        # Wiped, and made again since or not; and one whose last run was deleted.
        storage.wipe_asset(asset_key("nuisances"))
        storage.wipe_asset(asset_key("products"))
        made(instance, "products")
        instance.report_runless_asset_event(dg.AssetMaterialization(asset_key("coupons")))
        with storage.index_connection() as connection:  # type: ignore[attr-defined]
            last = connection.exec_driver_sql("SELECT max(id) FROM event_logs").scalar()
            connection.exec_driver_sql(f"DELETE FROM event_logs WHERE id = {last}")
        looked = remembering(instance)
        keys = [asset_key(name) for name in tables]
        for key in keys:
            for question in questions(key, last):
                own, theirs = (each.fetch_materializations(question, limit=1) for each in (looked, instance))
                assert own == theirs, question
            kind = dg.DagsterEventType.ASSET_MATERIALIZATION
            assert looked.get_latest_storage_id_by_partition(key, kind) == (
                instance.get_latest_storage_id_by_partition(key, kind)
            )
        own, theirs = (
            {
                record.asset_entry.asset_key: (record.storage_id, record.asset_entry.last_materialization_record)
                for record in each.get_asset_records(keys)
            }
            for each in (looked, instance)
        )
        assert own == theirs and len(own) > 2
        assert looked.get_asset_records([]) == instance.get_asset_records([]) == []


def test_a_check_without_a_record_is_left_out_and_partitions_are_kept_apart(instance: dg.DagsterInstance) -> None:
    keys = [dg.AssetCheckKey(asset_key(table), "seen") for table in ("segments", "propensity", "nuisances")]
    evaluated(instance, "segments", "seen", False)
    evaluated(instance, "segments", "seen", True)
    evaluated(instance, "propensity", "seen", True, "TypeA")
    evaluated(instance, "propensity", "seen", False, "TypeB")
    of_a, of_b = (latest_checks(instance, keys, partition) for partition in ("TypeA", "TypeB"))
    described = [{table_of(key.asset_key): record.evaluation for key, record in of.items()} for of in (of_a, of_b)]
    passed = [{name: found and found.passed for name, found in of.items()} for of in described]
    assert passed == [{"segments": True, "propensity": True}, {"segments": True, "propensity": False}]


def test_each_partition_has_its_own_last_materialisation(instance: dg.DagsterInstance, graph: AssetGraph) -> None:
    key = asset_key("propensity")
    assert partition_of(graph, key, "TypeA") == "TypeA"
    assert partition_of(graph, asset_key("segments"), "TypeA") is None
    assert latest_materialization(instance, key, "TypeA") is None
    made(instance, "propensity", "TypeA")
    assert latest_materialization(instance, key, "TypeB") is None
    first = latest_materialization(instance, key, "TypeA")
    made(instance, "propensity", "TypeA")
    second = latest_materialization(instance, key, "TypeA")
    assert first is not None and second is not None and first < second


def test_what_was_never_made_is_unsynced(instance: dg.DagsterInstance, graph: AssetGraph) -> None:
    assert unsynced(graph, instance, "TypeA") == set(graph.materializable_asset_keys)


@pytest.mark.parametrize("text", ["key:roi_curve", "key:*roi_curve", "key:policies/roi_curve", "key:policy_value"])
def test_a_selection_takes_the_tables_made_together(graph: AssetGraph, text: str) -> None:
    together = {table.name for table in made_by("value_policies")}
    assert {"policy_value", "policy_selection", "tree_refits", "roi_curve"} < together
    assert together == {table_of(key) for key in selected(graph, text)}


def test_a_selection_names_assets_with_or_without_their_group(graph: AssetGraph) -> None:
    for text in ("key:targeting_list+ or key:raw_coupons", "key:targeting/targeting_list+ or key:raw/raw_coupons"):
        names = {table_of(key) for key in selected(graph, text)}
        assert {"targeting_list", "campaign_report"} <= names, text
    assert selected(graph, "key:nothing_like_it") == set()


def test_a_selection_that_cannot_be_read_is_refused(graph: AssetGraph) -> None:
    with pytest.raises(ValueError, match="Invalid selection string"):
        selected(graph, "key:segments or or")


def test_checks_that_were_not_evaluated_since_their_table_was_made_are_stale(
    instance: dg.DagsterInstance, graph: AssetGraph
) -> None:
    def stale(campaign_type: str) -> list[str]:
        keys = stale_checks(graph, instance, campaign_type)
        return [f"{table_of(key.asset_key)}.{key.name}" for key in keys]

    assert stale("TypeA") == []
    made(instance, "segments")
    made(instance, "propensity", "TypeA")
    of_segments = [f"segments.{name}" for name in checks_of("segments")]
    assert sorted(stale("TypeA")) == sorted([*of_segments, *(f"propensity.{name}" for name in checks_of("propensity"))])
    assert sorted(stale("TypeB")) == sorted(of_segments)
    for table, partition in (("segments", None), ("propensity", "TypeA")):
        for name in checks_of(table):
            # One that failed speaks of its table all the same.
            evaluated(instance, table, name, False, partition)
    assert stale("TypeA") == []
    made(instance, "segments")
    assert sorted(stale("TypeA")) == sorted(of_segments)


def test_a_history_makes_one_engine_for_each_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[str] = []
    make = history.sql.create_engine

    def noted(place: str, **options: Any) -> Any:
        places.append(place)
        return make(place, **options)

    monkeypatch.setattr(history.sql, "create_engine", noted)
    # As in a process that has opened no history yet; what it takes its engines from is put back afterwards.
    for storage in (history.sqlite_event_log, history.sqlite_run_storage):
        monkeypatch.setattr(storage, "create_engine", storage.create_engine)
    monkeypatch.setattr(history, "_engines", cache(history._engines.__wrapped__))
    for name in ("one", "other"):
        for n_runs in (0, 1):
            with open_history(Home(tmp_path / name)) as persistent:
                assert len(persistent.get_runs()) == n_runs
                persistent.create_run_for_job(dg.job(name="study")(lambda: None), status=dg.DagsterRunStatus.SUCCESS)
                made(persistent, "products")
                assert latest_materialization(persistent, asset_key("products"), None) is not None
    # Dagster makes one for every statement.
    assert len(places) == len(set(places))
    assert {str(tmp_path / name) in place for place in places for name in ("one", "other")} == {True, False}
