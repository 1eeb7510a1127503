"""Tables on the page: rows of written text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dunnhumby_pipeline.words import numbers


@dataclass(frozen=True)
class Cell:
    """Text of a cell; `mark` is a state shown as a label, `strong` a row in use, `struck` a number not to be used."""

    text: str
    mark: str = ""
    strong: bool = False
    struck: bool = False


@dataclass(frozen=True)
class Grid:
    """A table on the page; the columns in `numeric` are set flush right."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()


def cells(*texts: str, strong: bool = False) -> tuple[Cell, ...]:
    """One cell a text."""
    return tuple(Cell(text, strong=strong) for text in texts)


def as_grid(headers: str, rows: Sequence[tuple[Cell, ...]], numeric: set[int]) -> Grid:
    """A grid of `rows`, its `headers` separated by bars."""
    return Grid(tuple(headers.split("|")), tuple(rows), frozenset(numeric))


def verdict_cell(lower: float, upper: float, strong: bool = False) -> Cell:
    """What an interval says about zero, marked."""
    verdict = numbers.verdict(lower, upper)
    marks = {"above zero": "pass", "below zero": "fail", "not proven": "warn", "unknown": ""}
    return Cell(numbers.NOTHING if verdict == "unknown" else verdict, marks[verdict], strong)
