"""Input that cannot be used: the command says why and ends with 2, whether it validates or runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dunnhumby_pipeline_tests.fakes.journeys import COLA, RAW, changed, line, write_raw
from dunnhumby_pipeline_tests.fakes.studies import command

LINES = [line(1, 1000 + place, 10 + place % 5, COLA, sales=1 + place) for place in range(200)]
UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "a row cut short": ({"promotions": "PRODUCT_ID,STORE_ID,WEEK_NO,display,mailer\n1,2,3\n"}, "found 3 of 5 values"),
    "rounded ids": ({"coupons": changed("coupons", 2, COUPON_UPC="1.00001E+10")}, "every digit of the id"),
    "a campaign without a first day": ({"campaigns": changed("campaigns", 2, START_DAY="")}, "START_DAY = blank"),
    "targets of a campaign without dates": (
        {"campaign_targets": [*RAW["campaign_targets"], ("TypeA", 2, 99)]},
        "found CAMPAIGN 99",
    ),
    "too many rejects": ({"transactions": [line(1, 1, 10, COLA, 0), *LINES[:9]]}, "journey.max_reject_share"),
    "discounts of the other sign": ({"transactions": [(*row[:7], 0.5, *row[8:]) for row in LINES]}, "RETAIL_DISC"),
    "no valid row": ({"demographics": [("", "", "", "", "", "", "", "one")]}, "at least one valid row"),
    "a file that is missing": ({"products": None}, "product.csv"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_run_ends_as_a_validation_does(tmp_path: Path, case: str) -> None:
    overrides, reason = UNUSABLE[case]
    raw = write_raw(tmp_path / "raw", **{"transactions": LINES, **overrides})
    examined = command("validate", raw)
    ran = command("run", "--raw", raw, "--home", tmp_path / "home", "--select", "key:transactions")
    assert (examined.exit_code, ran.exit_code) == (2, 2)
    for shown in (examined.output, ran.output):
        assert "".join(reason.split()) in "".join(shown.split())


def test_copied_households_are_counted_and_warned_of(tmp_path: Path) -> None:
    lines = [
        line(key, 1000 * key + place, 10 + place % 5, COLA, sales=key + place) for key in (1, 2) for place in range(30)
    ]
    copied = [(row[0] + 900, row[1] + 90_000, *row[2:]) for row in lines if row[0] == 2]
    raw = write_raw(tmp_path / "raw", transactions=[*lines, *copied])
    home = tmp_path / "home"
    ran = command("run", "--raw", raw, "--home", home, "--select", "key:transactions or key:household_copies")
    assert ran.exit_code == 0, ran.output
    found = pd.read_parquet(home / "warehouse" / "household_copies.parquet")
    assert found.to_dict("records") == [
        {"household_key": 2, "cluster": 2, "copy_of": 902, "n_lines": 30, "share": 1.0},
        {"household_key": 902, "cluster": 2, "copy_of": 2, "n_lines": 30, "share": 1.0},
    ]
    assert "household_copies.households_distinct" in "".join(ran.output.split())
