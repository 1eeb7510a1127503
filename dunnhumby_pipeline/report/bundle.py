"""Tables of a study in one file to pass on: each as CSV or parquet, what their columns mean, and what is in it.

The same tables give the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from dunnhumby_pipeline.contracts.table import Table
from dunnhumby_pipeline.engine.spreadsheet import write_csv
from dunnhumby_pipeline.engine.tables import TablePath, open_table, read_table
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.dictionary import described

# A spreadsheet opens what is short; what is long is read by a program, which keeps its types.
MOST_ROWS_AS_CSV = 1_000
MANIFEST, DICTIONARY, README = "manifest.csv", "data_dictionary.md", "README.txt"
_COLUMNS = ("file", "table", "rows", "columns", "bytes", "sha256", "left_out")
# The earliest that the format knows: when a table was packed is no part of what it says.
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
_MB = 1_000_000


@dataclass(frozen=True)
class Packed:
    """One table of a bundle: its file within it ("" when it was `left_out`, which says why), rows, columns, bytes, and
    the SHA-256 of the file."""

    table: str
    file: str = ""
    rows: int = 0
    columns: int = 0
    size: int = 0
    sha256: str = ""
    left_out: str = ""

    @property
    def row(self) -> tuple[str, ...]:
        """As the list of contents has it."""
        if self.left_out:
            return ("", self.table, "", "", "", "", self.left_out)
        return (self.file, self.table, *map(str, (self.rows, self.columns, self.size)), self.sha256, "")


def write_bundle(
    target: Path, tables: Sequence[tuple[Table, TablePath]], title: str, largest_mb: float
) -> tuple[Packed, ...]:
    """Pack `tables`, each with where it lies, into the zip file `target`: `tables/NAME.csv` up to 1,000 rows,
    `tables/NAME.parquet` as it lies above; with a manifest (rows, bytes and SHA-256 of each), a data dictionary and a
    README that begins with `title`. Tables that do not exist, or are larger than `largest_mb` (MB), are left out, which
    the manifest says. What is in it, in the order of `tables`.
    """
    packed = []
    with zipfile.ZipFile(target, "w") as bundle, TemporaryDirectory(dir=target.parent) as folder:
        for table, path in tables:
            packed.append(_pack(bundle, table, path, Path(folder), largest_mb))
        inside = [table for (table, _), one in zip(tables, packed, strict=True) if not one.left_out]
        _add_text(bundle, DICTIONARY, described(inside))
        _add_text(bundle, MANIFEST, _manifest(packed))
        _add_text(bundle, README, _readme(title, packed))
    return tuple(packed)


def _pack(bundle: zipfile.ZipFile, table: Table, path: TablePath, folder: Path, largest_mb: float) -> Packed:
    if not path.is_file():
        return Packed(table.name, left_out="not built")
    size = path.stat().st_size
    if size > largest_mb * _MB:
        limit = f"deliverables.largest_table_mb is {largest_mb:g}"
        return Packed(table.name, left_out=f"{size / _MB:,.0f} MB, and {limit}; it lies in {path.name}")
    with open_table(path) as stored:
        rows, columns = stored.metadata.num_rows, len(stored.schema_arrow.names)
    if rows > MOST_ROWS_AS_CSV:
        file = f"tables/{table.name}.parquet"
        with path.open("rb") as source:
            # It is compressed as it lies.
            n_bytes, digest = _add(bundle, file, source, zipfile.ZIP_STORED)
    else:
        file, plain = f"tables/{table.name}.csv", folder / "table.csv"
        write_csv(read_table(path), plain)
        with plain.open("rb") as source:
            n_bytes, digest = _add(bundle, file, source, zipfile.ZIP_DEFLATED)
    return Packed(table.name, file, rows, columns, n_bytes, digest)


def _add(bundle: zipfile.ZipFile, name: str, source: IO[bytes], compression: int) -> tuple[int, str]:
    """Bytes and SHA-256 of what was added."""
    digest, n_bytes = hashlib.sha256(), 0
    with _opened(bundle, name, compression) as member:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            n_bytes += len(chunk)
            member.write(chunk)
    return n_bytes, digest.hexdigest()


def _add_text(bundle: zipfile.ZipFile, name: str, text: str) -> None:
    with _opened(bundle, name, zipfile.ZIP_DEFLATED) as member:
        shutil.copyfileobj(io.BytesIO(text.encode("utf-8")), member)


@contextmanager
def _opened(bundle: zipfile.ZipFile, name: str, compression: int) -> Iterator[IO[bytes]]:
    about = zipfile.ZipInfo(name, _LONG_AGO)
    about.compress_type, about.create_system, about.external_attr = compression, 3, 0o640 << 16
    with bundle.open(about, "w", force_zip64=True) as member:
        yield member


def _manifest(packed: Sequence[Packed]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(one.row for one in packed)
    return text.getvalue()


def _readme(title: str, packed: Sequence[Packed]) -> str:
    inside, outside = [one for one in packed if not one.left_out], [one for one in packed if one.left_out]
    lines = [
        title,
        "",
        f"{numbers.counted(len(inside), 'table')}, in the folder tables: up to {MOST_ROWS_AS_CSV:,} rows as CSV "
        "(UTF-8, a header, an empty cell where nothing is known), longer ones as parquet.",
        f"{DICTIONARY} says what a row of each is and what its columns mean, with units.",
        f"{MANIFEST} lists every file with its rows, bytes and SHA-256; the same as `sha256sum` gives.",
        "In a CSV file, text that a spreadsheet would take for a formula has a quote before it.",
    ]
    if outside:
        lines += ["", "Left out:", *(f"- {one.table}: {one.left_out}" for one in outside)]
    return "\n".join([*lines, ""])
