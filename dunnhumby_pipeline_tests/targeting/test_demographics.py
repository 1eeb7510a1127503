"""Decisions by demographic group: counts, intervals, corrected tests, and what the report says of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.report.sections.fairness import fairness_note, fairness_rows
from dunnhumby_pipeline.targeting.demographics import decisions_by_demographics

_NAMES = [name for name in table("demographics").required if name != "household_key"]


def told(keys: np.ndarray, **answers: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"household_key": keys, **{name: pd.Series([None] * len(keys), dtype="object") for name in _NAMES}}
    )
    return frame.assign(**answers)


def listed(decisions: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"household_key": np.arange(len(decisions)), "decision": decisions})


def test_shares_differences_and_tests_are_those_of_the_counts() -> None:
    # 40 of 100 young are targets, 10 of 50 old; 30 have told nothing.
    decisions = ["target"] * 40 + ["leave"] * 60 + ["target"] * 10 + ["test"] * 40 + ["leave"] * 30
    people = told(np.arange(150), age_desc=["25-34"] * 100 + ["65+"] * 50)
    found = decisions_by_demographics(listed(decisions), people, 0.95)
    row = found.set_index(["attribute", "answer", "decision"]).loc[("age_desc", "25-34", "target")]
    assert (row["n_households"], row["n"], row["n_others"]) == (100, 40, 50)
    assert row["share"] == 0.4 and row["difference"] == pytest.approx(0.2)
    # Wilson (1927) of 40 in 100, and Newcombe's method 10 from the two Wilson intervals.
    assert (row["ci_lower"], row["ci_upper"]) == pytest.approx((0.3094, 0.4980), abs=1e-4)
    low, high = 0.1124, 0.3304
    lower = 0.2 - np.hypot(0.4 - row["ci_lower"], high - 0.2)
    upper = 0.2 + np.hypot(row["ci_upper"] - 0.4, 0.2 - low)
    assert (row["difference_lower"], row["difference_upper"]) == pytest.approx((lower, upper), abs=2e-4)
    plain = fisher_exact([[40, 60], [10, 40]])[1]
    assert plain <= row["p_value"] <= plain * len(found)
    known = found[found["attribute"] == "known"].set_index(["answer", "decision"])
    assert known.loc[("nothing known", "leave"), "share"] == 1
    assert set(found["attribute"]) == {"known", "age_desc"}


def test_what_nobody_has_told_is_said_and_has_no_rows() -> None:
    none = decisions_by_demographics(listed(["target", "leave"]), told(np.arange(0)), 0.95)
    assert none.empty and list(none.columns) == list(table("decisions_by_demographics").required)
    assert fairness_note(none, 2).startswith("No household on the list has told anything of itself")


def test_equal_treatment_is_not_called_a_gap() -> None:
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(10):
        decisions = rng.choice(["target", "test"], 300).tolist()
        people = told(
            np.arange(300), age_desc=rng.choice(["a", "b", "c", "d"], 300), income_desc=rng.choice(["x", "y"], 300)
        )
        table_ = decisions_by_demographics(listed(decisions), people, 0.95)
        found += "No group is targeted" not in fairness_note(table_, 300)
    # One study in twenty at most, but for the binomial's own noise.
    assert found <= 2


def test_a_planted_gap_is_named_with_its_group_and_size() -> None:
    decisions = ["target"] * 90 + ["leave"] * 10 + ["target"] * 20 + ["leave"] * 80
    people = told(np.arange(200), income_desc=["<b>150K+</b>"] * 100 + ["Under 15K"] * 100)
    found = decisions_by_demographics(listed(decisions), people, 0.95)
    note = fairness_note(found, 200)
    assert "2 groups are targeted" in note and "income <b>150K+</b>, target 70% more often" in note
    grid = fairness_rows(found)
    assert [cell.text for cell in grid.rows[0]][:4] == ["Income", "<b>150K+</b>", "100", "90% (83% to 94%)"]
    assert grid.rows[0][5].text.endswith("), beyond noise")
