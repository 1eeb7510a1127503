"""Names from the data in texts that are read as markup: what a name says is shown, and never carried out.

HTML is escaped by the templates and CSV cells by `engine.spreadsheet`; on a terminal names are `rich.text.Text` or go
through `rich.markup.escape`; an alert is one line (`settings.one_line`). Markdown, which the UI renders, is here.
"""

from __future__ import annotations

import re

import pandas as pd

# What opens emphasis, code, links, cells and tags; at the start of a line also headings, quotes and lists.
_ANYWHERE = re.compile(r"([\\`*_\[\]<>|~&$])")
_AT_START = re.compile(r"^(\s*)([#+\-]|\d+[.)])")
_BREAKS = re.compile(r"\s*[\r\n\v\f\x85\u2028\u2029]+\s*")


def in_markdown(text: str) -> str:
    """`text` as Markdown shows it letter by letter, on one line."""
    line = _ANYWHERE.sub(r"\\\1", _BREAKS.sub(" ", text))
    return _AT_START.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", line)


def markdown_of(frame: pd.DataFrame) -> str:
    """A frame as a table in Markdown, its texts and names of columns as they are."""
    plain = frame.rename(columns=lambda name: in_markdown(str(name)))
    for place, name in enumerate(frame.columns):
        if not pd.api.types.is_numeric_dtype(frame[name]):
            told = [in_markdown(value) if isinstance(value, str) else value for value in frame[name]]
            plain.isetitem(place, pd.Series(told, index=frame.index, dtype="object"))
    return str(plain.to_markdown(index=False, disable_numparse=False))
