"""DuckDB: the engine that runs compiled expressions and the cleaning SQL on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dunnhumby_pipeline.engine.databases import lent
from dunnhumby_pipeline.engine.frames import Relation, Relations, to_frame
from dunnhumby_pipeline.engine.money import CENTS, MoneyUnit, money_unit
from dunnhumby_pipeline.engine.once import Kept, as_they_are
from dunnhumby_pipeline.engine.scratch import SPILL, scratch_folder
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.journey.literals import parquet_file
from dunnhumby_pipeline.settings import EngineSettings, SettingsError, require_writable

if TYPE_CHECKING:
    import ibis.expr.types as ir

LINES = "transactions"
# Of files of lines: reading all of them for it takes as long as a small query.
_UNITS: Kept[MoneyUnit] = Kept(16)


@contextmanager
def connect(settings: EngineSettings) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an empty database in memory, bounded by `settings`; what does not fit spills to a folder that is
    removed.

    Raises SettingsError when `engine.temp_directory` is not a folder.
    """
    require_folder(settings)
    parent = settings.temp_directory
    with scratch_folder(SPILL, parent) as spill, lent(settings, spill) as connection:
        yield connection


def require_folder(settings: EngineSettings) -> None:
    """Raise SettingsError unless `engine.temp_directory`, where it is set, is a folder that can be written to."""
    parent = settings.temp_directory
    if parent is not None and not parent.is_dir():
        raise SettingsError(f"engine.temp_directory: expected an existing folder, found {str(parent)!r}; make it first")
    if parent is not None:
        require_writable(parent, "engine.temp_directory")


def table_at(connection: duckdb.DuckDBPyConnection, path: TablePath) -> str:
    """SQL that reads the table at `path`, this file alone; the connection learns to reach the store it lies in."""
    if not isinstance(path, Path):
        names = path.fs.protocol
        # DuckDB knows a store that goes by several names by the first of them.
        if (names if isinstance(names, str) else names[0]) not in connection.list_filesystems():
            connection.register_filesystem(path.fs)
    return parquet_file(path)


def run(expression: ir.Table, relations: Relations, settings: EngineSettings) -> pd.DataFrame:
    """Evaluate `expression` on DuckDB with each of its unbound tables read from `relations`.

    `relations` maps a table's name to a parquet file or a frame. Columns and types are those of the expression
    (see `frames.to_frame`). When there are more than `settings.rows_at_once` transactions, and no row depends
    on two households, households are worked on range by range: the same frame from less memory. A file sorted
    by household_key is then read once; any other is read again for each range.
    Raises duckdb.CatalogException when a table of the expression is not given.
    """
    from dunnhumby_pipeline.engine.compile import to_sql

    with connect(settings) as connection:
        for name, relation in relations.items():
            connection.execute(f'CREATE VIEW "{name}" AS SELECT * FROM {_source(connection, name, relation)}')
        query = to_sql(expression, decimals=_decimals(connection, expression, relations, settings))
        conditions = _conditions(connection, expression, relations, settings.rows_at_once)
        if len(conditions) < 2:
            return to_frame(connection.sql(query).to_arrow_table(), expression.schema())
        return _by_household(connection, expression, query, relations, conditions)


def _decimals(
    connection: duckdb.DuckDBPyConnection, expression: ir.Table, relations: Relations, settings: EngineSettings
) -> int:
    """Decimals in which `expression`, whose lines are a view of `connection`, sums money."""
    from dunnhumby_pipeline.engine.compile import sums_money

    if not sums_money(expression) or LINES not in relations:
        return CENTS
    return _unit_once(connection, relations[LINES], settings).decimals


def _unit_once(connection: duckdb.DuckDBPyConnection, lines: Relation, settings: EngineSettings) -> MoneyUnit:
    """`unit_of_money` of the lines that `connection` has a view of, found once for a file that does not change."""
    file = as_they_are([lines])
    if file is None:
        return unit_of_money(connection, LINES, settings)
    return _UNITS.get((*file, settings.money_decimals), lambda: unit_of_money(connection, LINES, settings))


def unit_of_money(connection: duckdb.DuckDBPyConnection, lines: str, settings: EngineSettings) -> MoneyUnit:
    """`money_unit` of the SQL relation `lines` of `connection`."""
    return money_unit(lambda query: connection.execute(query).fetchall(), lines, settings)


def _source(connection: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> str:
    """SQL that names `relation`, registered with the connection when it is a frame."""
    if not isinstance(relation, pd.DataFrame):
        return table_at(connection, relation)
    connection.register(f"given_{name}", relation)
    return f'"given_{name}"'


def _conditions(
    connection: duckdb.DuckDBPyConnection, expression: ir.Table, relations: Relations, rows_at_once: int
) -> list[str]:
    """A condition on households for each range to work on; none when all of them are worked on at once."""
    from dunnhumby_pipeline.engine.compile import unbound_tables
    from dunnhumby_pipeline.engine.households import balanced_ranges, is_per_household, order_columns

    if LINES not in relations or LINES not in unbound_tables(expression):
        return []
    n_lines = connection.execute(f"SELECT count(*) FROM {LINES}").fetchall()[0][0]
    if n_lines <= rows_at_once or order_columns(expression) is None or not is_per_household(expression):
        return []
    return [households.condition() for households in balanced_ranges(connection, LINES, rows_at_once)]


def _by_household(
    connection: duckdb.DuckDBPyConnection,
    expression: ir.Table,
    query: str,
    relations: Relations,
    conditions: list[str],
) -> pd.DataFrame:
    """The frame of `query`, worked out for one range of households after another."""
    from dunnhumby_pipeline.engine.compile import unbound_tables
    from dunnhumby_pipeline.engine.households import KEY, order_columns

    keyed = [name for name, columns in unbound_tables(expression).items() if KEY in columns]
    # DuckDB would split its largest aggregation into ranges too, judging its size by the whole file and not by
    # the one range that is read here: twice the work.
    connection.execute("SET disabled_optimizers = 'partitioned_execution'")
    # Each range looks at the same footer, which is long in a large file. A database that keeps it is closed after this.
    connection.execute("SET parquet_metadata_cache = true")
    parts = []
    for condition in conditions:
        for name in keyed:
            source = _source(connection, name, relations[name])
            connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS SELECT * FROM {source} WHERE {condition}')
        parts.append(connection.sql(query).to_arrow_table())
    whole = pa.concat_tables(parts)
    keys = [(name, "ascending") for name in order_columns(expression) or ()]
    return to_frame(whole, expression.schema(), pc.sort_indices(whole, sort_keys=keys))
