"""Every feature of the catalogue, and which of them each model takes."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.feature import (
    NEED_GROUPS,
    PROFILE_TABLES,
    RECENT_DAYS,
    VALUE_GROUPS,
    Feature,
    active_column,
    received_column,
    redeemed_column,
)
from dunnhumby_pipeline.contracts.feature import declared as _f
from dunnhumby_pipeline.contracts.schema import CAMPAIGN_TYPES
from dunnhumby_pipeline.contracts.study_features import FEATURES, TENURE

EXPOSURE: tuple[Feature, ...] = (
    _f(
        "display_exposure_rate",
        "exposure",
        "0-1",
        "lines bought while on display in that store and week / lines",
        "effects",
        label="Lines bought while on display, share",
        sources="promotions.display transactions.household_key",
    ),
    _f(
        "mailer_exposure_rate",
        "exposure",
        "0-1",
        "lines bought while in the mailer in that store and week / lines",
        "effects",
        label="Lines bought while in the mailer, share",
        sources="promotions.mailer transactions.household_key",
    ),
)

# Who was sent what, of which type, from when.
_SENT = "campaign_targets.campaign campaigns.description campaigns.start_day"

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
                sources=_SENT,
            ),
            _f(
                active_column(kind),
                "campaigns",
                "campaigns",
                "those of them active on the index day",
                "effects",
                label=f"Campaigns of type {kind.removeprefix('Type')} running",
                sources=f"{_SENT} campaigns.end_day",
            ),
        )
    ),
    _f(
        "n_redemptions",
        "campaigns",
        "coupons",
        "coupons redeemed, of any campaign",
        "effects total",
        label="Coupons redeemed",
        sources="coupon_redemptions.household_key",
    ),
    *(
        _f(
            redeemed_column(kind),
            "campaigns",
            "coupons",
            f"coupons redeemed, of {kind} campaigns",
            "total",
            label=f"Coupons of type {kind.removeprefix('Type')} redeemed",
            sources="coupon_redemptions.campaign campaigns.description",
        )
        for kind in CAMPAIGN_TYPES
    ),
)

_NO_TREND = f"not observable before the last {RECENT_DAYS} days"


def _trend(what: str) -> str:
    return (
        f"(recent - earlier) / (recent + earlier); recent: {what} per day over the last {RECENT_DAYS} days; "
        f"earlier: {what} per day from the first purchase in the data, or the window's first day if later, to the day "
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
        sources="transactions.sales_value transactions.day",
    ),
    _f(
        "basket_trend",
        "trend",
        "-1 to 1",
        _trend("baskets"),
        "effects",
        null_when=_NO_TREND,
        label="Trend of baskets",
        sources="transactions.basket_id transactions.day",
    ),
    _f(
        "weekend_share",
        "rhythm",
        "0-1",
        "baskets on Saturday or Sunday / baskets",
        "effects",
        label="Baskets on weekends, share",
        leads="weekend",
        sources="transactions.day transactions.basket_id",
    ),
    _f(
        "morning_share",
        "rhythm",
        "0-1",
        "baskets whose first line is before 12:00 / baskets",
        "effects",
        label="Baskets in the morning, share",
        leads="morning",
        sources="transactions.trans_time transactions.basket_id",
    ),
    _f(
        "evening_share",
        "rhythm",
        "0-1",
        "baskets whose first line is at 17:00 or later / baskets",
        "effects",
        label="Baskets in the evening, share",
        leads="evening",
        sources="transactions.trans_time transactions.basket_id",
    ),
    _f(
        "weekday_concentration",
        "rhythm",
        "1/7-1",
        "baskets on the weekday with most of them / baskets",
        "effects",
        label="Concentration on days of the week",
        sources="transactions.day transactions.basket_id",
    ),
    _f(
        "coupon_basket_share",
        "coupon use",
        "0-1",
        "baskets with coupon_disc or coupon_match_disc > 0 / baskets",
        "effects",
        label="Baskets with a coupon, share",
        sources="transactions.coupon_disc transactions.coupon_match_disc transactions.basket_id",
    ),
    _f(
        "coupon_per_basket",
        "coupon use",
        "$",
        "sum of (coupon_disc + coupon_match_disc) / baskets",
        "effects",
        label="Coupon savings per basket",
        sources="transactions.coupon_disc transactions.coupon_match_disc transactions.basket_id",
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
        leads="wide-range",
        lacks="narrow-range",
        sources="transactions.sales_value products.department products.sub_commodity_desc",
    ),
    _f(
        "departments_per_basket",
        "diversity",
        "departments",
        "mean distinct departments of the baskets that hold any, fuel and unknown products excluded",
        "effects",
        null_when="no line of a known department other than fuel",
        label="Departments per basket",
        sources="products.department products.sub_commodity_desc transactions.basket_id",
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
# Those that grow with the window, wherever they are covariates taken per day of it.
TOTALS = tuple(feature.name for feature in CATALOGUE if feature.total)
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


def shape() -> tuple[object, ...]:
    """What tables rest on of these declarations: all but the formula, and a label that names no factor."""
    of_each = (
        (f.name, f.group, f.unit, bool(f.null_when), f.factored, f.covariate, f.censored, f.total) for f in CATALOGUE
    )
    names = ((f.word or f.label, f.leads, f.lacks) for f in CATALOGUE)
    return (*of_each, *names, RECENT_DAYS, PROFILE_TABLES, VALUE_GROUPS, NEED_GROUPS, sorted(WHOLE))
