"""The eight canonical tables and their rejects, loaded in one step: all are ready before the first is replaced."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.orchestration.resources import Study
from dunnhumby_pipeline.orchestration.storage import write_text_atomically

GROUP = "journey"


@dg.multi_asset(
    name="load_journey",
    description="Find the raw files or the sample, validate, clean, and write the canonical tables.",
    group_name=GROUP,
    outs={
        **{
            table.name: dg.AssetOut(dagster_type=Path, description=f"One row: {table.meaning}.")
            for table in schema.TABLES
        },
        "rejects": dg.AssetOut(
            dagster_type=pd.DataFrame,
            description="Rows that broke a rule and values that were repaired, counted, with examples.",
        ),
    },
)
def load_journey(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    from dunnhumby_pipeline.engine.duck import connect
    from dunnhumby_pipeline.journey.cleaning import clean
    from dunnhumby_pipeline.journey.sources import JourneyError

    study.home.warehouse.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".staging_", dir=study.home.warehouse) as staging:
        try:
            source = study.source()
            with connect(study.settings.engine) as connection:
                journey = clean(source, Path(staging), connection)
        except JourneyError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        context.log.info(f"read {source.description}")
        for name, path in journey.tables.items():
            facts: dict[str, Any] = {
                "source": source.name,
                "limits": dg.MetadataValue.md("\n".join(source.limits) or "none"),
            }
            yield dg.Output(path, output_name=name, metadata=facts)
        yield dg.Output(journey.rejects, output_name="rejects", metadata={"source": source.name})
        # Said of the tables that lie there, whatever the input is by the time somebody asks.
        origin = {"description": source.description, "limits": source.limits}
        write_text_atomically(json.dumps(origin), study.origin)
