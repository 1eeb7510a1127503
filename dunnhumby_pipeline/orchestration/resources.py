"""What assets are given: the study (settings, home, input) and a way to notify."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.orchestration.storage import table_path
from dunnhumby_pipeline.settings import Home, Settings

if TYPE_CHECKING:
    from dunnhumby_pipeline.journey.sources import Source


@dataclass(frozen=True)
class Study:
    """One study: its settings, its home on disk, and the raw folder when one was named."""

    settings: Settings
    home: Home
    raw: Path | None = None

    def source(self) -> Source:
        """The named raw folder, else HOME/raw when it holds files, else the embedded sample."""
        from dunnhumby_pipeline.journey.sources import choose

        return choose(self.raw, self.home.raw)

    def table(self, name: str, campaign_type: str | None = None) -> Path:
        """Where the table `name` lies, in the partition of a campaign type if it has one."""
        return table_path(self.home.warehouse, name, campaign_type)

    @property
    def origin(self) -> Path:
        """The file that says what the canonical tables were made from (`origin.Origin`)."""
        return self.home.warehouse / "origin.json"

    def journey_tables(self) -> dict[str, Path]:
        """The files of the eight canonical tables by name."""
        return {table.name: self.table(table.name) for table in schema.TABLES}


@dataclass(frozen=True)
class LogFileNotifier:
    """Appends each alert as a line with its UTC time to a file."""

    path: Path

    def notify(self, message: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with self.path.open("a", encoding="utf-8") as log:
            log.write(f"{moment}  {message}\n")
