"""Where each household stands: its value tier, its stage of life as a customer, and its habit with discounts.

One definition each. Every table, figure and rule that speaks of them reads `household_status`; a segment has none of
its own, only shares of its households (`status_shares`).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
import pandas as pd

from dunnhumby_pipeline.engine.tables import WAY_OUT
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import TIERS
from dunnhumby_pipeline.settings import StatusSettings

Lifecycle = Literal["new", "active", "lapsing", "lapsed"]
DiscountHabit = Literal["full price", "some", "deals"]
LIFECYCLES: Final[tuple[str, ...]] = get_args(Lifecycle)
HABITS: Final[tuple[str, ...]] = get_args(DiscountHabit)
# What a segment is told the shares of: column of `household_status`, its values.
PARTS: Final = {"value_tier": TIERS, "lifecycle": LIFECYCLES, "discount_habit": HABITS}
# What is read of `customer_features`.
READ: Final = ("recency", "tenure", "days_between_purchases_avg", "discount_usage_pct", "transaction_count")


class StatusError(ValueError):
    """It cannot be said where households stand. The message says which table lacks what."""


def household_status(features: pd.DataFrame, values: pd.DataFrame, settings: StatusSettings) -> pd.DataFrame:
    """Where each household stands: household_key, value_tier, lifecycle, discount_habit, discount_share.

    `features`: a row per household (`customer_features`); `values`: household_key and value_tier ('high', 'mid',
    'low'; `customer_lifetime_value`). lifecycle as of `lifecycles`, discount_habit as of `discount_habits`;
    discount_share is the share of lines bought at a discount, shrunk (`discount_shares`).
    Raises StatusError when the tables have different households, or a column is missing.
    """
    _check_columns("customer_features", features, ("household_key", *READ))
    _check_columns("customer_lifetime_value", values, ("household_key", "value_tier"))
    strangers = set(features["household_key"]) ^ set(values["household_key"])
    if strangers or features["household_key"].duplicated().any() or values["household_key"].duplicated().any():
        raise StatusError(
            "customer_features and customer_lifetime_value must have each household once, and the same ones: found "
            f"{len(features)} and {len(values)} rows, {len(strangers)} households in one alone; make both from one run"
        )
    joined = features[["household_key", *READ]].merge(values[["household_key", "value_tier"]], on="household_key")
    joined = joined.astype(dict.fromkeys(READ, "float64"))
    unknown = sorted(set(joined["value_tier"].astype(object)) - set(TIERS))
    if unknown:
        raise StatusError(
            f"customer_lifetime_value.value_tier has {', '.join(map(str, unknown))}; expected {', '.join(TIERS)}"
        )
    share = discount_shares(joined["discount_usage_pct"], joined["transaction_count"])
    return pd.DataFrame(
        {
            "household_key": joined["household_key"],
            "value_tier": joined["value_tier"].astype("str"),
            "lifecycle": lifecycles(joined, settings).astype("str"),
            "discount_habit": discount_habits(share, settings.habit_shares).astype("str"),
            "discount_share": share,
        }
    )


def lifecycles(features: pd.DataFrame, settings: StatusSettings) -> pd.Series:
    """Stage of each household: 'new', 'active', 'lapsing' or 'lapsed'.

    `features`: recency, tenure (days from the first purchase seen to the last day of the data) and
    days_between_purchases_avg (null before a second visit). A household is

    - lapsed when it has stayed away for `lapsed_days`;
    - lapsing when it has stayed away for `lapsing_days`, and for `lapsing_gaps` times as long as it usually does;
    - new when it came first within `new_days`, after a stretch of data as long in which it did not: who is seen from
      the beginning may have come for years;
    - else active.

    Who stays away is lapsing or lapsed even when new.
    """
    away, usual = features["recency"], features["days_between_purchases_avg"]
    unseen = features["tenure"].max() - features["tenure"]
    new = (features["tenure"] < settings.new_days) & (unseen >= settings.new_days)
    overdue = (away >= settings.lapsing_days) & (away > settings.lapsing_gaps * usual.fillna(0.0))
    stages = np.select([away >= settings.lapsed_days, overdue, new], ["lapsed", "lapsing", "new"], default="active")
    return pd.Series(stages, index=features.index, name="lifecycle")


def discount_shares(shares: pd.Series, lines: pd.Series) -> pd.Series:
    """`shares` (0-1) of `lines` bought at a discount, drawn to the share of all households where lines are few.

    Beta-binomial shrinkage by moments (Kleinman 1973): (share x lines + m x strength) / (lines + strength), m the mean
    over households weighted by lines, and strength such that what is left of the spread between households, after
    what so few lines give by chance, is m (1 - m) / (strength + 1). Households that differ by no more than chance all
    get m. Missing shares (nothing bought) get m as well.
    """
    known = shares.notna() & (lines > 0)
    if not known.any():
        return pd.Series(0.0, index=shares.index, name="discount_share")
    share, n = shares[known].to_numpy(dtype=float), lines[known].to_numpy(dtype=float)
    total = n.sum()
    mean = float((n * share).sum() / total)
    spread = float((n * (share - mean) ** 2).sum())
    # Mean squares within and between households, as in an analysis of variance of single lines.
    within = float((n * share * (1 - share)).sum()) / max(total - len(n), 1.0)
    size = (total - float((n**2).sum()) / total) / max(len(n) - 1, 1)
    between = (spread / max(len(n) - 1, 1) - within) / size if size > 0 else 0.0
    counted = lines.where(known, 0.0)
    if between <= 0:
        return pd.Series(mean, index=shares.index, name="discount_share")
    strength = within / between
    return ((shares.fillna(0.0) * counted + mean * strength) / (counted + strength)).rename("discount_share")


def discount_habits(shares: pd.Series, cuts: tuple[float, float]) -> pd.Series:
    """'full price' for the households with the smallest discount `shares`, 'deals' for those with the largest, else
    'some'.

    `cuts`: the shares of households that are at most called so. Where many have one share, all of them are on the same
    side: equal households have equal habits. A retailer without discounts has 'full price' households alone.
    """
    low, high = shares.quantile(cuts[0]), shares.quantile(1 - cuts[1])
    habits = np.select([(shares < low) | (shares <= 0), shares > high], ["full price", "deals"], default="some")
    return pd.Series(habits, index=shares.index, name="discount_habit")


def status_shares(status: pd.DataFrame, segments: pd.DataFrame, part: str) -> pd.DataFrame:
    """Shares (0-1) of the households of each segment: index segment, columns share_VALUE for each value of `part`.

    `part`: 'value_tier', 'lifecycle' or 'discount_habit'; all its values have a column ('share_full_price'). A segment
    without households, there as a category, has NaN. Raises StatusError when a household has no segment, or no status.
    """
    _check_columns("the table of where households stand", status, ("household_key", part))
    strangers = set(status["household_key"]) ^ set(segments["household_key"])
    if strangers:
        raise StatusError(
            f"{len(strangers)} households have either a status or a segment, not both (such as {min(strangers)}); make "
            "both from one run"
        )
    joined = segments[["household_key", "segment"]].merge(status[["household_key", part]], on="household_key")
    held = pd.DataFrame({value: joined[part].astype(object) == value for value in PARTS[part]})
    shares = held.groupby(joined["segment"], observed=False).mean()
    return shares.set_axis([f"share_{value.replace(' ', '_')}" for value in shares.columns], axis=1)


def majority(profiles: pd.DataFrame, part: str) -> dict[str, str]:
    """The value of `part` that most households of each segment have, for rules that must name one: segment -> value.

    `profiles`: segment and the columns of `status_shares` (`segment_profiles`). Of equal shares the first of the scale
    is taken; a segment without households is left out. Raises StatusError when a column is missing.
    """
    columns = {f"share_{value.replace(' ', '_')}": value for value in PARTS[part]}
    _check_columns("segment_profiles", profiles, ("segment", *columns))
    known = profiles.set_index("segment")[list(columns)].dropna()
    return {str(segment): columns[str(largest)] for segment, largest in known.idxmax(axis=1).items()}


def _check_columns(table: str, frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise StatusError(f"{table} lacks {', '.join(missing)}; found {', '.join(frame.columns)}; {WAY_OUT}")
