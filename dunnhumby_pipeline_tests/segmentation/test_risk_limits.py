"""Too little history, too few households, nobody or everybody falls: said, never guessed; and checks either way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.orchestration.checks import risk as checks
from dunnhumby_pipeline.segmentation.risk.tables import RiskTables
from dunnhumby_pipeline.settings import CheckSettings, RiskSettings
from dunnhumby_pipeline_tests.segmentation.test_risk import lines_of, tables_of, whole

# ---------------------------------------------------------------------------------------------------------- bad input


def _refused(tables: RiskTables, message: str) -> None:
    assert not tables.at_risk["at_risk"].any() and tables.at_risk["probability"].isna().all()
    assert tables.at_risk["reasons"].isna().all() and not tables.at_risk["holdout"].any()
    used = whole(tables.risk_validation)
    assert message in used["reason"]
    assert np.isnan(used["auc"]) and used["n_households"] == 0
    assert tables.risk_calibration.empty
    for judge in (checks.chances_calibrated, checks.foresees_more_than_last_change):
        verdict = judge(tables.risk_validation, CheckSettings())
        assert not verdict.passed and message in verdict.message
    for name, frame in vars(tables).items():
        assert list(frame.columns) == list(table(name).required), name


def test_three_weeks_of_history_say_what_is_needed() -> None:
    tables = tables_of(lines_of(60, 21), 21)
    _refused(tables, "168 days at risk.quarter_days = 84; found 21 days, 1 to 21")
    assert tables.at_risk.empty and tables.fallen.empty
    assert "found 21 days" in whole(tables.recovery_validation)["reason"]
    assert not checks.recovery_as_expected(tables.recovery_validation, CheckSettings()).passed
    assert (tables.risk_holdout["n_listed"] == 0).all()


def test_one_quarter_lists_who_is_of_value_without_a_chance() -> None:
    tables = tables_of(lines_of(200, 90), 90)
    _refused(tables, "found 90 days")
    assert 80 < len(tables.at_risk) <= 100 and (tables.at_risk["quarter_spend"] > 0).all()
    assert tables.fallen.empty


def test_two_quarters_give_chances_that_nothing_has_been_held_against() -> None:
    tables = tables_of(lines_of(400, 180), 180)
    assert tables.at_risk["probability"].notna().all() and tables.at_risk["at_risk"].any()
    assert "252 days at the least; found 180 days" in whole(tables.risk_validation)["reason"]
    assert len(tables.fallen) and tables.fallen["expected_recovery"].isna().all()
    assert tables.fallen["holdout_probability"].eq(0.2).all()
    assert "found 180 days" in whole(tables.recovery_validation)["reason"]


def test_thirty_households_are_too_few_to_learn_from() -> None:
    _refused(tables_of(lines_of(30)), "risk.min_falls asks for 20 of either")


def test_nobody_falls() -> None:
    lines = lines_of(300, unsteady=0.0)
    tables = tables_of(lines.assign(sales_value=10.0 + lines["household_key"]))
    _refused(tables, "0 of 150 households of value fell and 150 did not; risk.min_falls asks for 20 of either")
    assert tables.fallen.empty and len(tables.at_risk) == 150
    assert np.isnan(tables.risk_holdout["n_lists_needed"]).all()


def test_everyone_falls() -> None:
    lines = lines_of(300, unsteady=0.0)
    shrinking = lines.assign(sales_value=(lines["sales_value"] * 0.25 ** (lines["day"] / 84)).round(2))
    tables = tables_of(shrinking)
    _refused(tables, "0 did not; risk.min_falls asks for 20 of either")
    assert len(tables.fallen) == 150
    assert tables.fallen["expected_recovery"].max() <= 0


def test_a_quarter_that_was_not_to_be_foreseen_says_why_and_the_rest_is_judged() -> None:
    few = RiskSettings(n_bootstraps=20, min_falls=45)
    validation = tables_of(lines_of(400, unsteady=0.3), settings=few).risk_validation
    early = validation[validation["reason"].notna()]
    assert early["fold"].tolist() == list(range(len(early))) and len(early)
    assert early["reason"].str.contains("risk.min_falls asks for 45").all()
    assert whole(validation)["n_quarters"] > 1 and pd.isna(whole(validation)["reason"])


# ------------------------------------------------------------------------------------------------------------- checks


def _validation(**changed: float) -> pd.DataFrame:
    row = {
        "fold": ALL_FOLDS, "forecast": IN_USE, "reason": None, "auc": 0.7, "ci_lower": 0.66, "ci_upper": 0.74,
        "gain": 0.1, "gain_lower": 0.05, "gain_upper": 0.15, "share_listed_fell": 0.4, "share_fell": 0.2,
        "mean_probability": 0.21, "slope": 1.1, "slope_lower": 0.9, "slope_upper": 1.3, "gap": 0.01, "gap_lower": -0.01,
        "gap_upper": 0.03,
    }  # fmt: skip
    return pd.DataFrame([row | changed])


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({}, True),
        ({"slope": 0.6, "slope_lower": 0.5, "slope_upper": 0.7}, False),
        ({"slope": 0.6, "slope_lower": 0.4, "slope_upper": 0.8}, True),
        ({"slope": 1.6, "slope_lower": 1.3, "slope_upper": 1.9}, False),
        ({"gap": 0.06, "gap_lower": 0.04, "gap_upper": 0.08}, False),
        ({"gap": -0.06, "gap_lower": -0.08, "gap_upper": -0.04}, False),
        ({"gap": -0.06, "gap_lower": -0.1, "gap_upper": -0.02}, True),
        ({"slope": np.nan, "slope_lower": np.nan, "slope_upper": np.nan}, False),
    ],
)
def test_chances_are_calibrated_or_said_not_to_be(changed: dict[str, float], passed: bool) -> None:
    verdict = checks.chances_calibrated(_validation(**changed), CheckSettings())
    assert verdict.passed == passed
    assert passed or "not as chances" in verdict.message or "no line fits" in verdict.message


def test_a_gain_that_is_not_proven_is_told() -> None:
    good = checks.foresees_more_than_last_change(_validation(), CheckSettings())
    assert good.passed and "AUC 0.700 (0.660 to 0.740), +0.100" in good.message
    bad = checks.foresees_more_than_last_change(_validation(gain=0.01, gain_lower=-0.02), CheckSettings())
    assert not bad.passed and "a list by the last change of spend is as good" in bad.message


@pytest.mark.parametrize(("bias", "passed"), [(-12.0, True), (-60.0, False), (60.0, False)])
def test_a_recovery_that_was_not_expected_is_told(bias: float, passed: bool) -> None:
    row = {"fold": ALL_FOLDS, "forecast": IN_USE, "reason": None, "spend_before": 700.0, "spend_at": 300.0}
    row |= {"expected_recovery": 100.0, "recovery": 100 - bias, "bias": bias, "ci_lower": bias - 20}
    verdict = checks.recovery_as_expected(pd.DataFrame([row | {"ci_upper": bias + 20}]), CheckSettings())
    assert verdict.passed == passed
    assert passed or "households left alone" in verdict.message
