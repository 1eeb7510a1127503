"""The page tells of experiments where there are any, and says nothing of them where there are none."""

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.results import run, study

DESIGNED, TAUGHT = "How large a test must be, and what it is worth", "What experiments have taught"


def test_experiments_are_shown_where_there_are_any() -> None:
    page = render_report(study.study_tables(), run.checks(), run.facts(), Settings(), pages.undrawn)
    assert DESIGNED in page and TAUGHT in page and "worth most over its cost" in page
    none = {name: without_rows(table(name)) for name in ("experiment_design", "experiment_result")}
    page = render_report(study.study_tables(**none), run.checks(), run.facts(), Settings(), pages.undrawn)
    assert DESIGNED not in page and TAUGHT not in page
    unbuilt = study.study_tables(experiment_design=None)
    page = render_report(unbuilt, run.checks(), run.facts(), Settings(), pages.undrawn)
    assert f"{DESIGNED}: not built" in page
