"""DuckDB: the engine that runs compiled expressions and the cleaning SQL on one machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import duckdb
import pandas as pd

from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.types as ir

Relation: TypeAlias = Path | pd.DataFrame


@contextmanager
def connect(settings: EngineSettings) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory connection bounded by `settings`; what does not fit spills to a folder that is removed."""
    with TemporaryDirectory(prefix="duckdb_spill_") as spill:
        connection = duckdb.connect(
            config={
                "memory_limit": settings.memory_limit,
                "threads": settings.threads,
                "temp_directory": spill,
            }
        )
        try:
            yield connection
        finally:
            connection.close()


def run(expression: ir.Table, relations: Mapping[str, Relation], settings: EngineSettings) -> pd.DataFrame:
    """Evaluate `expression` with each of its unbound tables read from `relations`.

    `relations` maps a table's name to a parquet file or a frame. Integer columns with nulls come
    back as pandas' nullable integers. Raises duckdb.CatalogException when a table of the expression is not given.
    """
    from dunnhumby_pipeline.engine.compile import to_sql

    with connect(settings) as connection:
        for name, relation in relations.items():
            if isinstance(relation, Path):
                connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM read_parquet({quoted(relation)})')
            else:
                connection.register(name, relation)
        return connection.execute(to_sql(expression)).fetchdf()
