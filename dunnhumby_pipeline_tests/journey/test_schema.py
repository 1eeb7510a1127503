"""What the schema declares holds together, and its weeks are those of the feature columns."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.duck import run
from dunnhumby_pipeline.features.windows import week_of
from dunnhumby_pipeline_tests.fakes.journeys import ONE_THREAD


@pytest.mark.parametrize(("day", "week"), [(1, 1), (5, 1), (6, 2), (12, 2), (13, 3), (285, 41), (286, 42), (711, 102)])
def test_week_of_a_day(day: int, week: int) -> None:
    assert schema.week_of_day(day) == week


def test_the_column_form_gives_the_same_week_for_every_day() -> None:
    days = pd.DataFrame({"day": np.arange(1, 712, dtype="int32")})
    table = ibis.table({"day": "int32"}, name="days")
    weeks = run(table.mutate(week=week_of(table.day)).order_by("day"), {"days": days}, ONE_THREAD)["week"]
    assert weeks.tolist() == [schema.week_of_day(day) for day in range(1, 712)]
    assert weeks.value_counts().drop([1, 102]).eq(7).all()
    assert (weeks == 1).sum() == 5


@pytest.mark.parametrize("table", schema.TABLES, ids=lambda table: table.name)
def test_keys_orders_references_and_rules_name_columns_that_are_there(table: schema.Table) -> None:
    assert {*table.key, *table.order} <= set(table.column_names)
    assert {column for rule in table.rules for column in (rule.column, *rule.beside)} <= set(table.column_names)
    for reference in table.references:
        assert set(reference.columns) <= set(table.column_names)
        assert set(reference.columns) <= set(schema.table(reference.table).column_names)
    assert all(not table.column(name).nullable for name in (*table.key, *table.order))


def test_a_table_or_a_column_that_is_not_there() -> None:
    with pytest.raises(KeyError, match="no table is called receipts; there are transactions, products, promotions"):
        schema.table("receipts")
    with pytest.raises(KeyError, match="coupons has no column price"):
        schema.COUPONS.column("price")
