"""Documents made from code: tables in Markdown, and a file that is written, or compared with what it should contain."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The lines of a table; a bar within a cell is escaped."""
    cells = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(text.replace("|", r"\|") for text in row) + " |" for row in cells)


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it: lower case, spaces to hyphens, no other signs."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def write_or_check(document: str, module: str, arguments: Sequence[str] | None = None) -> int:
    """Write a generated document to the path given; with --check compare it: 0, or 1 and the command that renews it."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("path", type=Path, help="the document")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file is stale")
    given = parser.parse_args(arguments)
    if not given.check:
        given.path.write_text(document, encoding="utf-8")
        return 0
    if given.path.is_file() and given.path.read_text(encoding="utf-8") == document:
        return 0
    print(f"{given.path} is stale; run: {parser.prog} {given.path}")
    return 1
