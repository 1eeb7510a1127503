"""Tables on disk: one parquet file a table and partition, written whole or not at all.

Here: paths, atomic writes, the metadata every table shows in the UI, and the mark of a stale table.
Not here: what a table means or whether it is right (`checks`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq

from dunnhumby_pipeline.orchestration.columns import described
from dunnhumby_pipeline.orchestration.series import figures_of

PREVIEW_ROWS = 5
ROW_COUNT = "dagster/row_count"
_STALE_SUFFIX = ".STALE.txt"


class ParquetStore(dg.IOManager):
    """Writes a frame, or moves a staged parquet file, to the asset's path; reads by the input's annotation.

    The path of the table itself says that the table is kept.

    An input annotated `Path` gets the file's path, any other a pandas frame.
    """

    def __init__(self, warehouse: Path) -> None:
        self.warehouse = warehouse

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | Path) -> None:
        partition = context.asset_partition_key if context.has_asset_partitions else None
        target = table_path(self.warehouse, context.asset_key.path[-1], partition)
        figures: dict[str, float] = {}
        if isinstance(obj, Path):
            # A table that is kept because nothing changed stays as it is, its time of change included.
            if obj != target:
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(obj, target)
        elif isinstance(obj, pd.DataFrame):
            write_atomically(obj, target)
            figures = figures_of(target.stem, obj)
        else:
            raise TypeError(
                f"asset {context.asset_key.to_user_string()} gave a {type(obj).__name__}; expected a pandas "
                "DataFrame or the Path of a staged parquet file"
            )
        stale_mark(target).unlink(missing_ok=True)
        context.add_output_metadata({**table_metadata(target), **figures})

    def load_input(self, context: dg.InputContext) -> pd.DataFrame | Path:
        # An unpartitioned table that a partitioned asset reads has no partition of its own.
        partition = context.asset_partition_key if context.has_asset_partitions else None
        path = table_path(self.warehouse, context.asset_key.path[-1], partition)
        if not path.is_file():
            raise dg.Failure(
                f"{path} does not exist: materialise {context.asset_key.to_user_string()} first",
                allow_retries=False,
            )
        return path if context.dagster_type.typing_type is Path else pd.read_parquet(path)


def table_path(warehouse: Path, name: str, partition: str | None = None) -> Path:
    """WAREHOUSE/NAME.parquet, or WAREHOUSE/PARTITION/NAME.parquet."""
    return (warehouse / partition if partition else warehouse) / f"{name}.parquet"


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to, which takes its place once it is whole.

    A reader sees the old file or the new one. When writing fails the old one stays and nothing is left over.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield beside
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def write_atomically(frame: pd.DataFrame, target: Path) -> None:
    """Write a table so that a reader sees the old one or the new one."""
    with replacing(target) as beside:
        frame.to_parquet(beside, index=False)


def write_text_atomically(text: str, target: Path) -> None:
    """Write a text file so that a reader sees the old one or the new one."""
    with replacing(target) as beside:
        beside.write_text(text, encoding="utf-8")


def table_metadata(path: Path) -> dict[str, Any]:
    """Row count, schema with meanings, first rows and place of a parquet table, as the UI shows them."""
    file = pq.ParquetFile(path)
    columns = [
        dg.TableColumn(field.name, str(field.type), description=described(path.stem, field.name))
        for field in file.schema_arrow
    ]
    head = next(file.iter_batches(PREVIEW_ROWS), None)
    rows = [] if head is None else head.to_pandas().astype(str).to_dict("records")
    text = [dg.TableColumn(column.name, "string") for column in columns]
    return {
        ROW_COUNT: file.metadata.num_rows,
        "dagster/column_schema": dg.TableSchema(columns),
        "dagster/uri": path.as_uri(),
        "preview": dg.MetadataValue.table(
            [dg.TableRecord({str(name): value for name, value in row.items()}) for row in rows],
            schema=dg.TableSchema(text),
        ),
    }


def stale_mark(table: Path) -> Path:
    """The file that says a table was not rebuilt; rewriting the table removes it."""
    return table.with_name(table.stem + _STALE_SUFFIX)


def mark_stale(table: Path, reason: str) -> None:
    """Mark an existing table as stale; a table that was never built cannot be."""
    if table.is_file():
        stale_mark(table).write_text(reason + "\n", encoding="utf-8")
