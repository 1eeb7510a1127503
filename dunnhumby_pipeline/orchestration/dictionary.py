"""The data dictionary as a document, made from the schema, the assets and the column dictionary.

python -m dunnhumby_pipeline.orchestration.dictionary docs/data_dictionary.md          # writes it
python -m dunnhumby_pipeline.orchestration.dictionary --check docs/data_dictionary.md  # exits 1 when it is stale
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.orchestration.assets import effects, journey, report, segmentation, targeting, trials
from dunnhumby_pipeline.orchestration.platform.columns import derived
from dunnhumby_pipeline.words.document import markdown_table, write_or_check

_HEAD = """# Data dictionary

Made from `journey/schema.py`, the assets and `orchestration/columns.py` by `make docs`; edit those, not this. Tables
are parquet files in `HOME/warehouse`; those of the groups causal, targeting and report lie in a folder a campaign type.
The UI shows the same descriptions with each table.
"""


def dictionary_markdown() -> str:
    """The text of docs/data_dictionary.md."""
    parts = [_HEAD, "## Canonical tables\n", *(_canonical(table) for table in schema.TABLES)]
    parts += ["## Tables that the study makes\n", markdown_table(("table", "group", "holds"), _made()), ""]
    parts += [
        "## Columns of these tables\n",
        "Keys and demographics keep their names and meanings; features are in [features.md](features.md). A name means "
        "the same in every table, but for those that are listed with theirs.\n",
        markdown_table(("column", "unit", "meaning"), ((f"`{name}`", m.unit, m.text) for name, m in derived().items())),
        "",
    ]
    return "\n".join(parts)


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
        f"One row: {table.meaning}. File `{table.file}`. Key: {', '.join(table.key)}. Order: {', '.join(table.order)}.",
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


def _made() -> Iterator[tuple[str, ...]]:
    canonical = {table.name for table in schema.TABLES}
    for module in (journey, segmentation, trials, effects, targeting, report):
        for made in dg.load_assets_from_modules([module]):
            for spec in made.specs if isinstance(made, dg.AssetsDefinition) else ():
                name = spec.key.to_user_string()
                if name not in canonical:
                    yield f"`{name}`", spec.group_name or "", spec.description or ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write docs/data_dictionary.md, or check it; see `write_or_check`."""
    return write_or_check(dictionary_markdown(), "dunnhumby_pipeline.orchestration.dictionary", arguments)


if __name__ == "__main__":
    raise SystemExit(main())
