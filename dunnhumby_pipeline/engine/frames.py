"""Frames that look the same whichever engine made them: columns and types are those of the expression's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from dunnhumby_pipeline.engine.tables import TablePath

if TYPE_CHECKING:
    import ibis

Relation: TypeAlias = TablePath | pd.DataFrame
Relations: TypeAlias = Mapping[str, Relation]

_ARROW_TYPES = {
    "boolean": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
}
_NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}


def arrow_schema(schema: ibis.Schema) -> pa.Schema:
    """`schema` in Arrow's types. Raises TypeError for a type that no table of ours has."""
    fields = []
    for name, kind in schema.items():
        plain = str(kind.copy(nullable=True))
        if plain not in _ARROW_TYPES:
            raise TypeError(f"column {name} is {plain}; expected one of {', '.join(_ARROW_TYPES)}")
        fields.append(pa.field(name, _ARROW_TYPES[plain]))
    return pa.schema(fields)


def to_frame(table: pa.Table, schema: ibis.Schema, order: pa.Array | None = None) -> pd.DataFrame:
    """The Arrow `table` as a frame with the columns and types of `schema`.

    Integers and booleans are numpy's, or pandas' nullable ones in a column with nulls; floats are float64 with
    NaN for null; text is pandas' `str`. `order` gives the rows to take, in order; by default all.
    """
    columns: dict[str, pd.Series] = {}
    for field in arrow_schema(schema):
        # A column at a time, so that no second copy of a whole large table is ever held.
        column = table[field.name].cast(field.type)
        columns[field.name] = _series(column if order is None else column.take(order))
    return pd.DataFrame(columns, copy=False)


def _series(column: pa.ChunkedArray) -> pd.Series:
    if column.type == pa.string() or (column.null_count and column.type in _NULLABLE):
        return column.to_pandas(types_mapper=_NULLABLE.get)
    # Arrow's own buffers are read-only.
    return pd.Series(np.array(column.to_numpy()))
