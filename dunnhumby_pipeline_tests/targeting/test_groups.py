"""Groups that share a decision: one under one effect, else by rising effect, judged by outcomes."""

import numpy as np
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.estimators.clustered import FEWEST_HOUSEHOLDS
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET
from dunnhumby_pipeline.targeting.dial import ProfitEffect
from dunnhumby_pipeline.targeting.groups import decision_groups, divided, group_edges
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
    found = decision_groups(division, data, whole, [250] * 4, [()] * 4, 10.0, 0.0, STAKES, 0.95)
    assert found["decision"].tolist() == [LEAVE, LEAVE, TARGET, TARGET]
    assert (found["expected_profit"] + 10).to_numpy() == pytest.approx([-5, 5, 15, 25], abs=3)
    assert group_edges(found) == pytest.approx(division.edges)
    assert found["highest_effect"].iloc[:-1].tolist() == pytest.approx(division.edges.tolist())
    assert found[["n_trials", "n_households"]].sum().tolist() == [N, 1000]
    # A model that is wrong about who gains does not decide: its groups are all alike.
    noise = np.random.default_rng(3).permutation(RISING)
    alike = decision_groups(
        divided(noise, data, tells_apart=True, at_most=4), data, whole, [250] * 4, [()] * 4, 4.0, 0.0, STAKES, 0.95
    )
    assert set(alike["decision"]) == {TARGET}


def test_the_one_group_has_the_effect_of_the_whole_and_its_one_off_cost() -> None:
    data = trials(RISING)
    division = divided(RISING, data, tells_apart=False, at_most=10)
    found = decision_groups(
        division, data, ProfitEffect(12.0, 0.5, 100.0, SURE), [1000], [()], 1.0, 500.0, STAKES, 0.95
    )
    assert found["expected_profit"].tolist() == pytest.approx([12 - 1 - 0.5])
    assert found[["lowest_effect", "highest_effect"]].isna().all(axis=None)
