"""Settings for the files of another retailer: what they call files, columns and campaign types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Literal

from pydantic import Field, field_validator, model_validator

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.settings.section import Section

# One moment of theirs may be several columns here.
_OF_TIME = {"day", "week_no", "trans_time", "start_day", "end_day"}
_TABLES = tuple(table.name for table in schema.TABLES)


class MappingSettings(Section):
    """Another retailer's names for what the eight raw files hold; what is not named is looked for under our names."""

    files: dict[str, str] = Field(
        {}, description="their file of each table, by the table's name; with or without its ending"
    )
    columns: dict[str, dict[str, str]] = Field(
        {}, description="their header of each column, by table and by our name of the column"
    )
    values: dict[str, dict[str, int | float | str]] = Field(
        {}, description="the one value of a column that their file does not have, by table and column"
    )
    campaign_types: dict[str, tuple[str, ...]] = Field(
        {}, description="their campaign types, by ours (TypeA, TypeB, TypeC)"
    )
    first_date: date | None = Field(
        None,
        description="the date that is day 1, where their days and weeks are dates (2024-03-31, with or without a "
        "time): weeks then need no column, and times may be 18:05",
    )
    discounts: Literal["negative", "positive"] = Field(
        "negative", description="sign of the sums taken off a price in their file of transactions"
    )

    @property
    def is_empty(self) -> bool:
        """Whether every name is ours."""
        return self == MappingSettings()

    def theirs(self, table: str, column: str) -> str | None:
        """Their header of a column; None when it is ours."""
        return self.columns.get(table, {}).get(column)

    def value(self, table: str, column: str) -> int | float | str | None:
        """The value that stands in every row of a column which their file does not have; None when it has one."""
        return self.values.get(table, {}).get(column)

    def type_of(self) -> dict[str, str]:
        """Our campaign type by theirs."""
        return {theirs: ours for ours, names in self.campaign_types.items() for theirs in names}

    @field_validator("files", "columns", "values")
    @classmethod
    def _tables_are_known(cls, given: dict[str, object]) -> dict[str, object]:
        _require_known(given, _TABLES, "the table")
        return given

    @field_validator("columns", "values")
    @classmethod
    def _columns_are_known(cls, given: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
        for table, columns in given.items():
            _require_known(columns, schema.table(table).column_names, f"{table}, the column")
        return given

    @field_validator("files")
    @classmethod
    def _files_lie_in_the_folder(cls, files: dict[str, str]) -> dict[str, str]:
        for table, name in files.items():
            if not name.strip() or "/" in name or "\\" in name:
                raise ValueError(f"{table} = {name!r}; expected the name of a file in the raw folder, without a path")
        _require_once(files, "the file")
        return files

    @field_validator("columns")
    @classmethod
    def _a_header_is_one_column(cls, columns: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for table, own in columns.items():
            empty = [name for name, header in own.items() if not header.strip()]
            if empty:
                raise ValueError(f"{table}.{empty[0]} is empty; expected the header of a column in their file")
            _require_once(
                {name: header for name, header in own.items() if name not in _OF_TIME}, f"{table}, the column"
            )
        return columns

    @field_validator("campaign_types")
    @classmethod
    def _types_are_known(cls, types: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        _require_known(types, schema.CAMPAIGN_TYPES, "the campaign type")
        _require_once(
            {f"{ours}[{place}]": name.strip() for ours, names in types.items() for place, name in enumerate(names)},
            "their type",
        )
        return types

    @model_validator(mode="after")
    def _values_fit(self) -> MappingSettings:
        for table, own in self.values.items():
            for name, value in own.items():
                column = schema.table(table).column(name)
                place = f"mapping.values.{table}.{name} is {value!r}"
                if self.theirs(table, name) is not None:
                    raise ValueError(f"{place}, and mapping.columns names a header for it; expected one of the two")
                if column.identifier:
                    raise ValueError(f"{place}; expected a column of the file: an id cannot be the same in every row")
                if column.type == "VARCHAR":
                    if column.values and str(value) not in column.values:
                        raise ValueError(f"{place}; expected one of {', '.join(column.values)}")
                elif isinstance(value, str) or (column.type != "DOUBLE" and value != int(value)):
                    raise ValueError(f"{place}; expected a {'whole ' if column.type != 'DOUBLE' else ''}number")
        return self


def _require_known(given: Iterable[str], known: Iterable[str], what: str) -> None:
    names = list(known)
    for name in given:
        if name not in names:
            close = get_close_matches(name, names, n=1, cutoff=0.5)
            advice = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{what} {name!r} is not known; expected one of {', '.join(names)}{advice}")


def _require_once(named: Mapping[str, str], what: str) -> None:
    seen: dict[str, str] = {}
    for ours, theirs in named.items():
        other = seen.setdefault(theirs.casefold(), ours)
        if other != ours:
            raise ValueError(f"{what} {theirs!r} stands for {other} and for {ours}; expected it once")
