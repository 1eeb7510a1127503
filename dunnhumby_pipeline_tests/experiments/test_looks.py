"""Looks at an experiment before its end, the differences it finds between households, and its registration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.experiments.assignment import CONTACT
from dunnhumby_pipeline.experiments.calibration import calibrated
from dunnhumby_pipeline.experiments.looks import FINAL, INTERIM, MISMATCH, log, looks_at, looks_of, taken
from dunnhumby_pipeline.experiments.monitoring import lan_demets
from dunnhumby_pipeline.experiments.read_back import experiment_result, matched
from dunnhumby_pipeline.experiments.registration import ExperimentError
from dunnhumby_pipeline.experiments.registration_page import registration_page
from dunnhumby_pipeline.experiments.words import calibration_in_words, in_words, look_in_words
from dunnhumby_pipeline.figures.campaign.experiments import monitoring
from dunnhumby_pipeline_tests.experiments.test_read_back import N, assignment, outcomes_of, plan_of

__all__ = ["assignment"]
DAY = "2026-04-01"


def early(assignment: pd.DataFrame, share: float, days: int = 76, effect: float = 3.0) -> pd.DataFrame:
    """Outcomes of this share of the households, in the order in which they came in."""
    return outcomes_of(assignment, effect).assign(days_observed=days).iloc[: int(share * N)]


def looked(assignment: pd.DataFrame, *shares: float, effect: float = 3.0) -> Iterator[dict]:
    plan, before = plan_of(assignment), pd.DataFrame()
    for share in shares:
        frame = matched(early(assignment, share, effect=effect), assignment, plan, interim=True)
        look = taken(frame, plan, before, INTERIM if share < 1 else FINAL, DAY)
        before = pd.concat([before, pd.DataFrame([look])], ignore_index=True)
        yield look


def test_looks_spend_alpha_by_the_information_they_have(assignment: pd.DataFrame) -> None:
    first, second, last = looked(assignment, 0.3, 0.6, 1.0)
    assert [look["information"] for look in (first, second, last)] == [0.3, 0.6, 1.0]
    bounds = [look["boundary"] for look in (first, second, last)]
    assert bounds == pytest.approx(lan_demets([0.3, 0.6, 1.0], 0.05).tolist(), abs=1e-6)
    assert first["alpha_spent"] < second["alpha_spent"] < last["alpha_spent"] == pytest.approx(0.05)
    assert [look["look"] for look in (first, second, last)] == [1, 2, 3] and last["kind"] == FINAL
    for look in (first, second, last):
        assert look["sequence_lower"] < 3.0 < look["sequence_upper"]
        # A look that only the sequence covers costs more than one of few that are planned, but for the earliest.
        assert look["boundary_upper"] - look["effect"] == pytest.approx(look["boundary"] * look["effect_se"])
    assert "within it" in look_in_words(first)[1] and "Nothing is decided" in look_in_words(first)[1]
    [large] = looked(assignment, 0.6, effect=12.0)
    assert "beyond it: by the plan it may be stopped" in look_in_words(large)[1]


def test_days_that_have_not_passed_are_information_that_is_not_there(assignment: pd.DataFrame) -> None:
    plan = plan_of(assignment)
    frame = matched(early(assignment, 0.5, days=38), assignment, plan, interim=True)
    assert taken(frame, plan, pd.DataFrame(), INTERIM, DAY)["information"] == 0.25


def test_a_look_without_more_is_refused_and_the_same_one_counts_once(assignment: pd.DataFrame, tmp_path: Path) -> None:
    file, plan = tmp_path / "looks.jsonl", plan_of(assignment)
    for look in looked(assignment, 0.3, 0.6):
        log(look, file)
    before = looks_at(plan.assignment_hash, file)
    again = taken(matched(early(assignment, 0.6), assignment, plan, interim=True), plan, before, INTERIM, "2026-05-01")
    log(again, file)
    assert again["look"] == 2 and again["read_on"] == DAY and len(looks_at(plan.assignment_hash, file)) == 2
    with pytest.raises(ExperimentError, match=r"50.0% of the information and a look at 60.0% was taken on 2026-04-01"):
        taken(matched(early(assignment, 0.5), assignment, plan, interim=True), plan, before, INTERIM, DAY)
    other = matched(early(assignment, 0.6, effect=5.0), assignment, plan, interim=True)
    with pytest.raises(ExperimentError, match="only with more outcomes"):
        taken(other, plan, before, INTERIM, DAY)
    table = looks_of(file, "TypeA")
    assert table["look"].tolist() == [1, 2] and looks_of(file, "TypeB").empty
    assert looks_of(tmp_path / "none", "TypeA").columns.tolist() == table.columns.tolist()


def test_a_corrected_file_of_the_whole_takes_the_place_of_the_first(assignment: pd.DataFrame) -> None:
    plan, looks = plan_of(assignment), list(looked(assignment, 0.5, 1.0))
    whole = matched(outcomes_of(assignment, 2.0), assignment, plan)
    again = taken(whole, plan, pd.DataFrame(looks), FINAL, DAY)
    assert again["look"] == 3 and again["effect"] != looks[-1]["effect"]
    assert again["boundary"] == pytest.approx(looks[-1]["boundary"])
    once_more = matched(outcomes_of(assignment, 4.0), assignment, plan)
    third = taken(once_more, plan, pd.DataFrame([*looks, again]), FINAL, DAY)
    assert third["look"] == 4 and third["effect"] > again["effect"]
    assert third["boundary"] == pytest.approx(looks[-1]["boundary"])


def test_arms_that_do_not_match_are_a_look_without_an_effect(assignment: pd.DataFrame, tmp_path: Path) -> None:
    plan = plan_of(assignment)
    frame = matched(early(assignment, 0.5), assignment, plan, interim=True)
    lost = frame.index[frame["arm"] == CONTACT][:150]
    look = taken(frame.assign(profit=frame["profit"].drop(lost)), plan, pd.DataFrame(), INTERIM, DAY)
    assert look["kind"] == MISMATCH and "effect" not in look and look["sample_ratio_p"] < plan.sample_ratio_p
    log(look, tmp_path / "looks.jsonl")
    later = taken(frame, plan, looks_at(plan.assignment_hash, tmp_path / "looks.jsonl"), INTERIM, DAY)
    assert (later["look"], later["kind"]) == (2, INTERIM)
    log(later, tmp_path / "looks.jsonl")
    assert looks_of(tmp_path / "looks.jsonl", "TypeA")["effect"].isna().tolist() == [True, False]
    assert monitoring(looks_of(tmp_path / "looks.jsonl", "TypeA")).axes


def test_the_sequence_holds_at_every_look(assignment: pd.DataFrame) -> None:
    plan, missed, n = plan_of(assignment), 0, 40
    for seed in range(n):
        whole = matched(outcomes_of(assignment, 3.0, seed), assignment, plan)
        outside = False
        for share in (0.1, 0.3, 0.5, 0.8, 1.0):
            look = taken(whole.iloc[: int(share * N)], plan, pd.DataFrame(), INTERIM, DAY)
            outside |= not look["sequence_lower"] < 3.0 < look["sequence_upper"]
        missed += outside
    assert missed / n <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n)


# --- differences between households -------------------------------------------------------------------


def planted(assignment: pd.DataFrame, slope: float, seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    effect = 2.0 + slope * (assignment["study_effect"] - 4.7)
    profit = 0.3 * assignment["baseline_spend"] + rng.normal(0, 20, N) + effect * (assignment["arm"] == CONTACT)
    return assignment.assign(profit=profit)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_slope_is_that_which_was_planted(assignment: pd.DataFrame, slope: float) -> None:
    found = [calibrated(planted(assignment, slope, seed), 0.5, 0.95) for seed in range(60)]
    assert np.mean([each.slope for each in found]) == pytest.approx(slope, abs=4 * found[0].se / np.sqrt(60))
    assert np.std([each.slope for each in found]) == pytest.approx(found[0].se, rel=0.35)
    assert np.mean([each.lower <= slope <= each.upper for each in found]) >= 0.86
    assert found[0].study_mean == pytest.approx(assignment["study_effect"].mean())


def test_where_effects_do_not_vary_there_is_no_slope(assignment: pd.DataFrame) -> None:
    flat = planted(assignment, 0.0).assign(study_effect=4.7)
    assert np.isnan(calibrated(flat, 0.5, 0.95).slope) and calibrated(flat, 0.5, 0.95).study_mean == pytest.approx(4.7)
    assert np.isnan(calibrated(flat.assign(study_effect=np.nan), 0.5, 0.95).study_mean)
    plan = plan_of(assignment)
    result = experiment_result(matched(outcomes_of(assignment, 3.0), assignment.assign(study_effect=4.7), plan), plan)
    assert result["calibration_slope"] is None and "one effect" in calibration_in_words(result)
    varied = experiment_result(matched(outcomes_of(assignment, 3.0), assignment, plan), plan)
    assert varied["calibration_slope"] is not None
    told = "\n".join(in_words(varied))
    assert "Differences between households: an effect higher by $1" in told and "What follows: " in told


# --- registered before --------------------------------------------------------------------------------


def test_the_page_says_all_that_is_decided_before(assignment: pd.DataFrame) -> None:
    marked = assignment.assign(segment=np.where(assignment["segment"] == "a", "<script>a</script>", "b"))
    plan = replace(plan_of(assignment), starts_on="2026-03-09", earlier=((2.0, 3.0),))
    page = registration_page(plan, marked)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for said in (
        "Registered on 2026-03-01 by a &lt;b&gt;, before any outcome",
        plan.assignment_hash,
        f"{N:,} households",
        "50% to be contacted",
        "seed 11",
        "summed over 76 days from 2026-03-09; it ends on 2026-05-24",
        "Lin 2013",
        "$1.00",
        "with a power of 20%",
        "1 earlier experiment",
        "The study estimates $4.70",
        "|z| beyond",
        "25%",
        f"{lan_demets([0.25, 0.5, 0.75, 1.0], 0.05)[-1]:.2f}",
        "Deploy where",
        "97.5% or more",
        "Stop where",
        "Refine, by another test",
        "p below 0.001",
        "Are the arms alike?",
    ):
        assert said in text, said
    assert "<script" not in page and "&lt;script&gt;a" in page
    assert "http:" not in page and "https:" not in page and page.startswith("<!doctype html>")
    assert registration_page(plan, marked) == page
    undated = registration_page(replace(plan, starts_on=None), marked)
    assert "from the day of the first contact" in undated and "it ends on" not in undated
