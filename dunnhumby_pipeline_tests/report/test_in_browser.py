"""Both documents in a real browser: nothing for axe to find, nothing asked elsewhere, nothing wider than a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.figure import Figure

from dunnhumby_pipeline.report.brief.decision import Gate
from dunnhumby_pipeline.report.brief.page import render_brief
from dunnhumby_pipeline.report.files import FILES
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.report.pictures import Picture, draw_picture
from dunnhumby_pipeline.report.section import Section
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline_tests.fakes import browser
from dunnhumby_pipeline_tests.fakes.results import run, study
from dunnhumby_pipeline_tests.report.test_limits import TOLD

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = browser.needed()
BRIEF, BLOCKED, REPORT = "brief.html", "blocked.html", "report.html"
LONG = "household_key_and_campaign_in_campaign_targets_" * 4


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.opened() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A brief, a brief of a blocked study and a report, with pictures as large as real ones."""
    place = tmp_path_factory.mktemp("pages")
    blank = draw_picture(_blank(), StudyTables({}), Settings()).source

    def boxes(section: Section, tables: StudyTables, settings: Settings) -> Picture:
        assert section.alt is not None
        return Picture(blank, section.alt(tables, settings), 900, 400)

    checks = run.checks().copy()
    checks.loc[0, ["asset", "check", "status", "message"]] = ["transactions", LONG, "warn", LONG]
    tables, facts = study.study_tables(), run.facts(files=FILES)
    customers = ("segment_profiles", "segment_playbook", "value_need", "next_action")
    gate = Gate("covariate_balance.balance_after_weighting", LONG, "find the covariate", "Arms are alike.")
    pages = {
        REPORT: render_report(tables, checks, facts, Settings(), boxes, told=TOLD),
        BRIEF: render_brief(tables, (), facts, Settings()),
        BLOCKED: render_brief(StudyTables({name: tables[name] for name in customers}), (gate,), facts, Settings()),
    }
    for name, html in pages.items():
        (place / name).write_text(html, encoding="utf-8")
    return place


def _blank() -> Section:
    def draw(tables: Any, settings: Any) -> Figure:
        return Figure(figsize=(9, 4))

    return Section("blank", "Blank", (), draw=draw, alt=lambda tables, settings: "nothing")


@pytest.mark.parametrize("size", [browser.DESKTOP, browser.PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", [BRIEF, BLOCKED, REPORT])
def test_axe_finds_nothing_and_the_browser_has_no_complaint(
    chromium: Browser, folder: Path, name: str, size: tuple[int, int]
) -> None:
    address = (folder / name).as_uri()
    with browser.watched(chromium, size) as (page, seen):
        page.goto(address)
        assert browser.overflow(page) == 0
        folded = page.evaluate("document.documentElement.scrollHeight")
        browser.unfold(page)
        assert browser.overflow(page) == 0, "unfolded"
        assert browser.violations(page) == []
        assert seen.complaints == [], "the content security policy lets the page show all that it has"
        assert seen.requests_beyond(address) == []
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        # A report of 37,000 pixels was the reason for folds.
        assert folded < 9_000


@pytest.mark.parametrize(("name", "pages"), [(BRIEF, {2}), (BLOCKED, {1, 2})])
def test_the_brief_prints_on_two_pages(
    chromium: Browser, folder: Path, tmp_path: Path, name: str, pages: set[int]
) -> None:
    with browser.watched(chromium) as (page, _):
        page.goto((folder / name).as_uri())
        assert browser.printed(page, tmp_path / "brief.pdf") in pages


def test_no_table_of_the_report_is_cut_off_on_paper(chromium: Browser, folder: Path) -> None:
    # A4 within its margins, in pixels.
    with browser.watched(chromium, (688, 980)) as (page, _):
        page.goto((folder / REPORT).as_uri())
        page.emulate_media(media="print")
        browser.unfold(page)
        cut = page.evaluate(
            "[...document.querySelectorAll('.chapter .wide, .checks .wide')].filter(box => !box.closest('.rows') && "
            "box.scrollWidth > box.clientWidth + 1).map(box => box.getAttribute('aria-label'))"
        )
        assert cut == []


def test_what_scrolls_sideways_says_so_where_the_browser_can(chromium: Browser, folder: Path) -> None:
    with browser.watched(chromium, browser.PHONE) as (page, _):
        page.goto((folder / REPORT).as_uri())
        browser.unfold(page)
        if not page.evaluate("CSS.supports('container-type: scroll-state')"):
            pytest.skip("this browser knows no scroll-state; a shadow at the edge is its cue")
        # The state is known a frame or more after the layout.
        page.wait_for_function(
            "![...document.querySelectorAll('.wide, .seen')].some(box => box.scrollWidth > box.clientWidth + 1 && "
            "getComputedStyle(box.querySelector('.cue')).display === 'none')"
        )


def test_a_page_that_asks_for_something_is_seen(chromium: Browser, tmp_path: Path) -> None:
    """That the tests above can fail."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<html><head><meta http-equiv="Content-Security-Policy" content="default-src \'none\'"></head><body>'
        '<img src="other.png" width="2000"><table><tr><th></th></tr></table></body></html>'
    )
    with browser.watched(chromium, browser.PHONE) as (page, seen):
        page.goto(bad.as_uri())
        assert seen.complaints and browser.overflow(page) > 1000
        found = browser.violations(page)
        assert any(said.startswith("image-alt") for said in found) and any("html-has-lang" in said for said in found)
