"""The record of published numbers: an edited number and changed code are told, another layout of the code is not."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from string import Formatter

import pytest

from dunnhumby_pipeline import published
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.platform import versions
from dunnhumby_pipeline.report.published import numbers_in
from dunnhumby_pipeline.settings import Settings

DOCUMENT = '<!-- n: average_effects; estimator=="ols"; {estimate:.0f} -->14<!-- /n -->\n'


TEXTS = dict.fromkeys(published.DOCUMENTS, DOCUMENT)


@pytest.fixture(scope="module")
def record() -> str:
    """What is kept of documents that were written by the code as it is."""
    steps = published.steps_behind(TEXTS, build_defs(settings=Settings()), Settings())
    return json.dumps({"made": "2026-11-27", "steps": steps, "documents": published._published(TEXTS)})


@pytest.fixture
def root(tmp_path: Path, record: str) -> Path:
    """A folder with these documents and their record."""
    (tmp_path / "docs").mkdir()
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / published.RECORD).write_text(record, encoding="utf-8")
    return tmp_path


def test_what_was_written_by_this_code_stands(root: Path) -> None:
    assert published.check(root) == []
    assert published.main(["--check", "--root", str(root)]) == 0


def test_steps_behind_a_number_go_back_to_the_raw_files(root: Path) -> None:
    steps = json.loads((root / published.RECORD).read_text(encoding="utf-8"))["steps"]
    assert {"load_journey", "enrol_trials", "fit_nuisances", "estimate_effects"} <= set(steps)
    assert "value_policies" not in steps


def test_an_edited_number_is_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "README.md").write_text(DOCUMENT.replace("14", "15"), encoding="utf-8")
    assert published.check(root) == ["README.md: its numbers are not those written from a study"]
    assert published.main(["--check", "--root", str(root)]) == 1
    assert "make docs" in capsys.readouterr().out


def test_changed_code_is_told_with_the_steps_that_rest_on_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "source_version", lambda step, settings: f"other {step.name}")
    [told] = published.check(root)
    assert told.startswith("numbers of 2026-11-27 are older than the code of ")
    assert "estimate_effects" in told


def test_other_settings_are_another_version() -> None:
    defs = build_defs(settings=Settings())
    texts = {"README.md": DOCUMENT}
    other = Settings.model_validate({"nuisance": {"n_folds": 3}})
    before, after = (published.steps_behind(texts, defs, settings) for settings in (Settings(), other))
    assert before["fit_nuisances"] != after["fit_nuisances"]
    assert before["load_journey"] == after["load_journey"]


def test_comments_docstrings_and_layout_are_no_change_and_words_of_contracts_are_none() -> None:
    code = 'def f(x):\n    """Doc."""\n    return g(x, "a")  # why\n'
    laid_out = 'def f(x):\n    return g(\n        x,\n        "a",\n    )\n'
    reworded, renamed = code.replace('"a"', '"b"'), code.replace("g(", "h(")
    of = versions._syntax
    assert of(code, words=True) == of(laid_out, words=True)
    assert of(code, words=True) != of(reworded, words=True)
    assert of(code, words=False) == of(reworded, words=False)
    assert of(code, words=False) != of(renamed, words=False)


@pytest.mark.parametrize("name", published.DOCUMENTS)
def test_every_marker_of_the_documents_names_columns_that_a_table_has(name: str) -> None:
    text = (Path(__file__).parent.parent / name).read_text(encoding="utf-8")
    assert numbers_in(text)
    for source, number in numbers_in(text).items():
        table, condition, *_, template = (part.strip() for part in source.split(";"))
        columns = {column.name for column in registry.table(table).columns} | {"rows"}
        in_condition = {node.id for node in ast.walk(ast.parse(condition)) if isinstance(node, ast.Name)}
        in_template = {field for _, field, _, _ in Formatter().parse(template) if field}
        assert in_condition | in_template <= columns, source
        assert number not in ("", "?"), source
