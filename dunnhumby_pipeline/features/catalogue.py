"""The feature dictionary: each feature's name, group, unit, formula in words, and which models use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    factored: bool = False
    covariate: bool = False
    censored: bool = False

    @property
    def track(self) -> str:
        """ "value", "need", or empty for a feature of neither."""
        return "value" if self.group in VALUE_GROUPS else "need" if self.group in NEED_GROUPS else ""


def _f(name: str, group: Group, unit: str, formula: str, models: str = "", null_when: str = "") -> Feature:
    uses = {"factored": "factors" in models, "covariate": "effects" in models, "censored": "censored" in models}
    return Feature(name, group, unit, formula, null_when, **uses)


BOTH = "factors effects"

FEATURES: tuple[Feature, ...] = (
    _f("recency", "recency", "days", "last day of the window - last purchase day", BOTH),
    _f("recency_weeks", "recency", "weeks", "last week of the window - last purchase week"),
    _f("active_last_4w", "recency", "0/1", "last purchase within 28 days of the last day", "effects"),
    _f("active_last_12w", "recency", "0/1", "last purchase within 84 days of the last day"),
    _f(
        "days_between_purchases_avg",
        "recency",
        "days",
        "mean gap between consecutive purchase days",
        f"{BOTH} censored",
        "fewer than two purchase days",
    ),
    _f(
        "days_between_purchases_std",
        "recency",
        "days",
        "population standard deviation of those gaps",
        "censored",
        "fewer than two purchase days",
    ),
    _f("frequency", "frequency", "baskets", "distinct baskets", BOTH),
    _f("frequency_per_week", "frequency", "1/week", "frequency / tenure_weeks", BOTH),
    _f("frequency_per_month", "frequency", "1/month", "frequency_per_week x 4.33"),
    _f("transaction_count", "frequency", "lines", "lines"),
    _f("weeks_with_purchase", "frequency", "weeks", "distinct purchase weeks"),
    _f("purchase_regularity", "frequency", "0-1", "weeks_with_purchase / tenure_weeks", BOTH),
    _f("monetary_sales", "monetary", "$", "sum of sales_value", BOTH),
    _f("monetary_actual", "monetary", "$", "sum of sales_value - coupon_disc"),
    _f("monetary_avg_basket_sales", "monetary", "$", "mean basket sales", BOTH),
    _f("monetary_avg_basket_actual", "monetary", "$", "mean basket (sales - coupon_disc)"),
    _f(
        "monetary_std",
        "monetary",
        "$",
        "sample standard deviation of basket sales",
        BOTH,
        "one basket",
    ),
    _f("monetary_per_week", "monetary", "$/week", "monetary_sales / tenure_weeks", "effects"),
    _f(
        "coupon_savings_ratio",
        "monetary",
        "ratio",
        "sum of coupon_disc / monetary_sales",
        BOTH,
        "no sales",
    ),
    _f(
        "discount_rate",
        "behaviour",
        "0-1",
        "(retail_disc + coupon_disc) / (sales + retail_disc + coupon_disc)",
        "effects",
        "no sales and no discounts",
    ),
    _f(
        "discount_usage_pct",
        "behaviour",
        "ratio",
        "lines with retail_disc > 0, fuel included / lines with a known brand; above 1 when discounted lines have none",
        BOTH,
        "no line with a known brand",
    ),
    _f(
        "private_label_ratio",
        "behaviour",
        "0-1",
        "Private lines / lines with a known brand, fuel excluded",
        BOTH,
        "no line with a known brand other than fuel",
    ),
    _f("n_departments", "behaviour", "count", "distinct departments, fuel excluded", BOTH),
    _f("n_products", "behaviour", "count", "distinct products", BOTH),
    _f("avg_items_per_basket", "behaviour", "items", "sum of quantity without fuel / baskets", BOTH),
    _f("avg_products_per_basket", "behaviour", "products", "distinct products / baskets"),
    _f("share_grocery", "category", "0-1", "share of sales: grocery", BOTH, "no sales"),
    _f("share_fresh", "category", "0-1", "share of sales: fresh", BOTH, "no sales"),
    _f("share_bakery", "category", "0-1", "share of sales: bakery", BOTH, "no sales"),
    _f("share_health_beauty", "category", "0-1", "share of sales: health and beauty", BOTH, "no sales"),
    _f("share_alcohol", "category", "0-1", "share of sales: alcohol", BOTH, "no sales"),
    _f(
        "share_other",
        "category",
        "0-1",
        "share of sales: all else, fuel and unknown products included",
        null_when="no sales",
    ),
    _f("week_coverage", "time", "0-1", "weeks_with_purchase / (last - first purchase week + 1)"),
)

TENURE: tuple[Feature, ...] = (
    _f(
        "tenure",
        "tenure",
        "days",
        "last day - first purchase day in the data, capped by the window",
        "effects",
    ),
    _f("tenure_weeks", "tenure", "weeks", "last week - first purchase week in the data + 1, capped likewise"),
)

EXPOSURE: tuple[Feature, ...] = (
    _f(
        "display_exposure_rate",
        "exposure",
        "0-1",
        "lines bought while on display in that store and week / lines",
        "effects",
    ),
    _f(
        "mailer_exposure_rate",
        "exposure",
        "0-1",
        "lines bought while in the mailer in that store and week / lines",
        "effects",
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
            ),
            _f(active_column(kind), "campaigns", "campaigns", "those of them active on the index day", "effects"),
        )
    ),
    _f("n_redemptions", "campaigns", "coupons", "coupons redeemed, of any campaign", "effects"),
    *(
        _f(redeemed_column(kind), "campaigns", "coupons", f"coupons redeemed, of {kind} campaigns")
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
    _f("spend_trend", "trend", "-1 to 1", _trend("sales"), "effects", null_when=f"{_NO_TREND}, or no sales"),
    _f("basket_trend", "trend", "-1 to 1", _trend("baskets"), "effects", null_when=_NO_TREND),
    _f("weekend_share", "rhythm", "0-1", "baskets on Saturday or Sunday / baskets", "effects"),
    _f("morning_share", "rhythm", "0-1", "baskets whose first line is before 12:00 / baskets", "effects"),
    _f("evening_share", "rhythm", "0-1", "baskets whose first line is at 17:00 or later / baskets", "effects"),
    _f("weekday_concentration", "rhythm", "1/7-1", "baskets on the weekday with most of them / baskets", "effects"),
    _f(
        "coupon_basket_share",
        "coupon use",
        "0-1",
        "baskets with coupon_disc or coupon_match_disc > 0 / baskets",
        "effects",
    ),
    _f("coupon_per_basket", "coupon use", "$", "sum of (coupon_disc + coupon_match_disc) / baskets", "effects"),
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
    ),
    _f(
        "departments_per_basket",
        "diversity",
        "departments",
        "mean distinct departments of the baskets that hold any, fuel and unknown products excluded",
        "effects",
        null_when="no line of a known department other than fuel",
    ),
)

EXTENDED = (*EXPOSURE, *HISTORY, *HABITS, *DIVERSITY)
# All there is of a household in a window, in the order of the columns.
CATALOGUE = (*FEATURES, *TENURE, *EXTENDED)

CENSORED = tuple(feature.name for feature in FEATURES if feature.censored)
FACTORED = tuple(feature.name for feature in FEATURES if feature.factored)
_KNOWN_OF_A_SHOPPER = (*FEATURES, *TENURE, *EXPOSURE, *HABITS, *DIVERSITY)
COVARIATES = tuple(feature.name for feature in _KNOWN_OF_A_SHOPPER if feature.covariate)
HISTORY_COVARIATES = tuple(feature.name for feature in HISTORY if feature.covariate)
MAY_BE_NULL = frozenset(feature.name for feature in CATALOGUE if feature.null_when)
