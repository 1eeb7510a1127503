"""What the main tables say in the UI: verdict, picture and links, and that what they link to is served."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pandas as pd
import pytest
from PIL import Image

from dunnhumby_pipeline.contracts.registry import TABLES, table
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.pages import (
    SERVED,
    SMALL_PIXELS,
    page_address,
    picture_address,
    reply_to,
    server_of,
)
from dunnhumby_pipeline.orchestration.platform.history import latest_metadata
from dunnhumby_pipeline.orchestration.platform.keys import asset_key, table_of
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.telling import LINE, teller
from dunnhumby_pipeline.report import told
from dunnhumby_pipeline.report.sections import sections
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.told import TOLD, Told, told_of
from dunnhumby_pipeline.settings import Home, Settings, SettingsError, load_settings
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, command

# The tables that a reader opens.
MAIN = {
    *("segments", "segment_profiles", "customer_lifetime_value", "next_action", "first_campaign_cohort"),
    *("overlap_diagnostics", "average_effects", "cate_validation", "policy_value", "targeting_list"),
    *("decision_summary", "experiment_design", "economics", "break_even", "campaign_report", "campaign_brief"),
}


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    laboratory = small.copy(tmp_path_factory.mktemp("telling"))
    # Pictures of the small study are made and not drawn.
    drawn = io.BytesIO()
    Image.new("RGB", (800, 400), "white").save(drawn, format="png")
    report = laboratory.home.warehouse / "TypeA" / TABLES["campaign_report"].file_name
    source = f"data:image/png;base64,{base64.b64encode(drawn.getvalue()).decode()}"
    text = report.read_text(encoding="utf-8")
    assert 'src="data:,"' in text
    report.write_text(text.replace('src="data:,"', f'src="{source}"'), encoding="utf-8")
    return laboratory


@pytest.fixture(scope="module")
def study(finished: Laboratory) -> Study:
    return Study(Settings(), finished.home, finished.raw)


@pytest.fixture(scope="module")
def shown(finished: Laboratory) -> dict[str, dict[str, Any]]:
    """What the UI shows of each table that is told in words."""
    with finished.history() as instance:
        found = {
            name: latest_metadata(instance, asset_key(name), "TypeA" if TABLES[name].partitioned else None)
            for name in TOLD
        }
    return {name: dict(metadata or {}) for name, metadata in found.items()}


def test_every_main_table_is_told_in_words_with_its_picture(shown: dict[str, dict[str, Any]]) -> None:
    assert set(TOLD) >= MAIN
    for name, how in TOLD.items():
        found = shown[name]
        said = str(found["verdict"])
        assert "could not be told" not in said and len(said) > 20, (name, said)
        assert ("picture" in found) == (how.picture is not None), name
        assert len(json.dumps(said)) < 3000, name
        assert max(map(len, said.split("![")[0].replace("\\", "").splitlines())) <= LINE + 2, name


def test_words_are_those_of_report_and_summary(
    finished: Laboratory, study: Study, shown: dict[str, dict[str, Any]]
) -> None:
    values = pd.read_parquet(finished.table("policy_value"))
    effects = pd.read_parquet(finished.table("average_effects"))
    from dunnhumby_pipeline.report.answer import plain_answer

    points = dict(plain_answer(StudyTables({"average_effects": effects, "policy_value": values})).points)
    said = told_of("average_effects", StudyTables({"average_effects": effects}), study.settings, "TypeA")
    assert said is not None and said == points["Does the campaign work?"]
    plain = " ".join(str(shown["average_effects"]["verdict"]).replace("\\", "").split())
    assert plain.startswith(said)


def test_no_words_name_a_household(study: Study) -> None:
    told_of_households = [name for name in TOLD if TABLES[name].is_table and TABLES[name].personal]
    assert {"segments", "next_action", "first_campaign_cohort", "targeting_list"} <= set(told_of_households)
    for name in TOLD:
        if not TABLES[name].is_table:
            continue
        partition = "TypeA" if TABLES[name].partitioned else None
        frame = pd.read_parquet(study.table(name, partition))
        if name in told_of_households:
            # Keys that are no count, price or day.
            frame = frame.assign(household_key=frame["household_key"] + 987_000_000)
        said = str(teller(study)(name, partition, frame)["verdict"].value)
        assert "987" not in said.replace(",", ""), name


def test_a_table_is_told_by_what_comes_before_it(tmp_path: Path) -> None:
    defs = build_defs(home=Home(tmp_path))
    graph = defs.resolve_asset_graph()
    for name, how in TOLD.items():
        above = dg.AssetSelection.assets(asset_key(name)).upstream(include_self=False).resolve(graph)
        steps = {TABLES[table_of(key)].made_by for key in above if table_of(key) in TABLES} - {table(name).made_by}
        assert {read for read in how.reads if table(read).made_by not in steps} == set(), name


def test_pictures_are_sections_that_draw() -> None:
    drawn = {section.name for section in sections() if section.draw is not None}
    assert {how.picture for how in TOLD.values()} - {None} <= drawn


def test_words_that_cannot_be_made_are_no_reason_to_stop(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashes(tables: StudyTables, settings: Settings, campaign_type: str) -> str:
        raise ValueError("no such column")

    monkeypatch.setitem(told.TOLD, "segments", Told(crashes))
    frame = pd.read_parquet(study.table("segments"))
    said = teller(study)("segments", None, frame)["verdict"].value
    assert " ".join(said.split()) == "This table could not be told in words (ValueError: no such column)"


def test_hostile_names_are_shown_and_not_carried_out(study: Study) -> None:
    frame = pd.read_parquet(study.table("segments")).assign(segment_name="<b>x</b> [a](http://evil) | ~~y~~")
    said = teller(study)("segments", None, frame)["verdict"].value
    assert r"\<b\>x\</b\> \[a\](http://evil) \| \~\~y\~\~" in " ".join(said.split())


@contextmanager
def served(study: Study) -> Iterator[int]:
    with server_of(study, 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def get(port: int, path: str, host: str = "localhost", method: str = "GET") -> tuple[int, str, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.headers.get("Content-Type", ""), answer.read()


def test_every_link_in_the_ui_opens(study: Study, shown: dict[str, dict[str, Any]]) -> None:
    with served(study) as port:
        for name, found in shown.items():
            for key in ("open", "picture"):
                if key in found:
                    status, kind, content = get(port, urlsplit(str(found[key])).path)
                    assert status == 200, (name, found[key])
                    assert kind.startswith("image/png" if key == "picture" else ("text/", "text/html"))
                    assert content.startswith(b"\x89PNG") if key == "picture" else len(content) > 1000
            for inline in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", str(found["verdict"])):
                status, _, content = get(port, urlsplit(inline).path)
                assert (status, int.from_bytes(content[16:20], "big")) == (200, SMALL_PIXELS), inline
        for name in SERVED:
            status, _, content = get(port, urlsplit(page_address(study, name, "TypeA")).path)
            assert (status, content) == (200, study.table(name, "TypeA").read_bytes())
        index = get(port, "/")[2].decode()
        assert index.count("<li>") == len(SERVED) and "/TypeA/campaign_brief.html" in index
        assert get(port, "/TypeA/campaign_brief.html", method="HEAD")[2] == b""


@pytest.mark.parametrize(
    "path",
    [
        *("/TypeA/targeting_list.parquet", "/TypeA/../origin.json", "/TypeA/%2e%2e%2forigin.json", "/etc/passwd"),
        *("/TypeB/campaign_report.html", "/TypeD/campaign_report.html", "/TypeA/pictures/nothing.png", "/TypeA"),
        *("/TypeA/pictures/../campaign_report.html", "/dagster_home/dagster.yaml", "//TypeA//x"),
    ],
)
def test_nothing_else_is_served(study: Study, path: str) -> None:
    assert reply_to(study, path).status == 404


def test_other_names_than_ours_are_refused(study: Study) -> None:
    with served(study) as port:
        assert get(port, "/TypeA/targeting_list.csv", host="evil.example")[0] == 421
        assert get(port, "/TypeA/targeting_list.csv", host=f"127.0.0.1:{port}")[0] == 200
        assert get(port, "/TypeA/campaign_brief.html", method="POST")[0] == 501
    behind = Study(Settings(desk={"pages_url": "https://desk.example/pages"}), study.home, study.raw)
    assert picture_address(behind, "sizes", None) == "https://desk.example/pages/latest/pictures/sizes.png"
    with served(behind) as port:
        whole = get(port, "/TypeA/campaign_brief.html", host="desk.example")
        assert whole[0] == 200
        # A proxy may leave the path of the address in what it passes on.
        for path in ("/pages", "/pages/"):
            assert "href='/pages/TypeA/campaign_brief.html'" in get(port, path, host="desk.example")[2].decode()
        assert get(port, "/pages/TypeA/campaign_brief.html", host="desk.example") == whole
        assert get(port, "/pagesTypeA/campaign_brief.html", host="desk.example")[0] == 404
        assert get(port, "/pages/pages/TypeA/campaign_brief.html", host="desk.example")[0] == 404


@pytest.mark.parametrize("url", ["desk.example", "https://me:hush@desk.example", "http://", "http://a b", "ftp://x"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"desk\.pages_url") as refused:
        load_settings(Home(tmp_path), desk={"pages_url": url})
    assert "hush" not in str(refused.value)


def test_a_port_in_use_is_refused_by_name(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        for name in ("pages", "ui"):
            refused = command(name, "--home", tmp_path, "--port", port)
            assert refused.exit_code == 2
            assert f"port {port} of 127.0.0.1 is in use by another program" in refused.output
        taken = f"http://localhost:{port}"
        refused = command("ui", "--home", tmp_path, "--port", "39417", DUNNHUMBY_DESK__PAGES_URL=taken)
        assert (refused.exit_code, f"port {port} of 127.0.0.1 is in use" in refused.output) == (2, True)
    same = command("ui", "--home", tmp_path, "--port", "39417", DUNNHUMBY_DESK__PAGES_URL="http://localhost:39417")
    assert "--port is 39417, where desk.pages_url has brief and report" in same.output
    nowhere = command("pages", "--home", tmp_path, DUNNHUMBY_DESK__PAGES_URL="https://desk.example")
    assert (nowhere.exit_code, "names no port of this machine" in nowhere.output) == (2, True)
    missing = command("pages", "--home", tmp_path / "nowhere", "--port", "39417")
    assert (missing.exit_code, "expected a folder that exists" in missing.output) == (2, True)
    assert not (tmp_path / "nowhere").exists()


def test_pages_need_neither_the_history_nor_a_home_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int]] = []
    asked = "dunnhumby_pipeline.command.pages.require_free"
    monkeypatch.setattr(asked, lambda host, port, named: seen.append((host, port)))
    monkeypatch.setattr("dunnhumby_pipeline.orchestration.pages.server_of", lambda study, port, host: _Unstarted())
    before = sorted(tmp_path.rglob("*"))
    gone = {"DUNNHUMBY_HISTORY__HOST": "127.0.0.1", "DUNNHUMBY_HISTORY__PORT": "9"}
    done = command("pages", "--home", tmp_path, "--host", "0.0.0.0", "--port", "39417", **gone)
    assert (done.exit_code, seen) == (0, [("0.0.0.0", 39417)])
    assert "http://0.0.0.0:39417 serves" in done.output
    assert "whoever reaches 0.0.0.0:39417 can read lists" in done.output
    assert sorted(tmp_path.rglob("*")) == before


class _Unstarted:
    """In the place of a server."""

    def __enter__(self) -> _Unstarted:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""

    def serve_forever(self, poll_interval: float) -> None:
        """Nothing to serve."""


def test_the_pages_end_with_the_process_that_began_them(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import os, subprocess, sys, time\n"
        f"own = [sys.executable, '-W', 'ignore', '-m', 'dunnhumby_pipeline', 'pages', '--home', {str(tmp_path)!r}]\n"
        f"child = subprocess.Popen([*own, '--port', '{port}', '--beside', str(os.getpid())])\n"
        "print(child.pid, flush=True); time.sleep(600)\n"
    )
    began = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert began.stdout is not None
    child = int(began.stdout.readline())
    try:
        assert _until(lambda: _answers(port), 300)
        # A server that is killed, as by a system that is short of memory, has another after it.
        (server,) = (int(number) for number in Path(f"/proc/{child}/task/{child}/children").read_text().split())
        os.kill(server, 9)
        assert _until(lambda: not Path(f"/proc/{server}").exists(), 300)
        assert _until(lambda: _answers(port), 300)
        began.kill()
        began.wait()
        assert _until(lambda: not _answers(port), 120)
    finally:
        began.kill()
        if _answers(port):
            os.kill(child, 9)


def _answers(port: int) -> bool:
    try:
        return get(port, "/")[0] == 200
    except OSError:
        return False


def _until(holds: Any, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return False
