"""What a source of the eight tables is, and what can be wrong with it.

Nothing is cast or cleaned here; `staging` and `cleaning` do that, by the same rules for every source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from dunnhumby_pipeline.journey.forgotten import Forgotten


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input: where, what was expected, what was found, how to fix it."""

    where: str
    expected: str
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}. {self.fix}"


class JourneyError(Exception):
    """The input cannot be used. `problems` holds every reason found, so that all can be fixed at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class NotWrittenError(JourneyError):
    """The input can be used, but the tables cannot be written."""


@dataclass(frozen=True)
class Input:
    """One table's raw file.

    `file` is its name in messages, `headers` the header of each canonical column, `first_row` the number that
    messages give its first row. `select` is a SELECT of the canonical columns with values of any type. `quick`
    reads the file as the types declared; it fails on any value that does not fit, and `select` then says which.
    `elsewhere` gives the same input read from a plain copy of its file. `accepted` are the values that a column may
    have, in the file's own words, where a mapping gives them ours.
    """

    path: Path
    file: str
    headers: dict[str, str]
    first_row: int
    select: str
    quick: str | None = None
    elsewhere: Callable[[Path], Input] | None = None
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The eight tables as inputs by name. `discounts_negative` says how discounts are stored.

    `limits` are sentences that every reader of the results must know. Rows of `forgotten` households are left out.
    """

    name: str
    description: str
    inputs: dict[str, Input]
    discounts_negative: bool
    limits: tuple[str, ...] = field(default=())
    forgotten: Forgotten | None = None

    @property
    def paths(self) -> dict[str, Path]:
        """The file that each table comes from."""
        return {name: given.path for name, given in self.inputs.items()}
