"""The targeting list: a decision and its reason for every household, as of the last day of the data."""

from __future__ import annotations

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
    propensity, segment, lookback_segment, lookback_need, campaign (the one whose place the next takes),
    received_before (whether a campaign of the type was sent before). `covariates`: those of the design matrix, by
    household_key.

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
    own = groups.iloc[np.minimum(group, len(groups) - 1)].reset_index(drop=True)
    pays = spoken_of & (own["decision"] == TARGET).to_numpy()
    passed_over = pays & (weight == 0)
    target = pays & (weight >= 1) & terms.proven
    leave = ~known | passed_over | (spoken_of & (own["decision"] == LEAVE).to_numpy())
    frame = scored.reset_index(drop=True).assign(
        decision=np.select([target, leave], [TARGET, LEAVE], TEST),
        in_overlap=in_overlap,
        expected_profit=terms.economics.profit(scored["cate"].to_numpy(dtype=float)),
        group=pd.Series(group).where(spoken_of).astype("Int64"),
        probability_pays=own["probability_pays_calibrated"].where(spoken_of),
    )
    frame["reason"] = _reasons(frame, own, weight, first, terms)
    frame = frame.sort_values(["expected_profit", "household_key"], ascending=[False, True], na_position="last")
    return frame[COLUMNS].reset_index(drop=True)


def _weights(supported: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> Array:
    return terms.policy.weights(
        covariates.loc[supported["household_key"]].to_numpy(),
        supported[LABELS],
        supported["cate"].to_numpy(),
        standard_errors(supported, terms.confidence),
    )


def _reasons(frame: pd.DataFrame, own: pd.DataFrame, weight: Array, first: Mask, terms: Terms) -> pd.Series:
    """Why each household's decision is what it is, with the number that decides; `own` (n,): the row of its group."""
    cost = f" at {price(terms.economics.contact_cost)} a contact"
    profit, lower, upper = (
        own[name].map(price) for name in ("expected_profit", "calibrated_lower", "calibrated_upper")
    )
    alike = "households like it are" if len(terms.groups) > 1 else "households with comparable ones in both arms are"
    about = (
        alike
        + " expected to bring "
        + profit
        + cost
        + " ("
        + lower
        + " to "
        + upper
        + "), which pays with a chance of "
    )
    about = about + own["probability_pays_calibrated"].map(percent)
    worth, paid = own["value_of_test"].map(whole_dollars), own["cost_of_test"].map(whole_dollars)
    testing = np.where(
        own["value_of_test"].isna(),
        "too few of them for a test",
        "a test of " + own["test_households"].map("{:,}".format) + " is worth " + worth + " and costs " + paid,
    )
    unseen = "effect " + frame["cate"].map(price) + " on gross profit is not known to hold for it: "
    reason = np.select(
        [
            frame["cate"].isna(),
            ~first,
            ~frame["in_overlap"].to_numpy(dtype=bool),
            own["decision"] == LEAVE,
            own["decision"] == TEST,
            weight == 0,
            weight < 1,
        ],
        [
            "no purchase in the look-back: nothing to base an effect on",
            unseen + "it has received this type before, and only first campaigns are estimated; test it",
            unseen + "too few comparable households in one arm (propensity " + _two(frame["propensity"]) + "); test it",
            about + "; " + testing,
            about + "; " + testing + ": test it",
            about + "; the policy passes it over",
            about + "; no ranking tells it from others, of whom the policy draws some by lot: test it",
        ],
        about + np.where(terms.proven, "", "; that the policy gains is not proven: test it"),
    )
    return pd.Series(reason, index=frame.index)


def _two(values: pd.Series) -> pd.Series:
    return values.map("{:.2f}".format)
