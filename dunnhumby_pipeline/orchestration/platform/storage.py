"""Tables on disk or in an object store: one parquet file per table and partition, written whole or not at all; and
the one file that is not a table, the fitted segments.

Here: paths, atomic writes, the metadata every table shows in the UI, and the mark of a stale table.
Not here: what a table means or whether it is right (`checks`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.registry import table as contract
from dunnhumby_pipeline.engine.scratch import UPLOAD, beside, scratch_folder
from dunnhumby_pipeline.engine.tables import TableError, TablePath, open_table, read_table
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.fingerprints import fingerprint_once
from dunnhumby_pipeline.orchestration.platform.metrics import by_type, metrics_of

PREVIEW_ROWS = 5
LONGEST_IN_PREVIEW = 40
ROW_COUNT = "dagster/row_count"
# The hash of the file as it was written: what lies there now is held against it.
FINGERPRINT = "fingerprint"
_STALE_SUFFIX = ".STALE.txt"
# Above it not every whole number is a float.
_EXACT = 2.0**53


# What the UI shows of a table beside its numbers: from its name, partition and frame (None for a file).
Tells = Callable[[str, str | None, pd.DataFrame | None], Mapping[str, Any]]


def says_nothing(name: str, partition: str | None, frame: pd.DataFrame | None) -> Mapping[str, Any]:
    """Nothing beside the numbers."""
    return {}


class ParquetStore(dg.IOManager):
    """Writes a frame, or moves a staged file, to the asset's path; reads a frame.

    The path of the table itself says that the table is kept.
    """

    def __init__(self, warehouse: TablePath, tells: Tells = says_nothing) -> None:
        self.warehouse, self.tells = warehouse, tells

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | TablePath) -> None:
        partition = context.asset_partition_key if context.has_asset_partitions else None
        name = context.asset_key.path[-1]
        target = table_path(self.warehouse, name, partition)
        metrics: dict[str, float] = {}
        if isinstance(obj, pd.DataFrame):
            write_atomically(obj, target)
            metrics = metrics_of(name, obj)
        elif obj == target:
            # A table that is kept because nothing changed stays as it is, its time of change included.
            context.log.debug(f"{target} is kept")
        elif isinstance(obj, Path):
            put(obj, target)
        else:
            raise TypeError(
                f"asset {context.asset_key.to_user_string()} gave a {type(obj).__name__}; expected a pandas "
                "DataFrame or the Path of a staged file"
            )
        if contract(name).is_table:
            stale_mark(target).unlink(missing_ok=True)
        shown = table_metadata(target) if contract(name).is_table else file_metadata(target)
        found = {FINGERPRINT: fingerprint_once(target)}
        told = self.tells(name, partition, obj if isinstance(obj, pd.DataFrame) else None)
        context.add_output_metadata({**told, **by_type(partition, {**shown, **metrics}), **found})

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        # An unpartitioned table that a partitioned asset reads has no partition of its own.
        partition = context.asset_partition_key if context.has_asset_partitions else None
        path = table_path(self.warehouse, context.asset_key.path[-1], partition)
        if not path.is_file():
            raise dg.Failure(
                f"{path} does not exist: materialise {context.asset_key.to_user_string()} first",
                allow_retries=False,
            )
        with refusing(TableError):
            return read_table(path)


def table_path(warehouse: TablePath, name: str, partition: str | None = None) -> TablePath:
    """WAREHOUSE/NAME.parquet, or WAREHOUSE/PARTITION/NAME.parquet; what is not a table has a suffix of its own."""
    return (warehouse / partition if partition else warehouse) / contract(name).file_name


@contextmanager
def replacing(target: TablePath) -> Iterator[Path]:
    """A file of this machine to write to, which takes the place of `target` once it is whole.

    A reader sees the old file or the new one. When writing fails the old one stays and nothing is left over.
    """
    if not isinstance(target, Path):
        with scratch_folder(UPLOAD) as folder:
            yield folder / target.name
            put(folder / target.name, target)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = beside(target)
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def put(file: Path, target: TablePath) -> None:
    """Put a file that is whole in the place of `target`."""
    if isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, target)
    else:
        # One request, or one that ends an upload in parts: until then a store shows the old object.
        target.fs.put_file(str(file), target.path)


def write_atomically(frame: pd.DataFrame, target: TablePath) -> None:
    """Write a table so that a reader sees the old one or the new one."""
    with replacing(target) as part:
        frame.to_parquet(part, index=False)


def write_text_atomically(text: str, target: TablePath) -> None:
    """Write a text file so that a reader sees the old one or the new one."""
    with replacing(target) as part:
        part.write_text(text, encoding="utf-8")


def table_metadata(path: TablePath) -> dict[str, Any]:
    """Row count, schema with meanings, first rows and place of a parquet table, as the UI shows them."""
    with open_table(path) as table:
        n_rows, fields = table.metadata.num_rows, table.schema_arrow
        head = next(table.iter_batches(PREVIEW_ROWS), None)
    promised = {field.name: contract(path.stem).column(field.name) for field in fields}
    columns = [
        dg.TableColumn(name, str(fields.field(name).type), description=column.described if column else None)
        for name, column in promised.items()
    ]
    rows = [] if head is None else head.to_pylist()
    text = [dg.TableColumn(column.name, "string") for column in columns]
    return {
        ROW_COUNT: n_rows,
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/uri": path.as_uri(),
        "preview": dg.MetadataValue.table(
            [dg.TableRecord({name: shortened(as_text(value)) for name, value in row.items()}) for row in rows],
            schema=dg.TableSchema(text),
        ),
    }


def shortened(text: str) -> str:
    """A text as a cell of a preview shows it: a sentence would make its row taller than the screen."""
    return text if len(text) <= LONGEST_IN_PREVIEW else f"{text[: LONGEST_IN_PREVIEW - 1].rstrip()}…"


def as_text(value: object) -> str:
    """A value as the preview of a table shows it: nothing for a null, numbers to four digits, or to two decimals.

    Always text: NaN, which the UI cannot read, is a number in JSON as Python writes it.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, float) or math.isinf(value):
        return str(value)
    if value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return f"{value:.2f}" if 1000 <= abs(value) < _EXACT else f"{value:.4g}"


def file_metadata(path: TablePath) -> dict[str, Any]:
    """Size and place of a file that is not a table."""
    return {"bytes": path.stat().st_size, "dagster/uri": path.as_uri()}


def stale_mark(table: TablePath) -> TablePath:
    """The file that says a table was not rebuilt; rewriting the table removes it."""
    return table.with_name(table.stem + _STALE_SUFFIX)


def mark_stale(table: TablePath, reason: str) -> None:
    """Mark an existing table as stale; a table that was never built cannot be."""
    if table.is_file():
        stale_mark(table).write_text(reason + "\n", encoding="utf-8")
