"""Which runs of the history can go: the old ones, but none that gates, staleness or a comparison still read.

A run that is removed takes its events with it, among them the materialisations and observations it recorded.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.orchestration.platform.history import (
    MOST_RUNS,
    delete_run,
    latest_checks,
    latest_made,
    runs_since_last_change,
)
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.origin import raw_key
from dunnhumby_pipeline.orchestration.platform.partitions import PARTITION
from dunnhumby_pipeline.settings import Home

FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
# Of one round of housekeeping: the database is not held for long.
AT_ONCE = 500


def old_runs(
    instance: dg.DagsterInstance,
    checks: Iterable[dg.AssetCheckKey],
    before: datetime,
    tags: Mapping[str, str] | None = None,
) -> list[str]:
    """Runs that ended and were begun before a moment, and that nothing reads any more; the oldest first, AT_ONCE at
    most. `checks`: those whose last evaluation is read; `tags`: of the runs."""
    wanted = dg.RunsFilter(statuses=list(FINISHED), created_before=before, tags=dict(tags or {}))
    records = instance.get_run_records(wanted, limit=None, order_by="create_timestamp", ascending=True)
    if not records:
        return []
    kept = set(read_runs(instance, list(checks)))
    return [each.dagster_run.run_id for each in records if each.dagster_run.run_id not in kept][:AT_ONCE]


def read_runs(instance: dg.DagsterInstance, checks: list[dg.AssetCheckKey]) -> Iterator[str]:
    """Runs that something still reads: those that hold the last materialisation of a table and what it was before it
    last changed, the last observation of a raw file, the last evaluation of a check, and the last success of a job."""
    for table in TABLES.values():
        if table.partitioned:
            made = [latest_made(instance, asset_key(table.name), each) for each in CAMPAIGN_TYPES]
            yield from (one.run_id for one in made if one is not None)
        else:
            yield from runs_since_last_change(instance, asset_key(table.name))
    for raw in schema.TABLES:
        yield from (record.run_id for record in instance.fetch_observations(raw_key(raw.name), limit=1).records)
    for campaign_type in CAMPAIGN_TYPES:
        yield from (record.run_id for record in latest_checks(instance, checks, campaign_type).values())
        done = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS], tags={PARTITION: campaign_type})
        last: dict[str, str] = {}
        for run in instance.get_runs(done, limit=MOST_RUNS):
            last.setdefault(run.job_name, run.run_id)
        yield from last.values()


def remove_runs(instance: dg.DagsterInstance, home: Home, run_ids: Iterable[str]) -> int:
    """Remove runs, with their events and the output of their steps; how many."""
    removed = 0
    for run_id in run_ids:
        delete_run(instance, run_id)
        shutil.rmtree(home.dagster_home / "storage" / run_id, ignore_errors=True)
        removed += 1
    return removed
