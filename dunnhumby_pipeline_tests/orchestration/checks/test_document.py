"""docs/checks.md: every check is in it, with its thresholds, and it is up to date."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.orchestration.checks.document import checks_markdown, main
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.settings import CheckSettings

DOCUMENT = Path(__file__).parents[3] / "docs" / "checks.md"


def test_the_document_is_up_to_date() -> None:
    assert main(["--check", str(DOCUMENT)]) == 0


def test_every_check_is_in_it_and_nothing_else() -> None:
    text = checks_markdown()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    shared = [check for check in CHECKS if f"`{check.table}.{check.name}`" not in text]
    assert {check.name for check in shared} == {"schema_and_keys"}
    assert "| `*.schema_and_keys` | blocks |" in text
    assert sum(row.split(" | ")[0].count("`") // 2 for row in rows) == len(CHECKS) - len(shared) + 1
    assert sum(check.name == "schema_and_keys" for check in CHECKS) == sum(t.is_table for t in TABLES.values())


def test_every_check_says_what_red_means_and_what_to_do() -> None:
    assert [check.name for check in CHECKS if not (check.description and check.red and check.advice)] == []
    # Words that the judgement and the entry both have are written once: a family of checks is one row.
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_every_threshold_belongs_to_a_check() -> None:
    assert {name for check in CHECKS for name in check.thresholds} == set(CheckSettings.model_fields)
    assert "`max_psi` (0.2)" in checks_markdown()


def test_another_check_is_another_row() -> None:
    backed = next(check for check in CHECKS if check.name == "list_backed")
    more = replace(backed, named="list_seen", red="nobody has seen the list", advice="show it")
    text = checks_markdown([*CHECKS, more])
    assert "| `targeting_list.list_seen` | blocks | " in text
    assert text.count("\n") == checks_markdown().count("\n") + 1
