"""What a run says in place of the settings: held to the rules of the file, and told in its words."""

from __future__ import annotations

import math

import pytest

from dunnhumby_pipeline.settings import Settings, SettingsError, load_settings
from dunnhumby_pipeline.settings.economics import AS_REDEEMED, PRINTED_MAIL, REFERENCE_STUDY
from dunnhumby_pipeline.settings.in_place import RUN_TERMS, changed_terms, in_words, require_budget, with_terms

OWN = {"scenarios": [{"name": "courier", "contact_cost": [2, 4], "one_off_cost": 100}], "scenario": "courier"}
MARGINS = [
    {"name": "own label", "contact_cost": 1, "margin": 0.4},
    {"name": PRINTED_MAIL, "contact_cost": 1},
]


def settings(budget: float | None = None, **economics: object) -> Settings:
    return load_settings(economics=economics, policy={"budget": budget})


def words(refused: pytest.ExceptionInfo[SettingsError]) -> str:
    """What is said of the setting, without where it was said, or what stood beside it in its section."""
    said = str(refused.value).rpartition(" (in ")[0]
    return said.replace("Value error, ", "").partition(", found {")[0]


def test_what_is_not_said_is_as_in_the_settings() -> None:
    found = settings(contact_cost=2.0)
    assert with_terms(found, {}, "here") == found.economics
    assert with_terms(found, dict.fromkeys(RUN_TERMS), "here") == found.economics
    assert changed_terms(found.economics, {"contact_cost": 2.0, "test_cost": 0.0}) == {}
    assert in_words(found.economics, {"contact_cost": 2.0}) == ""


def test_what_is_said_takes_the_place_of_the_settings() -> None:
    found = settings(**OWN)
    said = {"contact_cost": 0.0, "campaigns_to_come": 7, "test_cost": 250.0, "one_off_cost": 0.0}
    terms = with_terms(found, said, "here")
    assert {name: getattr(terms, name) for name in said} == said
    assert (terms.margin, terms.scenarios, terms.dial_steps) == (0.3, found.economics.scenarios, 60)
    assert in_words(found.economics, said) == (
        "contact_cost = 0 (in the settings: as the scenario says); "
        "one_off_cost = 0 (in the settings: as the scenario says); "
        "campaigns_to_come = 7 (in the settings: 3); test_cost = 250 (in the settings: 0)"
    )


def test_another_scenario_brings_its_own_costs() -> None:
    found = settings(contact_cost=9.0, one_off_cost=50.0)
    other = with_terms(found, {"scenario": REFERENCE_STUDY}, "here")
    assert (other.contact_cost, other.one_off_cost, other.known_cost) == (None, None, 12.73)
    both = with_terms(found, {"scenario": AS_REDEEMED, "contact_cost": 0.2}, "here")
    assert (both.scenario, both.contact_cost) == (AS_REDEEMED, 0.2)
    # The scenario of the settings is no other one.
    assert with_terms(found, {"scenario": PRINTED_MAIL}, "here").contact_cost == 9.0


@pytest.mark.parametrize(
    "said",
    [
        {"contact_cost": -0.01},
        {"contact_cost": math.nan},
        {"contact_cost": math.inf},
        {"contact_cost": -math.inf},
        {"contact_cost": "cheap"},
        {"one_off_cost": -1.0},
        {"test_cost": -1.0},
        {"test_cost": math.nan},
        {"campaigns_to_come": 0},
        {"campaigns_to_come": 51},
        {"scenario": "carrier pigeon"},
        {"scenario": ""},
        {"scenario": "own label"},
    ],
)
def test_what_the_file_could_not_say_is_refused_in_its_words(said: dict[str, object]) -> None:
    found = settings(scenarios=MARGINS)
    with pytest.raises(SettingsError) as of_run:
        with_terms(found, said, "in --cost")
    with pytest.raises(SettingsError) as of_file:
        settings(scenarios=MARGINS, **said)
    assert str(of_run.value).endswith(" (in --cost)")
    told = words(of_run)
    assert told.startswith("a setting cannot be used: ")
    assert told == words(of_file)
    [name] = said
    assert f"economics.{name}" in told or "economics.margin = 0.4" in told


def test_a_contact_dearer_than_the_budget_is_refused_in_the_words_of_the_file() -> None:
    with pytest.raises(SettingsError) as of_run:
        with_terms(settings(budget=5.0), {"contact_cost": 6.0}, "in --cost")
    with pytest.raises(SettingsError) as of_file:
        settings(budget=5.0, contact_cost=6.0)
    assert words(of_file) == words(of_run)
    with_terms(settings(budget=5.0), {"contact_cost": 5.0}, "in --cost")
    with pytest.raises(SettingsError, match=r"policy.budget is \$5.00, less than one contact"):
        require_budget(settings(budget=5.0), 5.01, "as redeemed")


def test_the_margin_is_not_for_a_run_to_say() -> None:
    with pytest.raises(SettingsError, match="margin cannot be said in the config; expected scenario, contact_cost"):
        with_terms(settings(), {"margin": 0.4}, "in the config")
