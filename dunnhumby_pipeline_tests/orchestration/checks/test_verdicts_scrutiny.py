"""Judgements of size, coverage and refutations."""

from __future__ import annotations

import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.checks import scrutiny
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.results import scrutiny as made_up

CHECKS = CheckSettings()


@pytest.mark.parametrize(
    ("size", "se", "passed"), [(0.05, 0.015, True), (0.10, 0.02, True), (0.12, 0.02, False), (0.08, 0.004, False)]
)
def test_a_size_is_too_large_only_beyond_its_error(size: float, se: float, passed: bool) -> None:
    table = made_up.detectable_spread()
    table.loc[table["test"] == "blp", ["size", "size_se"]] = size, se
    found = scrutiny.tests_hold_their_size(table, CHECKS)
    assert found.passed is passed
    assert passed or ("BLP: follows the prediction, " in found.message and "above 7%" in found.message)


def test_without_draws_there_is_no_size() -> None:
    nothing = made_up.detectable_spread().iloc[:0]
    assert not scrutiny.tests_hold_their_size(nothing, CHECKS).passed
    assert not scrutiny.intervals_cover(made_up.study_power().iloc[:0], CHECKS).passed


@pytest.mark.parametrize(("share", "passed"), [(0.95, True), (0.91, True), (0.80, False)])
def test_coverage_is_too_low_only_beyond_its_error(share: float, passed: bool) -> None:
    table = made_up.study_power()
    rows = (table["name"] == "average") & (table["outcome"] == "purchase_amount")
    table.loc[rows, "n_counted"] = share * table.loc[rows, "n_draws"]
    found = scrutiny.intervals_cover(table, CHECKS)
    assert found.passed is passed
    assert passed or "on spend covers" in found.message
    assert "purchase_amount" not in found.message
    assert found.metrics["coverage_of_average"] == pytest.approx(min(share, 0.95))


def test_refutations_are_named() -> None:
    table = made_up.refutation()
    assert scrutiny.refutations_passed(table.assign(passed=True), CHECKS).passed
    failed = scrutiny.refutations_passed(table.assign(passed=table.index != 3), CHECKS)
    row = table.iloc[3]
    assert not failed.passed and failed.metrics == {"n_failed": 1}
    assert row["refuter"] in failed.message and row["subject"] in failed.message
    every = scrutiny.refutations_passed(table.assign(passed=False), CHECKS).message
    assert "(study)" not in every and "_" not in every


@pytest.mark.parametrize(("study", "certificate", "passed"), [("stack", "stack", True), ("constant", "stack", False)])
def test_a_certificate_by_every_learner_agrees_or_not(study: str, certificate: str, passed: bool) -> None:
    ours, theirs = made_up.certified_learners(study), made_up.certified_learners(certificate)
    found = scrutiny.certificate_agrees(theirs, ours, CHECKS)
    assert found.passed is passed
    assert passed or ("leads to Stack" in found.message and "study to Constant" in found.message), found.message


def test_without_a_certificate_nothing_is_held_against_the_study() -> None:
    board = made_up.certified_learners()
    found = scrutiny.certificate_agrees(board.iloc[:0], board, CHECKS)
    assert found.passed and "no certificate" in found.message


def test_a_size_that_is_not_known_is_left_out() -> None:
    table = made_up.detectable_spread()
    whole = table.assign(procedure="whole", size=float("nan"), size_se=float("nan"))
    assert scrutiny.tests_hold_their_size(pd.concat([table, whole]), CHECKS).passed
