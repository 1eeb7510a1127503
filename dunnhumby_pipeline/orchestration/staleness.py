"""What is stale: tables whose files, code or settings have changed since they were made, and what rests on them.

That is what the UI calls unsynced, and three things that it does not see: what lies downstream of it, tables
that are no longer on disk as they were written, and tables whose blocking check did not pass.
"""

from __future__ import annotations

import warnings

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.data_version import DATA_VERSION_TAG, CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from dunnhumby_pipeline.orchestration.checks.gates import BLOCKING, PASS, check_states
from dunnhumby_pipeline.orchestration.checks.registry import LIST
from dunnhumby_pipeline.orchestration.platform.origin import REJECTS, TABLES, Origin, raw_observations, table_versions
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import stale_mark
from dunnhumby_pipeline.orchestration.reporting import REPORT, report_path


def stale_assets(
    study: Study, graph: BaseAssetGraph, instance: dg.DagsterInstance, campaign_type: str
) -> list[dg.AssetKey]:
    """What must be made anew so that every table of a campaign type is as its inputs, code and settings say.

    The raw files are looked at first, and what was found is recorded in the history. Tables that are made
    together come together. Raises JourneyError when there is no input that can be read.
    """
    observe(study, instance)
    changed = _unsynced(graph, instance, campaign_type) | _not_on_disk(study, graph, campaign_type)
    closed = _behind_closed_gates(instance, campaign_type)
    if not changed | closed:
        return []
    # A canonical table that will be kept as it is does not make what rests on it stale.
    anew = (changed - _kept(study, graph)) | closed
    wanted = dg.AssetSelection.assets(*anew).downstream().resolve(graph) if anew else set()
    return sorted(dg.AssetSelection.assets(*changed, *wanted).required_multi_asset_neighbors().resolve(graph))


def _kept(study: Study, graph: BaseAssetGraph) -> set[dg.AssetKey]:
    """The canonical tables, when a load would leave them as they are."""
    origin = Origin.read(study.origin)
    versions = table_versions(study.source(), graph.get(dg.AssetKey(REJECTS)).code_version or "")
    kept = origin is not None and origin.still_holds(versions, {name: study.table(name) for name in TABLES})
    return {dg.AssetKey(name) for name in TABLES} if kept else set()


def observe(study: Study, instance: dg.DagsterInstance) -> None:
    """Record the content of every raw file in the history, as the step `observe_raw` of a run does."""
    for seen in raw_observations(study.source()):
        instance.report_runless_asset_event(
            dg.AssetObservation(seen.asset_key, metadata=seen.facts, tags={DATA_VERSION_TAG: seen.fingerprint})
        )


def _unsynced(graph: BaseAssetGraph, instance: dg.DagsterInstance, campaign_type: str) -> set[dg.AssetKey]:
    """Assets that were never made, or whose code version or inputs are no longer those they were made with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        return {
            key
            for key in graph.materializable_asset_keys
            if resolver.get_status(key, _partition(graph, key, campaign_type)) is not StaleStatus.FRESH
        }


def _partition(graph: BaseAssetGraph, key: dg.AssetKey, campaign_type: str) -> str | None:
    return campaign_type if graph.get(key).is_partitioned else None


def _not_on_disk(study: Study, graph: BaseAssetGraph, campaign_type: str) -> set[dg.AssetKey]:
    """Tables that are missing, a list marked as stale, and the canonical tables when one is not as it was written."""
    missing = {dg.AssetKey(LIST)} if stale_mark(study.table(LIST, campaign_type)).is_file() else set()
    for key in graph.materializable_asset_keys:
        name = key.path[-1]
        path = study.table(name, _partition(graph, key, campaign_type))
        if not (report_path(study, campaign_type) if name == REPORT else path).is_file():
            missing.add(key)
    origin = Origin.read(study.origin)
    if origin is None or not origin.is_whole({name: study.table(name) for name in TABLES}):
        missing |= {dg.AssetKey(name) for name in TABLES}
    return missing


def _behind_closed_gates(instance: dg.DagsterInstance, campaign_type: str) -> set[dg.AssetKey]:
    """Assets with a blocking check that did not pass when it was last evaluated: they are judged again."""
    checks = sorted(BLOCKING)
    states = check_states(instance, checks, campaign_type)["status"]
    return {check.asset_key for check, state in zip(checks, states, strict=True) if state != PASS}
