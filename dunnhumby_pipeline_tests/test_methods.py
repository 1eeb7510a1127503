"""docs/methods.md: its contents name every section, and every work cited is in the references, and no other."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
BODY, REFERENCES = TEXT.split("\n## References\n")
ENTRIES = [line.removeprefix("- ") for line in REFERENCES.splitlines() if line.startswith("- ")]
_YEAR = r"((?:19|20)\d\d[ab]?)"
# A name before a year that is no author.
NO_AUTHOR = {"ACIC", "November", "Conference", "of"}


def authors_and_year(entry: str) -> tuple[str, str]:
    found = re.match(rf"(.*?) \({_YEAR}\)\. ", entry)
    assert found, f"an entry is 'Authors (year). Title.': {entry}"
    return found[1], found[2]


def test_contents_name_every_section() -> None:
    sections = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    contents = TEXT.split("\n## ")[0]
    assert [title for title in sections if f"[{title}](#" not in contents] == []


def test_every_entry_is_cited() -> None:
    uncited = []
    for entry in ENTRIES:
        authors, year = authors_and_year(entry)
        first = authors.split(",")[0]
        if not re.search(
            rf"{re.escape(first)}[^.;|]{{0,80}}\b{year}\b|{re.escape(first)} et al\.[^.;|]*\b{year}\b", BODY
        ):
            uncited.append(f"{first} {year}")
    assert uncited == []


def test_every_work_cited_has_an_entry() -> None:
    cited = re.findall(rf"([\w-]+)(?:'s)?(?: et al\.)?,? \(?{_YEAR}\b", BODY)
    works = {(name, year) for name, year in cited if name[0].isupper() and name not in NO_AUTHOR}
    assert len(works) > 50
    known = [authors_and_year(entry) for entry in ENTRIES]
    assert [work for work in works if not any(work[0] in authors and work[1] == year for authors, year in known)] == []


def test_entries_are_in_order_and_none_is_twice() -> None:
    first = [authors_and_year(entry)[0].split(",")[0] for entry in ENTRIES]
    plain = [unicodedata.normalize("NFKD", name).encode("ascii", "ignore").lower() for name in first]
    assert plain == sorted(plain)
    assert len(set(ENTRIES)) == len(ENTRIES)
