"""Output on terminals that cannot show all of it."""

# ruff: noqa: RUF001
from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dunnhumby_pipeline.words.terminal import print_what_can_be


def printed(encoding: str, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a terminal of `encoding` is sent, read back."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    print_what_can_be()
    print(text, end="")
    stream.flush()
    return stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("encoding", "text", "shown"),
    [
        ("ascii", "−$0.06 (−0.38 to 0.26)", "-$0.06 (-0.38 to 0.26)"),
        ("cp1252", "−$0.06 “above break-even”", "-$0.06 “above break-even”"),
        ("ascii", "“above break-even” … ≥ 2 × ∞", '"above break-even" ... >= 2 x inf'),
        ("latin-1", "Café – 漢字", "Café - ??"),
        ("ascii", "⠋ fit_segments", "? fit_segments"),
        ("utf-8", "−$0.06 漢字", "−$0.06 漢字"),
        # A file's name that is no text of the encoding that the system says it has.
        ("utf-8", "raw/\udcff.csv", "raw/?.csv"),
        ("cp437", "R² −1 ≤ 3×", "R² -1 ≤ 3x"),
    ],
)
def test_what_an_encoding_lacks_is_replaced(
    encoding: str, text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(encoding, text, monkeypatch) == shown


@pytest.mark.parametrize(
    ("encoding", "arguments"),
    [
        ("cp1252", ["--help"]),
        ("cp437", ["run", "--help"]),
        ("ascii", ["validate", "r\N{LATIN SMALL LETTER E WITH ACUTE}−漢"]),
    ],
)
def test_no_encoding_ends_the_command(encoding: str, arguments: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "DUNNHUMBY_HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-m", "dunnhumby_pipeline.cli", *arguments], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == (0 if "--help" in arguments else 2), ended.stderr
    assert b"UnicodeEncodeError" not in ended.stdout + ended.stderr
    assert ended.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_json_is_the_same_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "“raw” ≥ 漢")
    ended = subprocess.run(
        [sys.executable, "-m", "dunnhumby_pipeline.cli", "validate", folder, "--json"],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "DUNNHUMBY_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 2
    assert json.loads(ended.stdout.decode(encoding))["folder"] == folder
