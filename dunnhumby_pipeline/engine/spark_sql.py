"""Spark's SQL: what Ibis writes for it, with two things put right."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
import ibis.expr.types as ir
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.config import Config


class _Options(Config):
    treat_nan_as_null: bool = False


class _Compiler(PySparkCompiler):
    def visit_NonNullLiteral(self, op: ops.Literal, *, value: Any, dtype: dt.DataType) -> sge.Expression | None:
        if dtype.is_floating() and math.isfinite(value):
            # 0.0 alone is a decimal to Spark, and a server may take its type, and its rounding, for the column's.
            return self.cast(sge.convert(value), dtype)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)


def to_spark_sql(relation: ops.Relation, parameters: Mapping[ir.Scalar, float]) -> str:
    """The SQL text of `relation` with its `parameters` filled in. No client of Spark need be installed."""
    if ibis.options.pyspark is None:
        # Ibis reads this option when it compiles, and sets it only where its own Spark backend can be imported.
        ibis.options.pyspark = _Options()
    compiler = _Compiler()
    return str(compiler.to_sqlglot(relation.to_expr(), params=parameters).sql(dialect=compiler.dialect, pretty=True))
