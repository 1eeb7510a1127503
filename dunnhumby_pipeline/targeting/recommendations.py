"""The targeting list: a decision and its reason for every household, as of the last day of the data."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, LEAVE, REPEAT_CONTACT, TARGET, TEST
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import LABELS, standard_errors
from dunnhumby_pipeline.targeting.groups import group_edges, repeat_group
from dunnhumby_pipeline.targeting.policies.base import FittedPolicy
from dunnhumby_pipeline.targeting.reasons import Case, reasons
from dunnhumby_pipeline.targeting.support import at_first, in_region

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
COLUMNS = [
    "household_key",
    "decision",
    "contact",
    "cate",
    "cate_lower",
    "cate_upper",
    "interval_of",
    "expected_profit",
    "expected_profit_lower",
    "expected_profit_upper",
    "probability_pays",
    "group",
    "selected",
    "propensity",
    "in_overlap",
    "segment",
    "reason",
]
_EFFECT = ["cate", "cate_lower", "cate_upper"]
# What a household of a group has from its group, by the names of the list.
_OF_GROUP = {
    "expected_profit": "expected_profit",
    "expected_profit_lower": "calibrated_lower",
    "expected_profit_upper": "calibrated_upper",
    "probability_pays": "probability_pays_calibrated",
}


@dataclass(frozen=True)
class Terms:
    """What a decision is made on: the policy as fitted to all trials, whether its value is proven to be a gain, the
    cost of a contact, the overlap region, what is known of each group of households (table decision_groups), the
    confidence of the intervals; of households that were sent the type before the table repeat_households, and why
    nothing is known of a repeat, where it is not.
    """

    policy: FittedPolicy
    proven: bool
    economics: Economics
    overlap: Region
    groups: pd.DataFrame
    confidence: float
    repeats: pd.DataFrame = field(default_factory=lambda: without_rows(table("repeat_households")))
    no_repeat: str | None = None


def value_is_proven(policy_value: pd.DataFrame) -> bool:
    """Whether the interval of the chosen policy's value leaves out a loss; not where it has no value."""
    return bool((policy_value.loc[policy_value["chosen"].astype(bool), "ci_lower"] > 0).any())


def targeting_list(scored: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """Decide for each household (columns `COLUMNS`, largest expected profit first).

    `scored`: household_key, cate, cate_lower, cate_upper ($; null without a purchase in the look-back), interval_of,
    propensity, segment, lookback_segment, lookback_need, campaign (the one whose place the next takes),
    received_before (whether a campaign of the type was sent before). `covariates`: those of the design matrix, by
    household_key.

    Supported is a household with comparable ones in both arms of the trials that its contact is one of: those of a
    first contact, or those of a repeat. Shares and ranks of the policy are among these. Of its group it is known,
    systematic error allowed for, whether a contact pays; expected profit and effect of a household contacted before
    are those of its group.

    target: supported, a gain is proven for its group, the policy selects it for certain and not by lot, and, of first
    contacts, on which it is valued, what it is worth is proven. leave: nothing is known of the household; or for its
    group a loss is proven, or expected where no test is worth its cost; or the policy passes it over although a gain is
    proven. test: all others, so that a test decides them. A household that is not supported is a part of its group's
    test, and left where that is left; without a group, where every group is left.
    """
    frame = _with_repeats(scored, terms)
    known, first = scored["cate"].notna().to_numpy(), at_first(scored)
    supported = np.where(first, in_region(scored, terms.overlap), frame["in_overlap"].to_numpy(dtype=bool)) & known
    groups = terms.groups.sort_values("group").reset_index(drop=True)
    group = _groups(frame, first, groups)
    place = np.maximum(group, 0)
    decided = groups["decision"].to_numpy(dtype=object)[place]
    weight = np.zeros(len(frame))
    if supported.any():
        weight[supported] = _weights(frame[supported], covariates, terms)
    pays = supported & (decided == TARGET)
    passed_over = pays & (weight == 0)
    target = pays & (weight >= 1) & (terms.proven | ~first)
    no_test = np.where(group >= 0, decided == LEAVE, bool((groups["decision"] == LEAVE).all()))
    leave = ~known | passed_over | (supported & (decided == LEAVE)) | (~supported & no_test)
    frame = frame.assign(
        decision=np.select([target, leave], [TARGET, LEAVE], TEST),
        contact=np.where(first, FIRST_CONTACT, REPEAT_CONTACT),
        in_overlap=supported,
        group=pd.Series(group).where(known & (group >= 0)).astype("Int64"),
        selected=pd.Series(weight).where(supported),
        **{
            name: np.where(supported, groups[source].to_numpy(dtype=float)[place], np.nan)
            for name, source in _OF_GROUP.items()
        },
    )
    no_repeat = terms.no_repeat
    if no_repeat is None and repeat_group(groups) is None:
        no_repeat = "no trials of a repeat"
    case = Case(known, first, supported, weight, target, no_test, no_repeat)
    frame["reason"] = reasons(frame, groups, place, case, terms.overlap)
    order = ["expected_profit", "cate", "household_key"]
    frame = frame.sort_values(order, ascending=[False, False, True], na_position="last")
    return frame[COLUMNS].reset_index(drop=True)


def _with_repeats(scored: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """The households, those contacted before with the effect of a repeat, and their propensity of one."""
    frame = scored.reset_index(drop=True)
    of_repeat = terms.repeats[["household_key", "over", "days_since_last", "propensity", "in_overlap"]]
    frame = frame.merge(of_repeat.rename(columns={"propensity": "of_repeat"}), on="household_key", how="left")
    before = ~at_first(frame)
    group = repeat_group(terms.groups)
    frame["propensity"] = frame["propensity"].where(~before, frame["of_repeat"])
    frame["in_overlap"] = frame["in_overlap"].eq(True)
    effects: list[float] = [np.nan, np.nan, np.nan]
    if group is not None:
        row = terms.groups.loc[terms.groups["group"] == group].iloc[0]
        half = normal_quantile(terms.confidence) * row["effect_se"]
        effects = [row["effect"], row["effect"] - half, row["effect"] + half]
    for name, value in zip(_EFFECT, effects, strict=True):
        frame[name] = frame[name].astype(float).where(~before, value)
    frame["interval_of"] = frame["interval_of"].where(~before, None if group is None else "average")
    return frame


def _groups(frame: pd.DataFrame, first: Mask, groups: pd.DataFrame) -> NDArray[np.int64]:
    """The group (n,) by which each household is decided, or would be by a test; -1 where there is none."""
    place = np.searchsorted(group_edges(groups), frame["cate"].to_numpy(dtype=float), side="right")
    # A household without an effect sorts last; it is told apart by the caller.
    last = int((groups["contact"] == FIRST_CONTACT).sum()) - 1
    repeat = repeat_group(groups)
    return np.where(first, np.minimum(place, last), -1 if repeat is None else repeat).astype(np.int64)


def _weights(supported: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> Array:
    rows = covariates.index.get_indexer(supported["household_key"])
    if (rows < 0).any():
        raise KeyError(f"{(rows < 0).sum()} households have an effect and no covariates")
    return terms.policy.weights(
        covariates.to_numpy()[rows],
        supported[LABELS],
        supported["cate"].to_numpy(),
        standard_errors(supported, terms.confidence),
    )
