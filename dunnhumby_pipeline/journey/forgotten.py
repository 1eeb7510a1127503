"""Households that have asked to be forgotten: how the home remembers to leave them out without naming them.

HOME/forgotten.json holds a random salt and, of each household, the SHA-256 of salt and key: a later load can tell that
a row is of such a household, and nobody reads from the file who it was. Keys are numbers, so that whoever has the file
can still try them all: it is a pseudonym, and is kept in the home alone.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.settings import FORGOTTEN_FILE, SettingsError

HOUSEHOLD = "household_key"
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Forgotten:
    """`households`: the salted hash of each. `files`: by the hash of a sealed file without them, that of the file as it
    was sealed, so that what was erased is not taken for what was altered.
    """

    salt: str
    households: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def digest(self, household: int) -> str:
        return hashlib.sha256(f"{self.salt}:{household}".encode()).hexdigest()

    def holds(self, household: int) -> bool:
        return self.digest(household) in self.households

    def with_household(self, household: int) -> Forgotten:
        return replace(self, households=tuple(sorted({*self.households, self.digest(household)})))

    def with_file(self, before: str, after: str) -> Forgotten:
        """After a file whose hash was `before` has become one whose hash is `after`."""
        return replace(self, files={**self.files, after: self.files.get(before, before)})

    def sealed_as(self, found: str) -> str:
        """The hash that a file had before households were erased from it; `found` itself when none were."""
        return self.files.get(found, found)

    def rows(self, keys: pd.Series) -> pd.Series:
        """Which of these household keys are forgotten (bool)."""
        if not self.households:
            return pd.Series(False, index=keys.index)
        known = {key for key in keys.dropna().unique() if float(key).is_integer() and self.holds(int(key))}
        return keys.isin(known)

    def condition(self) -> str:
        """SQL that is true of a household_key that is forgotten."""
        listed = ", ".join(f"'{each}'" for each in self.households)
        return f"sha256('{self.salt}:' || CAST({HOUSEHOLD} AS VARCHAR)) IN ({listed})"


def read_forgotten(home: Path) -> Forgotten:
    """The households forgotten in a home; none without the file.

    Raises SettingsError for a file that cannot be read: to go on would bring back who asked to be forgotten.
    """
    file = home / FORGOTTEN_FILE
    if not file.exists():
        return Forgotten(secrets.token_hex(16))
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        found = Forgotten(str(told["salt"]), tuple(told["households"]), dict(told["files"]))
        sound = set(told) == {"salt", "households", "files"} and all(_HASH.fullmatch(one) for one in found.households)
        sound = sound and re.fullmatch("[0-9a-f]+", found.salt) is not None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise SettingsError(
            f"{file} is damaged; expected the households that `dunnhumby forget` has noted. Restore it from a backup: "
            "without it a run would bring them back"
        )
    return found


def as_text(forgotten: Forgotten) -> str:
    """The content of the file."""
    return json.dumps(asdict(forgotten), indent=1) + "\n"
