"""What inspection says of the tiny folder, in a form to compare: findings, rows left out, reasons to refuse it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.journey.cleaning import CleanJourney
from dunnhumby_pipeline.journey.inspection.inspection import REJECT_COLUMNS, REJECTED_ROW_COLUMNS, Inspection, inspect
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline.settings import JourneySettings
from dunnhumby_pipeline_tests.fakes.journeys import ANY_REJECTS, NEVER_LISTED, ONE_THREAD, canonical, load, read_table


class Finding(NamedTuple):
    """A row of `Inspection.rejects` without its share."""

    table: str
    rule: str
    column: str
    expected: str
    action: str
    n: int
    example_rows: str


class LeftOut(NamedTuple):
    """A row of `Inspection.rejected_rows`; of its raw form only the column that broke the rule."""

    table: str
    row: int
    rule: str
    column: str
    value: str | None


# The zero, the return, the noise, the repeated promotion and the missing answers that the tiny folder has.
TINY = [
    Finding(
        "transactions",
        "no_quantity",
        "quantity",
        "a quantity above 0",
        "rejected",
        2,
        "row 22: QUANTITY = '0'; row 28: QUANTITY = '-1'",
    ),
    Finding("transactions", "positive_discount", "retail_disc", "at most 0", "repaired", 1, "largest 1e-15, set to 0"),
    Finding("transactions", "positive_discount", "coupon_disc", "at most 0", "repaired", 1, "largest 0.01, set to 0"),
    Finding(
        "promotions",
        "duplicate_key",
        "product_id, store_id, week_no",
        "each key once",
        "merged",
        1,
        "codes joined by max",
    ),
    Finding(
        "demographics",
        "unknown_answer",
        "marital_status_code",
        "an answer",
        "repaired",
        1,
        "'U' or 'Unknown' is read as missing",
    ),
    Finding(
        "demographics",
        "unknown_answer",
        "homeowner_desc",
        "an answer",
        "repaired",
        1,
        "'U' or 'Unknown' is read as missing",
    ),
    Finding(
        "transactions",
        "not_in_products",
        "product_id",
        "a row in product.csv",
        "kept",
        1,
        f"PRODUCT_ID {NEVER_LISTED} (row 11): spend of category 'other'",
    ),
]


def examined(folder: Path, settings: JourneySettings = ANY_REJECTS) -> Inspection:
    with connect(ONE_THREAD) as connection:
        return inspect(raw_folder(folder), connection, settings)


def findings(inspection: Inspection) -> list[Finding]:
    assert tuple(inspection.rejects.columns) == REJECT_COLUMNS
    return [Finding(*row) for row in inspection.rejects.drop(columns="share").itertuples(index=False, name=None)]


def new_findings(inspection: Inspection) -> list[Finding]:
    """What the tiny folder itself does not have."""
    return [finding for finding in findings(inspection) if finding not in TINY]


def left_out(inspection: Inspection, headers: dict[str, str]) -> list[LeftOut]:
    """Rows left out; `headers` names the header of each column that can occur."""
    assert tuple(inspection.rejected_rows.columns) == REJECTED_ROW_COLUMNS
    return [
        LeftOut(table, row, rule, column, json.loads(raw)[headers[column]])
        for table, row, rule, column, raw in inspection.rejected_rows.itertuples(index=False, name=None)
    ]


def refusal(folder: Path, staging: Path, settings: JourneySettings = ANY_REJECTS) -> list[str]:
    """Why the folder cannot be loaded. Nothing may have been written."""
    with pytest.raises(JourneyError) as refused:
        load(folder, staging, settings)
    messages = [str(problem) for problem in refused.value.problems]
    assert str(refused.value) == "\n".join(messages)
    assert not staging.exists()
    return messages


def assert_canonical(journey: CleanJourney, **expected: pd.DataFrame) -> None:
    """The written tables are those of the tiny folder, but for the tables in `expected`."""
    for name, frame in {**_canonical(), **expected}.items():
        pd.testing.assert_frame_equal(read_table(journey.tables[name], name), frame, obj=name, check_exact=True)


@cache
def _canonical() -> dict[str, pd.DataFrame]:
    return canonical()
