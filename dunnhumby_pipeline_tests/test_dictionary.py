"""docs/features.md is what the catalogue says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dunnhumby_pipeline.features.catalogue import CATALOGUE, NEED_GROUPS, VALUE_GROUPS
from dunnhumby_pipeline.features.dictionary import features_markdown, main

DOCUMENT = Path(__file__).parents[1] / "docs" / "features.md"
COMMAND = "python -m dunnhumby_pipeline.features.dictionary"


def rows() -> dict[str, list[str]]:
    cells = [line.split(" | ") for line in features_markdown().splitlines() if line.startswith("| `")]
    return {row[0].strip("| `"): [cell.removesuffix(" |").strip() for cell in row[1:]] for row in cells}


def test_every_feature_has_one_row_with_all_that_is_known_of_it() -> None:
    found = rows()
    assert sorted(found) == sorted(feature.name for feature in CATALOGUE)
    assert features_markdown().count("| `") == len(CATALOGUE)
    for feature in CATALOGUE:
        unit, formula, null_when, track, used = found[feature.name]
        assert (unit, formula, null_when) == (feature.unit, feature.formula, feature.null_when)
        assert track == feature.track
        assert ("factors" in used) == feature.factored
        assert ("effects" in used) == feature.covariate


def test_a_feature_is_of_one_track_at_most_and_only_campaigns_of_none() -> None:
    assert not set(VALUE_GROUPS) & set(NEED_GROUPS)
    assert {feature.group for feature in CATALOGUE if not feature.track} == {"campaigns"}


def test_each_group_has_one_heading() -> None:
    headings = [line for line in features_markdown().splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) == len({feature.group for feature in CATALOGUE})


def test_the_document_is_fresh() -> None:
    assert main(["--check", str(DOCUMENT)]) == 0, f"run: {COMMAND} docs/features.md"


def test_a_stale_document_is_named_with_the_command_that_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "features.md"
    assert main(["--check", str(path)]) == 1
    assert not path.exists()
    path.write_text("old", encoding="utf-8")
    assert main(["--check", str(path)]) == 1
    assert path.read_text(encoding="utf-8") == "old"
    assert capsys.readouterr().out.splitlines() == [f"{path} is stale; run: {COMMAND} {path}"] * 2
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0


def test_the_catalogue_and_its_document_need_no_query_engine() -> None:
    code = "import sys, dunnhumby_pipeline.features.dictionary; print(sorted({'ibis', 'duckdb'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
