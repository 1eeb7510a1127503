"""A journey many times over: the same lines for more and more households, to see what grows with them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# Beyond any household_key and BASKET_ID of the data; household keys are close together, as in the data.
KEY_STEP = {"household_key": 10**4, "basket_id": 10**12}
KEYED = ("transactions", "campaign_targets", "coupon_redemptions")
ROW_GROUP = 122_880


def copied(tables: dict[str, Path], n_copies: int, folder: Path) -> dict[str, Path]:
    """`tables` with those of households written `n_copies` times to `folder`, once; others as they are.

    Each copy has household keys and basket ids of its own. Lines stay sorted by household_key, day, basket_id
    and product_id, in row groups of `ROW_GROUP`.
    """
    if n_copies == 1:
        return tables
    folder.mkdir(parents=True, exist_ok=True)
    return {**tables, **{name: _repeated(tables[name], n_copies, folder) for name in KEYED}}


def _repeated(table: Path, n_copies: int, folder: Path) -> Path:
    target = folder / f"{table.stem}_{n_copies}.parquet"
    if target.is_file():
        return target
    once, unfinished = pq.read_table(table), target.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, once.schema) as writer:
        for copy in range(n_copies):
            writer.write_table(_shifted(once, copy), row_group_size=ROW_GROUP)
    unfinished.rename(target)
    return target


def _shifted(table: pa.Table, copy: int) -> pa.Table:
    for name, step in KEY_STEP.items():
        position = table.schema.get_field_index(name)
        if position >= 0:
            field = table.schema.field(position)
            table = table.set_column(position, field, pc.add(table[name], copy * step).cast(field.type))
    return table
