"""Rows that break a rule: left out, counted, shown and kept as they are; or, where that would mislead, refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dunnhumby_pipeline.journey.inspection import inspection as inspection_module
from dunnhumby_pipeline.settings import JourneySettings
from dunnhumby_pipeline_tests.fakes.findings import (
    TINY,
    Finding,
    LeftOut,
    assert_canonical,
    examined,
    findings,
    left_out,
    new_findings,
    refusal,
)
from dunnhumby_pipeline_tests.fakes.journeys import BREAD, COLA, HEADERS, RAW, changed, line, load, write_raw

STRICT = "Fix these rows: leaving one out would change which households count as treated."
WHOLE = "a whole number, at most 9,223,372,036,854,775,807"


# Header, value, rule broken, what was expected. These are numbers, and the quick reading takes them.
OUT_OF_RANGE = [
    ("SALES_VALUE", "-2.0", "out_of_range", "at least 0"),
    ("QUANTITY", "-3", "no_quantity", "a quantity above 0"),
    ("QUANTITY", "0", "no_quantity", "a quantity above 0"),
    ("QUANTITY", "1000000000", "out_of_range", "at most 1,000,000"),
    ("QUANTITY", "1000001", "out_of_range", "at most 1,000,000"),
    ("DAY", "0", "out_of_range", "at least 1"),
    ("DAY", "-1", "out_of_range", "at least 1"),
    ("TRANS_TIME", "2561", "out_of_range", "0 to 2359"),
    ("TRANS_TIME", "-1", "out_of_range", "0 to 2359"),
    ("TRANS_TIME", "1275", "not_a_time", "minutes from 0 to 59"),
    ("household_key", "-1", "out_of_range", "at least 0"),
]
NOT_A_VALUE = [
    *OUT_OF_RANGE,
    ("DAY", None, "missing", "a value"),
    ("RETAIL_DISC", None, "missing", "a value"),
    ("SALES_VALUE", "1,99", "not_a_number", "a number"),
    ("SALES_VALUE", "NaN", "not_a_number", "a number"),
    ("COUPON_DISC", "inf", "not_a_number", "a number"),
    ("COUPON_DISC", "-inf", "not_a_number", "a number"),
    ("SALES_VALUE", "$2", "not_a_number", "a number"),
    ("QUANTITY", "1.5", "not_a_number", "a whole number, at most 1,000,000"),
    ("QUANTITY", "0.5", "not_a_number", "a whole number, at most 1,000,000"),
    ("QUANTITY", "9e99", "not_a_number", "a whole number, at most 1,000,000"),
    ("DAY", "1099511627776", "not_a_number", "a whole number, at most 2,147,483,647"),
    ("DAY", "2017-01-10", "not_a_number", "a whole number, at most 2,147,483,647"),
    ("TRANS_TIME", "12:00", "not_a_number", "a whole number, at most 2,359"),
    ("BASKET_ID", "9223372036854775808", "not_a_number", WHOLE),
    ("PRODUCT_ID", "A12", "not_a_number", WHOLE),
    ("household_key", "  ", "missing", "a value"),
    ("STORE_ID", " ", "missing", "a value"),
]


@pytest.mark.parametrize("bad", [OUT_OF_RANGE, NOT_A_VALUE], ids=["read quickly", "read carefully"])
def test_a_line_with_a_bad_value_is_left_out_and_the_rest_loads(
    tmp_path: Path, bad: list[tuple[str, str | None, str, str]]
) -> None:
    n_good = len(RAW["transactions"])
    lines = [list(line(1, 9000 + place, 10, BREAD)) for place in range(len(bad))]
    for given, (header, value, _, _) in zip(lines, bad, strict=True):
        given[HEADERS["transactions"].index(header)] = value
    folder = write_raw(tmp_path / "raw", transactions=[*RAW["transactions"], *lines])
    journey = load(folder, tmp_path / "staged")
    assert_canonical(journey)

    out = [
        LeftOut("transactions", n_good + 2 + place, rule, header.lower(), value)
        for place, (header, value, rule, _) in enumerate(bad)
    ]
    headers = {name.lower(): name for name in HEADERS["transactions"]}
    tiny = [
        LeftOut("transactions", 22, "no_quantity", "quantity", "0"),
        LeftOut("transactions", 28, "no_quantity", "quantity", "-1"),
    ]
    assert left_out(journey.inspection, headers) == [*tiny, *out]

    expected = {(rule, header.lower()): words for header, _, rule, words in bad}
    named = [*tiny, *out]
    found = [finding for finding in findings(journey.inspection) if finding.action == "rejected"]
    assert sorted(found) == sorted(
        Finding("transactions", rule, column, words, "rejected", len(same), _examples(same, headers[column]))
        for (rule, column), words in expected.items()
        for same in [[row for row in named if (row.rule, row.column) == (rule, column)]]
    )


def _examples(rows: list[LeftOut], header: str) -> str:
    shown = [repr(row.value) if row.value and row.value.strip() else "blank" for row in rows[:3]]
    return "; ".join(f"row {row.row}: {header} = {value}" for row, value in zip(rows, shown, strict=False))


def test_a_week_that_is_not_that_of_the_day(tmp_path: Path) -> None:
    lines = list(RAW["transactions"])
    for row, values in ((3, {"WEEK_NO": 3}), (4, {"WEEK_NO": 1}), (5, {"DAY": 2_147_483_647})):
        lines[row - 2] = changed("transactions", row, **values)[row - 2]
    folder = write_raw(tmp_path / "raw", transactions=lines)
    assert new_findings(examined(folder)) == [
        Finding(
            "transactions",
            "week_disagrees",
            "week_no",
            "the week of its DAY, (DAY + 8) // 7",
            "rejected",
            3,
            "row 3: WEEK_NO = '3', DAY = '10'; row 4: WEEK_NO = '1', DAY = '10'; "
            "row 5: WEEK_NO = '2', DAY = '2147483647'",
        )
    ]


def test_fractions_of_a_unit_in_a_parquet_file_are_not_rounded(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw")
    rows = pd.DataFrame(RAW["transactions"], columns=HEADERS["transactions"]).astype({"QUANTITY": "float64"})
    rows.loc[1, "QUANTITY"] = 1.5
    (folder / "transaction_data.csv").unlink()
    rows.to_parquet(folder / "transaction_data.parquet")
    inspection = examined(folder)
    assert Finding(
        "transactions",
        "not_a_number",
        "quantity",
        "a whole number, at most 1,000,000",
        "rejected",
        1,
        "row 2: QUANTITY = '1.5'",
    ) in new_findings(inspection)
    assert left_out(inspection, {"quantity": "QUANTITY"}) == [
        LeftOut("transactions", 2, "not_a_number", "quantity", "1.5"),
        LeftOut("transactions", 21, "no_quantity", "quantity", "0.0"),
        LeftOut("transactions", 27, "no_quantity", "quantity", "-1.0"),
    ]


KEY = "household_key, basket_id, product_id"
MORE_ROWS = [
    (
        {"transactions": [*RAW["transactions"], RAW["transactions"][4]]},
        Finding(
            "transactions",
            "duplicate_key",
            KEY,
            "each key once",
            "rejected",
            1,
            "row 29: household_key 1 BASKET_ID 103 PRODUCT_ID 11 again",
        ),
        [29],
    ),
    (
        # The same key with other values: the first in order of all columns is kept, wherever it stands.
        {"transactions": [line(1, 103, 24, COLA, 7, 9.0), *RAW["transactions"]]},
        Finding(
            "transactions",
            "duplicate_key",
            KEY,
            "each key once",
            "rejected",
            1,
            "row 2: household_key 1 BASKET_ID 103 PRODUCT_ID 11 again",
        ),
        [2],
    ),
    (
        {"products": [*RAW["products"], RAW["products"][0], RAW["products"][0], RAW["products"][2]]},
        Finding(
            "products",
            "duplicate_key",
            "product_id",
            "each key once",
            "rejected",
            3,
            "row 11: PRODUCT_ID 11 again; row 12: PRODUCT_ID 11 again; row 13: PRODUCT_ID 13 again",
        ),
        [11, 12, 13],
    ),
    (
        {"coupons": [*RAW["coupons"], RAW["coupons"][1]]},
        Finding(
            "coupons",
            "duplicate_key",
            "coupon_upc, product_id, campaign",
            "each key once",
            "merged",
            1,
            "row 6: COUPON_UPC 10000085364 PRODUCT_ID 14 CAMPAIGN 26 again",
        ),
        [6],
    ),
    (
        {"products": [*RAW["products"], (20, 1, "GROCERY", "Ours", "TEA", "TEA", "")]},
        Finding(
            "products",
            "unknown_value",
            "brand",
            "one of National, Private",
            "rejected",
            1,
            "row 11: BRAND = 'Ours'",
        ),
        [11],
    ),
    (
        {"promotions": [*RAW["promotions"], (COLA, 400, 5, "B", "A")]},
        Finding(
            "promotions",
            "unknown_value",
            "display",
            "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, A",
            "rejected",
            1,
            "row 9: display = 'B'",
        ),
        [9],
    ),
    (
        {"promotions": [*RAW["promotions"], (COLA, 400, 5, "0", "a")]},
        Finding(
            "promotions",
            "unknown_value",
            "mailer",
            "one of 0, A, C, D, F, H, J, L, P, X, Z",
            "rejected",
            1,
            "row 9: mailer = 'a'",
        ),
        [9],
    ),
    (
        {"promotions": [*RAW["promotions"], (COLA, 400, 5, "", "A")]},
        Finding("promotions", "missing", "display", "a value", "rejected", 1, "row 9: display = blank"),
        [9],
    ),
    (
        {"demographics": [*RAW["demographics"], ("",) * 8, (" ",) * 8]},
        Finding(
            "demographics",
            "blank_row",
            "household_key",
            "a value in some column",
            "skipped",
            2,
            "row 4: household_key = blank; row 5: household_key = blank",
        ),
        [4, 5],
    ),
    (
        {"coupon_redemptions": [*RAW["coupon_redemptions"], (1, 0, 10000085364, 26)]},
        Finding("coupon_redemptions", "out_of_range", "day", "at least 1", "rejected", 1, "row 5: DAY = '0'"),
        [5],
    ),
]


# In one load go cases that are of different tables.
LOADS = [[0, 2, 3, 5, 8, 9], [1, 4, 6], [7]]


@pytest.mark.parametrize("cases", LOADS)
def test_a_row_that_cannot_stay_is_left_out_and_the_canonical_tables_are_the_same(
    tmp_path: Path, cases: list[int]
) -> None:
    assert sorted(case for several in LOADS for case in several) == list(range(len(MORE_ROWS)))
    together: dict[str, Any] = {}
    for overrides, _, _ in (MORE_ROWS[case] for case in cases):
        assert not together.keys() & overrides.keys()
        together |= overrides
    journey = load(write_raw(tmp_path / "raw", **together), tmp_path / "staged")
    inspection = journey.inspection
    out = inspection.rejected_rows
    for _, expected, rows in (MORE_ROWS[case] for case in cases):
        known = [TINY[3]] if expected.rule == "duplicate_key" and expected.table == "promotions" else []
        same = [found for found in findings(inspection) if (found.table, found.rule) == (expected.table, expected.rule)]
        assert same == [*known, expected]
        assert out.loc[(out["table"] == expected.table) & (out["rule"] == expected.rule), "row"].tolist() == rows
    assert_canonical(journey)


def test_the_rows_left_out_are_kept_by_the_headers_of_their_file(tmp_path: Path) -> None:
    text = "Product Id,NOTE,manufacturer,department,Brand,commodity_desc,sub_commodity_desc,curr_size_of_product\n"
    text += '11,x,1,"a ""quoted"" one, and more",Ours,B,C,\n12,x,1,A,Private,B,C,D\n'
    inspection = examined(write_raw(tmp_path / "raw", products=text))
    (raw,) = inspection.rejected_rows.query("table == 'products'")["raw_row"]
    assert json.loads(raw) == {
        "Product Id": "11",
        "manufacturer": "1",
        "department": 'a "quoted" one, and more',
        "Brand": "Ours",
        "commodity_desc": "B",
        "sub_commodity_desc": "C",
        "curr_size_of_product": None,
    }


def test_examples_stop_at_three_and_count_and_rows_do_not(tmp_path: Path) -> None:
    rows = [(*row[:5], "free", *row[6:]) if place < 5 else row for place, row in enumerate(RAW["transactions"])]
    inspection = examined(write_raw(tmp_path / "raw", transactions=rows))
    example = "; ".join(f"row {row}: SALES_VALUE = 'free'" for row in (2, 3, 4))
    found = [finding for finding in findings(inspection) if finding.rule == "not_a_number"]
    assert found == [Finding("transactions", "not_a_number", "sales_value", "a number", "rejected", 5, example)]
    assert inspection.rejected_rows["row"].tolist() == [2, 3, 4, 5, 6, 22, 28]
    share = inspection.rejects.set_index("rule").loc["not_a_number", "share"]
    assert share == 5 / len(rows)


def test_of_very_many_rows_left_out_the_first_are_kept_and_all_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection_module, "MOST_ROWS", 4)
    rows = [(*row[:5], "free", *row[6:]) if place < 9 else row for place, row in enumerate(RAW["transactions"])]
    products = [*RAW["products"], *[RAW["products"][0]] * 6]
    inspection = examined(write_raw(tmp_path / "raw", transactions=rows, products=products))
    counted = {(finding.table, finding.rule): finding.n for finding in findings(inspection)}
    assert counted["transactions", "not_a_number"] == 9
    assert counted["products", "duplicate_key"] == 6
    assert inspection.rejected_rows["row"].tolist() == [2, 3, 4, 5, 11, 12, 13, 14]


def test_answers_that_mean_none_are_counted_and_read_as_missing(tmp_path: Path) -> None:
    people = [("Unknown", "U", "U", "Renter", "Unknown", "U", "Unknown", 1), RAW["demographics"][1]]
    inspection = examined(write_raw(tmp_path / "raw", demographics=people))
    repaired = {finding.column: finding.n for finding in findings(inspection) if finding.rule == "unknown_answer"}
    assert repaired == {
        "age_desc": 1,
        "marital_status_code": 2,
        "income_desc": 1,
        "homeowner_desc": 1,
        "hh_comp_desc": 1,
        "household_size_desc": 1,
        "kid_category_desc": 1,
    }


def test_each_table_is_reported_with_its_rows_and_its_time(tmp_path: Path) -> None:
    inspection = examined(write_raw(tmp_path / "raw"))
    assert [(table.file, table.n_rows, table.n_kept, table.span) for table in inspection.tables] == [
        ("transaction_data.csv", 27, 25, "days 1 to 100"),
        ("product.csv", 9, 9, ""),
        ("causal_data.csv", 7, 6, "weeks 4 to 12"),
        ("campaign_desc.csv", 5, 5, "days -3 to 95"),
        ("campaign_table.csv", 7, 7, ""),
        ("coupon.csv", 4, 4, ""),
        ("coupon_redempt.csv", 3, 3, "days 24 to 100"),
        ("hh_demographic.csv", 2, 2, ""),
    ]


def test_inspection_of_bad_rows_raises_nothing_and_writes_nothing(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", campaigns=[("TypeZ", "x", "", "?")], promotions=[("", "", "", "q", "q")])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    inspection = examined(folder, JourneySettings())
    assert len(inspection.problems) > 2
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_refused_folder_says_so_before_anything_is_written(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", campaigns=changed("campaigns", 2, START_DAY=""))
    assert refusal(folder, tmp_path / "staged") == [
        "campaign_desc.csv, column START_DAY, row 2: START_DAY = blank: expected a value, "
        f"found 1 row(s) that break the rule 'missing'. {STRICT}"
    ]
