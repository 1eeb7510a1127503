"""The asset key of each table of the study: the group it belongs to, then its name."""

import dagster as dg

from dunnhumby_pipeline.contracts.registry import table as contract


def asset_key(table: str) -> dg.AssetKey:
    """The asset that stands for the table called `table`."""
    return dg.AssetKey([contract(table).group, table])


def table_of(key: dg.AssetKey) -> str:
    """The name of the table that an asset stands for."""
    return key.path[-1]
