"""What a check is told of the table as it was before."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dunnhumby_pipeline.orchestration.checks.check import Sight
from dunnhumby_pipeline.orchestration.platform.keys import asset_key
from dunnhumby_pipeline.orchestration.platform.resources import Study
from dunnhumby_pipeline.settings import Home, Settings


@pytest.fixture
def sight(tmp_path: Path) -> Sight:
    return Sight(Study(Settings(), Home(tmp_path)), dg.DagsterInstance.ephemeral(), None)


def _made(sight: Sight, version: str, rows: int) -> None:
    sight.history.report_runless_asset_event(
        dg.AssetMaterialization(
            asset_key("transactions"), metadata={"rows": rows}, tags={"dagster/data_version": version}
        )
    )


def test_a_first_run_has_nothing_before(sight: Sight) -> None:
    assert sight.before("transactions") is None
    _made(sight, "one", 100)
    assert sight.before("transactions") is None


def test_runs_that_kept_the_table_do_not_stand_for_the_run_before(sight: Sight) -> None:
    _made(sight, "one", 100)
    for _ in range(3):
        _made(sight, "two", 50)
        before = sight.before("transactions")
        assert before is not None
        assert before["rows"] == 100


def test_a_table_that_changes_every_time_is_held_against_the_last_time(sight: Sight) -> None:
    for version, rows in (("one", 100), ("two", 50), ("three", 25)):
        _made(sight, version, rows)
    before = sight.before("transactions")
    assert before is not None
    assert before["rows"] == 50
