"""Promotions listed more than once for a product, store and week, merged into one row.

There are tens of millions of rows, so they are sorted once: repeated keys are then neighbours, and the sorted
table is what is written.
"""

from __future__ import annotations

import duckdb

from dunnhumby_pipeline.contracts import schema

_ORDER = ", ".join(schema.PROMOTIONS.order)


def merge_promotions(connection: duckdb.DuckDBPyConnection) -> int:
    """Make `sound_promotions` a table in canonical order with each key once; the staged rows are released.

    A repeated key gets the largest display and the largest mailer code among its rows: '0', none, is the
    smallest. Returns how many rows that takes away.
    """
    columns = ", ".join(schema.PROMOTIONS.column_names)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE merging AS SELECT {columns} FROM sound_promotions ORDER BY {_ORDER}"
    )
    connection.execute("DROP VIEW sound_promotions")
    connection.execute("DROP VIEW checked_promotions")
    connection.execute("DROP TABLE staged_promotions")
    connection.execute("ALTER TABLE merging RENAME TO sound_promotions")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE repeated_promotions AS SELECT repeated, {_ORDER} FROM "
        f"(SELECT rowid AS repeated, {_ORDER}, lag(({_ORDER})) OVER () AS before FROM sound_promotions) "
        f"WHERE ({_ORDER}) = before"
    )
    (n_merged,) = connection.execute("SELECT count(*) FROM repeated_promotions").fetchall()[0]
    if n_merged:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE merged_promotions AS SELECT min(sound.rowid) AS first, "
            "max(CAST(display AS VARCHAR)) AS display, max(CAST(mailer AS VARCHAR)) AS mailer "
            f"FROM sound_promotions AS sound SEMI JOIN repeated_promotions USING ({_ORDER}) GROUP BY {_ORDER}"
        )
        connection.execute(
            "UPDATE sound_promotions AS sound SET display = merged.display, mailer = merged.mailer "
            "FROM merged_promotions AS merged WHERE sound.rowid = merged.first"
        )
        connection.execute("DELETE FROM sound_promotions WHERE rowid IN (SELECT repeated FROM repeated_promotions)")
    return int(n_merged)
