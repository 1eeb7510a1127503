"""Lifetime value across segments: what a household of each is worth, and whether segments differ in it."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.engine.tables import WAY_OUT
from dunnhumby_pipeline.segmentation.lifetime.status import status_shares
from dunnhumby_pipeline.segmentation.lifetime.value import LifetimeValueError
from dunnhumby_pipeline.segmentation.segments.effect_sizes import group_difference


def segment_lifetime_value(
    customer_lifetime_value: pd.DataFrame, segments: pd.DataFrame, confidence: float
) -> pd.DataFrame:
    """Lifetime value by segment, the largest mean first.

    Columns: segment, n_households, clv_mean ($ in 52 weeks) with its t-interval ci_lower and ci_upper, clv_median,
    clv_share (of the value of all), probability_alive (mean), and share_high, share_mid, share_low (of its households
    in each tier). Raises LifetimeValueError when a household of one table is not in the other, or the tier is
    missing.
    """
    if "value_tier" not in customer_lifetime_value.columns:
        raise LifetimeValueError(
            f"customer_lifetime_value lacks value_tier, as one of an earlier version does; {WAY_OUT}"
        )
    joined = _joined(customer_lifetime_value, segments)
    grouped = joined.groupby("segment")
    table = grouped.agg(
        n_households=("clv", "size"),
        clv_mean=("clv", "mean"),
        clv_median=("clv", "median"),
        clv_sum=("clv", "sum"),
        clv_sd=("clv", "std"),
        probability_alive=("probability_alive", "mean"),
    )
    n = table["n_households"]
    half = stats.t.ppf((1 + confidence) / 2, (n - 1).where(n > 1)) * table["clv_sd"] / np.sqrt(n)
    table["ci_lower"], table["ci_upper"] = table["clv_mean"] - half, table["clv_mean"] + half
    table["clv_share"] = table["clv_sum"] / joined["clv"].sum()
    tiers = status_shares(customer_lifetime_value, segments, "value_tier")
    order = ["n_households", "clv_mean", "ci_lower", "ci_upper", "clv_median", "clv_share", "probability_alive"]
    table = table[order].join(tiers)
    return table.sort_values("clv_mean", ascending=False, kind="stable").reset_index()


def lifetime_differences(customer_lifetime_value: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    """Whether segments differ in what is to come: a row for clv, expected_trips_52w and probability_alive.

    Columns: measure, and those of `effect_sizes.GroupDifference`. Segments are made from past spend, of which lifetime
    value is a forecast: that they differ is no surprise; the news is by how much.
    """
    joined = _joined(customer_lifetime_value, segments)
    rows = [
        {"measure": measure} | asdict(group_difference(joined[measure], joined["segment"]))
        for measure in ("clv", "expected_trips_52w", "probability_alive")
    ]
    return pd.DataFrame(rows)


def _joined(customer_lifetime_value: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    alone = set(customer_lifetime_value["household_key"]) ^ set(segments["household_key"])
    if alone:
        raise LifetimeValueError(
            f"{len(alone)} households have either a lifetime value or a segment, not both (such as {min(alone)}); "
            "make both from one run"
        )
    return customer_lifetime_value.merge(segments[["household_key", "segment"]], on="household_key").astype(
        {"segment": "str"}
    )
