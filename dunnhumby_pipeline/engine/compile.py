"""Ibis expressions over unbound tables, compiled to SQL text. Nothing is executed here."""

from __future__ import annotations

from typing import Literal

import ibis
import ibis.expr.types as ir

from dunnhumby_pipeline.journey import schema

Dialect = Literal["duckdb"]

_IBIS_TYPES = {"BIGINT": "int64", "INTEGER": "int32", "DOUBLE": "float64", "VARCHAR": "string"}


def unbound(name: str) -> ir.Table:
    """The canonical table `name` as an unbound Ibis table, typed as declared in `journey.schema`."""
    declared = schema.table(name)
    columns = {column.name: _IBIS_TYPES[column.type] for column in declared.columns}
    return ibis.table(columns, name=name)


def to_sql(expression: ir.Table, dialect: Dialect = "duckdb") -> str:
    """The SQL text of `expression`."""
    return str(ibis.to_sql(expression, dialect=dialect))
