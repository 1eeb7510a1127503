"""The table of the economics: what is written is what is read, whatever the settings."""

from __future__ import annotations

import numpy as np
import pytest

from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.contracts.table import require_columns
from dunnhumby_pipeline.settings import PolicySettings
from dunnhumby_pipeline.settings.economics import AS_REDEEMED, PRINTED_MAIL, REFERENCE_STUDY, EconomicsSettings
from dunnhumby_pipeline.targeting.economics import economics_of, economics_table, in_force
from dunnhumby_pipeline.targeting.scenarios import scenarios


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"contact_cost": 0.0},
        {"contact_cost": 0.4, "campaigns_to_come": 9, "test_cost": 120.0, "one_off_cost": 35.0},
        {"scenario": REFERENCE_STUDY},
        {"scenario": AS_REDEEMED},
        {
            "margin": 0.25,
            "scenario": "shared",
            "scenarios": [
                {"name": "shared", "contact_cost": [1, 2, 5], "funded_share": 0.5, "one_off_cost": 10},
                {"name": "other margin", "contact_cost": 1, "margin": 0.1},
            ],
        },
    ],
)
def test_what_the_table_holds_is_what_the_settings_say(said: dict[str, object]) -> None:
    settings = EconomicsSettings.model_validate(said)
    written = economics_table(economics_of(settings, 0.03, "contact_cost = 1"), PolicySettings())
    require_columns(table("economics"), written)
    found = in_force(written)
    assert found.scenarios == scenarios(settings, 0.03)
    assert (found.measured_margin, found.campaigns_to_come, found.test_cost) == (
        settings.margin,
        settings.campaigns_to_come,
        settings.test_cost,
    )
    assert found.said == "contact_cost = 1"
    assert written["used"].sum() == 1
    assert found.used.name == settings.scenario
    assert (found.price.contact_cost, found.price.margin) == (found.used.contact_cost, found.used.margin)


def test_a_free_contact_breaks_even_at_any_effect() -> None:
    terms = in_force(economics_table(economics_of(EconomicsSettings(contact_cost=0.0), 0.03), PolicySettings()))
    assert (terms.price.contact_cost, terms.price.break_even_effect) == (0.0, 0.0)
    assert terms.price.profit(np.array([-1.0, 0.0, 2.0])).tolist() == [-1.0, 0.0, 2.0]
    assert terms.said == ""


def test_a_cost_once_per_campaign_takes_the_place_of_that_of_the_scenario_in_use_alone() -> None:
    own = [{"name": PRINTED_MAIL, "contact_cost": 1, "one_off_cost": 50}, {"name": "other", "contact_cost": 1}]
    settings = EconomicsSettings.model_validate({"scenarios": own, "one_off_cost": 7})
    found = {one.name: one.one_off_cost for one in scenarios(settings, 0.0)}
    assert (found[PRINTED_MAIL], found["other"]) == (7, 0)
