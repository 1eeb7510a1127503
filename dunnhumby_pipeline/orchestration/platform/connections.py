"""Connections to the SQLite files of a history, kept open while the history is in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url


class Engines:
    """One engine for each SQLite file, each with a connection that stays open until `close`.

    Dagster makes an engine and a connection for every statement. Each compiles the statement again; and when the last
    connection to a file is closed, SQLite copies its log into it and waits for the disk twice. Of the 4,600 statements
    that a small study records that was a quarter of its time.

    What is committed is safe from the death of this process at once, and from that of the machine at the next
    checkpoint (`synchronous = NORMAL`, which never damages a file with a log).
    """

    def __init__(self, create: Callable[..., Engine]) -> None:
        self._create = create
        self._made: dict[str, Engine] = {}

    def engine(self, place: str, **options: Any) -> Engine:
        """The engine of `place`, a URL of SQLAlchemy. Of `options` the pool is chosen here."""
        if place not in self._made:
            chosen = {**options, "poolclass": None, "pool_size": 1, "max_overflow": -1}
            made = self._create(place, **{name: value for name, value in chosen.items() if value is not None})
            event.listen(made, "connect", _without_waiting)
            # Dagster disposes of an engine after each statement.
            made.dispose = lambda close=True: None  # type: ignore[method-assign]
            self._made[place] = made
        return self._made[place]

    def close(self, folder: Path) -> None:
        """Close the connections to files within `folder`; they are opened again when they are asked for."""
        for place, made in self._made.items():
            if Path(make_url(place).database or "").is_relative_to(folder):
                type(made).dispose(made)


def _without_waiting(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")
    # Dagster says so too, once it has made its tables; each of sixty would be waited for.
    with suppress(sqlite3.OperationalError):
        # Another process may be at work on a file that is new; dagster then says it later.
        connection.execute("PRAGMA journal_mode = WAL")
