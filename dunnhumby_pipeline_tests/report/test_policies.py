"""What the page says of policies: against each other, as chosen, and the tree in words."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.sections.decision import compared, difference_rows, leaf_rows, selection_rows
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


def test_without_a_ranking_policies_by_single_effects_are_not_compared() -> None:
    names = ["treat_all", "within_budget", "lower_bound_above_break_even", "risk_adjusted_0.3", "policy_tree"]
    values = pd.DataFrame({"policy": [*names, "current_practice"], "roi": 1.0})
    models = study.cate_scoreboard()
    alike = study.tables_of(policy_value=values, cate_scoreboard=models.assign(chosen=models["model"] == "constant"))
    assert compared(alike)["policy"].tolist() == ["treat_all", "policy_tree", "current_practice"]


def test_policies_are_named_in_words() -> None:
    assert terms.policy("risk_adjusted_0.3") == "Risk-adjusted effect, 0.3 of the lower bound"
    assert terms.policy("current_practice") == "What was done"
