"""The script that takes the pictures of the documents: what it makes, what no picture may show, and what it says when
it cannot.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.report.templates import template
from dunnhumby_pipeline.settings import BROWSER_VARIABLE, Home, Settings
from dunnhumby_pipeline_tests.fakes import browser
from dunnhumby_pipeline_tests.fakes.desk import Desk, DeskError, seated
from dunnhumby_pipeline_tests.fakes.receivers import MailServer

BROWSER = browser.needed()
ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
LARGEST, LARGEST_TOGETHER, SHORTEST_ALT = 300_000, 2_000_000, 60


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("take", PICTURES / "take.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def fresh_browser() -> Iterator[None]:
    """Another browser may be named in the test, and none is remembered after it."""
    browser.executable.cache_clear()
    yield
    browser.executable.cache_clear()


def _study(home: Path, brief: str = "<html><head></head></html>") -> Study:
    for name in ("campaign_brief", "campaign_report"):
        page = home / "warehouse" / "TypeA" / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(brief, encoding="utf-8")
    return Study(Settings(), Home(home))


@BROWSER
def test_a_picture_ends_with_the_last_line_of_its_sheet(script: ModuleType, tmp_path: Path) -> None:
    first, second = '<div style="height: 200px; background: red"></div>', '<p class="second">2</p>'
    study = _study(tmp_path, f"<html><head></head><body><main>{first}{second}</main></body></html>")
    with browser.opened() as chromium, seated(chromium, "about:blank", pictured=True) as desk:
        camera = script.Camera(desk, study, "TypeA", 1.0, tmp_path, MailServer())
        camera.sheets()
    assert [path.stem for path in camera.taken] == list(script.SHEETS)
    pictures = [Image.open(path) for path in camera.taken]
    red = [(255, 0, 0) in {colour for _, colour in picture.convert("RGB").getcolors()} for picture in pictures]
    assert red == [True, False]
    assert 200 < pictures[0].height < 350
    assert pictures[1].height < 150


@BROWSER
def test_what_is_of_this_machine_alone_is_not_pictured(tmp_path: Path) -> None:
    with browser.opened() as chromium, seated(chromium, "about:blank", pictured=True) as desk:
        shown = "<p>HOME/warehouse</p><div style='height: 60px; overflow: hidden'><p>rows</p><p>{}</p></div>"
        desk.page.set_content(shown.format("at /srv/hidden"))
        with pytest.raises(DeskError, match=r"list\.png would show '/srv/hidden'"):
            desk.picture(tmp_path / "list.png", secrets=("/srv/hidden", "elsewhere"))
        assert not (tmp_path / "list.png").exists()
        # Neither what is scrolled out of a list nor what lies outside the part is in a picture.
        desk.page.set_content(shown.format("<br><br><br>at <b>/srv/hidden</b>"))
        desk.picture(tmp_path / "list.png", secrets=("/srv/hidden",))
        desk.page.set_content("<div style='height: 400px'></div><p>at /srv/hidden</p>")
        part = {"x": 0, "y": 0, "width": 300, "height": 300}
        desk.picture(tmp_path / "part.png", part, secrets=("/srv/hidden",))
        assert Image.open(tmp_path / "part.png").size == (300, 300)


def test_a_camera_hides_where_the_home_lies(script: ModuleType, tmp_path: Path) -> None:
    camera = script.Camera(Desk(None, ""), _study(tmp_path), "TypeA", 1.0, tmp_path, MailServer())  # type: ignore[arg-type]
    assert str(tmp_path) in camera.secrets and str(Path.home()) in camera.secrets


def test_what_is_missing_is_said(
    script: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fresh_browser: None,
) -> None:
    monkeypatch.setattr(script.browser, "missing", lambda: "")
    assert script.main(["--home", str(tmp_path)]) == 1
    assert "campaign_brief.html: expected a finished study's page here" in capsys.readouterr().err
    _study(tmp_path)
    monkeypatch.setenv("DUNNHUMBY_WAREHOUSE", str(tmp_path / "elsewhere"))
    assert script.main(["--home", str(tmp_path), "--to", str(tmp_path)]) == 1
    assert "expected tables in HOME/warehouse" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setenv(BROWSER_VARIABLE, "no-such-browser")
    monkeypatch.setattr(browser, "find_spec", lambda name: True)
    assert script.main(["--home", str(tmp_path), "--to", str(tmp_path)]) == 1
    assert "DUNNHUMBY_BROWSER is 'no-such-browser', which is no program" in capsys.readouterr().err


def test_one_variable_names_the_browser_of_tests_and_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_browser: None
) -> None:
    named = tmp_path / "my-browser"
    named.write_text("#!/bin/sh\n")
    monkeypatch.setenv(BROWSER_VARIABLE, str(named))
    with pytest.raises(browser.BrowserError, match="is no program"):
        browser.executable()
    named.chmod(0o755)
    assert browser.executable() == named
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(BROWSER_VARIABLE, "my-browser")
    browser.executable.cache_clear()
    assert browser.executable() == named
    monkeypatch.delenv(BROWSER_VARIABLE)
    monkeypatch.setattr(browser, "find_spec", lambda name: None)
    browser.executable.cache_clear()
    with pytest.raises(browser.BrowserError, match=r"looked for chromium, .* found none; install chromium"):
        browser.executable()


def test_the_sheets_are_those_of_the_brief(script: ModuleType) -> None:
    source = Path(str(template("brief.html.j2").filename)).read_text(encoding="utf-8")
    assert all(".second" in style for style in script.SHEETS.values())
    assert re.search(r'<section class="[^>]*\bsecond\b', source)
    assert "</head>" in source


def test_every_picture_is_made_by_the_script_and_shown_with_words_that_say_what_it_shows(script: ModuleType) -> None:
    assert sorted(path.stem for path in PICTURES.glob("*.*") if path.suffix != ".py") == sorted(script.NAMES)
    assert len(script.NAMES) == len(set(script.NAMES)) >= 10
    shown: dict[str, list[str]] = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        places = dict(re.findall(r"^\[([^\]]+)\]: (\S+)$", text, re.M))
        named = [(alt, places[name]) for alt, name in re.findall(r"!\[([^\]]*)\]\[([^\]]+)\]", text)]
        for alt, place in [*re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", text), *named]:
            picture = (document.parent / place).resolve()
            assert picture.parent == PICTURES and picture.is_file(), f"{document.name}: {place}"
            shown.setdefault(picture.stem, []).append(alt)
    assert sorted(shown) == sorted(script.NAMES)
    assert {name: alts for name, alts in shown.items() if min(map(len, alts)) < SHORTEST_ALT} == {}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pictures/brief.png" in readme and "pictures/asset_graph.png" in readme


def test_pictures_of_the_documents_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.glob("*.png")}
    assert [name for name, size in sizes.items() if size > LARGEST] == []
    assert sum(sizes.values()) < LARGEST_TOGETHER
