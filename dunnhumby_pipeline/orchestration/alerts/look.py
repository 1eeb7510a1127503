"""What is seen of a study for its alerts: its checks and runs in the history, its lists, and which marks lie there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.alerts.incident import CheckSeen, ListSeen, RunSeen, Seen, State
from dunnhumby_pipeline.orchestration.alerts.words import CheckText, Words
from dunnhumby_pipeline.orchestration.checks.check import Check
from dunnhumby_pipeline.orchestration.checks.gates import CLOSED_GATES, NOT_RUN, state_of
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS, LIST
from dunnhumby_pipeline.orchestration.platform.history import latest_checks, latest_made
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.partitions import PARTITION
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.running import DIED, UNFINISHED
from dunnhumby_pipeline.orchestration.platform.storage import stale_mark
from dunnhumby_pipeline.settings import Settings, one_line
from dunnhumby_pipeline.targeting.list_ledger import ApprovalError, versions

RETRIED = "dagster/will_retry"
# Runs are heard of by when they last changed; those that changed within so many seconds are looked at once more.
OVERLAP = 120.0
# Of one look; more failed runs than that are heard of at the next.
MOST_RUNS = 100
_DECISIONS = ("target", "test", "leave")
_FAILURES = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}


def see(study: Study, instance: dg.DagsterInstance, state: State, now: float) -> Seen:
    """A study as it stands `now` (Unix, s), and which runs have failed since the state that was kept."""
    return Seen(
        moment=now,
        checks=checks_seen(instance),
        lists=dict(_lists(study, instance)),
        known=frozenset(f"{check.table}.{check.name}" for check in CHECKS),
        failed=tuple(_failed(instance, state, now)),
        running=frozenset(run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))),
        made_good=dict(_made_good(instance, state)),
    )


def words_of(study: Study) -> Words:
    """The words of this study's alerts."""
    settings = study.settings
    texts = {f"{check.table}.{check.name}": _text(check, settings) for check in CHECKS}
    return Words(texts, settings.alerts.ui_url, study.home.root.name)


def _text(check: Check, settings: Settings) -> CheckText:
    thresholds = {name: getattr(settings.checks, name) for name in check.thresholds}
    return CheckText(check.blocks, thresholds, check.red, check.advice)


def checks_seen(instance: dg.DagsterInstance) -> dict[str, CheckSeen]:
    """The last evaluation of every check that has one, by name, those of partitioned tables once a campaign type."""
    parts = [check.key for check in CHECKS if check.contract.partitioned]
    whole = [check.key for check in CHECKS if not check.contract.partitioned]
    found: dict[str, CheckSeen] = {}
    for campaign_type in (None, *schema.CAMPAIGN_TYPES):
        keys = whole if campaign_type is None else parts
        for key, record in latest_checks(instance, keys, campaign_type or "").items():
            status, said = state_of(record)
            # A plan without an evaluation says nothing new of the check.
            if status == NOT_RUN or record.evaluation is None:
                continue
            numbers = dict(_numbers(record.evaluation.metadata, campaign_type))
            name = check_name(key, campaign_type)
            found[name] = CheckSeen(status, one_line(said), numbers, record.run_id, record.timestamp)
    return found


def check_name(key: dg.AssetCheckKey, campaign_type: str | None) -> str:
    suffix = f"[{campaign_type}]" if campaign_type else ""
    return f"{table_of(key.asset_key)}.{key.name}{suffix}"


def _numbers(metadata: Any, campaign_type: str | None) -> Iterable[tuple[str, float]]:
    for name, shown in metadata.items():
        if isinstance(shown.value, int | float) and not isinstance(shown.value, bool):
            yield name.removeprefix(f"{campaign_type}: "), float(shown.value)


def _lists(study: Study, instance: dg.DagsterInstance) -> Iterable[tuple[str, ListSeen]]:
    for campaign_type in schema.CAMPAIGN_TYPES:
        made = latest_made(instance, asset_key(LIST), campaign_type)
        if made is None:
            continue
        # A decision that no household has is not counted there.
        decisions = {name: int(made.metadata.get(f"{campaign_type}: n_{name}", 0)) for name in _DECISIONS}
        mark = stale_mark(study.table(LIST, campaign_type))
        stale = one_line(mark.read_text(encoding="utf-8")) if mark.is_file() else None
        try:
            known = versions(study.home.list_versions, campaign_type)
        except ApprovalError:
            # Said by the run that reads it; an alert of that run will come.
            known = []
        number, list_hash = (known[-1].version, known[-1].list_hash) if known else (None, None)
        yield campaign_type, ListSeen(decisions, number, list_hash, stale, made.run_id)


def _failed(instance: dg.DagsterInstance, state: State, now: float) -> Iterable[RunSeen]:
    """Runs that failed since the last look, the oldest first; at the first look those of the last minutes."""
    since = datetime.fromtimestamp((state.until or now) - OVERLAP, UTC)
    wanted = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
    records = instance.get_run_records(wanted, limit=MOST_RUNS, order_by="update_timestamp", ascending=True)
    for record in records:
        if record.dagster_run.run_id not in state.heard:
            yield _run(instance, record.dagster_run, record.end_time or now)


def _run(instance: dg.DagsterInstance, run: dg.DagsterRun, moment: float) -> RunSeen:
    campaign_type = run.tags.get(PARTITION)
    crashed: dict[str, str] = {}
    blocked, closed = [], []
    for entry in instance.all_logs(run.run_id, of_type=_FAILURES):
        event = entry.dagster_event
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            if not found.passed and found.blocking and found.severity is dg.AssetCheckSeverity.ERROR:
                partitioned = any(check.key == found.asset_check_key and check.contract.partitioned for check in CHECKS)
                blocked.append(check_name(found.asset_check_key, campaign_type if partitioned else None))
            continue
        failure = event.step_failure_data
        said = failure.user_failure_data
        gates = said.metadata.get(CLOSED_GATES) if said is not None else None
        if gates is not None and isinstance(gates.value, list):
            closed += [_with_type(str(name), campaign_type) for name in gates.value]
        elif failure.error is None or failure.error.cls_name != "DagsterAssetCheckFailedError":
            crashed[event.step_key or ""] = _reason(failure)
    if not crashed and not blocked and not closed:
        crashed[""] = "its process died" if run.tags.get(DIED) == run.run_id else _end_of(instance, run.run_id)
    again = run.tags.get(RETRIED) == "true"
    return RunSeen(run.run_id, run.job_name, campaign_type, moment, crashed, tuple(blocked), tuple(closed), again)


def _with_type(name: str, campaign_type: str | None) -> str:
    """The name of a gate, with the campaign type where its table has one for each."""
    table = name.partition(".")[0]
    partitioned = any(check.table == table and check.contract.partitioned for check in CHECKS)
    return f"{name}[{campaign_type}]" if partitioned and campaign_type else name


def _reason(failure: Any) -> str:
    described = failure.user_failure_data.description if failure.user_failure_data else None
    cause = failure.error.cause if failure.error is not None and failure.error.cause is not None else failure.error
    return one_line(described or (cause.message if cause is not None else ""))


def _end_of(instance: dg.DagsterInstance, run_id: str) -> str:
    ends = instance.all_logs(run_id, of_type={dg.DagsterEventType.RUN_FAILURE})
    said = [entry.dagster_event.message for entry in ends if entry.dagster_event is not None]
    return one_line(said[-1] or "") if said else ""


def _made_good(instance: dg.DagsterInstance, state: State) -> Iterable[tuple[int, str]]:
    """The open incidents of runs that a later run has made good: one that went through with the steps that crashed, or
    of the same job where none did."""
    for incident in state.incidents:
        failed = incident.run
        if failed is None:
            continue
        tags = {PARTITION: failed.campaign_type} if failed.campaign_type else {}
        wanted = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS],
            tags=tags,
            updated_after=datetime.fromtimestamp(failed.moment, UTC),
        )
        steps = [step for step in failed.crashed if step]
        for run in instance.get_runs(wanted, limit=MOST_RUNS):
            if not steps and run.job_name != failed.job:
                continue
            went = {stats.step_key for stats in instance.get_run_step_stats(run.run_id, steps)} if steps else set()
            if set(steps) <= went:
                yield incident.number, run.run_id
                break
