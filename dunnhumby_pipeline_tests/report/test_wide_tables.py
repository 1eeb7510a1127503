"""Tables of the report fit a desk's screen: intervals break off where a column is narrow, and never in the middle."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dunnhumby_pipeline.report.grid import Cell
from dunnhumby_pipeline_tests.fakes import browser
from dunnhumby_pipeline_tests.fakes.studies import SmallStudy

WIDE = """() => {
  document.querySelectorAll('details').forEach(each => { each.open = true; });
  return [...document.querySelectorAll('.wide')]
    .filter(each => each.scrollWidth > each.clientWidth)
    .map(each => each.querySelector('tr').innerText + ': ' + (each.scrollWidth - each.clientWidth));
}"""
WITHOUT_CUE = """() => [...document.querySelectorAll('.wide')]
  .filter(each => each.scrollWidth > each.clientWidth)
  .filter(each => getComputedStyle(each.querySelector('.cue')).display === 'none')
  .length"""


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$17 (\u22125 to 39)", ("$17", "(\u22125 to 39)", "")),
        (
            "\u22125.6 (\u22126.8 to \u22124.5), beyond noise",
            ("\u22125.6", "(\u22126.8 to \u22124.5),", " beyond noise"),
        ),
        ("582 (24%)", ("582", "(24%)", "")),
        ("1,331 of 5,251", ("1,331 of 5,251", "", "")),
        ("printed mail (in use)", ("printed mail (in use)", "", "")),
        ("kept (those of 3 to 4 weeks)", ("kept (those of 3 to 4 weeks)", "", "")),
        ("(\u22125 to 39)", ("(\u22125 to 39)", "", "")),
        ("", ("", "", "")),
    ],
)
def test_an_interval_in_brackets_is_told_from_the_number_before_it(text: str, parts: tuple[str, str, str]) -> None:
    assert Cell(text).parts == parts


@browser.needed()
def test_no_table_scrolls_on_a_desk_and_every_one_that_does_on_a_phone_says_so(
    small: SmallStudy, tmp_path: Path
) -> None:
    page_file = small.copy(tmp_path).table("campaign_report").with_suffix(".html")
    # As many digits as a retailer of some size has: widths do not hang on a small study.
    text = re.sub(r">(\d{3})<", r">12,\1<", page_file.read_text(encoding="utf-8"))
    page_file.write_text(text, encoding="utf-8")
    with browser.opened() as chromium:
        with browser.watched(chromium, browser.DESKTOP) as (page, _):
            page.goto(page_file.as_uri())
            assert page.evaluate(WIDE) == []
        with browser.watched(chromium, browser.PHONE) as (page, _):
            page.goto(page_file.as_uri())
            assert page.evaluate(WIDE) != []
            page.wait_for_function(f"({WITHOUT_CUE})() === 0")
