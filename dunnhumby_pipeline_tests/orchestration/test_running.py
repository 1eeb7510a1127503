"""Who works on a home: one command at a time; runs and temporary files of dead processes; signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline import cli
from dunnhumby_pipeline.engine.scratch import SPILL, STAGING, beside, remove_leftovers, scratch_folder
from dunnhumby_pipeline.orchestration.alerts.sensors import alert_sensor
from dunnhumby_pipeline.orchestration.platform.interrupts import Stop, stoppable
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.orchestration.platform.running import (
    DIED,
    SECONDS_TO_BEGIN,
    Busy,
    end_dead_runs,
    held_while_run,
    holding,
    is_dead,
    require_no_run,
    working,
)
from dunnhumby_pipeline.settings import Home, Settings
from dunnhumby_pipeline_tests.fakes.studies import command

# No process has so high a number.
DEAD = 2**31 - 2
RUN = "8fe5a521-78f8-4d1e-b7bb-8afbc799b54c"
HOLDS = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from dunnhumby_pipeline.orchestration.platform.running import holding, working
from dunnhumby_pipeline.settings import Home
home = Home(Path(sys.argv[1]))
with working(home, "dunnhumby run"), holding(home, sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the home and carries out a run."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(home.root), RUN], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def begun(
    instance: dg.DagsterInstance, run_id: str, reached: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
) -> None:
    """A run as a process leaves it that was killed when the run had reached a status."""
    instance.create_run_for_job(dg.job(name="study")(lambda: None), run_id=run_id, status=reached)


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


# --- one command at a time, and dead runs -------------------------------------------------------------


def test_a_second_command_is_refused_until_the_first_is_dead(home: Home, holder: subprocess.Popen[str]) -> None:
    said = f"`dunnhumby run` .process {holder.pid}, since .* is at work on {home.root}"
    with pytest.raises(Busy, match=said), working(home, "dunnhumby report"):
        pass
    refused = command("run", "--home", home.root)
    assert refused.exit_code == 2
    assert "cannot start  `dunnhumby run` (process" in refused.output
    holder.kill()
    holder.wait()
    with working(home, "dunnhumby report"):
        pass


def test_a_run_is_dead_when_its_process_is(home: Home, holder: subprocess.Popen[str]) -> None:
    with open_history(home) as instance:
        begun(instance, RUN)
        assert end_dead_runs(home, instance) == []
        with pytest.raises(Busy, match=f"run {RUN} of study is at work"):
            require_no_run(instance)
        holder.kill()
        holder.wait()
        [said] = end_dead_runs(home, instance)
        assert f"run {RUN} of study" in said and "died with its process" in said
        assert status(instance, RUN) is dg.DagsterRunStatus.FAILURE
        require_no_run(instance)
        assert end_dead_runs(home, instance) == []


def test_a_run_whose_process_died_before_its_start_ends_as_well(home: Home, holder: subprocess.Popen[str]) -> None:
    with open_history(home) as instance:
        begun(instance, RUN, dg.DagsterRunStatus.NOT_STARTED)
        assert end_dead_runs(home, instance) == []
        holder.kill()
        holder.wait()
        assert len(end_dead_runs(home, instance)) == 1
        assert status(instance, RUN) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_nobody_has_taken_up_is_given_time(home: Home) -> None:
    assert not is_dead(home, "run", SECONDS_TO_BEGIN - 1)
    assert is_dead(home, "run", SECONDS_TO_BEGIN + 1)
    with holding(home, "run"), holding(home, "run"):
        assert not is_dead(home, "run", SECONDS_TO_BEGIN + 1)


def test_a_run_is_held_from_its_first_step_to_its_last(home: Home) -> None:
    dead: list[bool] = []

    @dg.op
    def look() -> None:
        dead.append(is_dead(home, dg.OpExecutionContext.get().run_id, SECONDS_TO_BEGIN + 1))

    @dg.job(resource_defs={"io_manager": held_while_run(home, dg.InMemoryIOManager())})
    def looks() -> None:
        look()

    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*InitResourceContext", DeprecationWarning)
        ended = looks.execute_in_process()
    assert dead == [False]
    assert is_dead(home, ended.run_id, SECONDS_TO_BEGIN + 1)


def test_the_daemon_ends_dead_runs_and_says_so_once(home: Home) -> None:
    settings = Settings()
    study = Study(settings, home)
    with open_history(home) as instance:
        for last in (False, False, True):
            if last:
                begun(instance, RUN)
                (home.dagster_home / "running").mkdir()
                (home.dagster_home / "running" / f"{RUN}.lock").touch()
            for _ in range(2):
                alert_sensor(settings)(dg.build_sensor_context(instance, resources={"study": study}))
        assert status(instance, RUN) is dg.DagsterRunStatus.FAILURE
        # Dagster copies the tags of a run to the one that tries it again, which ends for a reason of its own.
        died_before = instance.get_run_by_id(RUN)
        assert died_before is not None and died_before.tags[DIED] == RUN
        again = instance.create_run_for_job(
            dg.job(name="study")(lambda: None), status=dg.DagsterRunStatus.STARTED, tags=died_before.tags
        )
        instance.report_run_failed(again, "took longer than 12 hours")
        alert_sensor(settings)(dg.build_sensor_context(instance, resources={"study": study}))
    begins, died, ended = home.alerts_log.read_text().splitlines()
    assert "Alerts begin: no study yet" in begins
    assert "run of study failed" in died and f"Failed: run {RUN[:8]} of study: its process died" in died
    assert f"Failed: run {again.run_id[:8]} of study: took longer than 12 hours" in ended


# --- temporary files ----------------------------------------------------------------------------------


def test_temporary_files_of_dead_processes_are_removed_and_no_others(tmp_path: Path) -> None:
    warehouse, temporary = tmp_path / "warehouse", tmp_path / "tmp"
    gone = [
        warehouse / f"{STAGING}{DEAD}_abc" / "transactions.parquet",
        warehouse / f"{STAGING}k2j4h5" / "of_an_earlier_release.parquet",
        warehouse / f".products.parquet.{DEAD}",
        warehouse / "TypeA" / f".policy_value.parquet.{DEAD}",
        beside(warehouse / "TypeA" / "from_a_container_in_which_all_have_this_number.parquet"),
        temporary / f"{SPILL}{DEAD}_abc" / "block",
    ]
    kept = [
        warehouse / "products.parquet",
        warehouse / "TypeA" / "policy_value.parquet",
        warehouse / f".products.parquet.{os.getppid()}",
        temporary / f"{SPILL}{os.getppid()}_abc" / "block",
        temporary / "somebody_elses" / "file",
    ]
    for file in (*gone, *kept):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert len(remove_leftovers(warehouse, [temporary])) == len(gone)
    assert not any(file.exists() for file in gone)
    assert all(file.exists() for file in kept)


def test_a_scratch_folder_names_its_process_and_goes(tmp_path: Path) -> None:
    with scratch_folder(SPILL, tmp_path) as folder:
        assert folder.name.startswith(f"{SPILL}{os.getpid()}_")
    assert not folder.exists()


# --- signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_is_swallowed_comes_again(number: signal.Signals, code: int) -> None:
    swallowed, before = 0, signal.getsignal(signal.SIGTERM)
    with stoppable(lambda stop: "", again=0.1) as stop, pytest.raises(KeyboardInterrupt):
        while True:
            try:
                os.kill(os.getpid(), number) if not swallowed else time.sleep(5)
            except KeyboardInterrupt:
                swallowed += 1
                if swallowed == 3:
                    raise
    assert (swallowed, stop.exit_code, stop.name) == (3, code, number.name)
    assert signal.getsignal(signal.SIGTERM) == before


DEAF = """
import hashlib, threading
from dunnhumby_pipeline.orchestration.platform.interrupts import stoppable
with stoppable(lambda stop: f"stopped by {stop.name}", again=0.1, patience=0.5):
    threading.Timer(1, print, ["ready"], {"flush": True}).start()
    # Computes for hours outside Python, where no exception is raised; by then it has begun.
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""


def test_a_process_that_hears_nothing_is_ended_with_one_line() -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (143, "stopped by SIGTERM\n", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_says_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> None:
    monkeypatch.setattr(cli, "load_study", lambda *_: os.kill(os.getpid(), number))
    ended = command("run", "--home", tmp_path)
    assert ended.exit_code == code
    assert ended.output == f"{cli._farewell(Stop(number))}\n"
