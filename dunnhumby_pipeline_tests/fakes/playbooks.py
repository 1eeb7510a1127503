"""Households with facts, and playbooks about them: by hand and at random."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from dunnhumby_pipeline.segmentation.actions.conditions import DiscountHabit, Lifecycle, Tier
from dunnhumby_pipeline.segmentation.actions.facts import Facts, gather_facts
from dunnhumby_pipeline.segmentation.actions.playbook import Form

TIERS, STAGES, HABITS, FORMS = (get_args(kind) for kind in (Tier, Lifecycle, DiscountHabit, Form))
NEEDS, TAGS = ("baby", "fresh produce", "none"), ("celebration", "natural", "snacks")
SEGMENTS = {"frequent_small": "Frequent small baskets", "large_shops": "Large shops", "rare": "Rare errands"}
ADVICE: dict[str, Any] = {"priority": 3, "strategy": "Serve", "action": "Ask.", "avoid": "Waste."}
OFFER: dict[str, Any] = {
    "offer": "Something.",
    "form": "service",
    "channel": "app",
    "funder": "shared",
    "kpi": "visits over 4 weeks",
    "avoid": "Waste.",
}


def book(*offers: dict[str, Any], segments: tuple[dict[str, Any], ...] = (), **default: Any) -> dict[str, Any]:
    """A playbook as its file has it; a rule says only what differs from `OFFER` and `ADVICE`."""
    return {
        "segments": {"default": ADVICE | default, "rules": [ADVICE | rule for rule in segments]},
        "offers": {"rules": [OFFER | {"name": f"rule {place}"} | rule for place, rule in enumerate(offers)]},
    }


def household_tables(n: int, seed: int = 5) -> dict[str, pd.DataFrame]:
    """The tables that facts are gathered from, of `n` households drawn at random; a third were not judged for risk."""
    random = np.random.default_rng(seed)
    keys = np.arange(n) * 3 + 11

    def drawn(values: tuple[str, ...]) -> pd.Series:
        return pd.Series(np.array(values, dtype=object)[random.integers(0, len(values), n)], dtype="str")

    segment = drawn(tuple(SEGMENTS))
    has = random.random((n, len(TAGS))) < 0.3
    row, tag = np.nonzero(has)
    judged = random.random(n) < 2 / 3
    return {
        "segments": pd.DataFrame(
            {"household_key": keys, "segment": segment, "segment_name": segment.map(SEGMENTS).astype("str")}
        ),
        "household_status": pd.DataFrame(
            {
                "household_key": keys,
                "value_tier": drawn(TIERS),
                "lifecycle": drawn(STAGES),
                "discount_habit": drawn(HABITS),
            }
        ).sample(frac=1, random_state=seed),
        "household_needs": pd.DataFrame({"household_key": keys, "need": drawn(NEEDS)}),
        "household_tags": pd.DataFrame(
            {"household_key": keys[row], "tag": np.array(TAGS, dtype=object)[tag], "score": 0.5}
        ),
        "at_risk": pd.DataFrame({"household_key": keys[judged], "at_risk": random.random(int(judged.sum())) < 0.2}),
    }


def facts_of(tables: dict[str, pd.DataFrame]) -> Facts:
    """The facts that tables as of `household_tables` tell."""
    names = ("segments", "household_status", "household_needs", "household_tags")
    return gather_facts(*(tables[name] for name in names), tables.get("at_risk"))


def _some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=len(values), unique=True)


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "value_tier": _some(TIERS),
        "need": _some(NEEDS),
        "tags": _some(TAGS),
        "segment": _some((*SEGMENTS, *SEGMENTS.values())),
        "lifecycle": _some(STAGES),
        "discount_habit": _some(HABITS),
        "at_risk": st.booleans(),
    },
)
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "when": CONDITIONS,
            "form": st.sampled_from(FORMS),
            "offer": st.sampled_from(("An offer.", "Something in {need}.")),
        }
    ),
    min_size=1,
    max_size=8,
)
KEPT = st.fixed_dictionaries({slug: st.lists(st.sampled_from(FORMS), unique=True) for slug in SEGMENTS})
