"""Warnings that are expected are not printed, in this process or in those that it starts; any other is."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from dunnhumby_pipeline.orchestration.platform.quiet import EXPECTED, expect

# Python reads its variable at commas and colons.
MESSAGES = {
    "as dagster": f"{EXPECTED[0]}, and may have breaking changes: in minor versions",
    "as scikit-learn": "The least populated class in y has only 3 members, which is less than n_splits=5.",
}


@pytest.fixture
def expecting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "default::DeprecationWarning")


@pytest.mark.usefixtures("expecting")
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_expected_warnings_are_not_printed_here_or_in_workers(message: str) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        expect()
        expect()
        warnings.warn(message, UserWarning, stacklevel=1)
        warnings.warn("overflow encountered in exp", RuntimeWarning, stacklevel=1)
        warned = f"warnings.warn({message!r}); warnings.warn('another'); warnings.warn('old', DeprecationWarning)"
        code = f"import warnings; {warned}"
        worker = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [str(each.message) for each in seen] == ["overflow encountered in exp"]
    assert message[:30] not in worker.stderr
    assert "UserWarning: another" in worker.stderr and "DeprecationWarning: old" in worker.stderr
    assert "Invalid -W option" not in worker.stderr


def test_expected_warnings_are_told_by_words_that_python_can_read() -> None:
    assert not [beginning for beginning in EXPECTED if set(beginning) & set(",:")]
