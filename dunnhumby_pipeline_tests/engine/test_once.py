"""What is kept for files that have not changed."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from dunnhumby_pipeline.engine.once import Kept, as_they_are


def test_a_file_is_another_once_its_size_or_time_of_change_is(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"one")
    first = as_they_are([path])
    assert first is not None and as_they_are([path]) == first
    path.write_bytes(b"longer")
    second = as_they_are([path])
    assert second != first
    os.utime(path, ns=(0, 1))
    assert as_they_are([path]) not in (first, second)


def test_frames_have_no_identity(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"")
    assert as_they_are([path, pd.DataFrame()]) is None


def test_the_last_results_are_kept_and_the_oldest_goes() -> None:
    kept, made = Kept[int](2), []

    def ask(key: str) -> int:
        return kept.get(key, lambda: made.append(key) or len(made))

    assert [ask("a"), ask("b"), ask("a"), ask("c"), ask("a"), ask("b")] == [1, 2, 1, 3, 1, 4]
    assert made == ["a", "b", "c", "b"]


def test_what_is_too_large_is_not_kept() -> None:
    kept, made = Kept[int](2), []
    for _ in range(2):
        kept.get("a", lambda: made.append(1) or 5, lambda found: found < 5)
    assert made == [1, 1]
