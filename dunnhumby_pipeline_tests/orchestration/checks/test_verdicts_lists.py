"""Every verdict on the list is seen to pass and to fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import CONTACT, FIRST_CONTACT, HOLD_OUT, LEAVE, OPT_OUT, TARGET, TEST
from dunnhumby_pipeline.orchestration.checks import lists
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.results import lists as made

CHECKS = CheckSettings()
SURE = 0.975
SEGMENTS = pd.DataFrame({"household_key": range(1, 31)})
PROVEN = pd.DataFrame({"chosen": [False, True], "ci_lower": [-1.0, 0.4]})


def listed(n_target: int = 20) -> pd.DataFrame:
    """Thirty households, the first of them targets, a tenth of these held out; one is suppressed."""
    key = np.arange(1, 31)
    target = key <= n_target
    held = target & (key % 10 == 0)
    return pd.DataFrame(
        {
            "household_key": key,
            "decision": np.where(target, TARGET, np.where(key == 30, LEAVE, TEST)),
            "contact": FIRST_CONTACT,
            "decided_by": "study",
            "probability_pays": np.where(target, 0.99, 0.6),
            "propensity": 0.4,
            "selected": 1.0,
            "in_overlap": True,
            "cate_lower": 1.0,
            "cate": 2.0,
            "cate_upper": 3.0,
            "arm": pd.Series(np.where(held, HOLD_OUT, CONTACT), dtype="str").where(target, None),
            "arm_probability": np.where(target, np.where(held, 0.1, 0.9), np.nan),
            "suppression": pd.Series(np.where(key == 30, OPT_OUT, ""), dtype="str").where(key == 30, None),
        }
    )


def at(column: str, value: object, key: int = 1) -> pd.DataFrame:
    """The list in which one household has another value."""
    rows = listed()
    rows[column] = rows[column].astype(object)
    rows.loc[rows["household_key"] == key, column] = value
    return rows


def test_a_list_within_bounds_passes() -> None:
    found = lists.list_in_bounds(listed(), SEGMENTS, CHECKS)
    assert found.passed and found.message.startswith("30 households, as many as there are today")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pd.concat([listed(), listed().head(2)]), "2 listed twice"),
        (listed().head(28), "2 missing from the list"),
        (at("household_key", 99), "1 missing from the list; 1 not of today"),
        (at("decision", "maybe"), "1 without a known decision"),
        (at("probability_pays", 1.2), "1 with probability_pays outside [0, 1]"),
        (at("propensity", -0.1), "1 with propensity outside [0, 1]"),
        (at("arm_probability", 2.0), "1 with arm_probability outside [0, 1]"),
        (at("cate", 9.0), "1 with an effect outside its interval"),
    ],
)
def test_a_list_out_of_bounds_fails_and_says_by_what(rows: pd.DataFrame, said: str) -> None:
    found = lists.list_in_bounds(rows, SEGMENTS, CHECKS)
    assert (found.passed, found.message) == (False, said)


def test_a_list_that_says_what_was_found_passes() -> None:
    found = lists.list_agrees(listed(), PROVEN, SURE)
    assert (found.passed, found.message) == (True, "20 targets, 1 suppressed: as the evidence has it")
    nobody = lists.list_agrees(listed(0), PROVEN.assign(ci_lower=-1.0), SURE)
    assert nobody.passed, "without targets nothing has to be proven"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (at("probability_pays", 0.97), "1 targets that pay with a chance below 0.975"),
        (at("probability_pays", np.nan), "1 targets that pay with a chance below 0.975"),
        (at("in_overlap", False), "1 targets outside overlap that no experiment randomised"),
        (at("suppression", OPT_OUT), "1 suppressed households that are not left"),
        (at("decision", TEST, key=30), "1 suppressed households that are not left"),
        (at("arm", None), "1 targets without an arm"),
        (at("arm", CONTACT, key=25), "1 arms of households that are no targets"),
    ],
)
def test_a_list_against_the_evidence_fails(rows: pd.DataFrame, said: str) -> None:
    found = lists.list_agrees(rows, PROVEN, SURE)
    assert (found.passed, found.message) == (False, said)


@pytest.mark.parametrize("lower", [0.0, -3.0, np.nan])
def test_targets_without_a_proven_gain_fail(lower: float) -> None:
    found = lists.list_agrees(listed(), PROVEN.assign(ci_lower=lower), SURE)
    assert (found.passed, found.message) == (False, "20 targets though the policy's gain is not proven")


def test_a_holdout_is_asked_for_where_there_are_targets() -> None:
    assert lists.holdout_present(listed(), CHECKS).message == "2 of 20 targets are held out by lot"
    assert lists.holdout_present(listed(0), CHECKS).passed
    without = listed().assign(arm=lambda rows: rows["arm"].replace(HOLD_OUT, CONTACT))
    nothing = lists.holdout_present(without.assign(arm_probability=1.0), CHECKS)
    assert not nothing.passed and "as the share is 0" in nothing.message
    few = without.assign(arm_probability=0.9)
    assert "2 were expected of so few" in lists.holdout_present(few, CHECKS).message
    many = listed().assign(arm=HOLD_OUT, arm_probability=0.1)
    found = lists.holdout_present(many, CHECKS)
    assert (found.passed, found.message) == (False, "20 of 20 targets are held out, where 2.0 were to be")


def differences(against_all: tuple[float, float], against_none: tuple[float, float]) -> pd.DataFrame:
    rows = [("chosen_one", "treat_all", *against_all), ("chosen_one", "treat_none", *against_none)]
    frame = pd.DataFrame(rows, columns=["policy", "against", "ci_lower", "ci_upper"])
    return frame.assign(difference=(frame["ci_lower"] + frame["ci_upper"]) / 2)


VALUES = pd.DataFrame({"policy": ["treat_all", "chosen_one"], "chosen": [False, True]})


def test_the_policy_in_use_is_held_against_everybody_and_nobody() -> None:
    found = lists.value_against_all_and_none(differences((-1, 3), (1, 5)), VALUES, CHECKS)
    assert found.passed
    assert found.message == (
        "chosen_one, $ per household: +1.00 against targeting everybody (-1.00 to 3.00), "
        "+3.00 against targeting nobody (1.00 to 5.00)"
    )
    worse = lists.value_against_all_and_none(differences((-5, -1), (1, 5)), VALUES, CHECKS)
    assert not worse.passed and worse.message.endswith("not as good as everybody")
    both = lists.value_against_all_and_none(differences((-5, -1), (-2, -1)), VALUES, CHECKS)
    assert both.message.endswith("not as good as everybody and nobody")
    unknown = lists.value_against_all_and_none(differences((-1, np.nan), (1, 5)), VALUES, CHECKS)
    assert not unknown.passed and "its difference is not known" in unknown.message


def test_a_policy_is_not_held_against_itself() -> None:
    values = VALUES.assign(chosen=[True, False])
    rows = differences((-5, -1), (1, 5)).assign(policy="treat_all").query("against == 'treat_none'")
    found = lists.value_against_all_and_none(rows, values, CHECKS)
    assert found.passed and "it is targeting everybody" in found.message


def rules(**changed: object) -> pd.DataFrame:
    return made.contact_rules().assign(**changed)


def test_opt_outs_of_unknown_households_warn_when_they_are_many() -> None:
    few = lists.opt_outs_known(rules(n_rows=100, n_double=2, n_unknown=3), CHECKS)
    assert few.passed
    assert few.message == "98 households have opted out (2 rows name one again), 3 of whom the study does not know"
    many = lists.opt_outs_known(rules(n_rows=36, n_double=2, n_unknown=3), CHECKS)
    assert not many.passed and many.metrics["n_unknown"] == 3
    assert lists.opt_outs_known(rules(n_rows=0, n_double=0, n_unknown=0), CHECKS).passed
    assert lists.opt_outs_known(rules(applied=False), CHECKS).message == "no opt-out file is set"


def summary() -> pd.DataFrame:
    rows = made.decision_summary()
    one = rows[rows["grouping"] == "all"].assign(n_target=20, n_test=9, n_leave=1)
    return pd.concat([one.assign(advice="expand"), one.assign(grouping="segment", level="a", advice="expand")])


def test_a_summary_that_counts_the_list_passes() -> None:
    found = lists.summary_agrees(summary(), listed(), CHECKS)
    assert (found.passed, found.message) == (True, "2 levels with advice, all in agreement with the list")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_target": 19}, "1 target by all more or less than on the list"),
        ({"n_target": 0, "n_test": 29}, "2 advice to expand without such households"),
        ({"advice": "reduce"}, "2 advice to reduce where most are not left"),
        ({"advice": "test", "n_test": 0}, "2 advice to test without such households"),
        ({"advice": "double"}, "2 unknown advice"),
    ],
)
def test_a_summary_against_the_list_fails(changed: dict[str, object], said: str) -> None:
    found = lists.summary_agrees(summary().assign(**changed), listed(), CHECKS)
    assert not found.passed and said in found.message


def test_a_list_that_changes_much_warns() -> None:
    rows = made.decision_churn()
    steady = lists.decisions_steady(rows, CHECKS)
    assert steady.passed
    assert steady.message == (
        "5.0% of 2,460 decisions differ from the last list (version 2); "
        "20.0% of 2,450 decisions differ from the approved list (version 1)"
    )
    assert not lists.decisions_steady(rows, CheckSettings(max_decision_churn=0.1)).passed
    assert lists.decisions_steady(rows.head(0), CHECKS).message == "there is no earlier list to hold it against"


def test_decisions_near_an_edge_warn() -> None:
    rows = pd.DataFrame({"n_households": [300, 100], "share_changed": [0.1, 0.5], "n_refits": 100})
    found = lists.decisions_hold(rows, CHECKS)
    assert found.passed and "20.0% of 400 households" in found.message
    assert not lists.decisions_hold(rows, CheckSettings(max_refit_churn=0.1)).passed
    assert lists.decisions_hold(rows.assign(n_households=0), CHECKS).message == "no household has support"


def test_a_frozen_list_that_was_altered_warns() -> None:
    assert lists.approvals_unaltered(made.list_approvals(), CHECKS).passed
    assert lists.approvals_unaltered(made.list_approvals().head(0), CHECKS).passed
    found = lists.approvals_unaltered(made.list_approvals().assign(as_approved=False), CHECKS)
    assert not found.passed and "approved/TypeA-v1" in found.message
