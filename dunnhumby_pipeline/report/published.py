"""Numbers of a study within documents: what stands between markers is written from its tables.

A number: `<!-- n: TABLE; ROW; TEMPLATE -->18<!-- /n -->`. ROW is a condition on the table's columns that one row meets
(pandas' query), TEMPLATE a format of the columns of that row, such as `{estimate:.0f} ({se:.0f})`. With a reduction
before the template, `TABLE; ROWS; mean; TEMPLATE`, it formats the mean (min, max, sum) of each column over several
rows, and `{rows}` is how many there are. Give as many digits as are the same on every machine.
A block: lines between `<!-- NAME: ... -->` and `<!-- end of NAME -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pandas as pd

from dunnhumby_pipeline.words import numbers

_NUMBER = re.compile(r"(<!-- n: (.+?) -->)(.*?)(<!-- /n -->)", re.DOTALL)
_REDUCTIONS = ("mean", "min", "max", "sum")


class PublishedError(ValueError):
    """A marker that no number can be written for. The message is for whoever wrote it."""


def numbers_in(document: str) -> dict[str, str]:
    """The numbers that stand in a document, by what they are written from."""
    return {source: text for _, source, text, _ in _NUMBER.findall(document)}


def tables_in(document: str) -> set[str]:
    """The tables that numbers of a document are written from."""
    return {_parts(source)[0] for source in numbers_in(document)}


def block_in(document: str, name: str) -> str | None:
    """The lines of a block; None when the document has none of that name."""
    found = _block(name).search(document)
    return found[2] if found else None


def renewed(document: str, read: Callable[[str], pd.DataFrame], blocks: Mapping[str, str]) -> str:
    """The document with its numbers written from the tables that `read` gives by name, and with these `blocks`.

    Raises PublishedError for a marker that does not say one number.
    """
    text = _NUMBER.sub(lambda found: f"{found[1]}{_written(found[2], read)}{found[4]}", document)
    for name, lines in blocks.items():
        # In a replacement, a backslash would be a reference.
        text = _block(name).sub(rf"\g<1>{lines.replace(chr(92), chr(92) * 2)}\g<3>", text)
    return text


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: .*? -->\n)(.*?)(<!-- end of {name} -->)", re.DOTALL)


def _parts(source: str) -> tuple[str, str, str, str]:
    """Table, condition, reduction ('' for none) and template."""
    parts = [part.strip() for part in source.split(";")]
    if len(parts) == 3:
        parts.insert(2, "")
    if len(parts) != 4 or parts[2] not in ("", *_REDUCTIONS):
        raise PublishedError(
            f"{source!r}: expected TABLE; ROW; TEMPLATE, or with one of {', '.join(_REDUCTIONS)} before the template"
        )
    return parts[0], parts[1], parts[2], parts[3]


def _written(source: str, read: Callable[[str], pd.DataFrame]) -> str:
    table, condition, reduction, template = _parts(source)
    try:
        rows = read(table).query(condition) if condition else read(table)
        if reduction:
            values = rows.agg(reduction, numeric_only=True).to_dict()
        elif len(rows) == 1:
            values = {name: rows[name].iloc[0] for name in rows}
        else:
            raise PublishedError(f"{source!r}: {len(rows)} rows, expected one; narrow it, or reduce them")
        text = template.format(**{"rows": len(rows)} | {str(name): value for name, value in values.items()})
    except (KeyError, TypeError, pd.errors.UndefinedVariableError) as error:
        raise PublishedError(f"{source!r}: {type(error).__name__}: {error}") from error
    return re.sub(r"(?<!\w)(\$?)-(?=[\d.$])", rf"{numbers.MINUS}\1", text)
