"""What dagster's history and asset graph say, in the study's terms: the one module that looks inside dagster.

Names under `dagster._core` are not a promise of dagster's. Whatever of them the study needs is imported here, and a
test holds that no other module does; a release of dagster that moves one is met in this file alone.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import dagster as dg
from dagster._core.definitions.asset_selection import DagsterInvalidAssetSelectionError
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import DATA_VERSION_TAG, CachingStaleStatusResolver, StaleStatus
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.loader import LoadingContextForTest

from dunnhumby_pipeline.orchestration.platform.keys import table_of

AssetGraph: TypeAlias = BaseAssetGraph
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
    """The latest of a check: its evaluation, None when it was planned and not carried out; when (seconds, Unix)."""

    evaluation: dg.AssetCheckEvaluation | None
    timestamp: float


def latest_checks(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey], partition: str
) -> dict[dg.AssetCheckKey, CheckRecord]:
    """The latest record of each check that has one, of this partition or of an unpartitioned asset."""
    wanted, storage = list(keys), instance.event_log_storage
    whole = storage.get_latest_asset_check_execution_by_key(wanted, PartitionKeyFilter(key=None))
    of_partition = storage.get_latest_asset_check_execution_by_key(wanted, PartitionKeyFilter(key=partition))
    found = {}
    for key, record in {**whole, **of_partition}.items():
        evaluation = record.evaluation
        # The latest record can be a plan that was not carried out: the step was skipped, or crashed.
        carried_out = evaluation if isinstance(evaluation, dg.AssetCheckEvaluation) else None
        moment = record.event.timestamp if record.event is not None else record.create_timestamp
        found[key] = CheckRecord(carried_out, moment)
    return found


def latest_materialization(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> float | None:
    """When an asset, or one partition of it, was last materialised (seconds, Unix); None when it never was."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=None if partition is None else [partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return records[0].timestamp if records else None


def metadata_before_last_change(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, Any] | None:
    """The metadata of an unpartitioned asset as it was before its content last changed, None when it never did.

    Runs that kept the table add nothing: compared with itself, a table that lost half its rows would pass.
    """
    records = instance.fetch_materializations(key, limit=MOST_RUNS).records
    made = [record.asset_materialization for record in records if record.asset_materialization is not None]
    versions = [(materialization.tags or {}).get(DATA_VERSION_TAG) for materialization in made]
    earlier = next((place for place, version in enumerate(versions) if version != versions[0]), None)
    if earlier is None:
        return None
    return {name: shown.value for name, shown in made[earlier].metadata.items()}


def record_observation(instance: dg.DagsterInstance, key: dg.AssetKey, version: str, facts: Mapping[str, Any]) -> None:
    """Record the content of an external asset, outside a run."""
    instance.report_runless_asset_event(dg.AssetObservation(key, metadata=facts, tags={DATA_VERSION_TAG: version}))


def unsynced(graph: AssetGraph, instance: dg.DagsterInstance, partition: str) -> set[dg.AssetKey]:
    """Assets that were never made, or whose code version or inputs are no longer those they were made with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
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


def is_of_earlier_layout(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> bool:
    """Whether the history knows assets only by names without their group, as releases before 0.2 wrote them."""
    known = set(instance.get_asset_keys())
    grouped = list(keys)
    return any(dg.AssetKey(table_of(key)) in known for key in grouped) and not known.intersection(grouped)
