"""docs/reading_the_brief.md: every part of the brief has a section under its own heading, every verdict a row."""

from __future__ import annotations

import re
from pathlib import Path

from dunnhumby_pipeline.report.brief.pictures import PICTURES
from dunnhumby_pipeline.report.templates import template

GUIDE = (Path(__file__).parents[2] / "docs" / "reading_the_brief.md").read_text(encoding="utf-8")
DECISION = Path(__file__).parents[2] / "dunnhumby_pipeline" / "report" / "brief" / "decision.py"
HEADINGS = set(re.findall(r"^## (.*)$", GUIDE, re.MULTILINE))


def test_every_heading_of_the_brief_has_its_section() -> None:
    source = Path(str(template("brief.html.j2").filename)).read_text(encoding="utf-8")
    in_template = {heading for heading in re.findall(r"<h2>([^<{]+)</h2>", source) if heading.strip()}
    assert "Who does what next" in in_template
    assert in_template | {section.title for section in PICTURES} <= HEADINGS


def test_every_question_of_the_brief_has_its_section() -> None:
    questions = set(re.findall(r'"([A-Z][^"]*\?)"', DECISION.read_text(encoding="utf-8")))
    assert "What would settle it?" in questions
    said = {question for question in questions if question in HEADINGS or question.rstrip("?").lower() in GUIDE}
    assert said == questions


def test_every_verdict_has_a_row() -> None:
    assert re.findall(r"^\| \*\*([^*]+)\*\*", GUIDE, re.MULTILINE) == [
        "Send",
        "Test",
        "Do not send",
        "No recommendation",
    ]
