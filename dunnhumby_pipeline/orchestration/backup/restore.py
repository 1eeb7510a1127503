"""Unpack a backup into an empty home: verified whole beside it, then put in its place."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dunnhumby_pipeline import __version__
from dunnhumby_pipeline.orchestration.backup.forgotten import again_without, read_later
from dunnhumby_pipeline.orchestration.backup.manifest import (
    HOME,
    WAREHOUSE,
    BackupError,
    Manifest,
    read_manifest,
)
from dunnhumby_pipeline.orchestration.platform.private import keep_private
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import SETTINGS_FILE, Home, Settings, SettingsError, load_settings

_BLOCK = 1 << 20
# Where the settings cannot be read yet, nobody else may read what is restored.
_PRIVATE = "0600"
# Left free on the disk beside what a backup holds.
_SPARE = 64 << 20


@dataclass(frozen=True)
class Restored:
    """`manifest` of the backup; `unusable`: why the settings in it cannot be used by this release, None when they can;
    `erased`: how many households that were forgotten since were erased again.
    """

    manifest: Manifest
    unusable: str | None
    erased: int


def restore(file: Path, home: Home, sha256: str | None = None, forgotten: Path | None = None) -> Restored:
    """Restore a backup into `home`, an empty folder or none.

    `sha256`: of the file, as `dunnhumby backup` said it; `forgotten`: the forgotten.json of the home as it was last,
    whose households are erased from what is restored. Raises BackupError, and leaves nothing, when the home is not
    empty, the file is not a whole backup of this release or an earlier one, or it was altered.
    """
    _require_empty(home.root, "the home")
    later = read_later(forgotten) if forgotten is not None else None
    if not file.is_file():
        raise BackupError(f"{file} does not exist, or is no file; expected one that `dunnhumby backup` wrote")
    try:
        if sha256 is not None and _hash(file) != sha256.strip().lower():
            raise BackupError(f"{file} is not the backup of SHA-256 {sha256}: it is damaged, altered, or another one")
        with zipfile.ZipFile(file) as archive:
            manifest = read_manifest(archive, __version__)
            home.root.parent.mkdir(parents=True, exist_ok=True)
            _require_space(manifest, home.root.parent)
            with _beside(home.root) as staging:
                settings, unusable = _settings(archive, manifest, staging)
                keep_private(settings.file_mode if settings is not None else _PRIVATE)
                _unpack(archive, manifest, staging)
                _require_databases(staging)
                erased = 0
                if later is not None:
                    if settings is None:
                        raise BackupError(f"{forgotten} cannot be applied: {unusable}")
                    erased = again_without(_study(settings, staging), later)
                _put_in_place(staging, manifest, settings, home)
    except (zipfile.BadZipFile, EOFError) as error:
        raise BackupError(f"{file} is not a whole backup (cut short, or another kind of file): {error}") from error
    except OSError as error:
        found = error.strerror or str(error)
        raise BackupError(
            f"{error.filename or home.root} cannot be read or written: {found}; nothing was restored"
        ) from error
    return Restored(manifest, unusable, erased)


def _require_empty(folder: Path, what: str) -> None:
    """Raise BackupError unless nothing lies in a folder: what is there would be mixed with what is restored."""
    if folder.is_dir():
        held = sorted(each.name for each in folder.iterdir())
    elif folder.exists() or folder.is_symlink():
        held = ["a file of this name"]
    else:
        return
    if held:
        shown = ", ".join(held[:5]) + (f" and {len(held) - 5} more" if len(held) > 5 else "")
        raise BackupError(
            f"{what} {folder} is not empty (found {shown}); expected an empty folder, or one that does not exist: name "
            "another one, or move this one away first. Nothing was changed"
        )


def _require_space(manifest: Manifest, parent: Path) -> None:
    needed = sum(entry.bytes for entry in manifest.files.values()) + _SPARE
    free = shutil.disk_usage(parent).free
    if free < needed:
        raise BackupError(f"{parent} has {free / 1e6:,.0f} MB free; expected {needed / 1e6:,.0f} MB for this backup")


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """An empty folder on the same disk as `folder`, removed with whatever is still in it."""
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.restoring_", dir=folder.parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _settings(archive: zipfile.ZipFile, manifest: Manifest, staging: Path) -> tuple[Settings | None, str | None]:
    """The settings that a backup holds, and why this release cannot use them when it cannot."""
    home = staging / HOME
    home.mkdir()
    name = f"{HOME}/{SETTINGS_FILE}"
    if name in manifest.files:
        _extract(archive, manifest, name, staging)
    try:
        return load_settings(Home(home)), None
    except SettingsError as error:
        return None, str(error).replace(str(home), "the restored home")


def _unpack(archive: zipfile.ZipFile, manifest: Manifest, staging: Path) -> None:
    # Folders that were made before the permissions were known.
    for folder in (staging, staging / HOME):
        folder.chmod(0o777 & ~_umask())
    for name in manifest.files:
        _extract(archive, manifest, name, staging)


def _extract(archive: zipfile.ZipFile, manifest: Manifest, name: str, staging: Path) -> None:
    """Write one file, with its permissions as far as they are allowed; BackupError when its hash is another."""
    entry, target = manifest.files[name], staging / name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(name) as packed, target.open("wb") as out:
            while block := packed.read(_BLOCK):
                digest.update(block)
                size += len(block)
                out.write(block)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise BackupError(f"{archive.filename} is damaged: {name} cannot be unpacked") from error
    if digest.hexdigest() != entry.sha256 or size != entry.bytes:
        raise BackupError(f"{archive.filename} was altered, or is damaged: {name} is not as it was packed")
    target.chmod(entry.mode & 0o777 & ~_umask())
    os.utime(target, (entry.modified, entry.modified))


def _require_databases(staging: Path) -> None:
    for file in sorted((staging / HOME).rglob("*.db")):
        with closing(sqlite3.connect(file)) as database:
            try:
                said = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            except sqlite3.DatabaseError as error:
                said = str(error)
        if said != "ok":
            raise BackupError(f"the database {file.relative_to(staging)} in the backup is damaged: {said}")


def _study(settings: Settings, staging: Path) -> Study:
    """The study as it lies beside its place."""
    if (staging / WAREHOUSE).is_dir():
        settings = settings.model_copy(update={"warehouse": str(staging / WAREHOUSE)})
    return replace(Study(settings, Home(staging / HOME)))


def _put_in_place(staging: Path, manifest: Manifest, settings: Settings | None, home: Home) -> None:
    tables = staging / WAREHOUSE
    if tables.is_dir():
        warehouse = Study(settings, home).warehouse if settings is not None else None
        if not isinstance(warehouse, Path):
            raise BackupError(
                f"the tables of this backup lay in a folder outside the home, and the settings name {warehouse}; set "
                "DUNNHUMBY_WAREHOUSE to an empty folder for them"
            )
        if warehouse.is_relative_to(home.root):
            shutil.move(tables, staging / HOME / warehouse.relative_to(home.root))
        else:
            _require_empty(warehouse, "the warehouse")
            if warehouse.is_dir():
                warehouse.rmdir()
            warehouse.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(tables, warehouse)
    if home.root.is_dir():
        home.root.rmdir()
    os.rename(staging / HOME, home.root)


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
