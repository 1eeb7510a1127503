"""The type of campaign: a proven gain before a test, the larger of two, and one contact per household and round."""

from __future__ import annotations

from itertools import permutations

import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.targeting.campaign_type import DECISION, choose_types, household_decisions

NAN = float("nan")
MINUS = "\N{MINUS SIGN}"
# By household and type: decision, expected profit, what its test is worth.
TOLD: dict[int, dict[str, tuple[str, float, float]]] = {
    1: {"TypeA": (TARGET, 2.0, NAN), "TypeB": (TARGET, 3.0, NAN)},
    2: {"TypeA": (TEST, 9.0, 5.0), "TypeB": (TARGET, 0.5, NAN)},
    3: {"TypeA": (TEST, 1.0, 0.25), "TypeB": (TEST, -1.0, 4.0)},
    4: {"TypeA": (TEST, NAN, NAN), "TypeB": (TEST, 1.0, 2.0)},
    5: {"TypeA": (LEAVE, -2.0, NAN), "TypeB": (TARGET, 3.0, NAN)},
    6: {"TypeA": (TARGET, 2.0, NAN), "TypeB": (TARGET, 2.0, NAN)},
    7: {"TypeA": (TEST, NAN, NAN), "TypeB": (TEST, NAN, NAN)},
    8: {"TypeA": (TARGET, 2.0, NAN), "TypeB": (LEAVE, 5.0, NAN)},
    9: {"TypeA": (LEAVE, NAN, NAN), "TypeB": (LEAVE, NAN, NAN)},
}


def decisions(name: str) -> pd.DataFrame:
    rows = [(key, *told[name]) for key, told in TOLD.items()]
    frame = pd.DataFrame(rows, columns=["household_key", "decision", "expected_profit", "net_of_test"])
    return frame.reindex(columns=DECISION)


def chosen(own: str, per_round: int = 1, *types: str) -> pd.DataFrame:
    tables = {name: decisions(name) for name in (types or ("TypeA", "TypeB"))}
    listed = tables[own][["household_key", "decision", "expected_profit"]].assign(reason=f"by {own}")
    return choose_types(listed, own, tables, per_round).set_index("household_key")


def test_a_household_better_contacted_by_another_type_is_left_to_it() -> None:
    a, b = chosen("TypeA"), chosen("TypeB")
    assert a["decision"].tolist() == [LEAVE, LEAVE, LEAVE, LEAVE, LEAVE, TARGET, TEST, TARGET, LEAVE]
    assert b["decision"].tolist() == [TARGET, TARGET, TEST, TEST, TARGET, LEAVE, LEAVE, LEAVE, LEAVE]
    left = {key: a.at[key, "reason"] for key in (1, 2, 3, 4)}
    assert left == {
        1: "TypeB is proven to pay, $3.00 a contact, against $2.00 here: leave it to TypeB",
        2: "TypeB is proven to pay, $0.50 a contact, against a gain not proven here: leave it to TypeB",
        3: "a test of TypeB is worth $4.00 per household over its cost, against $0.25 here: leave it to TypeB",
        4: "a test of TypeB is worth $2.00 per household over its cost, against one not priced here: leave it to TypeB",
    }
    # Its own decision not to contact stays its own; so does all that is kept.
    assert set(a.loc[[5, 6, 7, 8, 9], "reason"]) == {"by TypeA"}


def test_no_household_is_contacted_twice_and_none_is_left_by_all_who_would() -> None:
    a, b = (chosen(own)["decision"].isin([TARGET, TEST]) for own in ("TypeA", "TypeB"))
    assert not (a & b).any()
    would = pd.Series({key: any(one[0] != LEAVE for one in told.values()) for key, told in TOLD.items()})
    assert ((a | b) == would).all()


def test_the_cap_is_the_types_per_round() -> None:
    assert chosen("TypeA", 2)["decision"].tolist() == decisions("TypeA")["decision"].tolist()
    # Of three types that would contact the household, two may.
    three = {"TypeA": (TARGET, 1.0), "TypeB": (TARGET, 3.0), "TypeC": (TARGET, 2.0)}
    for order in permutations(three):
        tables = {
            name: decisions("TypeA").iloc[:1].assign(decision=three[name][0], expected_profit=three[name][1])
            for name in order
        }
        kept = {
            name: choose_types(tables[name].assign(reason=""), name, tables, 2)["decision"].iloc[0] for name in order
        }
        assert kept == {"TypeA": LEAVE, "TypeB": TARGET, "TypeC": TARGET}
        listed = tables["TypeA"].assign(reason="")
        assert "TypeB is proven to pay, $3.00" in choose_types(listed, "TypeA", tables, 2)["reason"].iloc[0]


def test_the_best_type_is_that_of_the_highest_profit_and_every_profit_is_told() -> None:
    a = chosen("TypeA")
    assert a["campaign_type_best"].tolist()[:6] == ["TypeB", "TypeA", "TypeA", "TypeB", "TypeB", "TypeA"]
    assert a["campaign_type_best"].isna().tolist() == [False] * 6 + [True, False, True]
    assert a.at[1, "profit_by_type"] == "TypeA $2.00; TypeB $3.00"
    assert a.at[3, "profit_by_type"] == f"TypeA $1.00; TypeB {MINUS}$1.00"
    assert a.at[4, "profit_by_type"] == "TypeB $1.00" and pd.isna(a.at[7, "profit_by_type"])
    pd.testing.assert_series_equal(a["campaign_type_best"], chosen("TypeB")["campaign_type_best"])


def test_a_type_alone_decides_alone() -> None:
    alone = chosen("TypeA", 1, "TypeA")
    assert alone["decision"].tolist() == decisions("TypeA")["decision"].tolist()
    assert set(alone["campaign_type_best"].dropna()) == {"TypeA"}


def test_a_household_that_another_type_does_not_know_is_left_by_it() -> None:
    tables = {"TypeA": decisions("TypeA"), "TypeB": decisions("TypeB").iloc[4:]}
    listed = tables["TypeA"][["household_key", "decision"]].assign(reason="")
    found = choose_types(listed, "TypeA", tables, 1)
    assert found["decision"].tolist()[:4] == [TARGET, TEST, TEST, TEST]


def test_what_others_read_has_the_worth_of_each_households_test() -> None:
    groups = pd.DataFrame(
        {"group": [0, 1], "value_of_test": [1100.0, NAN], "cost_of_test": [100.0, NAN], "n_decided": [500, 30]}
    )
    listed = pd.DataFrame({"household_key": [3, 1, 2], "group": pd.array([0, 1, None], dtype="Int64")})
    found = household_decisions(
        listed.reindex(columns=[*DECISION[:-3], "group"]).loc[:, lambda f: ~f.columns.duplicated()], groups, 1.0, 649
    )
    assert found["household_key"].tolist() == [1, 2, 3] and found.columns.tolist() == DECISION
    assert found["net_of_test"].tolist() == pytest.approx([NAN, NAN, 2.0], nan_ok=True)
    assert set(found["as_of_day"]) == {649} and set(found["contact_cost"]) == {1.0}
