"""What dagster's history and asset graph say, in the study's terms: the one module that imports what is inside dagster.

Names under `dagster._core` are not a promise of dagster's. Whatever of them the study needs is imported here, and a
test holds that no other module does; a release of dagster that moves one is met here, and what it writes otherwise into
its tables in `remembering`, which reads them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import alembic.command
import dagster as dg
from alembic.script import ScriptDirectory
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.definitions.asset_selection import DagsterInvalidAssetSelectionError
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import DATA_VERSION_TAG, CachingStaleStatusResolver, StaleStatus
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.event_api import EventLogCursor, PartitionKeyFilter
from dagster._core.loader import LoadingContextForTest
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.storage import sql
from dagster._core.storage.event_log.base import AssetEntry, AssetRecord
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.tags import CODE_LOCATION_TAG, REPOSITORY_LABEL_TAG
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.orchestration.platform.connections import Engines
from dunnhumby_pipeline.orchestration.platform.keys import table_of

AssetGraph: TypeAlias = BaseAssetGraph
__all__ = ["AssetEntry", "AssetRecord", "SqlEventLogStorage"]
# How its storage calls the event that a table was made.
MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION.value
# What `python -m` runs as dagster's daemon.
DAEMON_MODULE = "dagster._daemon"
# The setting of a history that copies no output of steps into files.
NO_COMPUTE_LOGS = (
    "compute_logs:\n  module: dagster._core.storage.noop_compute_log_manager\n  class: NoOpComputeLogManager\n"
)
# How many materialisations back a table's last change is looked for.
MOST_RUNS = 100
# The name of an asset in a selection, without the group that its key begins with.
_NAME = re.compile(r'(?<![\w/:"*])(?:key:)?"?(\w+)"?(?![\w/:"(*])')


@dataclass(frozen=True)
class CheckRecord:
    """The latest of a check: its evaluation, None when it was planned and not carried out; when (seconds, Unix), and in
    which run."""

    evaluation: dg.AssetCheckEvaluation | None
    timestamp: float
    run_id: str = ""


@dataclass(frozen=True)
class Made:
    """The last materialisation of a table: its metadata, the run that made it, and when (seconds, Unix)."""

    metadata: Mapping[str, Any]
    run_id: str
    timestamp: float


def latest_checks(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], partition: str
) -> dict[dg.AssetCheckKey, CheckRecord]:
    """The latest record of each check that has one: of a partitioned table that of this partition, and no other.

    What a run of several partitions found of all of them together says nothing of any one.
    """
    of_parts: list[dg.AssetCheckKey] = []
    of_whole: list[dg.AssetCheckKey] = []
    for key in keys:
        (of_parts if table(table_of(key.asset_key)).partitioned else of_whole).append(key)
    find = instance.event_log_storage.get_latest_asset_check_execution_by_key
    found = {}
    for key, record in {
        **(find(of_whole, PartitionKeyFilter(key=None)) if of_whole else {}),
        **(find(of_parts, PartitionKeyFilter(key=partition)) if of_parts else {}),
    }.items():
        evaluation = record.evaluation
        # The latest record can be a plan that was not carried out: the step was skipped, or crashed.
        carried_out = evaluation if isinstance(evaluation, dg.AssetCheckEvaluation) else None
        moment = record.event.timestamp if record.event is not None else record.create_timestamp
        found[key] = CheckRecord(carried_out, moment, record.run_id)
    return found


def events_result(records: Sequence[dg.EventLogRecord]) -> dg.EventRecordsResult:
    """What dagster answers who asks for the last event, by what is found: one, or none."""
    last = EventLogCursor.from_storage_id(records[-1].storage_id if records else -1)
    return dg.EventRecordsResult(records, cursor=last.to_string(), has_more=bool(records))


def latest_materialization(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> float | None:
    """When an asset, or one partition of it, was last materialised (seconds, Unix); None when it never was."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=None if partition is None else [partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0].timestamp if records else None


def has_made(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run has materialised anything yet."""
    return bool(
        instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION, limit=1).records
    )


def latest_metadata(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Mapping[str, Any] | None:
    """The metadata of the last materialisation of an asset, or one partition of it; None when it never was made."""
    made = latest_made(instance, key, partition)
    return made.metadata if made is not None else None


def latest_made(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> Made | None:
    """The last materialisation of an asset, or one partition of it; None when it never was made."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=None if partition is None else [partition])
    for record in instance.fetch_materializations(wanted, limit=1).records:
        made = record.asset_materialization
        if made is not None:
            shown = {name: value.value for name, value in made.metadata.items()}
            return Made(shown, record.event_log_entry.run_id, record.timestamp)
    return None


def metadata_before_last_change(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, Any] | None:
    """The metadata of an unpartitioned asset as it was before its content last changed, None when it never did.

    Runs that kept the table add nothing: compared with itself, a table that lost half its rows would pass.
    """
    records, earlier = _since_last_change(instance, key)
    made = records[earlier].asset_materialization if earlier is not None else None
    return {name: shown.value for name, shown in made.metadata.items()} if made is not None else None


def runs_since_last_change(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[str]:
    """The runs of the last materialisation of an unpartitioned asset, and of the last before its content changed."""
    records, earlier = _since_last_change(instance, key)
    # Those between them are passed over by what looks for the earlier one.
    read = records[:1] if earlier is None else [records[0], records[earlier]]
    return [record.run_id for record in read]


def _since_last_change(instance: dg.DagsterInstance, key: dg.AssetKey) -> tuple[list[Any], int | None]:
    """Materialisations, the latest first, and the place of the latest one with another content than the first."""
    found = instance.fetch_materializations(key, limit=MOST_RUNS).records
    made = [(record, record.asset_materialization) for record in found]
    records = [record for record, materialization in made if materialization is not None]
    versions = [(each.tags or {}).get(DATA_VERSION_TAG) for _, each in made if each is not None]
    earlier = next((place for place, version in enumerate(versions) if version != versions[0]), None)
    return records, earlier


def target_of(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str
) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The materialisation that an evaluation of a check of `partition` speaks of: the last one."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
    return next(
        (
            AssetCheckEvaluationTargetMaterializationData(
                storage_id=made.storage_id, run_id=made.event_log_entry.run_id, timestamp=made.timestamp
            )
            for made in instance.fetch_materializations(wanted, limit=1).records
        ),
        None,
    )


class _ReadOnce(ScriptDirectory):
    """Migrations of which the scripts are read once for each configuration of them."""

    from_config = staticmethod(lru_cache(maxsize=8)(ScriptDirectory.from_config))


@cache
def _engines() -> Engines:
    """Those of dagster's histories in this process, which from now on takes its engines here and reads its own
    migrations once.
    """
    engines = Engines(sql.create_engine)
    for storage in (sqlite_event_log, sqlite_run_storage):
        # mypy: dagster exports the name for its own storages.
        storage.create_engine = engines.engine  # type: ignore[attr-defined]
    # Each storage that is opened asks which revision of its tables is the newest, and each that is made is marked with
    # it: a hundred files are read to find it.
    for module in (sql, alembic.command):
        # mypy: dagster exports the name for itself, alembic not at all.
        module.ScriptDirectory = _ReadOnce  # type: ignore[attr-defined]
    return engines


def open_instance(folder: Path, file: str) -> dg.DagsterInstance:
    """The instance that `file` in `folder` describes; its connections stay open until it is disposed of."""
    engines = _engines()
    instance = dg.DagsterInstance.from_config(str(folder), file)
    dispose = instance.dispose

    def dispose_and_close() -> None:
        dispose()
        engines.close(folder.resolve())

    instance.dispose = dispose_and_close  # type: ignore[method-assign]
    return instance


def lists_with(location: str) -> dict[str, str]:
    """The tags by which the UI counts a run among those of a code location."""
    return {REPOSITORY_LABEL_TAG: _repository(location).get_label(), CODE_LOCATION_TAG: location}


def place_in_timeline(instance: dg.DagsterInstance, run_id: str, location: str) -> None:
    """Give a run of this process the origin that a run of the UI has: its timeline shows no run without one.

    That is what `dagster run migrate-repository` does to older runs. To be called once the run is recorded.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None and run.remote_job_origin is None:
        instance.run_storage.replace_job_origin(run, _repository(location).get_job_origin(run.job_name))


def _repository(location: str) -> RemoteRepositoryOrigin:
    target = LoadableTargetOrigin(module_name=location)
    return RemoteRepositoryOrigin(ManagedGrpcPythonEnvCodeLocationOrigin(target, location), SINGLETON_REPOSITORY_NAME)


def record_observation(instance: dg.DagsterInstance, key: dg.AssetKey, version: str, facts: Mapping[str, Any]) -> None:
    """Record the content of an external asset, outside a run."""
    instance.report_runless_asset_event(dg.AssetObservation(key, metadata=facts, tags={DATA_VERSION_TAG: version}))


def unsynced(graph: AssetGraph, instance: dg.DagsterInstance, partition: str) -> set[dg.AssetKey]:
    """Assets that were never made, or whose code version or inputs are no longer those they were made with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        # In one question instead of one each.
        resolver.instance_queryer.prefetch_asset_records(graph.materializable_asset_keys)
        return {
            key
            for key in graph.materializable_asset_keys
            if resolver.get_status(key, partition_of(graph, key, partition)) is not StaleStatus.FRESH
        }


def partition_of(graph: AssetGraph, key: dg.AssetKey, partition: str) -> str | None:
    """`partition` when the asset has partitions, else None."""
    return partition if graph.get(key).is_partitioned else None


def selected(graph: AssetGraph, selection: str) -> set[dg.AssetKey]:
    """The assets that a text in dagster's selection syntax names, and those made together with them.

    The name of a table stands for its key, which has the group before it. Raises ValueError, with dagster's words,
    when the text cannot be read.
    """
    names = {table_of(key): key.to_user_string() for key in graph.get_all_asset_keys()}

    def as_key(found: re.Match[str]) -> str:
        return f'key:"{names[found[1]]}"' if found[1] in names else found[0]

    try:
        return set(
            dg.AssetSelection.from_string(_NAME.sub(as_key, selection)).required_multi_asset_neighbors().resolve(graph)
        )
    except DagsterInvalidAssetSelectionError as error:
        raise ValueError(str(error)) from error


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Remove a run from the history with all that it recorded; dagster would leave the evaluations of its checks."""
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        table = AssetCheckExecutionsTable
        with storage.index_connection() as connection:
            connection.execute(table.delete().where(table.c.run_id == run_id))
    instance.delete_run(run_id)
