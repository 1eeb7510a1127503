"""Names for segments, from what their households do and never from a cluster's number."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.segmentation.clusters import Labels

# Spend of a segment's mean household against the mean household of all.
HIGH_VALUE, LOW_VALUE = 1.5, 0.6

TRAITS: dict[str, str] = {
    "recency": "lapsing",
    "purchase_regularity": "regular",
    "monetary_avg_basket_sales": "big basket",
    "frequency_per_week": "frequent",
    "coupon_savings_ratio": "coupon",
    "discount_usage_pct": "deal seeking",
    "private_label_ratio": "private label",
    "n_departments": "wide choice",
    "share_grocery": "grocery",
    "share_fresh": "fresh",
    "share_bakery": "bakery",
    "share_health_beauty": "health and beauty",
    "share_alcohol": "alcohol",
}


def segment_names(features: pd.DataFrame, labels: Labels) -> dict[int, str]:
    """A unique name for each label: value tier, then the traits that set the segment apart.

    A trait sets a segment apart by how far its mean lies above the mean of all households, in
    standard deviations. Segments that would share a name take their next trait as well.
    """
    means = features.loc[:, list(TRAITS)].groupby(labels).mean()
    overall, spread = features.loc[:, list(TRAITS)].mean(), features.loc[:, list(TRAITS)].std()
    standing = ((means - overall) / spread.where(spread > 0, 1.0)).fillna(0.0)
    value = features["monetary_sales"].groupby(labels).mean() / features["monetary_sales"].mean()
    ranked = {label: list(row.sort_values(ascending=False, kind="stable").index) for label, row in standing.iterrows()}
    names: dict[int, str] = {}
    for n_traits in range(1, len(TRAITS) + 1):
        candidates = {
            label: " ".join((_tier(value[label]), " + ".join(TRAITS[trait] for trait in traits[:n_traits])))
            for label, traits in ranked.items()
            if label not in names
        }
        taken = set(names.values())
        counts = pd.Series(candidates).value_counts()
        names |= {label: name for label, name in candidates.items() if counts[name] == 1 and name not in taken}
        if len(names) == len(ranked):
            break
    return names


def slug(name: str) -> str:
    """`name` as an identifier: lower case, words joined by underscores."""
    return "_".join(word for word in name.lower().replace("+", " ").split())


def _tier(relative_spend: float) -> str:
    if relative_spend >= HIGH_VALUE:
        return "High value"
    return "Low value" if relative_spend < LOW_VALUE else "Mid value"
