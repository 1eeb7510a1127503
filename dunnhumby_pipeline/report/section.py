"""What the page is made of: chapters of parts. A picture or a table on it is one object, a `Section`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def always(settings: Settings) -> bool:
    """For what the page has under all settings."""
    return True


@dataclass(frozen=True)
class Section:
    """One picture or one table on the page, or both, under one title.

    `reads`: the tables that it cannot do without, `beside`: those that it says more with. It sees no others.
    `draw` makes the picture (matplotlib is loaded only inside it) and `alt` says it to who cannot see it; `rows`
    makes the table. `caption` stands below, `when` says under which settings the page has it, and `needs_rows`
    leaves it out while a table in `reads` is built and has no rows, or not the rows that `needs` asks for.
    """

    name: str
    title: str
    reads: tuple[str, ...]
    caption: str = ""
    draw: Callable[[StudyTables, Settings], Figure] | None = None
    alt: Callable[[StudyTables, Settings], str] | None = None
    rows: Callable[[StudyTables, Settings], Grid] | None = None
    beside: tuple[str, ...] = ()
    when: Callable[[Settings], bool] = always
    needs_rows: bool = False
    needs: Callable[[StudyTables], bool] | None = None
    kind: ClassVar[str] = "section"

    def __post_init__(self) -> None:
        if (self.draw is None) != (self.alt is None):
            raise ValueError(f"section {self.name}: a picture and its alternative text come together")

    def is_on(self, tables: StudyTables, settings: Settings) -> bool:
        """Whether the page has it."""
        frames = [tables.get(name) for name in self.reads]
        lacking = self.needs_rows and any(frame is not None and frame.empty for frame in frames)
        if self.needs is not None and all(frame is not None for frame in frames):
            lacking = lacking or not self.needs(tables)
        return self.when(settings) and not lacking


@dataclass(frozen=True)
class Note:
    """A paragraph; `says` makes it from the tables in `reads`. Without one of them it is left out."""

    name: str
    says: Callable[[StudyTables, Settings], str]
    reads: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Facts:
    """Short facts side by side, as (name, value). Without one of the tables in `reads` they are left out."""

    name: str
    pairs: Callable[[StudyTables, Settings], list[tuple[str, str]]]
    reads: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Heading:
    """A heading within a chapter."""

    title: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Fold:
    """Parts that the reader opens."""

    title: str
    parts: tuple[Part, ...]
    kind: ClassVar[str] = "fold"


Part = Section | Note | Facts | Heading | Fold


@dataclass(frozen=True)
class Chapter:
    """A chapter of the page."""

    title: str
    parts: tuple[Part, ...]


def readers(parts: tuple[Part, ...]) -> Iterator[Section | Note | Facts]:
    """The parts that read tables, those of folds among them, in the order of the page."""
    for part in parts:
        if isinstance(part, Fold):
            yield from readers(part.parts)
        elif not isinstance(part, Heading):
            yield part
