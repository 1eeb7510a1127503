"""What report and summary say of the list: its version and approval, decisions by segment, suppression, changes."""

from __future__ import annotations

import pandas as pd
from matplotlib.patches import Rectangle
from rich.console import Console

from dunnhumby_pipeline.figures.campaign.lists import decisions_by_group
from dunnhumby_pipeline.report.sections.lists import (
    GROUPINGS,
    approval_note,
    churn_rows,
    refit_rows,
    rule_rows,
    summary_rows,
)
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline_tests.fakes.results import lists
from dunnhumby_pipeline_tests.fakes.results.run import checks, facts
from dunnhumby_pipeline_tests.fakes.results.study import study_tables


def test_it_is_said_whether_the_list_is_approved_and_how_it_differs() -> None:
    told = approval_note(lists.list_version(), lists.list_approvals(), lists.decision_churn())
    assert told.startswith("This list is not approved, and does not count as sent; `dunnhumby approve --by NAME`")
    assert "Approved last was version 1, by B. Manager on 2 October 2026" in told
    assert "Against the approved list (version 1), 490 of 2,450 households have another decision (20.0%)" in told
    assert "200 became targets and 90 are no longer; 19 households are new and 6 gone." in told
    approved = approval_note(lists.list_version(approved=True), lists.list_approvals(), None)
    assert approved == "This list is approved: it is frozen, and counts as sent."
    first = approval_note(lists.list_version(), None, None)
    assert first.endswith("freezes it.")


def test_every_level_stands_with_its_decisions_profit_and_advice() -> None:
    grid = summary_rows(lists.decision_summary())
    first = [cell.text for cell in grid.rows[0]]
    assert first[:7] == ["all households", "2,469", "820", "82", "700", "949", "69"]
    assert first[7] == "$14.2 (8.2 to 20.2)" and first[9] == "test"
    assert all(row[0].text.startswith(("Segment: ", "Need: ", "Value tier: ")) for row in grid.rows[1:])
    assert len(grid.rows) == 10, "suppressions stand in a table of their own"


def test_what_each_rule_gives_up_stands_beside_it() -> None:
    grid = rule_rows(lists.contact_rules(), lists.decision_summary())
    out, recent, cap = ([cell.text for cell in row] for row in grid.rows)
    assert out[:4] == ["opt-out", "households of opt_outs.csv", "31", "31"] and out[4].startswith("$341 (155 to 527)")
    assert out[5] == "36 rows, 2 of which name a household again; unknown households: 3"
    assert recent[2:4] == ["38", "40"]
    assert cap[1] == "not set" and cap[4] == "$0"


def test_changes_and_refits_are_counted() -> None:
    assert [cell.text for cell in churn_rows(lists.decision_churn()).rows[0]][:4] == [
        *("last list, version 2", "2,460", "123", "5.0%")
    ]
    assert [cell.text for cell in refit_rows(lists.decision_refits()).rows[1]] == [
        *("group 1", "1,200", "target", "10%", "90%", "10%", "0%")
    ]
    assert refit_rows(lists.decision_refits().head(1)).rows[0][0].text == "all with support"


def test_the_bars_of_a_level_add_up_to_its_households() -> None:
    figure = decisions_by_group(lists.decision_summary(), GROUPINGS)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["By segment", "By need"]
    for axes in figure.axes:
        rows: dict[float, float] = {}
        for bar in axes.patches:
            assert isinstance(bar, Rectangle)
            rows[bar.get_y()] = rows.get(bar.get_y(), 0.0) + bar.get_width()
        assert all(abs(total - 1) < 1e-9 for total in rows.values())


def summary(**replaced: pd.DataFrame) -> str:
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(render_summary(study_tables(True, **replaced), checks(), facts()), crop=False)
    return " ".join(captured.get().split())


def test_the_summary_names_holdout_suppression_version_and_file() -> None:
    text = summary()
    assert "82 of 820 targets, by lot" in text
    assert "69 may not be contacted, which gives up $980 (570 to 1,390)" in text
    assert "version 3, hash c0ffeec0ffee, not approved" in text
    assert "approved by A. Analyst" in summary(list_version=lists.list_version(approved=True))
    nobody = lists.decision_summary().assign(n_target=0, n_suppressed=0)
    assert "by lot" not in summary(decision_summary=nobody) and "may not be contacted" not in summary(
        decision_summary=nobody
    )
