"""The files of another retailer under our names: SQL that reads their columns, days and campaign types as ours."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.settings import MappingSettings

_DAYS = ("day", "start_day", "end_day")
_WEEK, _TIME = "week_no", "trans_time"
_CLOCK = r"(^|[ T])(\d{1,2}):(\d{2})"
NO_MAPPING = MappingSettings()


@dataclass(frozen=True)
class Places:
    """Where each column of a table is found: `positions` of headers in the file, by our name.

    `spoken` are the names of columns in messages; `accepted` the values that a column may have, in their words.
    """

    positions: dict[str, int]
    spoken: dict[str, str]
    accepted: dict[str, tuple[str, ...]] = field(default_factory=dict)


def expression(table: schema.Table, column: schema.Column, source: str, mapping: MappingSettings) -> str:
    """SQL of a column's value as the raw form has it, read from the SQL `source`; what cannot be read stays as it is,
    so that it is shown. `source` as it is where nothing is mapped.
    """
    value = mapping.value(table.name, column.name)
    if value is not None:
        return quoted(str(value))
    text = f"trim(CAST({source} AS VARCHAR))"
    if column is schema.CAMPAIGN_TYPE and mapping.campaign_types:
        branches = " ".join(
            f"WHEN {quoted(theirs.strip())} THEN {quoted(ours)}" for theirs, ours in mapping.type_of().items()
        )
        return f"CASE {text} {branches} ELSE {text} END"
    if mapping.first_date is None:
        return source
    # A time after the date is not the date's.
    moment = f"TRY_CAST(left({text}, 10) AS DATE)"
    day = f"(date_diff('day', DATE {quoted(mapping.first_date.isoformat())}, {moment}) + 1)"
    if column.name in _DAYS:
        return f"CASE WHEN {moment} IS NULL THEN {text} ELSE CAST({day} AS VARCHAR) END"
    if column.name == _WEEK:
        # floor: in SQL, whole division of what is below 0 rounds towards it.
        week = f"CAST(floor(({day} + 8) / 7) AS BIGINT)"
        return f"CASE WHEN {moment} IS NULL THEN {text} ELSE CAST({week} AS VARCHAR) END"
    if column.name == _TIME:
        parts = f"regexp_extract({text}, {quoted(_CLOCK)}, 2) || regexp_extract({text}, {quoted(_CLOCK)}, 3)"
        return f"CASE WHEN regexp_matches({text}, {quoted(_CLOCK)}) THEN {parts} ELSE {text} END"
    return source


def is_plain(table: schema.Table, mapping: MappingSettings) -> bool:
    """Whether the values of a table are as the raw form has them, whatever the columns are called."""
    moved = table.name in mapping.values or (mapping.first_date is not None and _has_time(table))
    return not moved and not (mapping.campaign_types and schema.CAMPAIGN_TYPE in table.columns)


def _has_time(table: schema.Table) -> bool:
    return bool({*_DAYS, _WEEK, _TIME} & set(table.column_names))


def accepted(table: schema.Table, mapping: MappingSettings) -> dict[str, tuple[str, ...]]:
    """The campaign types that a file may have, in their words, where these are mapped."""
    if schema.CAMPAIGN_TYPE not in table.columns or not mapping.campaign_types:
        return {}
    named = [f"{theirs!r} ({ours})" for theirs, ours in mapping.type_of().items()]
    return {schema.CAMPAIGN_TYPE.name: (*named, *schema.CAMPAIGN_TYPES)}


def near(wanted: str, present: list[str]) -> str:
    """The name among those present that may be meant, in words; empty when none comes close."""
    plain = {schema.plain(name) or name: name for name in present if name}
    close = difflib.get_close_matches(schema.plain(wanted) or wanted, list(plain), n=1, cutoff=0.6)
    return f"Did you mean {plain[close[0]]!r}? " if close else ""


def derived_from(table: schema.Table, name: str, mapping: MappingSettings) -> str | None:
    """The column that a column is worked out from where their file lacks it: a week from its date."""
    follows = name == _WEEK and "day" in table.column_names and mapping.first_date is not None
    return "day" if follows and mapping.theirs(table.name, name) is None else None
