"""The page and the summary say what the tables say, and say plainly what they do not."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.contracts.table import ContractError
from dunnhumby_pipeline.report import pictures
from dunnhumby_pipeline.report.answer import plain_answer
from dunnhumby_pipeline.report.page import render_report
from dunnhumby_pipeline.report.section import Chapter, Section, readers
from dunnhumby_pipeline.report.sections import CHAPTERS, report_reads, sections
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.report.tables import StudyTables, ordered_checks
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words.numbers import MINUS
from dunnhumby_pipeline_tests.fakes.pages import page_of, that_read, undrawn
from dunnhumby_pipeline_tests.fakes.results import heterogeneity, run, study

VOID = {"meta", "img", "br", "hr", "link", "input"}
SLUG = "light-grocery"
ATTACK = '<script>alert("1")</script>'


class Page(HTMLParser):
    """Text and images of a page; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.images: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def html() -> str:
    """A proven study in which one segment's name tries to be markup; one of its pictures is drawn.

    All of them are in figures/test_every_picture.py.
    """
    segments = study.segments()
    segments.loc[segments["segment"] == SLUG, "segment_name"] = ATTACK
    profiles = study.customers.segment_profiles()
    profiles.loc[profiles["segment"] == SLUG, "segment_name"] = ATTACK
    tables = study.study_tables(segments=segments, segment_profiles=profiles)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "DOTS_PER_INCH", 40)
        draw, drawn = pictures.draw_picture, next(part for part in sections() if part.draw is not None)
        patch.setattr(pictures, "draw_picture", lambda part, *own: (draw if part is drawn else undrawn)(part, *own))
        return render_report(tables, run.checks(), run.facts(), Settings())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def text_of(tables: StudyTables, **facts: object) -> str:
    failed = bool(facts.get("stale"))
    return Page(render_report(tables, run.checks(failed), run.facts(**facts), Settings(), undrawn)).text


def summary_of(tables: StudyTables, checks: pd.DataFrame | None = None, width: int = 80, **facts: object) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(render_summary(tables, run.checks() if checks is None else checks, run.facts(**facts)), crop=False)
    return console.export_text()


def test_the_page_opens_with_the_answer(page: Page) -> None:
    opening = page.text[: page.text.index("The data")]
    assert "Target 1,463 of 2,500 households: $6.1 (3.6 to 8.6) profit per household" in opening
    assert "profit per household in overlap" in opening
    assert "claimed $12.4" in opening
    assert "It raises spend: $66 (35 to 97)" in opening
    assert "the campaign “raised” spend by $3" in opening and "A hidden cause 1.8 times as common" in opening


@pytest.mark.parametrize(
    "number",
    [
        "2,595,732",  # lines
        "182 days",  # look-back
        "1,463 to target, 152 to test, 885 to leave",
        "$74 (29 to 119)",  # ATE
        "8.0 (4.2 to 11.7)",  # redemption, percentage points
        "$85 (29 to 142)",  # ATT by entropy balancing
        "$42.43",  # fixed break-even
        "$2.31",  # what coupons cost
        "40,026",  # R-loss of the model in use
        "5 of 5",  # its folds
        "1 warn, 21 passed",
        "AUC 0.91 is above 0.85",
        "$6.9 (3.0 to 10.8)",  # everybody
        "Outcomes end four weeks after the campaign",
    ],
)
def test_the_page_has_the_key_numbers(page: Page, number: str) -> None:
    assert number in page.text


def test_the_page_needs_nothing_but_itself(html: str, page: Page) -> None:
    without_images = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:", html)
    assert not re.search(r"https?:|url\(|@import|[\"']//", without_images)
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", without_images)
    assert not page.tags & {"script", "link", "iframe", "object"}


def test_every_picture_has_words_for_who_cannot_see_it(page: Page) -> None:
    assert len(page.images) == sum(section.draw is not None for section in sections())
    assert sum("data:image/png;base64," in str(image["src"]) for image in page.images) == 1
    for image in page.images:
        assert image["src"] and image["src"].startswith("data:")
        assert image["alt"] and len(image["alt"]) > 40
        assert int(image["width"] or 0) <= 900


def test_a_segment_name_is_text_and_not_markup(html: str, page: Page) -> None:
    assert ATTACK not in html
    assert ATTACK in page.text


def test_the_list_has_the_most_profitable_households_first(page: Page) -> None:
    best = study.targeting_list().sort_values("expected_profit", ascending=False)
    start = page.text.index("The 25 households")
    keys = [page.text.find(f"\n{key}target", start) for key in best["household_key"].head(3)]
    listed = re.findall(r"\n(\d+)(?:target|test|leave)", page.text[start:])
    assert [int(key) for key in listed] == list(best["household_key"].head(25))
    assert keys == sorted(keys)


def test_what_is_proven_is_not_called_unproven(page: Page) -> None:
    assert "not proven" not in page.text.lower()


def test_an_interval_that_includes_zero_is_not_proven() -> None:
    text = Page(page_of(CHAPTERS[:1], study.study_tables(False))).text
    opening = text[: text.index("The data")]
    assert "Not proven: targeting by “Effect above break-even” is worth" in opening
    assert f"$6.1 ({MINUS}1.7 to 13.9)" in opening
    assert "Not proven: the interval of its effect on spend includes zero" in opening


def test_parts_that_are_missing_are_not_built() -> None:
    text = text_of(StudyTables(), stale="Built before the balance check failed.")
    assert text.count("not built") >= 20
    assert "No answer yet" in text
    assert "The targeting list is stale. Built before the balance check failed." in text
    assert "covariate_balance: balanced_after_weighting (largest SMD 0.14, ceiling 0.10)" in text


def test_only_the_pictures_of_built_tables_are_drawn() -> None:
    drawn: list[str] = []

    def draw(section: Section, tables: StudyTables, settings: Settings) -> None:
        drawn.append(section.name)

    render_report(study.tables_of(roi_curve=study.roi_curve()), run.checks(), run.facts(), Settings(), draw)
    assert drawn == ["roi", "qini_with_costs", "return_on_contacts"]


@pytest.mark.parametrize("table", report_reads())
def test_a_table_without_a_column_is_refused_by_name(table: str) -> None:
    column = registry.table(table).required[-1]
    frame = study.study_tables()[table].drop(columns=column)
    with pytest.raises(ContractError, match=rf"{table} lacks the column\(s\) {column}"):
        StudyTables({table: frame})


def test_a_table_that_no_contract_has_is_refused_by_name() -> None:
    with pytest.raises(KeyError, match="no table is called 'segmints'"):
        StudyTables({"segmints": study.segments()})


def test_what_is_read_is_what_was_declared() -> None:
    tables = study.study_tables().only(["segments"])
    assert len(tables["segments"]) and tables.has("segment_profiles")
    with pytest.raises(LookupError, match="segment_profiles is read but not declared; declared are segments"):
        tables.get("segment_profiles")


def test_every_table_that_the_page_reads_has_a_contract_and_every_section_a_name_of_its_own() -> None:
    assert set(report_reads()) <= set(registry.TABLES) and len(set(report_reads())) == len(report_reads())
    names = [part.name for chapter in CHAPTERS for part in readers(chapter.parts)]
    assert len(set(names)) == len(names)


def test_a_new_picture_is_one_section(monkeypatch: pytest.MonkeyPatch) -> None:
    added = Section(
        "added",
        "A new picture",
        ("pareto_curve",),
        "What it shows.",
        lambda tables, settings: Figure(),
        lambda tables, settings: f"Points: {len(tables['pareto_curve'])}.",
    )
    monkeypatch.setattr("dunnhumby_pipeline.report.page.CHAPTERS", (Chapter("One more", (added,)),))
    html = render_report(study.study_tables(), run.checks(), run.facts(), Settings())
    assert "<h2>One more</h2>" in html and '<h3 id="added">A new picture</h3>' in html
    assert "<figcaption>What it shows.</figcaption>" in html
    assert f'alt="Points: {len(study.study_tables()["pareto_curve"])}."' in html


def test_a_picture_has_words_or_there_is_no_section() -> None:
    with pytest.raises(ValueError, match="a picture and its alternative text come together"):
        Section("mute", "Mute", (), draw=lambda tables, settings: Figure())


def test_a_table_without_rows_counts_as_missing() -> None:
    assert study.tables_of(segments=study.segments().iloc[:0]).get("segments") is None


def test_checks_that_need_reading_come_first() -> None:
    states = list(ordered_checks(run.checks(failed=True))["status"])
    assert states == ["fail", "warn", *["not run"] * 3, *["pass"] * 17]
    with pytest.raises(ValueError, match="unknown status green"):
        ordered_checks(run.checks().assign(status="green"))


@pytest.mark.parametrize(
    ("policy", "lower", "upper", "state", "headline"),
    [
        ("top_10%", 1.0, 3.0, "pays", "Target 1,463 of 2,500"),
        ("top_10%", -3.0, -1.0, "loses", "Do not target by “Top 10% by effect”"),
        ("top_10%", -1.0, 1.0, "not proven", "Not proven"),
        ("top_10%", 0.0, 1.0, "not proven", "Not proven"),
        ("top_10%", np.nan, np.nan, "no answer", "No answer yet"),
        ("treat_none", 0.0, 0.0, "nobody", "Target nobody"),
        (
            "effect_above_break_even",
            0.0,
            0.0,
            "nobody",
            "Target nobody: “Effect above break-even” selects no household",
        ),
    ],
)
def test_the_headline_follows_the_interval(policy: str, lower: float, upper: float, state: str, headline: str) -> None:
    row = study.policy_value().iloc[[2]].assign(policy=policy, ci_lower=lower, ci_upper=upper)
    if state == "nobody":
        row = row.assign(share_targeted=0.0)
    answer = plain_answer(study.study_tables(policy_value=row))
    assert answer.state == state
    assert answer.headline.startswith(headline)


@pytest.mark.parametrize(
    ("chosen", "gain", "proven", "says"),
    [
        ("stack", 184.0, True, "its order holds on later households (p = 0.011): proven."),
        ("stack", 184.0, False, "its order did not surely hold on later households (p = 0.31): not proven."),
        ("constant", 0.0, False, "There is no ranking: no model predicts effects better than one effect for all."),
        ("constant", 0.0, True, "Not proven, though the order of the best candidate held on later households"),
    ],
)
def test_differences_between_households_are_claimed_only_for_a_model_that_was_chosen_and_holds(
    chosen: str, gain: float, proven: bool, says: str
) -> None:
    models = study.cate_scoreboard()
    models["chosen"] = models["model"] == chosen
    models.loc[models["model"] == chosen, "gain_over_constant"] = gain
    tests = heterogeneity.cate_validation(proven, chosen, chosen != "constant")
    said = dict(plain_answer(study.study_tables(cate_scoreboard=models, cate_validation=tests)).points)
    assert says in said["Do households differ?"]
    begins = "Stack of the best models predicts effects better than one effect for all, by 2.6 standard errors"
    assert said["Do households differ?"].startswith(begins if gain else "There is no ranking")


def test_the_summary_fits_a_screen_and_has_the_key_numbers() -> None:
    text = summary_of(study.study_tables())
    lines = text.splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 80
    for part in (
        "2,500 households",
        "524    21%       4%  Light grocery: Nudge",
        "6,323: 1,472 treated, 4,851 control, from 2,477 households",
        "75% of trials, propensity AUC 0.87",
        "$6.1 (3.6 to 8.6) per household, above zero; claimed $12.4",
        "1,463 to target, 152 to test, 885 to leave",
        "overlap_diagnostics.propensity_auc: AUC 0.91",
        "campaign_report.html",
    ):
        assert part in text
    flat = " ".join(text.split())
    effects = "ATO $66 (35 to 97), above zero; ATE $74 (29 to 119), above zero; ATT $82 (30 to 133), above zero"
    assert f"Effect on spend {effects}" in flat
    passed = run.checks().query("status == 'pass'")
    assert f"Checks {len(passed)} passed" in flat
    for check in passed["check"]:
        assert check not in flat
    assert "not proven" not in text.lower() and "not built" not in text


def test_the_summary_of_a_blocked_run_says_what_is_not_built() -> None:
    text = summary_of(StudyTables(), run.checks(failed=True), stale="The last good list is kept.")
    assert text.count("not built") == 12
    assert "Stale list: The last good list is kept." in text
    assert "covariate_balance.balanced_after_weighting (blocks): largest SMD 0.14" in " ".join(text.split())


def test_checks_that_were_not_run_are_counted() -> None:
    text = summary_of(StudyTables(), run.checks(failed=True))
    states = run.checks(failed=True)["status"].value_counts()
    assert f"{states['not run']} not run, {states['pass']} passed" in text
    assert "heterogeneity_proven" not in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_paths_stand_alone_and_whole_however_long(width: int) -> None:
    long = f"/mnt/{'a folder with a long name/' * 12}warehouse"
    paths = {"tables": long, "targeting list": f"{long}/[red]TypeA/list.parquet", "report": "s3://bucket/report.html"}
    text = summary_of(
        study.study_tables(), width=width, source=f"raw files in {long}", paths=paths, not_built=["report"]
    )
    lines = text.splitlines()
    for path in (*paths.values(), f"raw files in {long}"):
        assert path in lines
    assert lines[lines.index("s3://bucket/report.html") - 1] == "Report  not built"
    assert max(len(line.rstrip()) for line in lines if "long name" not in line) <= max(80, width)


def test_the_summary_calls_an_interval_with_zero_not_proven() -> None:
    assert f"$6.1 ({MINUS}1.7 to 13.9) per household, not proven" in summary_of(study.study_tables(False))


def test_brackets_in_data_are_text_in_the_summary() -> None:
    text = summary_of(study.study_tables(), source="[red]raw[/red]", campaign_type="[b]TypeA")
    assert "[red]raw[/red]" in text and "[b]TypeA" in text


def test_words_do_not_load_matplotlib() -> None:
    code = (
        "import sys, dunnhumby_pipeline.report.page, dunnhumby_pipeline.report.summary\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [(-3.0, -1.0, "would lose money"), (1.0, 3.0, "would pay"), (-1.0, 1.0, "is not proven to pay")],
)
def test_targeting_nobody_is_set_beside_targeting_everybody(lower: float, upper: float, words: str) -> None:
    rows = study.policy_value()
    nobody = rows.iloc[[2]].assign(policy="effect_above_break_even", share_targeted=0.0, chosen=True)
    everybody = rows.iloc[[2]].assign(policy="treat_all", ci_lower=lower, ci_upper=upper, chosen=False)
    answer = plain_answer(study.study_tables(policy_value=pd.concat([nobody, everybody])))
    assert f"targeting everybody {words}" in answer.headline


def _constant() -> pd.DataFrame:
    models = study.cate_scoreboard()
    return models.assign(chosen=models["model"] == "constant")


def _by_lot() -> pd.DataFrame:
    values = study.policy_value()
    return values.assign(chosen=values["policy"] == "top_30%")


@pytest.mark.parametrize("words", ["Top 10%", "Top 50%", "Return on contact cost"])
def test_without_a_ranking_nothing_that_needs_one_is_in_answer_or_summary(words: str) -> None:
    tables = study.study_tables(cate_scoreboard=_constant())
    answer = plain_answer(tables)
    said = " ".join([answer.headline, *(text for _, text in answer.points), summary_of(tables)])
    assert words not in said
    assert dict(answer.points)["Do households differ?"].startswith("There is no ranking")
    ranked = dict(plain_answer(study.study_tables()).points)["What is it worth?"]
    assert "Return on contact cost" in ranked


def test_a_policy_that_goes_by_a_ranking_that_there_is_not_is_no_answer() -> None:
    answer = plain_answer(study.study_tables(cate_scoreboard=_constant(), policy_value=_by_lot()))
    assert answer.state == "no answer"
    assert answer.headline.startswith("There is no ranking, so “Top 30% by effect” would be a draw by lot")
    assert "; targeting everybody would pay, $6.9 (3.0 to 10.8)" in answer.headline
    points = dict(answer.points)
    assert points["What is it worth?"] == "There is no ranking, and a draw by lot is not valued."
    assert "$4.1" not in " ".join([answer.headline, *points.values()])
    assert "$4.1" not in summary_of(study.study_tables(cate_scoreboard=_constant(), policy_value=_by_lot()))
    assert plain_answer(study.study_tables(policy_value=_by_lot())).state == "pays"


def test_without_a_ranking_the_page_compares_no_draws_and_has_no_curve() -> None:
    chapters = that_read("roi_curve")
    without = study.study_tables(cate_scoreboard=_constant(), roi_curve=study.roi_curve().iloc[:0])
    text = Page(page_of(chapters, without)).text
    worth = text[text.rindex("What targeting is worth") :]
    assert "Top 30% by effect" not in worth
    assert "There is no ranking: no model of the effect beats one effect for all" in worth
    assert worth.count("No curve is drawn") == 1 and "What caution costs" not in worth
    ranked = Page(page_of(chapters, study.study_tables())).text
    assert "Top 30% by effect" in ranked and "there is no ranking" not in ranked.lower()
    assert "What caution costs" in ranked and "No curve is drawn" not in ranked


def test_a_policy_without_a_value_is_answered_by_its_reason() -> None:
    reason = "it selects 4 households in one arm; from fewer than 20 no value can be told"
    unknown = dict.fromkeys(["value", "value_se", "ci_lower", "ci_upper", "claimed_value", "roi"], np.nan)
    row = study.policy_value().iloc[[2]].assign(reason=reason, share_targeted=0.01, **unknown)
    tables = study.study_tables(policy_value=row)
    answer = plain_answer(tables)
    assert answer.state == "no answer"
    assert answer.headline == f"No answer: “Effect above break-even” has no value, as {reason}"
    assert reason in " ".join(summary_of(tables).split())
    assert f"no value: {reason}" in Page(page_of(that_read("policy_value"), tables)).text


def test_a_gain_that_no_household_is_proven_to_bring_is_said_so() -> None:
    nobody = study.targeting_list().assign(decision="test")
    headline = plain_answer(study.study_tables(targeting_list=nobody)).headline
    assert headline.startswith("Targeting by “Effect above break-even” pays, but no household on the list is proven to")


def test_the_effect_on_gross_profit_is_what_a_contact_may_cost() -> None:
    effects = study.study_tables()["average_effects"]
    spend = effects[effects["outcome"] == "purchase_amount"]
    numbers = ["estimate", "se", "ci_lower", "ci_upper"]
    profit = spend.assign(outcome="gross_profit", primary=False, **{name: 0.3 * spend[name] for name in numbers})
    tables = study.study_tables(average_effects=pd.concat([effects, profit]))
    works = dict(plain_answer(tables).points)["Does the campaign work?"]
    assert works.endswith(
        "Its effect on gross profit is $19.9 (10.6 to 29.2): what a contact may cost to pay for itself."
    )
    assert "$19.9 (10.6 to 29.2), before the cost of a contact" in " ".join(summary_of(tables).split())
