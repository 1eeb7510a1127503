"""Small journeys with known contents: a complete raw folder, its canonical tables, and slices of the sample."""

from __future__ import annotations

import atexit
import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from dunnhumby_pipeline.contracts import schema
from dunnhumby_pipeline.engine.duck import connect
from dunnhumby_pipeline.journey.cleaning import CleanJourney, clean
from dunnhumby_pipeline.journey.readers.raw_folder import raw_folder
from dunnhumby_pipeline.journey.readers.sample import embedded_sample
from dunnhumby_pipeline.journey.source import Source
from dunnhumby_pipeline.settings import EngineSettings, JourneySettings

ONE_THREAD = EngineSettings(threads=1)
# One bad row of a tiny file is a large share of it.
ANY_REJECTS = JourneySettings(max_reject_share=1)
Rows = Sequence[Sequence[Any]]

HEADERS: dict[str, tuple[str, ...]] = {
    "transactions": (
        "household_key",
        "BASKET_ID",
        "DAY",
        "PRODUCT_ID",
        "QUANTITY",
        "SALES_VALUE",
        "STORE_ID",
        "RETAIL_DISC",
        "TRANS_TIME",
        "WEEK_NO",
        "COUPON_DISC",
        "COUPON_MATCH_DISC",
    ),
    "products": (
        "PRODUCT_ID",
        "MANUFACTURER",
        "DEPARTMENT",
        "BRAND",
        "COMMODITY_DESC",
        "SUB_COMMODITY_DESC",
        "CURR_SIZE_OF_PRODUCT",
    ),
    "promotions": ("PRODUCT_ID", "STORE_ID", "WEEK_NO", "display", "mailer"),
    "campaigns": ("DESCRIPTION", "CAMPAIGN", "START_DAY", "END_DAY"),
    "campaign_targets": ("DESCRIPTION", "household_key", "CAMPAIGN"),
    "coupons": ("COUPON_UPC", "PRODUCT_ID", "CAMPAIGN"),
    "coupon_redemptions": ("household_key", "DAY", "COUPON_UPC", "CAMPAIGN"),
    "demographics": (
        "AGE_DESC",
        "MARITAL_STATUS_CODE",
        "INCOME_DESC",
        "HOMEOWNER_DESC",
        "HH_COMP_DESC",
        "HOUSEHOLD_SIZE_DESC",
        "KID_CATEGORY_DESC",
        "household_key",
    ),
}
FILES = {
    "transactions": "transaction_data.csv",
    "products": "product.csv",
    "promotions": "causal_data.csv",
    "campaigns": "campaign_desc.csv",
    "campaign_targets": "campaign_table.csv",
    "coupons": "coupon.csv",
    "coupon_redemptions": "coupon_redempt.csv",
    "demographics": "hh_demographic.csv",
}

COLA, BREAD, APPLE, CAKE, SOAP, WINE, KIOSK_GAS, MISC_GAS, STAMPS, NEVER_LISTED = (
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    99,
)
LAST_DAY = 100
EVERY_NTH_STORE = 8


def line(
    household: int,
    basket: int,
    day: int,
    product: int,
    quantity: int = 1,
    sales: float = 1.0,
    *,
    store: int = 400,
    retail: float = 0.0,
    time: int = 1200,
    coupon: float = 0.0,
    match: float = 0.0,
) -> tuple[Any, ...]:
    """One raw line; discounts as the files hold them, negative or 0."""
    return (household, basket, day, product, quantity, sales, store, retail, time, (day + 8) // 7, coupon, match)


# Household 1 is worked by hand in test_features. 2 makes one trip, 3 spends nothing, 4 comes steadily to the
# last day, 5 only fills its tank, 6 comes early and then again much later.
TRANSACTIONS: tuple[tuple[Any, ...], ...] = (
    line(1, 101, 10, COLA, 2, 4.00, retail=-0.50),
    line(1, 101, 10, BREAD, 1, 2.00),
    line(1, 101, 10, KIOSK_GAS, 9000, 20.00),
    line(1, 102, 10, APPLE, 3, 6.00, time=1830, coupon=-1.00, match=-0.25),
    line(1, 103, 24, COLA, 1, 2.00),
    line(1, 103, 24, CAKE, 1, 3.00, retail=-0.30),
    line(1, 103, 24, MISC_GAS, 5000, 10.00),
    line(1, 104, 80, SOAP, 1, 5.00, store=401),
    line(1, 104, 80, WINE, 1, 8.00, store=401),
    line(1, 104, 80, NEVER_LISTED, 1, 1.00, store=401),
    line(2, 201, 50, COLA, 1, 2.50, time=0),
    line(2, 201, 50, STAMPS, 2, 1.00, time=0),
    line(3, 301, 30, BREAD, 1, 0.00),
    line(3, 302, 44, CAKE, 1, 0.00),
    line(4, 401, 1, COLA, 1, 2.00, retail=1e-15),  # floating-point noise above 0, as the raw files have
    line(4, 402, 5, COLA, 1, 2.00, retail=-0.25, coupon=-0.50),
    line(4, 403, 6, BREAD, 2, 3.98),
    line(4, 404, 55, APPLE, 4, 7.96, time=2359),
    line(4, 405, 62, COLA, 2, 4.00),
    line(4, 406, 100, COLA, 1, 2.00, coupon=0.01),
    line(4, 406, 100, BREAD, 0, 0.00),  # nothing was bought
    line(5, 501, 20, KIOSK_GAS, 8000, 18.00),
    line(5, 502, 34, MISC_GAS, 7000, 15.00),
    line(6, 601, 3, WINE, 1, 9.99),
    line(6, 602, 60, SOAP, 1, 4.49, store=401),
    line(6, 603, 61, SOAP, 2, 8.98, store=401, retail=-1.00),
    line(6, 604, 90, STAMPS, -1, 5.00),  # a return
)

RAW: dict[str, Rows] = {
    "transactions": TRANSACTIONS,
    "products": (
        (COLA, 1, "GROCERY", "National", "SOFT DRINKS", "COLA", "2 LTR"),
        (BREAD, 69, "GROCERY", "Private", "BREAD", "WHITE BREAD", "20 OZ"),
        (APPLE, 2, "PRODUCE", "National", "APPLES", "APPLES, RED", ""),
        (CAKE, 69, "PASTRY", "Private", "CAKES", "CAKE: 'ROUND'", "8 IN"),
        (SOAP, 3, "DRUG GM", "National", "SOAP", "BAR SOAP", "4 OZ"),
        (WINE, 4, "SPIRITS", "National", "WINE", "RED WINE", "750 ML"),
        (KIOSK_GAS, 69, "KIOSK-GAS", "Private", "FUEL", "GASOLINE-REG UNLEADED", ""),
        (MISC_GAS, 69, "MISC SALES TRAN", "Private", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED", ""),
        (STAMPS, "", "MISC SALES TRAN", "", "POSTAGE", "STAMPS", ""),
    ),
    "promotions": (
        (SOAP, 401, 9, "5", "0"),
        (COLA, 400, 4, "0", "A"),
        (COLA, 400, 4, "9", "0"),  # the same product, store and week again
        (APPLE, 400, 9, "0", "D"),
        (WINE, 401, 12, "0", "0"),
        (SOAP, 401, 12, "A", "H"),
        (COLA, 400, 10, "0", "A"),
    ),
    "campaigns": (
        ("TypeA", 8, 60, 75),
        ("TypeC", 30, -3, 15),
        ("TypeA", 13, 80, 95),
        ("TypeA", 26, 20, 35),
        ("TypeB", 27, 50, 70),
    ),
    "campaign_targets": (
        ("TypeA", 1, 26),
        ("TypeA", 1, 8),
        ("TypeA", 2, 8),
        ("TypeA", 4, 13),
        ("TypeB", 4, 27),
        ("TypeC", 6, 30),
        ("TypeB", 6, 27),
    ),
    "coupons": ((10000085364, COLA, 26), (10000085364, CAKE, 26), (51700010076, COLA, 8), (51700010076, COLA, 13)),
    "coupon_redemptions": ((1, 24, 10000085364, 26), (1, 25, 10000085364, 26), (4, 100, 51700010076, 13)),
    "demographics": (
        ("45-54", "A", "50-74K", "Homeowner", "2 Adults Kids", "3", "1", 1),
        ("25-34", "U", "", "Unknown", "Single Female", "1", "None/Unknown", 4),
    ),
}


def write_raw(
    folder: Path,
    *,
    without: Mapping[str, Collection[str]] | None = None,
    **overrides: Rows | pd.DataFrame | str | None,
) -> Path:
    """Write the eight raw files into `folder` and return it.

    `without` names columns to leave out, by table. An override replaces a table's rows, or its whole
    file when it is a frame (its columns are the header) or a text; None leaves the file out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    left_out = without or {}
    for table, header in HEADERS.items():
        given = overrides.get(table, RAW[table])
        if given is None:
            continue
        path = folder / FILES[table]
        if isinstance(given, str):
            path.write_text(given, encoding="utf-8", newline="")
            continue
        names = tuple(given.columns) if isinstance(given, pd.DataFrame) else header
        rows = given.to_numpy() if isinstance(given, pd.DataFrame) else given
        kept = [place for place, name in enumerate(names) if name not in left_out.get(table, ())]
        with path.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow([names[place] for place in kept])
            writer.writerows([row[place] for place in kept] for row in rows)
    return folder


def changed(table: str, row: int, **values: Any) -> list[tuple[Any, ...]]:
    """The tiny table's raw rows with other values in row `row` of its file; the header is row 1."""
    rows = [list(given) for given in RAW[table]]
    for name, value in values.items():
        rows[row - 2][HEADERS[table].index(name)] = value
    return [tuple(given) for given in rows]


def canonical() -> dict[str, pd.DataFrame]:
    """What the tiny folder must become, worked out here and not by the cleaning code."""
    frames = {
        table: pd.DataFrame(list(rows), columns=[name.lower() for name in HEADERS[table]])
        for table, rows in RAW.items()
    }
    lines = frames["transactions"]
    lines = lines[lines["quantity"] > 0].copy()
    for name in ("retail_disc", "coupon_disc", "coupon_match_disc"):
        lines[name] = [-value if value < 0 else 0.0 for value in lines[name]]
    frames["transactions"] = lines.sort_values(["household_key", "day", "basket_id", "product_id"])
    promotions = frames["promotions"].groupby(["product_id", "store_id", "week_no"], as_index=False).max()
    frames["promotions"] = promotions.sort_values(["week_no", "store_id", "product_id"])
    frames["campaigns"] = frames["campaigns"].sort_values(["start_day", "campaign"])
    for table in ("campaign_targets", "coupons", "coupon_redemptions"):
        frames[table] = frames[table].sort_values(list(schema.table(table).key))
    people = frames["demographics"]
    frames["demographics"] = people.mask(people.isin(["", "U", "Unknown"])).sort_values("household_key")
    return {table: typed(frame.reset_index(drop=True), table) for table, frame in frames.items()}


def typed(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """`frame` with the columns and types that the schema declares, blank text as null."""
    kinds = {"BIGINT": "Int64", "INTEGER": "Int32", "DOUBLE": "float64", "VARCHAR": "string"}
    columns = schema.table(table).columns
    chosen = frame[[column.name for column in columns]]
    texts = [name for name, column in chosen.items() if not pd.api.types.is_numeric_dtype(column)]
    known = chosen.assign(**{name: chosen[name].mask(chosen[name] == "") for name in texts})
    return known.astype({column.name: kinds[column.type] for column in columns})


def read_table(path: Path, table: str) -> pd.DataFrame:
    """A written canonical table, in the types of `typed`."""
    return typed(pd.read_parquet(path), table)


def write_tables(folder: Path, **overrides: pd.DataFrame) -> dict[str, Path]:
    """The tiny canonical tables as parquet files; an override replaces a table."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for table, frame in {**canonical(), **overrides}.items():
        paths[table] = folder / f"{table}.parquet"
        typed(frame, table).to_parquet(paths[table], index=False)
    return paths


def load(folder: Path, staging: Path, settings: JourneySettings = ANY_REJECTS) -> CleanJourney:
    """The raw files in `folder`, cleaned into `staging`."""
    return clean_source(raw_folder(folder), staging, settings)


def clean_source(source: Source, staging: Path, settings: JourneySettings = ANY_REJECTS) -> CleanJourney:
    with connect(ONE_THREAD) as connection:
        return clean(source, staging, connection, settings)


def sample_slice(households: Sequence[int], promotion_weeks: Sequence[int]) -> Source:
    """The embedded sample with what some households did and are, and promotions of some weeks.

    Promotions are those of one store in EVERY_NTH_STORE, to keep the slice small.
    """
    chosen = f"household_key IN ({', '.join(map(str, households))})"
    by_table = {
        "transactions": chosen,
        "campaign_targets": chosen,
        "coupon_redemptions": chosen,
        "demographics": chosen,
        "promotions": f"week_no IN ({', '.join(map(str, promotion_weeks))}) AND store_id % {EVERY_NTH_STORE} = 0",
    }
    source = embedded_sample()

    def narrowed(query: str, table: str) -> str:
        return f"SELECT * FROM ({query}) WHERE {by_table[table]}"

    inputs = {
        table: replace(given, select=narrowed(given.select, table), quick=given.quick and narrowed(given.quick, table))
        if table in by_table
        else given
        for table, given in source.inputs.items()
    }
    return replace(source, inputs=inputs)


@cache
def sample_tables() -> dict[str, Path]:
    """Canonical tables of 200 households of the sample, cleaned once for all test modules."""
    folder = TemporaryDirectory(prefix="sample_")
    atexit.register(folder.cleanup)
    return clean_source(sample_slice(range(1, 2500, 12)[:200], (49, 50, 51, 89)), Path(folder.name)).tables
