"""Python values as SQL literals."""

from pathlib import Path


def quoted(text: str | Path) -> str:
    """`text` as a SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"
