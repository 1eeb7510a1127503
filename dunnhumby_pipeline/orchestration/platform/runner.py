"""Run the study in this process, on the same history that the UI shows, with progress a stage at a time."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.history import selected
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import table_of
from dunnhumby_pipeline.settings import Home

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_DAGSTER_SETTINGS = (
    "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
    # Runs share the tables of journey and segments, so one at a time.
    "concurrency:\n  runs:\n    max_concurrent_runs: 1\n"
)


class SelectionError(ValueError):
    """A selection cannot be read, or names no asset. The message lists the assets there are."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `planned`, `built`: names of the tables it meant to make and did make. `errors`: why
    steps failed, in words.
    """

    success: bool
    planned: frozenset[str]
    built: frozenset[str]
    errors: tuple[str, ...]


def open_history(home: Home) -> dg.DagsterInstance:
    """The persistent run history of `home`, made when it does not exist yet."""
    home.dagster_home.mkdir(parents=True, exist_ok=True)
    settings: Path = home.dagster_home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(_DAGSTER_SETTINGS, encoding="utf-8")
    return dg.DagsterInstance.from_config(str(home.dagster_home))


def run_study(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    campaign_type: str,
    select: str | Sequence[dg.AssetKey] | None,
    on_event: Callable[[dg.DagsterEvent], None],
) -> Outcome:
    """Materialise the study, or the assets that `select` lists or names, and their checks.

    A text is read in dagster's selection syntax. `on_event` is called with each event as it happens. Raises
    SelectionError when `select` names no asset.
    """
    job = defs.resolve_job_def(STUDY_JOB)
    selection = _selected(defs, select) if isinstance(select, str) else select
    run_id = str(uuid.uuid4())
    planned: set[str] = set()

    def pass_on(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        # Told to listeners alone: the result does not hold it.
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED and event.asset_key:
            planned.add(table_of(event.asset_key))
        on_event(event)

    instance.add_event_listener(run_id, pass_on)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        result = job.execute_in_process(
            run_config=_QUIET,
            instance=instance,
            partition_key=campaign_type,
            raise_on_error=False,
            asset_selection=selection,
            run_id=run_id,
        )
    built = frozenset(
        table_of(event.asset_key) for event in result.get_asset_materialization_events() if event.asset_key
    )
    return Outcome(result.success, frozenset(planned), built, _errors(result))


def _selected(defs: dg.Definitions, select: str) -> list[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    try:
        keys = selected(graph, select)
    except ValueError as error:
        raise SelectionError(f"--select {select!r} cannot be read: {error}") from error
    if not keys:
        names = ", ".join(sorted(key.to_user_string() for key in graph.get_all_asset_keys()))
        raise SelectionError(f"--select {select!r} names no asset; there are {names}")
    return sorted(keys)


def _errors(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """Why steps failed, in words: first the checks that block, each by name, then what crashed."""
    messages = []
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            if not found.passed and found.severity is dg.AssetCheckSeverity.ERROR:
                name = f"{table_of(found.asset_key)}.{found.check_name}"
                messages.append(f"{name}: {found.description}; what lies downstream was not run")
        elif event.is_step_failure:
            failure = event.step_failure_data
            described = failure.user_failure_data.description if failure.user_failure_data else None
            error = failure.error
            if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
                continue
            cause = error.cause if error is not None and error.cause is not None else error
            messages.append(f"{event.step_key}: {described or (cause.message.strip() if cause else '')}")
    return tuple(messages)
