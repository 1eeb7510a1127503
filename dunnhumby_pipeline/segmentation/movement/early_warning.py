"""Households that fall from high value, and what became of those who fell before."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dunnhumby_pipeline.segmentation.movement.periods import ABSENT, check_tiers, period_pairs, shared_days
from dunnhumby_pipeline.settings import MigrationSettings


def early_warning(
    periods: pd.DataFrame, windows: pd.DataFrame, value_tiers: Mapping[str, str], settings: MigrationSettings
) -> pd.DataFrame:
    """Households that fall from high value, the largest loss first.

    They were in a segment of high value `warning_steps` periods before the last (or in the first period, when there
    are fewer), are in another tier or bought nothing in the last, and spend at least `warning_fall` less: a household
    on the border of two segments that spends as before is not a warning.
    Columns: household_key, from_period, to_period, from_segment, to_segment, to_tier ('mid', 'low' or 'absent'),
    spend_before, spend_after ($ in the period), change ($), change_share.
    Spend that was low by chance recovers by itself: `warning_evidence` says how much of it did.
    Raises MigrationError when a segment has no tier.
    """
    check_tiers(set(periods["segment"]), value_tiers)
    numbers = sorted(windows["window"])
    after = numbers[-1]
    before = numbers[max(len(numbers) - 1 - settings.warning_steps, 0)]
    columns = ["household_key", "segment", "spend"]
    old = periods.loc[periods["window"] == before, columns]
    old = old[old["segment"].map(value_tiers) == "high"]
    new = periods.loc[periods["window"] == after, columns]
    both = old.merge(new, on="household_key", how="left", suffixes=("_before", "_after"))
    both["spend_after"] = both["spend_after"].fillna(0.0)
    both["to_segment"] = both["segment_after"].fillna(ABSENT)
    both["to_tier"] = both["segment_after"].map(value_tiers).fillna("absent")
    both["change"] = both["spend_after"] - both["spend_before"]
    both["change_share"] = both["change"] / both["spend_before"].where(both["spend_before"] > 0)
    fallen = both[(both["to_tier"] != "high") & (both["change_share"] <= -settings.warning_fall)]
    fallen = fallen.assign(from_period=before, to_period=after).rename(columns={"segment_before": "from_segment"})
    order = [
        "household_key", "from_period", "to_period", "from_segment", "to_segment", "to_tier", "spend_before",
        "spend_after", "change", "change_share",
    ]  # fmt: skip
    return fallen[order].sort_values(["change", "household_key"], ignore_index=True)


def warning_evidence(
    periods: pd.DataFrame, windows: pd.DataFrame, value_tiers: Mapping[str, str], settings: MigrationSettings
) -> pd.DataFrame:
    """What became of those whom the early warning would have listed earlier, beside other high value households.

    Two rows for each period after which there is another that shares no day with it: from_period, to_period,
    after_period, listed, n_households, and mean spend ($ in the period) spend_before, spend_at, spend_after. No row
    when the data are too short for that.
    """
    columns = ["from_period", "to_period", "after_period", "listed", "n_households"]
    spends = ["spend_before", "spend_at", "spend_after"]
    wide = periods.pivot(index="household_key", columns="window", values="spend").fillna(0.0)
    steps = settings.warning_steps
    tables = []
    for at, after in period_pairs(windows):
        if shared_days(windows, at, after) > 0 or at - steps not in wide.columns:
            continue
        past = windows[windows["window"] <= at]
        listed = early_warning(periods[periods["window"] <= at], past, value_tiers, settings)["household_key"]
        before = periods[periods["window"] == at - steps]
        high = before.loc[before["segment"].map(value_tiers) == "high", "household_key"]
        spend = wide.loc[high, [at - steps, at, after]].set_axis(spends, axis=1)
        means = spend.groupby(spend.index.isin(listed)).agg("mean").rename_axis("listed").reset_index()
        sizes = pd.Series(high.isin(listed).to_numpy()).value_counts()
        means["n_households"] = means["listed"].map(sizes)
        tables.append(means.assign(from_period=at - steps, to_period=at, after_period=after)[[*columns, *spends]])
    if tables:
        return pd.concat(tables, ignore_index=True)
    kinds = dict.fromkeys(columns, "int64") | {"listed": "bool"} | dict.fromkeys(spends, "float64")
    return pd.DataFrame(columns=[*columns, *spends]).astype(kinds)
