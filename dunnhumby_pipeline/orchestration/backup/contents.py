"""What of a home is packed, and what is not: locks, what a process left over, links, and what may hold a secret."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dunnhumby_pipeline.orchestration.backup.manifest import HOME, WAREHOUSE
from dunnhumby_pipeline.orchestration.platform.resources import Study

# Of the home's own processes while they live, and of SQLite, whose databases are packed as it copies them itself.
_PASSING = ("*.lock", "command.json", "*.db-wal", "*.db-shm", "*.db-journal")
_PASSING_FOLDERS = ("running", ".tmp", ".telemetry", ".logs_queue", "tmp*")
# Written beside a file that it will replace, or a folder in which tables are made (`engine.scratch`).
_LEFT_OVER = re.compile(r"\..+\.\d+$|\.staging_\w+$|duckdb_spill_\w+$")
# Files in which people keep passwords, tokens and keys.
_SECRET = (
    ".env",
    "*.env",
    ".pgpass",
    "*.pgpass",
    ".netrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "id_rsa*",
    "id_ed25519*",
)
_OWN_HISTORY_SETTINGS = ("dagster.yaml", "dagster_command.yaml")
# A password or an address with one, rather than the name of a variable that has it.
_PASSWORD = re.compile(r"password['\"]?\s*:\s*['\"]?(?!\s*(?:env\b|\{|$))\S|://[^/\s:@]*:[^/\s@]+@", re.MULTILINE)


def contents(study: Study, raw: bool) -> tuple[dict[str, Path], list[str]]:
    """The files of a home and of its warehouse by their path in an archive; and what is left out, in words.

    `raw`: whether the raw files in HOME/raw are packed.
    """
    home, warehouse = study.home.root, study.warehouse
    found: dict[str, Path] = {}
    left_out: list[str] = []
    for path, why in _walked(home):
        if why is None and not raw and path.is_relative_to(study.home.raw):
            continue
        if why is None:
            found[f"{HOME}/{path.relative_to(home).as_posix()}"] = path
        elif why:
            left_out.append(f"{path}: {why}")
    if not raw and study.home.raw.is_dir():
        left_out.append(f"{study.home.raw}: the raw files, as --no-raw says")
    if isinstance(warehouse, Path):
        if not warehouse.is_relative_to(home) and warehouse.is_dir():
            for path, why in _walked(warehouse):
                if why is None:
                    found[f"{WAREHOUSE}/{path.relative_to(warehouse).as_posix()}"] = path
                elif why:
                    left_out.append(f"{path}: {why}")
    else:
        left_out.append(f"the tables in {warehouse}: keep versions of its objects, or copy them with the store's tools")
    left_out += _elsewhere(study)
    return found, left_out


def _walked(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Every file below a folder, in order, with why it is left out: None when it is not, nothing when it is no loss."""
    for folder, folders, files in os.walk(root):
        place = Path(folder)
        for name in sorted(folders):
            if (place / name).is_symlink():
                yield place / name, f"a link to {os.readlink(place / name)}; back that up where it lies"
        own_history = place.name == "dagster_home" and place.parent == root
        folders[:] = sorted(
            name
            for name in folders
            if not (place / name).is_symlink()
            and not _LEFT_OVER.match(name)
            and not (own_history and _is(name, _PASSING_FOLDERS))
        )
        for name in sorted(files):
            yield place / name, _why_not(place / name)


def _why_not(path: Path) -> str | None:
    if path.is_symlink():
        return f"a link to {os.readlink(path)}; back that up where it lies"
    if not path.is_file() or _is(path.name, _PASSING) or _LEFT_OVER.match(path.name):
        return ""
    if _is(path.name.casefold(), _SECRET):
        return "such a file holds secrets; keep it apart"
    if path.name in _OWN_HISTORY_SETTINGS and _PASSWORD.search(path.read_text(encoding="utf-8", errors="replace")):
        return "it names a password; give it to the process in its environment instead"
    return None


def _is(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _elsewhere(study: Study) -> Iterator[str]:
    """What the study reads and does not lie in its home."""
    from dunnhumby_pipeline.journey.source import JourneyError

    home = study.home.root
    try:
        folders = sorted({path.parent for path in study.source().paths.values()})
        yield from (
            f"{folder}: the raw files that the study reads; it looks for them there, or where --raw says"
            for folder in folders
            if not folder.is_relative_to(home)
        )
    except JourneyError:
        pass
    for file in (study.settings.contact.opt_out_file, study.settings.nuisance.logged_propensities):
        place = None if file is None else (home / Path(file).expanduser()).resolve()
        if place is not None and not place.is_relative_to(home):
            yield f"{place}: a file of yours that the settings name"
