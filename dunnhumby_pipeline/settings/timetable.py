"""Cron expressions and time zones: whether they are such, and if not, which part and why."""

from __future__ import annotations

import re
from difflib import get_close_matches
from zoneinfo import available_timezones

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# Name, lowest and highest value, and names that stand for values from the lowest on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(\*|\w+(?:-\w+)?)(?:/(\d+))?")
_EXAMPLE = "such as '0 5 * * 1' for Mondays at 05:00"


def require_cron(cron: str) -> str:
    """`cron` as it is used, its parts divided by one space. Raises ValueError, which names the part that is wrong.

    Five parts, each `*`, a number, a name, a range, with a step or without, or several of them divided by commas.
    """
    parts = cron.split()
    if len(parts) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise ValueError(f"the cron expression {cron!r} has {len(parts)} parts; expected five ({names}), {_EXAMPLE}")
    _, _, days, months, _ = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
    # Though a day of the week beside it would be enough, dagster refuses some of these.
    if min(days) > max(_LONGEST[month - 1] for month in months):
        raise ValueError(f"the cron expression {cron!r} names a day that no such month has; it would never come")
    return " ".join(parts)


def _values(part: str, name: str, lowest: int, highest: int, names: tuple[str, ...]) -> set[int]:
    """The values that one part of a cron expression stands for."""
    found: set[int] = set()
    for piece in part.lower().split(","):
        matched = _PART.fullmatch(piece)
        if matched is None:
            raise _wrong(part, name, lowest, highest)
        span, step = matched.groups()
        if span == "*":
            first, last = lowest, highest
        else:
            ends = [_value(end, names, lowest) for end in span.split("-")]
            first, last = ends[0], ends[-1]
            if step is not None and len(ends) == 1:
                # Dagster would read it, other crons do not.
                raise _wrong(part, name, lowest, highest)
        if not lowest <= first <= last <= highest or (step is not None and not 1 <= int(step) <= highest):
            raise _wrong(part, name, lowest, highest)
        found.update(range(first, last + 1, int(step or 1)))
    return found


def _value(text: str, names: tuple[str, ...], lowest: int) -> int:
    if text in names:
        return lowest + names.index(text)
    return int(text) if text.isascii() and text.isdigit() else -1


def _wrong(part: str, name: str, lowest: int, highest: int) -> ValueError:
    return ValueError(f"the {name} of a cron expression is {part!r}; expected {lowest} to {highest}, or *, {_EXAMPLE}")


def require_time_zone(name: str) -> str:
    """`name`. Raises ValueError, with the nearest name there is, when no time zone has it."""
    known = available_timezones()
    if name in known:
        return name
    by_lower = {zone.lower(): zone for zone in known}
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(known, reverse=True)}
    said = name.strip().lower().replace(" ", "_")
    near = by_lower.get(said) or cities.get(said)
    if near is None:
        close = get_close_matches(said, [*by_lower, *cities], n=1)
        near = (by_lower | cities)[close[0]] if close else "Europe/Paris"
        advice = f"did you mean {near}?" if close else "expected a name such as Europe/Paris or UTC"
    else:
        advice = f"did you mean {near}?"
    raise ValueError(f"schedules.time_zone is {name!r}, which is no time zone; {advice}")
