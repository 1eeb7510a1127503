"""The asset key of each table of the study; its last part is the table's name."""

import dagster as dg


def asset_key(table: str) -> dg.AssetKey:
    """The asset that stands for the table called `table`."""
    return dg.AssetKey(table)


def table_of(key: dg.AssetKey) -> str:
    """The name of the table that an asset stands for."""
    return key.path[-1]
