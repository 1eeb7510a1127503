"""The features: each one's name, group, unit, formula, words, and which models use it, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES

Group = Literal[
    "recency",
    "frequency",
    "monetary",
    "behaviour",
    "category",
    "time",
    "tenure",
    "exposure",
    "campaigns",
    "trend",
    "diversity",
    "rhythm",
    "coupon use",
]
# What a household is worth, and what it shops for and how. Campaigns received are neither: they are what the
# retailer did.
VALUE_GROUPS = ("recency", "frequency", "monetary", "time", "tenure", "trend")
NEED_GROUPS = ("behaviour", "category", "exposure", "diversity", "rhythm", "coupon use")


# The tables that features are made of.
PROFILE_TABLES = ("transactions", "products", "promotions", "campaigns", "campaign_targets", "coupon_redemptions")
# Days at the end of a window that trends hold against those before.
RECENT_DAYS = 56


def received_column(campaign_type: str) -> str:
    """Column of campaigns of this type that started before the index day."""
    return f"received_{campaign_type.lower()}"


def active_column(campaign_type: str) -> str:
    """Column of campaigns of this type that had started before the index day and are active on it."""
    return f"active_{campaign_type.lower()}"


def redeemed_column(campaign_type: str) -> str:
    """Column of coupons of this type's campaigns redeemed in the window."""
    return f"redeemed_{campaign_type.lower()}"


@dataclass(frozen=True)
class Feature:
    """One feature. `covariate`: adjusts the causal models. `factored`: in the NMF matrix of the reference study, and
    so among the first to be taken when a study chooses its own (`segmentation.feature_choice`).

    `label`: the feature as a heading. `word`: the feature in the name of a factor, its label where there is none.
    `leads`, `lacks`: what a segment is called that has much, or little, of it; empty where that names nobody.

    `null_when`: for which households it has no value, in words; empty when it always has one.
    `censored`: null for a household that came too rarely to show it. The interval between purchases of one
    that came once is at least as long as the longest seen, so a model that needs a value takes that; 0 would
    make it look like the most frequent shopper.
    """

    name: str
    group: Group
    unit: str
    formula: str
    null_when: str = ""
    label: str = ""
    word: str = ""
    leads: str = ""
    lacks: str = ""
    factored: bool = False
    covariate: bool = False
    censored: bool = False

    @property
    def track(self) -> str:
        """ "value", "need", or empty for a feature of neither."""
        return "value" if self.group in VALUE_GROUPS else "need" if self.group in NEED_GROUPS else ""


def _f(
    name: str, group: Group, unit: str, formula: str, models: str = "", null_when: str = "", **words: Any
) -> Feature:
    uses: dict[str, Any] = {
        "factored": "factors" in models,
        "covariate": "effects" in models,
        "censored": "censored" in models,
    }
    return Feature(name, group, unit, formula, null_when, **uses, **words)


BOTH = "factors effects"

FEATURES: tuple[Feature, ...] = (
    _f(
        "recency",
        "recency",
        "days",
        "last day of the window - last purchase day",
        BOTH,
        label="Days since the last visit",
        word="long since last visit",
    ),
    _f(
        "recency_weeks",
        "recency",
        "weeks",
        "last week of the window - last purchase week",
        label="Weeks since the last visit",
        word="long since last visit",
    ),
    _f(
        "active_last_4w",
        "recency",
        "0/1",
        "last purchase within 28 days of the last day",
        "effects",
        label="Bought in the last 4 weeks",
    ),
    _f(
        "active_last_12w",
        "recency",
        "0/1",
        "last purchase within 84 days of the last day",
        label="Bought in the last 12 weeks",
    ),
    _f(
        "days_between_purchases_avg",
        "recency",
        "days",
        "mean gap between consecutive purchase days",
        f"{BOTH} censored",
        "fewer than two purchase days",
        label="Days between visits",
        word="rare visits",
    ),
    _f(
        "days_between_purchases_std",
        "recency",
        "days",
        "population standard deviation of those gaps",
        "censored",
        "fewer than two purchase days",
        label="Spread of days between visits",
        word="rare visits",
    ),
    _f("frequency", "frequency", "baskets", "distinct baskets", BOTH, label="Baskets", word="frequent visits"),
    _f(
        "frequency_per_week",
        "frequency",
        "1/week",
        "frequency / tenure_weeks",
        BOTH,
        label="Baskets a week",
        word="frequent visits",
    ),
    _f(
        "frequency_per_month",
        "frequency",
        "1/month",
        "frequency_per_week x 4.33",
        label="Baskets a month",
        word="frequent visits",
    ),
    _f("transaction_count", "frequency", "lines", "lines", label="Lines bought", word="high spend"),
    _f(
        "weeks_with_purchase",
        "frequency",
        "weeks",
        "distinct purchase weeks",
        label="Weeks with a purchase",
        word="frequent visits",
    ),
    _f(
        "purchase_regularity",
        "frequency",
        "0-1",
        "weeks_with_purchase / tenure_weeks",
        BOTH,
        label="Weeks with a purchase, share",
        word="frequent visits",
    ),
    _f("monetary_sales", "monetary", "$", "sum of sales_value", BOTH, label="Sales", word="high spend"),
    _f(
        "monetary_actual",
        "monetary",
        "$",
        "sum of sales_value - coupon_disc",
        label="Sales after coupons",
        word="high spend",
    ),
    _f(
        "monetary_avg_basket_sales",
        "monetary",
        "$",
        "mean basket sales",
        BOTH,
        label="Sales a basket",
        word="big baskets",
        leads="stock-up",
        lacks="top-up",
    ),
    _f(
        "monetary_avg_basket_actual",
        "monetary",
        "$",
        "mean basket (sales - coupon_disc)",
        label="Sales a basket after coupons",
        word="big baskets",
    ),
    _f(
        "monetary_std",
        "monetary",
        "$",
        "sample standard deviation of basket sales",
        BOTH,
        "one basket",
        label="Spread of sales a basket",
        word="big baskets",
    ),
    _f(
        "monetary_per_week",
        "monetary",
        "$/week",
        "monetary_sales / tenure_weeks",
        "effects",
        label="Sales a week",
        word="high spend",
    ),
    _f(
        "coupon_savings_ratio",
        "monetary",
        "ratio",
        "sum of coupon_disc / monetary_sales",
        BOTH,
        "no sales",
        label="Coupon savings, share of sales",
        word="coupons",
        leads="coupon",
    ),
    _f(
        "discount_rate",
        "behaviour",
        "0-1",
        "(retail_disc + coupon_disc) / (sales + retail_disc + coupon_disc)",
        "effects",
        "no sales and no discounts",
        label="Discount rate",
        word="deals",
    ),
    _f(
        "discount_usage_pct",
        "behaviour",
        "ratio",
        "lines with retail_disc > 0, fuel included / lines with a known brand; above 1 when discounted lines have none",
        BOTH,
        "no line with a known brand",
        label="Lines on discount, share",
        word="deals",
        leads="deal seeking",
        lacks="full price",
    ),
    _f(
        "private_label_ratio",
        "behaviour",
        "0-1",
        "Private lines / lines with a known brand, fuel excluded",
        BOTH,
        "no line with a known brand other than fuel",
        label="Private label, share of lines",
        word="private label",
        leads="private label",
        lacks="national brand",
    ),
    _f(
        "n_departments",
        "behaviour",
        "count",
        "distinct departments, fuel excluded",
        BOTH,
        label="Departments used",
        word="variety",
    ),
    _f("n_products", "behaviour", "count", "distinct products", BOTH, label="Different products", word="variety"),
    _f(
        "avg_items_per_basket",
        "behaviour",
        "items",
        "sum of quantity without fuel / baskets",
        BOTH,
        label="Items a basket",
        word="big baskets",
    ),
    _f(
        "avg_products_per_basket",
        "behaviour",
        "products",
        "distinct products / baskets",
        label="Products a basket",
        word="big baskets",
    ),
    _f(
        "share_grocery",
        "category",
        "0-1",
        "share of sales: grocery",
        BOTH,
        "no sales",
        label="Grocery, share of sales",
        word="grocery",
        leads="grocery",
    ),
    _f(
        "share_fresh",
        "category",
        "0-1",
        "share of sales: fresh",
        BOTH,
        "no sales",
        label="Fresh, share of sales",
        word="fresh",
        leads="fresh",
    ),
    _f(
        "share_bakery",
        "category",
        "0-1",
        "share of sales: bakery",
        BOTH,
        "no sales",
        label="Bakery, share of sales",
        word="bakery",
        leads="bakery",
    ),
    _f(
        "share_health_beauty",
        "category",
        "0-1",
        "share of sales: health and beauty",
        BOTH,
        "no sales",
        label="Health and beauty, share of sales",
        word="health and beauty",
        leads="health and beauty",
    ),
    _f(
        "share_alcohol",
        "category",
        "0-1",
        "share of sales: alcohol",
        BOTH,
        "no sales",
        label="Alcohol, share of sales",
        word="alcohol",
        leads="alcohol",
    ),
    _f(
        "share_other",
        "category",
        "0-1",
        "share of sales: all else, fuel and unknown products included",
        null_when="no sales",
        label="Other departments, share of sales",
        word="other departments",
    ),
    _f(
        "week_coverage",
        "time",
        "0-1",
        "weeks_with_purchase / (last - first purchase week + 1)",
        label="Weeks with a purchase while active, share",
        word="frequent visits",
    ),
)

TENURE: tuple[Feature, ...] = (
    _f("tenure", "tenure", "days", "last day - first purchase day in the data, capped by the window", "effects"),
    _f("tenure_weeks", "tenure", "weeks", "last week - first purchase week in the data + 1, capped likewise"),
)

EXPOSURE: tuple[Feature, ...] = (
    _f(
        "display_exposure_rate",
        "exposure",
        "0-1",
        "lines bought while on display in that store and week / lines",
        "effects",
        label="Lines bought while on display, share",
    ),
    _f(
        "mailer_exposure_rate",
        "exposure",
        "0-1",
        "lines bought while in the mailer in that store and week / lines",
        "effects",
        label="Lines bought while in the mailer, share",
    ),
)

HISTORY: tuple[Feature, ...] = (
    *(
        feature
        for kind in CAMPAIGN_TYPES
        for feature in (
            _f(
                received_column(kind),
                "campaigns",
                "campaigns",
                f"{kind} campaigns sent to the household that started before the index day, in all of the data",
                "effects",
                label=f"Campaigns of type {kind.removeprefix('Type')} received",
            ),
            _f(
                active_column(kind),
                "campaigns",
                "campaigns",
                "those of them active on the index day",
                "effects",
                label=f"Campaigns of type {kind.removeprefix('Type')} running",
            ),
        )
    ),
    _f(
        "n_redemptions",
        "campaigns",
        "coupons",
        "coupons redeemed, of any campaign",
        "effects",
        label="Coupons redeemed",
    ),
    *(
        _f(
            redeemed_column(kind),
            "campaigns",
            "coupons",
            f"coupons redeemed, of {kind} campaigns",
            label=f"Coupons of type {kind.removeprefix('Type')} redeemed",
        )
        for kind in CAMPAIGN_TYPES
    ),
)

_NO_TREND = f"not observable before the last {RECENT_DAYS} days"


def _trend(what: str) -> str:
    return (
        f"(recent - earlier) / (recent + earlier); recent: {what} a day over the last {RECENT_DAYS} days; "
        f"earlier: {what} a day from the first purchase in the data, or the window's first day if later, to the day "
        "before those"
    )


HABITS: tuple[Feature, ...] = (
    _f(
        "spend_trend",
        "trend",
        "-1 to 1",
        _trend("sales"),
        "effects",
        null_when=f"{_NO_TREND}, or no sales",
        label="Trend of spend",
    ),
    _f("basket_trend", "trend", "-1 to 1", _trend("baskets"), "effects", null_when=_NO_TREND, label="Trend of baskets"),
    _f(
        "weekend_share",
        "rhythm",
        "0-1",
        "baskets on Saturday or Sunday / baskets",
        "effects",
        label="Baskets on weekends, share",
    ),
    _f(
        "morning_share",
        "rhythm",
        "0-1",
        "baskets whose first line is before 12:00 / baskets",
        "effects",
        label="Baskets in the morning, share",
    ),
    _f(
        "evening_share",
        "rhythm",
        "0-1",
        "baskets whose first line is at 17:00 or later / baskets",
        "effects",
        label="Baskets in the evening, share",
    ),
    _f(
        "weekday_concentration",
        "rhythm",
        "1/7-1",
        "baskets on the weekday with most of them / baskets",
        "effects",
        label="Concentration on days of the week",
    ),
    _f(
        "coupon_basket_share",
        "coupon use",
        "0-1",
        "baskets with coupon_disc or coupon_match_disc > 0 / baskets",
        "effects",
        label="Baskets with a coupon, share",
    ),
    _f(
        "coupon_per_basket",
        "coupon use",
        "$",
        "sum of (coupon_disc + coupon_match_disc) / baskets",
        "effects",
        label="Coupon savings a basket",
    ),
)

DIVERSITY: tuple[Feature, ...] = (
    _f(
        "effective_departments",
        "diversity",
        "departments",
        "1 / sum of squared shares of sales by department, fuel and unknown products excluded: n when n departments "
        "sell alike, nearly 1 when one sells nearly all",
        "effects",
        null_when="no sales in a known department other than fuel",
        label="Effective number of departments",
    ),
    _f(
        "departments_per_basket",
        "diversity",
        "departments",
        "mean distinct departments of the baskets that hold any, fuel and unknown products excluded",
        "effects",
        null_when="no line of a known department other than fuel",
        label="Departments a basket",
    ),
)

EXTENDED = (*EXPOSURE, *HISTORY, *HABITS, *DIVERSITY)
# All there is of a household in a window, in the order of the columns.
CATALOGUE = (*FEATURES, *TENURE, *EXTENDED)

# Counts that are stored as whole numbers; the others have decimals.
WHOLE = frozenset(
    [
        "recency",
        "recency_weeks",
        "active_last_4w",
        "active_last_12w",
        "frequency",
        "weeks_with_purchase",
        "n_departments",
        "tenure",
        "tenure_weeks",
    ]
)
CENSORED = tuple(feature.name for feature in FEATURES if feature.censored)
FACTORED = tuple(feature.name for feature in FEATURES if feature.factored)
_KNOWN_OF_A_SHOPPER = (*FEATURES, *TENURE, *EXPOSURE, *HABITS, *DIVERSITY)
COVARIATES = tuple(feature.name for feature in _KNOWN_OF_A_SHOPPER if feature.covariate)
HISTORY_COVARIATES = tuple(feature.name for feature in HISTORY if feature.covariate)
MAY_BE_NULL = frozenset(feature.name for feature in CATALOGUE if feature.null_when)
# Covariates of a trial that are features; campaigns of the trial's own type are left out by some designs.
TRIAL_COVARIATES = tuple(feature for feature in CATALOGUE if feature.covariate)


def feature(name: str) -> Feature:
    """The feature called `name`; KeyError when there is none."""
    return {feature.name: feature for feature in CATALOGUE}[name]
