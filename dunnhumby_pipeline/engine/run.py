"""One way to evaluate an expression, on the engine that the settings choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.engine import duck, spark
from dunnhumby_pipeline.engine.frames import Relations
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.types as ir

ENGINES = {"duckdb": duck.run, "spark": spark.run}


def run(expression: ir.Table, relations: Relations, settings: EngineSettings) -> pd.DataFrame:
    """Evaluate `expression` with each of its unbound tables read from `relations`: a parquet file or a frame each.

    Either engine gives the same frame: the columns, types and order of rows of the expression; numbers may
    differ in the last digits where engines round differently. Raises as `duck.run` or `spark.run` does.
    """
    return ENGINES[settings.kind](expression, relations, settings)
