"""What would become of a folder of raw files, without writing anything: files, rows, rules, verdict."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.inspection.inspection import REJECT_COLUMNS, REJECTED_ROW_COLUMNS, TableReport, inspect
from dunnhumby_pipeline.journey.inspection.staging import DUPLICATE, row_rules
from dunnhumby_pipeline.journey.readers.mapped import NO_MAPPING
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import JourneyError, Problem
from dunnhumby_pipeline.settings import JourneySettings, MappingSettings


@dataclass(frozen=True)
class Validation:
    """The verdict on a folder. `findings` has the columns `inspection.REJECT_COLUMNS`, `rejected_rows` those of
    `inspection.REJECTED_ROW_COLUMNS`; `n_rules` is how many rules each table was held against.
    """

    folder: str
    tables: tuple[TableReport, ...]
    n_rules: dict[str, int]
    findings: pd.DataFrame
    rejected_rows: pd.DataFrame
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        return not self.problems

    def to_json(self) -> str:
        """The same as JSON: folder, usable, tables, findings, problems."""
        content: dict[str, Any] = {
            "folder": self.folder,
            "usable": self.usable,
            "tables": [
                {
                    "table": table.name,
                    "file": table.file,
                    "rows": table.n_rows,
                    "kept": table.n_kept,
                    "span": table.span,
                    "rules": self.n_rules[table.name],
                }
                for table in self.tables
            ],
            "findings": self.findings.to_dict("records"),
            "problems": [vars(problem) for problem in self.problems],
        }
        # In ASCII, so that no encoding of a terminal or a pipe changes it.
        return json.dumps(content, indent=2)


def validate(
    folder: Path,
    connection: duckdb.DuckDBPyConnection,
    settings: JourneySettings,
    mapping: MappingSettings = NO_MAPPING,
) -> Validation:
    """Check every file of `folder`, whose names `mapping` may translate. Nothing is raised for what is wrong with them:
    `problems` lists it.
    """
    n_rules = {table.name: _n_rules(table) for table in schema.TABLES}
    try:
        found = inspect(raw_folder(folder, mapping), connection, settings)
    except JourneyError as error:
        nothing = pd.DataFrame(columns=list(REJECT_COLUMNS)), pd.DataFrame(columns=list(REJECTED_ROW_COLUMNS))
        return Validation(str(folder), (), n_rules, *nothing, error.problems)
    return Validation(str(folder), found.tables, n_rules, found.rejects, found.rejected_rows, found.problems)


def _n_rules(table: schema.Table) -> int:
    """Rules of the rows, the key, the references, the signs of discounts and the answers that mean none."""
    return len(row_rules(table, dict.fromkeys(table.column_names, "false"))) + len(
        [DUPLICATE, *table.references, *(column for column in table.columns if column.discount or column.unknown)]
    )
