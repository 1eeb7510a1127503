"""Value and need together: what a household is worth, by what it comes for."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.engine.tables import WAY_OUT
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import TIERS


class ValueNeedError(ValueError):
    """The tables do not cover the same households. The message counts them."""


def household_value_need(
    customer_lifetime_value: pd.DataFrame, leading_needs: pd.DataFrame, features: pd.DataFrame
) -> pd.DataFrame:
    """Each household's place: household_key, value_tier, need, need_margin, clv, revenue ($), discounts ($).

    `discounts` are retail and coupon discounts of the history: discount_rate x sales / (1 - discount_rate), which is
    NaN where the household paid nothing at all. Raises ValueNeedError when the tables have different households.
    """
    if "value_tier" not in customer_lifetime_value.columns:
        raise ValueNeedError(f"customer_lifetime_value lacks value_tier, as one of an earlier version does; {WAY_OUT}")
    keys = [set(table["household_key"]) for table in (customer_lifetime_value, leading_needs, features)]
    if any(key != keys[0] for key in keys):
        sizes = ", ".join(str(len(key)) for key in keys)
        raise ValueNeedError(
            f"lifetime values, leading needs and features must have the same households, found {sizes} of them and "
            f"{len(set.intersection(*keys))} in all three; make them from one run"
        )
    joined = customer_lifetime_value[["household_key", "value_tier", "clv"]].merge(
        leading_needs[["household_key", "need", "need_margin"]], on="household_key"
    )
    joined = joined.merge(features[["household_key", "monetary_sales", "discount_rate"]], on="household_key")
    paid = (1 - joined["discount_rate"]).where(joined["discount_rate"] < 1)
    joined["discounts"] = joined["discount_rate"] * joined["monetary_sales"] / paid
    joined = joined.rename(columns={"monetary_sales": "revenue"})
    return joined[
        ["household_key", "value_tier", "need", "need_margin", "clv", "revenue", "discounts", "discount_rate"]
    ]


def value_need(households: pd.DataFrame, needs: Sequence[str]) -> pd.DataFrame:
    """The matrix of value tier by leading need, a row per cell, every cell there.

    `households` as of `household_value_need`, `needs`: the needs there are, by name.
    Columns: value_tier, need, n_households, share (of all households), tier_share (of those of the tier), revenue ($),
    revenue_share, clv_mean ($ in 52 weeks), discount_rate_mean (mean over households), discount_rate (discounts /
    (sales + discounts) of the cell). Means of an empty cell are NaN.
    A column of households without any need is there when there are such.
    """
    names = [name for name in dict.fromkeys(needs) if name != NO_NEED]
    if (households["need"] == NO_NEED).any():
        names.append(NO_NEED)
    strangers = sorted(set(households["need"]) - set(names))
    if strangers:
        raise ValueNeedError(f"households have the needs {', '.join(strangers)}; known are {', '.join(names)}")
    cells = pd.MultiIndex.from_product([TIERS, names], names=["value_tier", "need"])
    table = households.groupby(["value_tier", "need"]).agg(
        n_households=("household_key", "size"),
        revenue=("revenue", "sum"),
        clv_mean=("clv", "mean"),
        discount_rate_mean=("discount_rate", "mean"),
        discounts=("discounts", "sum"),
    )
    table = table.reindex(cells)
    counts = ["n_households", "revenue", "discounts"]
    table[counts] = table[counts].fillna(0)
    table["n_households"] = table["n_households"].astype("int64")
    table["share"] = table["n_households"] / len(households)
    in_tier = table.groupby("value_tier")["n_households"].transform("sum")
    table["tier_share"] = table["n_households"] / in_tier.where(in_tier > 0)
    table["revenue_share"] = table["revenue"] / households["revenue"].sum()
    full_price = table["revenue"] + table["discounts"]
    table["discount_rate"] = table["discounts"] / full_price.where(full_price > 0)
    table = table.reset_index()
    order = [
        "value_tier", "need", "n_households", "share", "tier_share", "revenue", "revenue_share", "clv_mean",
        "discount_rate_mean", "discount_rate",
    ]  # fmt: skip
    return table[order]
