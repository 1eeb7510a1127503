"""Files that can be read and still must not be used: too much would be left out, or who is treated would change."""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from dunnhumby_pipeline.journey.source import JourneyError
from dunnhumby_pipeline.settings import JourneySettings
from dunnhumby_pipeline_tests.fakes.findings import Finding, examined, new_findings, refusal
from dunnhumby_pipeline_tests.fakes.journeys import CAKE, COLA, FILES, RAW, changed, line, load, read_table, write_raw

STRICT = "Fix these rows: leaving one out would change which households count as treated."
UNLISTED = "which it does not list. Add it to campaign_desc.csv."
DATES, TARGETS = "campaign_desc.csv, column", "campaign_table.csv, column"
DAY_NUMBER = "a whole number, at most 2,147,483,647"


def _strict(where: str, expected: str, rule: str) -> str:
    fix = "Leave each key once in the file, with the values that are true." if rule == "duplicate_key" else STRICT
    return f"{where}: expected {expected}, found 1 row(s) that break the rule '{rule}'. {fix}"


CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "campaign whose first day is a date": (
        {"campaigns": changed("campaigns", 2, START_DAY="2017-03-01")},
        [_strict(f"{DATES} START_DAY, row 2: START_DAY = '2017-03-01'", DAY_NUMBER, "not_a_number")],
    ),
    "campaign listed twice": (
        {"campaigns": [*RAW["campaigns"], ("TypeA", 8, 61, 76)]},
        [_strict(f"{DATES} CAMPAIGN, row 7: CAMPAIGN 8 again", "each key once", "duplicate_key")],
    ),
    "target without a household": (
        {"campaign_targets": changed("campaign_targets", 3, household_key="")},
        [_strict(f"{TARGETS} household_key, row 3: household_key = blank", "a value", "missing")],
    ),
    "household targeted twice by one campaign": (
        {"campaign_targets": [*RAW["campaign_targets"], ("TypeA", 2, 8)]},
        [
            _strict(
                f"{TARGETS} household_key, CAMPAIGN, row 9: household_key 2 CAMPAIGN 8 again",
                "each key once",
                "duplicate_key",
            )
        ],
    ),
    "target of campaigns without dates": (
        {"campaign_targets": [*RAW["campaign_targets"], ("TypeA", 2, 99), ("TypeA", 4, 99), ("TypeB", 6, 98)]},
        [
            f"{TARGETS} CAMPAIGN, row 11: expected a row in campaign_desc.csv, found CAMPAIGN 98, {UNLISTED}",
            f"{TARGETS} CAMPAIGN, rows 9, 10: expected a row in campaign_desc.csv, found CAMPAIGN 99, {UNLISTED}",
        ],
    ),
    "many targets of a campaign without dates": (
        {"campaign_targets": [*RAW["campaign_targets"], *[("TypeA", key, 99) for key in range(1, 7)]]},
        [
            f"{TARGETS} CAMPAIGN, rows 9, 10 and 4 more: expected a row in campaign_desc.csv, "
            f"found CAMPAIGN 99, {UNLISTED}"
        ],
    ),
    "redemption of a campaign without dates": (
        {"coupon_redemptions": [*RAW["coupon_redemptions"], (1, 70, 51700010076, 98)]},
        [
            "coupon_redempt.csv, column CAMPAIGN, row 5: expected a row in campaign_desc.csv, "
            f"found CAMPAIGN 98, {UNLISTED}"
        ],
    ),
    "campaign with two types": (
        {"campaign_targets": [["TypeC", *row[1:]] if row[2] == 8 else row for row in RAW["campaign_targets"]]},
        [
            f"{TARGETS} DESCRIPTION, rows 3, 4: expected the type of campaign 8 in campaign_desc.csv, TypeA, "
            "found TypeC. Make the two files agree: the type decides in which study a household counts as treated."
        ],
    ),
    "several at once": (
        {
            "campaigns": [("TypeD", 8, 60, 75), ("TypeC", 30, "", 15), ("TypeA", 13, 80, 70), *RAW["campaigns"][3:]],
            "campaign_targets": [*RAW["campaign_targets"], ("TypeA", "two", 8), ("TypeB", 5, 40)],
        },
        [
            _strict(
                f"{DATES} END_DAY, row 4: END_DAY = '70', START_DAY = '80'",
                "an END_DAY on or after START_DAY",
                "ends_before_start",
            ),
            _strict(f"{DATES} START_DAY, row 3: START_DAY = blank", "a value", "missing"),
            _strict(
                f"{DATES} DESCRIPTION, row 2: DESCRIPTION = 'TypeD'", "one of TypeA, TypeB, TypeC", "unknown_value"
            ),
            _strict(
                f"{TARGETS} household_key, row 9: household_key = 'two'",
                "a whole number, at most 9,223,372,036,854,775,807",
                "not_a_number",
            ),
            f"{TARGETS} CAMPAIGN, row 10: expected a row in campaign_desc.csv, found CAMPAIGN 40, {UNLISTED}",
        ],
    ),
    "no row that is sound": (
        {"transactions": [(*row[:5], str(row[5]).replace(".", ","), *row[6:]) for row in RAW["transactions"]]},
        [
            "transaction_data.csv: expected at least one valid row, found 27 of 27 rejected: "
            "27 by 'not_a_number' (a number), row 2: SALES_VALUE = '4,0'; row 3: SALES_VALUE = '2,0'; "
            "row 4: SALES_VALUE = '20,0'. Fix the file."
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_would_change_who_is_treated_or_leaves_nothing_stops_the_load(tmp_path: Path, case: str) -> None:
    overrides, messages = CASES[case]
    assert refusal(write_raw(tmp_path / "raw", **overrides), tmp_path / "staged") == messages


def test_coupons_of_a_campaign_without_dates_are_left_out_however_many(tmp_path: Path) -> None:
    undated = [(upc, COLA, 98) for upc in range(1, 8)]
    folder = write_raw(tmp_path / "raw", transactions=_lines(0), coupons=[*RAW["coupons"], *undated, (9, CAKE, 97)])
    journey = load(folder, tmp_path / "staged", JourneySettings())
    assert read_table(journey.tables["coupons"], "coupons")["campaign"].isin([98, 97]).sum() == 0
    (found,) = [each for each in new_findings(journey.inspection) if each.rule == "not_in_campaigns"]
    assert found == Finding(
        "coupons",
        "not_in_campaigns",
        "campaign",
        "a row in campaign_desc.csv",
        "rejected",
        8,
        "CAMPAIGN 97 (row 13); CAMPAIGN 98 (rows 6, 7 and 5 more): a coupon of a campaign without dates is left out",
    )
    left_out = journey.inspection.rejected_rows.query("rule == 'not_in_campaigns'")
    assert left_out["row"].tolist() == list(range(6, 14))
    assert json.loads(left_out["raw_row"].iloc[0]) == {"COUPON_UPC": "1", "PRODUCT_ID": str(COLA), "CAMPAIGN": "98"}
    (report,) = [report for report in journey.inspection.tables if report.name == "coupons"]
    assert (report.n_rows, report.n_kept) == (12, 4)


# ------------------------------------------------------------------------------ ids that lost digits

WHOLE_IDS = "Export the file again, without a spreadsheet or with the column formatted as a whole number."


@pytest.mark.parametrize(
    "places",
    [
        # One of every file, and then the other columns of those that have several.
        {
            "campaigns": (2, "CAMPAIGN"),
            "campaign_targets": (3, "household_key"),
            "coupon_redemptions": (2, "COUPON_UPC"),
            "coupons": (2, "COUPON_UPC"),
            "demographics": (2, "household_key"),
            "products": (4, "PRODUCT_ID"),
            "promotions": (2, "STORE_ID"),
            "transactions": (2, "BASKET_ID"),
        },
        {"coupons": (3, "PRODUCT_ID"), "products": (4, "MANUFACTURER"), "transactions": (5, "household_key")},
        {"transactions": (5, "STORE_ID")},
    ],
    ids=["every file", "second columns", "third column"],
)
def test_an_id_that_a_spreadsheet_rounded_is_refused(tmp_path: Path, places: dict[str, tuple[int, str]]) -> None:
    cells = dict(zip(places, cycle(["1.00001E+10", "2.6985e10", "5E+10", "1.50E+05", "1,00001E+10"]), strict=False))
    overrides: dict[str, Any] = {
        table: changed(table, row, **{header: cells[table]}) for table, (row, header) in places.items()
    }
    folder = write_raw(tmp_path / "raw", **overrides)
    with pytest.raises(JourneyError) as refused:
        load(folder, tmp_path / "staged")
    messages = [str(problem) for problem in refused.value.problems if "spreadsheet" in str(problem)]
    assert sorted(messages) == sorted(
        f"{FILES[table]}, column {header}, row {row}: {header} = '{cells[table]}': expected every digit of the id, "
        "found 1 row(s) with an id in scientific notation, rounded as a spreadsheet shows it: the digits left out are "
        f"lost, and different ids become the same one. {WHOLE_IDS}"
        for table, (row, header) in places.items()
    )


def test_rounded_baskets_are_not_blamed_on_repeated_keys(tmp_path: Path) -> None:
    lines = [line(1, 1000 + place, 10, COLA) for place in range(40)]
    rounded = [(row[0], "2.69849E+10", *row[2:]) for row in lines]
    (message,) = refusal(write_raw(tmp_path / "raw", transactions=rounded), tmp_path / "staged", JourneySettings())
    assert message.startswith("transaction_data.csv, column BASKET_ID, row 2: BASKET_ID = '2.69849E+10'; row 3: ")
    assert "found 40 row(s) with an id in scientific notation" in message


def test_an_id_whose_digits_are_all_there_is_read(tmp_path: Path) -> None:
    cells = {"1e1": 10, "1E+05": 100_000, "2.6984851472e10": 26_984_851_472}
    rows = [*((cell, 1, "GROCERY", "National", "A", "B", "") for cell in cells), *RAW["products"]]
    journey = load(write_raw(tmp_path / "raw", products=rows), tmp_path / "staged")
    assert set(cells.values()) <= set(read_table(journey.tables["products"], "products")["product_id"])


def test_a_refused_load_leaves_earlier_tables_as_they_were(tmp_path: Path) -> None:
    staging = tmp_path / "staged"
    load(write_raw(tmp_path / "good"), staging)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in staging.iterdir()}
    with pytest.raises(JourneyError, match=r"^campaign_desc\.csv, column START_DAY"):
        load(write_raw(tmp_path / "bad", campaigns=changed("campaigns", 2, START_DAY="")), staging)
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in staging.iterdir()} == before


# ------------------------------------------------------------------------- how much may be left out

N_LINES = 200


def _lines(n_rejected: int, n_later: int = 0) -> list[tuple[Any, ...]]:
    """Lines of which the first have no quantity, and the next no such time."""
    lines = [line(1, 1000 + place, 10, COLA) for place in range(N_LINES)]
    for place in range(n_rejected):
        lines[place] = line(1, 1000 + place, 10, COLA, quantity=0)
    for place in range(n_rejected, n_rejected + n_later):
        lines[place] = line(1, 1000 + place, 10, COLA, time=1299)
    return lines


@pytest.mark.parametrize(("share", "n_rejected", "n_later"), [(0.3, 20, 40), (0, 0, 0), (0.07, 14, 0)])
def test_rejects_just_at_the_limit_load(tmp_path: Path, share: float, n_rejected: int, n_later: int) -> None:
    folder = write_raw(tmp_path / "raw", transactions=_lines(n_rejected, n_later))
    journey = load(folder, tmp_path / "staged", JourneySettings(max_reject_share=share))
    written = read_table(journey.tables["transactions"], "transactions")
    assert len(written) == N_LINES - n_rejected - n_later


def test_one_reject_above_the_limit_is_refused_with_every_rule(tmp_path: Path) -> None:
    folder = write_raw(tmp_path / "raw", transactions=_lines(2, 1))
    assert refusal(folder, tmp_path / "staged", JourneySettings()) == [
        "transaction_data.csv: expected at most 0.01 of the rows rejected (journey.max_reject_share), "
        "found 3 of 200 rejected: 2 by 'no_quantity' (a quantity above 0), row 2: QUANTITY = '0'; row 3: "
        "QUANTITY = '0'; 1 by 'not_a_time' (minutes from 0 to 59), row 4: TRANS_TIME = '1299'. "
        "Fix the file, or raise the setting if these rows may be dropped."
    ]


def test_blank_rows_are_not_counted_among_the_rows(tmp_path: Path) -> None:
    people = [("", "", "", "", "", "", "", key) for key in range(1, 101)]
    padding = [("",) * 8] * 900
    settings = JourneySettings(max_reject_share=0.01)
    lines = _lines(0)
    good = write_raw(tmp_path / "good", transactions=lines, demographics=[*people[:99], *padding, people[0]])
    assert examined(good, settings).problems == ()
    bad = write_raw(tmp_path / "bad", transactions=lines, demographics=[*people[:98], *padding, *people[:2]])
    (message,) = refusal(bad, tmp_path / "staged", settings)
    assert message.startswith("hh_demographic.csv: expected at most 0.01 of the rows rejected (journey.max_reject_")
    assert "found 2 of 100 rejected: 2 by 'duplicate_key' (each key once), row 1000: household_key 1" in message


# --------------------------------------------------------------------------------- signs of discounts


def test_discounts_of_the_wrong_sign_throughout_are_refused_column_by_column(tmp_path: Path) -> None:
    lines = [line(1, 1000 + place, 10, COLA, retail=0.5, match=0.25 * (place < 1)) for place in range(N_LINES)]
    folder = write_raw(tmp_path / "raw", transactions=lines)
    expected = "expected discounts of at most 0, but for 0.01 of them (journey.max_reject_share)"
    fix = "Change the sign of the column, or raise the setting if these discounts may be set to 0."
    # The match is one line in 200: few of the rows, and yet every match there is.
    assert refusal(folder, tmp_path / "staged", JourneySettings()) == [
        f"transaction_data.csv, column RETAIL_DISC: {expected}, found 200 of 200 above 0. {fix}",
        f"transaction_data.csv, column COUPON_MATCH_DISC: {expected}, found 1 of 1 above 0. {fix}",
    ]


def test_noise_above_zero_is_set_to_zero_however_much_of_it_there_is(tmp_path: Path) -> None:
    lines = [line(1, 1000 + place, 10, COLA, retail=1e-15 if place else -1.0) for place in range(N_LINES)]
    journey = load(write_raw(tmp_path / "raw", transactions=lines), tmp_path / "staged", JourneySettings())
    written = read_table(journey.tables["transactions"], "transactions")
    assert written["retail_disc"].tolist() == [1.0] + [0.0] * (N_LINES - 1)
    (repaired,) = journey.inspection.rejects.query("rule == 'positive_discount'").itertuples()
    assert (repaired.column, repaired.n, repaired.share) == ("retail_disc", N_LINES - 1, (N_LINES - 1) / N_LINES)
