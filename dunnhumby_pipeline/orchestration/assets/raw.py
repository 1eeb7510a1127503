"""The files that the tables are read from, as dagster sees them: each one's version is a hash of its content."""

from collections.abc import Iterator

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.chapters import place_of
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.origin import raw_key, raw_observations
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import tags_of

GROUP = "raw"


def columns_of(table: schema.Table) -> dg.TableSchema:
    """The columns of a raw file, as its own headers name them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.raw,
                column.type,
                description=f"{column.meaning} ({column.unit})" if column.unit else column.meaning,
            )
            for column in table.columns
        ]
    )


@dg.multi_observable_source_asset(
    name="observe_raw",
    group_name=place_of(GROUP),
    can_subset=True,
    specs=[
        dg.AssetSpec(
            raw_key(table.name),
            description=f"The raw file of {table.name} ({table.file}), or the sample's. One row per {table.meaning}.",
            kinds={"file"},
            tags=tags_of(
                GROUP, partitioned=False, personal=any(column.name == "household_key" for column in table.columns)
            ),
            metadata={"dagster/column_schema": columns_of(table)},
        )
        for table in schema.TABLES
    ],
)
def observe_raw(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> Iterator[dg.ObserveResult]:
    """Look at the content of every raw file, so that what rests on a changed one shows as stale."""
    from dunnhumby_pipeline.journey.source import JourneyError

    with refusing(JourneyError):
        observations = raw_observations(study.source())
    for seen in observations:
        if seen.asset_key in context.selected_asset_keys:
            yield dg.ObserveResult(
                asset_key=seen.asset_key, data_version=dg.DataVersion(seen.fingerprint), metadata=seen.facts
            )
