"""Any table against its contract: seen to pass, and to fail in each way in which a table can break one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text
from dunnhumby_pipeline.orchestration.checks.contract import schema_and_keys
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict

SCORES = Table(
    "scores",
    "scores",
    "score",
    "Scores.",
    key=("household_key", "campaign"),
    columns=(
        integer("household_key", "household"),
        text("campaign", "campaign"),
        number("score", "score"),
        flag("chosen", "whether it was chosen"),
        text("remark", "remark", nullable=True),
        number("bound", "bound, where asked for", optional=True),
        number("factor_", "weight of a factor", many=True),
    ),
)
ROWS: dict[str, pa.Array] = {
    "household_key": pa.array([1, 1, 2]),
    "campaign": pa.array(["8", "13", "8"]),
    "score": pa.array([0.5, -1.0, 2.0]),
    "chosen": pa.array([True, False, True]),
    "remark": pa.array(["seen", None, None]),
    "factor_1": pa.array([0.1, 0.2, 0.3]),
    "factor_2": pa.array([0.0, 0.0, 0.0]),
}


def judged(folder: Path, rows: dict[str, pa.Array], table: Table = SCORES) -> Verdict:
    pq.write_table(pa.table(rows), folder / "scores.parquet", row_group_size=2)
    return schema_and_keys(table, folder / "scores.parquet")


def test_a_table_that_keeps_its_contract_passes(tmp_path: Path) -> None:
    assert judged(tmp_path, ROWS) == Verdict(
        True, "3 rows, 7 columns, keys unique", {"n_rows": 3, "n_nulls": 0, "n_repeated_keys": 0}
    )


@pytest.mark.parametrize(
    "rows",
    [
        {"household_key": pa.array([1, 1, 2], pa.int8())},
        {"household_key": pa.array([1, 1, 2], pa.uint32())},
        {"campaign": pa.array(["8", "13", "8"], pa.large_string())},
        {"campaign": pa.array(["8", "13", "8"]).dictionary_encode()},
        {"score": pa.array([1, 2, 3], pa.float32())},
        {"remark": pa.nulls(3)},
        {"bound": pa.array([1.0, 2.0, 3.0])},
    ],
    ids=lambda rows: " ".join(f"{name} {found.type}" for name, found in rows.items()),
)
def test_what_holds_the_same_values_passes(tmp_path: Path, rows: dict[str, pa.Array]) -> None:
    found = judged(tmp_path, {**ROWS, **rows})
    assert found.passed, found.message


def test_a_table_without_rows_keeps_its_contract(tmp_path: Path) -> None:
    found = judged(tmp_path, {name: pa.nulls(0) for name in ROWS})
    assert (found.passed, found.message) == (True, "0 rows, 7 columns, keys unique")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"score": None, "chosen": None}, "lacks score, chosen"),
        ({"colour": pa.array(["red"] * 3)}, "has colour, which nothing promises"),
        ({"score": pa.array(["a", "b", "c"])}, "score is string, expected DOUBLE"),
        ({"household_key": pa.array([1.0, 1.0, 2.0])}, "household_key is double, expected BIGINT"),
        ({"chosen": pa.array([1, 0, 1])}, "chosen is int64, expected BOOLEAN"),
        ({"campaign": pa.array([8, 13, 8])}, "campaign is int64, expected VARCHAR"),
        ({"score": pa.nulls(3)}, "score is null, expected DOUBLE"),
        ({"factor_2": pa.array(["a", "b", "c"])}, "factor_2 is string, expected DOUBLE"),
        ({"score": pa.array([0.5, None, None])}, "2 nulls in score"),
        ({"factor_1": pa.array([0.1, 0.2, None])}, "1 nulls in factor_1"),
        ({"campaign": pa.array(["8", "8", "8"])}, "1 repeated keys (household_key, campaign)"),
    ],
    ids=[
        *("missing column", "extra column", "text for a number", "decimals for a whole number"),
        *("number for a flag", "number for text", "nothing at all", "one of many columns"),
        *("null", "null in one of many columns", "duplicate key"),
    ],
)
def test_a_table_that_breaks_its_contract_fails(tmp_path: Path, rows: dict[str, pa.Array | None], message: str) -> None:
    found = judged(tmp_path, {name: column for name, column in {**ROWS, **rows}.items() if column is not None})
    assert (found.passed, found.message) == (False, f"{message}: not what scores promises")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    columns = judged(tmp_path, {"household_key": pa.array(["a"]), "colour": pa.array([1])})
    assert columns.message == (
        "lacks campaign, score, chosen, remark; household_key is string, expected BIGINT; "
        "has colour, which nothing promises: not what scores promises"
    )
    rows = judged(tmp_path, {**ROWS, "campaign": pa.array([None, None, "8"], pa.string())})
    assert rows.message == ("2 nulls in campaign; 1 repeated keys (household_key, campaign): not what scores promises")
    assert rows.metrics == {"n_rows": 3, "n_nulls": 2, "n_repeated_keys": 1}


def test_nulls_are_counted_where_the_file_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.table({**ROWS, "score": pa.array([0.5, None, 1.0])}), path, write_statistics=False)
    assert schema_and_keys(SCORES, path).message == "1 nulls in score: not what scores promises"


def test_a_table_without_a_key_may_repeat_its_rows(tmp_path: Path) -> None:
    table = Table("notes", "notes", "note", "Notes.", columns=(text("note", "note"),))
    assert judged(tmp_path, {"note": pa.array(["same", "same"])}, table).passed
