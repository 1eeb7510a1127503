"""Alerts: a message when a check changes state, and when a run fails.

The sensor's cursor is the last state of every check. A check that crashed leaves no evaluation; the run
it crashed in fails, and that is reported by `alert_on_run_failure`.
"""

import json

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.checks.gates import NOT_RUN, check_states
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.orchestration.platform.resources import LogFileNotifier, Study
from dunnhumby_pipeline.orchestration.platform.running import DIED, end_dead_runs

SECONDS_BETWEEN_LOOKS = 30


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports every check whose state has changed since the last look.",
)
def alert_on_check_change(
    context: dg.SensorEvaluationContext, notifier: dg.ResourceParam[LogFileNotifier]
) -> dg.SkipReason:
    before: dict[str, str] = json.loads(context.cursor) if context.cursor else {}
    now, messages = observe(context.instance)
    # A plan without an evaluation says nothing new of the check.
    known = before | {name: state for name, state in now.items() if state != NOT_RUN}
    changed = [name for name in known if known[name] != before.get(name)]
    for name in changed:
        notifier.notify(f"{name}: {before.get(name, NOT_RUN)} -> {known[name]}. {messages[name]}")
    context.update_cursor(json.dumps(known))
    return dg.SkipReason(f"{len(changed)} checks changed state")


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs as failed whose process is dead, so that the queue goes on, and reports them.",
)
def alert_on_dead_runs(
    context: dg.SensorEvaluationContext, study: dg.ResourceParam[Study], notifier: dg.ResourceParam[LogFileNotifier]
) -> dg.SkipReason:
    found = end_dead_runs(study.home, context.instance)
    for message in found:
        notifier.notify(message)
    return dg.SkipReason(f"{len(found)} runs had died")


def observe(instance: dg.DagsterInstance) -> tuple[dict[str, str], dict[str, str]]:
    """(state, message) of every check by name; checks of partitioned assets once a campaign type."""
    states: dict[str, str] = {}
    messages: dict[str, str] = {}
    for campaign_type in schema.CAMPAIGN_TYPES:
        found = check_states(instance, [check.key for check in CHECKS], campaign_type)
        for check, row in zip(CHECKS, found.itertuples(), strict=True):
            suffix = f"[{campaign_type}]" if check.contract.partitioned else ""
            name = f"{row.asset}.{row.check}{suffix}"
            states[name], messages[name] = row.status, row.message
    return states, messages


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    description="Reports every run that fails, checks that crash included.",
)
def alert_on_run_failure(context: dg.RunFailureSensorContext, notifier: dg.ResourceParam[LogFileNotifier]) -> None:
    run = context.dagster_run
    if DIED in run.tags:
        # Told when it was found.
        return
    partition = f"[{context.partition_key}]" if context.partition_key else ""
    notifier.notify(f"run {run.run_id} of {run.job_name}{partition} failed. {context.failure_event.message}")
