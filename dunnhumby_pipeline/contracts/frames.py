"""What every reader of a frame needs: its columns checked, its campaigns in order. No matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS
from dunnhumby_pipeline.contracts.table import Table

_DTYPES = {"BIGINT": "int64", "INTEGER": "int32", "DOUBLE": "float64", "VARCHAR": "str", "BOOLEAN": "bool"}


def require(frame: pd.DataFrame, table: str, columns: Iterable[str]) -> pd.DataFrame:
    """`frame` itself; ValueError naming the table and each missing column, or saying that it is empty."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise ValueError(f"{table} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}")
    if frame.empty:
        raise ValueError(f"{table} has no rows")
    return frame


def in_campaign_order(frame: pd.DataFrame, column: str = "campaign") -> pd.DataFrame:
    """All campaigns together first, then the campaigns as the table lists them: by their first day.

    Campaign ids are not chronological, so they are not an order.
    """
    together = frame[column].astype(str) == ALL_CAMPAIGNS
    return pd.concat([frame.loc[together], frame.loc[~together]])


def comparable(migration_summary: pd.DataFrame) -> pd.DataFrame:
    """The pairs of periods that share no day; where there is none, all of them."""
    apart = migration_summary[migration_summary["shared_days"] == 0]
    return apart if len(apart) else migration_summary


def without_rows(table: Table) -> pd.DataFrame:
    """A table that has nothing to say: its columns, of their types, and no rows."""
    return pd.DataFrame({column.name: pd.Series(dtype=_DTYPES[column.type]) for column in table.columns})
