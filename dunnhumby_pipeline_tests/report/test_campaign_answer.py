"""The answer says whether the campaign works, in the unit of its outcome, and how far that may be wrong."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from dunnhumby_pipeline.contracts.names import E_VALUE_OF_INTERVAL, PLACEBO_OUTCOME
from dunnhumby_pipeline.experiments.design import best_size
from dunnhumby_pipeline.report.answer import effect_text, effect_verdict, main_effects, plain_answer
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.words.numbers import MINUS
from dunnhumby_pipeline_tests.fakes.results import campaign, doubts, run, study

SPEND, VISITS = "purchase_amount", "purchase_count"


def point(question: str, **replaced: pd.DataFrame | None) -> str:
    return dict(plain_answer(study.study_tables(**replaced)).points)[question]


def effects_on(outcome: str, sign: float = 1.0) -> pd.DataFrame:
    """Effects of which those on `outcome` are primary; below zero when `sign` is -1."""
    table = campaign.average_effects()
    estimate = sign * table["estimate"]
    return campaign.with_interval(
        table.drop(columns=["ci_lower", "ci_upper"]).assign(estimate=estimate, primary=table["outcome"] == outcome)
    )


def test_an_effect_without_support_is_never_told_as_proven() -> None:
    lacking = campaign.average_effects().assign(identified=lambda rows: rows["estimand"] != "ATE")
    lacking["reason"] = np.where(lacking["identified"], None, "40% of its trials are hardly ever targeted")
    assert {name: effect_verdict(row) for name, row in main_effects(lacking).items()} == {
        "ATO": "above zero",
        "ATE": "not identified here",
        "ATT": "above zero",
    }
    nothing = lacking.assign(identified=False, reason="nobody is comparable")
    assert point("Does the campaign work?", average_effects=nothing) == "Not identified here: nobody is comparable."


def test_the_effects_to_know_are_of_all_trials_and_campaigns_and_the_primary_outcome() -> None:
    found = campaign.average_effects()
    for table in (found, found.iloc[::-1]):
        picked = main_effects(table)
        assert [(name, row["estimator"], row["estimate"]) for name, row in picked.items()] == [
            *(("ATO", "overlap_weighted", 66.3), ("ATE", "aipw", 74.2), ("ATT", "att", 81.5)),
        ]
        assert {row["population"] for row in picked.values()} == {"all"}
    inside = main_effects(found.loc[found["population"] == "overlap"])
    assert [(name, row["estimate"]) for name, row in inside.items()] == [("ATE", 69.8)]
    assert main_effects(found.loc[found["campaign"] != "all"]) == main_effects(found.assign(primary=False)) == {}


@pytest.mark.parametrize(
    ("outcome", "proven", "said"),
    [
        (SPEND, True, "It raises spend: $66 (35 to 97) of sales per targeted household, among households that could"),
        (
            *(SPEND, False),
            f"Not proven: the interval of its effect on spend includes zero: $8 ({MINUS}13 to 29) of sales",
        ),
        (VISITS, True, "It raises visits: 1.33 (0.71 to 1.95) visits per targeted household, among"),
        ("redeemed", True, "It raises redemption: 8.0 (4.2 to 11.7) % points per targeted household, among"),
    ],
)
def test_whether_the_campaign_works_is_said_in_the_unit_of_its_outcome(outcome: str, proven: bool, said: str) -> None:
    found = campaign.average_effects(proven)
    found["primary"] = found["outcome"] == outcome
    assert effect_text(main_effects(found)["ATO"]) in said
    assert point("Does the campaign work?", average_effects=found).startswith(said)


def test_without_the_primary_estimator_the_average_over_all_trials_is_told() -> None:
    found = effects_on(SPEND, sign=-1).query("estimator == 'aipw'")
    said = point("Does the campaign work?", average_effects=found)
    assert said == f"It lowers spend: {MINUS}$74 ({MINUS}119 to {MINUS}29) of sales per targeted household, on average."
    assert point("Does the campaign work?", average_effects=None) == "Average effects: not built."
    unmarked = found.assign(primary=False)
    assert point("Does the campaign work?", average_effects=unmarked) == "Average effects: not built."


def placebo(estimate: float, se: float) -> pd.DataFrame:
    """Negative controls of which the placebo outcome over all campaigns is as given."""
    table = doubts.negative_controls()
    row = (table["control"] == PLACEBO_OUTCOME) & (table["campaign"] == "all")
    numbers = ["estimate", "se", "ci_lower", "ci_upper"]
    table.loc[row, numbers] = [[estimate, se, estimate - 1.96 * se, estimate + 1.96 * se]]
    return table


BEFORE = "In 84 days before the look-back, which it cannot have touched, the campaign “raised” spend by"
UNLIKE = "the arms differ in something that is not adjusted for."
SMALL = "surely less than the smallest effect that matters, $20."


def large(most: str, beside: str = "") -> str:
    """What is said of a placebo that may be as large as `most`, and is within its error of zero."""
    return f"{beside}it may be as large as {most}, above the smallest effect that matters, $20."


AS_LARGE = "no less than its effect, and "


@pytest.mark.parametrize(
    ("estimate", "se", "outcome", "sign", "said"),
    [
        (20, 6, SPEND, 1, f"$20 (8 to 32) per outcome window: {UNLIKE}"),
        (-20, 6, SPEND, 1, f"{MINUS}$20 ({MINUS}32 to {MINUS}8) per outcome window: {UNLIKE}"),
        (3.1, 8.4, SPEND, 1, f"$3 ({MINUS}13 to 20) per outcome window: {SMALL}"),
        # Beyond its error, and too small to matter.
        (10, 2, SPEND, 1, f"$10.0 (6.1 to 13.9) per outcome window: {SMALL}"),
        (66, 40, SPEND, 1, f"$66 ({MINUS}12 to 144) per outcome window: {large('$132')}"),
        (67, 40, SPEND, 1, f"$67 ({MINUS}11 to 145) per outcome window: {large('$133', AS_LARGE)}"),
        # As far from zero, on the other side or on the same.
        (-67, 40, SPEND, 1, f"{MINUS}$67 ({MINUS}145 to 11) per outcome window: {large('$133')}"),
        (-67, 40, SPEND, -1, f"{MINUS}$67 ({MINUS}145 to 11) per outcome window: {large('$133', AS_LARGE)}"),
        # Spend cannot be held against visits.
        (67, 40, VISITS, 1, f"$67 ({MINUS}11 to 145) per outcome window: {large('$133')}"),
        (67, np.nan, SPEND, 1, "$67.0 per outcome window, which has no interval to be judged by."),
    ],
)
def test_the_placebo_says_whether_the_answer_may_be_wrong(
    estimate: float, se: float, outcome: str, sign: float, said: str
) -> None:
    effects, controls = effects_on(outcome, sign), placebo(estimate, se)
    found = point("May that be wrong?", negative_controls=controls, average_effects=effects)
    assert found.startswith(f"{BEFORE} {said} A hidden cause")


def test_a_placebo_beside_an_unknown_effect_is_not_called_small_or_large() -> None:
    found = point("May that be wrong?", negative_controls=placebo(67, 40), average_effects=None)
    assert f"$67 ({MINUS}11 to 145) per outcome window: {large('$133')} A hidden cause" in found


def test_the_smallest_effect_that_matters_is_the_one_of_the_settings() -> None:
    tables = study.study_tables(negative_controls=placebo(66, 40))
    found = dict(plain_answer(tables, 150.0).points)["May that be wrong?"]
    assert "surely less than the smallest effect that matters, $150." in found


def doubt(estimate: float) -> pd.DataFrame:
    table = doubts.sensitivity()
    table.loc[table["quantity"] == E_VALUE_OF_INTERVAL, "estimate"] = estimate
    return table


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (1.0, "The interval includes zero, so there is nothing yet for a hidden cause to explain away."),
        (
            1.8,
            "A hidden cause 1.8 times as common among those targeted, that raises the outcome as much, would bring "
            "the interval to zero.",
        ),
        # The table says why there is none.
        (np.nan, "With 1.8 times of both"),
    ],
)
def test_the_e_value_says_what_would_overturn_the_answer(limit: float, said: str) -> None:
    assert point("May that be wrong?", sensitivity=doubt(limit)).endswith(f"{SMALL} {said}")


def test_doubts_without_an_e_value_say_so() -> None:
    rest = doubts.sensitivity().query("analysis != 'e_value'")
    unknown = "How strong a hidden cause would have to be is not known."
    assert point("May that be wrong?", sensitivity=rest).endswith(f"{SMALL} {unknown}")
    assert point("May that be wrong?", sensitivity=None).endswith(f"{SMALL} Sensitivity: not built.")


def test_what_could_not_be_tested_is_not_called_safe() -> None:
    neither = point("May that be wrong?", negative_controls=None, sensitivity=None)
    assert neither == "Negative controls and sensitivity: not built."
    controls = doubts.negative_controls()
    for left in (controls["control"] != PLACEBO_OUTCOME, controls["campaign"] != "all"):
        found = point("May that be wrong?", negative_controls=controls[left])
        assert found.startswith("Whether the arms were alike before the look-back could not be tested. A hidden cause")
    assert point("May that be wrong?", negative_controls=None).startswith("Negative controls: not built. A hidden")


def effects_on_screen(average_effects: pd.DataFrame | None) -> str:
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(render_summary(study.tables_of(average_effects=average_effects), run.checks(), run.facts()))
    flat = " ".join(console.export_text().split())
    return flat[flat.index(" Effect") + 1 : flat.index(" Policy")]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: campaign.average_effects(proven=False),
            f"Effect on spend ATO $8 ({MINUS}13 to 29), not proven; ATE $15 ({MINUS}2 to 31), not proven; "
            f"ATT $5 ({MINUS}29 to 39), not proven",
        ),
        (
            lambda: effects_on(VISITS),
            "Effect on visits ATO 1.33 (0.71 to 1.95), above zero; ATE 1.48 (0.58 to 2.39), above zero; "
            "ATT 1.6 (0.6 to 2.7), above zero",
        ),
        (lambda: None, "Effect not built"),
    ],
)
def test_the_terminal_has_the_effects_to_know(make: Callable[[], pd.DataFrame | None], said: str) -> None:
    assert effects_on_screen(make()) == said


def test_the_test_that_would_settle_it_is_the_one_that_is_designed() -> None:
    ask, design = "What would settle it?", study.experiment_design()
    whole = design.loc[design["n_households"] == 2413].iloc[0]
    said = point(ask, experiment_design=design)
    arms = f"{whole['n_treated']:,} contacted and {whole['n_control']:,} held out"
    assert said.startswith(f"A randomised test of the households to be tested, {arms}, is expected to gain")
    assert f"; one of {best_size(design):,} in all is worth most over its cost." in said
    dear = design.loc[design["n_households"] == 2413].assign(net_value=-4.0, value_of_test=1.0, cost_of_test=5.0)
    assert point(ask, experiment_design=dear).endswith("costs $5: more than it gains, as one of any size would.")
    nothing = design.assign(feasible=False)
    assert point(ask, experiment_design=nothing) == "No test: fewer households are to be tested than two arms need."
    assert point(ask, experiment_design=None) == "Design of an experiment: not built."
