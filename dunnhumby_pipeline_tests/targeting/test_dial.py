"""The decision at every cost: it follows the evidence from target over test to leave."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance, bias_allowance
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.settings.economics import REFERENCE_STUDY, EconomicsSettings
from dunnhumby_pipeline.targeting.dial import (
    ProfitEffect,
    break_even,
    decision,
    decision_by_cost,
    dial_costs,
    profit_effect,
)
from dunnhumby_pipeline.targeting.information import Stakes
from dunnhumby_pipeline.targeting.scenarios import scenarios

SURE = BiasAllowance(np.zeros(1), np.ones(1), 0)
DOUBT = bias_allowance(np.array([30.0, -20.0]), np.array([10.0, 10.0]), 20.0).times(0.3)
STAKES = Stakes(n_households=2400, n_campaigns=3, variance=5800.0, fixed_cost=500.0, least=50)
KNOWN = scenarios(EconomicsSettings(), 0.03)


def effect(estimate: float = 8.0, se: float = 1.0, allowance: BiasAllowance = SURE) -> ProfitEffect:
    return ProfitEffect(estimate, se, STAKES.variance, allowance)


def test_the_decision_goes_from_target_over_test_to_leave_as_the_cost_rises() -> None:
    found = decision_by_cost(effect(8, 3), np.linspace(0, 20, 81), 0.0, STAKES, 0.95)
    assert list(dict.fromkeys(found["decision"])) == [TARGET, TEST, LEAVE]
    assert (found["probability_pays"].diff().dropna() <= 0).all()
    last_sure = found.loc[found["decision"] == TARGET, "contact_cost"].max()
    assert last_sure == pytest.approx(8 - stats.norm.ppf(0.975) * 3, abs=0.25)


def test_doubt_turns_targets_into_a_test_and_shifts_nothing() -> None:
    sure = decision_by_cost(effect(3.5), [1.0], 0.0, STAKES, 0.95).iloc[0]
    doubted = decision_by_cost(effect(3.5, allowance=DOUBT), [1.0], 0.0, STAKES, 0.95).iloc[0]
    assert (sure["decision"], doubted["decision"]) == (TARGET, TEST)
    assert sure["expected_profit"] == doubted["expected_profit"] == 2.5
    assert doubted["probability_pays"] > 0.99 > 0.975 > doubted["probability_pays_calibrated"]
    assert doubted["calibrated_lower"] < 0 < doubted["ci_lower"]
    assert sure[["calibrated_lower", "calibrated_upper"]].tolist() == pytest.approx(
        sure[["ci_lower", "ci_upper"]].tolist()
    )


@pytest.mark.parametrize(
    ("probability", "expected_profit", "net", "expected"),
    [
        (0.975, 3.0, None, TARGET),
        (0.97, 3.0, 10.0, TEST),
        (0.97, 3.0, -10.0, TEST),
        (0.49, -0.1, 10.0, TEST),
        (0.49, -0.1, 0.0, LEAVE),
        (0.49, -0.1, None, LEAVE),
        (0.03, -5.0, 10.0, TEST),
        (0.025, -5.0, 10.0, LEAVE),
    ],
)
def test_what_is_proven_comes_before_what_a_test_is_worth(
    probability: float, expected_profit: float, net: float | None, expected: str
) -> None:
    assert decision(probability, expected_profit, net, 0.95) == expected


def test_a_test_that_households_cannot_pay_for_is_not_run() -> None:
    dear = replace(STAKES, fixed_cost=1e6)
    assert decision_by_cost(effect(5, 3), [6.0], 0.0, STAKES, 0.95)["decision"].tolist() == [TEST]
    assert decision_by_cost(effect(5, 3), [6.0], 0.0, dear, 0.95)["decision"].tolist() == [LEAVE]


def test_a_one_off_cost_is_borne_by_the_households_that_are_contacted() -> None:
    with_cost = decision_by_cost(effect(), [1.0], 2400.0, STAKES, 0.95).iloc[0]
    assert with_cost["expected_profit"] == pytest.approx(8 - 1 - 1)
    assert with_cost["expected_profit_total"] == pytest.approx(2400 * 6)


def test_the_dial_holds_the_costs_of_all_scenarios_and_goes_beyond() -> None:
    costs = dial_costs(effect(), KNOWN, 20, 0.95)
    assert costs == sorted(costs) and costs[0] == 0
    assert {one.contact_cost for one in KNOWN} | {KNOWN[0].low, KNOWN[0].high} <= set(costs)
    assert max(costs) > 12.73


def test_break_even_is_the_effect_before_the_contact() -> None:
    found = break_even(KNOWN, [effect(5, 2, DOUBT)] * len(KNOWN), [STAKES] * len(KNOWN), 0.95).set_index("scenario")
    assert (found["break_even_contact_cost"] == 5).all()
    assert found["break_even_lower"].to_numpy() == pytest.approx(5 - stats.norm.ppf(0.975) * 2)
    assert (found["break_even_calibrated_lower"] < found["break_even_lower"]).all()
    assert found.loc["reference study", "break_even_effect"] == pytest.approx(12.73 / 0.3)
    assert found["used"].tolist() == [True, False, False, False]
    at_break_even = decision_by_cost(effect(5, 2, DOUBT), [5.0], 0.0, STAKES, 0.95).iloc[0]
    assert at_break_even["probability_pays_calibrated"] == pytest.approx(0.5)


def test_the_effect_of_a_scenario_is_that_of_its_profit_measured_afresh() -> None:
    rng, n = np.random.default_rng(3), 600
    propensity = rng.uniform(0.2, 0.8, n)
    treated = (rng.random(n) < propensity).astype(float)
    households, folds = np.arange(n), np.arange(n) % 5

    def of(y: np.ndarray, mu0: np.ndarray, mu1: np.ndarray) -> Residuals:
        return Residuals(y, treated, propensity, mu0, mu1, households, folds)

    sales, match = rng.gamma(2, 30, n) + 20 * treated, rng.gamma(1, 1, n) * treated
    gross_profit = of(0.3 * sales - 0.7 * match, np.full(n, 18.0), np.full(n, 23.0))
    of_sales = of(sales, np.full(n, 60.0), np.full(n, 80.0))
    own = EconomicsSettings.model_validate(
        {"scenario": REFERENCE_STUDY, "scenarios": [{"name": "own", "contact_cost": 1, "margin": 0.5}]}
    )
    found = profit_effect(scenarios(own, 0.0)[0], gross_profit, of_sales, bias_allowance(np.ones(1), np.ones(1), 20.0))
    # The match's means follow from those of gross profit and sales.
    mu0, mu1 = (0.5 * s - 0.5 * (0.3 * s - g) / 0.7 for s, g in ((60.0, 18.0), (80.0, 23.0)))
    afresh = of(0.5 * sales - 0.5 * match, np.full(n, mu0), np.full(n, mu1))
    assert (found.estimate, found.se) == pytest.approx(overlap_weighted(afresh, np.ones(n, dtype=bool)))
    assert found.allowance.spread == pytest.approx(0.5 * bias_allowance(np.ones(1), np.ones(1), 20.0).spread)
    assert found.variance > 0
    assert isinstance(decision_by_cost(found, [1.0], 0.0, STAKES, 0.95), pd.DataFrame)
