"""Settings of where the run history lies: in the home, or in a Postgres database."""

from __future__ import annotations

import re
from importlib.util import find_spec

from pydantic import Field, model_validator

from dunnhumby_pipeline.settings.section import Section

# A name or an address: a URL, in which a password may stand, is none.
_HOST = re.compile(r"[A-Za-z0-9._-]+")


class HistorySettings(Section):
    """The run history. Without `host` it lies in HOME/dagster_home, in files of SQLite. The password of a database is
    no setting: libpq takes it from PGPASSWORD, or from the file that PGPASSFILE names.
    """

    host: str | None = Field(None, description="host of the Postgres database of the history, such as db.example.com")
    port: int = Field(5432, ge=1, le=65535, description="port of the database")
    database: str = Field("dunnhumby", pattern=r"^[\w-]{1,63}$", description="name of the database; it serves one home")
    user: str = Field("dunnhumby", pattern=r"^[\w.@-]{1,63}$", description="user by which it is opened")
    connect_seconds: int = Field(10, ge=1, le=300, description="seconds that the database may take to answer")

    @model_validator(mode="after")
    def _can_be_opened(self) -> HistorySettings:
        if self.host is None:
            return self
        if _HOST.fullmatch(self.host) is None:
            # What stands there may be a password.
            raise ValueError(
                "history.host is no name of a host; expected one such as db.example.com or 10.0.0.5, without user, "
                "password and port: those are history.user, the environment's PGPASSWORD, and history.port"
            )
        if find_spec("dagster_postgres") is None:
            raise ValueError(
                f"history.host is {self.host!r}, and dagster-postgres, which opens the database, is not installed; "
                "pip install 'dunnhumby-pipeline[postgres]', or take history.host out"
            )
        return self

    @property
    def place(self) -> str:
        """The database in words, without user and password."""
        return f"{self.host}:{self.port}/{self.database}"
