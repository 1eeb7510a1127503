"""From a source to the eight canonical tables. What is wrong with a source is found by `inspection`.

Nothing is filled. All tables are written to a staging folder first, so a load that fails leaves earlier
tables untouched.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.inspection.inspection import Inspection, inspect
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.journey.source import JourneyError, NotWrittenError, Problem, Source
from dunnhumby_pipeline.settings import JourneySettings


@dataclass(frozen=True)
class CleanJourney:
    """Paths of the staged tables by name, and what the inspection found."""

    tables: dict[str, Path]
    inspection: Inspection


def clean(
    source: Source, staging: Path, connection: duckdb.DuckDBPyConnection, settings: JourneySettings
) -> CleanJourney:
    """Write the eight canonical tables of `source` as parquet files in `staging`.

    Raises JourneyError, before any file is written, for a source in which `inspection.inspect` finds a problem,
    and when a file cannot be written.
    """
    inspection = inspect(source, connection, settings)
    if inspection.problems:
        raise JourneyError(list(inspection.problems))
    sign = "-" if source.discounts_negative else ""
    connection.execute(f"CREATE OR REPLACE MACRO discount(x) AS CASE WHEN {sign}x > 0 THEN {sign}x ELSE 0.0 END")
    staging.mkdir(parents=True, exist_ok=True)
    paths = {table.name: staging / f"{table.name}.parquet" for table in schema.TABLES}
    for table in schema.TABLES:
        rows = _canonical(table, source.inputs[table.name].headers)
        try:
            connection.execute(f"COPY ({rows}) TO {quoted(paths[table.name])} (FORMAT parquet)")
        except duckdb.IOException as error:
            raise NotWrittenError([_not_written(paths[table.name], error)]) from error
    return CleanJourney(paths, inspection)


def _canonical(table: schema.Table, headers: dict[str, str]) -> str:
    """SELECT of the clean rows of a table in its canonical order."""
    columns = ", ".join(_cleaned(column, headers[column.name]) for column in table.columns)
    # Promotions are sorted already.
    order = "" if table is schema.PROMOTIONS else f" ORDER BY {', '.join(table.order)}"
    return f"SELECT {columns} FROM sound_{table.name}{order}"


def _cleaned(column: schema.Column, header: str) -> str:
    name = column.name
    if column.discount:
        return f"discount({name}) AS {name}"
    if column.unknown:
        unknown = ", ".join(quoted(answer) for answer in column.unknown_under(header))
        return f"CASE WHEN {name} NOT IN ({unknown}) THEN {name} END AS {name}"
    return name


def _not_written(path: Path, error: duckdb.IOException) -> Problem:
    number = re.search(r'"errno":"(\d+)"', str(error))
    return Problem(
        str(path.parent.parent),
        f"space to write the table {path.stem}",
        os.strerror(int(number[1])) if number else str(error).partition("\n")[0].rstrip("."),
        "Free space there, or choose another disk (DUNNHUMBY_HOME; with a store, DUNNHUMBY_ENGINE__TEMP_DIRECTORY); "
        "the tables written before are untouched.",
    )
