"""What features are made of by household and day, worked out once."""

from __future__ import annotations

from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features import by_day
from dunnhumby_pipeline.features.by_day import run_by_day
from dunnhumby_pipeline.features.campaign_history import campaigns_received
from dunnhumby_pipeline.features.customer import customer_features
from dunnhumby_pipeline.features.exposure import promotion_exposure
from dunnhumby_pipeline.features.habits import shopping_habits
from dunnhumby_pipeline_tests.fakes.journeys import ONE_THREAD, canonical
from dunnhumby_pipeline_tests.features.test_features import TINY_WINDOWS


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path | pd.DataFrame]:
    for name, frame in canonical().items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    return {name: tmp_path / f"{name}.parquet" for name in canonical()} | {"windows": TINY_WINDOWS}


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[ir.Table]:
    made: list[ir.Table] = []
    monkeypatch.setattr(by_day, "run", lambda expression, *given: made.append(expression) or run(expression, *given))
    by_day._DAYS.found.clear()
    return made


@pytest.mark.parametrize("expression", [customer_features, promotion_exposure, shopping_habits, campaigns_received])
def test_the_frame_is_that_of_the_expression(files: dict[str, Path | pd.DataFrame], expression: object) -> None:
    made = expression()  # type: ignore[operator]
    expected = run(made, files, ONE_THREAD)
    assert len(expected)
    for _ in range(2):
        assert_frame_equal(run_by_day(made, files, ONE_THREAD), expected)


def test_days_are_worked_out_once_while_their_files_stay(
    files: dict[str, Path | pd.DataFrame], worked_out: list[ir.Table]
) -> None:
    for expression in (customer_features(), shopping_habits(), promotion_exposure(), promotion_exposure()):
        run_by_day(expression, files, ONE_THREAD)
    # Days of shopping and of departments for the first, promoted days for the third: beside the four themselves.
    assert len(worked_out) == 7
    lines = canonical()["transactions"]
    fewer = lines.iloc[: len(lines) // 2]
    fewer.to_parquet(files["transactions"])  # type: ignore[arg-type]
    found = run_by_day(shopping_habits(), files, ONE_THREAD)
    assert len(worked_out) == 9
    assert_frame_equal(found, run(shopping_habits(), {**files, "transactions": fewer}, ONE_THREAD))


def test_frames_and_more_lines_than_are_worked_on_at_once_are_worked_out_for_their_windows(
    files: dict[str, Path | pd.DataFrame], worked_out: list[ir.Table]
) -> None:
    few = ONE_THREAD.model_copy(update={"rows_at_once": 5})
    run_by_day(shopping_habits(), files, few)
    run_by_day(shopping_habits(), {**files, "transactions": canonical()["transactions"]}, ONE_THREAD)
    assert len(worked_out) == 2 and not by_day._DAYS.found
