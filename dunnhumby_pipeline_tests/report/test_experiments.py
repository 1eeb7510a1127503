"""The page tells of experiments where there are any, and says nothing of them where there are none."""

import pytest

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.report.answer import plain_answer
from dunnhumby_pipeline.report.sections import CHAPTERS
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.results import study

DESIGNED, TAUGHT = "How large a test must be, and what it is worth", "What experiments have taught"
WATCHED = "Looking at an experiment before its end"


def test_experiments_are_shown_where_there_are_any() -> None:
    names = ("experiment_design", "experiment_result", "experiment_looks")
    chapters = [chapter for chapter in CHAPTERS if any(chapter in pages.that_read(name) for name in names)]
    page = pages.page_of(chapters, study.study_tables())
    assert DESIGNED in page and TAUGHT in page and "worth most over its cost" in page
    assert WATCHED in page and "not read" in page and "0.8" in page
    none = {name: without_rows(table(name)) for name in names}
    page = pages.page_of(chapters, study.study_tables(**none))
    assert DESIGNED not in page and TAUGHT not in page and WATCHED not in page
    page = pages.page_of(chapters, study.study_tables(experiment_design=None))
    assert f"{DESIGNED}: not built" in page


@pytest.mark.parametrize(
    ("decision", "state", "said"),
    [
        ("target", "pays", "Contact such"),
        ("leave", "loses", "Do not contact"),
        ("test", "not proven", "Not proven yet"),
    ],
)
def test_the_answer_is_that_of_the_experiment_where_decisions_rest_on_one(decision: str, state: str, said: str) -> None:
    before = plain_answer(study.study_tables())
    assert "What did experiments find?" not in dict(before.points)
    rests = study.break_even().assign(n_experiments=1, decision=decision)
    alone = plain_answer(study.study_tables(break_even=rests.assign(n_experiments=0)))
    after = plain_answer(study.study_tables(break_even=rests))
    assert after.state == state and after.headline.startswith(said)
    found = dict(after.points)["What did experiments find?"]
    assert found.startswith("One experiment was read back. The last, of 1,207 households contacted and 1,206 held out")
    assert "found $6.40 per household (standard error $3.00), where the study had said $4.90" in found
    assert "What followed: refine, by another test." in found
    assert after.points[1:] == alone.points
