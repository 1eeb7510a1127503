"""CSV files that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.engine.spreadsheet import FORMULA, write_csv


def cells(frame: pd.DataFrame, folder: Path) -> list[list[str]]:
    write_csv(frame, folder / "file.csv")
    with (folder / "file.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("mark", FORMULA)
@pytest.mark.parametrize("dtype", ["object", "str", "category"])
def test_text_that_would_be_a_formula_gets_a_quote(tmp_path: Path, mark: str, dtype: str) -> None:
    text = [f"{mark}SUM(A1)", "plain", f"in{mark}side", None, f"{mark}SUM(A1)"]
    frame = pd.DataFrame({"number": [-1.5, 2.0, np.nan, 4.0, 5.0], "text": pd.Series(text, dtype=dtype)})
    rows = cells(frame, tmp_path)
    assert [row[1] for row in rows[1:]] == [f"'{mark}SUM(A1)", "plain", f"in{mark}side", "", f"'{mark}SUM(A1)"]
    assert [row[0] for row in rows[1:]] == ["-1.5", "2.0", "", "4.0", "5.0"], "numbers stay numbers"
    assert frame["text"].iloc[0] == text[0], "the frame itself is left alone"


def test_names_of_columns_are_cells_too(tmp_path: Path) -> None:
    rows = cells(pd.DataFrame({"=cmd": [1], "segment": ["x"]}, index=[7]), tmp_path)
    assert rows == [["'=cmd", "segment"], ["1", "x"]]


def test_letters_of_all_scripts_and_no_rows_are_written(tmp_path: Path) -> None:
    assert cells(pd.DataFrame({"name": ["Zoë, 字"]}), tmp_path) == [["name"], ["Zoë, 字"]]
    assert cells(pd.DataFrame({"name": pd.Series(dtype="str"), "n": pd.Series(dtype="int64")}), tmp_path) == [
        ["name", "n"]
    ]
    write_csv(pd.DataFrame({"a": ["x", None], "b": [True, False]}), tmp_path / "file.csv")
    assert (tmp_path / "file.csv").read_bytes() == b"a,b\nx,True\n,False\n"
