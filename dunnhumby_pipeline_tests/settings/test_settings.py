"""Settings that cannot be used: the message, and what to write instead."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from dunnhumby_pipeline.settings import SETTINGS_FILE, Home, SettingsError, load_settings, require_home


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / SETTINGS_FILE).write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(Home(tmp_path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[trial]\nkeep_cut_waves = true", "trial.keep_cut_waves: .*; its name is now trial.keep_cut_campaigns"),
        ('[trial]\ndesign = "first_eligible_wave"', "trial.design: .*; its name is now 'first_eligible'"),
        ("[economics]\nmargn = 0.3", r"economics.margn: .*; did you mean economics.margin\?"),
        ("[economcs]\nmargin = 0.3", r"economcs: .*; did you mean economics\?"),
        ("[economics]\nmargin = nan", "economics.margin: .*finite number"),
        ("[economics]\ncontact_cost = inf", "economics.contact_cost: .*finite number"),
        ("[economics", "is not TOML"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    assert re.search(said, refusal(tmp_path, text))


def test_a_name_like_no_other_has_no_advice(tmp_path: Path) -> None:
    assert "did you mean" not in refusal(tmp_path, "[economics]\nzzz = 1")


def test_a_file_of_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / SETTINGS_FILE
    file.write_bytes("# Gebühr\n".encode("latin-1"))
    with pytest.raises(SettingsError, match=f"{SETTINGS_FILE} is not UTF-8 .*; save it as UTF-8"):
        load_settings(Home(tmp_path))


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).mkdir()
    with pytest.raises(SettingsError, match=f"{SETTINGS_FILE} is not a file; expected a TOML file"):
        load_settings(Home(tmp_path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "[" * 5000, "nested too deeply|is not TOML"),
        ("seed = 1" + "0" * 5000, "cannot be read: .*digits"),
        ("[economics]\nmargin = '" + "x" * 5000 + "'", r"economics.margin: .*xxx\.\.\."),
        ("[engine]\nmemory_limit = '1KB'", "engine.memory_limit is '1KB'; expected 100MB to 1000TB"),
        ("[engine]\nmemory_limit = '0%'", "engine.memory_limit is '0%'; .* or 1% to 100%"),
        ("[engine]\nmemory_limit = '150%'", "engine.memory_limit is '150%'"),
        ("[engine]\nmemory_limit = '9999999999TB'", "engine.memory_limit is"),
        ("[engine]\nthreads = 1000000", "engine.threads: Input should be less than or equal to 1024"),
    ],
)
def test_deep_huge_and_impossible_values_are_named_in_short(tmp_path: Path, text: str, said: str) -> None:
    refused = refusal(tmp_path, text)
    assert re.search(said, refused)
    assert len(refused) < 1000


@pytest.mark.parametrize("memory", ["100MB", "1200MB", "2GB", "500MiB", "80%", "0.5TB"])
def test_memory_that_duckdb_can_use_is_taken(memory: str) -> None:
    assert load_settings(engine={"memory_limit": memory}).engine.memory_limit == memory


# --- where a study lives ------------------------------------------------------------------------------


def test_an_empty_variable_is_not_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUNNHUMBY_HOME", "")
    assert Home.resolve().root == tmp_path / "data"


@pytest.mark.parametrize("name", ["what?", "a%20b", "a#b"])
def test_a_home_that_the_history_would_read_as_another_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="expected a folder without"):
        require_home(Home(tmp_path / name))
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_file_or_lies_in_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(SettingsError, match="expected a folder that can be written, found: "):
            require_home(Home(root))


def test_a_home_that_cannot_be_written_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="No space left on device"):
        require_home(Home(tmp_path / "new" / "home"))
    assert list(tmp_path.iterdir()) == []


def test_a_home_is_made(tmp_path: Path) -> None:
    require_home(Home(tmp_path / "new" / "home with a space, ü and +"))
    assert list((tmp_path / "new" / "home with a space, ü and +").iterdir()) == []


def test_what_names_no_folder_is_refused() -> None:
    for name in ("~nobody-here/study", "a\0b"):
        with pytest.raises(SettingsError, match="expected a folder, found"):
            Home.resolve(name)
