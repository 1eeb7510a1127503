"""What the eight tables are: names, types, ranges, keys and references, declared once.

Reading, casting, validation, asset checks and the simulator all work from `TABLES`.
Nothing here touches a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["BIGINT", "INTEGER", "DOUBLE", "VARCHAR"]

CAMPAIGN_TYPES = ("TypeA", "TypeB", "TypeC")


@dataclass(frozen=True)
class Column:
    """One column: its canonical name, its header in the raw files, and what its values may be."""

    name: str
    raw: str
    type: SqlType
    meaning: str
    unit: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """`columns` of this table must exist as `columns` of table `table`."""

    columns: tuple[str, ...]
    table: str


@dataclass(frozen=True)
class Table:
    """One table: `file` is the stem of its raw file; `key` names the columns that identify a row."""

    name: str
    file: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    # A row that cannot be read stops the load: dropping it would change who counts as treated.
    strict: bool = False

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _id(name: str, raw: str, meaning: str) -> Column:
    return Column(name, raw, "BIGINT", meaning, minimum=0)


def _text(name: str, raw: str, meaning: str) -> Column:
    return Column(name, raw, "VARCHAR", meaning, nullable=True)


HOUSEHOLD = _id("household_key", "household_key", "household")
PRODUCT = _id("product_id", "PRODUCT_ID", "product")
STORE = _id("store_id", "STORE_ID", "store")
CAMPAIGN = _id("campaign", "CAMPAIGN", "campaign; ids are not chronological")
COUPON = _id("coupon_upc", "COUPON_UPC", "coupon")
DAY = Column("day", "DAY", "INTEGER", "day of the study; day 1 is the first", "day", minimum=1)
WEEK = Column("week_no", "WEEK_NO", "INTEGER", "week of the study", "week", minimum=1)
CAMPAIGN_TYPE = Column("description", "DESCRIPTION", "VARCHAR", "campaign type", values=CAMPAIGN_TYPES)

TRANSACTIONS = Table(
    "transactions",
    "transaction_data",
    "one line of a receipt; lines with quantity 0 or less are rejected",
    (
        HOUSEHOLD,
        _id("basket_id", "BASKET_ID", "one trip to a store"),
        DAY,
        WEEK,
        PRODUCT,
        Column("quantity", "QUANTITY", "BIGINT", "units bought; fuel is counted in tiny units", "units"),
        Column("sales_value", "SALES_VALUE", "DOUBLE", "what the retailer receives", "$", minimum=0),
        STORE,
        Column("retail_disc", "RETAIL_DISC", "DOUBLE", "loyalty-card discount; 0 or more once cleaned", "$"),
        Column("trans_time", "TRANS_TIME", "INTEGER", "local time as HHMM", "HHMM", minimum=0, maximum=2359),
        Column("coupon_disc", "COUPON_DISC", "DOUBLE", "manufacturer's coupon; 0 or more once cleaned", "$"),
        Column(
            "coupon_match_disc",
            "COUPON_MATCH_DISC",
            "DOUBLE",
            "the retailer's match of a manufacturer's coupon; 0 or more once cleaned",
            "$",
        ),
    ),
    key=("household_key", "basket_id", "product_id"),
    references=(Reference(("product_id",), "products"),),
)

PRODUCTS = Table(
    "products",
    "product",
    "one product",
    (
        PRODUCT,
        Column("manufacturer", "MANUFACTURER", "BIGINT", "maker", nullable=True),
        _text("department", "DEPARTMENT", "widest grouping of products"),
        Column("brand", "BRAND", "VARCHAR", "whose brand", nullable=True, values=("National", "Private")),
        _text("commodity_desc", "COMMODITY_DESC", "middle grouping"),
        _text("sub_commodity_desc", "SUB_COMMODITY_DESC", "finest grouping"),
        _text("curr_size_of_product", "CURR_SIZE_OF_PRODUCT", "package size"),
    ),
    key=("product_id",),
)

PROMOTIONS = Table(
    "promotions",
    "causal_data",
    "one product on display or in the mailer in one store and week",
    (
        PRODUCT,
        STORE,
        WEEK,
        Column("display", "display", "VARCHAR", "display location; '0' is none"),
        Column("mailer", "mailer", "VARCHAR", "mailer location; '0' is none"),
    ),
    key=("product_id", "store_id", "week_no"),
)

CAMPAIGNS = Table(
    "campaigns",
    "campaign_desc",
    "one wave: a campaign with its first and last day, ordered by its first day",
    (
        CAMPAIGN_TYPE,
        CAMPAIGN,
        # May lie before day 1: a campaign can be running when the data begin.
        Column("start_day", "START_DAY", "INTEGER", "first day", "day"),
        Column("end_day", "END_DAY", "INTEGER", "last day", "day"),
    ),
    key=("campaign",),
    strict=True,
)

CAMPAIGN_TARGETS = Table(
    "campaign_targets",
    "campaign_table",
    "one household that received one campaign",
    (CAMPAIGN_TYPE, HOUSEHOLD, CAMPAIGN),
    key=("household_key", "campaign"),
    references=(Reference(("campaign",), "campaigns"),),
    strict=True,
)

COUPONS = Table(
    "coupons",
    "coupon",
    "one product that one coupon of one campaign is good for",
    (COUPON, PRODUCT, CAMPAIGN),
    key=("coupon_upc", "product_id", "campaign"),
    references=(Reference(("campaign",), "campaigns"),),
)

COUPON_REDEMPTIONS = Table(
    "coupon_redemptions",
    "coupon_redempt",
    "one coupon redeemed by one household",
    (HOUSEHOLD, DAY, COUPON, CAMPAIGN),
    key=("household_key", "day", "coupon_upc", "campaign"),
    references=(Reference(("campaign",), "campaigns"),),
)

DEMOGRAPHICS = Table(
    "demographics",
    "hh_demographic",
    "one household that is known; missing answers are null",
    (
        _text("age_desc", "AGE_DESC", "age group"),
        _text("marital_status_code", "MARITAL_STATUS_CODE", "marital status"),
        _text("income_desc", "INCOME_DESC", "income band"),
        _text("homeowner_desc", "HOMEOWNER_DESC", "owns or rents"),
        _text("hh_comp_desc", "HH_COMP_DESC", "household composition"),
        _text("household_size_desc", "HOUSEHOLD_SIZE_DESC", "household size"),
        _text("kid_category_desc", "KID_CATEGORY_DESC", "number of children"),
        HOUSEHOLD,
    ),
    key=("household_key",),
)

TABLES: tuple[Table, ...] = (
    TRANSACTIONS,
    PRODUCTS,
    PROMOTIONS,
    CAMPAIGNS,
    CAMPAIGN_TARGETS,
    COUPONS,
    COUPON_REDEMPTIONS,
    DEMOGRAPHICS,
)


def table(name: str) -> Table:
    """The table called `name`; KeyError when there is none."""
    for candidate in TABLES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no table is called {name}; there are {', '.join(t.name for t in TABLES)}")


def week_of_day(day: int) -> int:
    """WEEK_NO of a DAY: weeks run from day 7w - 8 to day 7w - 2, so that week 1 holds days 1-5.

    The same formula is applied to columns by `features.windows.week_of`.
    """
    return (day + 8) // 7
