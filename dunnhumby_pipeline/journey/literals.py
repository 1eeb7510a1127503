"""Python values as SQL literals, and a parquet file as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dunnhumby_pipeline.contracts.schema import MISSING_WORDS, Column

if TYPE_CHECKING:
    from upath import UPath

_PATTERN = "*?["


def quoted(text: str | Path) -> str:
    """`text` as a SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"


def one_file(path: Path | UPath) -> str:
    """`path` as a SQL string literal for a reader that takes patterns: this file alone, whatever it is called."""
    return quoted("".join(f"[{letter}]" if letter in _PATTERN else letter for letter in str(path)))


def parquet_file(path: Path | UPath) -> str:
    """SQL that reads this parquet file alone; a folder called DAY=5 on the way to it is not a column."""
    return f"read_parquet({one_file(path)}, hive_partitioning=false)"


def says_missing(name: str) -> str:
    """SQL that is true of a value that is a word for none."""
    words = ", ".join(quoted(word) for word in MISSING_WORDS)
    return f"upper(trim(CAST({name} AS VARCHAR))) IN ({words})"


def enumeration(column: Column) -> str:
    """The SQL type of a column's known values: a few bytes per row, and quick to sort and to write."""
    return f"ENUM({', '.join(quoted(value) for value in column.values)})"
