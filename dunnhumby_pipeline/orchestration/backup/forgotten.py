"""Households that were forgotten after a backup was made: they are erased again from what it brings back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dunnhumby_pipeline.journey.forgotten import HOUSEHOLD, Forgotten, as_text, read_forgotten
from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline.orchestration.backup.manifest import BackupError
from dunnhumby_pipeline.orchestration.erasing.home import forget
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.storage import write_text_atomically
from dunnhumby_pipeline.settings import FORGOTTEN_FILE, SettingsError

_TABLES = ("transactions", "demographics", "campaign_targets", "coupon_redemptions", "segments")


def read_later(file: Path) -> Forgotten:
    """The households forgotten in the home as it was last, from its forgotten.json. Raises BackupError."""
    if not file.is_file() or file.name != FORGOTTEN_FILE:
        raise BackupError(f"--forgotten is {str(file)!r}; expected the {FORGOTTEN_FILE} of the home as it was last")
    try:
        return read_forgotten(file.parent)
    except SettingsError as error:
        raise BackupError(str(error)) from error


def again_without(study: Study, later: Forgotten) -> int:
    """Erase from a restored home every household of `later`; how many there were."""
    before = read_forgotten(study.home.root)
    if before.households and before.salt != later.salt:
        raise BackupError(
            f"the {FORGOTTEN_FILE} given is of another home than the backup: their salts differ, so that one file "
            "cannot hold both; expected that of the same home as it was last"
        )
    merged = replace(
        later,
        households=tuple(sorted({*before.households, *later.households})),
        files={**later.files, **before.files},
    )
    write_text_atomically(as_text(merged), study.home.forgotten)
    keys = _keys(study, later)
    for household in keys:
        forget(study, household)
    return len(keys)


def _keys(study: Study, forgotten: Forgotten) -> list[int]:
    """The keys of forgotten households that tables or raw files of the home still have."""
    from dunnhumby_pipeline.engine.duck import connect
    from dunnhumby_pipeline.engine.tables import read_table

    if not forgotten.households:
        return []
    found: set[int] = set()
    for name in _TABLES:
        path = study.table(name)
        if path.is_file():
            keys = read_table(path, [HOUSEHOLD])[HOUSEHOLD]
            found.update(int(key) for key in keys[forgotten.rows(keys)].unique())
    try:
        inputs = study.source().inputs.values()
    except JourneyError:
        return sorted(found)
    with connect(study.settings.engine) as connection:
        for given in inputs:
            if HOUSEHOLD in given.headers and given.path.is_relative_to(study.home.root):
                rows = connection.execute(
                    f"SELECT DISTINCT {HOUSEHOLD} FROM (SELECT TRY_CAST({HOUSEHOLD} AS BIGINT) AS {HOUSEHOLD} FROM "
                    f"({given.select})) WHERE {forgotten.condition()}"
                ).fetchall()
                found.update(int(key) for (key,) in rows)
    return sorted(found)
