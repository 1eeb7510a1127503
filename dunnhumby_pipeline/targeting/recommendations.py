"""The targeting list: a decision and its reason for every household, as of the last day of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import LABELS, standard_errors
from dunnhumby_pipeline.targeting.policies.base import FittedPolicy
from dunnhumby_pipeline.targeting.support import at_first, in_region

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
OF_AVERAGE, OF_HOUSEHOLD = "average", "household"
TARGET, LEAVE, TEST = "target", "leave", "test"
COLUMNS = [
    "household_key",
    "decision",
    "cate",
    "cate_lower",
    "cate_upper",
    "interval_of",
    "expected_profit",
    "propensity",
    "in_overlap",
    "segment",
    "reason",
]


@dataclass(frozen=True)
class Terms:
    """What a decision is made on: the policy as fitted to all trials, whether its value is proven to be a gain, the
    cost of a contact, the overlap region, and the confidence of the intervals.
    """

    policy: FittedPolicy
    proven: bool
    economics: Economics
    overlap: Region
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
    the type was sent before, whose repeat this design does not estimate. Shares and ranks are among these.

    target: supported, selected by the policy for certain and not by lot, what the policy is worth is proven, and so is
    what a contact gains of such households: by the interval of the effect, where the model has one. leave: nothing is
    known of the household, its own interval lies below the cost, or its gain is proven and the policy passes it over.
    test: all others. The interval of the mean never says `leave`, as effects may differ about it.
    """
    cost, own = terms.economics.contact_cost, (scored["interval_of"] == OF_HOUSEHOLD).to_numpy()
    known, in_overlap, first = scored["cate"].notna().to_numpy(), in_region(scored, terms.overlap), at_first(scored)
    spoken_of = in_overlap & first
    weight = np.zeros(len(scored))
    if spoken_of.any():
        weight[spoken_of] = _weights(scored[spoken_of], covariates, terms)
    gains = (scored["cate_lower"] > cost).to_numpy()
    target = (weight >= 1) & terms.proven & (gains | scored["cate_lower"].isna().to_numpy())
    passed_over = spoken_of & gains & (weight == 0)
    leave = ~known | passed_over | (own & (scored["cate_upper"] < cost).to_numpy())
    frame = scored.assign(
        decision=np.select([target, leave], [TARGET, LEAVE], TEST),
        in_overlap=in_overlap,
        expected_profit=terms.economics.profit(scored["cate"]),
    )
    frame["reason"] = _reasons(frame, weight, passed_over, first, terms)
    frame = frame.sort_values(["expected_profit", "household_key"], ascending=[False, True], na_position="last")
    return frame[COLUMNS].reset_index(drop=True)


def _weights(supported: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> Array:
    return terms.policy.weights(
        covariates.loc[supported["household_key"]].to_numpy(),
        supported[LABELS],
        supported["cate"].to_numpy(),
        standard_errors(supported, terms.confidence),
    )


def _reasons(frame: pd.DataFrame, weight: Array, passed_over: Mask, first: Mask, terms: Terms) -> pd.Series:
    cost, known = terms.economics.contact_cost, frame["cate"].notna()
    cate, lower, upper = (frame[name].map("{:.2f}".format) for name in ("cate", "cate_lower", "cate_upper"))
    above, below = frame["cate_lower"] > cost, frame["cate_upper"] < cost
    mean, unknown = (frame["interval_of"] == OF_AVERAGE).to_numpy(), frame["cate_lower"].isna()
    effect = np.where(mean, "mean effect $", "effect $") + cate
    effect = effect + np.where(unknown, "", " (" + lower + " to " + upper + ")")
    whose = np.where(mean, " of the mean", "")
    sure = np.where(above, " lies above", " lies below")
    sure = np.where(
        unknown,
        "an effect that has no interval of its own",
        np.where(
            above | below, "the whole interval" + whose + sure, "not proven: the interval" + whose + " includes it"
        ),
    )
    sure = sure + np.where(mean & ~above, ", and households may differ", "")
    why = np.select(
        [
            passed_over,
            frame["decision"] != TEST,
            ~first,
            ~frame["in_overlap"].to_numpy(),
            (weight > 0) & (weight < 1),
            (weight >= 1) & (above | unknown),
        ],
        [
            "; the policy passes it over",
            "",
            "; has received this type before, and only first campaigns are estimated: test it",
            "; too few comparable households in one arm (propensity "
            + frame["propensity"].map("{:.2f}".format)
            + "): test it",
            "; no ranking tells it from others, of whom the policy draws some by lot: test it",
            "; that the policy gains is not proven: test it",
        ],
        "; test it",
    )
    reason = effect + f" on gross profit against ${cost:.2f} for a contact, " + sure + why
    return reason.where(known, "no purchase in the look-back: nothing to base an effect on")
