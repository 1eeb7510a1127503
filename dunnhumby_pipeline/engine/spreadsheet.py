"""CSV files that people open in a spreadsheet: UTF-8, and no text that it would take for a formula."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

# Spreadsheets read a cell that begins with one of these as a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV in UTF-8; text that a spreadsheet would take for a formula gets a quote before it, in
    names of columns as in cells. The same table gives the same bytes on every machine.
    """
    # Alone, a carriage return is the end of a line to readers, and no reason to quote to the writer.
    broken = False
    plain = frame.rename(columns=lambda name: _plain(str(name)))
    for place, name in enumerate(frame.columns):
        column = frame[name]
        if pd.api.types.is_numeric_dtype(column):
            continue
        # Each text is looked at once, however many rows have it.
        codes, texts = pd.factorize(column, use_na_sentinel=True)
        broken = broken or any("\r" in str(text) for text in texts)
        if any(str(text).startswith(FORMULA) for text in texts):
            spoken = pd.array([_plain(str(text)) for text in texts], dtype="object")
            plain.isetitem(place, pd.Series(spoken, dtype="object").reindex(codes).to_numpy())
    quoting = csv.QUOTE_NONNUMERIC if broken else csv.QUOTE_MINIMAL
    plain.to_csv(path, index=False, encoding="utf-8", quoting=quoting, lineterminator="\n")


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
