"""What an earlier release left in a home, and what becomes of it: said once, before a run that rebuilds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.orchestration.platform.keys import table_of

_SHOWN = 5


@dataclass(frozen=True)
class Leftovers:
    """Names of tables that the history has under another key alone (`moved`), names in it that are no tables any more
    (`gone`), and files of the warehouse that no table of this release is (`files`)."""

    moved: tuple[str, ...]
    gone: tuple[str, ...]
    files: tuple[Path, ...]


def left_by_earlier(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey], warehouse: object) -> Leftovers:
    """What is left in the history of `instance`, of which `keys` are the assets of today, and in `warehouse`, when it
    is a folder of this machine; a store may hold what is others'."""
    known, today = set(instance.get_asset_keys()), set(keys)
    names, before = {table_of(key) for key in today}, {table_of(key) for key in known - today}
    moved = {table_of(key) for key in today - known} & before
    files = _unknown_files(warehouse) if isinstance(warehouse, Path) else ()
    return Leftovers(tuple(sorted(moved)), tuple(sorted(before - names)), tuple(sorted(files)))


def _unknown_files(warehouse: Path) -> Iterator[Path]:
    wanted = {table.file_name for table in TABLES.values()}
    for folder in (warehouse, *(warehouse / each for each in CAMPAIGN_TYPES)):
        yield from (path for path in folder.glob("*.parquet") if path.name not in wanted)


def in_words(left: Leftovers) -> list[str]:
    """A sentence for each kind of what is left: what it is, and what to do. Nothing is said of a home of today."""
    said = []
    if left.moved:
        said.append(
            f"the history has {_listed(left.moved)} under the names of an earlier release: the files stay where they "
            "are, and these tables are rebuilt and judged once, under their new names; their old history stays readable"
        )
    if left.moved and left.gone:
        said.append(f"{_listed(left.gone)} of that release are made no more; their history stays readable")
    if left.files:
        said.append(
            f"{_listed([path.name for path in left.files])} in {left.files[0].parent} are read by nothing of this "
            "release; delete them when you need them no more"
        )
    return said


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")
