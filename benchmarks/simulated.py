"""Tables of a simulated retailer, made once in a folder.

Households that are copies of others would not do: what rests on them is no larger than the originals.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.journey.cleaning import clean
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.simulate.plan import RetailerPlan
from dunnhumby_pipeline.simulate.simulate import simulate


def simulated(n_households: int, folder: Path, settings: Settings) -> dict[str, Path]:
    """The eight canonical tables of a retailer of `n_households`, in `folder`/N_HOUSEHOLDS."""
    tables = folder / str(n_households)
    if not tables.is_dir():
        raw, making = folder / f"{n_households}_raw", folder / f"{n_households}_making"
        for left_over in (raw, making):
            shutil.rmtree(left_over, ignore_errors=True)
        simulate(raw, RetailerPlan(n_households=n_households))
        with connect(settings.engine) as connection:
            clean(raw_folder(raw), making, connection, settings.journey)
        shutil.rmtree(raw)
        making.rename(tables)
    return {table.name: tables / f"{table.name}.parquet" for table in schema.TABLES}
