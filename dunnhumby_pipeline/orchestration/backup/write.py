"""Pack a home into one file, whole or not at all, while its UI and daemon go on."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import zipfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from dunnhumby_pipeline import __version__
from dunnhumby_pipeline.engine.scratch import UPLOAD, scratch_folder
from dunnhumby_pipeline.orchestration.backup.contents import contents
from dunnhumby_pipeline.orchestration.backup.ledger import Made, note
from dunnhumby_pipeline.orchestration.backup.manifest import FORMAT, KIND, MANIFEST, BackupError, Entry, Manifest
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import replacing

_BLOCK = 1 << 20
_PACKED_ALREADY = (".parquet", ".gz", ".zip", ".png", ".npz")
_SQLITE = b"SQLite format 3\0"
# Customers' rows lie in it: without a setting it is its owner's alone.
_PRIVATE = 0o600


def name_of(now: datetime) -> str:
    """The name of a backup in a folder of them."""
    return f"dunnhumby-{now.strftime('%Y%m%dT%H%M%SZ')}.zip"


def back_up(study: Study, instance: dg.DagsterInstance, target: Path, raw: bool = True) -> tuple[Made, Manifest]:
    """Pack the home of a study into `target`, which does not exist yet.

    The databases of the history are copied by SQLite while others write to them. Raises BackupError when a run began
    meanwhile, so that tables and history would not be of one moment, or when the file cannot be written.
    """
    now = datetime.now(UTC)
    if target.exists():
        raise BackupError(f"{target} exists; expected a name that is free, or a folder in which one is made")
    before = instance.get_runs_count()
    packed, left_out = contents(study, raw)
    if not packed:
        raise BackupError(f"there is nothing to back up in {study.home.root}; expected the home of a study")
    try:
        with replacing(target) as part, scratch_folder(UPLOAD) as scratch:
            part.touch(mode=_PRIVATE)
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                files = {name: _packed(archive, name, path, scratch) for name, path in packed.items()}
                if instance.get_runs_count() != before:
                    raise BackupError("a run began while the home was packed; try again when it has ended")
                manifest = Manifest(
                    kind=KIND,
                    format=FORMAT,
                    program=__version__,
                    dagster=dg.__version__,
                    made_at=now.isoformat(timespec="seconds"),
                    home=str(study.home.root),
                    history=_history(study, instance),
                    tables=_tables(study),
                    raw=raw and study.home.raw.is_dir(),
                    left_out=tuple(left_out),
                    files={name: entry for name, entry in files.items() if entry is not None},
                )
                archive.writestr(MANIFEST, manifest.as_json())
            part.chmod(_mode(study))
            sha256, size = _hash(part), part.stat().st_size
            with part.open("rb") as written:
                os.fsync(written.fileno())
    except (OSError, sqlite3.Error) as error:
        found = getattr(error, "strerror", None) or str(error)
        raise BackupError(f"{target} cannot be written: {found}; nothing was left there") from error
    made = Made(str(target.resolve()), sha256, size, manifest.made_at)
    note(study.home, made)
    return made, manifest


def keep_last(folder: Path, n: int) -> list[Path]:
    """Remove all but the last `n` backups of a folder, by their names; what was removed."""
    old = sorted(folder.glob(f"dunnhumby-{'[0-9]' * 8}T{'[0-9]' * 6}Z.zip"))[:-n]
    for file in old:
        file.unlink()
    return old


def _packed(archive: zipfile.ZipFile, name: str, path: Path, scratch: Path) -> Entry | None:
    """Pack one file; None when it is gone, as logs and marks can be by now."""
    try:
        status = path.stat()
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
    except FileNotFoundError:
        return None
    source = _copied(path, scratch / "database") if is_database else path
    info = zipfile.ZipInfo(name, datetime.fromtimestamp(max(status.st_mtime, 315619200), UTC).timetuple()[:6])
    info.external_attr = (stat.S_IFREG | stat.S_IMODE(status.st_mode)) << 16
    info.compress_type = zipfile.ZIP_STORED if path.suffix in _PACKED_ALREADY else zipfile.ZIP_DEFLATED
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as file, archive.open(info, "w", force_zip64=True) as out:
        while block := file.read(_BLOCK):
            digest.update(block)
            out.write(block)
            size += len(block)
    mode = stat.S_IMODE(status.st_mode)
    return Entry(sha256=digest.hexdigest(), bytes=size, mode=mode, modified=status.st_mtime)


def _copied(database: Path, copy: Path) -> Path:
    """A database of SQLite as it is at one moment, whoever writes to it."""
    copy.unlink(missing_ok=True)
    original = sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=60)
    with closing(original) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        # One file, without the two that a log of changes would have beside it.
        target.execute("PRAGMA journal_mode = DELETE")
    return copy


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _mode(study: Study) -> int:
    return int(study.settings.file_mode, 8) if study.settings.file_mode is not None else _PRIVATE


def _history(study: Study, instance: dg.DagsterInstance) -> str:
    if study.settings.history.host is not None:
        return f"Postgres at {study.settings.history.place}"
    kind = type(instance.event_log_storage).__name__
    return "files" if "Sqlite" in kind else kind


def _tables(study: Study) -> str:
    if not isinstance(study.warehouse, Path):
        return str(study.warehouse)
    return "home" if study.warehouse.is_relative_to(study.home.root) else "folder"
