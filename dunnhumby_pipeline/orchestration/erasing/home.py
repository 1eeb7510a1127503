"""Forget a household: note that it is left out from now on, then take it out of every file of the home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.journey.forgotten import HOUSEHOLD, as_text, read_forgotten
from dunnhumby_pipeline.journey.source import JourneyError, Source
from dunnhumby_pipeline.orchestration.backup.ledger import known_backups
from dunnhumby_pipeline.orchestration.erasing.files import REWRITTEN, Found, erase_from
from dunnhumby_pipeline.orchestration.erasing.history import erase_from_database, erase_from_history
from dunnhumby_pipeline.orchestration.erasing.words import Key, headers_of
from dunnhumby_pipeline.orchestration.platform.fingerprints import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.instance_file import MARK
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import write_text_atomically


class UnknownHouseholdError(Exception):
    """Nobody of this key is in the home or in the raw files. The message says where it was looked for."""


@dataclass(frozen=True)
class Erasure:
    """`found`: files that changed, in order. `beyond`: what was not reached and may name the household, in words."""

    found: tuple[Found, ...]
    beyond: tuple[str, ...]


def forget(study: Study, household: int) -> Erasure:
    """Erase a household from the home of a study and leave it out of every later load.

    What is sealed (approved lists, assignments of experiments, tables) is noted with its hash before and after.
    Raises UnknownHouseholdError, before anything changes, when nobody knows the household.
    """
    forgotten = read_forgotten(study.home.root)
    source = _source(study)
    key = Key(household, headers_of(_headers(source)))
    if not forgotten.holds(household) and not _is_known(study, source, key):
        raise UnknownHouseholdError(
            f"household {household} is in no table of {study.home.root} and in no raw file of the study; expected a "
            f"{HOUSEHOLD} as the raw files have it"
        )
    forgotten = forgotten.with_household(household)
    write_text_atomically(as_text(forgotten), study.home.forgotten)
    found: list[Found] = []
    for path, made_again in _files(study):
        before = _seals(path)
        one = erase_from(path, key, made_again=made_again)
        if one is None:
            continue
        found.append(one)
        if one.what == REWRITTEN:
            for was, now in zip(before, _seals(path), strict=True):
                forgotten = forgotten.with_file(was, now)
            write_text_atomically(as_text(forgotten), study.home.forgotten)
    for file in sorted(study.home.dagster_home.rglob("*.db")):
        one = erase_from_history(file, key)
        found += [one] if one is not None else []
    if study.settings.history.host is not None:
        one = erase_from_database(study.settings.history, key)
        found += [one] if one is not None else []
    return Erasure(tuple(found), _beyond(study, source))


def _files(study: Study) -> Iterator[tuple[TablePath, bool]]:
    """Every file of the home and the warehouse but the history, and whether a run makes it."""
    home, warehouse = study.home.root, study.warehouse
    inside = isinstance(warehouse, Path) and warehouse.is_relative_to(home)
    for path in sorted(home.rglob("*")):
        if path.is_file() and not path.is_symlink() and path != study.home.forgotten and path.suffix != ".db":
            yield path, isinstance(warehouse, Path) and path.is_relative_to(warehouse)
    if not inside:
        stored: list[TablePath] = [*warehouse.rglob("*")]
        yield from ((other, True) for other in sorted(stored, key=str) if other.is_file())


def _seals(path: TablePath) -> list[str]:
    """The hashes by which a file may be sealed: of its bytes and, of an assignment, of its arms."""
    from dunnhumby_pipeline.experiments.assignment import hash_of
    from dunnhumby_pipeline.targeting.list_ledger import file_hash

    seals = [fingerprint_once(path), file_hash(path)]
    if path.name.endswith(".parquet"):
        rows = pd.read_parquet(path) if isinstance(path, Path) and path.parent.name == "experiments" else None
        if rows is not None and {"arm", "stratum", "assignment_hash"} <= set(rows.columns):
            seals.append(hash_of(rows))
    return seals


def _source(study: Study) -> Source | None:
    """What the study reads; None where there is nothing that can be read."""
    try:
        return study.source()
    except JourneyError:
        return None


def _headers(source: Source | None) -> list[str]:
    inputs = source.inputs.values() if source is not None else ()
    return [given.headers[HOUSEHOLD] for given in inputs if HOUSEHOLD in given.headers]


def _is_known(study: Study, source: Source | None, key: Key) -> bool:
    """Whether a table of the study, or a raw file, has the household."""
    from dunnhumby_pipeline.engine.duck import connect
    from dunnhumby_pipeline.engine.tables import read_table

    for name in ("transactions", "demographics", "campaign_targets", "coupon_redemptions", "segments"):
        path = study.table(name)
        if path.is_file() and (read_table(path, [HOUSEHOLD])[HOUSEHOLD] == key.household).any():
            return True
    with connect(study.settings.engine) as connection:
        for given in source.inputs.values() if source is not None else ():
            if (
                HOUSEHOLD in given.headers
                and connection.execute(
                    f"SELECT 1 FROM ({given.select}) WHERE TRY_CAST({HOUSEHOLD} AS DOUBLE) = {key.household} LIMIT 1"
                ).fetchall()
            ):
                return True
    return False


def _beyond(study: Study, source: Source | None) -> tuple[str, ...]:
    """What this command does not reach, in words."""
    said = []
    folders = sorted({path.parent for path in source.paths.values()}) if source is not None else []
    outside = [folder for folder in folders if not folder.is_relative_to(study.home.root)]
    if outside:
        places = ", ".join(map(str, outside))
        said.append(f"{places}: these files are not this home's; every load from now on leaves the household out")
    if not isinstance(study.warehouse, Path):
        said.append(f"{study.warehouse}: earlier versions that the store keeps of its objects, and files but tables")
    for file in (study.settings.contact.opt_out_file, study.settings.nuisance.logged_propensities):
        place = None if file is None else study.home.root / Path(file).expanduser()
        if place is not None and not place.resolve().is_relative_to(study.home.root):
            said.append(f"{place}: a file of yours that the settings name")
    for settings in ("dagster.yaml", "dagster_command.yaml"):
        text = study.home.dagster_home / settings
        told = text.read_text(encoding="utf-8") if text.is_file() else ""
        if ("postgres" in told or "mysql" in told) and not told.startswith(MARK):
            said.append(f"the database that {text} names: its history keeps previews and messages as they were")
            break
    if study.settings.history.host is not None:
        said.append(
            f"Postgres at {study.settings.history.place}: its log of changes (WAL) until the server writes over it, "
            "those of its replicas, and dumps of it"
        )
    said.append(
        "files written elsewhere by --out or --rejected, lists and assignments that were sent, backups of this home"
    )
    said += [
        f"{made.file}: the backup of {made.made_at}, which still has the household; remove it, or give "
        f"--forgotten {study.home.forgotten} when it is restored"
        for made in known_backups(study.home)
    ]
    said.append("models and averages fitted with the household, until the next run fits them without it")
    return tuple(said)
