"""A home is packed with its history while others read it, and restored whole into an empty one, or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import stat
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.backup import write
from dunnhumby_pipeline.orchestration.backup.manifest import MANIFEST
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.orchestration.platform.runner import open_history
from dunnhumby_pipeline.orchestration.staleness import stale_assets
from dunnhumby_pipeline.settings import Home
from dunnhumby_pipeline_tests.fakes.studies import Laboratory, SmallStudy, command, quick_settings


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(scope="module")
def finished(small: SmallStudy, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """A finished study with its raw files in the home, and beside them what a home gathers over time."""
    made = small.copy(tmp_path_factory.mktemp("finished"))
    home = made.home.root
    shutil.copytree(small.raw, home / "raw")
    (home / "dunnhumby.toml").write_text('file_mode = "0640"\n', encoding="utf-8")
    (home / "opt_outs.csv").write_text("household_key\n3\n", encoding="utf-8")
    (home / "alerts").mkdir(exist_ok=True)
    (home / "alerts" / "state.json").write_text('{"incidents": []}', encoding="utf-8")
    (home / "desk.env").write_text("PGPASSWORD=Tok3n\n", encoding="utf-8")
    (home / "dagster_home" / "running").mkdir(exist_ok=True)
    return Laboratory(made.home, None)


@pytest.fixture(scope="module")
def packed(finished: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backups") / "desk.zip"
    done = command("backup", file, "--home", finished.home.root)
    assert done.exit_code == 0, done.output
    return file


def files(root: Path) -> dict[str, str]:
    found = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def stale(laboratory: Laboratory) -> list[str]:
    study = Study(quick_settings(), laboratory.home, laboratory.raw)
    with warnings.catch_warnings(), laboratory.history() as instance:
        warnings.simplefilter("ignore")
        graph = laboratory.defs().resolve_asset_graph()
        return [key.to_user_string() for key in stale_assets(study, graph, instance, "TypeA")]


def test_a_home_restored_into_an_empty_folder_is_the_same_study_and_nothing_is_stale(
    finished: Laboratory, packed: Path, tmp_path: Path
) -> None:
    target = tmp_path / "restored"
    done = command("restore", packed, "--home", target)
    assert done.exit_code == 0, done.output
    restored = Laboratory(Home(target), None)
    assert stale(restored) == stale(finished) == []
    listed = "warehouse/TypeA/targeting_list.parquet"
    before, after = files(finished.home.root), files(target)
    assert after[listed] == before[listed]
    assert {"opt_outs.csv", "alerts/state.json", "raw/hh_demographic.csv", "lists/versions.jsonl"} <= set(after)
    same = {name for name in before if not name.startswith(("dagster_home/", "backups", "desk.env"))}
    assert {name: before[name] for name in same} == {name: after[name] for name in same}
    assert "desk.env" not in after and "desk.env: such a file holds secrets" in done.output
    with finished.history() as old, restored.history() as new:
        assert [run.run_id for run in old.get_runs()] == [run.run_id for run in new.get_runs()]
    # The setting of who may read it holds for the backup and for what is restored.
    assert stat.S_IMODE(packed.stat().st_mode) == 0o640
    assert [path for path in target.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o007] == []
    assert [path.name for path in tmp_path.iterdir()] == ["restored"], "nothing is left beside it"


def test_what_it_says_of_itself(finished: Laboratory, packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        said = json.loads(archive.read(MANIFEST))
        names = set(archive.namelist())
    assert said["kind"] == "dunnhumby backup" and said["history"] == "files" and said["tables"] == "home"
    assert {"program", "dagster", "made_at"} <= set(said)
    assert set(said["files"]) == names - {MANIFEST}
    assert not any("lock" in name or "-wal" in name for name in names)
    line = json.loads((finished.home.root / "backups.jsonl").read_text().splitlines()[0])
    assert line["file"] == str(packed) and line["sha256"] == hashlib.sha256(packed.read_bytes()).hexdigest()


def test_the_history_is_of_one_moment_while_a_daemon_writes_to_it(finished: Laboratory, tmp_path: Path) -> None:
    """What another process has begun to write and not finished is not in it, and nothing is torn."""
    home = finished.copy(tmp_path).home
    database = home.dagster_home / "history" / "runs.db"
    writer = sqlite3.connect(database)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE half_written (n)")
    writer.commit()
    writer.execute("INSERT INTO half_written VALUES (1)")
    try:
        done = command("backup", tmp_path / "desk.zip", "--home", home.root)
        assert done.exit_code == 0, done.output
    finally:
        writer.close()
    assert command("restore", tmp_path / "desk.zip", "--home", tmp_path / "new").exit_code == 0
    found = sqlite3.connect(tmp_path / "new" / "dagster_home" / "history" / "runs.db")
    assert found.execute("SELECT count(*) FROM half_written").fetchone() == (0,)
    assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found.close()


def test_a_run_that_begins_meanwhile_leaves_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, as_it_is = tiny_home(tmp_path), write._packed

    def begin(*given: object) -> object:
        monkeypatch.setattr(write, "_packed", as_it_is)
        with open_history(Home(home)) as instance:
            instance.add_run(dg.DagsterRun("study"))
        return as_it_is(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(write, "_packed", begin)
    (tmp_path / "backups").mkdir()
    done = command("backup", tmp_path / "backups", "--home", home)
    assert done.exit_code == 2 and "a run began while the home was packed" in done.output
    assert list((tmp_path / "backups").iterdir()) == []


def test_lists_approvals_and_the_ledger_of_experiments_come_back(tmp_path: Path) -> None:
    file = tiny_backup(tmp_path)
    assert command("restore", file, "--home", tmp_path / "new").exit_code == 0
    before = {name: found for name, found in files(tmp_path / "tiny").items() if "dagster_home" not in name}
    after = files(tmp_path / "new")
    assert {"lists/approvals.jsonl", "experiments/ledger.jsonl"} < set(after)
    assert all(after[name] == found for name, found in before.items() if name != "backups.jsonl")


def test_of_a_folder_the_last_are_kept(tmp_path: Path) -> None:
    home, folder = tiny_home(tmp_path), tmp_path / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"dunnhumby-2026110{day}T040000Z.zip").write_bytes(b"")
    (folder / "notes.zip").touch()
    done = command("backup", folder, "--home", home, "--keep", "2")
    assert done.exit_code == 0, done.output
    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == 3 and {"dunnhumby-20261103T040000Z.zip", "notes.zip"} < set(kept)


# ------------------------------------------------------------------------------------------------- refused


def tiny_home(folder: Path) -> Path:
    """A home with little in it, whose backup is small."""
    home = folder / "tiny"
    (home / "warehouse").mkdir(parents=True)
    (home / "raw").mkdir()
    (home / "raw" / "notes.csv").write_text("household_key\n1\n")
    (home / "lists").mkdir()
    (home / "lists" / "versions.jsonl").write_text('{"version": 1}\n')
    (home / "lists" / "approvals.jsonl").write_text('{"version": 1, "by": "Ada"}\n')
    (home / "experiments").mkdir()
    (home / "experiments" / "ledger.jsonl").write_text('{"experiment": "e1"}\n')
    return home


def tiny_backup(folder: Path) -> Path:
    file = folder / "tiny.zip"
    done = command("backup", file, "--home", tiny_home(folder))
    assert done.exit_code == 0, done.output
    return file


def repacked(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The archive with its files changed, as somebody who has no `dunnhumby backup` would."""
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    change(held)
    target = file.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return target


def manifest_says(**changed: object) -> Callable[[dict[str, bytes]], None]:
    def change(held: dict[str, bytes]) -> None:
        held[MANIFEST] = json.dumps(json.loads(held[MANIFEST]) | changed).encode()

    return change


def with_file(name: str, promised: bool) -> Callable[[dict[str, bytes]], None]:
    def change(held: dict[str, bytes]) -> None:
        held[name] = b"planted"
        if promised:
            said = json.loads(held[MANIFEST])
            entry = {"sha256": hashlib.sha256(b"planted").hexdigest(), "bytes": 7, "mode": 0o644, "modified": 0}
            said["files"][name] = entry
            held[MANIFEST] = json.dumps(said).encode()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.update({"home/lists/versions.jsonl": b'{"version": 2}\n'}), "was altered, or is damaged"),
        (lambda held: held.pop("home/lists/versions.jsonl"), "home/lists/versions.jsonl is not in it"),
        (lambda held: held.pop(MANIFEST), "no backup of a home"),
        (lambda held: held.update({MANIFEST: b"{}"}), "no backup of a home"),
        (lambda held: held.update({MANIFEST: b"\xff"}), "cannot be read"),
        (manifest_says(kind="other backup"), "no backup of a home"),
        (manifest_says(format=2), "newer than this one"),
        (manifest_says(program="9.1.0"), "made by dunnhumby 9.1.0"),
        (manifest_says(files=[]), "files in its manifest.json is not as"),
        (with_file("home/planted.txt", promised=False), "home/planted.txt is not in it"),
        (with_file("home/../../planted.txt", promised=True), "would be written outside the home"),
        (with_file("/etc/planted.txt", promised=True), "would be written outside the home"),
        (with_file("home/..\\..\\planted.txt", promised=True), "would be written outside the home"),
        (with_file("elsewhere/planted.txt", promised=True), "would be written outside the home"),
        (with_file("home/dagster_home/history/runs.db", promised=True), "is damaged: file is not a database"),
    ],
)
def test_what_was_altered_or_is_no_backup_is_refused_and_leaves_nothing(
    change: Callable[[dict[str, bytes]], None], said: str, tmp_path: Path
) -> None:
    file = repacked(tiny_backup(tmp_path), change)
    before = set(tmp_path.iterdir())
    done = command("restore", file, "--home", tmp_path / "new")
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.output.split()), done.output
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_file_that_is_cut_short_is_refused(cut: float, tmp_path: Path) -> None:
    file = tiny_backup(tmp_path)
    file.write_bytes(file.read_bytes()[: int(cut * file.stat().st_size)])
    done = command("restore", file, "--home", tmp_path / "new")
    assert done.exit_code == 2 and "not a whole backup" in done.output
    (tmp_path / "text.zip").write_text("no archive")
    assert "not a whole backup" in command("restore", tmp_path / "text.zip", "--home", tmp_path / "new").output
    assert "does not exist" in command("restore", tmp_path / "none.zip", "--home", tmp_path / "new").output
    assert not (tmp_path / "new").exists()


def test_another_file_than_the_one_whose_hash_was_noted_is_refused(tmp_path: Path) -> None:
    file = tiny_backup(tmp_path)
    noted = hashlib.sha256(file.read_bytes()).hexdigest()
    done = command("restore", file, "--home", tmp_path / "new", "--sha256", "0" * 64)
    assert done.exit_code == 2 and "is not the backup of SHA-256" in done.output
    assert command("restore", file, "--home", tmp_path / "new", "--sha256", noted.upper()).exit_code == 0


def test_a_full_home_is_not_restored_over(tmp_path: Path) -> None:
    file, full = tiny_backup(tmp_path), tmp_path / "full"
    full.mkdir()
    (full / "dunnhumby.toml").write_text("seed = 1\n")
    done = command("restore", file, "--home", full)
    assert done.exit_code == 2 and "is not empty (found dunnhumby.toml)" in done.output
    assert "name another one" in done.output
    assert files(full).keys() == {"dunnhumby.toml"}
    (full / "dunnhumby.toml").unlink()
    assert command("restore", file, "--home", full).exit_code == 0
    assert "is not empty" in command("restore", file, "--home", full).output
    (tmp_path / "file").touch()
    assert "a file of this name" in command("restore", file, "--home", tmp_path / "file").output


def test_a_backup_is_refused_where_it_cannot_lie(tmp_path: Path) -> None:
    file = tiny_backup(tmp_path)
    home = tmp_path / "tiny"
    assert "exists; expected a name that is free" in command("backup", file, "--home", home).output
    assert "in what it is to pack" in command("backup", home / "b.zip", "--home", home).output
    assert "a folder that exists" in command("backup", tmp_path / "no" / "b.zip", "--home", home).output
    assert "there is no home" in command("backup", tmp_path / "b.zip", "--home", tmp_path / "none").output
    assert "--keep is of a folder" in command("backup", tmp_path / "b.zip", "--home", home, "--keep", "3").output
    assert not (tmp_path / "none").exists() and not (tmp_path / "b.zip").exists()


def test_a_disk_that_is_full_leaves_no_half_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    home = tiny_home(tmp_path)
    monkeypatch.setattr(write, "_packed", full)
    before = set(tmp_path.iterdir())
    done = command("backup", tmp_path / "b.zip", "--home", home)
    assert done.exit_code == 2 and "No space left on device" in done.output
    assert set(tmp_path.iterdir()) == before


# ------------------------------------------------------------------------------------------------- what lies elsewhere


def test_raw_files_stay_out_when_asked_and_it_is_said(tmp_path: Path) -> None:
    home = tiny_home(tmp_path)
    done = command("backup", tmp_path / "b.zip", "--home", home, "--no-raw")
    assert "the raw files, as --no-raw says" in done.output
    assert command("restore", tmp_path / "b.zip", "--home", tmp_path / "new").exit_code == 0
    assert not (tmp_path / "new" / "raw").exists()


def test_tables_in_another_folder_come_with_it_and_go_back_there(tmp_path: Path) -> None:
    home, tables = tiny_home(tmp_path), tmp_path / "tables"
    (tables / "TypeA").mkdir(parents=True)
    (tables / "TypeA" / "x.parquet").write_bytes(b"x")
    (home / "dunnhumby.toml").write_text(f'warehouse = "{tables}"\n')
    assert command("backup", tmp_path / "b.zip", "--home", home).exit_code == 0
    done = command("restore", tmp_path / "b.zip", "--home", tmp_path / "new")
    assert done.exit_code == 2 and f"the warehouse {tables} is not empty" in done.output
    assert not (tmp_path / "new").exists()
    other = {"DUNNHUMBY_WAREHOUSE": str(tmp_path / "others")}
    done = command("restore", tmp_path / "b.zip", "--home", tmp_path / "new", **other)
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "others") == files(tables)


def test_links_passwords_and_leftovers_stay_out(tmp_path: Path) -> None:
    home = tiny_home(tmp_path)
    (tmp_path / "far").mkdir()
    (home / "linked").symlink_to(tmp_path / "far")
    (home / "warehouse" / ".staging_1_x").mkdir()
    (home / "warehouse" / ".staging_1_x" / "half.parquet").touch()
    (home / "dagster_home").mkdir(exist_ok=True)
    (home / "dagster_home" / "dagster.yaml").write_text(
        "storage:\n  postgres:\n    postgres_db:\n      password: Tok3n\n"
    )
    done = command("backup", tmp_path / "b.zip", "--home", home)
    assert done.exit_code == 0, done.output
    assert "it names a password" in done.output and "a link to" in done.output
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert not any("staging" in name or "dagster.yaml" in name or "linked" in name for name in archive.namelist())
        assert all(b"Tok3n" not in archive.read(name) for name in archive.namelist())


def test_settings_of_another_release_are_restored_and_said(tmp_path: Path) -> None:
    file = tiny_backup(tmp_path)

    def plant(held: dict[str, bytes]) -> None:
        with_file("home/dunnhumby.toml", promised=True)(held)
        text = b"[trial]\nkeep_cut_waves = true\n"
        said = json.loads(held[MANIFEST])
        said["files"]["home/dunnhumby.toml"] |= {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        held["home/dunnhumby.toml"] = text
        held[MANIFEST] = json.dumps(said | {"program": "0.1.0"}).encode()

    done = command("restore", repacked(file, plant), "--home", tmp_path / "new")
    assert done.exit_code == 0 and "its name is now trial.keep_cut_campaigns" in done.output
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert modes == {0o600}, "whom they let read it is not known"


# ------------------------------------------------------------------------------------------------- forgotten


def test_who_was_forgotten_after_the_backup_does_not_come_back_with_it(
    finished: Laboratory, packed: Path, tmp_path: Path
) -> None:
    laboratory = finished.copy(tmp_path / "now")
    household = int(pd.read_parquet(laboratory.table("targeting_list"))["household_key"].iloc[0])
    done = command("forget", household, "--home", laboratory.home.root)
    assert done.exit_code == 0, done.output
    assert str(packed) in done.output and "--forgotten" in done.output, "the backups that still know it are named"
    silent = command("restore", packed, "--home", tmp_path / "silent")
    assert "Households that were forgotten after" in silent.output and "--forgotten" in silent.output
    noted = laboratory.home.root / "forgotten.json"
    done = command("restore", packed, "--home", tmp_path / "new", "--forgotten", noted)
    assert done.exit_code == 0, done.output
    assert "1 households that were forgotten since are erased" in done.output
    restored = Laboratory(Home(tmp_path / "new"), None)
    for table in ("transactions", "demographics", "segments"):
        assert household not in set(pd.read_parquet(restored.home.warehouse / f"{table}.parquet")["household_key"])
    assert household not in set(pd.read_parquet(restored.table("targeting_list"))["household_key"])
    raw = pd.read_csv(next((tmp_path / "new" / "raw").glob("transaction_data.csv*")))
    assert household not in set(raw["household_key"])
    assert json.loads((tmp_path / "new" / "forgotten.json").read_text())["households"]


def test_a_list_of_the_forgotten_that_is_another_homes_or_none_is_refused(tmp_path: Path) -> None:
    home = tiny_home(tmp_path)
    from dunnhumby_pipeline.journey.forgotten import Forgotten, as_text

    (home / "forgotten.json").write_text(as_text(Forgotten("ab").with_household(1)))
    assert command("backup", tmp_path / "b.zip", "--home", home).exit_code == 0
    (tmp_path / "forgotten.json").write_text(as_text(Forgotten("cd").with_household(2)))
    given = ("restore", tmp_path / "b.zip", "--home", tmp_path / "new", "--forgotten")
    assert "of another home" in command(*given, tmp_path / "forgotten.json").output
    (tmp_path / "forgotten.json").write_text("{}")
    assert "is damaged" in command(*given, tmp_path / "forgotten.json").output
    assert "expected the forgotten.json" in command(*given, tmp_path / "b.zip").output
    assert not (tmp_path / "new").exists()
