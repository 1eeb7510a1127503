"""Spark Connect: the engine that runs compiled expressions on a cluster. The client needs no Java."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from dunnhumby_pipeline.engine.frames import Relations, arrow_schema, to_frame
from dunnhumby_pipeline.engine.money import CENTS, money_unit
from dunnhumby_pipeline.settings import EngineSettings

if TYPE_CHECKING:
    import ibis.expr.types as ir


class SparkError(RuntimeError):
    """Spark cannot be used. The message says what is missing and how to fix it."""


@contextmanager
def connect(settings: EngineSettings) -> Iterator[Any]:
    """A Spark session of its own at `settings.remote`, released at the end.

    Raises SparkError when the client is not installed, or the server does not answer in `settings.connect_seconds`.
    """
    with warnings.catch_warnings():
        # The client warns that it does not convert to and from pandas 3 everywhere; only Arrow tables pass here.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
        try:
            import grpc
            from pyspark.sql.connect.client import DefaultChannelBuilder
            from pyspark.sql.connect.session import SparkSession
        except ImportError as missing:
            raise SparkError(
                f"engine.kind is 'spark' and its client is not installed ({missing}); install it with "
                "pip install 'dunnhumby-pipeline[spark]', or set engine.kind to 'duckdb'"
            ) from missing
    # The session itself would go on trying for ten minutes.
    channel = DefaultChannelBuilder(settings.remote).toChannel()
    try:
        grpc.channel_ready_future(channel).result(timeout=settings.connect_seconds)
    except grpc.FutureTimeoutError:
        raise SparkError(
            f"engine.remote: no Spark Connect server answered at {_without_secrets(settings.remote)} within "
            f"{settings.connect_seconds:g} seconds; start one there (sbin/start-connect-server.sh of a Spark "
            "distribution, port 15002), correct engine.remote, or set engine.kind to 'duckdb'"
        ) from None
    finally:
        channel.close()
    session = SparkSession.builder.remote(settings.remote).create()
    try:
        yield session
    finally:
        session.stop()


def _without_secrets(remote: str | None) -> str:
    """The address without its parameters, of which one may be a token."""
    return str(remote).split("/;")[0]


def run(expression: ir.Table, relations: Relations, settings: EngineSettings) -> pd.DataFrame:
    """Evaluate `expression` on Spark with each of its unbound tables read from `relations`.

    `relations` maps a table's name to a parquet file, which the cluster reads at the same path or URL, or to a frame,
    which is sent to it. Columns, types and order of rows are those that DuckDB gives.
    Raises SparkError when a table of the expression is not given, and as `connect` does.
    """
    from dunnhumby_pipeline.engine.compile import sums_money, to_sql, unbound_tables

    tables = unbound_tables(expression)
    missing = sorted(set(tables) - set(relations))
    if missing:
        raise SparkError(f"the expression reads {', '.join(sorted(tables))}; not given: {', '.join(missing)}")
    with connect(settings) as session:
        views = []
        try:
            for name, schema in tables.items():
                relation = relations[name]
                if isinstance(relation, pd.DataFrame):
                    columns = arrow_schema(schema)
                    given = session.createDataFrame(pa.Table.from_pandas(relation[columns.names], schema=columns))
                else:
                    given = session.read.parquet(relation.resolve().as_uri())
                given.createOrReplaceTempView(name)
                views.append(name)
            decimals = CENTS
            if sums_money(expression) and "transactions" in tables:
                decimals = money_unit(lambda query: session.sql(query).collect(), "transactions", settings).decimals
            return to_frame(session.sql(to_sql(expression, "spark", decimals)).toArrow(), expression.schema())
        finally:
            for name in views:
                session.catalog.dropTempView(name)
