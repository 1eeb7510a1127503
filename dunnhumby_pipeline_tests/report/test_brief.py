"""The brief says what the list says, in words that nobody has to look up, also when there is no list."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.orchestration.checks.registry import CHECKS
from dunnhumby_pipeline.report.brief.decision import Gate, decide, gates_of
from dunnhumby_pipeline.report.brief.page import brief_reads, render_brief
from dunnhumby_pipeline.report.brief.pictures import PICTURES
from dunnhumby_pipeline.report.brief.plain import between, how_often, on_day
from dunnhumby_pipeline.report.brief.reasons import REASONS
from dunnhumby_pipeline.report.sections import report_reads
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.targeting.dial import stretches
from dunnhumby_pipeline.words.numbers import MINUS, NOTHING
from dunnhumby_pipeline_tests.fakes.pages import undrawn
from dunnhumby_pipeline_tests.fakes.results import lists, run, study

MATTERS = 20.0
# Nobody who decides on a campaign should have to ask what a word means.
JARGON = (
    *("ATO", "ATE", "ATT", "CATE", "AIPW", "propensity", "overlap", "policy", "heterogeneity", "R-loss", "p-value"),
    *("confidence interval", "standard error", "covariate", "calibrated", "bootstrap", "posterior", "placebo"),
)


def summary(**whole: Any) -> pd.DataFrame:
    """The summary of decisions with another row for all households."""
    frame = lists.decision_summary()
    for name, value in whole.items():
        frame.loc[frame["grouping"] == "all", name] = value
    return frame


def decided(**whole: Any) -> Any:
    tables = study.study_tables(decision_summary=summary(**whole))
    return decide(tables, "TypeA", (), None, MATTERS)


def shown(tables: StudyTables, gates: tuple[Gate, ...] = (), settings: Settings | None = None, **facts: Any) -> str:
    html = render_brief(tables, gates, run.facts(**facts), settings or Settings(), undrawn)
    body = html.partition("<body>")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


NOBODY = {"n_target": 0, "n_contact": 0, "n_held_out": 0}


@pytest.mark.parametrize(
    ("whole", "state", "words"),
    [
        (
            {},
            "send",
            "Send the next TypeA campaign to 738 of 2,469 households, and hold 82 back to measure it; test it on 700",
        ),
        (
            {"n_test": 0},
            "send",
            "Send the next TypeA campaign to 738 of 2,469 households, and hold 82 back to measure it",
        ),
        (NOBODY, "test", "Test the next TypeA campaign before rolling it out, on 700 of 2,469 households"),
        (NOBODY | {"n_test": 0}, "do not send", "Do not send the next TypeA campaign"),
    ],
)
def test_the_headline_is_what_the_list_decides(whole: dict[str, int], state: str, words: str) -> None:
    found = decided(**whole)
    assert found.state == state
    assert found.headline.startswith(words)
    assert found.steps and all(step.who and step.what and step.when for step in found.steps)
    orders = " ".join(step.what for step in found.steps)
    assert ("experiment assign" in orders) == (state != "do not send" and whole.get("n_test", 700) > 0)
    assert ("approve" in orders) == (state != "do not send")


def test_a_test_names_its_arms_and_what_it_is_worth() -> None:
    found = decided(**NOBODY, n_test=2413)
    design = study.experiment_design()
    whole = design.loc[design["n_households"] == 2413].iloc[0]
    assert f"send it to {whole['n_treated']:,} of them, drawn by lot, and not to the other {whole['n_control']:,}" in (
        found.headline
    )
    points = dict(found.points)
    assert f"${whole['value_of_test']:,.0f}" in points["What is it worth?"]
    assert f"${whole['cost_of_test']:,.0f}" in points["What is it worth?"]
    assert f"{whole['duration_days']} days" in points["What would settle it?"]


def test_amounts_in_all_are_those_of_the_list() -> None:
    worth = dict(decided().points)["What is it worth?"]
    assert f"The 738 contacts are expected to bring ${14.2 * 738:,.0f} over their cost" in worth
    assert f"between a gain of ${8.2 * 738:,.0f} and a gain of ${20.2 * 738:,.0f}" in worth
    assert "69 households may not be contacted, which gives up" in worth


def test_the_cost_at_which_the_decision_changes_is_that_of_the_dial() -> None:
    said = dict(decided().points)["At which cost does that change?"]
    runs = list(stretches(study.decision_by_cost()))
    assert len(runs) > 1
    for _, start, end in runs[:-1]:
        assert f"${end:,.2f}" in said, (start, end)
    one = study.decision_by_cost().assign(decision="test")
    same = decide(study.study_tables(decision_by_cost=one), "TypeA", (), None, MATTERS)
    assert dict(same.points)["At which cost does that change?"].startswith("At none that was tried")


def test_stretches_meet_half_way_and_cover_every_cost() -> None:
    dial = pd.DataFrame({"contact_cost": [4.0, 0.0, 1.0, 2.0], "decision": ["leave", "target", "test", "test"]})
    assert list(stretches(dial)) == [("target", 0.0, 0.5), ("test", 0.5, 3.0), ("leave", 3.0, 4.0)]


def test_what_is_not_known_follows_the_tables() -> None:
    unsure = dict(decided().points)["What do we not know?"]
    assert "not sent by lot" in unsure and "could not rule out" in unsure
    controls = study.study_tables()["negative_controls"].assign(estimate=0.1, se=0.5)
    small = decide(study.study_tables(negative_controls=controls), "TypeA", (), None, MATTERS)
    assert "could not rule out" not in dict(small.points)["What do we not know?"]


@pytest.mark.parametrize("whole", [{}, NOBODY, NOBODY | {"n_test": 0}])
def test_no_word_needs_explaining(whole: dict[str, int]) -> None:
    text = shown(study.study_tables(decision_summary=summary(**whole)))
    found = [word for word in JARGON if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE)]
    assert found == []
    assert "nan" not in text.lower().split() and "None" not in text


def test_a_blocked_study_has_its_brief() -> None:
    customers = ("segment_profiles", "segment_playbook", "value_need", "next_action")
    built = StudyTables({name: study.study_tables()[name] for name in customers})
    gate = Gate("first_campaign_cohort.arms_large_enough", "74 treated, at least 100 expected", "take more campaigns")
    text = shown(built, (gate,), campaign_type="TypeC")
    assert "No recommendation for TypeC yet" in text
    assert "74 treated, at least 100 expected" in text and "Take more campaigns." in text
    assert "One action for each group of customers" in text
    assert "What a contact adds" not in text


def test_a_study_of_nothing_says_what_to_do() -> None:
    text = shown(StudyTables({}), n_households=None, first_day=None, last_day=None)
    assert "No recommendation for TypeA yet" in text and "has not come so far" in text and "dunnhumby run" in text


def test_a_stale_list_is_no_answer() -> None:
    text = shown(study.study_tables(), stale="not rebuilt: 3 targets outside the region")
    assert "No recommendation" in text and "3 targets outside the region" in text
    assert "Send the next" not in text and "What a contact adds" not in text


def test_gates_are_the_blocking_checks_that_failed_with_what_they_ask_and_their_advice() -> None:
    failed = run.checks(failed=True)
    expected = failed.loc[(failed["status"] == "fail") & failed["blocking"].astype(bool)].iloc[0]
    name = f"{expected['asset']}.{expected['check']}"
    (found,) = gates_of(failed, {name: ("Arms are alike.", "look at the figure")})
    assert found == Gate(name, expected["message"], "look at the figure", "Arms are alike.")
    assert gates_of(run.checks(), {}) == ()


def test_every_blocking_check_says_in_plain_words_why_there_is_no_answer() -> None:
    named = {check.name for check in CHECKS if check.blocks}
    assert named <= set(REASONS), "put its reason into report/brief/reasons.py"
    told = " ".join(REASONS.values())
    assert [word for word in JARGON if re.search(rf"\b{re.escape(word)}\b", told, re.IGNORECASE)] == []
    assert "_" not in told
    gates = tuple(Gate(f"propensity.{name}", "n 3, at least 100", "") for name in ("arms_in_overlap", "effective_arms"))
    why = dict(decide(StudyTables({}), "TypeC", gates, None, MATTERS).points)["Why?"]
    assert why.count(REASONS["effective_arms"]) == 1, "what two checks found is said once"
    assert "at least 100" not in why


def test_hostile_names_are_text() -> None:
    attack = '<img src=x onerror="alert(1)">'
    tables = study.study_tables()
    profiles = tables["segment_profiles"].assign(segment_name=attack)
    html = render_brief(
        study.study_tables(segment_profiles=profiles), (), run.facts(source=attack), Settings(), undrawn
    )
    assert attack not in html and "&lt;img" in html
    assert "default-src" in html


def test_the_brief_reads_what_is_declared_and_needs_nothing_but_itself() -> None:
    assert set(brief_reads()) <= set(report_reads()) | {"decision_by_cost"}
    assert all(registry.table(name) for name in brief_reads())
    html = render_brief(study.study_tables(), (), run.facts(), Settings())
    assert html.count("<img ") == len(PICTURES) == 3
    assert not re.search(r'(?:src|href)="(?!data:)', html)
    assert len(html) < 5_000_000
    alts = re.findall(r'alt="([^"]+)"', html)
    assert len(alts) == 3 and all(len(alt) > 40 for alt in alts)


def test_days_are_dates_where_day_one_is_known() -> None:
    assert on_day(1, date(2026, 2, 9)) == "9 February 2026"
    assert on_day(366, date(2024, 1, 1)) == "31 December 2024"
    assert on_day(285, None) == "day 285" and on_day(None, None) == NOTHING
    dated = Settings().model_copy(update={"checks": Settings().checks.model_copy(update={"day_one": date(2025, 1, 1)})})
    assert "1 January 2025 to 12 December 2026" in shown(study.study_tables(), settings=dated)


@pytest.mark.parametrize(
    ("share", "words"), [(0.95, "19 times in 20"), (0.9, "9 times in 10"), (0.99, "99 times in 100")]
)
def test_a_confidence_is_how_often(share: float, words: str) -> None:
    assert how_often(share) == words


def test_a_range_names_losses() -> None:
    assert between(-11.98, 21.57) == "between a loss of $11.98 and a gain of $21.57"
    assert MINUS not in between(-1.0, np.float64(-0.5))
