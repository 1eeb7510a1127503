"""What a feature is: its name, group, unit, formula, words, and which models use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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


# The tables that features are made from.
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


def per_day_column(total: str) -> str:
    """Column of a total per day of its look-back."""
    return f"{total}_per_day"


@dataclass(frozen=True)
class Feature:
    """One feature. `covariate`: adjusts the causal models. `factored`: in the NMF matrix of the reference study, and
    so among the first to be taken when a study chooses its own (`segmentation.feature_choice`).

    `label`: the feature as a heading. `word`: the feature in the name of a factor, its label where there is none.
    `leads`, `lacks`: adjective of a segment that has much, or little, of it, one word or joined by hyphens; empty where
    that names nobody.

    `null_when`: for which households it has no value, in words; empty when it always has one.
    `censored`: null for a household that came too rarely to show it. The interval between purchases of one
    that came once is at least as long as the longest seen, so a model that needs a value takes that; 0 would
    make it look like the most frequent shopper.
    `sources`: the columns it is computed from, as "transactions.day transactions.basket_id"; `contracts/lineage.py`
    says which count.
    `total`: grows with the days that the window covers, so that it compares households over windows of one length
    only. Causal models, whose look-backs differ between campaigns, take it per day of the look-back.
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
    total: bool = False
    sources: str = ""

    @property
    def track(self) -> str:
        """ "value", "need", or empty for a feature of neither."""
        return "value" if self.group in VALUE_GROUPS else "need" if self.group in NEED_GROUPS else ""


def declared(
    name: str, group: Group, unit: str, formula: str, models: str = "", null_when: str = "", **words: Any
) -> Feature:
    uses: dict[str, Any] = {
        "factored": "factors" in models,
        "covariate": "effects" in models,
        "censored": "censored" in models,
        "total": "total" in models,
    }
    return Feature(name, group, unit, formula, null_when, **uses, **words)
