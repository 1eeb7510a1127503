"""The eight canonical tables and their rejects, loaded in one step: all are ready before the first is replaced."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.platform.failures import refusing
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.metrics import metrics_in_place
from dunnhumby_pipeline.orchestration.platform.origin import (
    REJECTED_ROWS,
    REJECTS,
    TABLES,
    Origin,
    files_behind,
    raw_key,
    table_versions,
)
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.step import step

if TYPE_CHECKING:
    from dunnhumby_pipeline.journey.source import Source


@step(
    settings=("journey", "mapping"),
    follows_forgotten=True,
    deps=[raw_key(table.name) for table in schema.TABLES],
    internal_deps={name: {raw_key(read) for read in files_behind(name)} for name in TABLES},
)
def load_journey(context: dg.AssetExecutionContext, study: dg.ResourceParam[Study]) -> Iterator[dg.Output]:
    """Find the raw files or the sample, validate, clean, and write the canonical tables.

    Tables whose files and code are those they were made from are kept.
    """
    from dunnhumby_pipeline.journey.source import JourneyError

    paths = {name: study.table(name) for name in TABLES}
    with refusing(JourneyError):
        source = study.source()
        versions = table_versions(source, context.assets_def.code_versions_by_key[asset_key(REJECTS)] or "")
        origin = Origin.read(study.origin)
        if origin is not None and origin.still_holds(versions, paths):
            context.log.info(f"{source.description} is unchanged; the tables are kept")
            yield from _outputs(paths, source, versions, study, unchanged=True)
        else:
            yield from _rebuilt(source, versions, study)
    # Describes the tables on disk, whatever the input is by the time they are read.
    Origin.of(source, versions, paths).write(study.origin)


@step(deps=["transactions"])
def household_copies(study: dg.ResourceParam[Study]) -> pd.DataFrame:
    """Households whose lines are those of another."""
    from dunnhumby_pipeline.engine.duck import connect, table_at
    from dunnhumby_pipeline.journey.inspection.copies import household_copies as find

    with connect(study.settings.engine) as connection:
        return find(connection, table_at(connection, study.table("transactions")))


def _rebuilt(source: "Source", versions: Mapping[str, str], study: Study) -> Iterator[dg.Output]:
    from dunnhumby_pipeline.engine.duck import connect
    from dunnhumby_pipeline.journey.cleaning import clean

    with study.staging() as staging:
        with connect(study.settings.engine) as connection:
            journey = clean(source, staging, connection, study.settings.journey)
        paths: dict[str, TablePath] = dict(journey.tables)
        for name, found in ((REJECTS, journey.inspection.rejects), (REJECTED_ROWS, journey.inspection.rejected_rows)):
            paths[name] = staging / f"{name}.parquet"
            found.to_parquet(paths[name], index=False)
        yield from _outputs(paths, source, versions, study, unchanged=False)


def _outputs(
    paths: Mapping[str, TablePath], source: "Source", versions: Mapping[str, str], study: Study, *, unchanged: bool
) -> Iterator[dg.Output]:
    from dunnhumby_pipeline.engine.duck import connect, table_at, unit_of_money

    engine = study.settings.engine
    metrics = metrics_in_place(paths, engine)
    with connect(engine) as connection:
        unit = unit_of_money(connection, table_at(connection, paths["transactions"]), engine)
    for name in TABLES:
        facts: dict[str, Any] = {
            "source": source.name,
            "limits": dg.MetadataValue.md("\n".join(source.limits) or "none"),
            "unchanged": unchanged,
            **metrics[name],
        }
        if name == "transactions":
            facts["smallest unit of money"] = unit.words
        yield dg.Output(paths[name], name, metadata=facts, data_version=dg.DataVersion(versions[name]))
