"""docs/comparison.md: cells of this project name tests that there are, all others lead to a page or to nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[1] / "docs" / "comparison.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
PEERS = (
    "EconML",
    "CausalML",
    "grf, policytree, maq",
    "DoubleML",
    "PyMC-Marketing",
    "scikit-uplift",
    "GrowthBook",
    "reference study",
)
# What a cell may say without a link: there is nothing to lead to.
PLAIN = {"\N{EN DASH}", "no", "library", "not needed: by lot"}
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if re.match(r"\| .*_tests/|\| .* \| no \|", line)]


def test_every_table_has_every_peer() -> None:
    heads = [line for line in TEXT.splitlines() if line.startswith("| what a user needs ")]
    assert len(heads) >= 5
    assert {tuple(head.strip("| ").split(" | ")[2:]) for head in heads} == {PEERS}
    assert {len(row) for row in ROWS} == {len(PEERS) + 2}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_this_project_has_is_held_by_a_test(row: list[str]) -> None:
    if row[1] == "no":
        return
    found = re.fullmatch(r'\[[^\]]+\]\(\.\./(\S+) "(\w+)"\)', row[1])
    assert found, row[1]
    tree = ast.parse((DOCUMENT.parents[1] / found[1]).read_text(encoding="utf-8"))
    assert found[2] in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_others_have_leads_to_a_page_of_theirs(row: list[str]) -> None:
    for peer, cell in zip(PEERS[:-1], row[2:-1], strict=True):
        assert cell in PLAIN or re.fullmatch(r"\[[^\]]+\]\(https://\S+\)", cell), (peer, cell)


def test_what_this_project_lacks_is_said() -> None:
    lacking = [row for row in ROWS if row[1] == "no"]
    assert len(lacking) >= 3
    assert all(any(cell not in PLAIN for cell in row[2:-1]) for row in lacking)
