"""What features and segments are called in pictures and tables. No matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dunnhumby_pipeline.figures import words
from dunnhumby_pipeline.figures.frames import require

_FEATURES = {
    "recency": "Days since the last visit",
    "recency_weeks": "Weeks since the last visit",
    "active_last_4w": "Bought in the last 4 weeks",
    "active_last_12w": "Bought in the last 12 weeks",
    "days_between_purchases_avg": "Days between visits",
    "days_between_purchases_std": "Spread of days between visits",
    "frequency": "Baskets",
    "frequency_per_week": "Baskets a week",
    "frequency_per_month": "Baskets a month",
    "transaction_count": "Lines bought",
    "weeks_with_purchase": "Weeks with a purchase",
    "purchase_regularity": "Weeks with a purchase, share",
    "monetary_sales": "Sales",
    "monetary_actual": "Sales after coupons",
    "monetary_avg_basket_sales": "Sales a basket",
    "monetary_avg_basket_actual": "Sales a basket after coupons",
    "monetary_std": "Spread of sales a basket",
    "monetary_per_week": "Sales a week",
    "coupon_savings_ratio": "Coupon savings, share of sales",
    "discount_rate": "Discount rate",
    "discount_usage_pct": "Lines on discount, share",
    "private_label_ratio": "Private label, share of lines",
    "n_departments": "Departments used",
    "n_products": "Different products",
    "avg_items_per_basket": "Items a basket",
    "avg_products_per_basket": "Products a basket",
    "share_grocery": "Grocery, share of sales",
    "share_fresh": "Fresh, share of sales",
    "share_bakery": "Bakery, share of sales",
    "share_health_beauty": "Health and beauty, share of sales",
    "share_alcohol": "Alcohol, share of sales",
    "share_other": "Other departments, share of sales",
    "week_coverage": "Weeks with a purchase while active, share",
}


def feature(name: str) -> str:
    """A feature in words: 'monetary_avg_basket_sales' is 'Sales a basket'."""
    return _FEATURES.get(name, words.spoken(name))


def segment_names(segment_profiles: pd.DataFrame) -> dict[str, str]:
    """Name of each segment by its slug, as `segment_profiles` lists them: the largest revenue first."""
    require(segment_profiles, "segment_profiles", ["segment", "segment_name"])
    return dict(zip(segment_profiles["segment"], segment_profiles["segment_name"], strict=True))


def in_named_order(found: Iterable[str], names: dict[str, str]) -> list[str]:
    """The segments `found` in the order of `names`; those it does not know last, by slug."""
    present = set(found)
    return [*(slug for slug in names if slug in present), *sorted(present - set(names))]


def segment_name(slug: str, names: dict[str, str]) -> str:
    """A segment's name; of one without, its slug in words."""
    return names.get(slug, words.spoken(slug))
