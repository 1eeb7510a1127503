"""What a file holds, as a short text that changes when a byte of it does."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BYTES = 16


def fingerprint(path: Path) -> str:
    """BLAKE2b digest of the file's content, 32 hexadecimal digits. OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()
