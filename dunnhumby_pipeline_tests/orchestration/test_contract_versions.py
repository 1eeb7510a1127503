"""Contracts and code versions: rewording makes nothing stale, another column does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline.contracts import features, outcomes, registry
from dunnhumby_pipeline.contracts.registry import TABLES
from dunnhumby_pipeline.contracts.table import Table, number
from dunnhumby_pipeline.definitions import build_defs
from dunnhumby_pipeline.orchestration.platform import versions
from dunnhumby_pipeline.settings import Home, Settings


@pytest.fixture(autouse=True)
def _hashed_again() -> Iterator[None]:
    """Hashes of what a test changed are not kept for the tests after it."""
    yield
    versions.module_hash.cache_clear()


@pytest.fixture
def steps() -> dict[str, dg.OpDefinition]:
    assets = [made for made in build_defs().assets or [] if isinstance(made, dg.AssetsDefinition)]
    return {made.op.name: made.op for made in assets}


def version(step: dg.OpDefinition) -> str:
    versions.module_hash.cache_clear()
    return versions.step_version(step, Settings(), Home(Path("nowhere")))


def reworded(table: Table) -> Table:
    columns = tuple(replace(column, meaning=f"{column.meaning}, in other words") for column in table.columns)
    return replace(table, meaning="Said otherwise.", row="said otherwise", columns=columns)


def test_rewording_a_table_makes_nothing_stale(
    steps: dict[str, dg.OpDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: version(step) for name, step in steps.items() if name != "observe_raw"}
    for name, table in list(TABLES.items()):
        monkeypatch.setitem(registry.TABLES, name, reworded(table))
    assert {name: version(steps[name]) for name in before} == before


def test_a_changed_column_makes_the_step_that_makes_it_stale(
    steps: dict[str, dg.OpDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: version(steps[name]) for name in ("value_policies", "targeting_list")}
    table = TABLES["policy_value"]
    monkeypatch.setitem(registry.TABLES, "policy_value", replace(table, columns=(*table.columns, number("new", "new"))))
    assert version(steps["value_policies"]) != before["value_policies"]
    assert version(steps["targeting_list"]) == before["targeting_list"]


def test_rewording_a_feature_or_an_outcome_makes_nothing_stale(
    steps: dict[str, dg.OpDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: version(steps[name]) for name in ("fit_segments", "enrol_trials")}
    monkeypatch.setattr(
        features, "CATALOGUE", tuple(replace(f, formula="in other words", label=f.label) for f in features.CATALOGUE)
    )
    monkeypatch.setattr(
        outcomes, "_ALL", tuple(replace(o, label="Otherwise", meaning="in other words") for o in outcomes._ALL)
    )
    assert {name: version(steps[name]) for name in before} == before
    monkeypatch.setattr(features, "CATALOGUE", tuple(replace(f, factored=True) for f in features.CATALOGUE))
    assert version(steps["fit_segments"]) != before["fit_segments"]
