"""What files hold, as short texts that change with their content; hashed again only when a file has changed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.journey.fingerprint import fingerprint
from dunnhumby_pipeline.orchestration.platform.versions import digest

# The entity tag, as each store's client calls it; objects in memory have their time of writing instead.
_OBJECT_VERSION = ("size", "ETag", "etag", "created")


def fingerprint_once(path: TablePath) -> str:
    """The hash of a file's content, read again only when its size or its time of change differs.

    Of an object in a store the hash of what the store says of it, which no two objects written share: nothing is
    downloaded. FileNotFoundError when there is none.
    """
    if not isinstance(path, Path):
        said = path.fs.info(path.path)
        return digest([str(said.get(name)) for name in _OBJECT_VERSION])
    found = path.stat()
    return _fingerprint(path, found.st_size, found.st_mtime_ns)


def frame_fingerprint(frame: pd.DataFrame) -> str:
    """The hash of a table's columns and values, wherever it was read from."""
    values = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return digest([*frame.columns, *map(str, frame.dtypes), hashlib.blake2b(values.tobytes()).hexdigest()])


@lru_cache(maxsize=256)
def _fingerprint(path: Path, size: int, changed: int) -> str:
    return fingerprint(path)
