"""Raw files as another retailer would export them, by the worked example of docs/other_retailers.md."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.settings import MappingSettings
from dunnhumby_pipeline_tests.fakes.journeys import HEADERS, RAW

GUIDE = Path(__file__).parents[2] / "docs" / "other_retailers.md"
FIRST_DATE = date(2023, 1, 2)
TYPES = {"TypeA": "Seasonal catalogue", "TypeB": "Regional flyer", "TypeC": "Welcome letter"}
_OF_DAYS = ("DAY", "START_DAY", "END_DAY")


def settings_file() -> str:
    """The dunnhumby.toml of the guide."""
    [found] = re.findall(r"^```toml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(found)


def mapping() -> MappingSettings:
    return MappingSettings(**tomllib.loads(settings_file())["mapping"])


def headers() -> dict[str, list[str]]:
    """The header of each file that the guide lists."""
    listed = re.findall(r"^(\w+\.csv) +(.*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    return {file: names.split(", ") for file, names in listed}


def date_of(day: int) -> str:
    return (FIRST_DATE + timedelta(days=day - 1)).isoformat()


def write_export(folder: Path, changes: Mapping[tuple[str, int, str], Any] | None = None) -> Path:
    """The eight files in `folder`, which is returned; `changes`: other values by file, row (the first is 1), header."""
    folder.mkdir(parents=True, exist_ok=True)
    given, other = mapping(), dict(changes or {})
    for table, rows in RAW.items():
        file = f"{given.files[table]}.csv"
        names = headers()[file]
        with (folder / file).open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(names)
            for number, row in enumerate(rows, start=1):
                told = _theirs(table, dict(zip(HEADERS[table], row, strict=True)), given)
                writer.writerow([other.get((file, number, name), told[name]) for name in names])
    return folder


def export_of(raw: Path, folder: Path) -> Path:
    """A folder of raw files under their names, written to `folder`, which is returned."""
    folder.mkdir(parents=True)
    given = mapping()
    for table in schema.TABLES:
        file = f"{given.files[table.name]}.csv"
        ours = pd.read_csv(raw / f"{table.file}.csv", dtype=str, keep_default_na=False)
        theirs = pd.DataFrame(index=ours.index)
        for name in ours.columns.drop("TRANS_TIME", errors="ignore"):
            if header := given.theirs(table.name, name.lower()):
                theirs[header] = _column(ours, name)
        theirs[headers()[file]].to_csv(folder / file, index=False)
    return folder


def _column(ours: pd.DataFrame, name: str) -> pd.Series:
    """A column of raw text as they write it."""
    if name in _OF_DAYS:
        moment = _dates(ours[name].astype(int))
        time = ours["TRANS_TIME"].str.zfill(4) if "TRANS_TIME" in ours else None
        return moment if time is None else moment + " " + time.str[:2] + ":" + time.str[2:]
    if name == "WEEK_NO":
        return _dates(7 * ours[name].astype(int) - 8)
    if name == "DESCRIPTION":
        return ours[name].map(TYPES)
    return ours[name].str.removeprefix("-") if name.endswith("_DISC") else ours[name]


def _dates(days: pd.Series) -> pd.Series:
    return (pd.Timestamp(FIRST_DATE) + pd.to_timedelta(days - 1, unit="D")).dt.strftime("%Y-%m-%d")


def _theirs(table: str, row: dict[str, Any], given: MappingSettings) -> dict[str, Any]:
    """A raw row under their headers, with their dates, types and signs."""
    told: dict[str, Any] = {}
    for ours, value in row.items():
        header = given.theirs(table, ours.lower())
        if header is None or ours == "TRANS_TIME":
            continue
        if ours in _OF_DAYS:
            value = date_of(value) + (
                f" {row['TRANS_TIME'] // 100:02}:{row['TRANS_TIME'] % 100:02}:30" if "TRANS_TIME" in row else ""
            )
        elif ours == "WEEK_NO":
            # Their weeks begin on the first day of ours, day 7w - 8.
            value = date_of(7 * value - 8)
        elif ours == "DESCRIPTION":
            value = TYPES[value]
        elif ours.endswith("_DISC"):
            value = -value
        told[header] = value
    return told
