"""Temporary files and folders that say in their name which process made them, so that those of a dead one can go."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

STAGING, SPILL, UPLOAD = ".staging_", "duckdb_spill_", "dunnhumby_"
_OF_PROCESS = re.compile(rf"(?:{re.escape(STAGING)}|{SPILL}|{UPLOAD})(\d+)_\w+$")
# In a warehouse: a file that is written beside the one it will replace, or a folder of an earlier release.
_BESIDE = re.compile(rf"\.[^.].*\.(\d+)(?:\.part)?$|{re.escape(STAGING)}\w+$")


@contextmanager
def scratch_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """An empty folder in `parent` (by default the system's for temporary files), removed at the end."""
    with TemporaryDirectory(prefix=f"{prefix}{os.getpid()}_", dir=parent) as folder:
        yield Path(folder)


def beside(target: Path) -> Path:
    """The file to write before it takes the place of `target`, in the same folder."""
    return target.with_name(f".{target.name}.{os.getpid()}")


def remove_leftovers(warehouse: Path | None, temporary: Iterable[Path | None]) -> list[Path]:
    """Remove what processes that are dead have left behind, and say what.

    To be called while no other process works on the warehouse, and before this one does: then what has no number of
    a process, or that of this one, as in a container where every command has the same, is left over too. Folders in
    `temporary` (None: the system's) are shared with whoever else uses this machine: there the number decides.
    """
    removed = []
    for folder in {Path(each or gettempdir()) for each in temporary}:
        removed += [path for path in _listed(folder) if (of := _OF_PROCESS.match(path.name)) and _is_dead(of[1])]
    for folder in [warehouse, *(each for each in _listed(warehouse) if each.is_dir())] if warehouse else []:
        for path in _listed(folder):
            of = _OF_PROCESS.match(path.name) or _BESIDE.match(path.name)
            if of is not None and _is_dead(of[1]):
                removed.append(path)
    for path in removed:
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return [path for path in removed if not path.exists()]


def _listed(folder: Path | None) -> list[Path]:
    return sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []


def _is_dead(process: str | None) -> bool:
    """Whether no other process has this number. Where asking is not safe, none counts as dead."""
    if process is None or int(process) == os.getpid():
        return True
    if sys.platform == "win32":
        return False
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False
