"""Names in the data that try to be markup, a formula, a command: in every text that people or programs read."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from dunnhumby_pipeline.engine.spreadsheet import FORMULA, write_csv
from dunnhumby_pipeline.experiments.registration_page import registration_page
from dunnhumby_pipeline.orchestration.alerts.words import as_line
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.report.sections import report_reads
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words.escaping import in_markdown, markdown_of
from dunnhumby_pipeline.words.terminal import plain_console
from dunnhumby_pipeline_tests.experiments.test_read_back import assignment, plan_of
from dunnhumby_pipeline_tests.fakes.journeys import write_raw
from dunnhumby_pipeline_tests.fakes.pages import undrawn
from dunnhumby_pipeline_tests.fakes.results import run, study
from dunnhumby_pipeline_tests.fakes.studies import command
from dunnhumby_pipeline_tests.orchestration.alerts.test_judge import BEGUN, GATE, WORDS, check, look, stopped

__all__ = ["assignment"]
HOSTILE = (
    '<img src=x onerror="alert(1)">',
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)",
    "</td></table><h1>",
    "&lt;b&gt;",
    "{{ 7 * 7 }}",
    "[red]x[/red]",
    "[/]",
    "[link=http://example.com]x[/link]",
    '=HYPERLINK("http://example.com")',
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "|a|b|",
    "`code` *b* _i_ ~s~",
    "![x](http://example.com)",
    "# heading",
    "1. list",
    "two\nlines\r\nthree\u2028four",
    "\x1b[31mred\x1b[0m",
)
each = pytest.mark.parametrize("name", HOSTILE)
# Text that the data, or files that people edit, bring into tables.
_FROM_DATA = {
    *("segment_name", "department", "answer", "attribute_answer", "offer", "reason", "suppression", "rule", "limit"),
    *("approved_by", "level_name", "advice_reason", "specification", "note", "meaning", "control", "text", "stage"),
    *("action", "kpi", "channel", "offer_rule", "profit_by_type", "selection_reason", "scenario_name", "words", "why"),
}


class _Skeleton(HTMLParser):
    """The tags of a page with the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, tuple[str, ...]]] = set()
        self.text: list[str] = []
        self.links: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add((tag, tuple(sorted(name for name, _ in attrs))))
        if tag == "a":
            self.links.add(str(dict(attrs).get("href")))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _tables(name: str) -> StudyTables:
    """A finished study in which every name from the data is followed by a hostile one."""
    whole = study.study_tables()
    frames = {}
    for table in report_reads():
        frame = whole.get(table)
        if frame is None:
            continue
        texts = [each for each in _FROM_DATA & set(frame.columns) if not pd.api.types.is_numeric_dtype(frame[each])]
        told = {each: frame[each].map(lambda text: f"{text}{name}", na_action="ignore") for each in texts}
        frames[table] = frame.assign(**told)
    return StudyTables(frames)


def _page(tables: StudyTables, name: str) -> str:
    checks = run.checks()
    checks["message"] = checks["message"] + name
    facts = run.facts(source=f"raw files in {name}", stale=name, paths={"report": f"/home/{name}"}, limits=[name])
    return render_report(tables, checks, facts, Settings(), undrawn)


@pytest.fixture(scope="module")
def plain() -> _Skeleton:
    # As long as all of them together: where a text stands may follow from its length.
    name = "x" * len("".join(HOSTILE))
    return _Skeleton(_page(_tables(name), name))


def test_no_name_makes_a_tag_or_an_attribute_of_the_report(plain: _Skeleton) -> None:
    # One page holds them all: each takes its turn in every text.
    name = "".join(HOSTILE)
    found = _Skeleton(_page(_tables(name), name))
    assert found.tags == plain.tags
    assert not {tag for tag, _ in found.tags} & {"script", "iframe", "object", "form", "link"}
    # Links lead within the page.
    assert found.links and all(link.startswith("#") for link in found.links)
    text = "".join(found.text)
    assert text.count("<script>alert(1)</script>") > 100 and "{{ 7 * 7 }}" in text and "49" not in name


def test_documents_in_html_load_nothing_and_run_nothing(assignment: pd.DataFrame) -> None:
    for page in (_page(_tables(""), "a folder"), registration_page(plan_of(assignment), assignment)):
        policy = page.split('<meta http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
        assert policy.startswith("default-src 'none'; ") and "script-src" not in policy
        # Before anything that it is to hold for.
        assert page.index("Content-Security-Policy") < page.index("<style")
        assert 'src="http' not in page and "url(" not in page and "<script" not in page


@each
def test_a_name_is_shown_whole_on_a_terminal(name: str) -> None:
    console = plain_console(Console(width=400, file=io.StringIO(), force_terminal=True))
    checks = run.checks(failed=True)
    checks["message"] = name
    facts = run.facts(source=name, paths={"report": name}, stale=name)
    console.print(render_summary(_tables(name), checks, facts), crop=False)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    # Colours are the console's own: none is that of the name.
    assert "\x1b[31mred" not in printed and "\x1b]8" not in printed
    shown = name.replace("\x1b[31m", "").replace("\x1b[0m", "")
    squeezed = " ".join(printed.replace("│", " ").split())
    assert shown.split()[0] in squeezed


_IN_A_PATH = [name for name in HOSTILE if not set(name) & set("/\n\x1b\r")]


@pytest.mark.parametrize("name", ["".join(_IN_A_PATH[::2]), "".join(reversed(_IN_A_PATH[1::2]))])
def test_a_folder_of_any_name_is_told_as_it_is(tmp_path: Path, name: str) -> None:
    folder = write_raw(tmp_path / name)
    told = command("validate", folder)
    assert told.exit_code == 2 and "".join(name.split()) in "".join(told.output.split())


def test_a_simulated_folder_of_any_name_is_told_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "[red]x[bold]"
    told = command("simulate", folder, "--households", "200")
    assert told.exit_code == 0, told.output
    assert "".join(str(folder / "truth").split()) in "".join(told.output.split())


@each
def test_no_cell_of_a_csv_file_is_a_formula(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({name: ["a"], "b": [name], "c": pd.Categorical([name])})
    write_csv(frame, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 2 and all(not cell.startswith(FORMULA) for row in rows for cell in row)
    assert all(name in cell for cell in (rows[0][0], rows[1][1], rows[1][2]))


@each
def test_a_name_in_markdown_is_text(name: str) -> None:
    markdown = pytest.importorskip("markdown_it")
    shown = in_markdown(f"{name}")
    assert "\n" not in shown and "\r" not in shown
    html = markdown.MarkdownIt("commonmark", {"html": True}).enable("table").render(shown)
    tags = {tag for tag, _ in _Skeleton(html).tags}
    assert tags == {"p"}, html
    text = "".join(_Skeleton(html).text).strip()
    assert " ".join(text.split()) == " ".join(name.split())
    table = markdown_of(pd.DataFrame({"name": [name, "b"], "n": [1, 2]}))
    rendered = _Skeleton(markdown.MarkdownIt("commonmark", {"html": True}).enable("table").render(table))
    assert {tag for tag, _ in rendered.tags} == {"table", "thead", "tbody", "tr", "th", "td"}
    assert table.count("\n") == 3


@each
def test_an_alert_is_one_line_without_commands_to_a_terminal_or_a_chat(name: str) -> None:
    named = replace(check("fail", "r1"), said=f"found {name}")
    state, [told] = look(BEGUN, checks={GATE: named}, failed=(stopped(crashed={name: name}),))
    message = WORDS.message(told, state)
    lines = (message.title, *message.lines, as_line(message))
    assert any("found" in line for line in lines)
    assert not [line for line in lines if len(line.splitlines()) != 1 or "\x1b" in line or "<" in line or ">" in line]
