"""The whole catalogue of a household in one frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from pandas.testing import assert_frame_equal

from dunnhumby_pipeline.contracts.features import PROFILE_TABLES
from dunnhumby_pipeline.features import profile
from dunnhumby_pipeline.features.profile import household_features
from dunnhumby_pipeline_tests.fakes.journeys import ONE_THREAD, canonical
from dunnhumby_pipeline_tests.features.test_features import TINY_WINDOWS


def test_a_look_back_is_worked_out_once_while_its_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, made = canonical(), list[int]()
    work_out = profile._household_features
    monkeypatch.setattr(profile, "_household_features", lambda *given: made.append(1) or work_out(*given))
    files = {name: tmp_path / f"{name}.parquet" for name in PROFILE_TABLES}
    for name, path in files.items():
        tiny[name].to_parquet(path)
    window = TINY_WINDOWS.iloc[:1]
    first = household_features(files, window, ONE_THREAD)
    expected = first.copy()
    # Who asked first may do with the frame what they like.
    first["recency"] = -1
    assert_frame_equal(household_features(files, window, ONE_THREAD), expected)
    assert len(made) == 1
    lines = tiny["transactions"]
    lines.iloc[: len(lines) // 2].to_parquet(files["transactions"])
    household_features(files, window, ONE_THREAD)
    assert len(made) == 2
    household_features(tiny, window, ONE_THREAD)
    household_features(tiny, window, ONE_THREAD)
    assert len(made) == 4
