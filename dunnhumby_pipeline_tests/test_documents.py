"""The documents as a whole: links lead somewhere, the README leads to all of them, commands and settings exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import typer

from benchmarks.recovery import TRIALS
from dunnhumby_pipeline.cli import app
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words.document import slug

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks" / "RESULTS.md"])
# A target ends at a blank, before its title, or at the bracket.
_LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)")


@cache
def _text(path: Path) -> str:
    """A document without its code."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(?<!\[)`[^`\n]+`(?!\])", "", text)


@cache
def _anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them: a second one of a name ends in -1."""
    found: set[str] = set()
    for heading in re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S), re.M
    ):
        name = slug(re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", heading))
        found.add(name if name not in found else f"{name}-1")
    return found


def _relative(path: Path) -> list[str]:
    return [link for link in _LINK.findall(_text(path)) if not re.match(r"https?:|mailto:", link)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(path: Path) -> None:
    broken = []
    for link in _relative(path):
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One\n## `two.three` and 4\n[x](b.md) [y](#one) [z](#twothree-and-4)\n", encoding="utf-8")
    assert _relative(document) == ["b.md", "#one", "#twothree-and-4"]
    assert _anchors(document) == {"one", "twothree-and-4"}


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached:
            continue
        reached.add(path)
        targets = [(path.parent / link.partition("#")[0]).resolve() for link in _relative(path) if link[0] != "#"]
        waiting += [target for target in targets if target.suffix == ".md" and target.is_file()]
    assert sorted(path.relative_to(ROOT).as_posix() for path in DOCUMENTS if path not in reached) == []


def test_every_picture_says_what_it_shows() -> None:
    pictures = [(path.name, alt) for path in DOCUMENTS for alt in re.findall(r"!\[([^\]]*)\]\(", _text(path))]
    assert pictures
    assert [name for name, alt in pictures if len(alt) < 15] == []


def test_the_brief_is_seen_within_two_screens_of_the_readme() -> None:
    before = (ROOT / "README.md").read_text(encoding="utf-8").split("![The brief")[0]
    assert sum(1 + len(line) // 110 for line in before.splitlines()) < 60


def _leaves(command: object, words: tuple[str, ...]) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", None)
    return [words] if below is None else [leaf for name in below for leaf in _leaves(below[name], (*words, name))]


def test_every_command_is_in_the_document_of_commands() -> None:
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    leaves = _leaves(typer.main.get_command(app), ())
    assert ("experiment", "assign") in leaves
    missing = [words for words in leaves if not re.search(rf"`dunnhumby {r'[^`]*'.join(words)}\b", text)]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_settings_that_a_document_names_exist(path: Path) -> None:
    if path.name == "CHANGELOG.md":
        pytest.skip("it names settings that are gone, too")
    sections = {name: getattr(field.annotation, "model_fields", None) for name, field in Settings.model_fields.items()}
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+)\.([a-z_]+)`", text))
    named |= {(a.lower(), b.lower().split("__")[0]) for a, b in re.findall(r"DUNNHUMBY_([A-Z_]+?)__([A-Z_]+)=", text)}
    unknown = [(a, b) for a, b in named if (fields := sections.get(a)) and b not in fields and b not in ("toml", "md")]
    # A table may be called as a section is.
    assert [(a, b) for a, b in unknown if a not in registry.TABLES] == []


def test_the_recovery_table_has_every_way_in_which_a_study_is_broken() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").split("## When something breaks")[1]
    rows = [line.split(" | ") for line in text.split("\n## ")[0].splitlines() if line.startswith("| ")]
    table = {cells[0].removeprefix("| "): cells for cells in rows[2:]}
    assert list(table) == [broke for broke, _ in TRIALS.values()]
    # Each was tried, and was well again.
    assert all(re.fullmatch(r"(?:\d+ s|\d+ min(?: \d+ s)?) \|", cells[-1]) for cells in table.values())
