"""The run history without a household, in SQLite or Postgres: previews of tables lose its rows, messages its key."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dunnhumby_pipeline.orchestration.erasing.files import REWRITTEN, Found
from dunnhumby_pipeline.orchestration.erasing.words import Key
from dunnhumby_pipeline.orchestration.platform.database import HistoryError, connected
from dunnhumby_pipeline.settings import HistorySettings, one_line

_TYPES = ("TEXT", "VARCHAR", "CLOB", "JSON")
_SECONDS = 60
# In Postgres, where rows are read in parts: a key of few digits is a part of numbers in nearly every event.
_TEXTS = ("text", "character varying", "character", "json", "jsonb")
_AT_ONCE = 500


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


def erase_from_database(history: HistorySettings, key: Key) -> Found | None:
    """Take the household out of every text of the Postgres database of a history, then write the tables that had it
    anew: until then their files keep the rows as they were.

    All texts change together or none. Raises HistoryError when the database does not answer, or another process holds
    the tables for a minute.
    """
    import psycopg2
    from psycopg2 import sql

    changed: dict[str, int] = {}
    try:
        with closing(connected(history, f"-c lock_timeout={_SECONDS}s")) as database:
            with database, database.cursor() as cursor:
                cursor.execute(
                    "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c "
                    "JOIN information_schema.tables t USING (table_schema, table_name) "
                    "WHERE t.table_type = 'BASE TABLE' AND c.table_schema = current_schema() AND c.data_type IN %s "
                    "ORDER BY 1, 2",
                    (_TEXTS,),
                )
                for table, column, kind in cursor.fetchall():
                    n = _erase_texts(database, table, column, kind, key)
                    if n:
                        changed[table] = changed.get(table, 0) + n
            database.autocommit = True
            with database.cursor() as cursor:
                for table in changed:
                    cursor.execute(sql.SQL("VACUUM (FULL) {}").format(sql.Identifier(table)))
    except psycopg2.errors.LockNotAvailable as error:
        raise HistoryError(
            f"another process holds the history in Postgres at {history.place} ({one_line(str(error))}); end what uses "
            "it (`dunnhumby ui`, a daemon), and forget the household again"
        ) from error
    except psycopg2.Error as error:
        raise HistoryError(
            f"the household is not out of the history in Postgres at {history.place}: {one_line(str(error))}; see that "
            "Postgres answers, and forget the household again"
        ) from error
    return Found(f"Postgres at {history.place}", REWRITTEN, sum(changed.values())) if changed else None


def _erase_texts(database: Any, table: str, column: str, kind: str, key: Key) -> int:
    from psycopg2 import sql

    names = {"table": sql.Identifier(table), "column": sql.Identifier(column), "kind": sql.SQL(kind)}
    asked = sql.SQL(
        "SELECT ctid, {column}::text FROM {table} WHERE position(%s in {column}::text) > 0 FOR UPDATE"
    ).format(**names)
    put = sql.SQL("UPDATE {table} SET {column} = %s::{kind} WHERE ctid = %s").format(**names)
    n = 0
    with database.cursor(name="texts") as reading, database.cursor() as writing:
        reading.itersize = _AT_ONCE
        reading.execute(asked, (str(key.household),))
        for place, text in reading:
            struck = _without(text, key)
            if struck != text:
                writing.execute(put, (struck, place))
                n += 1
    return n


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
