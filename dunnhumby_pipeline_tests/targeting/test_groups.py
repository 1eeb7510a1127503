"""Groups that share a decision: one under one effect, else by rising effect, judged by outcomes."""

import numpy as np
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, LEAVE, REPEAT_CONTACT, TARGET, TEST
from dunnhumby_pipeline.targeting.dial import ProfitEffect
from dunnhumby_pipeline.targeting.groups import Kind, decision_groups, divided, group_edges, repeat_group
from dunnhumby_pipeline.targeting.information import Stakes

SURE = BiasAllowance(np.zeros(1), np.ones(1), 0)
STAKES = Stakes(n_households=1000, n_campaigns=3, variance=100.0, fixed_cost=0.0, least=20)
N = 2000


def trials(effect: np.ndarray, seed: int = 1) -> Residuals:
    rng = np.random.default_rng(seed)
    propensity = rng.uniform(0.3, 0.7, N)
    treated = (rng.random(N) < propensity).astype(float)
    mean = np.full(N, 50.0)
    y = mean + effect * treated + rng.normal(0, 10, N)
    return Residuals(y, treated, propensity, mean, mean + effect.mean(), np.arange(N), np.arange(N) % 5)


def kind(
    data: Residuals, whole: ProfitEffect, supported: list[int], beyond: int = 0, contact: str = FIRST_CONTACT
) -> Kind:
    return Kind(contact, data, whole, supported, [beyond] * len(supported), [()] * len(supported))


RISING = np.linspace(-10, 30, N)[np.random.default_rng(2).permutation(N)]


def test_a_model_that_tells_nobody_apart_makes_one_group() -> None:
    by_fold = np.arange(N, dtype=np.float64) % 5 * 0.01
    division = divided(by_fold, trials(RISING), tells_apart=False, at_most=10)
    assert not len(division.edges) and set(division.of_trial) == {0}
    assert set(division.of(np.array([-1e9, 0.0, 1e9]))) == {0}
    assert not len(divided(np.full(N, 3.0), trials(RISING), tells_apart=True, at_most=10).edges)


def test_groups_are_equal_parts_by_rising_effect() -> None:
    division = divided(RISING, trials(RISING), tells_apart=True, at_most=10)
    sizes = np.bincount(division.of_trial)
    assert len(sizes) == 10 and np.ptp(sizes) <= 5
    means = [RISING[division.of_trial == group].mean() for group in range(10)]
    assert means == sorted(means)
    assert (np.abs(division.of(RISING) - division.of_trial) <= 1).all()
    assert np.mean(division.of(RISING) == division.of_trial) > 0.8, "ranks are within folds, edges are of all"


def test_no_group_is_too_small_to_speak_of() -> None:
    data = trials(RISING)
    few = (np.cumsum(data.treated) <= 3 * FEWEST_HOUSEHOLDS + 5) & (data.treated == 1)
    kept = few | (data.treated == 0)
    rare = Residuals(*(value[kept] for value in vars(data).values()))
    division = divided(RISING[kept], rare, tells_apart=True, at_most=10)
    assert 1 <= len(division.edges) + 1 <= 3
    for group in range(len(division.edges) + 1):
        assert rare.treated[division.of_trial == group].sum() >= FEWEST_HOUSEHOLDS


def test_groups_are_judged_by_outcomes_and_decided_one_by_one() -> None:
    data = trials(RISING)
    division = divided(RISING, data, tells_apart=True, at_most=4)
    whole = ProfitEffect(10.0, 0.5, 100.0, SURE)
    found = decision_groups(division, kind(data, whole, [250] * 4), None, 10.0, 0.0, STAKES, 0.95)
    assert found["decision"].tolist() == [LEAVE, LEAVE, TARGET, TARGET]
    assert (found["expected_profit"] + 10).to_numpy() == pytest.approx([-5, 5, 15, 25], abs=3)
    assert group_edges(found) == pytest.approx(division.edges)
    assert found["highest_effect"].iloc[:-1].tolist() == pytest.approx(division.edges.tolist())
    assert found[["n_trials", "n_households"]].sum().tolist() == [N, 1000]
    # A model that is wrong about who gains does not decide: its groups are all alike.
    noise = np.random.default_rng(3).permutation(RISING)
    moved = divided(noise, data, tells_apart=True, at_most=4)
    alike = decision_groups(moved, kind(data, whole, [250] * 4), None, 4.0, 0.0, STAKES, 0.95)
    assert set(alike["decision"]) == {TARGET}


def test_the_one_group_has_the_effect_of_the_whole_and_its_one_off_cost() -> None:
    data = trials(RISING)
    division = divided(RISING, data, tells_apart=False, at_most=10)
    whole = ProfitEffect(12.0, 0.5, 100.0, SURE)
    found = decision_groups(division, kind(data, whole, [1000]), None, 1.0, 500.0, STAKES, 0.95)
    assert found["expected_profit"].tolist() == pytest.approx([12 - 1 - 0.5])
    assert found[["lowest_effect", "highest_effect"]].isna().all(axis=None)


def test_households_contacted_before_are_a_group_of_their_own_by_their_own_trials() -> None:
    first, again = trials(RISING), trials(np.full(N, -10.0), seed=5)
    division = divided(RISING, first, tells_apart=True, at_most=2)
    whole, repeat = (
        ProfitEffect(estimate, 0.5, variance, SURE) for estimate, variance in ((10.0, 100.0), (-10, 400.0))
    )
    of_repeat = kind(again, repeat, [300], beyond=50, contact=REPEAT_CONTACT)
    found = decision_groups(division, kind(first, whole, [250] * 2), of_repeat, 1.0, 0.0, STAKES, 0.95)
    assert found["contact"].tolist() == [FIRST_CONTACT, FIRST_CONTACT, REPEAT_CONTACT]
    assert found["group"].tolist() == [0, 1, 2] and repeat_group(found) == 2
    assert group_edges(found) == pytest.approx(division.edges), "repeats have no place by effect"
    last = found.iloc[2]
    assert (last["effect"], last["effect_se"], last["outcome_variance"]) == (-10.0, 0.5, 400.0)
    assert (last["expected_profit"], last["decision"], last["n_trials"]) == (-11.0, LEAVE, N)
    assert repeat_group(found.iloc[:2]) is None


def test_a_repeat_has_the_bias_allowance_of_a_first_contact() -> None:
    doubt = BiasAllowance(np.array([8.0]), np.ones(1), 2)
    data, effect = trials(RISING), ProfitEffect(12.0, 0.5, 100.0, doubt)
    division = divided(RISING, data, tells_apart=False, at_most=10)
    of_repeat = kind(data, effect, [300], contact=REPEAT_CONTACT)
    found = decision_groups(division, kind(data, effect, [300]), of_repeat, 1.0, 0.0, STAKES, 0.95)
    same = ["probability_pays", "probability_pays_calibrated", "calibrated_lower", "calibrated_upper", "decision"]
    assert found.loc[0, same].tolist() == found.loc[1, same].tolist()
    assert found["decision"].tolist() == [TEST, TEST] and (found["probability_pays"] > 0.999).all()


def test_a_test_is_worth_what_it_decides_and_profit_is_of_those_with_support() -> None:
    """Households without comparable ones are drawn too, so that the result decides them."""
    doubt = BiasAllowance(np.array([8.0]), np.ones(1), 2)
    data, effect = trials(RISING), ProfitEffect(3.0, 0.5, 100.0, doubt)
    division = divided(RISING, data, tells_apart=False, at_most=10)
    few, more = (
        decision_groups(division, kind(data, effect, [400], beyond), None, 1.0, 800.0, STAKES, 0.95).iloc[0]
        for beyond in (0, 600)
    )
    assert (few["n_decided"], more["n_decided"]) == (400, 1000) and few["n_households"] == more["n_households"] == 400
    assert more["value_of_test"] > 2 * few["value_of_test"] and more["test_households"] > few["test_households"]
    # Contacts are made where there is support; what is paid once is theirs alone.
    assert few["expected_profit"] == more["expected_profit"] == pytest.approx(3 - 1 - 2)
    assert few["expected_profit_total"] == more["expected_profit_total"] == pytest.approx(0)
