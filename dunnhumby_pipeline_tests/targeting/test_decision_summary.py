"""The list by segment and need, and advice that follows from it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import CONTACT, HOLD_OUT, LEAVE, OPT_OUT, TARGET, TEST
from dunnhumby_pipeline.orchestration.checks.lists import summary_agrees
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline.targeting.decision_summary import (
    COLUMNS,
    EXPAND,
    HOLD,
    REDUCE,
    Grouping,
    advise,
    decision_summary,
    last_reached,
)

GROUPS = pd.DataFrame(
    {
        "group": [0, 1],
        "expected_profit": [-4.0, 10.0],
        "calibrated_lower": [-9.0, 2.0],
        "calibrated_upper": [1.0, 18.0],
    }
)
# Household, segment, decision, group, weight, arm, suppression.
ROWS = [
    (1, "a", TARGET, 1, 1.0, CONTACT, None),
    (2, "a", TARGET, 1, 1.0, HOLD_OUT, None),
    (3, "a", LEAVE, 1, 1.0, None, OPT_OUT),
    (4, "b", LEAVE, 0, 0.0, None, None),
    (5, "b", LEAVE, 0, 0.5, None, OPT_OUT),
    (6, "b", TEST, None, np.nan, None, None),
]
LISTED = pd.DataFrame(
    ROWS, columns=["household_key", "segment", "decision", "group", "selected", "arm", "suppression"]
).astype({"group": "Int64"})
SEGMENTS = Grouping("segment", LISTED.set_index("household_key")["segment"], {"a": "Segment A"})
NEEDS = Grouping("need", pd.Series({1: "fresh", 2: "fresh", 4: "grocery"}), {})


def summed(reached: frozenset[int] = frozenset({1, 4, 5})) -> pd.DataFrame:
    return decision_summary(LISTED, GROUPS, [SEGMENTS, NEEDS], reached).set_index(["grouping", "level"])


def test_counts_profit_and_what_is_given_up() -> None:
    rows = summed()
    assert rows.reset_index()[COLUMNS].columns.tolist() == COLUMNS
    a = rows.loc[("segment", "a")]
    assert a["level_name"] == "Segment A"
    counts = ["n_households", "n_target", "n_contact", "n_held_out", "n_test", "n_leave", "n_suppressed", "n_supported"]
    assert a[counts].tolist() == [3, 2, 1, 1, 0, 1, 1, 3]
    assert a[["expected_profit", "ci_lower", "ci_upper"]].tolist() == [10.0, 2.0, 18.0]
    assert a[["profit_of_contacts", "profit_lower", "profit_upper"]].tolist() == [10.0, 2.0, 18.0]
    assert a[["given_up", "given_up_lower", "given_up_upper"]].tolist() == [10.0, 2.0, 18.0]
    b = rows.loc[("segment", "b")]
    assert b[["expected_profit", "ci_lower", "given_up", "profit_of_contacts"]].tolist() == [-4.0, -9.0, -2.0, 0.0]
    assert b["advice_reason"] == "the list targets 0% and the last campaign reached 67%; 1 may not be contacted"
    whole = rows.loc[("all", "all")]
    assert whole[counts].tolist() == [6, 2, 1, 1, 1, 3, 2, 5]
    assert whole["expected_profit"] == pytest.approx((3 * 10 - 2 * 4) / 5)
    assert whole["given_up"] == pytest.approx(8.0)
    stopped = rows.loc[("suppression", OPT_OUT)]
    assert stopped["n_households"] == 2 and stopped["given_up"] == pytest.approx(8.0) and pd.isna(stopped["advice"])
    assert rows.loc["need"].index.tolist() == ["fresh", "grocery"], "who has no label belongs to no level"


def test_a_level_without_support_has_no_expected_profit() -> None:
    unknown = LISTED.assign(group=pd.Series([None] * 6, dtype="Int64"), selected=np.nan)
    row = decision_summary(unknown, GROUPS, [], frozenset()).iloc[0]
    assert pd.isna(row["expected_profit"]) and row["given_up"] == 0 and row["n_supported"] == 0


def told(target: int, test: int, leave: int, reached: float) -> str:
    counts = {"n_households": target + test + leave, "n_target": target, "n_test": test, "n_leave": leave}
    return advise(pd.Series({**counts, "n_suppressed": 0, "share_contacted": reached}))[0]


@pytest.mark.parametrize(
    ("target", "test", "leave", "reached", "advice"),
    [
        (60, 20, 20, 0.3, EXPAND),
        (60, 20, 20, 0.8, HOLD),
        (20, 60, 20, 0.3, TEST),
        (20, 20, 60, 0.5, REDUCE),
        (20, 20, 60, 0.1, HOLD),
        (0, 0, 10, 0.0, HOLD),
        (50, 50, 0, 0.0, TEST),
        (50, 0, 50, 0.0, EXPAND),
    ],
)
def test_advice_is_what_most_are_to_be_against_what_was_done(
    target: int, test: int, leave: int, reached: float, advice: str
) -> None:
    assert told(target, test, leave, reached) == advice


def test_advice_never_contradicts_the_list() -> None:
    rng = np.random.default_rng(3)
    for _ in range(25):
        n = int(rng.integers(1, 40))
        frame = pd.DataFrame(
            {
                "household_key": np.arange(n),
                "decision": rng.choice([TARGET, TEST, LEAVE], n, p=rng.dirichlet(np.ones(3))),
                "group": pd.array(rng.integers(0, 2, n), dtype="Int64"),
                "selected": 1.0,
                "arm": None,
                "suppression": None,
                "segment": rng.choice(["a", "b"], n),
            }
        )
        grouping = Grouping("segment", frame.set_index("household_key")["segment"], {})
        rows = decision_summary(frame, GROUPS, [grouping], frozenset(rng.integers(0, 40, 15).tolist()))
        assert summary_agrees(rows, frame, CheckSettings()).passed
        for _, row in rows.iterrows():
            decided = {TARGET: row["n_target"], TEST: row["n_test"], LEAVE: row["n_leave"]}
            most = {name for name, count in decided.items() if count == max(decided.values())}
            assert {EXPAND: TARGET, TEST: TEST, REDUCE: LEAVE}.get(row["advice"], min(most)) in most


def test_the_last_campaign_is_that_of_the_type_which_began_last() -> None:
    campaigns = pd.DataFrame(
        {"description": ["TypeA", "TypeA", "TypeB"], "campaign": [30, 8, 9], "start_day": [100, 200, 300]}
    )
    targets = pd.DataFrame({"campaign": [30, 8, 8, 9], "household_key": [1, 2, 3, 4]})
    assert last_reached(campaigns, targets, "TypeA") == {2, 3}
    assert last_reached(campaigns, targets, "TypeC") == frozenset()
