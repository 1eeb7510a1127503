"""How a step of the study is declared to dagster: `@step` over a function that makes one table or several.

What the step makes stands in the contracts, under its name; the tables that it loads are its arguments of type
DataFrame, those that it reads by path are `deps`, and the settings it reads are named beside it. Nothing of that is
said twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from dunnhumby_pipeline.contracts.chapters import chapter_of, place_of
from dunnhumby_pipeline.contracts.lineage import RAW, Source, sources_of, told
from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.contracts.table import Table
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.partitions import campaign_types

# The pool of all steps: where an instance lets several runs go on at once, one of them writes tables.
TABLES_POOL = "tables"


@dataclass(frozen=True)
class Step:
    """What a step's tables rest on beside its code: the settings it reads, and which of the
    home's own files it follows."""

    name: str
    settings: tuple[str, ...]
    follows_playbook: bool
    follows_ledger: bool
    follows_opt_outs: bool = False
    follows_approvals: bool = False
    follows_looks: bool = False
    follows_forgotten: bool = False
    follows_need_names: bool = False

    @property
    def tables(self) -> tuple[Table, ...]:
        """The contracts of what the step makes."""
        return made_by(self.name)


STEPS: dict[str, Step] = {}


def step(
    *,
    settings: Iterable[str] = (),
    deps: Iterable[str | dg.AssetKey] = (),
    follows_playbook: bool = False,
    follows_ledger: bool = False,
    follows_opt_outs: bool = False,
    follows_approvals: bool = False,
    follows_looks: bool = False,
    follows_forgotten: bool = False,
    follows_need_names: bool = False,
    internal_deps: Mapping[str, set[dg.AssetKey]] | None = None,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Declare a step; it is called as its function and makes the tables whose contracts name it.

    `deps`: tables by name, or keys of what is not a table, that come before without being loaded. `settings`: the
    sections that the step reads, or a setting of one ("economics.margin").
    Raises ValueError when no contract names the step.
    """

    def declare(function: Callable[..., Any]) -> dg.AssetsDefinition:
        name = function.__name__
        followed = (
            follows_playbook,
            follows_ledger,
            follows_opt_outs,
            follows_approvals,
            follows_looks,
            follows_forgotten,
            follows_need_names,
        )
        STEPS[name] = Step(name, tuple(settings), *followed)
        tables = made_by(name)
        if not tables:
            raise ValueError(f"no table is made by {name}; name it as made_by of a table in contracts/tables")
        given = inspect.signature(function).parameters.values()
        loaded = [each.name for each in given if each.annotation is pd.DataFrame]
        return dg.multi_asset(
            name=name,
            partitions_def=campaign_types if tables[0].partitioned else None,
            ins={table: dg.AssetIn(key=asset_key(table)) for table in loaded},
            deps=[asset_key(each) if isinstance(each, str) else each for each in deps],
            outs={table.name: _out(table) for table in tables},
            internal_asset_deps=internal_deps,
            pool=TABLES_POOL,
        )(function)

    return declare


def _out(table: Table) -> dg.AssetOut:
    return dg.AssetOut(
        key=asset_key(table.name),
        group_name=place_of(table.group),
        description=described(table),
        kinds={"table", "parquet"} if table.is_table else {table.suffix.removeprefix(".")},
        tags=tags_of(table.group, partitioned=table.partitioned, personal=table.personal),
        metadata=column_metadata(table) if table.columns else None,
    )


def described(table: Table) -> str:
    """What the UI says of a table: what it holds, what a row is, its key, and whether each campaign type has one."""
    each = " One for each campaign type." if table.partitioned else ""
    row = f" One row per {table.row}; key: {', '.join(table.key)}." if table.is_table else ""
    return f"{table.meaning}{row}{each}"


def tags_of(group: str, *, partitioned: bool, personal: bool) -> dict[str, str]:
    """The tags by which assets are found in the UI and in selections: `tag:chapter=effects`."""
    return {
        "chapter": chapter_of(group).name,
        "of": "campaign_type" if partitioned else "all_types",
        "personal_data": "yes" if personal else "no",
    }


def outputs(name: str, found: Mapping[str, Any]) -> Iterator[dg.Output]:
    """The tables of a step that are among `found`, in the order of the contracts."""
    for table in made_by(name):
        if table.name in found:
            yield dg.Output(found[table.name], table.name)


def column_metadata(table: Table) -> dict[str, Any]:
    """The columns of a table as its contract has them, and where they come from, in the forms that dagster shows.

    They are part of the definition: a run writes none of it. The UI takes the words of a column from here before those
    of the last run, so that its sources stand beside its meaning: the lineage itself, which is here too for who asks
    dagster's API, is drawn by Dagster+ alone.
    """
    sources = sources_of(table)
    columns = [
        dg.TableColumn(
            c.name, c.type, description="  \n".join(filter(None, (c.described, told(sources.get(c.name, ())))))
        )
        for c in table.columns
    ]
    # A file that is no table has no column to be named.
    deps = {name: [_dep(source) for source in found if source.column] for name, found in sources.items()}
    lineage = {name: found for name, found in deps.items() if found}
    return {
        "dagster/column_schema": dg.TableSchema(columns),
        **({"dagster/column_lineage": dg.TableColumnLineage(lineage)} if lineage else {}),
    }


def _dep(source: Source) -> dg.TableColumnDep:
    raw = source.table.startswith(RAW)
    return dg.TableColumnDep(dg.AssetKey(["raw", source.table]) if raw else asset_key(source.table), source.column)
