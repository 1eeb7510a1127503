"""The households that have opted out of contact: a file that people edit, so every way it can be wrong is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.journey.forgotten import Forgotten

COLUMN = "household_key"
# 12, and 12.0 as spreadsheets and pandas write it; so long that it fits 64 bits.
_KEY = re.compile(r"(-?\d{1,18})(\.0*)?")


class ContactError(Exception):
    """The contact rules cannot be applied. The message names file, row and setting, and what was expected."""


@dataclass(frozen=True)
class OptOuts:
    """The households of an opt-out file, each once, and how many rows name one again."""

    households: frozenset[int]
    n_rows: int
    n_double: int


NONE = OptOuts(frozenset(), 0, 0)


def opt_out_path(file: Path | None, home: Path) -> Path | None:
    """Where the opt-out file lies; a relative path starts at the home."""
    return None if file is None else home / file.expanduser()


def read_opt_outs(path: Path | None) -> OptOuts:
    """The opt-outs of a CSV file with the column household_key; none without a file. A file with a header and no row
    is one in which nobody has opted out.

    Raises ContactError for a file that cannot be read, has no such column, or a row that names no household: an opt-out
    that is not understood must not be passed over.
    """
    if path is None:
        return NONE
    place = f"contact.opt_out_file is {str(path)!r}"
    try:
        # Its first row read as the others: pandas would give a column that is there twice another name.
        frame = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig").fillna("")
    except pd.errors.EmptyDataError as error:
        raise ContactError(f"{place}; expected a CSV file with the column {COLUMN}, found: an empty file") from error
    except UnicodeDecodeError as error:
        raise ContactError(f"{place}; expected UTF-8, found: {error.reason} at byte {error.start}") from error
    except (OSError, pd.errors.ParserError, ValueError) as error:
        found = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ContactError(f"{place}; expected a CSV file that can be read, found: {found}") from error
    names = frame.iloc[0].str.strip().tolist()
    if names.count(COLUMN) != 1:
        raise ContactError(
            f"{place}; expected one column {COLUMN}, separated by commas, found the columns: {', '.join(names)}"
        )
    written = frame.iloc[1:, names.index(COLUMN)].str.strip()
    read = written.str.fullmatch(_KEY.pattern)
    if not read.all():
        rows = [f"row {row + 2}: {written.iloc[row]!r}" for row in (~read.to_numpy(dtype=bool)).nonzero()[0][:3]]
        raise ContactError(
            f"{place}; expected a whole number in {COLUMN} in every row, found {int((~read).sum())} rows without one, "
            f"such as {'; '.join(rows)}. Correct or take out these rows"
        )
    keys = written.str.extract(_KEY, expand=True)[0].astype("int64")
    return OptOuts(frozenset(keys.tolist()), len(keys), int(keys.duplicated().sum()))


def without_forgotten(opt_outs: OptOuts, forgotten: Forgotten) -> OptOuts:
    """The opt-outs of households that the study may still know: a file may go on to name one that is forgotten."""
    if not forgotten.households:
        return opt_outs
    return replace(opt_outs, households=frozenset(key for key in opt_outs.households if not forgotten.holds(key)))


def require_known(opt_outs: OptOuts, households: frozenset[int], path: Path | None) -> int:
    """How many opt-outs are of households that the study does not know; ContactError when all of them are: then the
    file has other keys.
    """
    unknown = opt_outs.households - households
    if opt_outs.households and len(unknown) == len(opt_outs.households):
        some = ", ".join(str(key) for key in sorted(unknown)[:3])
        raise ContactError(
            f"contact.opt_out_file is {str(path)!r}; expected households of the study, found {len(unknown)} of which "
            f"it knows none, such as {some}: are these other keys?"
        )
    return len(unknown)
