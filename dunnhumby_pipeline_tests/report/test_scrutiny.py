"""What the report says of what could have been found, and of what refutes the analysis."""

from __future__ import annotations

import numpy as np
import pytest

from dunnhumby_pipeline.report.answer import plain_answer
from dunnhumby_pipeline.report.section import Note
from dunnhumby_pipeline.report.sections import scrutiny, splits
from dunnhumby_pipeline.report.unseen import unseen
from dunnhumby_pipeline.settings import load_settings
from dunnhumby_pipeline_tests.fakes.results import scrutiny as made_up
from dunnhumby_pipeline_tests.fakes.results import study


def test_the_spread_that_would_go_unseen_is_said_in_both_outcomes() -> None:
    table = made_up.detectable_spread()
    rows = (table["test"] == "proven") & (table["shape"] == "all")
    table.loc[rows & (table["outcome"] == "gross_profit"), "spread"] = 26.97
    table.loc[rows & (table["outcome"] == "purchase_amount"), "spread"] = 88.05
    assert unseen(table) == (
        "A spread of effects under $27 in gross profit (about $88 on spend), as a standard deviation between "
        "households, would go unseen here: it is found less than four times in five."
    )
    assert unseen(table.loc[table["outcome"] == "purchase_amount"]) == ""
    assert unseen(None) == ""


def test_a_spread_that_is_never_found_is_said_too() -> None:
    table = made_up.detectable_spread().assign(spread=np.nan, largest_planted=960.0, largest_share=0.31)
    assert unseen(table) == "Even a spread of effects of $960 in gross profit would be found in 31% of cases only."


@pytest.mark.parametrize(("chosen", "said"), [("constant", True), ("stack", False)])
def test_it_stands_beside_what_is_not_proven_only(chosen: str, said: bool) -> None:
    board = study.cate_scoreboard().drop(columns="chosen")
    board = board.assign(chosen=board["model"] == chosen)
    answer = dict(plain_answer(study.study_tables(cate_scoreboard=board)).points)["Do households differ?"]
    assert ("would go unseen here" in answer) is said


def test_tables_say_size_spread_and_what_failed() -> None:
    grid = scrutiny.detectable_rows(made_up.detectable_spread())
    proven = [row for row in grid.rows if row[1].text.startswith("Proven") and row[2].text == "all shapes"]
    assert [row[0].text for row in proven] == ["Gross profit", "Spend"]
    assert all("%" in row[3].text and "$" in row[4].text for row in proven)
    table = made_up.refutation()
    rows = scrutiny.refutation_rows(table.assign(passed=table.index == 0)).rows
    assert [(row[7].text, row[7].mark) for row in rows[:2]] == [("passed", "pass"), ("not passed", "warn")]
    assert any("(dowhy)" in row[0].text for row in rows)
    covered = scrutiny.coverage_rows(made_up.study_power())
    assert len(covered.rows) == 24 and {row[2].text for row in covered.rows} >= {"none", "$10", "$200"}


def test_many_splits_show_order_groups_and_the_surest_traits() -> None:
    grid = splits.split_rows(made_up.many_splits())
    shown = [[cell.text for cell in row] for row in grid.rows]
    assert [row[0] for row in shown[:3]] == [
        "Slope of the effect on what was found (BLP)",
        "Largest less smallest effects",
        "Effect of group 1, the smallest effects first",
    ]
    assert "$" not in shown[0][1] and "$" in shown[1][1] and "$" in shown[2][1]
    assert [row[2] for row in shown[-2:]] == ["below 0.001", "0.62"]
    for certified in (False, True):
        tables = study.study_tables(many_splits=made_up.many_splits(certified))
        said = next(part for part in splits.PARTS if isinstance(part, Note)).says(tables, load_settings())
        assert said.startswith("From `dunnhumby certify`. ") is certified
        assert f"in halves {50 if certified else 10} times" in said
