"""The script that takes the pictures of the documents: what it makes, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from dunnhumby_pipeline.report.templates import template

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
LARGEST = 250_000


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("take", PICTURES / "take.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _page(home: Path, text: str) -> Path:
    page = home / "warehouse" / "TypeA" / "campaign_brief.html"
    page.parent.mkdir(parents=True)
    page.write_text(text, encoding="utf-8")
    return page


def test_a_picture_ends_with_the_last_line_of_its_sheet(script: ModuleType, tmp_path: Path) -> None:
    if not any(shutil.which(name) for name in script.BROWSERS):
        pytest.skip(f"no browser on this machine: {', '.join(script.BROWSERS)}")
    first, second = '<div style="height: 200px; background: red"></div>', '<p class="second">2</p>'
    _page(tmp_path, f"<html><head></head><body><main>{first}{second}</main></body></html>")
    (tmp_path / "to").mkdir()
    assert script.main(["--home", str(tmp_path), "--to", str(tmp_path / "to")]) == 0
    pictures = [Image.open(tmp_path / "to" / name) for name in script.SHEETS]
    red = [(255, 0, 0) in {colour for _, colour in picture.convert("RGB").getcolors()} for picture in pictures]
    assert red == [True, False]
    assert 200 < pictures[0].height < 350
    assert pictures[1].height < 150


def test_what_is_missing_is_said(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--home", str(tmp_path)]) == 1
    assert "campaign_brief.html: expected a finished study's page here" in capsys.readouterr().err
    _page(tmp_path, "<html><head></head></html>")
    monkeypatch.setenv("BROWSER", "no-such-browser")
    assert script.main(["--home", str(tmp_path), "--to", str(tmp_path)]) == 1
    assert "BROWSER is 'no-such-browser', which is no program" in capsys.readouterr().err


def test_the_sheets_are_those_of_the_brief(script: ModuleType) -> None:
    source = Path(str(template("brief.html.j2").filename)).read_text(encoding="utf-8")
    assert all(".second" in style for style in script.SHEETS.values())
    assert re.search(r'<section class="[^>]*\bsecond\b', source)
    assert "</head>" in source


def test_pictures_of_the_documents_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in PICTURES.glob("*.png")}
    assert {"brief.png", "brief_page_2.png"} <= set(sizes)
    assert [name for name, size in sizes.items() if size > LARGEST] == []
