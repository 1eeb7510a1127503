"""Which header of a file is which column: by its letters and digits in any case, or by the name that a mapping has."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.readers import mapped
from dunnhumby_pipeline.journey.readers.mapped import Places
from dunnhumby_pipeline.journey.source import JourneyError, Problem
from dunnhumby_pipeline.settings import MappingSettings

_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def matched(file: str, header: list[str], table: schema.Table, mapping: MappingSettings) -> Places:
    """Which header is which column. JourneyError names every column that is not there once."""
    for delimiter, name in _OTHER_DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            raise JourneyError(
                [Problem(file, "values separated by commas", f"{name} in the header", "Export it with commas.")]
            )
    positions: dict[str, int] = {}
    spoken: dict[str, str] = {}
    problems: list[Problem] = []
    for column in table.columns:
        name = column.name
        if mapping.value(table.name, name) is not None:
            spoken[name] = f"{column.raw} (mapping.values)"
            continue
        found = _columns_called(header, column, mapping.theirs(table.name, name))
        if not found and (other := mapped.derived_from(table, name, mapping)) in positions and other is not None:
            found = [positions[other]]
        if len(found) == 1:
            # In messages each column has a name of its own, though several can be read from one of theirs.
            own = header[found[0]].strip()
            taken = found[0] in positions.values()
            positions[name], spoken[name] = found[0], f"{own} ({column.raw})" if taken else own
            continue
        problems.append(_not_once(file, header, table, column, mapping, found))
    if problems:
        raise JourneyError(problems)
    ordered = {column.name: spoken[column.name] for column in table.columns}
    return Places(positions, ordered, mapped.accepted(table, mapping))


def _columns_called(header: list[str], column: schema.Column, theirs: str | None) -> list[int]:
    """The places of the columns that may be this one."""
    if theirs is not None:
        exact = [place for place, name in enumerate(header) if name.strip() == theirs.strip()]
        if exact:
            return exact
    wanted = {schema.plain(name) for name in ((column.raw, *column.aliases) if theirs is None else (theirs,))}
    return [place for place, name in enumerate(header) if schema.plain(name) in wanted - {""}]


def _not_once(
    file: str,
    header: list[str],
    table: schema.Table,
    column: schema.Column,
    mapping: MappingSettings,
    found: list[int],
) -> Problem:
    theirs, setting = mapping.theirs(table.name, column.name), f"mapping.columns.{table.name}.{column.name}"
    present = [name.strip() for name in header]
    if theirs is not None:
        fix = "Remove all but one of them." if found else f"{mapped.near(theirs, present)}Correct the mapping."
        return Problem(
            f"{file}, column {theirs} ({setting})", "this column once in the header", ", ".join(present), fix
        )
    also = f" (or {', '.join(column.aliases)})" if column.aliases else ""
    fix = "Remove all but one of them." if found else "Add or rename the column."
    if not found and not mapping.is_empty:
        fix = f"{mapped.near(column.raw, present)}Name it in {setting}, or add it."
    return Problem(f"{file}, column {column.raw}{also}", "this column once in the header", ", ".join(header), fix)
