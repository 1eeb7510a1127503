"""The targeting list: a decision and its reason for every household, as of the last day of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import LABELS, standard_errors
from dunnhumby_pipeline.targeting.groups import group_edges
from dunnhumby_pipeline.targeting.policies.base import FittedPolicy
from dunnhumby_pipeline.targeting.support import at_first, in_region
from dunnhumby_pipeline.words.numbers import percent, price, whole_dollars

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
COLUMNS = [
    "household_key",
    "decision",
    "cate",
    "cate_lower",
    "cate_upper",
    "interval_of",
    "expected_profit",
    "probability_pays",
    "group",
    "selected",
    "propensity",
    "in_overlap",
    "segment",
    "reason",
]


@dataclass(frozen=True)
class Terms:
    """What a decision is made on: the policy as fitted to all trials, whether its value is proven to be a gain, the
    cost of a contact, the overlap region, what is known of each group of households (table decision_groups), and the
    confidence of the intervals.
    """

    policy: FittedPolicy
    proven: bool
    economics: Economics
    overlap: Region
    groups: pd.DataFrame
    confidence: float


def value_is_proven(policy_value: pd.DataFrame) -> bool:
    """Whether the interval of the chosen policy's value leaves out a loss; not where it has no value."""
    return bool((policy_value.loc[policy_value["chosen"].astype(bool), "ci_lower"] > 0).any())


def targeting_list(scored: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """Decide for each household (columns `COLUMNS`, largest expected profit first).

    `scored`: household_key, cate, cate_lower, cate_upper ($; null without a purchase in the look-back), interval_of,
    propensity, segment, lookback_segment, campaign (the one whose place the next takes), received_before (whether a
    campaign of the type was sent before). `covariates`: those of the design matrix, by household_key.

    Supported is a household as the policy was valued on: comparable ones were seen in both arms, and no campaign of
    the type was sent before, whose repeat this design does not estimate. Shares and ranks are among these. Of its group
    it is known, systematic error allowed for, whether a contact pays.

    target: supported, a gain is proven for its group, the policy selects it for certain and not by lot, and what the
    policy is worth is proven. leave: nothing is known of the household; or for its group a loss is proven, or expected
    where no test is worth its cost; or the policy passes it over although a gain is proven. test: all others.
    """
    known, in_overlap, first = scored["cate"].notna().to_numpy(), in_region(scored, terms.overlap), at_first(scored)
    spoken_of = in_overlap & first
    weight = np.zeros(len(scored))
    if spoken_of.any():
        weight[spoken_of] = _weights(scored[spoken_of], covariates, terms)
    groups = terms.groups.sort_values("group").reset_index(drop=True)
    group = np.searchsorted(group_edges(groups), scored["cate"].to_numpy(dtype=float), side="right")
    # A household without an effect has no group; it is told apart below.
    place = np.minimum(group, len(groups) - 1)
    decided = groups["decision"].to_numpy(dtype=str)[place]
    pays = spoken_of & (decided == TARGET)
    passed_over = pays & (weight == 0)
    target = pays & (weight >= 1) & terms.proven
    leave = ~known | passed_over | (spoken_of & (decided == LEAVE))
    frame = scored.reset_index(drop=True).assign(
        decision=np.select([target, leave], [TARGET, LEAVE], TEST),
        in_overlap=in_overlap,
        expected_profit=terms.economics.profit(scored["cate"].to_numpy(dtype=float)),
        group=pd.Series(group).where(spoken_of).astype("Int64"),
        probability_pays=pd.Series(groups["probability_pays_calibrated"].to_numpy()[place]).where(spoken_of),
        selected=pd.Series(weight).where(spoken_of),
    )
    frame["reason"] = _reasons(frame, groups, place, weight, first, terms)
    frame = frame.sort_values(["expected_profit", "household_key"], ascending=[False, True], na_position="last")
    return frame[COLUMNS].reset_index(drop=True)


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


def _reasons(
    frame: pd.DataFrame, groups: pd.DataFrame, place: NDArray[np.int64], weight: Array, first: Mask, terms: Terms
) -> pd.Series:
    """Why each household's decision is what it is, with the number that decides; `place` (n,): that of its group.

    What is said of a group is written once, whatever its size.
    """
    about, testing = _of_groups(groups, terms)
    decided = groups["decision"].to_numpy(dtype=str)[place]
    unproven = "" if terms.proven else "; that the policy gains is not proven: test it"
    endings = {
        LEAVE: [f"{said}; {test}" for said, test in zip(about, testing, strict=True)],
        TEST: [f"{said}; {test}: test it" for said, test in zip(about, testing, strict=True)],
        "passed over": [f"{said}; the policy passes it over" for said in about],
        "by lot": [
            f"{said}; no ranking tells it from others, of whom the policy draws some by lot: test it" for said in about
        ],
        TARGET: [f"{said}{unproven}" for said in about],
    }
    told = np.select(
        [decided == LEAVE, decided == TEST, weight == 0, weight < 1], [LEAVE, TEST, "passed over", "by lot"], TARGET
    )
    reason = np.empty(len(frame), dtype=object)
    for name, sentences in endings.items():
        mine = told == name
        reason[mine] = np.array(sentences, dtype=object)[place[mine]]
    known, inside = frame["cate"].notna().to_numpy(), frame["in_overlap"].to_numpy(dtype=bool)
    reason[~known] = "no purchase in the look-back: nothing to base an effect on"
    before, few = known & ~first, known & first & ~inside
    for rows, ending in (
        (before, "it has received this type before, and only first campaigns are estimated; test it"),
        (few, "too few comparable households in one arm (propensity "),
    ):
        reason[rows] = "effect " + _written(frame.loc[rows, "cate"], 2, price) + _UNKNOWN + ending
    reason[few] = reason[few] + _written(frame.loc[few, "propensity"], 2, "{:.2f}".format) + "); test it"
    return pd.Series(reason, index=frame.index)


_UNKNOWN = " on gross profit is not known to hold for it: "


def _of_groups(groups: pd.DataFrame, terms: Terms) -> tuple[list[str], list[str]]:
    """Of each group what a contact is expected to bring, and what a test of it is worth, in words."""
    cost = price(terms.economics.contact_cost)
    alike = "households like it are" if len(groups) > 1 else "households with comparable ones in both arms are"
    about = [
        f"{alike} expected to bring {price(row['expected_profit'])} at {cost} a contact "
        f"({price(row['calibrated_lower'])} to {price(row['calibrated_upper'])}), which pays with a chance of "
        f"{percent(row['probability_pays_calibrated'])}"
        for _, row in groups.iterrows()
    ]
    testing = [
        "too few of them for a test"
        if pd.isna(row["value_of_test"])
        else f"a test of {row['test_households']:,} is worth {whole_dollars(row['value_of_test'])} and costs "
        f"{whole_dollars(row['cost_of_test'])}"
        for _, row in groups.iterrows()
    ]
    return about, testing


def _written(values: pd.Series, decimals: int, word: Callable[[float], str]) -> NDArray[np.object_]:
    """`values` in words (n,), each that differs at these decimals written once."""
    codes, different = pd.factorize(values.round(decimals).to_numpy(dtype=float))
    return np.array([word(value) for value in different], dtype=object)[codes]
