"""Who works on a home: one command at a time, and runs whose process is dead.

A lock of the operating system says both. It ends with the process that holds it, however that ends, and is right
where numbers of processes are not: after a restart, and in another container on the same disk.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

from dunnhumby_pipeline.engine.threads import one_thread
from dunnhumby_pipeline.orchestration.platform.storage import write_text_atomically
from dunnhumby_pipeline.settings import Home

# A run that the UI starts takes its lock when its process has loaded the definitions.
SECONDS_TO_BEGIN = 300
UNFINISHED = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
# Names a run that was marked as failed here: a run that is tried again takes over the tags of the one that died.
DIED = "dunnhumby/died"
_HELD: set[Path] = set()


class Busy(Exception):
    """Another process works on the home. The message names it."""


@contextmanager
def working(home: Home, command: str) -> Iterator[None]:
    """Hold the home for this process, which carries out `command`. Raises Busy, which names the one that holds it."""
    lock, owner = FileLock(home.dagster_home / "command.lock"), home.dagster_home / "command.json"
    home.dagster_home.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise Busy(
            f"{_named(owner)} is at work on {home.root}; wait until it has ended, or stop it, and try again"
        ) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_text_atomically(json.dumps({"command": command, "process": os.getpid(), "since": since}), owner)
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _named(owner: Path) -> str:
    try:
        said = json.loads(owner.read_text(encoding="utf-8"))
        return f"`{said['command']}` (process {said['process']}, since {said['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another command"


@contextmanager
def holding(home: Home, run_id: str) -> Iterator[None]:
    """Hold a run for this process while it carries it out; once is enough in one process."""
    file = _lock_of(home, run_id)
    if file in _HELD:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(file):
        _HELD.add(file)
        try:
            yield
        finally:
            _HELD.remove(file)
    file.unlink(missing_ok=True)


def _lock_of(home: Home, run_id: str) -> Path:
    return home.dagster_home / "running" / f"{run_id}.lock"


def held_while_run(home: Home, store: dg.IOManager) -> dg.IOManagerDefinition:
    """`store` for the steps of a run, which its process holds from the first to the last of them, in one thread of the
    numerical libraries."""

    def begin(context: dg.InitResourceContext) -> Iterator[dg.IOManager]:
        if context.run is None:
            yield store
            return
        # Sums over several threads differ in their last digits, and cost more than they save.
        with holding(home, context.run.run_id), one_thread():
            yield store

    # A resource that ends with its run yields itself, which dagster takes and does not declare.
    return dg.IOManagerDefinition(begin)  # type: ignore[arg-type]


def is_dead(home: Home, run_id: str, seconds: float) -> bool:
    """Whether no process carries out a run that began `seconds` ago and has not ended."""
    file = _lock_of(home, run_id)
    if file in _HELD:
        return False
    if not file.exists():
        return seconds > SECONDS_TO_BEGIN
    try:
        with FileLock(file).acquire(blocking=False):
            return True
    except Timeout:
        return False


def end_dead_runs(home: Home, instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose process is dead, so that the queue goes on; what was found, a line for each."""
    found = []
    # A process that dies between the run's first line and its start leaves it as one that never started.
    statuses = [dg.DagsterRunStatus.NOT_STARTED, *UNFINISHED]
    for record in instance.get_run_records(dg.RunsFilter(statuses=statuses)):
        run = record.dagster_run
        began = record.start_time or record.create_timestamp.timestamp()
        if is_dead(home, run.run_id, time.time() - began):
            moment = datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds")
            said = f"run {run.run_id} of {run.job_name}, begun {moment}, died with its process; it is marked as failed"
            instance.add_run_tags(run.run_id, {DIED: run.run_id})
            instance.report_run_failed(run, said)
            _lock_of(home, run.run_id).unlink(missing_ok=True)
            found.append(said)
    return found


def require_no_run(instance: dg.DagsterInstance) -> None:
    """Raise Busy, naming it, when a run is at work: one that the UI or a schedule has started."""
    for run in instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)), limit=1):
        raise Busy(f"run {run.run_id} of {run.job_name} is at work on the same tables; wait until it has ended")


@contextmanager
def ended(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Mark a run of this process as canceled when it is cut short before dagster has written its end."""
    try:
        yield
    finally:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_canceled(run, "stopped before its end")
