"""The feature dictionary: each feature's name, group, unit, formula in words, and which models use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["recency", "frequency", "monetary", "behaviour", "category", "time", "tenure", "exposure"]
VALUE_GROUPS = ("recency", "frequency", "monetary", "time")
NEED_GROUPS = ("behaviour", "category")


@dataclass(frozen=True)
class Feature:
    """One feature. `factored`: enters the NMF matrix; `covariate`: adjusts the causal models.

    `censored`: null for a household that came too rarely to show it. The interval between purchases of one
    that came once is at least as long as the longest seen, so a model that needs a value takes that; 0 would
    make it look like the most frequent shopper.
    """

    name: str
    group: Group
    unit: str
    formula: str
    factored: bool = False
    covariate: bool = False
    censored: bool = False


def _f(name: str, group: Group, unit: str, formula: str, models: str = "") -> Feature:
    return Feature(name, group, unit, formula, "factors" in models, "effects" in models, "censored" in models)


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
        "mean gap between consecutive purchase days; null with fewer than two",
        f"{BOTH} censored",
    ),
    _f(
        "days_between_purchases_std",
        "recency",
        "days",
        "population standard deviation of those gaps; null with fewer than two days",
        "censored",
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
        "sample standard deviation of basket sales; null with one basket",
        BOTH,
    ),
    _f("monetary_per_week", "monetary", "$/week", "monetary_sales / tenure_weeks", "effects"),
    _f(
        "coupon_savings_ratio",
        "monetary",
        "ratio",
        "sum of coupon_disc / monetary_sales; null without sales",
        BOTH,
    ),
    _f(
        "discount_rate",
        "behaviour",
        "0-1",
        "(retail_disc + coupon_disc) / (sales + retail_disc + coupon_disc)",
        "effects",
    ),
    _f(
        "discount_usage_pct",
        "behaviour",
        "0-1",
        "lines with retail_disc > 0 / lines with a known brand",
        BOTH,
    ),
    _f("private_label_ratio", "behaviour", "0-1", "Private lines / branded lines, fuel excluded", BOTH),
    _f("n_departments", "behaviour", "count", "distinct departments, fuel excluded", BOTH),
    _f("n_products", "behaviour", "count", "distinct products", BOTH),
    _f("avg_items_per_basket", "behaviour", "items", "sum of quantity without fuel / baskets", BOTH),
    _f("avg_products_per_basket", "behaviour", "products", "distinct products / baskets"),
    _f("share_grocery", "category", "0-1", "share of sales: grocery", BOTH),
    _f("share_fresh", "category", "0-1", "share of sales: fresh", BOTH),
    _f("share_bakery", "category", "0-1", "share of sales: bakery", BOTH),
    _f("share_health_beauty", "category", "0-1", "share of sales: health and beauty", BOTH),
    _f("share_alcohol", "category", "0-1", "share of sales: alcohol", BOTH),
    _f("share_other", "category", "0-1", "share of sales: all else, fuel and unknown products included"),
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

CENSORED = tuple(feature.name for feature in FEATURES if feature.censored)
FACTORED = tuple(feature.name for feature in FEATURES if feature.factored)
COVARIATES = tuple(feature.name for feature in (*FEATURES, *TENURE, *EXPOSURE) if feature.covariate)
