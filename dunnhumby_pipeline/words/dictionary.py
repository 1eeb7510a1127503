"""The data dictionary as a document, and the README's table of assets, made from the contracts.

python -m dunnhumby_pipeline.words.dictionary docs/data_dictionary.md          # writes it
python -m dunnhumby_pipeline.words.dictionary --check docs/data_dictionary.md  # exits 1 when it is stale

README.md in place of the document writes, or checks, what is between its two markers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.chapters import CHAPTERS, Chapter
from dunnhumby_pipeline.contracts.lineage import Source, sources_of, told
from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.contracts.table import Column, Table
from dunnhumby_pipeline.words.document import markdown_table, write_or_check

_MODULE = "dunnhumby_pipeline.words.dictionary"
_README = "README.md"
_START, _END = "<!-- assets: made by `make docs` -->", "<!-- end of assets -->"
_HEAD = """# Data dictionary

Made from `dunnhumby_pipeline/contracts/` by `make docs`; edit that, not this. Tables are parquet files in
`HOME/warehouse`; those with one per campaign type lie in a folder of that type. The UI shows the same descriptions
with each table. What the features mean is in [features.md](features.md), too. Where a meaning ends with "From", the
columns named are those that it is computed from, of tables that the step itself reads; keys by which tables are joined,
and days that bound a window, are not named.
"""


def dictionary_markdown() -> str:
    """The text of docs/data_dictionary.md: the canonical tables with their raw form, then every table by group."""
    canonical = {table.name for table in schema.TABLES}
    parts = [_HEAD, "## Canonical tables\n", *(_canonical(table) for table in schema.TABLES)]
    for chapter, groups in _in_chapters():
        parts.append(f"## {chapter.name.capitalize()}: {chapter.about}\n")
        for group, tables in groups.items():
            made = [table for table in tables if table.name not in canonical]
            parts += [f"### Group {group}\n", *(_made(table) for table in made)]
    return "\n".join(parts)


def described(tables: Iterable[Table]) -> str:
    """What some tables of the study hold, in their order: what a row is, and every column."""
    return "\n".join(["# Data dictionary\n", *(_made(table) for table in tables)])


def assets_markdown() -> str:
    """The README's table of assets: a row per group, each asset with what one row of it stands for."""
    rows = []
    for chapter, groups in _in_chapters():
        for group, made in groups.items():
            each = "; one per campaign type" if made[0].partitioned else ""
            rows.append((chapter.name, group + each, "; ".join(_asset(table) for table in made)))
    return markdown_table(("chapter", "group", "assets, and what one row of each stands for"), rows)


def _in_chapters() -> Iterator[tuple[Chapter, dict[str, list[Table]]]]:
    """Each chapter with the tables of its groups, in the order of the study; raw files are no tables of it."""
    for chapter in CHAPTERS:
        groups = {group: [table for table in TABLES.values() if table.group == group] for group in chapter.groups}
        yield chapter, {group: tables for group, tables in groups.items() if tables}


def _asset(table: Table) -> str:
    return f"`{table.name}` {table.row if table.is_table else f'(a {table.suffix} file)'}"


def readme_with_assets(readme: str) -> str:
    """The text of a README with the table of assets between its markers. ValueError when it lacks them."""
    if _START not in readme or _END not in readme:
        raise ValueError(
            f"{_README} lacks the marker(s) {_START} and {_END}; put them where the table of assets belongs"
        )
    before, rest = readme.split(_START, 1)
    return f"{before}{_START}\n{assets_markdown()}\n{_END}{rest.split(_END, 1)[1]}"


def _made(table: Table) -> str:
    lines = [f"#### {table.name}", "", table.meaning]
    if table.is_table:
        each = "; one table per campaign type" if table.partitioned else ""
        lines[2] += f" One row per {table.row}. Key: {', '.join(table.key)}{each}."
        sources = sources_of(table)
        rows = [
            (_name(c), c.type, c.unit, "yes" if c.nullable else "", _with_sources(c.meaning, sources.get(c.name, ())))
            for c in table.columns
        ]
        lines += ["", markdown_table(("column", "type", "unit", "null", "meaning"), rows)]
    return "\n".join([*lines, ""])


def _with_sources(meaning: str, sources: tuple[Source, ...]) -> str:
    return f"{meaning}. {told(sources)}" if sources else meaning


def _name(column: Column) -> str:
    return f"`{column.name}…`" if column.many else f"`{column.name}`"


def _canonical(table: schema.Table) -> str:
    rows = [
        (
            f"`{column.name}`",
            ", ".join(f"`{header}`" for header in (column.raw, *column.aliases)),
            column.type,
            column.unit,
            _range(column),
            "yes" if column.nullable else "",
            column.meaning,
        )
        for column in table.columns
    ]
    lines = [
        f"### {table.name}",
        "",
        f"One row per {table.meaning}. File `{table.file}`. Key: {', '.join(table.key)}. "
        f"Order: {', '.join(table.order)}.",
        "",
        markdown_table(("column", "raw header", "type", "unit", "values", "null", "meaning"), rows),
        "",
    ]
    lines += [f"- `{rule.column}`: {rule.expected} (rule `{rule.name}`)." for rule in table.rules]
    lines += [f"- {_reference(reference)}" for reference in table.references]
    return "\n".join([*lines, ""] if table.rules or table.references else lines)


def _reference(reference: schema.Reference) -> str:
    columns = ", ".join(f"`{name}`" for name in reference.columns)
    otherwise = "a missing one stops the load" if reference.required else f"without one: {reference.without}"
    return f"{columns} of `{reference.table}`; {otherwise}."


def _range(column: schema.Column) -> str:
    if column.values:
        return ", ".join(column.values)
    least, most = (f"{bound:,}" if bound is not None else "" for bound in (column.minimum, column.maximum))
    return (
        f"{least} to {most}" if least and most else f"{least} or more" if least else f"{most} or less" if most else ""
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the document that is named; see `write_or_check`. README.md changes between its markers only."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    readme = next((Path(word) for word in given if Path(word).name == _README), None)
    text = dictionary_markdown() if readme is None else readme_with_assets(readme.read_text(encoding="utf-8"))
    return write_or_check(text, _MODULE, given)


if __name__ == "__main__":
    raise SystemExit(main())
