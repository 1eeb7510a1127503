"""Tables of the group journey."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, integer, number, text

TABLES = (
    Table(
        "rejects",
        group="journey",
        made_by="load_journey",
        meaning="Rows that broke a rule and values that were repaired, counted, with examples.",
        row="a rule, with the rows it rejected, repaired or kept with a remark, and examples",
        key=("table", "rule", "column", "action"),
        columns=(
            *shared("table rule column"),
            text("expected", "what the rule asks for, in words"),
            text("action", "what was done: rejected, repaired, merged, or kept with a remark"),
            integer("n", "number of rows", "rows"),
            number("share", "these rows as a share of the file's rows", "0-1"),
            text("example_rows", "the first of these rows, with their place in the file"),
        ),
    ),
    Table(
        "rejected_rows",
        group="journey",
        made_by="load_journey",
        meaning="Rows left out, with the values of their raw file (the first 500,000 of a table).",
        row="a row left out, as its file has it",
        key=("table", "row"),
        columns=(
            *shared("table"),
            integer(
                "row", "the row's place in its raw file; the header of a CSV file is row 1, empty lines are not counted"
            ),
            *shared("rule column"),
            text("raw_row", "the row the values of its file as text: JSON by the file's headers"),
        ),
    ),
)
