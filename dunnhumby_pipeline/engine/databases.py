"""DuckDB's databases in memory, lent to one connection at a time and kept for the next one.

To make a database takes as long as twenty small queries, and a study connects a hundred times. Whoever is lent one
finds it as if it were new: tables and views lie in a catalogue that is made for them and taken away with them, frames
and local settings go with their connection, and stores that were registered are taken out again.
"""

from __future__ import annotations

import atexit
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from dunnhumby_pipeline.settings import EngineSettings

# As many as one process has ever needed at once.
MOST_IDLE = 4
# A database gives back what it took only when it is closed: one that grew by more is not kept.
_MOST_GROWN = 64 << 20
_STATM = Path("/proc/self/statm")
# Where a connection's own tables and views lie.
_CATALOGUE = "study"
# Idle ones by their bounds and by process: a process that was forked has the threads of none of its parent's.
_IDLE: defaultdict[tuple[int, str, int], list[duckdb.DuckDBPyConnection]] = defaultdict(list)


@contextmanager
def lent(settings: EngineSettings, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an empty database of its own, bounded by `settings`, that spills to `spill`.

    One in which footers of files were kept (`parquet_metadata_cache`) is not lent again: they outlive the setting. What
    else is set for the whole database has to be reset by who sets it.
    """
    idle, before = _IDLE[os.getpid(), settings.memory_limit, settings.threads], _resident()
    try:
        database = idle.pop()
    except IndexError:
        database = _made(settings)
    kept = False
    try:
        database.execute(f"SET temp_directory = '{str(spill).replace(chr(39), chr(39) * 2)}'")
        database.execute(f"ATTACH ':memory:' AS {_CATALOGUE}")
        stores = set(database.list_filesystems())
        connection = database.cursor()
        try:
            # A progress bar would be drawn over the lines that say how the study gets on.
            connection.execute(f"USE {_CATALOGUE}; SET enable_progress_bar = false")
            yield connection
            as_new = not _keeps_footers(connection)
        finally:
            connection.close()
        # One that cannot be emptied is not lent again, whatever the reason.
        with suppress(duckdb.Error):
            _empty(database, stores)
            kept = len(idle) < MOST_IDLE and _resident() - before < _MOST_GROWN and as_new
    finally:
        if kept:
            idle.append(database)
        else:
            database.close()


def _made(settings: EngineSettings) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            "memory_limit": settings.memory_limit,
            "threads": settings.threads,
            # A table is one that was given, never a variable that happens to have its name.
            "python_enable_replacements": False,
        }
    )


def _resident() -> float:
    """Bytes of memory that this process has; NaN, which is less than nothing, where the system does not say."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return math.nan


def _keeps_footers(connection: duckdb.DuckDBPyConnection) -> bool:
    return bool(connection.execute("SELECT current_setting('parquet_metadata_cache')").fetchall()[0][0])


def _empty(database: duckdb.DuckDBPyConnection, stores: set[str]) -> None:
    """Take away what was made in a database. Raises duckdb.Error when that cannot be done: for one, when it spilled."""
    database.execute(f"DETACH {_CATALOGUE}")
    for store in set(database.list_filesystems()) - stores:
        database.unregister_filesystem(store)
    # Refused when anything was ever spilled; another folder could then not be set either.
    database.execute("SET temp_directory = ''")


@atexit.register
def close_idle() -> None:
    """Close those of this process, as it ends: with their threads, while there is still a Python to end them in."""
    for bounds in [each for each in _IDLE if each[0] == os.getpid()]:
        for database in _IDLE.pop(bounds):
            database.close()
