"""Briefs of segments by hand: money, budget, and a test whose size follows from what households brought before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dunnhumby_pipeline.experiments.segment_briefs import (
    BEFORE,
    COLUMNS,
    LAST,
    WHOLE,
    Terms,
    brief_windows,
    segment_briefs,
)
from dunnhumby_pipeline.settings import ExperimentSettings

N = 400
TERMS = Terms(1.0, 28, ExperimentSettings(), 0.95)


def tables(n: int = N, spread: float = 4.0) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Two segments: one of whose households every tenth has no offer, and one in which nobody has any."""
    random = np.random.default_rng(4)
    keys = np.arange(n + 30)
    left = (keys >= n) | (keys % 10 == 0)
    actions = pd.DataFrame(
        {
            "household_key": keys,
            "segment": np.where(keys < n, "a", "b"),
            "suppressed": left,
            **{
                column: pd.Series(np.where(left, None, said), dtype="str")
                for column, said in {
                    "rule": "points",
                    "offer": "Points.",
                    "offer_form": "points",
                    "channel": "app",
                    "funder": "shared",
                    "kpi": "visits",
                }.items()
            },
        }
    )
    playbook = pd.DataFrame(
        {
            "segment": ["b", "a"],
            "segment_name": ["The lost", "Large shops"],
            "priority": [1, 2],
            "strategy": ["Let go", "Protect"],
            "avoid": ["All.", "Discounts."],
            "offer": pd.Series([None, "Points."], dtype="str"),
            "offer_rule": pd.Series([None, "points"], dtype="str"),
            "offer_share": [0.0, 0.9],
        }
    )
    before = random.normal(50, 10, len(keys))
    last = 20 + 0.6 * (before - 50) + random.normal(0, spread, len(keys))
    parts = [
        pd.DataFrame({"household_key": keys, "window": window, "purchase_amount": 3 * profit, "gross_profit": profit})
        for window, profit in ((WHOLE, before + last), (BEFORE, before), (LAST, last))
    ]
    values = pd.DataFrame({"household_key": keys, "clv": 100.0})
    return playbook, actions, values, pd.concat(parts, ignore_index=True)


def test_money_and_budget_are_those_of_the_segment() -> None:
    playbook, actions, values, bought = tables()
    found = segment_briefs(playbook, actions, values, bought, TERMS)
    assert list(found.columns) == COLUMNS and found["segment"].tolist() == ["b", "a"]
    row = found.set_index("segment").loc["a"]
    whole = bought[(bought["window"] == WHOLE) & (bought["household_key"] < N)]
    assert row["revenue"] == pytest.approx(whole["purchase_amount"].sum())
    assert row["gross_profit"] == pytest.approx(whole["gross_profit"].sum())
    assert (row["n_households"], row["n_contactable"], row["budget"]) == (N, 360, 360.0)
    assert (row["clv_total"], row["clv_mean"]) == (100.0 * N, 100.0)
    assert (row["action"], row["channel"], row["funder"], row["kpi"]) == ("Points.", "app", "shared", "visits")
    lost = found.set_index("segment").loc["b"]
    assert lost["action"] == "None: the playbook has no offer that most of them may get."
    assert lost["test"].startswith("None: nobody has an offer") and lost["budget"] == 0
    assert pd.isna(lost["n_needed"]) and pd.isna(lost["channel"])


def test_the_size_is_that_of_the_two_sample_z_test_on_what_is_left_after_the_time_before() -> None:
    playbook, actions, values, bought = tables()
    row = segment_briefs(playbook, actions, values, bought, TERMS).set_index("segment").loc["a"]
    assert row["outcome_sd"] == pytest.approx(4.0, rel=0.1), "of 7.2 before the adjustment"
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert row["n_needed"] == pytest.approx(4 * (quantiles * row["outcome_sd"] / 1.0) ** 2, abs=4)
    assert row["detectable_effect"] == pytest.approx(quantiles * row["outcome_sd"] * np.sqrt(2 / 180), rel=0.01)
    assert row["rounds_needed"] == np.ceil(row["n_needed"] / 360)
    assert "Draw by lot 180 of the 360 households of Large shops" in row["test"] and "over 28 days" in row["test"]
    assert f"{row['rounds_needed']} such rounds" in row["test"]


def test_what_a_test_can_tell_is_said_however_much_it_takes() -> None:
    few = segment_briefs(*tables(spread=0.5), TERMS).set_index("segment").at["a", "test"]
    assert "households are enough for $1.00" in few
    many = segment_briefs(*tables(spread=40.0), TERMS).set_index("segment").at["a", "test"]
    assert "which the segment will not have" in many
    unpriced = segment_briefs(*tables(), Terms(None, 28, ExperimentSettings(), 0.95)).set_index("segment").loc["a"]
    assert pd.isna(unpriced["budget"]) and pd.isna(unpriced["n_needed"]) and unpriced["test"].endswith("80%.")


def test_where_no_spread_is_known_there_is_no_test() -> None:
    playbook, actions, values, bought = tables()
    short = bought[bought["window"] == WHOLE]
    assert "history is shorter than twice 28 days" in segment_briefs(playbook, actions, values, short, TERMS)["test"][1]
    same = bought.assign(gross_profit=1.0)
    assert "all brought the same" in segment_briefs(playbook, actions, values, same, TERMS)["test"][1]
    assert "too few for two arms" in segment_briefs(*tables(12), TERMS)["test"][1]


def test_the_last_days_and_as_many_before_are_windows_where_the_history_has_them() -> None:
    frame = brief_windows(10, 100, 28)
    assert frame.to_numpy().tolist() == [[WHOLE, 10, 101], [BEFORE, 45, 73], [LAST, 73, 101]]
    assert brief_windows(10, 60, 28)["window"].tolist() == [WHOLE]
