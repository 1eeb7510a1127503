"""How days of the data and moments are written: as dates, where that of day 1 is known."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from dunnhumby_pipeline.words import numbers

_DAYS = re.compile(r"\b(days?) (\d+)(?:(-| to )(\d+))?(?! days)")


def moment(iso: str) -> str:
    """A moment as people write it: "2026-11-28T01:48:05+00:00" is "28 November 2026, 01:48 UTC"; other texts stay."""
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    if found.tzinfo is not None:
        found = found.astimezone(UTC)
    return f"{found.day} {found:%B %Y, %H:%M}{' UTC' if found.tzinfo is not None else ''}"


def on_day(day: int | None, day_one: date | None) -> str:
    """A day of the data, as a date where that of day 1 is known."""
    if day is None:
        return numbers.NOTHING
    return f"day {day}" if day_one is None else written(day, day_one)


def written(day: int, day_one: date) -> str:
    """The date of a day of the data: "17 November 2024"."""
    found = _date_of(day, day_one)
    return f"{found.day} {found:%B %Y}"


def short(day: float, day_one: date | None) -> str:
    """A day of the data as it fits under an axis: "day 1,323", or "17 Nov 2024" where that of day 1 is known."""
    if day_one is None:
        return f"day {numbers.count(day)}"
    found = _date_of(day, day_one)
    return f"{found.day} {found:%b %Y}"


def span(first: int, last: int, day_one: date | None) -> str:
    """Days of the data from first to last: "323 to 369", or "17 Nov 2024 to 2 Jan 2025" where day 1 is known."""
    if day_one is None:
        return f"{int(first)} to {int(last)}"
    return f"{short(first, day_one)} to {short(last, day_one)}"


def dated(text: str, day_one: date | None) -> str:
    """A text with the date behind every day of the data in it: "day 323, 17 November 2024", where day 1 is known."""
    if day_one is None:
        return text

    def with_dates(found: re.Match[str]) -> str:
        ends = [written(int(day), day_one) for day in (found[2], found[4]) if day]
        return f"{found[0]}, {' to '.join(ends)}"

    return _DAYS.sub(with_dates, text)


def _date_of(day: float, day_one: date) -> date:
    return day_one + timedelta(days=int(day) - 1)
