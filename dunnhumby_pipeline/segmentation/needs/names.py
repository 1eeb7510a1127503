"""What needs are called: by a file that gives names to groups of commodities, else by words of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from dunnhumby_pipeline.contracts.names import NO_NEED, Level
from dunnhumby_pipeline.settings import NEED_NAMES_FILE, read_own_file

BY_FILE, BY_WORDS = "file of names", "words of its commodities"
_LONGEST_NAME = 60
_FIRST_WORDS = 2


class NeedNamesError(ValueError):
    """The file of names cannot be used. The message names the file, the place, what was expected and what was found."""


Pattern = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedGroup(_Part):
    """A name, and the commodities that stand for it: as they are spelt, in either case, with * for any letters; and the
    levels that may take it."""

    name: str = Field(min_length=1, max_length=_LONGEST_NAME, pattern=r"^\S(.*\S)?$")
    commodities: tuple[Pattern, ...] = Field(min_length=1)
    levels: tuple[Level, ...] = Field(("label", "tag"), min_length=1)

    def holds(self, commodity: str) -> bool:
        """Whether the commodity is of the group."""
        return any(fnmatchcase(commodity.upper(), pattern.upper()) for pattern in self.commodities)


class NeedNames(_Part):
    """The file: groups with names that differ, none of them the one of households without a need."""

    needs: tuple[NamedGroup, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> NeedNames:
        names = [group.name.casefold() for group in self.needs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"needs have names of their own; found {', '.join(map(repr, twice))} again")
        if NO_NEED in names:
            raise ValueError(f"no need is called {NO_NEED!r}: that is the need of households without one")
        return self

    @property
    def fingerprint(self) -> str:
        """The same as long as the file says the same."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def load_need_names(file: Path | None = None) -> NeedNames:
    """The names in `file`, by default those in the package.

    Raises NeedNamesError when there is no such file, it is not TOML, or a field is unknown, missing or wrong.
    """
    packaged = files(__package__).joinpath(NEED_NAMES_FILE)
    form = "[[needs]] with name and commodities each"
    return read_own_file(NeedNames, file, packaged, NeedNamesError, expected=form)


def known_need_names(names: NeedNames | None = None, level: Level | None = None) -> tuple[str, ...]:
    """The names that needs and tags, or those of one level, may get from the file of names, by default the packaged
    one, in its order."""
    groups = (names or load_need_names()).needs
    return tuple(group.name for group in groups if level is None or level in group.levels)


@dataclass(frozen=True)
class Named:
    """The name of a need, and what gave it."""

    name: str
    by: str


def names_by_rule(
    own: Sequence[Mapping[str, float]], names: NeedNames, level: Level, min_match: float, taken: Sequence[str] = ()
) -> list[Named]:
    """A name of its own for each need from `own`: the commodities that lift most among its households, with lift.

    A group of the file scores the share of log lift that its commodities have among the need's own. Needs and groups
    are matched one to one for the largest sum (Kuhn 1955); a match of at least `min_match` gives the name, unless it
    is `taken`. Any other need is called by the commodities that lift most (`words_of`).
    """
    from scipy.optimize import linear_sum_assignment

    groups = [group for group in names.needs if level in group.levels and group.name not in taken]
    match = np.zeros((len(own), len(groups)))
    for row, lifts in enumerate(own):
        weight = {commodity: max(float(np.log(lift)), 0.0) for commodity, lift in lifts.items()}
        total = sum(weight.values())
        for column, group in enumerate(groups):
            held = sum(value for commodity, value in weight.items() if group.holds(commodity))
            match[row, column] = held / total if total > 0 else 0.0
    matched = dict(zip(*linear_sum_assignment(-match), strict=True)) if groups else {}
    found: list[Named] = []
    used = {*taken, NO_NEED}
    for row in range(len(own)):
        best = matched.get(row)
        if best is not None and match[row, best] >= min_match:
            found.append(Named(groups[best].name, BY_FILE))
        else:
            found.append(Named("", BY_WORDS))
        used.add(found[-1].name)
    for row, lifts in enumerate(own):
        if not found[row].name:
            found[row] = Named(words_of(list(lifts), used), BY_WORDS)
            used.add(found[row].name)
    return found


def words_of(commodities: Sequence[str], used: set[str] | frozenset[str] = frozenset()) -> str:
    """A name from commodities unknown to us: the first two that say something new, with the third, or a number, where
    that name is in use.
    """
    words = list(dict.fromkeys(filter(None, map(_spoken, commodities)))) or ["other"]
    for n_words in range(min(_FIRST_WORDS, len(words)), len(words) + 1):
        *before, last = words[:n_words]
        name = _cut(f"{', '.join(before)} and {last}" if before else last)
        if name not in used:
            return name
    base = _cut(" and ".join(words[:_FIRST_WORDS]), _LONGEST_NAME - 4)
    return next(name for number in range(2, 1000) if (name := f"{base} {number}") not in used)


def _spoken(commodity: str) -> str:
    """'FRZN MEAT/MEAT DINNERS' as 'frzn meat': lower case, up to the first slash, colon, bracket or dash."""
    first = re.split(r"[/:;(\[,]| - ", commodity.strip())[0]
    return re.sub(r"\s+", " ", first).strip().lower()


def _cut(name: str, longest: int = _LONGEST_NAME) -> str:
    return name if len(name) <= longest else name[:longest].rsplit(" ", 1)[0]
