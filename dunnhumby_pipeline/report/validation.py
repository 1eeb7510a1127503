"""The verdict on raw files as a terminal shows it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dunnhumby_pipeline.journey.inspection.validation import Validation


def render_validation(found: Validation) -> Group:
    """Files with their rows and days, what was found, and the verdict with every problem."""
    parts: list[RenderableType] = []
    if found.tables:
        parts.append(_files(found))
    if len(found.findings):
        parts.append(_findings(found))
    parts.append(_verdict(found))
    return Group(*parts)


def _files(found: Validation) -> Table:
    table = Table("table", "file", "rows", "kept", "span", "rules", "broken", title=Text(found.folder))
    for name in ("rows", "kept", "rules", "broken"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for report in found.tables:
        broken = (found.findings["table"] == report.name).sum()
        shown = (f"{report.n_rows:,}", f"{report.n_kept:,}", report.span, str(found.n_rules[report.name]), str(broken))
        table.add_row(report.name, Text(report.file), *shown)
    return table


def _findings(found: Validation) -> Table:
    table = Table("table", "rule", "column", "expected", "action", "rows", "share", "examples", title="What was found")
    for row in found.findings.itertuples():
        # What a file holds is data: as markup, a square bracket in it would be lost.
        cells = (row.table, row.rule, row.column, row.expected, row.action)
        table.add_row(*map(Text, cells), f"{row.n:,}", f"{row.share:.2%}", Text(row.example_rows))
    return table


def _fate_of_rows(found: Validation) -> str:
    """How many rows are left out, and how many add nothing."""
    n_rows = found.findings.groupby("action")["n"].sum()
    said = {"rejected": "rows are left out", "merged": "repeated rows are merged", "skipped": "blank rows are skipped"}
    told = [f"{n_rows[action]:,} {words}" for action, words in said.items() if action in n_rows]
    if "rejected" not in n_rows:
        told.insert(0, "No row is left out")
    return f"{', '.join(told)}."


def _verdict(found: Validation) -> Text:
    if found.usable:
        return Text.assemble(("can be used", "green"), f"  {_fate_of_rows(found)}")
    lines = "\n".join(f"  - {problem}" for problem in found.problems)
    return Text.assemble(("cannot be used", "red"), f"  {found.folder}, {len(found.problems)} problem(s):\n{lines}")
