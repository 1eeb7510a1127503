"""A run history in Postgres: whether it can be opened, whose it is, and what it means when it no longer answers."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dunnhumby_pipeline.orchestration.platform.storage import write_text_atomically
from dunnhumby_pipeline.settings import HistorySettings, Home, SettingsError, one_line

if TYPE_CHECKING:
    from psycopg2.extensions import connection

# Under this name the database notes which home it serves.
_OF = "dunnhumby/home"
_ID_FILE = "history_id"


class HistoryError(SettingsError):
    """The database of the history cannot be used. The message names host and setting, what was found, how to fix it."""


def require_database(history: HistorySettings) -> None:
    """Raise HistoryError, without the password, unless the database of the history answers; at once without one."""
    if history.host is not None:
        connected(history).close()


def connected(history: HistorySettings, options: str | None = None) -> connection:
    """A connection to the Postgres database of the history, with these `options` of the server; HistoryError, without
    the password, when it does not answer.
    """
    import psycopg2

    try:
        return psycopg2.connect(
            host=history.host,
            port=history.port,
            dbname=history.database,
            user=history.user,
            connect_timeout=history.connect_seconds,
            options=options,
        )
    except psycopg2.Error as error:
        found = one_line(str(error))
        raise HistoryError(
            f"the run history is in Postgres at {history.place}, user {history.user} (settings history.host, "
            f"history.port, history.database, history.user), which cannot be opened: {found}; {_advice(found)}"
        ) from error


def _advice(found: str) -> str:
    if "password" in found:
        return "give the password in the environment: PGPASSWORD, or PGPASSFILE, which names a file of passwords"
    if "does not exist" in found:
        return "let who runs Postgres make it: CREATE ROLE ... LOGIN PASSWORD ..., CREATE DATABASE ... OWNER ..."
    return "start Postgres, let this machine through to it, or set history.host to where it is"


def require_own(history: HistorySettings, home: Home, instance: dg.DagsterInstance) -> None:
    """Raise HistoryError when the database holds the history of another home: tables of one would be taken for the
    other's. The first home that opens it is noted there, by a number that lies in the home and is backed up with it.
    """
    if history.host is None:
        return
    file = home.dagster_home / _ID_FILE
    if not file.is_file():
        write_text_atomically(secrets.token_hex(16), file)
    own = file.read_text(encoding="utf-8").strip()
    noted = instance.run_storage.get_cursor_values({_OF}).get(_OF)
    if noted is None:
        instance.run_storage.set_cursor_values({_OF: own})
    elif noted != own:
        raise HistoryError(
            f"the database {history.place} holds the history of another home than {home.root}; expected one database "
            f"for each home: set history.database to another one, or restore {file} with this home"
        )


def broken_history(error: BaseException | None) -> str | None:
    """What went wrong, in words, when an error says that the database of the history (SQLite or Postgres) cannot be
    read or written; None when it says something else."""
    for each in _chain(error):
        if isinstance(each, DBAPIError) and each.orig is not None:
            # The statement with its values, which SQLAlchemy adds, is left out.
            return one_line(str(each.orig))
        if isinstance(each, SQLAlchemyError) or type(each).__name__ == "DagsterPostgresException":
            found = one_line(str(each))
            return broken_history(each.__cause__) or found
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
