"""Tables wherever they lie: one parquet file each, in a folder of this machine or in an object store.

Here: where a warehouse is and how pandas reads a table. Its name in SQL is `duck.table_at`; writing one belongs
to `orchestration.storage`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from dunnhumby_pipeline.settings import SettingsError

# A folder of this machine is always a plain Path, so what is not one lies in a store.
TablePath: TypeAlias = Path | UPath

# What to do about a table that is not as it was written.
WAY_OUT = "`dunnhumby run`, without --select, rebuilds it"

# Tables with so many rows are read before a second thread has begun.
_ALONE = 20_000


class TableError(Exception):
    """A table cannot be read. The message names it and says what to do."""


def warehouse_at(place: str, home: Path) -> TablePath:
    """The folder or store that `place` names: a path (a relative one starts at `home`), file:// or a store's URL."""
    if "://" not in place:
        return home / Path(place).expanduser()
    # Another process may have written since: what a store lists is never remembered.
    url = UPath(place, use_listings_cache=False)
    return Path(url.path) if url.protocol == "file" else url


def require_reachable(warehouse: TablePath) -> None:
    """Raise SettingsError, with the store's own words, when the store does not answer or does not let us in."""
    if isinstance(warehouse, Path):
        return
    try:
        warehouse.fs.exists(warehouse.path)
    # Each store's client has errors of its own, which say what is wrong.
    except Exception as error:
        raise SettingsError(
            f"warehouse is {str(warehouse)!r}; expected a store that answers, found {type(error).__name__}: {error}. "
            "Correct the URL, or give its client credentials and address in the environment"
        ) from error


def read_table(path: TablePath, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The table at `path`, or some of its columns.

    Raises FileNotFoundError when there is none, and TableError when it is damaged.
    """
    wanted = None if columns is None else list(columns)
    try:
        if isinstance(path, Path) and wanted is None:
            return _whole(path)
        if isinstance(path, Path):
            return pd.read_parquet(path, columns=wanted)
        # Given a URL alone, pandas would read it with another client, which has other credentials.
        return pd.read_parquet(path.path, columns=wanted, filesystem=path.fs)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} cannot be read as a table ({error}); {WAY_OUT}") from error


def _whole(path: Path) -> pd.DataFrame:
    """The same as `pandas.read_parquet`, which treats a file as a folder of many and takes twice as long for a small
    one. It would refuse a column that is asked for and is not there; this is not asked for any.
    """
    with pq.ParquetFile(path) as file:
        threads = file.metadata.num_rows > _ALONE
        return file.read(use_threads=threads).to_pandas(use_threads=threads)


@contextmanager
def open_table(path: TablePath) -> Iterator[pq.ParquetFile]:
    """The parquet file at `path`, of which only what is asked for is read. FileNotFoundError when there is none."""
    with path.open("rb") as file, pq.ParquetFile(file) as table:
        yield table
