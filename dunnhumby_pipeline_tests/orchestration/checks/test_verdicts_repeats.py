"""Verdicts on what is known of households contacted before, in both states."""

from __future__ import annotations

from dunnhumby_pipeline.orchestration.checks import repeats
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.results import study

CHECKS = CheckSettings()


def test_a_repeat_that_is_told_passes_with_its_arms() -> None:
    found = repeats.repeat_told(study.repeat_support(), CHECKS)
    assert found.passed and found.metrics == {"n_treated": 1165, "n_control": 378}
    assert found.message == (
        "1,165 trials of a repeat and 378 of none, 88% in overlap, apart by 0.12 standard deviations after weighting"
    )


def test_a_repeat_of_which_nothing_is_known_fails_with_the_reason() -> None:
    lacking = study.repeat_support().assign(lacking=[None, "the control arm has 3 households; 20 are needed"])
    found = repeats.repeat_told(lacking, CHECKS)
    assert not found.passed
    assert found.message == "nothing is known of a repeat: the control arm has 3 households; 20 are needed"
