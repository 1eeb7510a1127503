"""The section on customers says who they are, what to do, and what the figures cannot say."""

from __future__ import annotations

import io
import re
from dataclasses import fields

import numpy as np
import pytest
from rich.console import Console

from dunnhumby_pipeline.report.customer_notes import consistency_note, customer_notes, forecast_note
from dunnhumby_pipeline.report.customer_pictures import draw_customers
from dunnhumby_pipeline.report.customers import WARNED, customer_grids
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.report.views import Grid
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words.numbers import MINUS, NOTHING
from dunnhumby_pipeline_tests.fakes import invented_customers as customers
from dunnhumby_pipeline_tests.fakes import invented_run as run
from dunnhumby_pipeline_tests.fakes import invented_tables as invented


def texts(grid: Grid) -> list[list[str]]:
    return [[cell.text for cell in row] for row in grid.rows]


@pytest.fixture(scope="module")
def grids() -> dict[str, Grid]:
    return customer_grids(invented.study_tables())


@pytest.fixture(scope="module")
def notes() -> dict[str, str]:
    return customer_notes(invented.study_tables(), "stacked")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("dunnhumby_pipeline.report.pictures.draw_pictures", lambda tables, settings: {})
    html = render_report(invented.study_tables(), run.checks(), run.facts(), Settings())
    return re.sub(r"\s+", " ", html)


def test_every_grid_has_a_cell_a_header(grids: dict[str, Grid]) -> None:
    assert set(grids) == {"playbook", "segments", "offers", "warning", "departments", "demographics", "scoreboard"}
    for name, grid in grids.items():
        assert {len(row) for row in grid.rows} == {len(grid.headers)}, name
        assert max(grid.numeric, default=0) < len(grid.headers), name


def test_the_playbook_has_the_most_urgent_segment_first(grids: dict[str, Grid]) -> None:
    first = texts(grids["playbook"])[0]
    assert first[0] == "Active loyalists" and first[1] == "509"
    assert first[3:] == ["1", "Protect", "Service and recognition.", "Deep discounts."]


def test_segments_in_numbers_have_value_and_decisions(grids: dict[str, Grid]) -> None:
    headers = grids["segments"].headers
    assert headers[-3:] == ("To target", "To test", "To leave")
    rows = {row[0]: dict(zip(headers, row, strict=True)) for row in texts(grids["segments"])}
    vip = rows["VIP heavy buyers"]
    assert vip["Households"] == "299" and vip["Spend a household"] == "$5,200"
    assert vip["Expected in 52 weeks"] == "$4,680"
    decided = sum(int(vip[name].replace(",", "")) for name in headers[-3:])
    assert decided == 299


def test_only_departments_that_are_bought_more_are_named(grids: dict[str, Grid]) -> None:
    assert texts(grids["departments"])[0][1] == "Seafood (1.8 times), Salad bar (1.4 times)"


def test_demographics_say_of_how_many_they_are_known(grids: dict[str, Grid], notes: dict[str, str]) -> None:
    loyal = next(row for row in texts(grids["demographics"]) if row[0] == "Active loyalists")
    assert loyal[1:] == ["10%", "45-54 (60% of 51)"]
    assert "from 10% to 58% of a segment" in notes["demographics"]
    assert "not a fair picture" in notes["demographics"]


def test_each_cell_of_value_and_need_has_its_offer(grids: dict[str, Grid]) -> None:
    rows = texts(grids["offers"])
    assert len(rows) == 9
    assert rows[0] == ["High", "Fresh", "100", "17%", "$3,000", "10.0%", "Offer 0."]


def test_the_tier_of_a_household_is_not_called_the_value_of_its_segment(grids: dict[str, Grid]) -> None:
    assert grids["offers"].headers[0] == "Lifetime value tier"
    drawn = draw_customers(StudyTables(value_need=customers.value_need()), Settings())
    assert "comes from high lifetime value, " in drawn["value_need"][1]


def test_only_independent_features_are_told_as_evidence() -> None:
    found, known = customers.segment_features(), customers.segment_profiles()
    found.loc[found["role"] != "independent", "z_score"] = 9.0
    alt = draw_customers(StudyTables(segment_profiles=known, segment_features=found), Settings())["profile"][1]
    assert "What stands out most, among features that the segments do not rest on" in alt and "9.0" not in alt
    without = found.assign(role=found["role"].replace("independent", "twin"))
    alt = draw_customers(StudyTables(segment_profiles=known, segment_features=without), Settings())["profile"][1]
    assert alt == "Heatmap of features by segment."


def test_a_cell_without_households_has_no_offer() -> None:
    table = customers.value_need()
    table.loc[0, ["n_households", "clv_mean", "discount_rate"]] = [0, np.nan, np.nan]
    row = texts(customer_grids(StudyTables(value_need=table))["offers"])[0]
    assert row[-3:] == [NOTHING, NOTHING, "nobody here"]


def test_the_early_warning_has_the_largest_losses(grids: dict[str, Grid], notes: dict[str, str]) -> None:
    listed = customers.early_warning()
    rows = texts(grids["warning"])
    assert len(rows) == WARNED
    assert [int(row[0]) for row in rows] == list(listed.sort_values("change")["household_key"].head(WARNED))
    assert rows[0][1] == "VIP heavy buyers" and rows[0][5].startswith(f"{MINUS}$")
    assert "40 households fell" in notes["warning"]
    assert "25% came back by itself" in notes["warning"]


def test_an_early_warning_of_nobody_was_built_all_the_same() -> None:
    tables = StudyTables(
        early_warning=customers.early_warning().iloc[:0], warning_evidence=customers.warning_evidence().iloc[:0]
    )
    assert tables.early_warning is not None and tables.warning_evidence is not None
    assert customer_grids(tables)["warning"].rows == ()
    assert customer_notes(tables, "stacked")["warning"].startswith("No household fell")
    assert "warning" in draw_customers(tables, Settings())


def test_a_warning_without_evidence_says_so() -> None:
    tables = StudyTables(early_warning=customers.early_warning())
    assert "too short to tell" in customer_notes(tables, "stacked")["warning"]


@pytest.mark.parametrize(
    ("verdict", "gap", "says"),
    [
        ("better than naive", -7.0, "the forecast is better than naive, by 2.0% of its error"),
        ("worse than naive", 7.0, "worse than naive, by 2.0% of its error: carrying past spend forward does better"),
        ("no better than naive", -1.0, "not better than naive: carrying past spend forward does as well"),
    ],
)
def test_the_forecast_is_set_against_naive_in_plain_words(verdict: str, gap: float, says: str) -> None:
    table = customers.clv_validation()
    ours = (table["target"] == "spend") & (table["forecast"] == "stacked")
    table.loc[ours, ["mae", "mae_against_naive", "verdict"]] = [350.0 + gap, gap, verdict]
    note = forecast_note(table, "stacked")
    assert says in note and "“the same as before” errs by $350" in note and "76 households" in note


def test_a_forecast_that_was_not_tested_is_not_praised() -> None:
    naive = customers.clv_validation().query("forecast == 'naive'")
    assert "was not tested" in forecast_note(naive, "stacked")


def test_consistency_speaks_of_periods_that_share_no_day() -> None:
    summary = customers.migration_summary()
    assert "share no day, 60% of households stay in their segment and 82%" in consistency_note(summary)
    near = summary[summary["shared_days"] > 0]
    assert "overlap, so that few can move, 78%" in consistency_note(near)


def test_the_choice_stands_beside_the_reference_study(grids: dict[str, Grid], notes: dict[str, str]) -> None:
    assert "7 segments of 5 factors, the most segments that come back" in notes["choice"]
    assert "The reference study's 5 factors and 7 segments: 0.63 and 0.81." in notes["choice"]
    assert [row[0] for row in texts(grids["scoreboard"])[:2]] == ["K-Means (in use)", "K-Means (reference study)"]
    assert all(cell.strong for cell in grids["scoreboard"].rows[0])
    assert notes["factors"] == "In use: 5 factors. Why: the elbow of the stable ones."


def test_the_section_goes_from_segments_to_how_they_were_chosen(page: str) -> None:
    order = (
        "Who the customers are",
        "What to do with each segment",
        "What they are like",
        "What to offer in each cell",
        "What they will be worth",
        "Do segments last?",
        "Whom to call",
        "<details>",
        "How many factors?",
        "</details>",
        "What the campaign does",
    )
    places = [page.index(part) for part in order]
    assert places == sorted(places)
    assert "The best 20% of households bring 49% of revenue (Gini coefficient 0.50" in page


@pytest.mark.parametrize("table", [field.name for field in fields(StudyTables) if hasattr(customers, field.name)])
def test_each_table_can_be_missing_alone(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = invented.study_tables(**{table: None})
    monkeypatch.setattr("dunnhumby_pipeline.report.pictures.draw_pictures", lambda tables, settings: {})
    assert "Who the customers are" in render_report(tables, run.checks(), run.facts(), Settings())


def test_pictures_are_drawn_of_what_was_built() -> None:
    known = StudyTables(segment_profiles=customers.segment_profiles(), segment_features=customers.segment_features())
    assert list(draw_customers(known, Settings())) == ["sizes", "profile", "positions"]
    alone = StudyTables(migration_summary=customers.migration_summary())
    assert list(draw_customers(alone, Settings())) == ["consistency"]


def test_the_terminal_says_what_to_do_with_each_segment() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(render_summary(invented.study_tables(), run.checks(), run.facts()))
    text = console.export_text()
    first = text.index("Active loyalists: Protect")
    assert first < text.index("VIP heavy buyers: Protect") < text.index("Fresh lovers: Develop")
    assert "60% keep their segment, 82% their value tier" in text
    assert "40 households fell from high value" in text
    plain = Console(record=True, width=100, file=io.StringIO())
    plain.print(render_summary(StudyTables(segments=customers.segments()), run.checks(), run.facts()))
    assert "524  21%  Light grocery" in plain.export_text()
