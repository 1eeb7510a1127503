"""Where the columns of a table come from: read from the `sources` of its contract and of its columns.

A column *comes from* those whose values it is computed from, and from those by which the rows that go into it are told
apart: a department left out, a campaign type. Keys by which tables are joined or grouped do not count, nor do the days
by which a window takes its lines; they count where they are what is counted: baskets by `basket_id`, the lines of a
household by `household_key`. Only tables count that the step reads itself: what lies further up is told there. A table
whose contract says nothing of a column claims nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dunnhumby_pipeline.contracts import registry, schema
from dunnhumby_pipeline.contracts.table import Column, ContractError, Table

RAW = "raw_"
# In the place of a column: what the study chooses among all of them.
ALL = "*"


@dataclass(frozen=True)
class Source:
    """What a column comes from: a column of a table, or all that a table or a file holds, of which no column is named
    (`column` is empty then). `passed`: the column is that column, as it is.
    """

    table: str
    column: str = ""
    passed: bool = False


def sources_of(table: Table) -> dict[str, tuple[Source, ...]]:
    """What each column of `table` comes from, by the column's name in the contract; columns that claim nothing are left
    out. ContractError, naming table and column, when a source is misspelt, or passed on under another meaning.
    """
    strangers = [name for name in table.sources if table.column(name) is None]
    if strangers:
        raise ContractError(
            f"the sources of {table.name} name the column(s) {', '.join(strangers)}, which it has not; it has "
            f"{', '.join(column.name for column in table.columns)}"
        )
    found = {column.name: tuple(_of_column(table, column)) for column in table.columns}
    return {name: sources for name, sources in found.items() if sources}


def _of_column(table: Table, column: Column) -> Iterator[Source]:
    for word in table.sources.get(column.name, column.sources).split():
        name, _, wanted = word.partition(".")
        if name.startswith(RAW):
            yield _raw(table, column, name, wanted)
            continue
        if name not in registry.TABLES:
            raise ContractError(
                f"{_place(table, column)} name {word!r}; expected table.column, or a table of the study"
            )
        above = registry.TABLES[name]
        if wanted == ALL or not (above.is_table or wanted):
            yield Source(name)
            continue
        there = next((each for each in above.columns if each.name == (wanted or column.name)), None)
        if there is None:
            raise ContractError(
                f"{_place(table, column)} name {word!r}, and {name} has no column {wanted or column.name}; it has "
                f"{', '.join(each.name for each in above.columns) or 'none'}"
            )
        if not wanted and there.meaning != column.meaning:
            raise ContractError(
                f"{_place(table, column)} say that it is passed on from {name}, where it means {there.meaning!r}, not "
                f"{column.meaning!r}; name {name}.{column.name} if it is computed from that"
            )
        yield Source(name, there.name, passed=not wanted)


def _raw(table: Table, column: Column, name: str, wanted: str) -> Source:
    known = {f"{RAW}{each.name}": [own.raw for own in each.columns] for each in schema.TABLES}
    if wanted not in known.get(name, ()):
        raise ContractError(
            f"{_place(table, column)} name {name}.{wanted}; expected a header of {', '.join(known)} as contracts/"
            "schema.py has it"
        )
    return Source(name, wanted)


def _place(table: Table, column: Column) -> str:
    return f"the sources of {table.name}.{column.name}"


def told(sources: tuple[Source, ...]) -> str:
    """Sources in a sentence for the reader of a column, in Markdown; empty where there are none.

    "From `transactions.day`.", "From `transactions` (`basket_id`, `day`) and `products.brand`."
    """
    if not sources:
        return ""
    by_table: dict[str, list[str]] = {}
    for source in sources:
        by_table.setdefault(source.table, []).append(source.column)
    *first, last = [_of_table(table, columns) for table, columns in by_table.items()]
    listed = f"{', '.join(first)} and {last}" if first else last
    return f"Passed on from {listed}." if all(source.passed for source in sources) else f"From {listed}."


def _of_table(table: str, columns: list[str]) -> str:
    named = [column for column in columns if column]
    if len(named) < 2:
        return f"`{'.'.join([table, *named])}`"
    return f"`{table}` ({', '.join(f'`{column}`' for column in named)})"
