"""Tables that not everybody on the machine may read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.platform.private import keep_private
from dunnhumby_pipeline.orchestration.platform.storage import write_atomically, write_text_atomically
from dunnhumby_pipeline.settings import Home, SettingsError, load_settings
from dunnhumby_pipeline_tests.fakes.journeys import write_raw
from dunnhumby_pipeline_tests.fakes.studies import command


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("mode", "file", "folder"),
    [(None, 0o644, 0o755), ("0640", 0o640, 0o750), ("0600", 0o600, 0o700), ("0660", 0o660, 0o770)],
)
def test_files_and_folders_get_the_permissions_of_the_setting(
    tmp_path: Path, mode: str | None, file: int, folder: int
) -> None:
    keep_private(load_settings(file_mode=mode).file_mode)
    write_atomically(pd.DataFrame({"household_key": [1]}), tmp_path / "warehouse" / "segments.parquet")
    write_text_atomically("x", tmp_path / "warehouse" / "TypeA" / "campaign_report.html")
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "warehouse").rglob("*")}
    assert found == {"segments.parquet": file, "campaign_report.html": file, "TypeA": folder}


def test_a_command_keeps_what_it_writes_private(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dunnhumby.toml").write_text('file_mode = "0640"\n[journey]\nmax_reject_share = 1\n', encoding="utf-8")
    done = command("run", "--raw", write_raw(tmp_path / "raw"), "--home", home, "--select", "transactions")
    tables = list((home / "warehouse").glob("*.parquet"))
    assert len(tables) == 10, done.output
    written = [path for path in home.rglob("*") if path.name != "dunnhumby.toml"]
    open_to_all = [path for path in written if stat.S_IMODE(path.stat().st_mode) & 0o007]
    assert open_to_all == [], "history and logs name households too"


@pytest.mark.parametrize("mode", ["640", "0777", "rw-r-----", "0040", "0o640"])
def test_permissions_that_cannot_be_are_named(tmp_path: Path, mode: str) -> None:
    (tmp_path / "dunnhumby.toml").write_text(f'file_mode = "{mode}"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"file_mode: .*0640.* found "):
        load_settings(Home(tmp_path))
