"""Who may fall and who fell, on the page and the screen: counted, explained, and said where it cannot be told."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dunnhumby_pipeline.contracts.names import ALL_FOLDS
from dunnhumby_pipeline.figures.customers import risk as figures
from dunnhumby_pipeline.report.sections.risk import SHOWN
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words.numbers import MINUS, NOTHING
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.drawn import line
from dunnhumby_pipeline_tests.fakes.results import risk, run, study

WHY = "a fall is learned from two quarters; found 21 days, 1 to 21"


@pytest.fixture(scope="module")
def tables() -> StudyTables:
    return study.study_tables()


def untold(frame: pd.DataFrame) -> pd.DataFrame:
    """A validation in which nothing was judged."""
    row = frame[(frame["fold"] == ALL_FOLDS) & (frame["forecast"] == "in use")].copy()
    numbers = [name for name in row if row[name].dtype == "float64"]
    return row.assign(**dict.fromkeys(numbers, np.nan), reason=WHY)


def test_who_may_fall_is_listed_with_chance_money_and_reasons(tables: StudyTables) -> None:
    grid = pages.grid("risk_list", tables)
    rows = pages.texts(grid)
    listed = risk.at_risk().head(SHOWN)
    assert [int(row[0]) for row in rows] == listed["household_key"].tolist()
    assert rows[0][1] == f"{listed.at[0, 'probability']:.0%}"
    assert rows[0][5] == "skips many weeks; comes rarely" and rows[0][6] == "yes" and rows[1][6] == "no"
    note = pages.note("risk_note", tables)
    assert "30 households of value are listed as at risk" in note and "falls by 40% or more" in note
    assert "3 of them" in note and "45% of those listed fell" in note and "of all households of value 20%" in note
    half = Settings(risk={"fall": 0.5})
    assert "falls by 50% or more" in pages.note("risk_note", tables, half)


def test_each_quarter_is_told_beside_the_last_change(tables: StudyTables) -> None:
    rows = pages.texts(pages.grid("risk_quarters", tables))
    assert [row[0] for row in rows] == ["500 to 583", "528 to 611", "All"]
    assert rows[0][1] == "Logistic" and rows[-1][1] == NOTHING
    assert rows[0][5] == "0.710 (0.680 to 0.740)" and rows[0][6] == "0.600"
    validation = risk.risk_validation()
    gone = validation[(validation["fold"] != 0) | (validation["forecast"] == "in use")].copy()
    gone.loc[gone["fold"] == 0, ["reason", "auc"]] = [WHY, np.nan]
    rows = pages.texts(pages.grid("risk_quarters", study.tables_of(risk_validation=gone)))
    assert rows[0] == ["500 to 583", *[NOTHING] * 8]


def test_who_fell_is_listed_with_what_is_expected_back(tables: StudyTables) -> None:
    rows = pages.texts(pages.grid("fallen_list", tables))
    assert [int(row[0]) for row in rows] == risk.fallen()["household_key"].head(SHOWN).tolist()
    assert rows[0][3].startswith(f"{MINUS}$")
    note = pages.note("fallen_note", tables)
    assert "40 households of value spent 40% less" in note
    assert "(25%) is expected back" in note and "$120 per household came back where $100 was expected" in note


def test_what_a_list_can_show_is_said(tables: StudyTables) -> None:
    rows = pages.texts(pages.grid("risk_holdout", tables))
    assert rows[0] == ["At risk", "30", "6", "$45", "$228", "1,800", "60"]
    few = risk.risk_holdout().assign(n_needed=pd.array([None, 5], dtype="Int64"), detectable_effect=np.nan)
    assert pages.texts(pages.grid("risk_holdout", study.tables_of(risk_holdout=few)))[0][4:6] == [NOTHING, NOTHING]


def test_too_short_a_history_says_why_and_draws_nothing() -> None:
    households = risk.at_risk().assign(probability=np.nan, expected_fall=np.nan, at_risk=False, reasons=None)
    short = study.study_tables(
        at_risk=households,
        risk_validation=untold(risk.risk_validation()),
        risk_calibration=risk.risk_calibration().iloc[:0],
        fallen=risk.fallen().assign(expected_recovery=np.nan),
        recovery_validation=untold(risk.recovery_validation()),
    )
    assert pages.note("risk_note", short) == f"Who may fall cannot be told: {WHY}."
    assert pages.note("fallen_note", short).endswith(f"come back by itself cannot be told: {WHY}.")
    for name in ("risk_list", "falls_foreseen", "risk_quarters"):
        assert not pages.section(name).is_on(short, Settings())
    assert len(pages.figure("fall_and_recovery", short).axes) == 1
    assert "no chance of a fall can be told" in screen(short)
    nobody = study.study_tables(fallen=risk.fallen().iloc[:0])
    assert pages.note("fallen_note", nobody).startswith("No household of value has fallen")
    assert not pages.section("fallen_list").is_on(nobody, Settings())
    assert pages.figure("fall_and_recovery", nobody).texts and pages.alt("fall_and_recovery", nobody)
    assert "nobody of value" in screen(nobody)


def test_chances_that_were_held_against_nothing_say_so() -> None:
    early = study.study_tables(
        risk_validation=untold(risk.risk_validation()), recovery_validation=untold(risk.recovery_validation())
    )
    assert pages.note("risk_note", early).endswith(f"How good this is cannot be told yet: {WHY}.")
    assert pages.note("fallen_note", early).endswith(f"How good this is cannot be told yet: {WHY}.")


def screen(tables: StudyTables) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(render_summary(tables, run.checks(), run.facts()))
    return " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]


def test_the_summary_counts_both(tables: StudyTables) -> None:
    said = screen(tables)
    assert "At risk 30 households of value" in said
    assert "Fallen 40 households of value spend" in said and "25% of it is expected back" in said
    unbuilt = screen(study.study_tables(at_risk=None, fallen=None))
    assert "At risk not built" in unbuilt and "Fallen not built" in unbuilt


def test_the_pictures_draw_chances_falls_and_recovery() -> None:
    calibration, found = figures.falls_foreseen(risk.risk_calibration(), 0.1).axes
    used = risk.risk_calibration().query("forecast == 'in use'")
    assert line(calibration, "bins, with intervals")[:, 1].tolist() == used["share_fell"].tolist()
    taken = line(found, "in use")
    assert taken[0].tolist() == [0, 0] and taken[-1].tolist() == pytest.approx([1, 1])
    assert (taken[1:-1, 1] > line(found, "last change")[1:-1, 1]).all()
    fall, recovery = figures.fall_and_recovery(risk.fallen(), risk.recovery_validation()).axes
    assert len(line(fall, "spends less: 39")) == 39 and line(fall, "bought nothing: 1")[0, 1] == 0
    assert line(recovery, "fell")[:, 1].tolist() == [700.0, 270.0, 390.0]
    assert line(recovery, "expected")[:, 1].tolist() == [270.0, 370.0]
    assert len(figures.fall_and_recovery(risk.fallen()).axes) == 1
