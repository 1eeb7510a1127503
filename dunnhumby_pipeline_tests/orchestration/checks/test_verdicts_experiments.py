"""Judgements of experiments, in both states."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.checks import experiments
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.experiments.test_read_back import plan_of
from dunnhumby_pipeline_tests.fakes.results import study

CHECKS = CheckSettings()
ASSIGNED = pd.DataFrame(
    {
        "arm": ["contact", "hold out"] * 500,
        "baseline_spend": [float(i // 2 % 100) for i in range(1000)],
        "baseline_visits": [float(i // 2 % 7) for i in range(1000)],
    }
)
PLAN = plan_of(pd.DataFrame({"assignment_hash": ["ab" * 32]}))


def test_arms_that_are_alike_pass_and_others_do_not() -> None:
    found = experiments.arms_alike(ASSIGNED, CHECKS)
    assert found.passed and found.message == (
        "baseline_spend differs by +0.000 SD, baseline_visits differs by +0.000 SD"
    )
    richer = ASSIGNED.assign(baseline_spend=ASSIGNED["baseline_spend"] + 20 * (ASSIGNED["arm"] == "contact"))
    worse = experiments.arms_alike(richer, CHECKS)
    assert not worse.passed and worse.metrics["smd_baseline_spend"] == pytest.approx(0.69, abs=0.01)
    # Of few households chance explains as much.
    assert experiments.arms_alike(richer.iloc[[0, 1, 50, 51, 100, 101, 150, 151]], CHECKS).passed
    assert experiments.arms_alike(ASSIGNED.head(0), CHECKS).passed


def test_a_sample_ratio_that_is_off_blocks_until_a_whole_file_is_read() -> None:
    looks = study.experiment_looks()
    assert experiments.sample_ratio(looks, CHECKS).passed
    off = looks.iloc[:3].assign(sample_ratio_p=[0.9, 0.8, 1e-6])
    found = experiments.sample_ratio(off, CHECKS)
    assert not found.passed and "9f9f9f9f9f9f: 1,207 contacted and 1,206 held out (p = 1e-06" in found.message
    assert found.metrics == {"n_experiments": 1, "n_mismatched": 1}
    assert experiments.sample_ratio(pd.concat([off, looks.iloc[3:]]), CHECKS).passed
    assert experiments.sample_ratio(looks.head(0), CHECKS).message == "no outcomes were read"


def test_an_experiment_is_due_when_its_window_has_ended() -> None:
    dated = replace(PLAN, starts_on="2026-03-09")
    before = experiments.due([dated], set(), date(2026, 5, 23), CHECKS)
    assert before.passed and "its window ends on 2026-05-24" in before.message
    after = experiments.due([dated], set(), date(2026, 5, 26), CHECKS)
    assert not after.passed and "window ends on 2026-05-24, 2 days ago; read it with" in after.message
    assert after.metrics == {"n_assigned": 1, "n_waiting": 1, "n_due": 1}
    read = experiments.due([dated], {dated.assignment_hash}, date(2026, 5, 26), CHECKS)
    assert read.passed and read.message == "1 experiments assigned, all of them read"
    assert experiments.due([], set(), date(2026, 5, 26), CHECKS).passed
    # The day of the data is named where day 1 has a date.
    days = experiments.due([dated], set(), date(2026, 5, 26), CheckSettings(day_one=date(2026, 5, 1)))
    assert "2026-05-24 (day 24)" in days.message


def test_without_a_first_contact_the_end_is_the_earliest() -> None:
    found = experiments.due([PLAN], set(), date(2026, 5, 20), CHECKS)
    assert not found.passed and "at the earliest, had contacts begun on the day it was assigned" in found.message
    assert "2026-05-16, 4 days ago" in found.message
