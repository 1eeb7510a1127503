"""One household under two ids: histories that are the same lines."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pandas as pd

COLUMNS = ("household_key", "cluster", "copy_of", "n_lines", "share")
LEAST_LINES = 20
LEAST_SHARE = 0.95
# Lines of a household that candidates are looked for by. Among them those that few others have say most; which of
# these are taken is drawn, so that the lines in which a copy differs cannot be all of them.
_N_SAMPLED = 20
_FEW = 20
_N_CANDIDATES = 3


def household_copies(connection: duckdb.DuckDBPyConnection, transactions: str) -> pd.DataFrame:
    """Households that share their lines with another, `COLUMNS`, one row each, in order.

    `transactions`: SQL that reads household_key, day, product_id, sales_value. Two households are copies when both
    have LEAST_LINES lines and LEAST_SHARE of the lines of the one with fewer are lines of the other: the same day,
    product and amount, as often. `cluster`: the lowest household_key among those linked by copies; `copy_of`: the
    household that it shares most with, `share` of the fewer lines, 0 to 1.

    Only pairs that share half of a sample of lines are compared: the work grows with the number of lines.
    """
    pairs = connection.execute(_PAIRS.format(transactions=transactions)).fetchdf()
    swapped = pairs.rename(columns={"one": "other", "other": "one", "n_one": "n_other", "n_other": "n_one"})
    both = pd.concat([pairs, swapped])
    best = both.sort_values(["one", "share", "other"], ascending=[True, False, True]).drop_duplicates("one")
    cluster = _linked(zip(pairs["one"], pairs["other"], strict=True))
    found = best.rename(columns={"one": "household_key", "other": "copy_of", "n_one": "n_lines"})
    found = found.assign(cluster=found["household_key"].map(cluster).astype("int64"))
    return found[list(COLUMNS)].reset_index(drop=True)


def _linked(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The lowest of the keys that each key is linked to."""
    above: dict[int, int] = {}

    def lowest(key: int) -> int:
        while above.setdefault(key, key) != key:
            above[key] = above[above[key]]
            key = above[key]
        return key

    for one, other in pairs:
        low, high = sorted((lowest(one), lowest(other)))
        above[high] = low
    return {key: lowest(key) for key in above}


_PAIRS = f"""
WITH lines AS (
    SELECT household_key, hash(day, product_id, sales_value) AS line, count(*) AS n
    FROM {{transactions}} GROUP BY ALL
),
sizes AS (
    SELECT household_key, sum(n)::BIGINT AS n_lines FROM lines
    GROUP BY household_key HAVING sum(n) >= {LEAST_LINES}
),
shared AS (SELECT line, count(*) AS n_households FROM lines GROUP BY line HAVING count(*) > 1),
sampled AS (
    SELECT household_key, line FROM lines SEMI JOIN sizes USING (household_key) JOIN shared USING (line)
    QUALIFY row_number() OVER (
        PARTITION BY household_key ORDER BY greatest(n_households, {_FEW}), hash(line), line
    ) <= {_N_SAMPLED}
),
alike AS (
    SELECT sampled.household_key AS one, lines.household_key AS other, count(*) AS n_alike
    FROM sampled JOIN lines USING (line)
    WHERE sampled.household_key <> lines.household_key GROUP BY ALL
),
candidates AS (
    SELECT one, other FROM alike SEMI JOIN sizes ON alike.other = sizes.household_key
    JOIN (SELECT household_key AS one, count(*) AS n_sampled FROM sampled GROUP BY ALL) AS samples USING (one)
    WHERE 2 * n_alike >= n_sampled
    QUALIFY row_number() OVER (PARTITION BY one ORDER BY n_alike DESC, other) <= {_N_CANDIDATES}
),
pairs AS (SELECT DISTINCT least(one, other) AS one, greatest(one, other) AS other FROM candidates),
common AS (
    SELECT pairs.one, pairs.other, sum(least(mine.n, theirs.n)) AS n_common
    FROM pairs
    JOIN lines AS mine ON mine.household_key = pairs.one
    JOIN lines AS theirs ON theirs.household_key = pairs.other AND theirs.line = mine.line
    GROUP BY ALL
)
SELECT one, other, first.n_lines AS n_one, second.n_lines AS n_other,
       n_common / least(first.n_lines, second.n_lines) AS share
FROM common
JOIN sizes AS first ON first.household_key = one
JOIN sizes AS second ON second.household_key = other
WHERE n_common >= {LEAST_SHARE} * least(first.n_lines, second.n_lines)
ORDER BY one, other
"""
