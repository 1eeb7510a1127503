"""What assets are given: the study (settings, home, input)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.scratch import STAGING, remove_leftovers, scratch_folder
from dunnhumby_pipeline.engine.tables import TablePath, warehouse_at
from dunnhumby_pipeline.orchestration.platform.storage import table_path
from dunnhumby_pipeline.settings import Home, Settings

if TYPE_CHECKING:
    import dagster as dg

    from dunnhumby_pipeline.journey.source import Source


@dataclass(frozen=True)
class Study:
    """One study: its settings, its home on disk, and the raw folder when one was named. `refusal`: why no certificate
    can be drawn, if so, by history, campaign type and run; None where the study is of no definitions.
    """

    settings: Settings
    home: Home
    raw: Path | None = None
    refusal: Callable[[dg.DagsterInstance, str, str], str | None] | None = field(
        default=None, compare=False, repr=False
    )

    def source(self) -> Source:
        """The named raw folder, else HOME/raw when it holds files, else the embedded sample."""
        from dunnhumby_pipeline.journey.choice import choose
        from dunnhumby_pipeline.journey.forgotten import read_forgotten

        found = choose(self.raw, self.home.raw, self.settings.mapping)
        return replace(found, forgotten=read_forgotten(self.home.root))

    @property
    def warehouse(self) -> TablePath:
        """The folder or object store of the tables: the setting, else HOME/warehouse."""
        place = self.settings.warehouse
        return self.home.warehouse if place is None else warehouse_at(place, self.home.root)

    def table(self, name: str, campaign_type: str | None = None) -> TablePath:
        """Where the table `name` lies, in the partition of a campaign type if it has one."""
        return table_path(self.warehouse, name, campaign_type)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """An empty folder of this machine for tables that are not all ready yet, removed at the end.

        It lies in the warehouse, from where tables are moved without a copy, or beside a store's spilled data.
        """
        warehouse, parent = self.warehouse, self.settings.engine.temp_directory
        if isinstance(warehouse, Path):
            warehouse.mkdir(parents=True, exist_ok=True)
            parent = warehouse
        with scratch_folder(STAGING, parent) as folder:
            yield folder

    def remove_leftovers(self) -> list[Path]:
        """Remove the temporary files of dead processes; what they were. While no other process works on the study."""
        warehouse = self.warehouse if isinstance(self.warehouse, Path) else None
        return remove_leftovers(warehouse, {self.settings.engine.temp_directory, None})

    @property
    def origin(self) -> TablePath:
        """The file that says what the canonical tables were made from (`origin.Origin`)."""
        return self.warehouse / "origin.json"

    def damaged_origin(self) -> list[str]:
        """What is wrong with that file, if it is there and cannot be read."""
        from dunnhumby_pipeline.orchestration.platform.origin import Origin

        damaged = self.origin.is_file() and Origin.read(self.origin) is None
        return [f"{self.origin} is damaged, or of another release"] if damaged else []

    def journey_tables(self) -> dict[str, TablePath]:
        """The files of the eight canonical tables by name."""
        return {table.name: self.table(table.name) for table in schema.TABLES}
