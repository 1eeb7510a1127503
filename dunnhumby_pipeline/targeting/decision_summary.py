"""The list by segment, need and value tier, with advice for each that follows from the list and so agrees with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import CONTACT, HOLD_OUT, LEAVE, TARGET, TEST
from dunnhumby_pipeline.words.numbers import count, percent

ALL, SEGMENT, SUPPRESSION = "all", "segment", "suppression"
EXPAND, HOLD, REDUCE = "expand", "hold", "reduce"
COLUMNS = [
    "grouping",
    "level",
    "level_name",
    "n_households",
    "n_target",
    "n_contact",
    "n_held_out",
    "n_test",
    "n_leave",
    "n_suppressed",
    "n_supported",
    "expected_profit",
    "ci_lower",
    "ci_upper",
    "profit_of_contacts",
    "profit_lower",
    "profit_upper",
    "given_up",
    "given_up_lower",
    "given_up_upper",
    "share_contacted",
    "advice",
    "advice_reason",
]
# What the list and the table decision_groups call the profit of a contact and its calibrated interval.
_PROFIT = {"expected": "expected_profit", "lower": "calibrated_lower", "upper": "calibrated_upper"}


@dataclass(frozen=True)
class Grouping:
    """A division of the households: `labels`, by household_key, and how its levels are called in words."""

    name: str
    labels: pd.Series
    names: Mapping[str, str]


def decision_summary(
    listed: pd.DataFrame, groups: pd.DataFrame, groupings: list[Grouping], last_contacted: frozenset[int]
) -> pd.DataFrame:
    """One row for all households, one per level of every grouping, one per suppression (`COLUMNS`).

    `listed`: the list; `groups`: table decision_groups; `last_contacted`: whom the last campaign of the type reached.
    Expected profit is that of one contact ($), the mean over the level's households with support, each with the profit
    and calibrated interval of its group: systematic error is common to all, so bounds are averaged, not shrunk.
    `profit_of_contacts` is the sum over those that are contacted; `given_up` the sum over those that are suppressed and
    that the policy would select.
    """
    frame = _with_profit(listed, groups).assign(contacted=listed["household_key"].isin(last_contacted).to_numpy())
    parts = [_levels(frame, Grouping(ALL, pd.Series(ALL, index=listed["household_key"]), {ALL: "all households"}))]
    parts += [_levels(frame, grouping) for grouping in groupings]
    advised = pd.concat(parts, ignore_index=True)
    advice = [advise(row) for _, row in advised.iterrows()]
    advised["advice"], advised["advice_reason"] = zip(*advice, strict=True)
    stopped = listed.loc[listed["suppression"].notna()].set_index("household_key")["suppression"]
    suppressed = _levels(frame, Grouping(SUPPRESSION, stopped, {})).assign(advice=None, advice_reason=None)
    whole = pd.concat([advised, suppressed], ignore_index=True) if len(suppressed) else advised
    return whole[COLUMNS]


def advise(row: pd.Series) -> tuple[str, str]:
    """Advice for the households of a row and why: what the list decides for most of them, against what was done.

    test where most are to be tested; where most are targets, expand when more are to be contacted than the last
    campaign reached, else hold; where most are left, reduce when that campaign reached more than are to be contacted,
    else hold. A tie goes to test, then to target.
    """
    n = row["n_households"]
    target, before = row["n_target"] / n, row["share_contacted"]
    most = max((TEST, TARGET, LEAVE), key=lambda decision: row[f"n_{decision}"])
    if most == TEST:
        return TEST, f"{count(row['n_test'])} of {count(n)} are to be tested"
    against = f"the list targets {percent(target)} and the last campaign reached {percent(before)}"
    if row["n_suppressed"]:
        against += f"; {count(row['n_suppressed'])} may not be contacted"
    if most == TARGET:
        return (EXPAND if target > before else HOLD), against
    return (REDUCE if before > target else HOLD), against


def _with_profit(listed: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    of_group = groups.set_index("group")
    known = listed["group"].astype("float64")
    profit = {name: known.map(of_group[column]).astype(float) for name, column in _PROFIT.items()}
    return listed.assign(**profit)


def _levels(frame: pd.DataFrame, grouping: Grouping) -> pd.DataFrame:
    """The numbers of every level, without advice; a household without a label belongs to none."""
    level = frame["household_key"].map(grouping.labels)
    supported = frame["expected"].notna()
    stopped = frame["suppression"].notna()
    contacted = (frame["arm"] == CONTACT).to_numpy()
    counted = {
        "n_households": np.ones(len(frame)),
        **{f"n_{decision}": frame["decision"] == decision for decision in (TARGET, TEST, LEAVE)},
        "n_contact": contacted,
        "n_held_out": frame["arm"] == HOLD_OUT,
        "n_suppressed": stopped,
        "n_supported": supported,
        "share_contacted": frame["contacted"],
    }
    # What was selected for certain and stopped; weights below one are households that would be drawn by lot.
    lost = frame["selected"].fillna(0.0).where(stopped, 0.0)
    summed = {
        **dict(zip(("expected_profit", "ci_lower", "ci_upper"), (frame[name] for name in _PROFIT), strict=True)),
        **{
            column: frame[name].where(contacted, 0.0)
            for column, name in zip(("profit_of_contacts", "profit_lower", "profit_upper"), _PROFIT, strict=True)
        },
        **{
            column: frame[name].fillna(0.0) * lost
            for column, name in zip(("given_up", "given_up_lower", "given_up_upper"), _PROFIT, strict=True)
        },
    }
    whole = pd.DataFrame({**counted, **summed}).astype(float).groupby(level.to_numpy()).sum()
    for column in ("expected_profit", "ci_lower", "ci_upper"):
        whole[column] = whole[column] / whole["n_supported"].where(whole["n_supported"] > 0)
    whole["share_contacted"] /= whole["n_households"]
    numbers = [name for name in whole.columns if name.startswith("n_")]
    whole = whole.astype(dict.fromkeys(numbers, "int64"))
    whole.index = whole.index.astype(str)
    told = whole.rename_axis("level").reset_index()
    names = [grouping.names.get(each, each) for each in told["level"]]
    return told.assign(grouping=grouping.name, level_name=names)


def last_reached(campaigns: pd.DataFrame, campaign_targets: pd.DataFrame, campaign_type: str) -> frozenset[int]:
    """The households of the last campaign of the type, by its first day."""
    own = campaigns.loc[campaigns["description"] == campaign_type]
    if own.empty:
        return frozenset()
    last = own.sort_values(["start_day", "campaign"])["campaign"].iloc[-1]
    reached = campaign_targets.loc[campaign_targets["campaign"] == last, "household_key"]
    return frozenset(reached.tolist())
