"""Alerts under the real daemon: to a real HTTP endpoint and a real mail server, one of them down for a while, over a
restart of the daemon.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dunnhumby_pipeline.orchestration.alerts.store import Store
from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.settings import Home
from dunnhumby_pipeline_tests.fakes.receivers import Endpoint, MailServer

LOCATION = "dunnhumby_pipeline_tests.fakes.tiny_location"
SECRET = "Tok3nThatNobodyMaySee"
# The real daemon, which looks at its sensors every second and not every five: this test waits for ten of its looks.
DAEMON = """
from dagster._daemon import sensor
from dagster._daemon.cli import main
sensor.MIN_INTERVAL_LOOP_TIME = 1
main()
"""
# A machine that is busy takes its time.
PATIENCE = 240.0


@contextmanager
def daemon(home: Home, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["-W", "ignore", "-c", DAEMON, "run", "-m", LOCATION]
    with (home.root / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(what: Callable[[], bool], home: Home) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > end:
            log = (home.root / "daemon.log").read_text()[-3000:]
            raise AssertionError(f"not within {PATIENCE:g} s; the daemon said: {log}")
        time.sleep(0.1)


def test_incidents_reach_their_channels_once_each_over_an_outage_and_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, endpoint, mail = Home(tmp_path / "home"), Endpoint().start(), MailServer().start()
    home.root.mkdir()
    # A receiver that is slow, not down, is waited for: what it took and did not answer in time would be sent twice.
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home.dagster_home),
        "DUNNHUMBY_HOME": str(home.root),
        "DUNNHUMBY_ALERTS__SECONDS_BETWEEN_LOOKS": "1",
        "DUNNHUMBY_ALERTS__FIRST_WAIT_SECONDS": "0.5",
        "DUNNHUMBY_ALERTS__UI_URL": "https://desk.example",
        "DUNNHUMBY_ALERT_URLS": f"json://127.0.0.1:{endpoint.port}/{SECRET}?cto=10&rto=20",
        "DUNNHUMBY_ALERT_URLS_BLOCK": f"mailto://127.0.0.1:{mail.port}?from=desk@example.com&to=team@example.com&cto=20",
    }
    monkeypatch.setenv("DUNNHUMBY_HOME", str(home.root))
    # It takes its home when it is loaded, as another test of this process may have had it do.
    monkeypatch.delitem(sys.modules, LOCATION, raising=False)
    location = importlib.import_module(LOCATION)

    finished: list[float] = []

    def study(check: str, target: int, crash: str | None = None) -> str:
        (home.root / "told.json").write_text(json.dumps({"check": check, "target": target, "crash": crash}))
        with open_history(home) as instance:
            ended = location.defs.resolve_job_def(STUDY_JOB).execute_in_process(
                instance=instance, partition_key="TypeA", raise_on_error=False
            )
        finished.append(time.time())
        return ended.run_id

    try:
        study("pass", 0)
        with daemon(home, environment):
            wait_for(lambda: len(endpoint.got) == 1, home)
            assert "Alerts begin: 1 checks passed, 0 warned, 0 failed" in endpoint.titles[0]
            # One gate fails, the run stops and the list is stale: one message, to both.
            failed = study("fail", 0)
            wait_for(lambda: len(endpoint.got) == 2 and len(mail.got) == 1, home)
            latency = endpoint.got[1][0] - finished[-1]
            said = endpoint.got[1][2]["message"]
            assert "BLOCKED [TypeA] propensity.arms_in_overlap pass → fail; the list is stale" in endpoint.titles[1]
            assert "numbers: n_treated_in_overlap 1200 → 12" in said and "do: " in said
            assert f"Run: https://desk.example/runs/{failed}" in said
            assert f"runs/{failed}" in mail.got[0][2].replace("=\n", "")
            # Neither a run that fails at the same gate nor the next looks say anything.
            study("fail", 0)
            mail.stop()
            # It recovers while the mail server is down; the list has targets.
            study("pass", 266)
            wait_for(lambda: len(endpoint.got) == 3, home)
            assert "Recovered [TypeA] propensity.arms_in_overlap" in endpoint.titles[2]
            assert "to target 0 → 266" in endpoint.got[2][2]["message"]
            wait_for(lambda: bool(Store(home.alerts).read().down), home)
        # The daemon was stopped with a message to send; another one finds what happened meanwhile, too.
        study("pass", 266, crash=f"no space left, at s3://key:{SECRET}@bucket/a")
        with daemon(home, environment):
            wait_for(lambda: len(endpoint.got) == 4, home)
            assert "BLOCKED [TypeA] run of full_study (overlap__propensity) failed" in endpoint.titles[3]
            mail.start()
            wait_for(lambda: len(mail.got) == 3, home)
            study("pass", 266)
            wait_for(lambda: len(endpoint.got) == 5 and len(mail.got) == 4, home)
            assert "Recovered [TypeA] run of full_study" in endpoint.titles[4]
            wait_for(lambda: not Store(home.alerts).read().outbox, home)
    finally:
        endpoint.stop()
        mail.stop()
    # Each incident and each recovery once at each channel, and in the log; the summary of the beginning blocks nothing.
    assert len(endpoint.titles) == len(set(endpoint.titles)) == 5
    # The mail server may have come back between two messages that it was sent in turn.
    assert sorted(mail.subjects) == sorted(endpoint.titles[1:])
    log = home.alerts_log.read_text().splitlines()
    assert [line.split("  ")[1] for line in log] == ["info", "block", "block", "block", "block"]
    assert Store(home.alerts).read().incidents == () and Store(home.alerts).given_up() == []
    print(f"latency {latency:.1f} s")
    kept = [path for path in home.root.rglob("*") if path.is_file() and path.name != "told.json"]
    leaks = [path for path in kept if SECRET.encode() in path.read_bytes()]
    # What a step raised is in dagster's history as it was raised; an address that the environment names is nowhere.
    assert [path for path in leaks if "dagster_home" not in path.parts] == []
    assert all(f"{endpoint.port}/{SECRET}".encode() not in path.read_bytes() for path in kept)
