"""docs/checks.md: every check can be found in it and has an entry with its thresholds, and it is up to date."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.orchestration.checks.document import checks_markdown, main
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.words.document import slug

DOCUMENT = Path(__file__).parents[3] / "docs" / "checks.md"


def entry(text: str, heading: str) -> str:
    """The entry under a heading."""
    [found] = re.findall(rf"^### {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_document_is_up_to_date() -> None:
    assert main(["--check", str(DOCUMENT)]) == 0


def test_every_check_is_found_in_the_list_and_leads_to_an_entry() -> None:
    text = checks_markdown()
    links = dict(re.findall(r"\[`([^`]+)`\]\(#([^)]+)\)", text))
    shared = [check for check in CHECKS if f"{check.table}.{check.name}" not in links]
    assert {check.name for check in shared} == {"schema_and_keys"}
    assert len(links) == len(CHECKS) - len(shared) + 1
    assert sum(check.name == "schema_and_keys" for check in CHECKS) == sum(t.is_table for t in TABLES.values())
    headings = [slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    assert set(links.values()) <= set(headings)
    assert len(set(headings)) == len(headings)


def test_the_list_says_what_blocks() -> None:
    rows = [line.split(" | ") for line in checks_markdown().splitlines() if line.startswith("| [")]
    for check in CHECKS:
        name = f"`{check.table}.{check.name}`"
        if found := [row for row in rows if name in row[1] or name in row[2]]:
            assert (name in found[0][1]) is check.blocks


def test_an_entry_says_all_that_the_registry_knows() -> None:
    check = next(check for check in CHECKS if check.name == "features_steady")
    found = entry(checks_markdown(), f"`{check.table}.{check.name}`")
    assert found.strip().startswith(f"**Warns.** {check.description}")
    assert "(data_dictionary.md#feature_drift)" in found
    for said in (check.red, check.why, check.advice, "`max_psi`, 0.2: largest population stability index"):
        assert said in found


def test_every_check_says_what_red_means_why_it_matters_and_what_to_do() -> None:
    assert [check.name for check in CHECKS if not (check.red and check.advice and check.why)] == []
    assert [check.name for check in CHECKS if not check.description.endswith(".")] == []
    assert [check.name for check in CHECKS if check.why.endswith(".") or check.red.endswith(".")] == []
    # Words that the judgement and the entry both have are written once: a family of checks is one entry.
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_every_threshold_belongs_to_a_check() -> None:
    assert {name for check in CHECKS for name in check.thresholds} == set(CheckSettings.model_fields)


def test_another_check_is_another_entry() -> None:
    backed = next(check for check in CHECKS if check.name == "list_backed")
    more = replace(backed, named="list_seen", red="nobody has seen the list", advice="show it")
    text = checks_markdown([*CHECKS, more])
    assert "- **Red means:** nobody has seen the list." in entry(text, "`targeting_list.list_seen`")
    assert text.count("\n### ") == checks_markdown().count("\n### ") + 1
