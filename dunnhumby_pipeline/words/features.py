"""What features and segments are called in pictures and tables. No matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from dunnhumby_pipeline.contracts.frames import require
from dunnhumby_pipeline.words import terms

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

_COVARIATES = {
    "display_exposure_rate": "Lines bought while on display, share",
    "mailer_exposure_rate": "Lines bought while in the mailer, share",
    "spend_trend": "Trend of spend",
    "basket_trend": "Trend of baskets",
    "weekend_share": "Baskets on weekends, share",
    "morning_share": "Baskets in the morning, share",
    "evening_share": "Baskets in the evening, share",
    "weekday_concentration": "Concentration on days of the week",
    "coupon_basket_share": "Baskets with a coupon, share",
    "coupon_per_basket": "Coupon savings a basket",
    "effective_departments": "Effective number of departments",
    "departments_per_basket": "Departments a basket",
    "n_redemptions": "Coupons redeemed",
}
# What a column of one level, of a gap or of a campaign type begins with; the rest of its name is the level.
_LEVELS = {
    "age_desc_": "Age",
    "marital_status_code_": "Marital status",
    "income_desc_": "Income",
    "homeowner_desc_": "Home",
    "hh_comp_desc_": "Composition",
    "household_size_desc_": "Household size",
    "kid_category_desc_": "Children",
    "lookback_segment_": "Look-back segment",
}
_CAMPAIGNS = {
    "received_type": "Campaigns of type {} received",
    "active_type": "Campaigns of type {} running",
    "redeemed_type": "Coupons of type {} redeemed",
}
_GAP = "missingindicator_"


def feature(name: str) -> str:
    """A feature in words: 'monetary_avg_basket_sales' is 'Sales a basket'."""
    return _FEATURES.get(name, terms.spoken(name))


def covariate(name: str) -> str:
    """A covariate of a trial, or a column of the matrix made of them, in words: 'age_desc_19-24' is 'Age: 19-24'."""
    if name in _COVARIATES:
        return _COVARIATES[name]
    if name.startswith(_GAP):
        return f"{covariate(name.removeprefix(_GAP))}: not known"
    for start, said in _CAMPAIGNS.items():
        if name.startswith(start):
            return said.format(name.removeprefix(start).upper())
    for start, said in _LEVELS.items():
        if name.startswith(start):
            return f"{said}: {name.removeprefix(start).replace('_', ' ')}"
    if name.startswith("campaign_"):
        return f"Campaign {name.removeprefix('campaign_')}"
    return feature(name)


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
    return names.get(slug, terms.spoken(slug))
