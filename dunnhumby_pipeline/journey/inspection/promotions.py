"""Promotions listed more than once for a product, store and week, merged into one row.

There are tens of millions of rows, so they are sorted once: repeated keys are then neighbours, and the sorted
table is what is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts import schema

_ORDER = ", ".join(schema.PROMOTIONS.order)
_CODES = tuple(column for column in schema.PROMOTIONS.columns if column.values)
# Each takes 24 bytes here, beside what `engine.memory_limit` allows DuckDB. Of more rows, or where their numbers are
# too long, DuckDB sorts as much as fits.
MOST_PACKED = 50_000_000
_BITS = 63


def forget_promotions(connection: duckdb.DuckDBPyConnection) -> None:
    """Let go of the promotions of a source that was inspected on this connection before."""
    found = connection.execute("SELECT view_name FROM duckdb_views() WHERE view_name = 'sound_promotions'").fetchall()
    connection.execute(f"DROP {'VIEW' if found else 'TABLE'} IF EXISTS sound_promotions")
    connection.unregister("packed_promotions")


def merge_promotions(connection: duckdb.DuckDBPyConnection) -> int:
    """Make `sound_promotions` hold each key once, in canonical order; the staged rows are released.

    A repeated key gets the largest display and the largest mailer code among its rows: '0', none, is the
    smallest. Returns how many rows that takes away.
    """
    columns = ", ".join(schema.PROMOTIONS.column_names)
    extremes = ", ".join(f"min({name}), max({name})" for name in schema.PROMOTIONS.order)
    n_rows, *found = connection.execute(f"SELECT count(*), {extremes} FROM sound_promotions").fetchall()[0]
    packing = _packing(found[::2], found[1::2]) if 0 < n_rows <= MOST_PACKED else None
    if packing is None:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE merging AS SELECT {columns} FROM sound_promotions ORDER BY {_ORDER}"
        )
        _release(connection)
        connection.execute("ALTER TABLE merging RENAME TO sound_promotions")
        return _merge_sorted(connection)
    packed = np.asarray(
        connection.execute(f"SELECT {packing.sql} AS packed FROM sound_promotions").fetchnumpy()["packed"]
    )
    _release(connection)
    merged = packing.merged(packed)
    del packed
    connection.register("packed_promotions", packing.frame(merged))
    connection.execute(f"CREATE TEMP VIEW sound_promotions AS SELECT {packing.unpacked} FROM packed_promotions")
    return int(n_rows) - len(merged)


def _release(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("DROP VIEW sound_promotions")
    connection.execute("DROP VIEW checked_promotions")
    connection.execute("DROP TABLE staged_promotions")


@dataclass(frozen=True)
class _Packing:
    """A row as one whole number, the same order as rows have: numbers are sorted in a fraction of the time.

    `bits` of each part, the first in order first: the key in canonical order, and then the codes.
    """

    bits: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return (*schema.PROMOTIONS.order, *(column.name for column in _CODES))

    @property
    def shifts(self) -> tuple[int, ...]:
        return tuple(sum(self.bits[place + 1 :]) for place in range(len(self.bits)))

    @property
    def of_codes(self) -> int:
        """Bits of all codes, which are the last."""
        return sum(self.bits[len(schema.PROMOTIONS.order) :])

    @property
    def sql(self) -> str:
        """SQL of the number of a row; a code by its place among those known."""
        known = {column.name for column in _CODES}
        parts = [f"enum_code({name})" if name in known else name for name in self.names]
        return " | ".join(
            f"(CAST({part} AS BIGINT) << {shift})" for part, shift in zip(parts, self.shifts, strict=True)
        )

    def merged(self, packed: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number for each key of `packed` (n,), in order, with the largest of each code; `packed` is sorted."""
        # Files come in runs that are in order, which this sort makes use of.
        packed.sort(kind="stable")
        again = np.flatnonzero((packed[1:] ^ packed[:-1]) < 1 << self.of_codes) + 1
        # Few keys stand twice: only their rows are looked at more closely.
        rows = np.union1d(again, again - 1)
        few = packed[rows]
        first = np.flatnonzero(np.diff(few >> self.of_codes, prepend=-1))
        if len(first):
            found = few[first] >> self.of_codes << self.of_codes
            for place in range(len(schema.PROMOTIONS.order), len(self.bits)):
                found |= np.maximum.reduceat(self._part(few, place), first) << self.shifts[place]
            packed[rows[first]] = found
        return np.delete(packed, again) if len(again) else packed

    def frame(self, packed: NDArray[np.int64]) -> pd.DataFrame:
        """`packed`, and the codes beside it as words: to look up a word for every row takes DuckDB as long as to
        sort."""
        codes = (packed & ((1 << self.of_codes) - 1)).astype(np.int16)
        words = {
            column.name: pd.Categorical.from_codes(
                self._part(codes, place).astype(np.int8), list(column.values), ordered=True, validate=False
            )
            for place, column in enumerate(_CODES, len(schema.PROMOTIONS.order))
        }
        return pd.DataFrame({"packed": packed, **words}, copy=False)

    @property
    def unpacked(self) -> str:
        """SQL of the columns of a row of `frame`."""
        known = {column.name for column in _CODES}
        found = {}
        for name, bits, shift in zip(self.names, self.bits, self.shifts, strict=True):
            kind = schema.PROMOTIONS.column(name).type
            found[name] = (
                name if name in known else f"CAST((packed >> {shift}) & {(1 << bits) - 1} AS {kind}) AS {name}"
            )
        return ", ".join(found[name] for name in schema.PROMOTIONS.column_names)

    def _part(self, packed: NDArray[Any], place: int) -> NDArray[Any]:
        return (packed >> self.shifts[place]) & ((1 << self.bits[place]) - 1)


def _packing(least: Sequence[int], most: Sequence[int]) -> _Packing | None:
    """How rows are packed whose key goes from `least` to `most`; None where a row does not fit into one number."""
    bits = (*(max(int(high).bit_length(), 1) for high in most), *(len(column.values).bit_length() for column in _CODES))
    return _Packing(bits) if min(least) >= 0 and sum(bits) <= _BITS else None


def _merge_sorted(connection: duckdb.DuckDBPyConnection) -> int:
    """Merge the neighbours of the table `sound_promotions` that have the same key; how many rows that takes away."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE repeated_promotions AS SELECT repeated, {_ORDER} FROM "
        f"(SELECT rowid AS repeated, {_ORDER}, lag(({_ORDER})) OVER () AS before FROM sound_promotions) "
        f"WHERE ({_ORDER}) = before"
    )
    (n_merged,) = connection.execute("SELECT count(*) FROM repeated_promotions").fetchall()[0]
    if n_merged:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE merged_promotions AS SELECT min(sound.rowid) AS first, "
            "max(CAST(display AS VARCHAR)) AS display, max(CAST(mailer AS VARCHAR)) AS mailer "
            f"FROM sound_promotions AS sound SEMI JOIN repeated_promotions USING ({_ORDER}) GROUP BY {_ORDER}"
        )
        connection.execute(
            "UPDATE sound_promotions AS sound SET display = merged.display, mailer = merged.mailer "
            "FROM merged_promotions AS merged WHERE sound.rowid = merged.first"
        )
        connection.execute("DELETE FROM sound_promotions WHERE rowid IN (SELECT repeated FROM repeated_promotions)")
    return int(n_merged)
