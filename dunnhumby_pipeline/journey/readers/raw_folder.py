"""A folder of raw files, in any flavour: which file holds which table, and which header is which column.

Headers are found by their letters and digits in any case, in any order; files end in .csv, .csv.gz or
.parquet; line ends and a byte-order mark do not matter.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.literals import enumeration, one_file, parquet_file, quoted
from dunnhumby_pipeline.journey.source import Input, JourneyError, Problem, Source

ENDINGS = (".csv", ".csv.gz", ".parquet")
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
# Above it a number read as DOUBLE is no longer the number in the file.
_EXACT = 2**53
# The characters of a line of a CSV file that holds no value.
_BLANK = ', "\t\r\n'
_CHUNK = 2**20


def raw_folder(folder: Path) -> Source:
    """The source of a folder with the eight raw files.

    Raises JourneyError naming every missing, doubled, unreadable or empty file and every missing column.
    """
    present = _present(folder)
    problems: list[Problem] = []
    inputs: dict[str, Input] = {}
    for table in schema.TABLES:
        try:
            inputs[table.name] = _input(_only_file(folder, present, table), table)
        except JourneyError as error:
            problems += error.problems
    if problems:
        raise JourneyError(problems)
    return Source(name=str(folder), description=f"raw files in {folder}", inputs=inputs, discounts_negative=True)


def holds_raw_files(folder: Path) -> bool:
    """Whether any file in `folder` ends as a raw file does. JourneyError when the folder cannot be read."""
    return any(name.casefold().endswith(ENDINGS) for name in _present(folder))


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


def _only_file(folder: Path, present: list[str], table: schema.Table) -> Path:
    wanted = [f"{table.file}{ending}" for ending in ENDINGS]
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
    raise JourneyError(
        [
            Problem(
                wanted[0],
                "this file (or .csv.gz, or .parquet)",
                f"{len(present)} other files" if present else "an empty folder",
                f"Put it in {folder}.",
            )
        ]
    )


def _input(path: Path, table: schema.Table) -> Input:
    if path.name.casefold().endswith(".parquet"):
        return _parquet_input(path, table)
    header = _csv_header(path)
    positions = _matched(path.name, header, table)
    names = {column.name: f"c{positions[column.name]}" for column in table.columns}
    selected = ", ".join(f"{source} AS {name}" for name, source in names.items())
    quick = ", ".join(f"{_guarded(names[column.name], column)} AS {column.name}" for column in table.columns)
    quick_types = {names[column.name]: _quick_type(column) for column in table.columns}
    return Input(
        path=path,
        file=path.name,
        headers={name: header[position].strip() for name, position in positions.items()},
        first_row=2,
        select=f"SELECT {selected} FROM {_read_csv(path, len(header), {})}",
        quick=f"SELECT {quick} FROM {_read_csv(path, len(header), quick_types)}",
    )


def _parquet_input(path: Path, table: schema.Table) -> Input:
    try:
        with pq.ParquetFile(path) as file:
            header, n_rows = file.schema_arrow.names, file.metadata.num_rows
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, error) from error
    if n_rows == 0:
        raise _empty(path, "no rows")
    positions = _matched(path.name, header, table)
    headers = {name: header[position] for name, position in positions.items()}
    selected = ", ".join(f"{_identifier(original)} AS {name}" for name, original in headers.items())
    return Input(path, path.name, headers, 1, f"SELECT {selected} FROM {parquet_file(path)}")


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
        return name if column.values else f"nullif(trim({name}), '')"
    sound = f"isfinite({name})"
    if column.type != "DOUBLE":
        sound = f"{name} = floor({name}) AND abs({name}) < {_EXACT}"
    if column.nullable:
        sound = f"{name} IS NULL OR {sound}"
    return f"CASE WHEN {sound} THEN {name}::{column.type} ELSE error('to be read as text') END"


def _csv_header(path: Path) -> list[str]:
    """The names in the header of a CSV file that has at least one row."""
    try:
        if _is_compressed(path):
            _check_compressed(path)
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


def _check_compressed(path: Path) -> None:
    """Read to the end, where the check sum is: without it a damaged file may give other numbers."""
    with gzip.open(path, "rb") as file:
        while file.read(_CHUNK):
            pass


def _text(path: Path) -> TextIO:
    """The file's text. Bytes that are not UTF-8 are replaced: reading the rows reports them, with their line."""
    if _is_compressed(path):
        return io.TextIOWrapper(gzip.open(path, "rb"), newline="", encoding="utf-8-sig", errors="replace")
    return path.open(newline="", encoding="utf-8-sig", errors="replace")


def _unreadable(path: Path, error: Exception) -> JourneyError:
    fix = "Export or download the file again."
    if path.is_dir():
        found, fix = "a folder", "Put one file in its place."
    elif isinstance(error, PermissionError):
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


def _plain(header: str) -> str:
    """A header's letters and digits: BASKET_ID, basket_id and BasketId are one name."""
    return "".join(letter for letter in header.casefold() if letter.isalnum())


def _matched(file: str, header: list[str], table: schema.Table) -> dict[str, int]:
    """Canonical name -> position of its header."""
    for delimiter, name in _OTHER_DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            raise JourneyError(
                [Problem(file, "values separated by commas", f"{name} in the header", "Export it with commas.")]
            )
    plain = [_plain(name) for name in header]
    positions: dict[str, int] = {}
    problems: list[Problem] = []
    for column in table.columns:
        wanted = {_plain(name) for name in (column.raw, *column.aliases)}
        found = [position for position, name in enumerate(plain) if name in wanted]
        if len(found) == 1:
            positions[column.name] = found[0]
            continue
        also = f" (or {', '.join(column.aliases)})" if column.aliases else ""
        fix = "Remove all but one of them." if found else "Add or rename the column."
        where = f"{file}, column {column.raw}{also}"
        problems.append(Problem(where, "this column once in the header", ", ".join(header), fix))
    if problems:
        raise JourneyError(problems)
    return positions
