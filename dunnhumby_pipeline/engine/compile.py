"""Ibis expressions over unbound tables, compiled to SQL text. Nothing is executed here."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.money import CENTS

Dialect = Literal["duckdb", "spark"]

# How many of the smallest unit of money make $1, said when an expression is compiled; see `engine.money`.
UNITS = ibis.param("float64")
_IBIS_TYPES = {"BIGINT": "int64", "INTEGER": "int32", "DOUBLE": "float64", "VARCHAR": "string"}


def unbound(name: str) -> ir.Table:
    """The canonical table `name` as an unbound Ibis table, typed as declared in `journey.schema`."""
    declared = schema.table(name)
    columns = {column.name: _IBIS_TYPES[column.type] for column in declared.columns}
    return ibis.table(columns, name=name)


def to_sql(expression: ir.Table, dialect: Dialect = "duckdb", decimals: int = CENTS) -> str:
    """The SQL text of `expression`, which sums money in units of 10 ** -`decimals` $."""
    return _text(expression.op(), dialect, decimals)


def sums_money(expression: ir.Table) -> bool:
    """Whether `expression` depends on the smallest unit of money."""
    return UNITS.op() in expression.op().find(ops.ScalarParameter)


# Compiling takes as long as a query on a small journey, and a study asks the same features several times.
@lru_cache(maxsize=64)
def _text(relation: ops.Relation, dialect: Dialect, decimals: int) -> str:
    units = {UNITS: 10.0**decimals}
    if dialect == "spark":
        from dunnhumby_pipeline.engine.spark_sql import to_spark_sql

        return to_spark_sql(relation, units)
    return str(ibis.to_sql(relation.to_expr(), dialect=dialect, params=units))


def unbound_tables(expression: ir.Table) -> dict[str, ibis.Schema]:
    """Names and schemas of the unbound tables that `expression` reads."""
    return {table.name: table.schema for table in expression.op().find(ops.UnboundTable)}
