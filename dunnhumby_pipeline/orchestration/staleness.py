"""What is stale: tables whose files, code or settings have changed since they were made, and what rests on them.

That is what the UI calls unsynced, and three things that it does not see: what lies downstream of it, tables
that are no longer on disk as they were written, and tables whose blocking check did not pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from dunnhumby_pipeline.journey.forgotten import read_forgotten
from dunnhumby_pipeline.orchestration.checks.gates import BLOCKING, FAIL, PASS, check_states, state_of
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS, LIST
from dunnhumby_pipeline.orchestration.platform.fingerprints import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.history import (
    AssetGraph,
    has_made,
    latest_checks,
    latest_materialization,
    latest_metadata,
    partition_of,
    record_observation,
    unsynced,
)
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.origin import REJECTS, TABLES, Origin, raw_observations, table_versions
from dunnhumby_pipeline.orchestration.platform.remembering import remembering
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import Work
from dunnhumby_pipeline.orchestration.platform.storage import FINGERPRINT, stale_mark
from dunnhumby_pipeline.orchestration.reporting import PAGES
from dunnhumby_pipeline.orchestration.terms import ECONOMICS, are_others


def stale_assets(
    study: Study,
    graph: AssetGraph,
    instance: dg.DagsterInstance,
    campaign_type: str,
    said: Mapping[str, Any] | None = None,
    during: str | None = None,
) -> list[dg.AssetKey]:
    """What must be rebuilt so that every table of a campaign type is as its inputs, code and settings imply.

    `said`: the terms of the economics that the coming run says in place of the settings; None leaves those in force
    that the last one said. `during`: a run that asks this before it makes anything; that it has planned a check makes
    nothing stale. The raw files are observed first, and what was found is recorded in the history. Tables
    that are made together come together. Raises JourneyError when there is no input that can be read.
    """
    observe(study, instance)
    instance = remembering(instance)
    changed = unsynced(graph, instance, campaign_type) | _not_on_disk(study, graph, instance, campaign_type)
    if said is not None and are_others(study, instance, campaign_type, said):
        changed.add(asset_key(ECONOMICS))
    closed = _behind_closed_gates(instance, campaign_type, during)
    if not changed | closed:
        return []
    # A canonical table that will be kept as it is does not make what rests on it stale.
    rebuilt = (changed - _kept(study, graph)) | closed
    wanted = dg.AssetSelection.assets(*rebuilt).downstream().resolve(graph) if rebuilt else set()
    return sorted(dg.AssetSelection.assets(*changed, *wanted).required_multi_asset_neighbors().resolve(graph))


def stale_in_words(campaign_type: str, stale: Sequence[dg.AssetKey]) -> str:
    """Why a study is refused of which these tables are stale, and the way out."""
    tables = f"{len(stale)} tables, such as {table_of(stale[0])}"
    return f"the study of {campaign_type} is stale ({tables}); run `dunnhumby run` first"


def why_uncertified(
    study: Study, graph: AssetGraph, instance: dg.DagsterInstance, campaign_type: str, run_id: str
) -> str | None:
    """Why a run draws no certificate, in the words of the command: the study is stale. A run is asked before it has
    made anything: what it makes leaves the pages behind until it ends.
    """
    stale = stale_assets(study, graph, instance, campaign_type, during=run_id)
    return stale_in_words(campaign_type, stale) if stale and not has_made(instance, run_id) else None


def stale_work(
    study: Study,
    graph: AssetGraph,
    instance: dg.DagsterInstance,
    campaign_type: str,
    said: Mapping[str, Any] | None = None,
) -> Work:
    """What a run has to do so that tables are as their inputs, code and settings imply, and checks cover them.

    `said`: the terms of the economics that the run says in place of the settings; by default none, so that it returns
    to the settings.
    """
    instance = remembering(instance)
    assets = frozenset(stale_assets(study, graph, instance, campaign_type, said or {}))
    return Work(assets, frozenset(stale_checks(graph, instance, campaign_type)))


def scheduled_work(
    study: Study, graph: AssetGraph, instance: dg.DagsterInstance, campaign_type: str
) -> tuple[Work, list[str]]:
    """What a schedule asks for of a campaign type: what is stale, unless it would only be refused again; then which
    gates have failed on just these files, code and settings.
    """
    instance = remembering(instance)
    work = stale_work(study, graph, instance, campaign_type)
    gates = sorted(BLOCKING)
    states = check_states(instance, gates, campaign_type)["status"]
    failed = [gate for gate, state in zip(gates, states, strict=True) if state == FAIL]
    if not failed or not work.assets:
        return work, []
    judged = dg.AssetSelection.assets(*{gate.asset_key for gate in failed}).upstream().resolve(graph)
    changed = unsynced(graph, instance, campaign_type) | _not_on_disk(study, graph, instance, campaign_type)
    if changed & judged:
        return work, []
    return Work(frozenset(), work.checks), [f"{table_of(gate.asset_key)}.{gate.name}" for gate in failed]


def stale_checks(graph: AssetGraph, instance: dg.DagsterInstance, campaign_type: str) -> list[dg.AssetCheckKey]:
    """Checks that do not cover their table as it is: not evaluated since it was last made.

    So are the checks that a new release brings, and those of a step that crashed. Those of tables that were never
    made are left out. In the order of the registry.
    """
    records = latest_checks(instance, [check.key for check in CHECKS], campaign_type)
    made = {
        key: latest_materialization(instance, key, partition_of(graph, key, campaign_type))
        for key in {check.key.asset_key for check in CHECKS}
    }
    stale = []
    for check in CHECKS:
        since, record = made[check.key.asset_key], records.get(check.key)
        evaluated = record.timestamp if record is not None and record.evaluation is not None else None
        if since is not None and (evaluated is None or evaluated < since):
            stale.append(check.key)
    return stale


def _kept(study: Study, graph: AssetGraph) -> set[dg.AssetKey]:
    """The canonical tables, when a load would leave them as they are."""
    origin = Origin.read(study.origin)
    versions = table_versions(study.source(), graph.get(asset_key(REJECTS)).code_version or "")
    kept = origin is not None and origin.still_holds(versions, {name: study.table(name) for name in TABLES})
    return {asset_key(name) for name in TABLES} if kept else set()


def observe(study: Study, instance: dg.DagsterInstance) -> None:
    """Record the content of every raw file in the history, as the step `observe_raw` of a run does."""
    for seen in raw_observations(study.source()):
        record_observation(instance, seen.asset_key, seen.fingerprint, seen.facts)


def disturbed(
    study: Study, graph: AssetGraph, instance: dg.DagsterInstance, campaign_type: str
) -> dict[dg.AssetKey, str]:
    """What was made and does not lie there as it was written, with what is wrong, in words.

    Held against the hash that the history has of each file; a household taken out of it by `forget` is no damage. The
    report is not held against it: it can be written without a run.
    """
    found, forgotten = {}, read_forgotten(study.home.root)
    for key in sorted(graph.materializable_asset_keys):
        partition = partition_of(graph, key, campaign_type)
        recorded = latest_metadata(instance, key, partition)
        if recorded is None:
            continue
        path = study.table(table_of(key), partition)
        if not path.is_file():
            found[key] = f"{path} is missing"
        elif (
            table_of(key) not in PAGES
            and FINGERPRINT in recorded
            and forgotten.sealed_as(fingerprint_once(path)) != recorded[FINGERPRINT]
        ):
            found[key] = f"{path} is damaged, or was altered after it was written"
    return found


def read_by(graph: AssetGraph, work: Work) -> set[dg.AssetKey]:
    """Tables that the work reads and does not make."""
    return {parent for key in work.assets for parent in graph.get(key).parent_keys} - work.assets


def _not_on_disk(study: Study, graph: AssetGraph, instance: dg.DagsterInstance, campaign_type: str) -> set[dg.AssetKey]:
    """Tables that are missing or not as they were written, and a list marked as stale."""
    missing = {asset_key(LIST)} if stale_mark(study.table(LIST, campaign_type)).is_file() else set()
    for key in graph.materializable_asset_keys:
        if not study.table(table_of(key), partition_of(graph, key, campaign_type)).is_file():
            missing.add(key)
    origin = Origin.read(study.origin)
    if origin is None or not origin.is_whole({name: study.table(name) for name in TABLES}):
        missing |= {asset_key(name) for name in TABLES}
    return missing | set(disturbed(study, graph, instance, campaign_type))


def _behind_closed_gates(instance: dg.DagsterInstance, campaign_type: str, during: str | None) -> set[dg.AssetKey]:
    """Assets with a blocking check that did not pass when it was last evaluated: they are judged again. Those that the
    run `during` has yet to judge are left out.
    """
    records = latest_checks(instance, sorted(BLOCKING), campaign_type)
    planned = {
        check
        for check, record in records.items()
        if during is not None and record.evaluation is None and record.run_id == during
    }
    return {check.asset_key for check in BLOCKING - planned if state_of(records.get(check))[0] != PASS}
