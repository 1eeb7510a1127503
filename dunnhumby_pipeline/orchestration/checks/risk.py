"""Judgements of who may fall: chances that mean what they say, that tell more than the last change, and recoveries."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.orchestration.checks.verdict import Verdict
from dunnhumby_pipeline.settings import CheckSettings


def _in_use(validation: pd.DataFrame) -> pd.Series:
    """The row of the forecast in use, over all quarters that were forecast."""
    return validation[(validation["fold"] == ALL_FOLDS) & (validation["forecast"] == IN_USE)].iloc[0]


def chances_calibrated(validation: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Of households with a chance of 0.3 of a fall, three in ten fall: in quarters that were not learned from."""
    found = _in_use(validation)
    if pd.notna(found["reason"]):
        return Verdict(False, f"no chance has been held against a quarter: {found['reason']}")
    off, most = settings.max_risk_slope_deviation, settings.max_risk_gap
    metrics = {"slope": float(found["slope"]), "gap": float(found["gap"])}
    if pd.isna(found["slope"]):
        return Verdict(
            False, "chances do not interleave between who fell and who did not, so that no line fits", metrics
        )
    # Noise alone is no reason to warn: the interval must lie outside what is allowed.
    steep = found["slope_lower"] <= 1 + off and found["slope_upper"] >= 1 - off
    level = found["gap_lower"] <= most and found["gap_upper"] >= -most
    text = (
        f"slope {found['slope']:.2f} ({found['slope_lower']:.2f} to {found['slope_upper']:.2f}), expected within "
        f"{off:g} of 1; mean chance {found['mean_probability']:.1%} where {found['share_fell']:.1%} fell, expected "
        f"within {most:.0%}"
    )
    passed = bool(steep and level)
    advice = "" if passed else "; use the chances to rank households, not as chances"
    return Verdict(passed, f"{text}{advice}", metrics)


def foresees_more_than_last_change(validation: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """Falls are told from more than the household's last change of spend: the area under the ROC curve is larger."""
    found = _in_use(validation)
    if pd.notna(found["reason"]):
        return Verdict(False, f"no forecast has been held against a quarter: {found['reason']}")
    passed = bool(found["gain_lower"] > 0)
    text = (
        f"AUC {found['auc']:.3f} ({found['ci_lower']:.3f} to {found['ci_upper']:.3f}), {found['gain']:+.3f} "
        f"({found['gain_lower']:+.3f} to {found['gain_upper']:+.3f}) against the last change alone; of those listed "
        f"{found['share_listed_fell']:.0%} fell, of all {found['share_fell']:.0%}"
    )
    advice = "" if passed else "; a list by the last change of spend is as good, and simpler"
    return Verdict(passed, f"{text}{advice}", {"auc": float(found["auc"]), "gain": float(found["gain"])})


def recovery_as_expected(validation: pd.DataFrame, settings: CheckSettings) -> Verdict:
    """What earlier households that fell regained by themselves is what was expected, as far as noise lets be seen."""
    found = _in_use(validation)
    if pd.notna(found["reason"]):
        return Verdict(False, f"no recovery has been held against a quarter: {found['reason']}")
    lost = float(found["spend_before"] - found["spend_at"])
    most = settings.max_recovery_bias * lost
    passed = bool(found["ci_lower"] <= most and found["ci_upper"] >= -most)
    text = (
        f"${found['expected_recovery']:.0f} per household expected back of ${lost:.0f} lost, ${found['recovery']:.0f} "
        f"came; {found['bias']:+.0f} ({found['ci_lower']:+.0f} to {found['ci_upper']:+.0f}), expected within {most:.0f}"
    )
    advice = "" if passed else "; judge a win-back by the households left alone, never by what came back"
    return Verdict(passed, f"{text}{advice}", {"bias": float(found["bias"])})
