"""The campaign report: one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from dunnhumby_pipeline.report import front
from dunnhumby_pipeline.report.answer import NOT_BUILT, plain_answer
from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.section import Chapter, Facts, Note, Section, readers
from dunnhumby_pipeline.report.sections import CHAPTERS
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.templates import page_template
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import dates, numbers
from dunnhumby_pipeline.words.glossary import Glossary, coded

if TYPE_CHECKING:
    from dunnhumby_pipeline.report.pictures import Picture

# Tables of so many rows are folded.
MANY_ROWS = 12
Draw = Callable[[Section, StudyTables, Settings], "Picture | None"]


def render_report(
    tables: StudyTables,
    checks: pd.DataFrame,
    facts: Mapping[str, Any],
    settings: Settings,
    draw: Draw | None = None,
    told: front.Told | None = None,
) -> str:
    """The whole report as one HTML page with its styles and pictures inside.

    It opens with the answer in plain words. A part whose table is missing says "not built"; amounts are in $,
    values and effects per household. `draw` makes the picture of a section whose tables were built; `told` says of
    checks, by 'table.check', what they check and what to do when they do not pass.
    """
    if draw is None:
        # Drawing loads matplotlib, which a process that only knows how to render has no use for.
        from dunnhumby_pipeline.report.drawing import draw_together

        draw = draw_together(_to_draw(tables, settings), settings)
    drawn_by = draw

    def shown(part: Section | Note | Facts) -> StudyTables | None:
        """What a part may read, None when it cannot be shown."""
        return tables.only((*part.reads, *part.beside)) if tables.has(*part.reads) else None

    def is_on(section: Section) -> bool:
        return section.is_on(tables.only(section.reads), settings)

    def sections_on(chapter: Chapter) -> list[Section]:
        return [part for part in readers(chapter.parts) if isinstance(part, Section) and is_on(part)]

    def picture(section: Section) -> Picture | None:
        built = shown(section)
        return None if built is None else drawn_by(section, built, settings)

    def grid(section: Section) -> Grid | None:
        built = shown(section)
        return None if built is None or section.rows is None else section.rows(built, settings)

    def note(part: Note) -> str:
        built = shown(part)
        return "" if built is None else part.says(built, settings)

    def pairs(part: Facts) -> list[tuple[str, str]]:
        built = shown(part)
        return [] if built is None else part.pairs(built, settings)

    def with_dates(text: str) -> str:
        return dates.dated(text, settings.checks.day_one)

    glossary = Glossary()
    return page_template().render(
        answer=plain_answer(tables, settings.checks.smallest_effect_that_matters),
        facts=facts,
        data=front.data_facts(facts, settings),
        failed_gates=front.failed_gates(checks),
        check_counts=front.counted_states(checks),
        checks=front.checks_to_read(checks, told or {}),
        others=front.other_checks(checks),
        others_counted=front.counted_others(checks),
        files=facts.get("files", ()),
        confidence=numbers.percent(settings.confidence),
        chapters=CHAPTERS,
        sections_of=sections_on,
        settings=settings,
        not_built=NOT_BUILT,
        is_on=is_on,
        picture_of=picture,
        grid_of=grid,
        note_of=note,
        pairs_of=pairs,
        many_rows=MANY_ROWS,
        counted=numbers.counted,
        dated=with_dates,
        coded=coded,
        defined=glossary.first_use,
        used=glossary.used,
    )


def _to_draw(tables: StudyTables, settings: Settings) -> list[tuple[Section, StudyTables]]:
    """The sections with a picture that the page has, and the tables that each may read."""
    pictured = (part for chapter in CHAPTERS for part in readers(chapter.parts) if isinstance(part, Section))
    return [
        (section, tables.only((*section.reads, *section.beside)))
        for section in pictured
        if section.draw is not None
        and tables.has(*section.reads)
        and section.is_on(tables.only(section.reads), settings)
    ]
