"""Judgements of lifetime value: whether the intervals of households hold what came."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings

# 0.95 - 0.05 is a little more, or less, than 0.9.
_ROUNDING = 1e-9


def intervals_cover(validation: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """On the half of the data that they had not seen, the intervals of households held what came, about as often as
    they aim to."""
    row = validation[validation["chosen"]].iloc[0]
    aim, found, slack = float(row["nominal_coverage"]), row["coverage"], settings.max_interval_misses
    if pd.isna(found):
        return Verdict(
            False,
            f"{row['forecast']}: no household has an interval, as {int(row['n_households'])} households are too few "
            f"for one of {aim:.0%}; give more households, or lower confidence",
            {},
        )
    least = aim - slack
    passed = bool(found >= least - _ROUNDING)
    text = (
        f"{row['forecast']}: intervals of {aim:.0%} held the spend of {found:.1%} of households, at least {least:.0%} "
    )
    advice = "" if passed else "; take them as wider than they are: the half-year differed from the one before it"
    metrics = {"coverage": float(found), "interval_width": float(row["interval_width"])}
    return Verdict(passed, f"{text}expected{advice}", metrics)
