"""Tables on the page: rows of written text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dunnhumby_pipeline.words import numbers

_MANY_COLUMNS, _SENTENCE, _PHRASE = 5, 100, 40
# A number, its interval or share with the comma after it, and what is said of them.
_WITH_RANGE = re.compile(r"(?P<number>.+?) (?P<range>\([^()A-Za-z]+(?: to [^()A-Za-z]+)?\),?)(?P<rest>.*)")


@dataclass(frozen=True)
class Cell:
    """Text of a cell; `mark` is a state shown as a label, `strong` a row in use, `struck` a number not to be used,
    `code` what the text is called in tables and logs."""

    text: str
    mark: str = ""
    strong: bool = False
    struck: bool = False
    code: str = ""

    @property
    def parts(self) -> tuple[str, str, str]:
        """The text up to an interval or share in brackets, that, and what follows it: where a column is narrow it
        stands in a line of its own, unbroken. Empty but for the first where there is none.
        """
        found = _WITH_RANGE.fullmatch(self.text)
        return (found["number"], found["range"], found["rest"]) if found else (self.text, "", "")


@dataclass(frozen=True)
class Grid:
    """A table on the page; the columns in `numeric` are set flush right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()

    @property
    def spoken(self) -> tuple[int, ...]:
        """The columns, of many, in which cells are sentences: in a column of their own they would be a tower of words,
        so each stands below its row."""
        if len(self.headers) < _MANY_COLUMNS:
            return ()
        return tuple(place for place in range(1, len(self.headers)) if self._longest(place) > _SENTENCE)

    @property
    def prose(self) -> bool:
        """Whether it is more words than numbers: on a narrow screen each row then stands as a card."""
        return any(self._longest(place) > _PHRASE for place in range(len(self.headers)))

    def _longest(self, place: int) -> int:
        return max((len(row[place].text) for row in self.rows), default=0)


def cells(*texts: str, strong: bool = False) -> tuple[Cell, ...]:
    """One cell a text."""
    return tuple(Cell(text, strong=strong) for text in texts)


def as_grid(headers: str | Sequence[str], rows: Sequence[tuple[Cell, ...]], numeric: set[int]) -> Grid:
    """A grid of `rows`, its `headers` separated by bars, or listed where names from the data, which may hold bars, are
    among them."""
    names = headers.split("|") if isinstance(headers, str) else headers
    return Grid(tuple(names), tuple(rows), frozenset(numeric))


def verdict_cell(lower: float, upper: float, strong: bool = False) -> Cell:
    """What an interval says about zero, marked."""
    verdict = numbers.verdict(lower, upper)
    marks = {"above zero": "pass", "below zero": "fail", "not proven": "warn", "unknown": ""}
    return Cell(numbers.NOTHING if verdict == "unknown" else verdict, marks[verdict], strong)
