"""The command's ways to end: help, validation, and what it refuses."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from dunnhumby_pipeline import cli
from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline_tests.fakes.studies import SmallStudy, as_variables, command, quick_settings


@pytest.fixture
def raw(small: SmallStudy) -> Path:
    return small.raw


def squeezed(text: str) -> str:
    """`text` without white space: the terminal breaks lines, and words, where it must."""
    return "".join(text.split())


def test_validate_shows_files_rules_and_verdict(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "console", Console(width=200))
    rejected = tmp_path / "rejected.csv"
    good = command("validate", raw, "--rejected", rejected)
    assert good.exit_code == 0
    shown = squeezed(good.output)
    assert "transaction_data.csv" in shown and "no_quantity" in shown
    n_listed = len(pd.read_csv(rejected))
    found = json.loads(command("validate", raw, "--json").output)["findings"]
    n_rows = {action: sum(row["n"] for row in found if row["action"] == action) for action in ("rejected", "merged")}
    assert n_rows["rejected"] == n_listed > 0
    assert f"canbeused{n_listed:,}rowsareleftout,{n_rows['merged']:,}repeatedrowsaremerged." in shown


def test_validate_tells_a_machine_the_same(raw: Path, tmp_path: Path) -> None:
    good = command("validate", raw, "--json")
    found = json.loads(good.output)
    assert (good.exit_code, found["usable"], found["problems"]) == (0, True, [])
    tables = {table["table"]: table for table in found["tables"]}
    lines = tables["transactions"]
    left_out = sum(
        row["n"] for row in found["findings"] if row["table"] == "transactions" and row["action"] == "rejected"
    )
    assert lines["file"] == "transaction_data.csv"
    assert lines["span"].startswith("days 1 to")
    assert lines["rows"] - lines["kept"] == left_out > 0
    bad = command("validate", tmp_path, "--json")
    assert bad.exit_code == 2
    assert [problem["where"] for problem in json.loads(bad.output)["problems"]] == [
        f"{table.file}.csv" for table in schema.TABLES
    ]


def test_validate_refuses_what_it_cannot_write_or_set(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = command("validate", raw, "--rejected", tmp_path / "no" / "rejected.csv")
    assert nowhere.exit_code == 2
    assert "expectedafileinafolderthatexists" in squeezed(nowhere.output)
    monkeypatch.setenv("DUNNHUMBY_ENGINE__TEMP_DIRECTORY", str(tmp_path / "no"))
    spilling = command("validate", raw)
    assert spilling.exit_code == 2
    assert squeezed("engine.temp_directory: expected an existing folder") in squeezed(spilling.output)


def test_validate_goes_by_the_settings_of_the_home(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "dunnhumby.toml").write_text("[journey]\nmax_reject_share = 0.0\n", encoding="utf-8")
    strict = command("validate", raw, "--home", tmp_path, "--json")
    assert strict.exit_code == 2
    assert "at most" in json.loads(strict.output)["problems"][0]["expected"]


def test_validate_names_what_is_wrong_with_bad_files(tmp_path: Path) -> None:
    bad = command("validate", tmp_path)
    assert bad.exit_code == 2
    assert "8problem(s)" in squeezed(bad.output)
    message = "transaction_data.csv: expected this file (or .csv.gz, or .parquet), found an empty folder."
    assert squeezed(message) in squeezed(bad.output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raw", "nowhere"], "expected a folder with the eight raw files, found no such folder"),
        (["--campaign-type", "TypeZ"], "--campaign-type is 'TypeZ'; expected one of TypeA, TypeB, TypeC"),
        (["--select", "key:nothing"], "names no asset; there are actions/next_action"),
        (["--select", "two words"], "--select 'two words' cannot be read"),
    ],
)
def test_the_command_refuses_what_it_cannot_use(tmp_path: Path, arguments: list[str], message: str) -> None:
    refused = command("run", "--home", tmp_path, *arguments)
    assert refused.exit_code == 2
    assert squeezed(message) in squeezed(refused.output)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("[economics]\nmargin = 3.0\n", "economics.margin: Input should be less than 1, found 3.0"),
        ("[economics\n", "dunnhumby.toml is not TOML: Expected ']' at the end of a table declaration"),
        ("[policy]\nbudget = 0.5\n", "policy.budget is $0.50, less than one contact, which costs $1.00"),
        ("[policy]\ncapacity = 0\n", "policy.capacity: Input should be greater than or equal to 1, found 0"),
        ("[policy]\nrisk_aversion = [1.5]\n", "policy.risk_aversion must lie between 0 and 1, found [1.5]"),
        ("[policy]\nchosen = 'best'\n", "policy.chosen is 'best'; expected one of treat_none, treat_all,"),
        (
            "[policy]\nchosen = 'cate_above_breakeven'\n",
            "policy.chosen is 'cate_above_breakeven'; its name is now 'effect_above_break_even'; expected one of",
        ),
        (
            "[schedules]\ntypes = ['TypeD']\n",
            "schedules.types.0: Input should be 'TypeA', 'TypeB' or 'TypeC', found 'TypeD'",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, file: str, message: str) -> None:
    (tmp_path / "dunnhumby.toml").write_text(file)
    refused = command("run", "--home", tmp_path)
    assert refused.exit_code == 2
    assert squeezed(message) in squeezed(refused.output)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# Gebühr\n".encode("latin-1"), "is not TOML"),
        (b"segments = 3\n", "cannot be used"),
        (b"a = " + b"[" * 5000, "is not TOML"),
        (b"a = 1" + b"0" * 5000, "is not TOML"),
    ],
    ids=range(4),
)
def test_a_playbook_that_cannot_be_used_is_named_before_the_study(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "playbook.toml").write_bytes(content)
    refused = command("run", "--home", tmp_path)
    assert refused.exit_code == 2
    assert squeezed(f"{tmp_path}/playbook.toml {message}") in squeezed(refused.output)


@pytest.mark.parametrize("name", ["run", "report", "ui"])
def test_a_home_that_cannot_be_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", tmp_path / "what?", tmp_path / "a%20b"):
        refused = command(name, "--home", home)
        assert refused.exit_code == 2
        assert refused.output.startswith("cannot start  the home is ")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_warehouse_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "warehouse").touch()
    refused = command("run", "--home", tmp_path)
    assert refused.exit_code == 2
    assert refused.output.startswith("cannot start  the warehouse is ")


@pytest.mark.parametrize("port", ["0", "-1", "65536", "high"])
def test_a_port_that_cannot_be_is_refused(tmp_path: Path, port: str) -> None:
    refused = command("ui", "--home", tmp_path, "--port", port)
    assert refused.exit_code == 2
    assert "--port" in refused.output


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_no_encoding_ends_the_command(tmp_path: Path, encoding: str) -> None:
    runner = CliRunner(charset=encoding, env={"COLUMNS": "200"})
    shown = runner.invoke(cli.app, ["validate", str(tmp_path / "Käufer ☂")], catch_exceptions=False)
    assert shown.exit_code == 2
    assert "8 problem(s)" in shown.output or "no such folder" in shown.output


def test_a_misspelt_variable_is_named(tmp_path: Path) -> None:
    refused = command("run", "--home", tmp_path, DUNNHUMBY_ECONOMIC__MARGIN="0.9")
    assert refused.exit_code == 2
    assert "DUNNHUMBY_ECONOMIC__MARGINnamenosetting" in squeezed(refused.output)


def test_a_report_needs_tables(tmp_path: Path) -> None:
    refused = command("report", "--home", tmp_path)
    assert refused.exit_code == 2
    assert "there are no tables of TypeA" in refused.output


def test_there_is_nothing_to_certify_without_a_study(tmp_path: Path) -> None:
    refused = command("certify", "--home", tmp_path)
    assert refused.exit_code == 2
    assert squeezed(f"there is no study of TypeA in {tmp_path}; run `dunnhumby run` first") in squeezed(refused.output)
    unknown = command("certify", "--home", tmp_path, "--campaign-type", "TypeZ")
    assert unknown.exit_code == 2 and squeezed("expected one of TypeA") in squeezed(unknown.output)


def test_there_is_no_experiment_without_a_study(tmp_path: Path) -> None:
    refused = command("experiment", "assign", "--home", tmp_path)
    assert refused.exit_code == 2
    assert squeezed(f"there is no study of TypeA in {tmp_path}; run `dunnhumby run` first") in squeezed(refused.output)
    none = command("experiment", "contacts", "--campaign", "31", "--home", tmp_path)
    assert none.exit_code == 2 and "there is no study of TypeA" in none.output
    wrong = command("experiment", "contacts", "--campaign", "../31", "--home", tmp_path)
    assert wrong.exit_code == 2 and squeezed("expected the id of one campaign") in squeezed(wrong.output)
    outcomes = tmp_path / "outcomes.csv"
    row = {"household_key": [1], "assignment_hash": ["ab" * 32], "days_observed": [76], "gross_profit": [1.0]}
    pd.DataFrame(row).to_csv(outcomes, index=False)
    other = command("experiment", "read", outcomes, "--home", tmp_path)
    assert other.exit_code == 2 and "of another assignment (abababababab)" in other.output
    assert not (tmp_path / "experiments").exists()


def test_a_blocked_study_ends_with_exit_code_1(small: SmallStudy, tmp_path: Path) -> None:
    laboratory = small.copy(tmp_path)
    # Of the customers alone: no campaign was studied before.
    shutil.rmtree(laboratory.home.warehouse / "TypeA")
    strict = as_variables(quick_settings(warm_ari_floor=1.0))
    selected = ("--select", "key:segment_stability or key:first_campaign_cohort")
    blocked = command("run", "--home", laboratory.home.root, "--raw", small.raw, *selected, **strict)
    assert blocked.exit_code == 1
    assert "warm_stability" in blocked.output
    assert "not built" in blocked.output
    brief = (laboratory.home.warehouse / "TypeA" / "campaign_brief.html").read_text(encoding="utf-8")
    assert "No recommendation for TypeA yet" in brief and "warm_stability" in brief
    assert "Fewer segments or factors" in brief
    assert "Segments" in blocked.output


@pytest.mark.parametrize("name", ["run", "report", "certify", "ui", "validate", "simulate", "forget"])
def test_help_teaches(name: str) -> None:
    shown = command(name, "--help")
    assert shown.exit_code == 0
    assert "Usage" in shown.output
    assert len(shown.output.splitlines()) > 8


def test_what_a_full_disk_leaves_unwritten_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with cli._saying("the brief, which is of an earlier study,"):
        raise OSError(errno.ENOSPC, "No space left on device")
    said = " ".join(capsys.readouterr().out.split())
    assert "the brief, which is of an earlier study, could not be written: No space left on device; make room" in said
    with pytest.raises(ValueError, match="no fault of a disk"), cli._saying("the brief"):
        raise ValueError("no fault of a disk")
