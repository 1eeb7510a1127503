"""The verdict on raw files as a terminal shows it."""

from __future__ import annotations

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Column, Table
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
    right: JustifyMethod = "right"
    table = Table(Column("file", overflow="fold"), title=Text(found.folder))
    for name, justify in {"rows": right, "kept": right, "span": "left", "rules broken": right}.items():
        table.add_column(name, justify=justify, no_wrap=True)
    for report in found.tables:
        broken = (found.findings["table"] == report.name).sum()
        shown = (f"{report.n_rows:,}", f"{report.n_kept:,}", report.span, f"{broken} of {found.n_rules[report.name]}")
        table.add_row(Text(report.file), *shown)
    return table


def _findings(found: Validation) -> Text:
    """One broken rule after the other: a table of them would leave each column a few letters on a narrow terminal."""
    # What a file holds is data: as markup, a square bracket in it would be lost.
    lines = [Text("\nWhat was found")]
    for row in found.findings.itertuples():
        n_rows = "1 row" if row.n == 1 else f"{row.n:,} rows"
        told = f": {n_rows} ({row.share:.2%}) {row.action}; expected {row.expected} [{row.rule}]"
        examples = f"\n  {row.example_rows}" if row.example_rows else ""
        lines.append(Text.assemble((f"- {row.table}, {row.column}", "bold"), told, examples))
    return Text("\n").join(lines) + "\n"


def _fate_of_rows(found: Validation) -> str:
    """How many rows are left out, and how many add nothing."""
    n_rows = found.findings.groupby("action")["n"].sum()
    said = {"rejected": "rows are left out", "merged": "repeated rows are merged", "skipped": "blank rows are skipped"}
    said |= {"forgotten": "rows of forgotten households are left out"}
    told = [f"{n_rows[action]:,} {words}" for action, words in said.items() if action in n_rows]
    if "rejected" not in n_rows:
        told.insert(0, "No row is left out")
    return f"{', '.join(told)}."


def _verdict(found: Validation) -> Text:
    if found.usable:
        return Text.assemble(("can be used", "green"), f"  {_fate_of_rows(found)}")
    lines = "\n".join(f"  - {problem}" for problem in found.problems)
    return Text.assemble(("cannot be used", "red"), f"  {found.folder}, {len(found.problems)} problem(s):\n{lines}")
