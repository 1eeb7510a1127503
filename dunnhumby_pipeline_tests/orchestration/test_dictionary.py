"""The data dictionary: every table and column is in it, and the document is up to date."""

from __future__ import annotations

from pathlib import Path

import pytest
from dunnhumby_pipeline.orchestration.dictionary import dictionary_markdown, main
from dunnhumby_pipeline.orchestration.platform.columns import derived, described, features

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.features import CATALOGUE

DOCUMENT = Path(__file__).parents[2] / "docs" / "data_dictionary.md"


def test_the_document_is_up_to_date() -> None:
    assert main(["--check", str(DOCUMENT)]) == 0


def test_a_stale_document_is_said_to_be_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dictionary.md"
    assert main(["--check", str(path)]) == 1
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    path.write_text(path.read_text() + "\nedited by hand\n")
    assert main(["--check", str(path)]) == 1
    assert f"is stale; run: python -m dunnhumby_pipeline.orchestration.dictionary {path}" in capsys.readouterr().out


def test_the_document_names_every_column_and_table() -> None:
    text = dictionary_markdown()
    for table in schema.TABLES:
        assert f"### {table.name}\n" in text
        assert all(f"| `{name}` |" in text for name in table.column_names)
    assert all(f"| `{name}` |" in text for name in (*derived(), "policy_value", "feature_drift", "campaign_report"))


def test_one_word_for_one_thing() -> None:
    canonical = {name for table in schema.TABLES for name in table.column_names}
    assert set(derived()).isdisjoint(canonical)
    assert set(derived()).isdisjoint(features())
    assert set(features()) == {feature.name for feature in CATALOGUE}


def test_a_column_is_described_with_its_unit() -> None:
    assert described("transactions", "sales_value") == "what the retailer receives ($)"
    assert described("customer_features", "recency") == "last day of the window - last purchase day (days)"
    assert described("first_campaign_cohort", "age_desc") == "age group"
    assert described("policy_value", "value") == "incremental profit per household, cross-fitted ($)"
    assert described("transactions", "recency") is None
    assert described("policy_value", "nothing") is None
