"""Single parts of the page, as the page makes them: from the tables that they declare and no others."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable, Sequence
from html import unescape

import pytest
from matplotlib.figure import Figure

from dunnhumby_pipeline.report import page
from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.pictures import Picture
from dunnhumby_pipeline.report.section import Chapter, Facts, Note, Section, readers
from dunnhumby_pipeline.report.sections import CHAPTERS
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline_tests.fakes.results import run

PARTS = {part.name: part for chapter in CHAPTERS for part in readers(chapter.parts)}
DEFAULTS = Settings()


def _own(part: Section | Note | Facts, tables: StudyTables) -> StudyTables:
    assert tables.has(*part.reads), part.name
    return tables.only((*part.reads, *part.beside))


def section(name: str) -> Section:
    found = PARTS[name]
    assert isinstance(found, Section)
    return found


def grid(name: str, tables: StudyTables, settings: Settings = DEFAULTS) -> Grid:
    rows = section(name).rows
    assert rows is not None
    return rows(_own(section(name), tables), settings)


def figure(name: str, tables: StudyTables, settings: Settings = DEFAULTS) -> Figure:
    draw = section(name).draw
    assert draw is not None
    return draw(_own(section(name), tables), settings)


def alt(name: str, tables: StudyTables, settings: Settings = DEFAULTS) -> str:
    said = section(name).alt
    assert said is not None
    return said(_own(section(name), tables), settings)


def note(name: str, tables: StudyTables, settings: Settings = DEFAULTS) -> str:
    found = PARTS[name]
    assert isinstance(found, Note)
    return found.says(_own(found, tables), settings)


def texts(grid: Grid) -> list[list[str]]:
    return [[cell.text for cell in row] for row in grid.rows]


def that_read(table: str, chapters: Sequence[Chapter] = CHAPTERS) -> list[Chapter]:
    """Those of `chapters` with a part that may read the table: all others are the same whether it is there or not."""
    return [
        chapter for chapter in chapters if any(table in (*part.reads, *part.beside) for part in readers(chapter.parts))
    ]


def page_of(chapters: Sequence[Chapter], tables: StudyTables, settings: Settings = DEFAULTS) -> str:
    """The report, of these chapters alone, with the alternative texts of the pictures and no image."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "CHAPTERS", tuple(chapters))
        return page.render_report(tables, run.checks(), run.facts(), settings, undrawn)


def undrawn(section: Section, tables: StudyTables, settings: Settings) -> Picture:
    """What stands for a picture where only words matter: its alternative text, and no image."""
    assert section.alt is not None
    return Picture("data:,", section.alt(tables, settings), 9, 9)


def sketched(section: Section, tables: StudyTables, settings: Settings) -> Picture:
    """As `undrawn`, where a picture that goes by settings was made from its tables, and not drawn."""
    assert section.draw is not None
    if _looks_at(section.draw, 1):
        section.draw(tables, settings)
    return undrawn(section, tables, settings)


def _looks_at(function: Callable[..., object], place: int) -> bool:
    """Whether anything in a function names its argument at `place`; one that is no plain function may."""
    if not inspect.isfunction(function):
        return True
    name = function.__code__.co_varnames[place]
    named = (each.argval for each in dis.get_instructions(function))
    return name in function.__code__.co_cellvars or any(
        name == each or (isinstance(each, tuple) and name in each) for each in named
    )


def shown(html: str) -> set[str]:
    """Titles of the pictures and tables that are on a page."""
    titles = re.findall(r"<figure>\s*<h3[^>]*>(.*?)</h3>", html) + re.findall(r"<caption>(.*?)</caption>", html)
    titles += re.findall(r'<details class="rows"[^>]*>\s*<summary>(.*?): \d+ rows</summary>', html)
    return {unescape(title) for title in titles}


def not_built(html: str) -> set[str]:
    """Titles of the pictures and tables that a page says are missing."""
    titles = re.findall(r'<h3[^>]*>([^<]*)</h3>\s*<p class="missing">Picture: not built', html)
    captions = re.findall(r'<p class="missing"[^>]*>(?!Picture)(.*?): not built\.</p>', html)
    return {unescape(title) for title in titles + captions}
