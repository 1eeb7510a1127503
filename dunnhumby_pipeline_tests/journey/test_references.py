"""Rows that point at nothing: kept, counted, and reported with what becomes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dunnhumby_pipeline_tests.fakes.findings import Finding, examined, new_findings
from dunnhumby_pipeline_tests.fakes.journeys import APPLE, CAKE, NEVER_LISTED, RAW, write_raw

TREATED = "never a trial: nothing is known of it"
REMARKS = [
    (
        {"products": [row for row in RAW["products"] if row[0] not in (APPLE, CAKE)]},
        [
            Finding(
                "transactions",
                "not_in_products",
                "product_id",
                "a row in product.csv",
                "kept",
                5,
                f"PRODUCT_ID {APPLE} (rows 5, 19); PRODUCT_ID {CAKE} (rows 7, 15); "
                f"PRODUCT_ID {NEVER_LISTED} (row 11): spend of category 'other'",
            ),
            Finding(
                "coupons",
                "not_in_products",
                "product_id",
                "a row in product.csv",
                "kept",
                1,
                f"PRODUCT_ID {CAKE} (row 3): a coupon for a product that is not known",
            ),
        ],
    ),
    (
        {"campaign_targets": [*RAW["campaign_targets"], ("TypeA", 77, 8), ("TypeB", 77, 27)]},
        [
            Finding(
                "campaign_targets",
                "not_in_transactions",
                "household_key",
                "a row in transaction_data.csv",
                "kept",
                2,
                f"household_key 77 (rows 9, 10): {TREATED}",
            )
        ],
    ),
    (
        {"coupon_redemptions": [*RAW["coupon_redemptions"], (1, 70, 123, 8)]},
        [
            Finding(
                "coupon_redemptions",
                "not_in_coupons",
                "coupon_upc, campaign",
                "a row in coupon.csv",
                "kept",
                1,
                "COUPON_UPC 123, CAMPAIGN 8 (row 5): still a redemption of its campaign",
            )
        ],
    ),
    (
        {"coupon_redemptions": [*RAW["coupon_redemptions"], (5, 70, 51700010076, 8)]},
        [
            Finding(
                "coupon_redemptions",
                "not_in_campaign_targets",
                "household_key, campaign",
                "a row in campaign_table.csv",
                "kept",
                1,
                "household_key 5, CAMPAIGN 8 (row 5): still a redemption",
            )
        ],
    ),
    (
        {"demographics": [*RAW["demographics"], *[("", "", "", "", "", "", "", key) for key in (81, 82, 83, 84)]]},
        [
            Finding(
                "demographics",
                "not_in_transactions",
                "household_key",
                "a row in transaction_data.csv",
                "kept",
                4,
                "household_key 81 (row 4); household_key 82 (row 5); household_key 83 (row 6): "
                "described, but never analysed",
            )
        ],
    ),
]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    REMARKS,
    ids=["products", "targets", "redemptions without coupon", "redemptions not targeted", "demographics"],
)
def test_a_row_that_points_at_nothing_is_kept_and_reported(
    tmp_path: Path, overrides: dict[str, Any], expected: list[Finding]
) -> None:
    inspection = examined(write_raw(tmp_path / "raw", **overrides))
    assert new_findings(inspection) == expected
    assert inspection.problems == ()
    ((table, rows),) = overrides.items()
    (report,) = [report for report in inspection.tables if report.name == table]
    assert (report.n_rows, report.n_kept) == (len(rows), len(rows))
