"""What a table of the study promises: what a row is, its key, its columns with types and meanings, its metrics.

Descriptions, column schemas, schema checks, the data dictionary, the README and the report all read these
contracts. Nothing here touches a file or knows who stores or shows a table. Words are no part of a contract's
`shape`: to reword a meaning makes nothing stale, to change a column does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

SqlType = Literal["BIGINT", "INTEGER", "DOUBLE", "VARCHAR", "BOOLEAN"]
# Columns that hold keys of households, or rows of raw files as they were found.
PERSONAL = ("household_key", "copy_of", "cluster", "raw_row")
# From the table as a frame; or SQL expressions over it by name, for tables that are not loaded for this.
Metrics = Callable[[Any], Mapping[str, object]] | Mapping[str, str]


@dataclass(frozen=True)
class Column:
    """One column: its name, SQL type, what it holds in words, and its unit ("" for identifiers, names and flags).

    `many`: stands for every column whose name begins with `name`, as many as the study has ("factor_" for
    factor_1 to factor_4). `optional`: there only under some settings. `sources`: the columns that it comes from, as in
    `Table.sources`, where every table that has it makes it from them.
    """

    name: str
    type: SqlType
    meaning: str
    unit: str = ""
    nullable: bool = False
    many: bool = False
    optional: bool = False
    sources: str = ""

    def stands_for(self, name: str) -> bool:
        """Whether this is the contract of the column called `name`."""
        return name.startswith(self.name) if self.many else name == self.name

    @property
    def described(self) -> str:
        """The meaning with its unit."""
        return f"{self.meaning} ({self.unit})" if self.unit else self.meaning


@dataclass(frozen=True)
class Table:
    """One table, or one file that is not a table (then `columns` is empty and `suffix` says what it is).

    `made_by` names the step that makes it, `meaning` says what it holds, `row` what each row stands for, `key` the
    columns that identify a row. `partitioned`: one for each campaign type. `metrics` gives, from the table, the
    numbers that are worth plotting over runs. `may_be_empty`: a table without rows is a valid result. `file`: what
    its file is called, without suffix, where that is not its own name. `households`: whether what is no table names
    single households. `sources`: by column what it comes from, as `contracts/lineage.py` reads it: "segments" for the
    column of that name in `segments`, passed on as it is; "transactions.day" for a column it is computed from;
    "customer_features.*" for those that the study chooses among all; the name of a file that is not a table for what
    that predicts. It is words: to change it makes nothing stale.
    """

    name: str
    group: str
    made_by: str
    meaning: str
    row: str = ""
    key: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    partitioned: bool = False
    may_be_empty: bool = False
    metrics: Metrics | None = None
    suffix: str = ".parquet"
    measures: bool = False
    file: str = ""
    households: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.measures:
            free = tuple(
                replace(column, nullable=True) if column.type == "DOUBLE" and column.name not in self.key else column
                for column in self.columns
            )
            object.__setattr__(self, "columns", free)

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.file or self.name}{self.suffix}"

    @property
    def personal(self) -> bool:
        """Whether it holds data of single households: by a column of their keys or of raw rows, or as declared."""
        return self.households or any(column.name in PERSONAL for column in self.columns)

    @property
    def is_table(self) -> bool:
        """Whether it has rows and columns; a model or a report has none."""
        return self.suffix == ".parquet"

    def column(self, name: str) -> Column | None:
        """The contract of the column called `name`, None when the table promises none."""
        exact = next((column for column in self.columns if column.name == name and not column.many), None)
        return exact or next((column for column in self.columns if column.stands_for(name)), None)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that are always there, by name."""
        return tuple(column.name for column in self.columns if not column.many and not column.optional)

    def shape(self) -> tuple[Any, ...]:
        """What a change of makes the table stale: name, key, and every column but for its words."""
        columns = tuple((c.name, c.type, c.unit, c.nullable, c.many, c.optional) for c in self.columns)
        return (self.name, self.suffix, self.key, self.partitioned, columns)


class ContractError(ValueError):
    """A frame is not what its table promises. The message names table and column, what was expected and found."""


def require_columns(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` itself; ContractError naming the table and every promised column that it lacks."""
    missing = [name for name in table.required if name not in frame.columns]
    if missing:
        raise ContractError(f"{table.name} lacks the column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}")
    return frame


def integer(name: str, meaning: str, unit: str = "", **more: Any) -> Column:
    """A column of whole numbers."""
    return Column(name, "BIGINT", meaning, unit, **more)


def number(name: str, meaning: str, unit: str = "", **more: Any) -> Column:
    """A column of numbers with decimals."""
    return Column(name, "DOUBLE", meaning, unit, **more)


def text(name: str, meaning: str, unit: str = "", **more: Any) -> Column:
    """A column of text."""
    return Column(name, "VARCHAR", meaning, unit, **more)


def flag(name: str, meaning: str, unit: str = "", **more: Any) -> Column:
    """A column that is true or false."""
    return Column(name, "BOOLEAN", meaning, unit, **more)
