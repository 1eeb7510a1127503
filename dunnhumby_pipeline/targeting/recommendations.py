"""The targeting list: a decision and its reason for every household, as of the last day of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.settings import OverlapSettings
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import LABELS, standard_errors
from dunnhumby_pipeline.targeting.policies.base import FittedPolicy, Selection, drawn

TARGET, LEAVE, TEST = "target", "leave", "test"
COLUMNS = [
    "household_key",
    "decision",
    "cate",
    "cate_lower",
    "cate_upper",
    "expected_profit",
    "propensity",
    "in_overlap",
    "segment",
    "reason",
]


@dataclass(frozen=True)
class Terms:
    """What a decision is made on: the policy as fitted to all trials, cost and margin, the overlap region, the
    confidence of the intervals, and the seed of a draw.
    """

    policy: FittedPolicy
    economics: Economics
    overlap: OverlapSettings
    confidence: float
    seed: int


def targeting_list(scored: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> pd.DataFrame:
    """Decide for each household (columns `COLUMNS`, largest expected profit first).

    `scored`: household_key, cate, cate_lower, cate_upper ($; null without a purchase in the look-back),
    propensity, segment, lookback_segment, campaign (the one whose place the next takes), received_before (whether a
    campaign of the type was sent before). `covariates`: those of the design matrix, by household_key.

    target: the policy selects the household and comparable households were seen in both arms.
    test: the policy selects it, but the data cannot tell: it lies outside overlap, or it has received a
    campaign of the type before, whose repeat this design does not estimate. leave: all others.
    """
    known = scored["cate"].notna()
    in_overlap = known & scored["propensity"].between(terms.overlap.lower, terms.overlap.upper)
    selected = np.zeros(len(scored), dtype=bool)
    selected[known.to_numpy()] = _selected(scored[known], covariates, terms)
    first = ~(scored["received_before"] == True).to_numpy()  # noqa: E712 - null where nothing is known
    supported = in_overlap.to_numpy() & first
    decision = np.select([selected & supported, selected], [TARGET, TEST], LEAVE)
    frame = scored.assign(
        decision=decision, in_overlap=in_overlap, expected_profit=terms.economics.profit(scored["cate"])
    )
    frame["reason"] = _reasons(frame, terms)
    frame = frame.sort_values(["expected_profit", "household_key"], ascending=[False, True], na_position="last")
    return frame[COLUMNS].reset_index(drop=True)


def _selected(known: pd.DataFrame, covariates: pd.DataFrame, terms: Terms) -> Selection:
    weights = terms.policy.weights(
        covariates.loc[known["household_key"]].to_numpy(),
        known[LABELS],
        known["cate"].to_numpy(),
        standard_errors(known, terms.confidence),
    )
    return drawn(weights, np.random.default_rng(terms.seed))


def _reasons(frame: pd.DataFrame, terms: Terms) -> pd.Series:
    known = frame["cate"].notna()
    cate, lower, upper = (frame[name].map("{:.2f}".format) for name in ("cate", "cate_lower", "cate_upper"))
    sure = np.select(
        [frame["cate_lower"] > terms.economics.breakeven, frame["cate_upper"] < terms.economics.breakeven],
        ["the whole interval lies above", "the whole interval lies below"],
        "not proven: the interval includes it",
    )
    why_test = np.where(
        frame["received_before"],
        "; has received this type before, and only first campaigns are estimated: test it",
        "; too few comparable households in one arm (propensity "
        + frame["propensity"].map("{:.2f}".format)
        + "): test it",
    )
    effect = "effect $" + cate + " (" + lower + " to " + upper + ")"
    reason = effect + f" against breakeven ${terms.economics.breakeven:.2f}, " + sure
    reason = reason + np.where(frame["decision"] == TEST, why_test, "")
    return reason.where(known, "no purchase in the look-back: nothing to base an effect on")
