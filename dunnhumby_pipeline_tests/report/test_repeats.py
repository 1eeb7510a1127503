"""What the report says of households contacted before, and of whom a test decides."""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import REPEAT_CONTACT
from dunnhumby_pipeline.report.sections.costs import group_rows, repeat_note
from dunnhumby_pipeline_tests.fakes.results import study

GROUPS = study.decision_groups()
BOTH = pd.concat([GROUPS, GROUPS.assign(group=1, contact=REPEAT_CONTACT, n_households=1130, n_decided=1485)])


def test_households_contacted_before_are_a_row_of_their_own() -> None:
    first, before = group_rows(BOTH).rows
    assert first[0].text == "all with comparable households"
    assert before[0].text == "contacted before: a repeat"
    assert [cell.text for cell in before[1:3]] == ["1,130", "1,485"]


def test_what_is_known_of_a_repeat_is_told_with_its_arms() -> None:
    said = repeat_note(study.repeat_support())
    assert "1,165 that were sent it again and 378 that were not, 88% of them with comparable ones" in said


def test_why_nothing_is_known_of_a_repeat_is_told() -> None:
    lacking = study.repeat_support().assign(lacking="the control arm has 3 households")
    said = repeat_note(lacking)
    assert said.startswith("Nothing is known of a repeat (the control arm has 3 households)")
    assert said.endswith("are to be tested.")
