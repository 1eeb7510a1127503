"""Files without a household: parquet and CSV lose its rows, texts its key; what is only made from it is removed."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dunnhumby_pipeline.contracts.schema import plain
from dunnhumby_pipeline.engine.tables import TablePath
from dunnhumby_pipeline.orchestration.erasing.words import KEYS, Key
from dunnhumby_pipeline.orchestration.platform.storage import replacing

REWRITTEN, REMOVED = "rewritten", "removed"
_TEXTS = (".json", ".jsonl", ".log", ".txt", ".md", ".toml", ".yaml", ".yml", ".out", ".err", ".complete")
# Made from tables alone, and made again by the next run: they are not edited.
_MADE_AGAIN = (".html", ".zip", ".pdf", ".png", ".npz")
_ROWS = 262_144


@dataclass(frozen=True)
class Found:
    """What became of a file, or of the database at `path`: `what` (rewritten or removed), and how many rows or lines it
    lost or had struck.
    """

    path: TablePath | str
    what: str
    n: int


def erase_from(path: TablePath, key: Key, *, made_again: bool) -> Found | None:
    """Take the household out of a file; None when it is not in it. `made_again`: whether a run makes files like it.
    Who may read and write the file stays as it was.
    """
    mode = path.stat().st_mode if isinstance(path, Path) else None
    found = _erased(path, key, made_again)
    if found is not None and found.what == REWRITTEN and isinstance(path, Path) and mode is not None:
        path.chmod(mode & 0o7777)
    return found


def _erased(path: TablePath, key: Key, made_again: bool) -> Found | None:
    name = path.name.casefold()
    if name.endswith(".parquet"):
        return _from_parquet(path, key)
    if not isinstance(path, Path):
        return None
    if name.endswith((".csv", ".csv.gz")):
        return _from_csv(path, key)
    if name.endswith(_MADE_AGAIN):
        if made_again and _may_hold(path, key):
            path.unlink()
            return Found(path, REMOVED, 1)
        return _from_text(path, key) if name.endswith(".html") else None
    return _from_text(path, key) if name.endswith(_TEXTS) else None


def _may_hold(path: Path, key: Key) -> bool:
    """Whether a file that a run makes again may name the household. Packed ones are not looked into."""
    if path.suffix == ".html":
        return str(key.household) in path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".npz":
        # Fitted segments and models know no household, and keep the names of segments from run to run.
        with np.load(path) as arrays:
            return any(name in KEYS and bool((arrays[name] == key.household).any()) for name in arrays.files)
    return True


def _from_parquet(path: TablePath, key: Key) -> Found | None:
    with path.open("rb") as file, pq.ParquetFile(file) as table:
        columns = table.schema_arrow
        watched = [
            each.name for each in columns if each.name in (*KEYS, *_keys(columns.names, key)) or _is_text(each.type)
        ]
        if not watched or not any(
            _changed(batch.to_pandas(), key)[1] for batch in table.iter_batches(_ROWS, columns=watched)
        ):
            return None
        n = 0
        with replacing(path) as part, pq.ParquetWriter(part, columns) as writer:
            for batch in table.iter_batches(_ROWS):
                frame, changed = _changed(batch.select(watched).to_pandas(), key)
                if not changed:
                    writer.write_batch(batch)
                    continue
                n += changed
                kept = batch.take(pa.array(frame.index.to_numpy()))
                for field in columns:
                    if field.name in watched and field.name not in _keys(columns.names, key):
                        place = columns.get_field_index(field.name)
                        array = pa.Array.from_pandas(frame[field.name], type=field.type, safe=False)
                        kept = kept.set_column(place, field, array)
                writer.write_batch(kept)
    return Found(path, REWRITTEN, n)


def _keys(names: Iterable[str], key: Key) -> list[str]:
    """The columns whose rows are a household's own: of our tables, or as raw files call the key."""
    wanted = {plain(name) for name in (*key.headers, *KEYS[:2])}
    return [name for name in names if plain(name) in wanted]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _changed(frame: pd.DataFrame, key: Key) -> tuple[pd.DataFrame, int]:
    """The rows that are not the household's, by their place, with texts struck; how many rows are gone or other."""
    frame = frame.reset_index(drop=True)
    own = pd.Series(False, index=frame.index)
    keys = _keys(frame.columns, key)
    for name in keys:
        own |= pd.to_numeric(frame[name], errors="coerce") == key.household
    if "raw_row" in frame:
        maybe = frame["raw_row"].str.contains(str(key.household), regex=False, na=False)
        own |= maybe & frame["raw_row"].where(maybe).map(lambda row: isinstance(row, str) and key.is_raw(row))
    kept, n = frame[~own].copy(), int(own.sum())
    if KEYS[2] in kept and KEYS[0] in kept:
        # Copies of the household stay: each is from now on its own.
        copies = kept[KEYS[2]] == key.household
        kept[KEYS[2]] = kept[KEYS[2]].mask(copies, kept[KEYS[0]])
        n += int(copies.sum())
    for name in kept.columns:
        if name in (*KEYS, *keys) or not pd.api.types.is_string_dtype(kept[name]):
            continue
        maybe = kept[name].astype("object").map(lambda text: isinstance(text, str) and str(key.household) in text)
        if maybe.any():
            struck = kept.loc[maybe, name].map(key.struck)
            other = struck != kept.loc[maybe, name]
            kept.loc[struck.index[other], name] = struck[other]
            n += int(other.sum())
    return kept, n


def _from_csv(path: Path, key: Key) -> Found | None:
    """A CSV file keeps its bytes but for the rows of the household; one without a column of keys stays as it is."""
    n = sum(own for _, own in _rows_of(path, key))
    if not n:
        return None
    with replacing(path) as part, gzip.open(part, "wb") if path.suffix == ".gz" else part.open("wb") as out:
        for text, own in _rows_of(path, key):
            if not own:
                out.write(text.encode("utf-8", "surrogateescape"))
    return Found(path, REWRITTEN, n)


def _rows_of(path: Path, key: Key) -> Iterator[tuple[str, bool]]:
    """Each row of a CSV file as it is written, the header first, and whether it is of the household."""
    with _opened(path) as file:
        rows = _records(io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline=""))
        header, text = next(rows, ([], ""))
        named = [name.strip("\ufeff") for name in header]
        places = [place for place, name in enumerate(named) if name in _keys(named, key)]
        if places:
            yield text, False
            for row, text in rows:
                yield text, any(place < len(row) and _says(row[place], key) for place in places)


def _says(value: str, key: Key) -> bool:
    """Whether a cell is the key, as files and spreadsheets write it."""
    text = value.strip().strip("'")
    try:
        return float(text) == key.household
    except ValueError:
        return False


def _records(lines: Iterator[str]) -> Iterator[tuple[list[str], str]]:
    """Each row of a CSV file with the text that it was read from, line ends included."""
    taken: list[str] = []

    def feed() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    for row in csv.reader(feed()):
        yield row, "".join(taken)
        taken.clear()


def _opened(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _from_text(path: Path, key: Key) -> Found | None:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    if str(key.household) not in text:
        return None
    struck = "".join(_line(line, key) for line in text.splitlines(keepends=True))
    if struck == text:
        return None
    with replacing(path) as part:
        part.write_bytes(struck.encode("utf-8", "surrogateescape"))
    changed = sum(a != b for a, b in zip(text.splitlines(), struck.splitlines(), strict=False))
    return Found(path, REWRITTEN, max(changed, 1))


def _line(line: str, key: Key) -> str:
    """A line of text, or of JSON, without the household; a line that is one record of it is gone."""
    body = line.rstrip("\r\n")
    if body[:1] == "{" and str(key.household) in body:
        try:
            told = json.loads(body)
        except ValueError:
            return key.struck(line)
        if isinstance(told, dict) and key.is_of(told.items()):
            return ""
        struck = key.without(told)
        return line if struck == told else json.dumps(struck, ensure_ascii=False) + line[len(body) :]
    return key.struck(line)
