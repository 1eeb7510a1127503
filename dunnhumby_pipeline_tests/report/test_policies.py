"""What the page says of policies: against each other, as chosen, and the tree in words."""

from __future__ import annotations

import pandas as pd
import pytest

from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.section import Note, Section
from dunnhumby_pipeline.report.sections import curves
from dunnhumby_pipeline.report.sections.decision import compared, difference_rows, leaf_rows, selection_rows
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import terms
from dunnhumby_pipeline.words.numbers import MINUS
from dunnhumby_pipeline_tests.fakes.results import study


def _texts(grid: Grid) -> list[list[str]]:
    return [[cell.text for cell in row] for row in grid.rows]


def test_each_policy_is_held_against_everybody_and_nobody() -> None:
    grid = difference_rows(study.policy_differences())
    assert grid.headers == ("Policy", "Less target everybody", "Less target nobody")
    rows = {name: told for name, *told in _texts(grid)}
    assert rows["Effect above break-even"] == [f"{MINUS}$0.8 ({MINUS}3.0 to 1.4)", "$6.1 (3.6 to 8.6)"]
    assert rows["Target everybody"] == ["", "$6.9 (3.0 to 10.8)"]


def test_what_choosing_is_worth_names_every_policy_that_was_chosen() -> None:
    rows = {question: (policy, worth) for question, policy, worth in _texts(selection_rows(study.policy_selection()))}
    assert rows["Choosing the best, on households that had no say"] == (
        "Target everybody; Two questions (policy tree)",
        "$6.2 (2.1 to 10.3)",
    )
    assert rows["Most that is lost by the policy in use"][1] == "$0.8 (0.0 to 2.6)"
    unknown = study.policy_selection().assign(estimate=float("nan"), policy="")
    assert {worth for *_, worth in _texts(selection_rows(unknown))} == {"not known"}


def test_leaves_say_what_the_tree_does_and_what_others_bring() -> None:
    leave, few, target = _texts(leaf_rows(study.policy_rules()))
    assert leave[:2] == ["visits at most 3", "leave"]
    assert few[3] == "too few households"
    assert target[1:4] == ["target", "65%", "$9.0 (5.1 to 12.9)"]
    assert [leave[5], few[5], target[5]] == ["70%", "50%", "90%"]


def test_refits_say_how_often_the_tree_decides_otherwise_and_what_it_asks() -> None:
    said = curves.refits_said(study.tables_of(tree_refits=study.tree_refits()), Settings())
    assert "4 bootstraps" in said and "decides 24% of the others otherwise (11% to 35% in 95% of them)" in said
    # Of a refit that asks about visits twice, once.
    assert "Visits in 75%" in said
    none = study.tree_refits().assign(root=None, below_yes=None, below_no=None)
    assert "None asks a question." in curves.refits_said(study.tables_of(tree_refits=none), Settings())


def test_values_in_all_say_what_is_carried_and_on_what_it_rests() -> None:
    rows = _texts(curves.in_all_rows(study.policy_in_all()))
    assert rows[0][1:] == ["5,800 trials in overlap", "$6.9 (3.0 to 10.8)", "$40,000 (17,400 to 62,600)"]
    assert rows[2][1] == "400 households of today, carried by weights"
    said = curves.carried_said(study.tables_of(policy_in_all=study.policy_in_all()), Settings())
    assert "the worth of 900 of 5,800 trials" in said and "up to 0.21 standard deviations" in said
    trials = study.policy_in_all().query("not carried")
    assert "Too few households of today" in curves.carried_said(study.tables_of(policy_in_all=trials), Settings())


def test_econmls_trees_stand_beside_ours() -> None:
    ours, theirs = _texts(curves.tree_rows(study.certified_policies()))
    assert ours[3] == "reference"
    assert theirs == [
        "econml's policy tree, on the same scores",
        "70%",
        "$4.0 (1.1 to 6.9)",
        f"{MINUS}$1.0 ({MINUS}3.0 to 1.0)",
        "80%",
    ]


def test_the_frontier_is_of_the_policies_that_are_best_at_some_weight_of_the_lower_end() -> None:
    values = pd.DataFrame(
        {
            "policy": ["treat_none", "treat_all", "top_20%", "top_50%", "within_budget"],
            "value": [0.0, 6.0, 2.0, 5.0, 9.0],
            "ci_lower": [0.0, -6.0, 1.0, -1.5, 8.0],
            "share_best": [0.0, 0.6, 0.1, 0.3, float("nan")],
        }
    )
    best = curves.frontier(values).set_index("policy")["best_from"]
    # 6 - 12 w, 5 - 6.5 w and 2 - w: they cross at 1 / 5.5 and 3 / 5.5. What does not compete is left out.
    assert best["treat_all"] == 0.0
    assert best["top_50%"] == pytest.approx(0.19)
    assert best["top_20%"] == pytest.approx(0.55)
    assert pd.isna(best["treat_none"]) and "within_budget" not in best.index


def test_under_one_effect_for_all_no_curve_is_drawn_and_one_sentence_says_why() -> None:
    nothing = study.roi_curve().iloc[:0]
    tables = study.tables_of(roi_curve=nothing, policy_value=study.policy_value())
    [note, *drawn] = curves.CURVES.parts
    assert isinstance(note, Note)
    assert note.says(tables, Settings()).startswith("No curve is drawn: under one effect for all")
    assert drawn and all(isinstance(part, Section) and not part.is_on(tables, Settings()) for part in drawn)
    known = study.tables_of(roi_curve=study.roi_curve(), policy_value=study.policy_value())
    assert "holds for all shares at once" in note.says(known, Settings())
    assert all(isinstance(part, Section) and part.is_on(known, Settings()) for part in drawn)


def test_of_the_top_shares_some_the_best_and_the_one_in_use_are_shown() -> None:
    shares = [f"top_{share}%" for share in range(5, 100, 5)]
    values = study.policy_value().iloc[:3]
    more = pd.DataFrame({"policy": shares, "value": [float(9 - abs(8 - at)) for at in range(19)], "chosen": False})
    more.loc[17, "chosen"] = True
    tables = study.tables_of(policy_value=pd.concat([values.assign(chosen=False), more], ignore_index=True))
    shown = [name for name in compared(tables)["policy"] if name.startswith("top_")]
    assert shown == ["top_10%", "top_20%", "top_30%", "top_45%", "top_50%", "top_90%"]


def test_without_a_ranking_policies_by_single_effects_are_not_compared() -> None:
    names = ["treat_all", "within_budget", "lower_bound_above_break_even", "risk_adjusted_0.3", "policy_tree"]
    values = pd.DataFrame({"policy": [*names, "current_practice"], "roi": 1.0})
    models = study.cate_scoreboard()
    alike = study.tables_of(policy_value=values, cate_scoreboard=models.assign(chosen=models["model"] == "constant"))
    assert compared(alike)["policy"].tolist() == ["treat_all", "policy_tree", "current_practice"]


def test_policies_are_named_in_words() -> None:
    assert terms.policy("risk_adjusted_0.3") == "Risk-adjusted effect, 0.3 of the lower bound"
    assert terms.policy("current_practice") == "What was done"


def test_where_contacts_cost_nothing_there_is_no_return_to_draw() -> None:
    free = study.roi_curve().query("curve != 'roi'")
    tables = study.tables_of(roi_curve=free, policy_value=study.policy_value())
    [note, *drawn] = curves.CURVES.parts
    assert isinstance(note, Note)
    assert note.says(tables, Settings()).endswith("there is no return on what is spent.")
    shown = {part.name for part in drawn if isinstance(part, Section) and part.is_on(tables, Settings())}
    assert shown == {"roi", "qini_with_costs", "risk_frontier"}
