"""Which backups were made of a home: a line each, so that `forget` can say which of them still know a household."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dunnhumby_pipeline.settings import Home

LOG_FILE = "backups.jsonl"


@dataclass(frozen=True)
class Made:
    """A backup: its file, the SHA-256 of that file, its bytes, and when it was made (UTC)."""

    file: str
    sha256: str
    bytes: int
    made_at: str


def note(home: Home, made: Made) -> None:
    with (home.root / LOG_FILE).open("a", encoding="utf-8") as log:
        log.write(json.dumps(asdict(made)) + "\n")


def known_backups(home: Home) -> list[Made]:
    """Backups that were made of a home and are still where they were written. A line that cannot be read names none."""
    file, found = home.root / LOG_FILE, []
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        with suppress(ValueError, TypeError):
            found.append(Made(**json.loads(line)))
    return [made for made in found if Path(made.file).is_file()]
