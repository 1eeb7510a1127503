"""What a backup says of itself (of which home, made by what, the hash of each file), and whether it can be trusted."""

from __future__ import annotations

import re
import stat
import zipfile
from pathlib import PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

# Raised whenever an older program could no longer restore what this one writes.
FORMAT = 1
KIND: Literal["dunnhumby backup"] = "dunnhumby backup"
MANIFEST = "manifest.json"
# The two folders of an archive: files of the home, and those of a warehouse that lies in another folder.
HOME, WAREHOUSE = "home", "warehouse"
_LARGEST_MANIFEST = 64 << 20
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


class BackupError(Exception):
    """A backup cannot be written, or restored. The message says what was expected and found, and how to go on."""


class Entry(BaseModel):
    """A file as it was packed: SHA-256, bytes, permissions, and when it was last changed (seconds, Unix)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    mode: int = Field(ge=0, le=0o7777)
    modified: float


class Manifest(BaseModel):
    """`program`, `dagster`: versions that made it; `history`: where the run history lay ("files", or a database in
    words); `tables`: where the tables lay ("home", "folder", or an object store in words); `left_out`: what was not
    packed, in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["dunnhumby backup"]
    format: int
    program: str
    dagster: str
    made_at: str
    home: str
    history: str
    tables: str
    raw: bool
    left_out: tuple[str, ...] = ()
    files: dict[str, Entry] = {}

    def as_json(self) -> str:
        return self.model_dump_json(indent=1)


_KIND = TypeAdapter(dict[str, object])


def read_manifest(archive: zipfile.ZipFile, program: str) -> Manifest:
    """What an archive says of itself. `program`: the version of this one.

    Raises BackupError for what is no backup, is not whole, was made by a newer program, or would write outside the
    folder it is unpacked in.
    """
    name = archive.filename
    listed = archive.infolist()
    packed = {each.filename: each for each in listed}
    if MANIFEST not in packed or packed[MANIFEST].file_size > _LARGEST_MANIFEST:
        raise BackupError(f"{name} is no backup of a home; expected a file that `dunnhumby backup` wrote")
    try:
        text = archive.read(MANIFEST)
        said = _KIND.validate_json(text)
    except (ValidationError, zipfile.BadZipFile, OSError) as error:
        raise BackupError(f"{name} is damaged: its {MANIFEST} cannot be read") from error
    if said.get("kind") != KIND:
        raise BackupError(f"{name} is no backup of a home; expected a file that `dunnhumby backup` wrote")
    if said.get("format") != FORMAT or _is_newer(str(said.get("program")), program):
        raise BackupError(
            f"{name} was made by dunnhumby {said.get('program')} (format {said.get('format')}), which is newer than "
            f"this one, {program} (format {FORMAT}); install that version or a later one, then restore"
        )
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise BackupError(
            f"{name} is damaged: {place} in its {MANIFEST} is not as `dunnhumby backup` writes it"
        ) from error
    _require_sound(name, manifest, listed)
    return manifest


def _require_sound(name: str | None, manifest: Manifest, listed: list[zipfile.ZipInfo]) -> None:
    """Raise BackupError unless an archive holds the files of its manifest, all of them, and no other."""
    for each in listed:
        if each.filename != MANIFEST and (not _stays_inside(each.filename) or stat.S_ISLNK(each.external_attr >> 16)):
            raise BackupError(
                f"{name} was not written by `dunnhumby backup`: {each.filename!r} would be written outside the home"
            )
    packed = {each.filename: each.file_size for each in listed if each.filename != MANIFEST}
    promised = {path: entry.bytes for path, entry in manifest.files.items()}
    if len(listed) != len(packed) + 1 or packed != promised:
        odd = sorted(packed.items() ^ promised.items()) or [("a file", 0)]
        raise BackupError(
            f"{name} was altered: {odd[0][0]} is not in it as its {MANIFEST} says; expected a backup as it was written"
        )


def _stays_inside(path: str) -> bool:
    """Whether a path of an archive names a file below one of its two folders, on every system."""
    parts = PurePosixPath(path).parts
    return (
        len(parts) > 1
        and parts[0] in (HOME, WAREHOUSE)
        and "/".join(parts) == path
        and not any(part in ("..", ".") or set(part) & set('\\:\0<>|"?*') for part in parts)
    )


def _is_newer(found: str, own: str) -> bool:
    def numbers(version: str) -> tuple[int, ...]:
        first = _NUMBERS.match(version)
        return tuple(map(int, first[0].split("."))) if first is not None else ()

    return numbers(found) > numbers(own)
