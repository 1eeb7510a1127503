"""The run history without a household: previews of tables lose its rows, messages its key."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from dunnhumby_pipeline.orchestration.erasing.files import REWRITTEN, Found
from dunnhumby_pipeline.orchestration.erasing.words import Key

_TYPES = ("TEXT", "VARCHAR", "CLOB", "JSON")
_SECONDS = 60


def erase_from_history(file: Path, key: Key) -> Found | None:
    """Take the household out of every text of an SQLite file, pages that are no longer used included."""
    n = 0
    with closing(sqlite3.connect(file, timeout=_SECONDS)) as history:
        history.execute("PRAGMA secure_delete = ON")
        tables = [name for (name,) in history.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            kinds = [(name, kind.upper()) for _, name, kind, *_ in history.execute(f'PRAGMA table_info("{table}")')]
            for column in (name for name, kind in kinds if kind.startswith(_TYPES)):
                n += _erase_column(history, table, column, key)
        history.commit()
        if n:
            history.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            history.execute("VACUUM")
            history.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Found(file, REWRITTEN, n) if n else None


def _erase_column(history: sqlite3.Connection, table: str, column: str, key: Key) -> int:
    found = history.execute(
        f'SELECT rowid, "{column}" FROM "{table}" WHERE instr("{column}", ?)', (str(key.household),)
    ).fetchall()
    n = 0
    for row, text in found:
        struck = _without(str(text), key)
        if struck != text:
            history.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (struck, row))
            n += 1
    return n


def _without(text: str, key: Key) -> str:
    try:
        told = json.loads(text)
    except ValueError:
        return key.struck(text)
    struck = key.without(told)
    return text if struck == told else json.dumps(struck)
