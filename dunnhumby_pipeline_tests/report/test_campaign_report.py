"""The section on the campaign shows what was built, numbers with their units and marks, and words as text."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dunnhumby_pipeline.contracts.names import VISITS
from dunnhumby_pipeline.figures.campaign import design as design_figures
from dunnhumby_pipeline.report.grid import Grid
from dunnhumby_pipeline.report.section import Section, readers
from dunnhumby_pipeline.report.sections import CHAPTERS, report_reads
from dunnhumby_pipeline.report.sections.effects import effect_rows
from dunnhumby_pipeline.report.sections.overlap import overlap_rows
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings, TrialSettings
from dunnhumby_pipeline.words.numbers import INFINITY, MINUS, NOTHING
from dunnhumby_pipeline_tests.fakes import pages
from dunnhumby_pipeline_tests.fakes.drawn import printed
from dunnhumby_pipeline_tests.fakes.pages import not_built, shown, texts
from dunnhumby_pipeline_tests.fakes.results import campaign, doubts, study

OF_VISITS = Settings(trial=TrialSettings(outcome=VISITS))
ATTACK = '[b]<script>alert("1")</script>[/b]'
CAMPAIGNS_ALIKE = "Does it do the same in every campaign?"
HIDDEN_CAUSE = "How strong would a hidden cause have to be?"
POWER = "Power of the tests of effects that differ, on these trials"
# The pictures and grids that need each table, as the page calls them.
SHOWN = {
    "first_campaign_cohort": {"Trials and arms by campaign"},
    "propensity": {"Overlap of the arms"},
    "trial_campaigns": {"Campaigns of the type, in use or left out"},
    "nuisance_quality": {"How well propensity and outcome are predicted, out of fold"},
    "trial_protocol": {"The trial that is emulated"},
    "trial_flow": {"From the data to the two arms"},
    "design_comparison": {"Why this design", "Designs side by side", "What each design does to the comparison"},
    "causal_graph": {"What is assumed to cause what"},
    "identification": {"What the graph identifies"},
    "overlap_diagnostics": {"Overlap by campaign"},
    "propensity_calibration": {"Does the propensity mean what it says?"},
    "outside_overlap": {"Who lies outside, in words"},
    "campaign_balance": {"Are the arms alike within each campaign?"},
    "campaign_calibration": {"Are the arms alike within each campaign?"},
    "covariate_balance": {"Balance: are the arms alike after weighting?"},
    "average_effects": {
        *("Average effect of the campaign", "Average effect on visits", CAMPAIGNS_ALIKE, "Every estimate"),
    },
    "estimator_differences": {"Do the estimators agree?"},
    "pooled_effects": {CAMPAIGNS_ALIKE, "Campaigns pooled"},
    "effect_robustness": {
        "Does it depend on who is left out, or on a few large baskets?",
        "Does it depend on how the nuisances are made?",
    },
    "campaign_dose": {"Other campaigns"},
    "campaign_types": {"Campaign types side by side"},
    "sensitivity": {"What it would take to overturn it", "What is known without assumptions"},
    "confounder_benchmarks": {HIDDEN_CAUSE, "A hidden cause as strong as what was measured"},
    "confounding_contour": {HIDDEN_CAUSE},
    "rosenbaum_bounds": {"Hidden bias within matched pairs"},
    "negative_controls": {"“Effects” where there can be none", "Negative controls"},
    "influence": {"Does one household decide it?", "Households that move a number most"},
    "event_study": {"Week by week"},
    "plausibility": {"What each redeemer would have to have spent"},
    "effect_by_part": {"The effect by products and weeks"},
    "cate_scoreboard": {"Models of who responds more, scored on households they did not see"},
    "certified_learners": {"The same by every learner, those left to the certificate among them"},
    "cate_validation": {"Tests on outcomes that the model did not see"},
    "gates": {
        *("Effects of equal groups by predicted effect", "Are effects as large as the model says?"),
        *("Effects by look-back segment", "Effects by need", "Effects by propensity"),
    },
    "toc_curve": {"What contacting in this order gains", "The same after the cost of contacts"},
    "many_splits": {"Found in one half of the households, judged in the other"},
    "cate_agreement": {"Do the learners agree on the order?"},
    "effect_drivers": {"Covariates that move predicted effects"},
    "clan": {"Who has the largest predicted effects, and who the smallest"},
    "effect_subgroups": {"Subgroups in words, with effects of households that had no say in the rules"},
    "effect_credibility": {"How far a single household's effect can be believed"},
    "study_power": {POWER, "What intervals cover, on these trials"},
    "detectable_spread": {POWER},
    "refutation": {"The analysis done again where the answer is known"},
    "refutation_draws": {"The analysis done again where the answer is known"},
}


ON_CAMPAIGNS = CHAPTERS[4:8]
SECTIONS = [part for chapter in ON_CAMPAIGNS for part in readers(chapter.parts) if isinstance(part, Section)]
GRIDS = [section.name for section in SECTIONS if section.rows]
PICTURES = [section.name for section in SECTIONS if section.draw]


def own_tables(**replaced: pd.DataFrame | None) -> StudyTables:
    """The tables of the section alone."""
    others = dict.fromkeys(set(report_reads()) - set(SHOWN))
    return study.study_tables(**{**others, **replaced})


def section_of(tables: StudyTables, settings: Settings) -> str:
    """The section's HTML, with the alternative texts of the pictures and no image, on a page of no other chapters."""
    html = pages.page_of(ON_CAMPAIGNS, tables, settings)
    return html[html.index("<h2>What the campaign does</h2>") :]


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {name: pages.figure(name, own_tables()) for name in ("rosenbaum",)}


@pytest.fixture(scope="module")
def alts() -> dict[str, str]:
    return {name: pages.alt(name, own_tables()) for name in PICTURES}


@pytest.fixture(scope="module")
def section() -> str:
    return section_of(own_tables(), Settings())


@pytest.fixture(scope="module")
def shown_in() -> dict[str, set[str]]:
    """What each chapter shows of all tables."""
    return {chapter.title: shown(pages.page_of([chapter], own_tables())) for chapter in ON_CAMPAIGNS}


@pytest.fixture(scope="module")
def grids() -> dict[str, Grid]:
    return {name: pages.grid(name, study.study_tables()) for name in GRIDS}


def test_the_section_shows_every_picture_and_grid(section: str, alts: dict[str, str]) -> None:
    assert shown(section) == set().union(*SHOWN.values())
    assert not_built(section) == set()
    images = re.findall(r'<img src="data:," alt="([^"]*)"', section)
    assert sorted(map(unescape, images)) == sorted(alts.values())
    assert all(len(alt) > 40 for alt in alts.values())


def test_every_table_of_the_campaign_is_in_the_section() -> None:
    assert {name for section in SECTIONS for name in section.reads} == set(SHOWN)


@pytest.mark.parametrize("table", SHOWN)
def test_a_missing_table_is_not_built_and_all_else_is(table: str, shown_in: dict[str, set[str]]) -> None:
    chapters = pages.that_read(table, ON_CAMPAIGNS)
    html = pages.page_of(chapters, own_tables(**{table: None}))
    assert not_built(html) == SHOWN[table]
    assert shown(html) == set().union(*(shown_in[chapter.title] for chapter in chapters)) - SHOWN[table]


def test_a_study_of_visits_has_them_once_and_in_their_unit() -> None:
    found = campaign.average_effects()
    tables = own_tables(average_effects=found.assign(primary=found["outcome"] == VISITS))
    section = section_of(tables, OF_VISITS)
    assert not_built(section) == set() and "Average effect on visits" not in section
    assert pages.alt("effects", tables, OF_VISITS) == (
        "Effects on visits (visits per household) with intervals: "
        "ATO 1.33 (0.71 to 1.95); ATE 1.48 (0.58 to 2.39); ATT 1.6 (0.6 to 2.7)"
    )
    moved = pages.alt("contour", tables, OF_VISITS)
    assert moved.endswith("recency, it would move the effect by up to 18.0 visits.")
    benchmarks = pages.grid("benchmarks", tables, OF_VISITS)
    assert benchmarks.headers[2] == "Of visits left over" and benchmarks.headers[6] == "Bias up to (visits)"
    assert "$" not in "".join(texts(benchmarks)[0])


def test_every_grid_has_a_cell_a_header(grids: dict[str, Grid]) -> None:
    for name, grid in grids.items():
        assert {len(row) for row in grid.rows} == {len(grid.headers)}, name
        assert max(grid.numeric, default=0) < len(grid.headers), name


@pytest.mark.parametrize(
    ("name", "place", "row"),
    [
        ("protocol", 4, "Outcome | Spend in $, over the follow-up; 0 for a household that did not come."),
        (
            *("designs", 0),
            "Sequential trials (in use) | 1,472 | 4,851 | 0.87 | 55% | 1.2 | 0.090 | 1,081 | $295 | "
            f"$8 ({MINUS}13 to 29)",
        ),
        ("design_notes", 2, "Never-targeted controls | Controls are chosen for having bought while the campaign ran."),
        ("identification", 2, "not measured | needs and plans, earlier purchases, retailer's own knowledge"),
        ("outside", 1, "Spend total above 2410; Campaign is 8 | nearly always targeted | 171 | 0% | 39% | 61%"),
        (
            *("pooled", 0),
            "Spend ($) | Overlap weighted | fixed effects | $72 (42 to 101) | above zero | 0.960 on 3 | 0.81 | 0% | "
            f"{NOTHING}",
        ),
        (
            *("pooled", 9),
            "Redemption (% points) | Overlap weighted | random effects | 8.6 (5.0 to 12.2) | above zero | 0.960 on 3 | "
            "0.81 | 0% | 8.6 (0.7 to 16.4)",
        ),
        ("doubts", 1, "E-value | Interval limit nearest to zero | 1.80 | With 1.8 times of both"),
        (
            *("doubts", 4),
            "Omitted variable | Bias as of the strongest measured group | $18.0 | "
            f"As strong as 'recency', the effect then lies at {MINUS}$3.37 to $32.77.",
        ),
        (
            *("doubts", 7),
            f"Bounds without assumptions | ATE lower bound | {MINUS}$1,890 | The average effect is at least that.",
        ),
        ("benchmarks", 2, f"Recency | 7 | 4.1% | 7.2% | 4.1% | $5.41 | $18.0 | $15 ({MINUS}21 to 51)"),
        (
            "placebos",
            0,
            f"Placebo outcome | all | 84 | $0.04 | $3 ({MINUS}13 to 20) | $16.9 | small enough | 4,278 | 1,128",
        ),
        ("nuisance_variants", 0, f"as in the study, medians over divisions | $8 ({MINUS}8 to 24)"),
        ("nuisance_variants", 1, f"propensity not recalibrated within campaigns | $6 ({MINUS}14 to 26)"),
        ("campaigns", 0, "30 | 323 to 369 | 323 to 397 | 38 | in use"),
        ("campaigns", 1, "18 | 587 to 642 | 587 to 670 | 182 | left out: the data end on day 649"),
        ("nuisance_quality", 0, f"Propensity: AUC | {NOTHING} | 0.880 | 0.870 to 0.890"),
        ("nuisance_quality", 2, "Overlap-weighted effect that follows | Redemption | 11.0 | 10.0 to 12.0"),
        (
            "placebos",
            4,
            "Placebo campaign | all | 56 | $0.41 | $32 (17 to 46) | $43.3 | not small enough | 6,101 | 1,450",
        ),
        (
            "influential_households",
            0,
            "ATO | 1023 | 3 | $17 | $23 (2 to 45) | $23 | +0.51 | 26.0%",
        ),
    ],
)
def test_each_grid_says_what_its_table_does(grids: dict[str, Grid], name: str, place: int, row: str) -> None:
    assert " | ".join(texts(grids[name])[place]) == row


def test_marks_say_what_is_in_use_and_what_is_worth_a_warning(grids: dict[str, Grid]) -> None:
    assert [row[0].strong for row in grids["designs"].rows] == [True, False, False]
    # Surely small is one; within their errors of zero are six of nine.
    assert [row[6].mark for row in grids["placebos"].rows] == ["pass", "pass", *["warn"] * 7]
    moved = [row[6].mark for row in grids["influential_households"].rows if row[1].text == "1023"]
    assert moved == ["warn", "warn", "", "warn"]
    assert {row[4].mark for row in grids["pooled"].rows} == {"pass"}
    unproven = pages.grid("pooled", study.tables_of(pooled_effects=campaign.pooled_effects(proven=False)))
    assert {(row[4].text, row[4].mark) for row in unproven.rows} == {("not proven", "warn")}
    unknown = doubts.negative_controls().assign(se=np.nan, ci_lower=np.nan, ci_upper=np.nan)
    (cell, *_) = [row[6] for row in pages.grid("placebos", study.tables_of(negative_controls=unknown)).rows]
    assert (cell.text, cell.mark) == (NOTHING, "")


def test_overlap_has_all_campaigns_first_and_the_cost_of_inverse_propensities() -> None:
    grid = overlap_rows(campaign.overlap_diagnostics())
    assert texts(grid)[0] == ["all", "0.87", "0.94", "24%", "75%", "0%", "1,045", "2,523", "265"]
    assert [row[0].text for row in grid.rows] == ["all", *campaign.CAMPAIGNS]
    assert [row[0].strong for row in grid.rows] == [True, False, False, False, False]


def test_every_estimate_has_its_estimand_unit_and_verdict() -> None:
    rows = [row[:6] for row in texts(effect_rows(campaign.average_effects()))]
    assert ["Spend", "all", "Propensity matching (ATT), matched only", "$79 (20 to 138)", "$", "above zero"] in rows
    assert ["Visits", "all", "Naive difference (association)", "4.62 (4.07 to 5.17)", "visits"] in [
        row[:5] for row in rows if row[5] == "association"
    ]
    assert ["Redemption", "8", "Overlap weighted (ATO)", "7.0 (1.8 to 12.1)", "% points", "above zero"] in rows
    assert {row[2].split(" (")[0] for row in rows} == {
        *("Naive difference", "AIPW", "Overlap weighted", "OLS regression", "Inverse propensity weighted", "TMLE"),
        *("Lin regression", "AIPW of the treated", "Propensity matching", "Entropy balancing", "Partially linear DML"),
    }


def test_a_design_that_could_not_be_built_has_its_reason_and_no_number() -> None:
    table = campaign.design_comparison()
    unknown = [name for name in table.columns if name not in ("design", "chosen", "note")]
    table.loc[2, unknown] = None
    table.loc[2, "note"] = "Not comparable: no control bought while the campaign ran"
    assert table["n_treated"].dtype == "Int64"
    tables = study.tables_of(design_comparison=table)
    assert texts(pages.grid("designs", tables))[2] == ["Never-targeted controls", *[NOTHING] * 9]
    assert texts(pages.grid("design_notes", tables))[2][1] == "Not comparable: no control bought while the campaign ran"
    pages.figure("comparison", tables).draw_without_rendering()
    assert pages.alt("comparison", tables).endswith(f"Never-targeted controls AUC {NOTHING}, {NOTHING} in overlap.")


def test_what_has_no_bound_is_infinite_and_not_unknown() -> None:
    benchmarks = doubts.confounder_benchmarks()
    benchmarks.loc[2, ["gain_treatment", "bias", "upper", "ci_upper"]] = [1.2, *[np.inf] * 3]
    benchmarks.loc[2, ["lower", "ci_lower"]] = -np.inf
    balance = campaign.covariate_balance()
    balance.loc[(balance["covariate"] == "campaign_8") & (balance["weighting"] == "none"), "smd"] = -np.inf
    balance.loc[balance["weighting"] == "entropy", "smd"] = np.nan
    tables = study.tables_of(
        confounder_benchmarks=benchmarks,
        confounding_contour=doubts.confounding_contour(),
        covariate_balance=balance,
        design_comparison=campaign.design_comparison().assign(max_smd=np.inf),
    )
    endless = ["Recency", "7", "4.1%", "120.0%", "4.1%", "$5.41", INFINITY, INFINITY]
    assert texts(pages.grid("benchmarks", tables))[2] == endless
    assert texts(pages.grid("designs", tables))[0][5:7] == [INFINITY, "0.090"]
    assert pages.alt("contour", tables).endswith(f"recency, it would move the effect by up to {INFINITY}.")
    balanced = pages.alt("balance", tables)
    assert f"unweighted {INFINITY};" in balanced and f"entropy balancing {NOTHING};" in balanced
    for name in ("contour", "balance", "comparison"):
        pages.figure(name, tables).draw_without_rendering()


def test_words_of_tables_are_text_and_not_markup() -> None:
    frames = {
        "trial_protocol": campaign.trial_protocol().assign(specification=ATTACK),
        "trial_flow": campaign.trial_flow().assign(stage=ATTACK, reason=ATTACK),
        "design_comparison": campaign.design_comparison().assign(note=ATTACK),
        "causal_graph": campaign.causal_graph().assign(cause=ATTACK),
        "identification": campaign.identification().assign(text=ATTACK),
        "outside_overlap": campaign.outside_overlap().assign(rule=f"spend < 5 {ATTACK}"),
        "sensitivity": doubts.sensitivity().assign(meaning=ATTACK),
        "confounder_benchmarks": doubts.confounder_benchmarks().assign(group=ATTACK),
        "negative_controls": doubts.negative_controls().assign(control=ATTACK, campaign=ATTACK),
    }
    tables = own_tables(**frames)
    section = section_of(tables, Settings())
    assert "<script" not in section
    rows = sum(len(frames[name]) for name in frames if name not in ("trial_flow", "causal_graph"))
    assert unescape(section).count(f"{ATTACK}</td>") == rows + len(frames["negative_controls"])
    assert "spend &lt; 5 [b]&lt;script&gt;" in section


def test_a_reason_with_signs_of_markup_is_drawn_as_it_is() -> None:
    reason = f"{ATTACK} spent $5 to $9"
    figure = design_figures.trial_flow(campaign.trial_flow().assign(reason=reason))
    figure.draw_without_rendering()
    bare = re.sub(r"\s", "", reason)
    assert any(bare in re.sub(r"\s", "", text) for text in printed(figure.axes[0]))


def test_the_graph_is_told_without_the_arrows_that_are_assumed_absent(alts: dict[str, str]) -> None:
    present, absent = alts["graph"].split(" Assumed absent: ")
    assert "past purchases to campaign" in present and "earlier purchases to campaign" not in present
    assert absent == "earlier purchases to campaign; retailer's own knowledge to campaign."


def test_hidden_bias_is_held_to_the_same_line_in_the_picture_as_in_the_table(drawn: dict[str, Figure]) -> None:
    # One-sided, so half of what the interval leaves out: 0.004 exp(14 (gamma - 1)) = 0.025.
    p_values, _ = drawn["rosenbaum"].axes
    assert p_values.get_title("left") == f"p passes 2.5% at gamma {1 + np.log(0.025 / 0.004) / 14:.2f}"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("flow", "not sent a campaign of the type before 6,323; trials 6,323; treated 1,472; control 4,851."),
        ("comparison", "Sequential trials AUC 0.87, 55% in overlap; First eligible campaign AUC 0.79"),
        ("overlap", "% of trials lie between 0.1 and 0.9, where both arms occur."),
        ("propensity_calibration", "50% expected, 55% targeted; 78% expected, 72% targeted"),
        ("effects", "ATO $66 (35 to 97); ATE $74 (29 to 119); ATT $82 (30 to 133)"),
        ("controls", "placebo campaign, campaign all: $32 (17 to 46)"),
        ("contour", "the strongest group measured, recency, it would move the effect by up to $18.0."),
    ],
)
def test_who_cannot_see_a_picture_is_told_its_numbers(alts: dict[str, str], name: str, part: str) -> None:
    assert part in alts[name]
