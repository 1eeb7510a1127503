"""From a source to the eight canonical tables, with every reject and repair counted.

Nothing is filled. All tables are written to a staging folder first, so a load that fails leaves earlier
tables untouched. What is wrong with a source is found by `inspection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.journey.inspection import DISCOUNTS, REJECT_COLUMNS, inspect
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.journey.sources import Source

_UNKNOWN_ANSWERS = ("", "U", "Unknown")


@dataclass(frozen=True)
class CleanJourney:
    """Paths of the staged tables by name, and the rejects (columns `inspection.REJECT_COLUMNS`)."""

    tables: dict[str, Path]
    n_rows: dict[str, int]
    rejects: pd.DataFrame


def clean(source: Source, staging: Path, connection: duckdb.DuckDBPyConnection) -> CleanJourney:
    """Write the eight canonical tables of `source` as parquet files in `staging`.

    Raises JourneyError, before any file is written, for a source that `inspection.inspect` refuses.
    """
    rejects = inspect(source, connection)
    sign = "-" if source.discounts_negative else ""
    connection.execute(f"CREATE OR REPLACE MACRO discount(x) AS CASE WHEN {sign}x > 0 THEN {sign}x ELSE 0.0 END")
    staging.mkdir(parents=True, exist_ok=True)
    paths = {table.name: staging / f"{table.name}.parquet" for table in schema.TABLES}
    n_rows = {}
    for table in schema.TABLES:
        kept = f"COPY ({_kept_rows(table, rejects)}) TO {quoted(paths[table.name])} (FORMAT parquet)"
        n_rows[table.name] = connection.execute(kept).fetchall()[0][0]
    return CleanJourney(paths, n_rows, _with_merged(rejects, connection, n_rows["promotions"]))


def validate(source: Source, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The rejects, repairs and remarks that cleaning `source` would count, without writing anything.

    Raises JourneyError as `clean` does.
    """
    rejects = inspect(source, connection)
    key = ", ".join(schema.PROMOTIONS.key)
    distinct = f"SELECT count(*) FROM (SELECT DISTINCT {key} FROM checked_promotions WHERE broken IS NULL)"
    return _with_merged(rejects, connection, connection.execute(distinct).fetchall()[0][0])


def _with_merged(rejects: pd.DataFrame, connection: duckdb.DuckDBPyConnection, n_kept: int) -> pd.DataFrame:
    """The rejects, and the promotions listed more than once for a product, store and week."""
    sound = connection.execute("SELECT count(*) FROM checked_promotions WHERE broken IS NULL").fetchall()[0][0]
    key = ", ".join(schema.PROMOTIONS.key)
    merged = [("promotions", "duplicate_key", key, "merged", sound - n_kept, "codes joined by max")]
    rows = pd.DataFrame(merged if sound > n_kept else [], columns=list(REJECT_COLUMNS))
    return pd.concat([rejects, rows], ignore_index=True)


def _kept_rows(table: schema.Table, rejects: pd.DataFrame) -> str:
    """SELECT of the clean rows of a table in its canonical order."""
    if table is schema.PROMOTIONS:
        return (
            "SELECT product_id, store_id, week_no, max(display) AS display, max(mailer) AS mailer "
            "FROM checked_promotions WHERE broken IS NULL GROUP BY ALL ORDER BY week_no, store_id, product_id"
        )
    columns = ", ".join(_cleaned(column.name, table) for column in table.columns)
    order = "start_day, campaign" if table is schema.CAMPAIGNS else ", ".join(_row_order(table))
    duplicated = ((rejects["table"] == table.name) & (rejects["rule"] == "duplicate_key")).any()
    once = (
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(table.key)} ORDER BY {', '.join(table.column_names)}) = 1 "
        if duplicated
        else ""
    )
    return f"SELECT {columns} FROM checked_{table.name} WHERE broken IS NULL {once}ORDER BY {order}"


def _row_order(table: schema.Table) -> tuple[str, ...]:
    if table is schema.TRANSACTIONS:
        return ("household_key", "day", "basket_id", "product_id")
    return table.key


def _cleaned(name: str, table: schema.Table) -> str:
    if table is schema.TRANSACTIONS and name in DISCOUNTS:
        return f"discount({name}) AS {name}"
    if table is schema.DEMOGRAPHICS and name != "household_key":
        unknown = ", ".join(f"'{answer}'" for answer in _UNKNOWN_ANSWERS)
        return f"CASE WHEN {name} NOT IN ({unknown}) THEN {name} END AS {name}"
    return name
