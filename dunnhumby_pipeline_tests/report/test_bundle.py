"""Packed tables: what is in them is what was on disk, said by a list that can be checked, in the same bytes again."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.contracts.table import PERSONAL, Table
from dunnhumby_pipeline.report import files
from dunnhumby_pipeline.report.bundle import DICTIONARY, MANIFEST, MOST_ROWS_AS_CSV, README, write_bundle

SHORT, LONG, LACKING = (registry.table(name) for name in ("segment_profiles", "household_needs", "policy_value"))
ATTACK = '=cmd|" /C calc"!A0'


@pytest.fixture
def stored(tmp_path: Path) -> list[tuple[Table, Path]]:
    short = pd.DataFrame({"segment": ["a", "b", ATTACK], "share": [0.1, 1 / 3, None], "n": [1, 2, 3]})
    long = pd.DataFrame({"household_key": range(MOST_ROWS_AS_CSV + 1), "score": 0.5})
    tables = [(SHORT, tmp_path / SHORT.file_name), (LONG, tmp_path / LONG.file_name)]
    for frame, (_, path) in zip((short, long), tables, strict=True):
        frame.to_parquet(path, index=False)
    return [*tables, (LACKING, tmp_path / LACKING.file_name)]


def _manifest(bundle: zipfile.ZipFile) -> dict[str, dict[str, str]]:
    return {row["table"]: row for row in csv.DictReader(io.StringIO(bundle.read(MANIFEST).decode("utf-8")))}


def test_short_tables_are_csv_and_long_ones_parquet_and_every_one_is_accounted_for(
    stored: list[tuple[Table, Path]], tmp_path: Path
) -> None:
    packed = write_bundle(tmp_path / "x.zip", stored, "Tables of a test.", 25)
    with zipfile.ZipFile(tmp_path / "x.zip") as bundle:
        assert bundle.testzip() is None
        rows = _manifest(bundle)
        assert set(bundle.namelist()) == {*(row["file"] for row in rows.values() if row["file"]), *OWN}
        for table, row in rows.items():
            if row["file"]:
                inside = bundle.read(row["file"])
                assert (len(inside), hashlib.sha256(inside).hexdigest()) == (int(row["bytes"]), row["sha256"]), table
        short = pd.read_csv(io.BytesIO(bundle.read(f"tables/{SHORT.name}.csv")))
        long = pd.read_parquet(io.BytesIO(bundle.read(f"tables/{LONG.name}.parquet")))
        pd.testing.assert_frame_equal(long, pd.read_parquet(stored[1][1]))
        whole = pd.read_parquet(stored[0][1])
        # Every digit, and nothing that a spreadsheet would run.
        assert short["share"].equals(whole["share"]) and list(short["segment"]) == ["a", "b", f"'{ATTACK}"]
        assert rows[LACKING.name]["left_out"] == "not built" and not rows[LACKING.name]["file"]
        told, about = bundle.read(DICTIONARY).decode(), bundle.read(README).decode()
    assert f"### {SHORT.name}" in told and f"### {LACKING.name}" not in told
    assert about.startswith("Tables of a test.") and f"- {LACKING.name}: not built" in about
    assert [one.table for one in packed] == [table.name for table, _ in stored]


OWN = {MANIFEST, DICTIONARY, README}


def test_the_same_tables_give_the_same_bytes(stored: list[tuple[Table, Path]], tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_bundle(tmp_path / name, stored, "Tables.", 25)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_what_is_too_large_is_left_out_and_said_so(stored: list[tuple[Table, Path]], tmp_path: Path) -> None:
    limit = stored[1][1].stat().st_size / 1_000_000 - 1e-6
    packed = {one.table: one for one in write_bundle(tmp_path / "x.zip", stored, "Tables.", limit)}
    assert "deliverables.largest_table_mb" in packed[LONG.name].left_out and not packed[LONG.name].file
    assert packed[SHORT.name].file


def test_tables_of_single_households_are_known_by_their_columns() -> None:
    personal = {table.name for table in registry.TABLES.values() if table.is_table and table.personal}
    assert {"targeting_list", "transactions", "rejected_rows", "segments", "influence", "household_copies"} <= personal
    assert not {"segment_profiles", "policy_value", "decision_summary", "products"} & personal
    keyed = {table.name for table in registry.TABLES.values() if "household_key" in table.key}
    assert keyed <= personal and PERSONAL


def test_pages_link_to_what_lies_there_and_to_no_list_that_is_stale() -> None:
    there = {one.file for one in files.FILES} - {files.HOUSEHOLD_TABLES}
    linked = {one.file for one in files.files_beside(there, files.REPORT, stale=False)}
    assert linked == there - {files.REPORT}
    old = {one.file for one in files.files_beside(there, files.REPORT, stale=True)}
    assert old == {files.BRIEF, files.TABLES}
