"""A run history in a real Postgres: two processes at once, restarts, the database down at the start and in a run."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import typer

from dunnhumby_pipeline.command.work import at_work
from dunnhumby_pipeline.orchestration.checks.registry import LIST
from dunnhumby_pipeline.orchestration.platform.history import delete_run, latest_checks, latest_metadata
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import Outcome, open_history, run_study
from dunnhumby_pipeline.orchestration.platform.running import end_dead_runs
from dunnhumby_pipeline.settings import Home, SettingsError, load_settings
from dunnhumby_pipeline_tests.fakes.postgres import PASSWORD, Postgres, postgres
from dunnhumby_pipeline_tests.fakes.studies import command

LOCATION = "dunnhumby_pipeline_tests.fakes.tiny_location"
GATE = dg.AssetCheckKey(asset_key("propensity"), "arms_in_overlap")
RUNS = 2
# Runs of one campaign type, until so many have succeeded; a file tells of each how it ended. A restart of the database
# cuts the statement that is under way, which may fail the run that wrote it, before or after the history knows of that
# run: no run but that one. The last run begins after the restart, which is so in the middle on any machine.
WORKER = f"""
import sys, time
from dunnhumby_pipeline.orchestration.platform.runner import open_history, run_study
import {LOCATION} as location

def await_restart():
    while not (location.HOME.root / "restarted").exists():
        time.sleep(0.02)

ended = []
while ended.count("done") < {RUNS} and ended.count("failed") < 2:
    if ended.count("done") == {RUNS} - 1 or "failed" in ended:
        await_restart()
    try:
        with open_history(location.HOME, location.STUDY.settings) as instance:
            outcome = run_study(location.defs, location.HOME, instance, sys.argv[1], None, lambda event: None)
        ended.append("done" if outcome.success else "failed")
    except Exception as error:
        print(error)
        ended.append("failed")
    (location.HOME.root / f"{{ended[-1]}}_{{sys.argv[1]}}_{{len(ended)}}").touch()
sys.exit(ended.count("done") < {RUNS})
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


@pytest.fixture
def home(server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose history is a database of its own, named in the environment."""
    found = Home(tmp_path / "home")
    found.root.mkdir()
    monkeypatch.setenv("DUNNHUMBY_HOME", str(found.root))
    for name, value in server.database(tmp_path.name).items():
        monkeypatch.setenv(name, value)
    tell(found, "pass")
    return found


def tell(home: Home, check: str) -> None:
    (home.root / "told.json").write_text(json.dumps({"check": check, "target": 7}))


def study(
    home: Home, instance: dg.DagsterInstance, on_event: Callable[[dg.DagsterEvent], None] = lambda event: None
) -> Outcome:
    sys.modules.pop(LOCATION, None)
    location = importlib.import_module(LOCATION)
    assert home == location.HOME
    return run_study(location.defs, home, instance, "TypeA", None, on_event)


def leaks(home: Home) -> list[Path]:
    return [path for path in home.root.rglob("*") if path.is_file() and b"Tok3n" in path.read_bytes()]


def test_two_processes_work_side_by_side_through_a_restart_and_gates_read_what_they_found(
    server: Postgres, home: Home
) -> None:
    # The tables are made before, so that both begin at once.
    open_history(home, load_settings(home)).dispose()
    began = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, campaign_type],
            env=dict(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for campaign_type in ("TypeA", "TypeB")
    ]
    while not any(home.root.glob("done_*")) and all(one.poll() is None for one in began):
        time.sleep(0.02)
    server.stop(now=True)
    server.start()
    (home.root / "restarted").touch()
    said = [one.communicate(timeout=120)[0] for one in began]
    assert [one.returncode for one in began] == [0, 0], said
    assert PASSWORD not in "".join(said)
    failed = len(list(home.root.glob("failed_*")))
    assert failed <= 2, said
    with open_history(home, load_settings(home)) as instance:
        end_dead_runs(home, instance)
        runs = instance.get_runs()
        assert all(run.is_finished for run in runs)
        succeeded = [run for run in runs if run.status is dg.DagsterRunStatus.SUCCESS]
        assert 2 * RUNS <= len(succeeded) <= len(runs) <= 2 * RUNS + failed
        for campaign_type in ("TypeA", "TypeB"):
            assert latest_checks(instance, [GATE], campaign_type)[GATE].evaluation.passed  # type: ignore[union-attr]
            assert latest_metadata(instance, asset_key(LIST), campaign_type)["TypeA: n_target"] == 7  # type: ignore[index]
        tell(home, "fail")
        assert not study(home, instance).success
        assert not latest_checks(instance, [GATE], "TypeA")[GATE].evaluation.passed  # type: ignore[union-attr]
        assert latest_checks(instance, [GATE], "TypeB")[GATE].evaluation.passed  # type: ignore[union-attr]
        # What retention removes is gone with all that the run found.
        delete_run(instance, instance.get_runs(limit=1)[0].run_id)
        assert latest_checks(instance, [GATE], "TypeA")[GATE].evaluation.passed  # type: ignore[union-attr]
    assert leaks(home) == []
    assert not (home.dagster_home / "history").exists(), "a history of SQLite beside that of Postgres"


def test_a_database_that_is_down_at_the_start_is_named_with_the_way_out(
    server: Postgres, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    # It is said at once: dagster's own tries, with waits between them, are never begun.
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: pytest.fail("waited"))
    try:
        refused = command("run", "--home", home.root)
    finally:
        server.start()
    assert refused.exit_code == 2, refused.output
    assert f"Postgres at 127.0.0.1:{server.port}/" in refused.output
    assert "history.host" in refused.output and "start Postgres" in refused.output
    assert PASSWORD not in refused.output and "Traceback" not in refused.output
    monkeypatch.setenv("PGPASSWORD", "wrong")
    refused = command("report", "--home", home.root)
    assert refused.exit_code == 2 and "PGPASSWORD" in refused.output and "wrong" not in refused.output
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("DUNNHUMBY_HISTORY__DATABASE", "nobodys")
    refused = command("report", "--home", home.root)
    assert refused.exit_code == 2 and "CREATE DATABASE" in refused.output
    assert leaks(home) == []


def test_a_database_that_goes_down_in_a_run_fails_it_and_the_next_command_goes_on(
    server: Postgres, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Dagster tries a database that is gone again for eleven seconds, at each thing that it would write.
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0.01)
    whole = Study(load_settings(home), home)

    def stop(event: dg.DagsterEvent) -> None:
        if event.is_step_start:
            server.stop(now=True)

    with pytest.raises(typer.Exit) as ended, at_work(whole, "dunnhumby run") as instance:
        study(home, instance, stop)
    assert ended.value.exit_code == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"Postgres at 127.0.0.1:{server.port}/" in said and "goes on from here" in said
    assert PASSWORD not in said and "Traceback" not in said and "INSERT" not in said
    server.start()
    with at_work(whole, "dunnhumby run") as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
        assert study(home, instance).success
    assert "died with its process; it is marked as failed" in " ".join(capsys.readouterr().out.split())
    assert leaks(home) == []


def test_one_database_serves_one_home(home: Home, tmp_path: Path) -> None:
    settings = load_settings(home)
    open_history(home, settings).dispose()
    open_history(home, settings).dispose()
    other = Home(tmp_path / "other")
    with pytest.raises(SettingsError, match="history of another home"):
        open_history(other, settings)


def test_the_ui_and_the_command_read_the_same_history_and_no_file_holds_a_password(home: Home) -> None:
    open_history(home, load_settings(home)).dispose()
    for name in ("dagster.yaml", "dagster_command.yaml"):
        with dg.DagsterInstance.from_config(str(home.dagster_home), name) as instance:
            assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
            assert "Tok3n" not in instance.info_str()
    assert leaks(home) == []


@pytest.mark.parametrize("host", ["desk:secret@db", "postgresql://db/x", "db/../x", "db host"])
def test_a_host_that_is_none_is_refused_without_showing_it(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUNNHUMBY_HISTORY__HOST", host)
    with pytest.raises(SettingsError, match="PGPASSWORD") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUNNHUMBY_HISTORY__HOST", "db.example.com")
    monkeypatch.setattr("dunnhumby_pipeline.settings.history.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'dunnhumby-pipeline\[postgres\]'"):
        load_settings()
