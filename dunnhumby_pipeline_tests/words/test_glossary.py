"""Every term of the report is explained once, and linked where it is used first."""

from __future__ import annotations

import re

import pytest

from dunnhumby_pipeline.words.features import rule
from dunnhumby_pipeline.words.glossary import TERMS, Glossary, anchor


def test_a_term_is_linked_at_its_first_use_only() -> None:
    glossary = Glossary()
    first, second = glossary.first_use("The ATO and the overlap"), glossary.first_use("ATO again, and overlap & more")
    assert first.count("<a ") == 2 and f'href="#{anchor("ATO")}"' in first
    assert second == "ATO again, and overlap &amp; more"
    assert [term for _, term, _ in glossary.used()] == ["ATO", "overlap"]


@pytest.mark.parametrize("text", ["NATO", "ATOs", "overlap-weighted", "unpolicy", "controls"])
def test_part_of_a_word_is_no_term(text: str) -> None:
    assert Glossary().first_use(text) == text


def test_text_is_escaped_around_terms() -> None:
    said = Glossary().first_use('<b>propensity</b> "ATE"')
    assert "<b>" not in said and "&lt;b&gt;" in said and said.count("<a ") == 2


def test_every_meaning_is_a_sentence_and_every_anchor_its_own() -> None:
    assert len({anchor(term) for term in TERMS}) == len(TERMS)
    assert all(re.fullmatch(r"[A-Z].+\.", meaning) and len(meaning) < 220 for meaning in TERMS.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "frequency_per_day at most 0.051; campaign is not 30",
            "Baskets, per day of look-back at most 0.051; Campaign is not 30",
        ),
        ("received_typeb is 0", "TypeB campaigns received before is 0"),
        ("age_desc is 19-24 or 25-34", "Age is 19-24 or 25-34"),
        ("everybody", "everybody"),
    ],
)
def test_a_rule_is_told_in_words(text: str, words: str) -> None:
    assert rule(text) == words
