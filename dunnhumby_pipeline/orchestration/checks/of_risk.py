"""The entries of the registry that are about who may fall, and who fell."""

from __future__ import annotations

from dunnhumby_pipeline.orchestration.checks import risk
from dunnhumby_pipeline.orchestration.checks.check import WARN, Check

CHECKS: tuple[Check, ...] = (
    Check(
        "risk_validation",
        risk.chances_calibrated,
        WARN,
        red="chances of a fall are not what happened in quarters that were not learned from, or were held against none",
        advice="rank households by them, and do not read them as chances; with little history, wait for a quarter more",
        why="budgets are reckoned from chances: three in ten of those with a chance of 0.3 should fall",
        thresholds=("max_risk_slope_deviation", "max_risk_gap"),
    ),
    Check(
        "risk_validation",
        risk.foresees_more_than_last_change,
        WARN,
        red="the forecast tells falls no better than the household's last change of spend alone: the interval of its "
        "gain in AUC holds 0",
        advice="list by the last change of spend, which needs no model; or wait for more quarters",
        why="a model that adds nothing to one number is not worth its trouble",
    ),
    Check(
        "recovery_validation",
        risk.recovery_as_expected,
        WARN,
        red="households that fell earlier regained surely more, or less, by themselves than was expected of them",
        advice="do not subtract expected_recovery from a win-back; compare with the households left alone",
        why="what would have come back by itself is no success of a win-back",
        thresholds=("max_recovery_bias",),
    ),
)
