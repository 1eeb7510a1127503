"""A table is read as pandas reads it, with fewer detours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.engine.tables import TableError, read_table

FRAMES = {
    "numbers": pd.DataFrame({"whole": np.arange(3, dtype="int32"), "part": [0.5, None, 2.0], "none": [None] * 3}),
    "texts": pd.DataFrame({"text": ["a", None, "ü"], "kind": pd.Categorical(["u", "v", "u"])}),
    "nullable": pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "b": pd.array([True, None], dtype="boolean")}),
    "dates": pd.DataFrame({"day": pd.to_datetime(["2020-01-01", None]), "lists": [[1], [2, 3]]}),
    "no rows": pd.DataFrame({"n": pd.Series([], dtype="int64"), "text": pd.Series([], dtype="str")}),
    "index": pd.DataFrame({"n": [1, 2]}, index=pd.Index([5, 7], name="household_key")),
    "many rows": pd.DataFrame({"n": np.arange(50_000), "text": np.array(["a", "b"] * 25_000)}),
}


@pytest.mark.parametrize("name", FRAMES)
def test_it_is_what_pandas_reads(tmp_path: Path, name: str) -> None:
    file = tmp_path / "table.parquet"
    FRAMES[name].to_parquet(file)
    own, theirs = read_table(file), pd.read_parquet(file)
    pd.testing.assert_frame_equal(own, theirs, check_exact=True)
    assert [repr(kind) for kind in own.dtypes] == [repr(kind) for kind in theirs.dtypes]
    assert read_table(file, list(own.columns)[:1]).equals(theirs.iloc[:, :1])


def test_one_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    file = tmp_path / "table.parquet"
    with pytest.raises(FileNotFoundError):
        read_table(file)
    FRAMES["numbers"].to_parquet(file)
    whole = file.read_bytes()
    for content in (b"", b"no table", whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(TableError, match=r"table\.parquet cannot be read as a table .*`dunnhumby run`"):
            read_table(file)
    with pytest.raises((TableError, FileNotFoundError)):
        read_table(tmp_path)
