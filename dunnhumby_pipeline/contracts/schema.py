"""What the eight tables are: names, aliases, types, ranges, rules, keys and references, declared once.

Reading, casting, validation, asset checks, the data dictionary and the simulator all work from `TABLES`.
Nothing here touches a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SqlType = Literal["BIGINT", "INTEGER", "DOUBLE", "VARCHAR"]

CAMPAIGN_TYPES = ("TypeA", "TypeB", "TypeC")
# How programs write that there is no value, in capitals; read as missing where a value may be missing.
MISSING_WORDS = ("NA", "N/A", "#N/A", "<NA>", "NAN", "NULL", "NONE", "-")


def plain(name: str) -> str:
    """A name's letters and digits: BASKET_ID, basket_id and BasketId are one name."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


@dataclass(frozen=True)
class Column:
    """One column: its canonical name, its header in the raw files, and what its values may be.

    `aliases` are headers of other releases. `unknown` are answers that mean no answer: read as missing; `coded` are
    those of the releases with other headers, which hide answers behind codes.
    `discount`: a sum taken off the price, whose sign in the raw files is the source's to say.
    `identifier`: a number that names something, of which every digit counts.
    """

    name: str
    raw: str
    type: SqlType
    meaning: str
    unit: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    coded: tuple[str, ...] = ()
    discount: bool = False
    identifier: bool = False

    def unknown_under(self, header: str) -> tuple[str, ...]:
        """The answers that mean no answer in a file that calls the column `header`."""
        return (*self.unknown, *self.coded) if plain(header) in map(plain, self.aliases) else self.unknown


@dataclass(frozen=True)
class Rule:
    """What no row may be: SQL `broken_when` over the table's columns; `expected` says the opposite in words.

    `beside` are other columns that it looks at, to be shown beside `column`.
    """

    name: str
    column: str
    broken_when: str
    expected: str
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """`columns` of this table exist as `columns` of table `table`.

    A missing one stops the load when `required`, and leaves the row out when `rejects`, since no number could rest on
    it; otherwise the row is kept. It is counted and shown, and `without` says what becomes of it.
    """

    columns: tuple[str, ...]
    table: str
    required: bool = False
    without: str = ""
    rejects: bool = False

    @property
    def firm(self) -> bool:
        """Whether no row of a clean table lacks it."""
        return self.required or self.rejects


@dataclass(frozen=True)
class Table:
    """One table: `file` is the stem of its raw file; `key` names the columns that identify a row.

    `order` is the order of the rows on disk.
    """

    name: str
    file: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    order: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    # A row that cannot be read stops the load: dropping it would change who counts as treated.
    strict: bool = False

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def discounts(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.discount)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


def _id(name: str, raw: str, meaning: str) -> Column:
    return Column(name, raw, "BIGINT", meaning, minimum=0, identifier=True)


def _text(name: str, raw: str, meaning: str) -> Column:
    return Column(name, raw, "VARCHAR", meaning, nullable=True)


def _answer(name: str, raw: str, meaning: str, *aliases: str, coded: tuple[str, ...] = ()) -> Column:
    unknown = ("U", "Unknown")
    return Column(name, raw, "VARCHAR", meaning, nullable=True, aliases=aliases, unknown=unknown, coded=coded)


HOUSEHOLD = _id("household_key", "household_key", "household")
PRODUCT = _id("product_id", "PRODUCT_ID", "product")
STORE = _id("store_id", "STORE_ID", "store")
CAMPAIGN = _id("campaign", "CAMPAIGN", "campaign; ids are not chronological")
COUPON = _id("coupon_upc", "COUPON_UPC", "coupon")
DAY = Column("day", "DAY", "INTEGER", "day of the data; day 1 is the first", "day", minimum=1)
WEEK = Column("week_no", "WEEK_NO", "INTEGER", "week of the data", "week", minimum=1)
CAMPAIGN_TYPE = Column("description", "DESCRIPTION", "VARCHAR", "campaign type", values=CAMPAIGN_TYPES)

TRANSACTIONS = Table(
    "transactions",
    "transaction_data",
    "line of a receipt; lines with quantity 0 or less are rejected",
    (
        HOUSEHOLD,
        _id("basket_id", "BASKET_ID", "one trip to a store"),
        DAY,
        WEEK,
        PRODUCT,
        # Fuel comes to 89,638 units at most.
        Column(
            "quantity", "QUANTITY", "BIGINT", "units bought; fuel is counted in tiny units", "units", maximum=1_000_000
        ),
        Column("sales_value", "SALES_VALUE", "DOUBLE", "what the retailer receives", "$", minimum=0),
        STORE,
        Column(
            "retail_disc", "RETAIL_DISC", "DOUBLE", "loyalty-card discount; 0 or more once cleaned", "$", discount=True
        ),
        Column("trans_time", "TRANS_TIME", "INTEGER", "local time as HHMM", "HHMM", minimum=0, maximum=2359),
        Column(
            "coupon_disc", "COUPON_DISC", "DOUBLE", "manufacturer's coupon; 0 or more once cleaned", "$", discount=True
        ),
        Column(
            "coupon_match_disc",
            "COUPON_MATCH_DISC",
            "DOUBLE",
            "the retailer's match of a manufacturer's coupon; 0 or more once cleaned",
            "$",
            discount=True,
        ),
    ),
    key=("household_key", "basket_id", "product_id"),
    order=("household_key", "day", "basket_id", "product_id"),
    references=(Reference(("product_id",), "products", without="spend of category 'other'"),),
    rules=(
        Rule("no_quantity", "quantity", "quantity <= 0", "a quantity above 0"),
        Rule("not_a_time", "trans_time", "trans_time % 100 > 59", "minutes from 0 to 59"),
        # In 64 bits: the largest DAY that can be read leaves no room for 8 more.
        Rule(
            "week_disagrees",
            "week_no",
            "week_no <> (CAST(day AS BIGINT) + 8) // 7",
            "the week of its DAY, (DAY + 8) // 7",
            beside=("day",),
        ),
    ),
)

PRODUCTS = Table(
    "products",
    "product",
    "product",
    (
        PRODUCT,
        Column("manufacturer", "MANUFACTURER", "BIGINT", "maker", nullable=True, identifier=True),
        _text("department", "DEPARTMENT", "widest grouping of products"),
        Column("brand", "BRAND", "VARCHAR", "whose brand", nullable=True, values=("National", "Private")),
        _text("commodity_desc", "COMMODITY_DESC", "middle grouping"),
        _text("sub_commodity_desc", "SUB_COMMODITY_DESC", "finest grouping"),
        _text("curr_size_of_product", "CURR_SIZE_OF_PRODUCT", "package size"),
    ),
    key=("product_id",),
    order=("product_id",),
)

PROMOTIONS = Table(
    "promotions",
    "causal_data",
    "product on display or in the mailer in one store and week",
    (
        PRODUCT,
        STORE,
        WEEK,
        Column("display", "display", "VARCHAR", "display location; '0' is none", values=tuple("0123456789A")),
        Column("mailer", "mailer", "VARCHAR", "mailer location; '0' is none", values=tuple("0ACDFHJLPXZ")),
    ),
    key=("product_id", "store_id", "week_no"),
    order=("week_no", "store_id", "product_id"),
)

CAMPAIGNS = Table(
    "campaigns",
    "campaign_desc",
    "campaign: one mailing with its first and last day, ordered by its first day",
    (
        CAMPAIGN_TYPE,
        CAMPAIGN,
        # May lie before day 1: a campaign can be running when the data begin.
        Column("start_day", "START_DAY", "INTEGER", "first day", "day"),
        Column("end_day", "END_DAY", "INTEGER", "last day", "day"),
    ),
    key=("campaign",),
    order=("start_day", "campaign"),
    rules=(
        Rule(
            "ends_before_start",
            "end_day",
            "end_day < start_day",
            "an END_DAY on or after START_DAY",
            beside=("start_day",),
        ),
    ),
    strict=True,
)

CAMPAIGN_TARGETS = Table(
    "campaign_targets",
    "campaign_table",
    "household that received one campaign",
    (CAMPAIGN_TYPE, HOUSEHOLD, CAMPAIGN),
    key=("household_key", "campaign"),
    order=("household_key", "campaign"),
    references=(
        Reference(("campaign",), "campaigns", required=True),
        Reference(("household_key",), "transactions", without="never a trial: nothing is known of it"),
    ),
    strict=True,
)

COUPONS = Table(
    "coupons",
    "coupon",
    "product that one coupon of one campaign is good for",
    (COUPON, PRODUCT, CAMPAIGN),
    key=("coupon_upc", "product_id", "campaign"),
    order=("coupon_upc", "product_id", "campaign"),
    references=(
        Reference(("campaign",), "campaigns", rejects=True, without="a coupon of a campaign without dates is left out"),
        Reference(("product_id",), "products", without="a coupon for a product that is not known"),
    ),
)

COUPON_REDEMPTIONS = Table(
    "coupon_redemptions",
    "coupon_redempt",
    "coupon redeemed by one household",
    (HOUSEHOLD, DAY, COUPON, CAMPAIGN),
    key=("household_key", "day", "coupon_upc", "campaign"),
    order=("household_key", "day", "coupon_upc", "campaign"),
    references=(
        Reference(("campaign",), "campaigns", required=True),
        Reference(("coupon_upc", "campaign"), "coupons", without="still a redemption of its campaign"),
        Reference(("household_key", "campaign"), "campaign_targets", without="still a redemption"),
    ),
)

DEMOGRAPHICS = Table(
    "demographics",
    "hh_demographic",
    "household that is known; missing answers are null",
    (
        _answer("age_desc", "AGE_DESC", "age group", "classification_1"),
        _answer("marital_status_code", "MARITAL_STATUS_CODE", "marital status", "classification_2", coded=("Y",)),
        _answer("income_desc", "INCOME_DESC", "income band", "classification_3"),
        _answer("homeowner_desc", "HOMEOWNER_DESC", "owns or rents"),
        _answer("hh_comp_desc", "HH_COMP_DESC", "household composition", "classification_5", coded=("Group6",)),
        _answer("household_size_desc", "HOUSEHOLD_SIZE_DESC", "household size", "classification_4"),
        _answer("kid_category_desc", "KID_CATEGORY_DESC", "number of children"),
        HOUSEHOLD,
    ),
    key=("household_key",),
    order=("household_key",),
    references=(Reference(("household_key",), "transactions", without="described, but never analysed"),),
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
