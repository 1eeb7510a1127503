"""Cost scenarios: profit at every margin without another fit, costs as they are counted, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dunnhumby_pipeline.settings.economics import AS_REDEEMED, PRINTED_MAIL, REFERENCE_STUDY, EconomicsSettings
from dunnhumby_pipeline.targeting.scenarios import Scenario, scenarios

QUICK = settings(max_examples=40, deadline=None)
RNG = np.random.default_rng(1)
SALES, MATCH = RNG.gamma(2, 40, 200), RNG.gamma(1, 2, 200)


def economics(**changed: object) -> EconomicsSettings:
    return EconomicsSettings.model_validate(changed)


def named(name: str, **changed: object) -> Scenario:
    return next(one for one in scenarios(economics(**changed), 0.03) if one.name == name)


@QUICK
@given(st.floats(0.01, 0.99), st.floats(0.01, 1.0))
def test_profit_at_any_margin_is_its_formula(measured: float, margin: float) -> None:
    own = {"name": "own", "contact_cost": 1, "margin": margin}
    found = named("own", margin=measured, scenario=AS_REDEEMED, scenarios=[own])
    gross_profit = measured * SALES - (1 - measured) * MATCH
    expected = margin * SALES - (1 - margin) * MATCH
    assert found.profit(gross_profit, SALES) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_cost_that_stands_for_coupons_does_not_net_the_match_again() -> None:
    found = named(REFERENCE_STUDY)
    assert found.profit(0.3 * SALES - 0.7 * MATCH, SALES) == pytest.approx(0.3 * SALES)
    assert (found.contact_cost, found.break_even_effect()) == (12.73, pytest.approx(42.4333, abs=1e-4))


def test_the_shipped_scenarios_and_the_one_in_use() -> None:
    found = {one.name: one for one in scenarios(economics(), 0.03)}
    assert list(found) == [PRINTED_MAIL, "app or e-mail", REFERENCE_STUDY, AS_REDEEMED]
    assert [one.name for one in found.values() if one.used] == [PRINTED_MAIL]
    mail = found[PRINTED_MAIL]
    assert (mail.low, mail.contact_cost, mail.high) == (0.55, 1.0, 1.75)
    assert found[AS_REDEEMED].contact_cost == 0.03
    assert found[AS_REDEEMED].stands_for_coupons


def test_the_reference_study_stands_beside_whatever_is_set() -> None:
    own = [{"name": "courier", "contact_cost": [2, 4]}]
    found = scenarios(economics(scenario="courier", scenarios=own), 0.0)
    assert [one.name for one in found] == ["courier", REFERENCE_STUDY, AS_REDEEMED]
    assert found[0].contact_cost == 3.0


def test_a_cost_from_the_settings_is_that_of_the_scenario_in_use_alone() -> None:
    found = {one.name: one for one in scenarios(economics(contact_cost=3.5), 0.0)}
    assert (found[PRINTED_MAIL].low, found[PRINTED_MAIL].contact_cost, found[PRINTED_MAIL].high) == (3.5, 3.5, 3.5)
    assert found[REFERENCE_STUDY].contact_cost == 12.73


def test_what_manufacturers_pay_is_no_cost_to_the_retailer() -> None:
    own = [{"name": "shared", "contact_cost": 2.0, "funded_share": 0.75, "one_off_cost": 100}]
    found = named("shared", scenario="shared", scenarios=own)
    assert (found.contact_cost, found.one_off_cost) == (0.5, 100)


@pytest.mark.parametrize(
    ("changed", "named_in_message"),
    [
        ({"margin": 0}, "margin"),
        ({"margin": -0.2}, "margin"),
        ({"margin": 1.2}, "margin"),
        ({"contact_cost": -1}, "contact_cost"),
        ({"scenario": "carrier pigeon"}, "expected one of printed mail"),
        ({"scenarios": []}, "scenarios"),
        ({"scenario": "x", "scenarios": [{"name": "x", "contact_cost": [3, 1]}]}, "rise from lowest to highest"),
        ({"scenario": "x", "scenarios": [{"name": "x", "contact_cost": -1}]}, "0 or more"),
        ({"scenario": "x", "scenarios": [{"name": "x", "contact_cost": [1, 5, 2]}]}, "rise"),
        ({"scenario": "x", "scenarios": [{"name": "x", "contact_cost": 1, "margin": 0}]}, "margin"),
        ({"scenario": "x", "scenarios": [{"name": "x", "contact_cost": 1, "funded_share": 1.5}]}, "funded_share"),
        ({"scenario": "x", "scenarios": [{"name": "x", "contact_cost": 1}] * 2}, "more than once"),
        (
            {"scenario": "x", "scenarios": [{"name": "x", "contact_cost": 1, "margin": 0.4}]},
            "set economics.margin = 0.4",
        ),
        ({"scenarios": [{"name": AS_REDEEMED, "contact_cost": 1}]}, "measured from the data"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused(changed: dict[str, object], named_in_message: str) -> None:
    with pytest.raises(ValidationError, match=named_in_message):
        economics(**changed)
