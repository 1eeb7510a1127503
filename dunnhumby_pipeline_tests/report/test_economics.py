"""What the report says of the economics in force and of the plausibility of the effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.checks.targeting import terms_of_settings
from dunnhumby_pipeline.report.sections import economics, plausibility
from dunnhumby_pipeline.report.summary import render_summary
from dunnhumby_pipeline.settings import CheckSettings, EconomicsSettings, PolicySettings, Settings
from dunnhumby_pipeline.settings.in_place import in_words
from dunnhumby_pipeline.targeting.economics import economics_of, economics_table
from dunnhumby_pipeline_tests.fakes.results import parts, run, study
from dunnhumby_pipeline_tests.fakes.results.study import tables_of

SETTINGS = EconomicsSettings()
SAID = in_words(SETTINGS, {"contact_cost": 0.4})


def terms(said: str = "", **changed: object) -> pd.DataFrame:
    return economics_table(economics_of(EconomicsSettings.model_validate(changed), 0.03, said), PolicySettings())


def test_what_the_run_said_is_told_and_else_nothing() -> None:
    told = economics.said_in(terms(SAID, contact_cost=0.4))
    assert "the run of this study had contact_cost = 0.4 (in the settings: as the scenario says)" in told
    assert "returns to the settings" in told
    assert economics.said_in(terms()) == ""


def test_the_check_warns_of_terms_that_are_not_of_the_settings() -> None:
    as_set = terms_of_settings(terms(), CheckSettings())
    assert (as_set.passed, as_set.message) == (True, "as in the settings: printed mail, $1.00 a contact")
    said = terms_of_settings(terms(SAID, contact_cost=0.4), CheckSettings())
    assert not said.passed and SAID in said.message
    assert said.metrics == {"contact_cost": 0.4}


def test_the_summary_names_terms_that_are_not_of_the_settings() -> None:
    from rich.console import Console

    for table, shown in ((terms(), False), (terms(SAID, contact_cost=0.4), True)):
        console = Console(width=80, record=True)
        console.print(render_summary(study.study_tables(True, economics=table), run.checks(), run.facts()))
        words = " ".join(console.export_text().split())
        assert ("not those of the settings: contact_cost = 0.4" in words) is shown


def test_every_scenario_has_its_costs_and_who_pays_them() -> None:
    own = [{"name": "shared", "contact_cost": [1, 2, 5], "funded_share": 0.5, "one_off_cost": 10}]
    grid = economics.economics_rows(terms(scenario="shared", scenarios=own))
    first = [cell.text for cell in grid.rows[0]]
    assert first[:6] == ["shared (in use)", "$1.00", "$0.50 to $2.50", "50%", "$10.00", "30%"]
    reference = next([cell.text for cell in row] for row in grid.rows if row[0].text == "reference study")
    assert reference[1:3] == ["$12.73", ""] and reference[-1] == "not subtracted again"


def test_the_break_even_follows_the_cost_in_force() -> None:
    told = economics.break_even_note(tables_of(economics=terms(SAID, contact_cost=0.4)), Settings())
    assert "$0.40 that it costs" in told and "$1.33 of sales at a margin of 30%" in told


@pytest.mark.parametrize(
    ("multiple", "lower", "said"),
    [
        (
            32.5,
            -12.8,
            "Beyond reason: if the effect came through coupons, every redeemer would have spent $156.00 more",
        ),
        (3.0, 1.0, "Within reason: if the effect came through coupons"),
    ],
)
def test_the_report_says_whether_the_effect_is_beyond_reason(multiple: float, lower: float, said: str) -> None:
    table = parts.plausibility(multiple, lower, 80.0)
    assert plausibility.verdict_note(tables_of(plausibility=table), Settings()).startswith(said)


def test_a_ratio_without_an_end_and_one_that_is_not_known_say_so() -> None:
    grid = plausibility.quantity_rows(parts.plausibility(12.0, np.nan, np.nan))
    cells = {row[0].text: row[1].text for row in grid.rows}
    assert cells["How many times that"] == "12.0 (an interval without end)"
    assert cells["Effect on redemption, % points"] == "10.0 (8.0 to 12.0)"
    unknown = plausibility.quantity_rows(parts.plausibility(np.nan, np.nan, np.nan))
    assert [row[1].text for row in unknown.rows].count("not known: redemption did not rise") == 3


def test_the_weeks_after_the_window_name_their_trials_and_later_campaigns() -> None:
    table = parts.effect_by_part()
    told = plausibility.later_note(tables_of(effect_by_part=table), Settings())
    assert "8 weeks" in told and "5,251 trials" in told and "76% of the treated and 29% of the controls" in told
    table.loc[table["period"] == "later", "estimate"] = np.nan
    table.loc[table["period"] == "later", "reason"] = "the data have no days of it"
    told = plausibility.later_note(tables_of(effect_by_part=table), Settings())
    assert told == "The 8 weeks after the window could not be estimated: the data have no days of it."
