"""The examples of CONTRIBUTING.md: each applies, touches what it names, and nothing else has to change by hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dunnhumby_pipeline", "dunnhumby_pipeline_tests")
KINDS = ("feature", "learner", "policy", "check", "picture", "outcome", "asset")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
each_kind = pytest.mark.parametrize("kind", KINDS)


def _section(kind: str) -> str:
    [found] = re.findall(rf"^## Add an? {kind}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


def _example(kind: str) -> str:
    [found] = re.findall(r"^```diff\n(.*?)^```$", _section(kind), re.MULTILINE | re.DOTALL)
    return str(found)


def _named(kind: str, what: str) -> set[str]:
    """The files that a section names in its paragraph `what`."""
    [paragraph] = re.findall(rf"^{what}: (.*?)\n\n", _section(kind), re.MULTILINE | re.DOTALL)
    return {name for name in re.findall(r"`([^`\s]+)`", paragraph) if "." in name}


def _apply(kind: str, folder: Path, *options: str) -> None:
    # As if no repository lay around the copy: git would leave out files that lie outside of it.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    command = ["git", "apply", *options]
    done = subprocess.run(
        command, cwd=folder, env=environment, input=_example(kind), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"the example of a {kind} does not apply; write it anew: {done.stderr}"


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the package, and of its tests, that has one more of each kind."""
    folder = tmp_path_factory.mktemp("extended")
    for package in PACKAGES:
        # With what is compiled, and its moments: what is not patched need not be compiled again.
        shutil.copytree(ROOT / package, folder / package)
    for kind in KINDS:
        _apply(kind, folder, "--check")
    for kind in KINDS:
        _apply(kind, folder)
    return folder


@pytest.fixture(scope="module")
def facts(extended: Path) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", "-m", "dunnhumby_pipeline_tests.fakes.extended"]
    environment = {**os.environ, "PYTHONPATH": str(extended)}
    done = subprocess.run(command, cwd=extended, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert Path(found["package"]).is_relative_to(extended)
    return found


def test_every_kind_is_shown_once() -> None:
    assert re.findall(r"^## Add an? (.*)$", GUIDE, re.MULTILINE) == list(KINDS)


@each_kind
def test_an_example_touches_what_its_section_names_and_nothing_else(kind: str) -> None:
    touched = set(re.findall(r"^\+\+\+ b/(.*)$", _example(kind), re.MULTILINE))
    assert touched == _named(kind, "Touches")
    # One place, and the file of the thing itself; of an asset the contract, too.
    written = {name for name in touched if not name.startswith("dunnhumby_pipeline_tests/")}
    assert len(written) <= (3 if kind == "asset" else 2)


def test_the_examples_are_written_as_the_package_is(extended: Path) -> None:
    touched = sorted(set().union(*(_named(kind, "Touches") for kind in KINDS)))
    for command in (["format", "--check"], ["check"]):
        options = ["--no-cache", "--config", str(ROOT / "pyproject.toml")]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *options, *touched],
            cwd=extended,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_what_is_said_to_be_generated_changes(facts: dict[str, Any]) -> None:
    documents, generated = facts["documents"], {kind: _named(kind, "Generated") for kind in KINDS if kind != "learner"}
    holds = {
        "docs/features.md": ("features", {"feature": "sunday_share"}),
        "docs/data_dictionary.md": (
            "dictionary",
            {"feature": "sunday_share", "outcome": "large_visits", "asset": "segment_decisions"},
        ),
        "README.md": ("assets", {"asset": "segment_decisions"}),
        "docs/checks.md": ("checks", {"check": "policy_value.shares_possible"}),
    }
    for file, (document, things) in holds.items():
        assert {kind for kind, names in generated.items() if file in names} == set(things), file
        for thing in things.values():
            assert thing in documents[document], (file, thing)
    said = {name.removesuffix(".sql") for names in generated.values() for name in names if name.endswith(".sql")}
    assert set(documents["golden"]) == said


def test_a_feature(facts: dict[str, Any]) -> None:
    assert facts["feature"] == {
        "value": 0.25,
        "label": "Baskets on Sundays, share",
        "described": True,
        "covariate": True,
        "node": True,
    }


def test_a_learner(facts: dict[str, Any]) -> None:
    found = facts["learner"]
    assert found["keys"]
    assert found["correlation"] > 0.95
    assert found["covered"] > 0.8
    assert found["scored_folds"] == [-1, 0, 1, 2]
    assert found["label"] == "Ridge"


def test_a_policy(facts: dict[str, Any]) -> None:
    # Half of the households, each worth $15 of gross profit less $4.
    assert facts["policy"] == {"row": [0.5, 5.5, 1.0], "chosen": "proven_segments", "label": "Proven segments"}


def test_a_check(facts: dict[str, Any]) -> None:
    found = facts["check"]
    assert (found["good"], found["bad"], found["blocks"]) == (True, False, False)
    assert "policies/policy_value.shares_possible" in facts["asset"]["checks"]


def test_a_picture(facts: dict[str, Any]) -> None:
    found = facts["picture"]["expected_profits"]
    assert found["on_page"]
    assert found["bytes"] > 5000
    assert re.fullmatch(r"Expected profit of [\d,]+ households, above zero for [\d,]+ of them\.", found["alt"])


def test_an_outcome(facts: dict[str, Any]) -> None:
    assert facts["outcome"] == {
        "value": 1.0,
        "chosen": "large_visits",
        "column": "DOUBLE",
        "label": ["Large visits", "visits"],
    }


def test_an_asset(facts: dict[str, Any]) -> None:
    found = facts["asset"]
    assert found["loads"]
    assert (found["key"], found["group"]) == ("targeting/segment_decisions", "decision/targeting")
    assert found["description"].startswith("How many households of each segment are to be targeted, tested or left.")
    assert found["columns"] == ["segment", "decision", "n_households", "share"]
    assert found["promised"]
    assert found["upstream"] == ["targeting/targeting_list"]
    assert re.fullmatch("[0-9a-f]{16}", found["code_version"])
    assert "targeting/segment_decisions.schema_and_keys" in found["checks"]
    assert found["rows"] == [["a", "leave", 1, 0.5], ["a", "target", 1, 0.5], ["b", "test", 1, 1.0]]
