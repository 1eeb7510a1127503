"""The judgement of any table by its contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from dunnhumby_pipeline.contracts.table import Column, SqlType, Table
from dunnhumby_pipeline.engine.tables import TablePath, open_table
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return pa.types.is_string(found) or pa.types.is_large_string(found)


# The types of a file that hold what a contract promises: how wide a whole number is depends on what wrote it.
_FITS: Mapping[SqlType, Callable[[pa.DataType], bool]] = {
    "BIGINT": pa.types.is_integer,
    "INTEGER": pa.types.is_integer,
    "DOUBLE": pa.types.is_floating,
    "VARCHAR": _is_text,
    "BOOLEAN": pa.types.is_boolean,
}


def schema_and_keys(table: Table, path: TablePath) -> Verdict:
    """Columns and types are as the contract says, nulls only where they are allowed, each key once.

    Read are the file's schema, its statistics and the columns of the key.
    """
    with open_table(path) as file:
        n_rows = file.metadata.num_rows
        wrong = _wrong_columns(table, file.schema_arrow, n_rows)
        if wrong:
            return Verdict(False, f"{'; '.join(wrong)}: not what {table.name} promises", {"n_rows": n_rows})
        nulls = {
            name: n for name in file.schema_arrow.names if _refuses_null(table, name) and (n := _n_nulls(file, name))
        }
        n_repeated = n_rows - _n_keys(file, table.key)
    metrics = {"n_rows": n_rows, "n_nulls": sum(nulls.values()), "n_repeated_keys": n_repeated}
    found = [f"{n:,} nulls in {name}" for name, n in nulls.items()]
    if n_repeated:
        found.append(f"{n_repeated:,} repeated keys ({', '.join(table.key)})")
    if found:
        return Verdict(False, f"{'; '.join(found)}: not what {table.name} promises", metrics)
    return Verdict(True, f"{n_rows:,} rows, {len(file.schema_arrow.names)} columns, keys unique", metrics)


def _wrong_columns(table: Table, schema: pa.Schema, n_rows: int) -> list[str]:
    """What is wrong with the columns of a file, in words."""
    missing = [name for name in table.required if name not in schema.names]
    wrong = [f"lacks {', '.join(missing)}"] if missing else []
    for field in schema:
        column = table.column(field.name)
        if column is None:
            wrong.append(f"has {field.name}, which nothing promises")
        elif not _fits(column, field.type, n_rows):
            wrong.append(f"{field.name} is {field.type}, expected {column.type}")
    return wrong


def _fits(column: Column, found: pa.DataType, n_rows: int) -> bool:
    # A column without any value has no type of its own.
    if pa.types.is_null(found):
        return column.nullable or n_rows == 0
    return _FITS[column.type](found)


def _refuses_null(table: Table, name: str) -> bool:
    column = table.column(name)
    return column is not None and not column.nullable


def _n_nulls(file: pq.ParquetFile, name: str) -> int:
    """Nulls of a column by the statistics of the file; counted where its writer left them out."""
    place = file.schema_arrow.get_field_index(name)
    groups = range(file.metadata.num_row_groups)
    statistics = [file.metadata.row_group(group).column(place).statistics for group in groups]
    if all(known is not None and known.has_null_count for known in statistics):
        return sum(known.null_count for known in statistics)
    return int(file.read([name]).column(name).null_count)


def _n_keys(file: pq.ParquetFile, key: tuple[str, ...]) -> int:
    """Number of different keys; that of the rows for a table without a key."""
    if not key:
        return int(file.metadata.num_rows)
    return int(file.read(list(key)).group_by(list(key), use_threads=False).aggregate([]).num_rows)
