"""The data dictionary and the README's table of assets: every table and column, and both up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.registry import TABLES, table
from dunnhumby_pipeline.words.dictionary import assets_markdown, dictionary_markdown, main, readme_with_assets

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["docs/data_dictionary.md", "README.md"])
def test_the_document_is_up_to_date(document: str) -> None:
    assert main(["--check", str(ROOT / document)]) == 0


def test_a_stale_document_is_said_to_be_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "dictionary.md"
    assert main(["--check", str(path)]) == 1
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    path.write_text(path.read_text() + "\nedited by hand\n")
    assert main(["--check", str(path)]) == 1
    assert f"is stale; run: python -m dunnhumby_pipeline.words.dictionary {path}" in capsys.readouterr().out


def test_the_document_names_every_column_and_table() -> None:
    text = dictionary_markdown()
    for contract in TABLES.values():
        assert f"### {contract.name}\n" in text
        assert all(f"| `{column.name}" in text for column in contract.columns)
    assert set(assets_markdown().split("`")[1::2]) == set(TABLES)


def test_what_stands_around_the_assets_is_kept() -> None:
    start, end = "<!-- assets: made by `make docs` -->", "<!-- end of assets -->"
    found = readme_with_assets(f"before\n{start}\nold\n{end}\nafter\n")
    assert found == f"before\n{start}\n{assets_markdown()}\n{end}\nafter\n"
    with pytest.raises(ValueError, match="lacks the marker"):
        readme_with_assets("a text without markers")


def test_a_name_means_the_same_as_in_the_canonical_tables_and_the_catalogue() -> None:
    declared = {column.name: column for canonical in schema.TABLES for column in canonical.columns}
    features = {feature.name: feature for feature in CATALOGUE}
    for contract in TABLES.values():
        for column in contract.columns:
            if column.name in features:
                assert column.meaning == features[column.name].formula, (contract.name, column.name)
            if column.name in declared and column.type == declared[column.name].type and contract.key:
                assert column.unit == declared[column.name].unit, (contract.name, column.name)


def test_a_column_is_described_with_its_unit() -> None:
    described = {
        ("transactions", "sales_value"): "what the retailer receives ($)",
        ("customer_features", "recency"): "last day of the window - last purchase day (days)",
        ("first_campaign_cohort", "age_desc"): "age group",
        ("policy_value", "value"): "incremental profit per household, cross-fitted ($)",
    }
    for (name, column), text in described.items():
        found = table(name).column(column)
        assert found is not None and found.described == text
    assert table("transactions").column("recency") is None
    assert table("policy_value").column("nothing") is None
