"""How much a reader meets before anything can be skipped: words, bytes, rows, folds; no browser is needed for this."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.report.brief.page import render_brief
from dunnhumby_pipeline.report.files import FILES
from dunnhumby_pipeline.report.front import counted_others, counted_states
from dunnhumby_pipeline.report.grid import Cell, as_grid
from dunnhumby_pipeline.report.page import MANY_ROWS, render_report
from dunnhumby_pipeline.report.sections.decision import LISTED, shared_rows, tells_households_apart
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import dates, numbers
from dunnhumby_pipeline.words.glossary import Glossary, coded
from dunnhumby_pipeline_tests.fakes.pages import undrawn
from dunnhumby_pipeline_tests.fakes.results import run, study

TOLD = {f"{check.table}.{check.name}": (check.description, check.advice) for check in CHECKS}
# What is read before the first chapter, the answer and ten warnings among it.
MOST_WORDS, MOST_BRIEF_WORDS = 1_600, 800
MOST_BYTES = 5_000_000


def words_of(html: str) -> list[str]:
    body = html.partition("<body>")[2]
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", " ", body, flags=re.DOTALL))).split()


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(study.study_tables(), run.checks(), run.facts(files=FILES), Settings(), undrawn, told=TOLD)


def _before_chapters(page: str) -> str:
    """What is shown before the first chapter: without what is folded."""
    front = page.partition('<details class="chapter"')[0]
    return re.sub(r"(?<=</summary>).*?(?=</details>)", " ", front, flags=re.DOTALL)


def test_little_has_to_be_read_before_the_first_chapter(page: str) -> None:
    front = _before_chapters(page)
    assert 100 < len(words_of(front)) < MOST_WORDS
    assert "<img" not in front, "pictures come with their chapters"
    # A row per check to read, none for those that passed.
    assert front.count("<tr") - front.count("<thead") == (run.checks()["status"].isin(["warn", "fail"])).sum()


def test_both_documents_are_small_and_the_brief_is_short() -> None:
    html = render_brief(study.study_tables(), (), run.facts(files=FILES), Settings())
    assert len(html) < 400_000 and len(words_of(html)) < MOST_BRIEF_WORDS


def test_every_chapter_is_folded_and_has_an_entry_in_the_contents(page: str) -> None:
    anchors = re.findall(r'<details class="chapter" id="([^"]+)"', page)
    contents = page.partition('<nav aria-label="Contents">')[2].partition("</nav>")[0]
    assert len(anchors) > 9 and all(f'href="#{anchor}"' in contents for anchor in anchors)
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page, anchor
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_no_table_of_many_rows_is_open(page: str) -> None:
    folds, tables = 0, 0
    for tag, rows in re.findall(r"(<details|</details>|<tbody>(.*?)</tbody>)", page, flags=re.DOTALL):
        folds += {"<details": 1, "</details>": -1}.get(tag, 0)
        if tag.startswith("<tbody>"):
            tables += 1
            # A chapter is one fold.
            assert folds > 1 or rows.count("<tr") - rows.count('class="sentences"') < MANY_ROWS, rows[:200]
    assert tables > 40 and folds == 0


def test_tables_and_pictures_that_scroll_are_named_for_a_keyboard(page: str) -> None:
    opened = re.findall(r'<div class="(?:wide|seen)[^"]*"([^>]*)>', page)
    assert len(opened) > 60
    assert all('tabindex="0"' in told and re.search(r'aria-label="[^"]', told) for told in opened)
    assert page.count('class="cue" aria-hidden="true"') == len(opened)
    assert not re.search(r"<th[^>]*></th>", page), "every column has a name"


def test_checks_to_read_say_what_they_ask_and_what_to_do() -> None:
    checks = pd.DataFrame(
        [
            ("covariate_balance", "balance_after_weighting", "fail", True, "largest SMD -0.66, ceiling 0.25"),
            ("overlap_diagnostics", "propensity_auc", "warn", False, "AUC 0.91"),
            ("segments", "schema_and_keys", "pass", True, "as promised"),
            ("policy_value", "value_proven", "not run", False, ""),
        ],
        columns=["asset", "check", "status", "blocking", "message"],
    )
    html = render_report(StudyTables({}), checks, run.facts(), Settings(), undrawn, told=TOLD)
    front = _before_chapters(html)
    for name in ("covariate_balance.balance_after_weighting", "overlap_diagnostics.propensity_auc"):
        asked, advice = TOLD[name]
        assert asked in unescape(front) and advice[1:] in re.sub(r"</?code>", "`", unescape(front)), name
    assert front.index("fail, blocks") < front.index(">warn<")
    assert f"Largest SMD {numbers.MINUS}0.66" in front and "as promised" not in front
    assert "1 failed, 1 warn, 1 not run, 1 passed" in front
    assert "<summary>1 check passed, 1 check was not run</summary>" in html
    assert counted_states(checks.iloc[:0]) == "no check has been run" and counted_others(checks.iloc[:2]) == ""


def test_households_that_share_one_profit_are_counted_and_not_listed() -> None:
    listed = study.study_tables()["targeting_list"]
    assert tells_households_apart(listed)
    alike = listed.assign(expected_profit=4.0, expected_profit_lower=-13.0, expected_profit_upper=21.0, reason="why")
    assert not tells_households_apart(alike)
    rows = shared_rows(alike).rows
    assert len(rows) == listed["decision"].nunique()
    assert sum(int(row[1].text.replace(",", "")) for row in rows) == len(listed)
    html = render_report(study.study_tables(targeting_list=alike), run.checks(), run.facts(), Settings(), undrawn)
    assert "What households on the list share" in html and f"The {LISTED} households" not in html


def test_sentences_stand_below_their_row_and_not_in_a_narrow_column() -> None:
    long = "a sentence " * 12
    many = as_grid("A|B|C|D|Said", [tuple(Cell(text) for text in ("1", "2", "3", "4", long))], {1})
    assert many.spoken == (4,) and many.prose
    few = as_grid("A|Said", [(Cell("1"), Cell(long))], set())
    assert few.spoken == () and few.prose
    assert not as_grid("A|B", [(Cell("1"), Cell("2"))], {1}).prose


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(-53.04 to 387.92)", f"({numbers.MINUS}53.04 to 387.92)"),
        ("down to -11.1 times, -$5", f"down to {numbers.MINUS}11.1 times, {numbers.MINUS}$5"),
        ("days 224-264, 2026-11-28, X-learner", "days 224-264, 2026-11-28, X-learner"),
    ],
)
def test_negative_numbers_have_a_minus(text: str, expected: str) -> None:
    assert numbers.minused(text) == expected


@pytest.mark.parametrize(
    ("n", "noun", "many", "expected"),
    [(1, "table", "", "1 table"), (0, "day", "", "0 days"), (2000, "entry", "entries", "2,000 entries")],
)
def test_one_is_not_several(n: int, noun: str, many: str, expected: str) -> None:
    assert numbers.counted(n, noun, many) == expected


def test_days_and_moments_are_dates_where_they_can_be() -> None:
    first = date(2024, 1, 1)
    assert dates.dated("from day 1 (campaign 3), days 30-31", first) == (
        "from day 1, 1 January 2024 (campaign 3), days 30-31, 30 January 2024 to 31 January 2024"
    )
    assert dates.dated("over 28 days, day by day", first) == "over 28 days, day by day"
    assert dates.dated("day 5", None) == "day 5"
    assert dates.span(1, 366, first) == "1 Jan 2024 to 31 Dec 2024" and dates.span(1, 2, None) == "1 to 2"
    assert dates.moment("2026-11-28T01:48:05+00:00") == "28 November 2026, 01:48 UTC"
    assert dates.moment("2026-11-28T01:48:05+02:00") == "27 November 2026, 23:48 UTC"
    assert dates.moment("never") == "never"
    known = Settings().model_copy(update={"checks": Settings().checks.model_copy(update={"day_one": first})})
    html = render_report(study.study_tables(), run.checks(), run.facts(), known, undrawn)
    assert "1 January 2024 to 11 December 2025" in html
    assert "18 Nov 2024 to 3 Jan 2025" in html, "days of campaigns, 323 to 369"


def test_commands_and_settings_are_set_as_code() -> None:
    told = "`dunnhumby run` with `a<b>` and a `"
    assert str(coded(told)) == "<code>dunnhumby run</code> with <code>a&lt;b&gt;</code> and a `"
    assert "<code>dunnhumby run</code>" in str(Glossary().first_use(told))
