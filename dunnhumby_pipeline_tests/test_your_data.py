"""docs/your_data.md: its commands end as it says, and answer what it shows.

What is typed before the study is run on another retailer's files, as the document has them. The study itself, and what
follows, on the shared small study under the document's names, where nothing but the cost is new: what is to be made at
it is asked for, and made in test_economics. `.ci/wheel` types all of it on the other retailer's files, with the
installed wheel.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from dunnhumby_pipeline.contracts.registry import made_by
from dunnhumby_pipeline.orchestration.platform import runner
from dunnhumby_pipeline.orchestration.platform.keys import table_of
from dunnhumby_pipeline.orchestration.platform.runner import Outcome
from dunnhumby_pipeline.orchestration.terms import run_config
from dunnhumby_pipeline.settings import Home, load_settings
from dunnhumby_pipeline_tests.fakes.guide import GUIDE, Typed, commands, settings, write
from dunnhumby_pipeline_tests.fakes.studies import (
    PRICED,
    SmallStudy,
    as_variables,
    command,
    no_pictures,
    quick_settings,
)

ALL = commands()
[FIRST_OF_STUDY] = [place for place, typed in enumerate(ALL) if typed.words[1] == "run" and "--cost" not in typed.words]


def squeezed(text: str) -> str:
    """`text` without white space and frames: the terminal breaks lines where it must."""
    return re.sub(r"[\s│]", "", text)


def typed_in(folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    monkeypatch.chdir(folder)
    assert typed.words[0] == "dunnhumby"
    found = command(*typed.words[1:], **environment)
    assert found.exit_code == typed.exit_code, (typed.words, found.output)
    assert [line for line in typed.shown if squeezed(line) not in squeezed(found.output)] == [], found.output


def test_before_the_study(small: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(small.raw, tmp_path)
    assert len(ALL[:FIRST_OF_STUDY]) >= 3
    for typed in ALL[:FIRST_OF_STUDY]:
        typed_in(tmp_path, typed, monkeypatch)


def test_the_study_and_what_follows(small: SmallStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(small.raw, tmp_path / "till-export")
    shutil.copytree(small.folder / "home", tmp_path / "study")
    asked: list[tuple[set[str], Any]] = []

    def noted(*given: Any, config: Any) -> Outcome:
        names = frozenset(map(table_of, given[4].assets))
        asked.append((set(names), config))
        return Outcome(True, names, names, ())

    monkeypatch.setattr(runner, "run_study", noted)
    with no_pictures():
        for typed in ALL[FIRST_OF_STUDY:]:
            typed_in(tmp_path, typed, monkeypatch, **as_variables(quick_settings()))
            assert len(asked) == (typed is not ALL[FIRST_OF_STUDY])
    priced = {table.name for step in PRICED for table in made_by(step)}
    assert asked == [(priced, run_config({"contact_cost": 0.40}))]
    text = GUIDE.read_text(encoding="utf-8")
    for name in re.findall(r"`study/([^`]+)`", text) + [f"warehouse/TypeA/{name}" for name in ("targeting_list.csv",)]:
        assert (tmp_path / "study" / name).exists(), name


def test_its_settings_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "dunnhumby.toml").write_text(settings(), encoding="utf-8")
    found = load_settings(Home(tmp_path))
    assert (found.economics.margin, found.economics.contact_cost) == (0.25, 0.80)
    assert found.mapping.files["transactions"] == "till_lines"


def test_no_command_of_the_document_is_left_out() -> None:
    text = re.sub(r"^```console\n.*?^```$", "", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\$? ?dunnhumby .*$", text, re.MULTILINE) == []
