"""A folder of raw files, in any flavour: which file holds which table, and which header is which column.

Headers are found by their letters and digits in any case, in any order; files end in .csv, .csv.gz or
.parquet; line ends and a byte-order mark do not matter. The files may lie one folder down, as an archive unpacks them.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import os
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.literals import enumeration, one_file, parquet_file, quoted, says_missing
from dunnhumby_pipeline.journey.readers import mapped
from dunnhumby_pipeline.journey.readers.headers import matched
from dunnhumby_pipeline.journey.readers.mapped import NO_MAPPING
from dunnhumby_pipeline.journey.source import Input, JourneyError, Problem, Source
from dunnhumby_pipeline.settings import MappingSettings

ENDINGS = (".csv", ".csv.gz", ".parquet")
# Above it a number read as DOUBLE is no longer the number in the file.
_EXACT = 2**53
# The characters of a line of a CSV file that holds no value.
_BLANK = ', "\t\r\n'
_CHUNK = 2**20
# What a number in scientific notation has, which may be an id that lost digits. A pattern that begins with a letter is
# found many times faster than one that begins with a choice.
_EXPONENTS = (re.compile(rb"E\+?[0-9]"), re.compile(rb"e\+?[0-9]"))
_LONGEST_CUT = 2
# How alike the names of two files are that may be the same one.
_ALIKE = 0.75
_PART = re.compile(r"(part)?\d+")
_ARCHIVED_BY_MACOS = "__MACOSX"


def raw_folder(folder: Path, mapping: MappingSettings = NO_MAPPING) -> Source:
    """The source of a folder with the eight raw files, or of the only folder in it that has raw files; `mapping` has
    what another retailer calls files, columns and campaign types.

    Raises JourneyError naming every missing, doubled, unreadable or empty file and every missing column.
    """
    present = _present(folder)
    if not _raw_names(present):
        below = _folders_below(folder)
        if len(below) == 1:
            folder, present = below[0], _present(below[0])
    problems: list[Problem] = []
    inputs: dict[str, Input] = {}
    for table in schema.TABLES:
        try:
            inputs[table.name] = _input(_only_file(folder, present, table, mapping), table, mapping)
        except JourneyError as error:
            problems += error.problems
    if problems:
        raise JourneyError(problems)
    negative = mapping.discounts == "negative"
    return Source(name=str(folder), description=f"raw files in {folder}", inputs=inputs, discounts_negative=negative)


def holds_raw_files(folder: Path) -> bool:
    """Whether a file in `folder`, or one folder down, ends as a raw file does. JourneyError when it cannot be read."""
    return bool(_raw_names(_present(folder)) or _folders_below(folder))


def _raw_names(present: list[str]) -> list[str]:
    return [name for name in present if name.casefold().endswith(ENDINGS) and not name.startswith(".")]


def _folders_below(folder: Path) -> list[Path]:
    """The folders in `folder` that have files that end as raw files do, in order."""
    inside = [folder / name for name in _present(folder) if not name.startswith(".") and name != _ARCHIVED_BY_MACOS]
    return [
        path for path in inside if path.is_dir() and os.access(path, os.R_OK | os.X_OK) and _raw_names(_present(path))
    ]


def _present(folder: Path) -> list[str]:
    """The names in the folder, in order."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        found = "no such folder"
    except NotADirectoryError:
        found = "a file"
    except OSError as error:
        found = f"a folder that cannot be read ({error.strerror})"
    raise JourneyError(
        [Problem(str(folder), "a folder with the eight raw files", found, "Check the path and who may read it.")]
    )


def _only_file(folder: Path, present: list[str], table: schema.Table, mapping: MappingSettings) -> Path:
    theirs = mapping.files.get(table.name)
    wanted = [f"{table.file}{ending}" for ending in ENDINGS] if theirs is None else _names_of(theirs)
    found = [name for name in present if name.casefold() in wanted]
    if len(found) == 1:
        return folder / found[0]
    if found:
        raise JourneyError(
            [
                Problem(
                    str(folder),
                    f"one file for the table {table.name}",
                    " and ".join(found),
                    "Remove all but one of them: the right one cannot be told from here.",
                )
            ]
        )
    if theirs is not None:
        there = ", ".join(_raw_names(present)) or "no file that ends as raw files do"
        names = _raw_names(present)
        advice = mapped.near(theirs, names if len(wanted) == 1 else [_stem(name) for name in names])
        raise JourneyError(
            [
                Problem(
                    f"{theirs} (mapping.files.{table.name})",
                    f"this file in {folder}{'' if len(wanted) == 1 else ', ending in ' + ', '.join(ENDINGS)}",
                    there,
                    f"{advice}Correct the mapping, or put the file there.",
                )
            ]
        )
    others = f"{len(present)} other files" if present else "an empty folder"
    named = f", or name yours in mapping.files.{table.name} of dunnhumby.toml" if present else ""
    found_instead, fix = _instead(folder, present, table) or (others, f"Put it in {folder}{named}.")
    raise JourneyError([Problem(wanted[0], "this file (or .csv.gz, or .parquet)", found_instead, fix)])


def _names_of(theirs: str) -> list[str]:
    """What a file may be called that the mapping names, in small letters."""
    name = theirs.strip().casefold()
    return [name] if name.endswith(ENDINGS) else [f"{name}{ending}" for ending in ENDINGS]


def _instead(folder: Path, present: list[str], table: schema.Table) -> tuple[str, str] | None:
    """What may be a table's file under another name or in another place, and what to do then; both in words."""
    wanted, known = schema.plain(table.file), {schema.plain(other.file) for other in schema.TABLES}
    stems = {name: schema.plain(_stem(name)) for name in _raw_names(present)}
    parts = [name for name, stem in stems.items() if stem.startswith(wanted) and _PART.fullmatch(stem[len(wanted) :])]
    if len(parts) > 1:
        return f"its parts {' and '.join(parts)}", f"Join them into one file {table.file}.csv, with one header."
    free = {name: stem for name, stem in stems.items() if stem not in known - {wanted}}
    near = [name for name, stem in free.items() if wanted in stem or _likeness(stem, wanted) >= _ALIKE]
    if near:
        return f"{' and '.join(near)}", f"Rename it to {table.file} with its ending, if it is this file."
    below = [
        path / name for path in _folders_below(folder) for name in _present(path) if schema.plain(_stem(name)) == wanted
    ]
    if below:
        return f"{' and '.join(map(str, below))}", f"Name that folder, or put the file in {folder}."
    return None


def _stem(name: str) -> str:
    """A file's name without its ending."""
    ending = next((ending for ending in sorted(ENDINGS, key=len)[::-1] if name.casefold().endswith(ending)), "")
    return name[: len(name) - len(ending)]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _input(path: Path, table: schema.Table, mapping: MappingSettings) -> Input:
    if path.exists() and not path.is_file():
        found, fix = (
            ("a folder", "Put one file in its place.")
            if path.is_dir()
            else ("a pipe or a device", "Put a file in its place: it is read more than once.")
        )
        raise JourneyError([Problem(path.name, "a file that can be read", found, fix)])
    if path.name.casefold().endswith(".parquet"):
        return _parquet_input(path, table, mapping)
    header = _csv_header(path)
    places = matched(path.name, header, table, mapping)
    names = {name: f"c{position}" for name, position in places.positions.items()}
    quick, quick_types = "", {}
    # Unless every digit counts and values are as the raw form has them, they are read as text first.
    exact = mapped.is_plain(table, mapping) and not _has_exponents(path)
    if exact:
        quick = ", ".join(f"{_guarded(names[column.name], column)} AS {column.name}" for column in table.columns)
        quick_types = {names[column.name]: _quick_type(column) for column in table.columns}
    return Input(
        path=path,
        file=path.name,
        headers=places.spoken,
        first_row=2,
        select=f"SELECT {_selected(table, names, mapping)} FROM {_read_csv(path, len(header), {})}",
        quick=f"SELECT {quick} FROM {_read_csv(path, len(header), quick_types)}" if exact else None,
        elsewhere=lambda copy: replace(_input(copy, table, mapping), file=path.name),
        accepted=places.accepted,
    )


def _selected(table: schema.Table, names: dict[str, str], mapping: MappingSettings) -> str:
    """SQL of the canonical columns; `names` are those of the file's, in SQL, by ours."""
    return ", ".join(
        f"{mapped.expression(table, column, names.get(column.name, 'NULL'), mapping)} AS {column.name}"
        for column in table.columns
    )


def _parquet_input(path: Path, table: schema.Table, mapping: MappingSettings) -> Input:
    try:
        with pq.ParquetFile(path) as file:
            header, n_rows = file.schema_arrow.names, file.metadata.num_rows
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error
    if n_rows == 0:
        raise _empty(path, "no rows")
    found = matched(path.name, header, table, mapping)
    names = {name: _identifier(header[position]) for name, position in found.positions.items()}
    select = f"SELECT {_selected(table, names, mapping)} FROM {parquet_file(path)}"
    return Input(path, path.name, found.spoken, 1, select, accepted=found.accepted)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _read_csv(path: Path, n_columns: int, types: dict[str, str]) -> str:
    """SQL that reads the file, its columns named c0, c1, ... by position; as text but for `types`.

    The format is stated, not guessed from the first rows, so that a malformed row is named by its line.
    """
    names = [f"c{position}" for position in range(n_columns)]
    columns = ", ".join(f"{quoted(name)}: {quoted(types.get(name, 'VARCHAR'))}" for name in names)
    compression = "gzip" if _is_compressed(path) else "none"
    return (
        f"read_csv({one_file(path)}, auto_detect=false, header=true, columns={{{columns}}}, "
        f"delim=',', quote='\"', escape='\"', compression='{compression}', hive_partitioning=false)"
    )


def _quick_type(column: schema.Column) -> str:
    if column.values:
        return enumeration(column)
    # Read as an integer, 1.5 would silently become 2.
    return "VARCHAR" if column.type == "VARCHAR" else "DOUBLE"


def _guarded(name: str, column: schema.Column) -> str:
    """SQL of a value read as `_quick_type`, in the declared type; an error when that would change it."""
    if column.type == "VARCHAR":
        if column.values:
            return name
        text = f"nullif(trim({name}), '')"
        return f"CASE WHEN NOT {says_missing(name)} THEN {text} END" if column.nullable else text
    sound = f"isfinite({name})"
    if column.type != "DOUBLE":
        sound = f"{name} = floor({name}) AND abs({name}) < {_EXACT}"
    if column.nullable:
        sound = f"{name} IS NULL OR {sound}"
    return f"CASE WHEN {sound} THEN {name}::{column.type} ELSE error('to be read as text') END"


def _csv_header(path: Path) -> list[str]:
    """The names in the header of a CSV file that has at least one row."""
    try:
        with _text(path) as lines:
            header = next(csv.reader(lines), None)
            has_rows = any(line.strip(_BLANK) for line in lines)
    except (OSError, EOFError, zlib.error, csv.Error) as error:
        raise _unreadable(path, error) from error
    if not header or not has_rows:
        blank_first = "a first line without names" if has_rows else "a header and no rows"
        raise _empty(path, "an empty file" if header is None else blank_first)
    if "\0" in "".join(header):
        found = "zero bytes in the header, as UTF-16 has"
        raise JourneyError([Problem(path.name, "text in UTF-8", found, "Export the file as UTF-8.")])
    return header


def _is_compressed(path: Path) -> bool:
    return path.name.casefold().endswith(".gz")


def _has_exponents(path: Path) -> bool:
    """Whether the file may hold a number in scientific notation: some text looks like the end of one.

    A compressed file is read to its end, where the check sum is: without it a damaged file may give other numbers.
    """
    found, cut = False, b""
    try:
        with gzip.open(path, "rb") if _is_compressed(path) else path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                here = cut + chunk
                found = found or any(exponent.search(here) for exponent in _EXPONENTS)
                cut = here[-_LONGEST_CUT:]
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error
    return found


def _text(path: Path) -> TextIO:
    """The file's text. Bytes that are not UTF-8 are replaced: reading the rows reports them, with their line."""
    if _is_compressed(path):
        return io.TextIOWrapper(gzip.open(path, "rb"), newline="", encoding="utf-8-sig", errors="replace")
    return path.open(newline="", encoding="utf-8-sig", errors="replace")


def _unreadable(path: Path, error: Exception) -> JourneyError:
    fix = "Export or download the file again."
    if isinstance(error, PermissionError):
        found, fix = "no permission to read it", "Check who may read it."
    elif isinstance(error, EOFError | zlib.error | gzip.BadGzipFile):
        found = f"a compressed file that is cut short or damaged ({str(error).rstrip('.')})"
    elif isinstance(error, OSError) and error.strerror:
        found = error.strerror
    else:
        found = str(error).rstrip(".")
    return JourneyError([Problem(path.name, "a file that can be read", found, fix)])


def _empty(path: Path, found: str) -> JourneyError:
    return JourneyError([Problem(path.name, "a header and at least one row", found, "Export the file again.")])
