"""Run the study in this process, on the same history that the UI shows, with progress shown stage by stage."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from dunnhumby_pipeline.orchestration.platform.failures import UNUSABLE_INPUT
from dunnhumby_pipeline.orchestration.platform.history import (
    NO_COMPUTE_LOGS,
    AssetGraph,
    lists_with,
    open_instance,
    place_in_timeline,
    selected,
)
from dunnhumby_pipeline.orchestration.platform.instance_file import instance_settings, write_instance_file
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.keys import table_of
from dunnhumby_pipeline.orchestration.platform.running import ended, holding
from dunnhumby_pipeline.settings import Home, RetentionSettings, RunSettings, Settings, one_line

# What the UI loads, and calls the place that the study's runs belong to.
CODE_LOCATION = "dunnhumby_pipeline.definitions"
# Both lie beside the history and name the same one; the second is read by the command alone.
_UI, _COMMAND = "dagster.yaml", "dagster_command.yaml"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# A run of the command prints to the terminal: to copy that into files as well, once a step, takes seconds.
_COMMAND_SETTINGS = f"telemetry:\n  enabled: false\n{NO_COMPUTE_LOGS}"
# A run of the command is its user's: the daemon neither ends it when it takes long nor repeats it.
_OF_THE_USER = {"dagster/max_runtime": "0", "dagster/max_retries": "0"}


class SelectionError(ValueError):
    """A selection cannot be read, or names no asset. The message lists the assets there are."""


@dataclass(frozen=True)
class Work:
    """What a run is to do: assets to materialise and check, and checks of other assets to carry out."""

    assets: frozenset[dg.AssetKey]
    checks: frozenset[dg.AssetCheckKey] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.assets or self.checks)


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `planned`, `built`: names of the tables it meant to make and did make. `errors`: why
    steps failed, in words. `unusable`: the input cannot be used.
    """

    success: bool
    planned: frozenset[str]
    built: frozenset[str]
    errors: tuple[str, ...]
    unusable: bool = False


def open_history(home: Home, settings: Settings | None = None) -> dg.DagsterInstance:
    """The persistent run history of `home`, made when it does not exist yet: the one that the UI shows.

    With `settings`, dagster's own settings there are brought up to date with them.
    """
    home.dagster_home.mkdir(parents=True, exist_ok=True)
    ui: Path = home.dagster_home / _UI
    if settings is not None or not ui.exists():
        runs, retention = (settings.runs, settings.retention) if settings else (RunSettings(), RetentionSettings())
        write_instance_file(ui, instance_settings(runs, retention))
    command: Path = home.dagster_home / _COMMAND
    if not command.exists():
        command.write_text(_COMMAND_SETTINGS, encoding="utf-8")
    return open_instance(home.dagster_home, _COMMAND)


def run_study(
    defs: dg.Definitions,
    home: Home,
    instance: dg.DagsterInstance,
    campaign_type: str,
    work: Work | None,
    on_event: Callable[[dg.DagsterEvent], None],
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Outcome:
    """Materialise the study, or what `work` names of it. `on_event` is called with each event as it happens.

    `tags`: of the run, beside those by which the UI finds it; `config`: of its steps.
    """
    job = defs.resolve_job_def(STUDY_JOB)
    if work is not None:
        checks = checks_of(work, defs.resolve_asset_graph())
        job = job.get_subset(asset_selection=set(work.assets), asset_check_selection=checks)
    run_id = str(uuid.uuid4())
    planned: set[str] = set()

    def pass_on(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type is dg.DagsterEventType.RUN_START:
            place_in_timeline(instance, run_id, CODE_LOCATION)
        # Told to listeners alone: the result does not hold it.
        if event.event_type is dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED and event.asset_key:
            planned.add(table_of(event.asset_key))
        on_event(event)

    instance.add_event_listener(run_id, pass_on)
    with warnings.catch_warnings(), holding(home, run_id), ended(instance, run_id):
        warnings.simplefilter("ignore", dg.PreviewWarning)
        result = job.execute_in_process(
            run_config={**_QUIET, **(config or {})},
            instance=instance,
            partition_key=campaign_type,
            raise_on_error=False,
            run_id=run_id,
            tags={**lists_with(CODE_LOCATION), **_OF_THE_USER, **(tags or {})},
        )
    built = frozenset(
        table_of(event.asset_key) for event in result.get_asset_materialization_events() if event.asset_key
    )
    return Outcome(result.success, frozenset(planned), built, _errors(result), _is_unusable(result))


def checks_of(work: Work, graph: AssetGraph) -> set[dg.AssetCheckKey]:
    """Every check that a run carries out which does `work`: those of its assets, and those that it names."""
    return {key for key in graph.asset_check_keys if key.asset_key in work.assets} | work.checks


def selected_work(defs: dg.Definitions, select: str) -> Work:
    """The assets that a text in dagster's selection syntax names, in which the name of a table is enough.

    Raises SelectionError when it cannot be read, or names no asset.
    """
    graph = defs.resolve_asset_graph()
    try:
        keys = selected(graph, select)
    except ValueError as error:
        raise SelectionError(f"--select {select!r} cannot be read: {error}") from error
    if not keys:
        names = ", ".join(sorted(key.to_user_string() for key in graph.get_all_asset_keys()))
        raise SelectionError(f"--select {select!r} names no asset; there are {names}")
    return Work(frozenset(keys))


def _is_unusable(result: dg.ExecuteInProcessResult) -> bool:
    said = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    return any(UNUSABLE_INPUT in failure.metadata for failure in said if failure is not None)


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
    if not result.success and not messages:
        # Nothing got as far as a step.
        messages = [event.message or "the run failed" for event in result.all_events if event.is_job_failure]
    return tuple(one_line(message) for message in messages)
