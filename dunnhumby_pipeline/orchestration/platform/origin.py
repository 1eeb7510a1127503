"""What the canonical tables were made from, recorded beside them: that is how an unchanged input is known.

`origin.json` names the input in words, the version of each table (a hash of the files that it depends on and
of the code that reads them) and the fingerprint of each table as it was written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import dagster as dg
from pydantic import ConfigDict, TypeAdapter, ValidationError

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.journey.source import Source
from dunnhumby_pipeline.orchestration.platform.fingerprints import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.storage import write_text_atomically
from dunnhumby_pipeline.orchestration.platform.versions import digest

REJECTS = "rejects"
REJECTED_ROWS = "rejected_rows"
TABLES = (*(table.name for table in schema.TABLES), REJECTS, REJECTED_ROWS)


@dataclass(frozen=True)
class Origin:
    """The input in words and its limits; by table, the version it was made as and its file's fingerprint."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    description: str
    limits: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: TablePath) -> Origin | None:
        """What is recorded at `path`; None when nothing is, or it is damaged or of another release."""
        if not path.is_file():
            return None
        try:
            return _RECORD.validate_json(path.read_bytes(), strict=True)
        except (OSError, ValidationError):
            # It only saves work: tables of unknown origin are rebuilt, and it with them.
            return None

    @classmethod
    def of(cls, source: Source, versions: Mapping[str, str], tables: Mapping[str, TablePath]) -> Origin:
        """The origin of tables that have just been made from `source`, or kept because it is unchanged."""
        files = {name: fingerprint_once(path) for name, path in tables.items()}
        return cls(source.description, source.limits, versions, files)

    def write(self, path: TablePath) -> None:
        write_text_atomically(json.dumps(asdict(self), indent=1), path)

    def still_holds(self, versions: Mapping[str, str], tables: Mapping[str, TablePath]) -> bool:
        """Whether every table was made as `versions` ask and lies there as it was written."""
        return dict(self.versions) == dict(versions) and self.is_whole(tables)

    def is_whole(self, tables: Mapping[str, TablePath]) -> bool:
        """Whether every table lies there as it was written."""
        return set(self.files) == set(tables) and all(
            path.is_file() and fingerprint_once(path) == self.files[name] for name, path in tables.items()
        )


_RECORD = TypeAdapter(Origin)


@dataclass(frozen=True)
class Observation:
    """A raw file as it was found; `facts` are shown in the UI."""

    asset_key: dg.AssetKey
    fingerprint: str
    facts: Mapping[str, Any]


def raw_key(table: str) -> dg.AssetKey:
    """The asset that stands for the raw file of a table: raw/raw_transactions."""
    return dg.AssetKey(["raw", f"raw_{table}"])


def raw_observations(source: Source) -> list[Observation]:
    """Every raw file of a source with the hash of its content. OSError when one cannot be read."""
    return [
        Observation(
            raw_key(name),
            fingerprint_once(path),
            {"source": source.name, "file": dg.MetadataValue.path(str(path)), "bytes": path.stat().st_size},
        )
        for name, path in source.paths.items()
    ]


def table_versions(source: Source, code: str) -> dict[str, str]:
    """The version of each canonical table of a source, as the code called `code` makes it.

    A table depends on its own file and on those without which it cannot be read; the rejects depend on all.
    """
    files = {name: fingerprint_once(path) for name, path in source.paths.items()}
    return {name: digest([code, *(files[read] for read in files_behind(name))]) for name in TABLES}


def files_behind(name: str) -> list[str]:
    """The tables whose raw files a canonical table's content depends on."""
    if name in (REJECTS, REJECTED_ROWS):
        return [table.name for table in schema.TABLES]
    decisive = (each.table for each in schema.table(name).references if each.firm)
    return sorted({name, *decisive})
