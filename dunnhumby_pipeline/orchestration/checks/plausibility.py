"""Judgement of whether the effect can have come about as campaigns work."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.causal.doubts.plausibility import COUPON_LINES, MULTIPLE, PER_REDEEMER, judged
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings


def effect_plausible(plausibility: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """What each redeemer would have to have spent more is within reason of what they bought on coupon lines."""
    found = judged(plausibility, settings.max_redeemer_multiple)
    estimates = plausibility.set_index("quantity")["estimate"].dropna()
    names = (PER_REDEEMER, COUPON_LINES, MULTIPLE)
    return Verdict(not found.beyond, found.text, {name: float(estimates[name]) for name in names if name in estimates})
