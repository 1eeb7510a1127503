"""The section on customers says who they are, what to do, and what the figures cannot say."""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.report.section import Note, Section, readers
from dunnhumby_pipeline.report.sections import CHAPTERS, report_reads, sections
from dunnhumby_pipeline.report.sections.lifetime import forecast_note
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import numbers
from dunnhumby_pipeline.words.numbers import NOTHING
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.results import customers, noise, run, study

PARTS = [part for chapter in CHAPTERS[:4] for part in readers(chapter.parts)]
GRIDS = [part.name for part in PARTS if isinstance(part, Section) and part.rows]


@pytest.fixture(scope="module")
def grids() -> dict[str, Grid]:
    return {name: pages.grid(name, study.study_tables()) for name in GRIDS}


@pytest.fixture(scope="module")
def notes() -> dict[str, str]:
    names = [part.name for part in PARTS if isinstance(part, Note)]
    return {name.removesuffix("_note"): pages.note(name, study.study_tables()) for name in names}


@pytest.fixture(scope="module")
def page() -> str:
    html = render_report(study.study_tables(), run.checks(), run.facts(), Settings(), pages.undrawn)
    return re.sub(r"\s+", " ", html)


def test_every_grid_has_a_cell_a_header(grids: dict[str, Grid]) -> None:
    assert set(grids) > {
        "playbook",
        "segments",
        "offers",
        "risk_list",
        "fallen_list",
        "departments",
        "demographics",
        "candidates",
    }
    for name, grid in grids.items():
        assert {len(row) for row in grid.rows} == {len(grid.headers)}, name
        assert max(grid.numeric, default=0) < len(grid.headers), name


def test_the_playbook_has_the_most_urgent_segment_first(grids: dict[str, Grid]) -> None:
    first = pages.texts(grids["playbook"])[0]
    assert first[0] == "Active loyalists" and first[1] == "509"
    assert first[3:] == [
        "1",
        "Protect",
        "Service and recognition.",
        "Deep discounts.",
        "Points on fresh. (47% of them, one other offer; 6% get nothing)",
    ]


def test_segments_in_numbers_have_value_and_decisions(grids: dict[str, Grid]) -> None:
    headers = grids["segments"].headers
    assert headers[-1] == "To target / test / leave"
    rows = {row[0]: dict(zip(headers, row, strict=True)) for row in pages.texts(grids["segments"])}
    vip = rows["VIP heavy buyers"]
    assert vip["Households (share)"].startswith("299 (") and vip["Spend per household"] == "$5,200"
    assert vip["Expected in 52 weeks"] == "$4,680"
    assert sum(int(number.replace(",", "")) for number in vip[headers[-1]].split(" / ")) == 299


def test_only_departments_that_are_bought_more_are_named(grids: dict[str, Grid]) -> None:
    assert pages.texts(grids["departments"])[0][1] == "Seafood (1.8 times), Salad bar (1.4 times)"


def test_demographics_say_of_how_many_they_are_known(grids: dict[str, Grid], notes: dict[str, str]) -> None:
    loyal = next(row for row in pages.texts(grids["demographics"]) if row[0] == "Active loyalists")
    assert loyal[1:] == ["10%", "45-54 (60% of 51)"]
    assert "from 10% to 58% of a segment" in notes["demographics"]
    assert "not a fair picture" in notes["demographics"]


def test_each_cell_of_value_and_need_has_its_offer(grids: dict[str, Grid]) -> None:
    rows = pages.texts(grids["offers"])
    assert len(rows) == 9
    assert rows[0] == [
        "High",
        "Fresh produce",
        "100",
        "17%",
        "$3,000",
        "10.0%",
        "Offer 0. (60% of them, 2 other offers)",
    ]


def test_there_is_one_value_tier(grids: dict[str, Grid]) -> None:
    assert grids["offers"].headers[0] == "Value tier"
    alt = pages.alt("value_need", study.tables_of(value_need=customers.value_need()))
    assert "comes from high value, " in alt


def test_only_independent_features_are_told_as_evidence() -> None:
    found, known = customers.segment_features(), customers.segment_profiles()
    found.loc[found["role"] != "independent", "z_score"] = 9.0
    alt = pages.alt("profile", study.tables_of(segment_profiles=known, segment_features=found))
    assert "What stands out most, among features that the segments do not rest on" in alt and "9.0" not in alt
    without = found.assign(role=found["role"].replace("independent", "twin"))
    alt = pages.alt("profile", study.tables_of(segment_profiles=known, segment_features=without))
    assert alt == "Heatmap of features by segment."


def test_a_cell_without_households_has_no_offer() -> None:
    table = customers.value_need()
    table.loc[0, ["n_households", "clv_mean", "discount_rate"]] = [0, np.nan, np.nan]
    row = pages.texts(pages.grid("offers", study.tables_of(value_need=table)))[0]
    assert row[-3:] == [NOTHING, NOTHING, "nobody here"]


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
    def said(summary: pd.DataFrame) -> str:
        return pages.note("consistency_note", study.tables_of(migration_summary=summary))

    summary = customers.migration_summary()
    assert "share no day, 60% of households stay in their segment and 82%" in said(summary)
    assert "overlap, so that few can move, 78%" in said(summary[summary["shared_days"] > 0])


def test_noise_is_told_from_change() -> None:
    said = pages.note("noise_note", study.tables_of(movement_noise=noise.movement_noise()))
    assert "put only 64% of households in the same segment" in said and "90% of the changes between periods" in said
    assert "8% of households really change segment in a period (6% to 10%)" in said
    near = noise.movement_noise().query("~apart")
    assert "No two periods share no day" in pages.note("noise_note", study.tables_of(movement_noise=near))


def test_who_moved_is_told_beside_who_would_seem_to() -> None:
    def said(told: pd.DataFrame) -> str:
        tables = study.tables_of(
            movement_noise=told,
            household_membership=noise.household_membership(),
            smoothing_weights=noise.smoothing_weights(),
        )
        return pages.note("moved_note", tables)

    moved = int(noise.household_membership()["moved"].sum())
    note = said(noise.movement_noise())
    assert "weigh the latest 28 days with 0.33 (forecasts best). 78% of households keep theirs" in note
    assert f"{moved} households (4.0% of those who bought in both) have moved beyond noise" in note
    assert "if nobody had changed, 0.5% would look so" in note
    assert said(noise.movement_noise().query("~apart")).endswith("The data are too short to tell who moved.")


def test_stay_rates_and_moves_are_tabled(grids: dict[str, Grid]) -> None:
    rows = pages.texts(grids["staying"])
    assert rows[0][:3] == ["Segment, no day shared", "60% (58% to 62%)", "64% (62% to 66%)"]
    assert rows[1][0].endswith(", neighbours") and rows[1][-1] == NOTHING
    assert ["VIP heavy buyers", "Active loyalists"] in [row[:2] for row in pages.texts(grids["moved"])]


def test_the_choice_stands_beside_the_reference_study(grids: dict[str, Grid], notes: dict[str, str]) -> None:
    assert "7 segments of 5 factors, the most segments that come back" in notes["choice"]
    assert "The reference study's 5 factors and 7 segments: 0.63 and 0.81." in notes["choice"]
    assert [row[0] for row in pages.texts(grids["candidates"])[:2]] == ["K-Means (in use)", "K-Means (reference study)"]
    assert all(cell.strong for cell in grids["candidates"].rows[0])
    assert notes["factors"] == "In use: 5 factors. Why: the elbow of the stable ones."


def test_the_section_goes_from_segments_to_how_they_were_chosen(page: str) -> None:
    order = (
        "Who the customers are",
        "What to do with each segment",
        "What they are like",
        "What households of each cell get",
        "What they will be worth",
        "Do segments last?",
        "Who may fall",
        "Who fell",
        "How many factors?",
        "What the campaign does",
    )
    # The contents, which name all of them, and the fold of other checks stand before.
    chapter = page[page.index("<h2>Who the customers are</h2>") :]
    places = [chapter.index(part) for part in order]
    assert places == sorted(places)
    assert "The best 20% of households bring 49% of revenue (Gini coefficient 0.50" in re.sub(r"<[^>]+>", "", page)


@pytest.mark.parametrize("table", [name for name in report_reads() if hasattr(customers, name) or hasattr(noise, name)])
def test_each_table_can_be_missing_alone(table: str) -> None:
    chapters = pages.that_read(table)
    html = pages.page_of(chapters, study.study_tables(**{table: None}))
    assert chapters and all(f"<h2>{chapter.title}</h2>" in html for chapter in chapters)
    assert pages.not_built(html) >= {section.title for section in sections() if table in section.reads}


def test_pictures_are_drawn_of_what_was_built() -> None:
    def drawn(tables: StudyTables) -> list[str]:
        return [section.name for section in sections() if section.draw and tables.has(*section.reads)]

    profiles, features = customers.segment_profiles(), customers.segment_features()
    assert drawn(study.tables_of(segment_profiles=profiles, segment_features=features)) == [
        *("sizes", "profile", "positions"),
    ]
    assert drawn(study.tables_of(migration_summary=customers.migration_summary())) == ["consistency"]


@pytest.mark.parametrize(
    ("name", "place", "row"),
    [
        ("demographic_tests", 0, "Whether anything is known | 2,500 | 0.55 | under 0.001"),
        ("demographic_tests", 2, "Income | 801 | 0.15 | 0.0026"),
        ("needs", 0, "Need | Fresh produce | 1,125 | 45% | 45% | mushrooms, peppers-all, herbs | 3.2 | File of names"),
        (
            "needs",
            6,
            "Tag | Salad bar and newspaper | 500 | 20% | 20% | salad bar, newspaper, convenient brkfst/whlsm snacks "
            "and more | 2.0 | Words of its commodities",
        ),
        ("clv_parameters", 0, "BG/NBD | r | 1.408 | yes | shape of trip rates"),
        ("clv_parameters", 1, "BG/NBD | mean_dropout | 0.0007100 | no | mean chance of leaving after a trip"),
        ("rejects", 0, "Transactions | No quantity | quantity | rejected | 8,869 | 0.60%"),
        ("copies_of_households", 1, "2017 | 17 | 17 | 405 | 100%"),
        ("drift_of_features", 0, "Days since the last visit | 0.31 | 4.00 | 6.00"),
        ("drift_of_features", 2, f"Sales | {NOTHING} | {NOTHING} | 900"),
        ("feature_choice", 1, "Weeks since the last visit | recency | twin of recency"),
        ("segment_identity", 0, "Active loyalists | Active-loyalists | 90% | same households"),
        ("clv_parameters", 2, f"Both | n_households | 2,469 | {NOTHING} | households with a trip"),
    ],
)
def test_grids_of_what_stands_behind_the_segments(grids: dict[str, Grid], name: str, place: int, row: str) -> None:
    assert " | ".join(pages.texts(grids[name])[place]) == row


def test_a_segment_that_is_gone_is_told_without_a_name_of_today() -> None:
    known = customers.segment_identity()
    gone = known.iloc[[0]].assign(segment=None, segment_name=None, kept=False, reason="no longer there")
    tables = study.study_tables(segment_identity=pd.concat([known, gone], ignore_index=True))
    assert pages.texts(pages.grid("segment_identity", tables))[-1][::3] == [NOTHING, "no longer there"]


def test_demographics_and_mailings_say_what_chose_them(
    grids: dict[str, Grid], notes: dict[str, str], page: str
) -> None:
    rows = {row[0]: row for row in pages.texts(grids["chosen"])}
    assert rows["Demographics known"][1:5] == ["801", "71%", "49%", "7%"]
    assert rows["Mailed TypeA"][5:] == ["0.90", "0.64", "0.23", "The retailer; those that spend more"]
    assert "mailed TypeA: 96% of households of high value, 84% of mid, 32% of low" in notes["chosen"]
    assert "no character of the segment" in notes["demographics"]
    assert page.rindex("What others chose for them") < page.rindex("Most frequent answers, where demographics")


def test_the_reference_setting_stands_beside_ours(grids: dict[str, Grid], notes: dict[str, str]) -> None:
    rows = {row[0]: row[1:] for row in pages.texts(grids["reference_comparison"])}
    assert rows["Segments"] == ["7", "7", "5"]
    assert rows["Agreement of refits from scratch, ARI"] == ["0.77", "0.66", "0.84"]
    assert rows["Agreement of refits started from it, ARI"][0] == NOTHING
    assert rows["Its mean spend"] == ["$9,720", "$4,410", "$3,670"]
    assert "VIP heavy, 299" in notes["reported"]
    crossed = pages.texts(grids["reference_overlap"])
    assert len(crossed) == 7 and len(crossed[0]) == 9
    assert sum(int(row[1].replace(",", "")) for row in crossed) == 2500


def test_the_reference_factors_lead_every_household_once(grids: dict[str, Grid]) -> None:
    led = [int(row[2].replace(",", "")) for row in pages.texts(grids["reference_factors"])]
    assert sum(led) == len(customers.reference_factors())


def test_lifetime_value_is_told_by_its_concentration_and_by_segment(notes: dict[str, str]) -> None:
    assert "The 250 households with the largest lifetime value, a tenth of all, hold 47%" in notes["concentration"]
    assert "sales expected in 52 weeks 44%; trips expected in 52 weeks 56%" in notes["differences"]
    assert "expected to spend $6,310,000 in 52 weeks, which leaves $1,830,000 of gross profit" in notes["profit"]
    assert "29.0% of sales. Half of the households are worth less than $732." in notes["profit"]


def test_every_forecast_stands_in_the_table_of_the_half_held_out(grids: dict[str, Grid]) -> None:
    rows = pages.texts(grids["clv_holdout"])
    assert [row[:2] for row in rows] == [
        ["Spend", "Same as before"],
        ["Spend", "BG/NBD with Gamma-Gamma"],
        ["Spend", "Weighed together, in use"],
        ["Gross profit", "Same as before"],
        ["Gross profit", "Weighed together, in use"],
    ]
    assert rows[0][3] == NOTHING
    assert rows[2][2:4] == ["$343.0", numbers.interval(-7.0, -10.0, -4.0, "$")]
    assert rows[2][7] == "96.2%"


def test_what_intervals_held_is_said_in_words() -> None:
    tables = study.tables_of(clv_calibration=customers.clv_calibration(), clv_validation=customers.clv_validation())
    assert "Intervals of 95% held the spend of 96.2% of households" in pages.alt("clv_intervals", tables)
    none = study.tables_of(
        clv_calibration=customers.clv_calibration(), clv_validation=customers.clv_validation().assign(coverage=pd.NA)
    )
    assert pages.alt("clv_intervals", none) == "No intervals: there are too few households."


def test_the_terminal_says_what_to_do_with_each_segment() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(render_summary(study.study_tables(), run.checks(), run.facts()))
    text = console.export_text()
    first = text.index("Active loyalists: Protect")
    assert first < text.index("VIP heavy buyers: Protect") < text.index("Fresh lovers: Develop")
    assert "60% keep their segment, 82% their value tier" in text
    assert "40 of value, by" in text
    plain = Console(record=True, width=100, file=io.StringIO())
    plain.print(render_summary(study.tables_of(segments=customers.segments()), run.checks(), run.facts()))
    assert "524    21%  Light grocery" in plain.export_text()
