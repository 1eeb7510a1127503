"""What a test is worth: the formula against drawing, and its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dunnhumby_pipeline.targeting.information import Stakes, best_test, expected_gain

QUICK = settings(max_examples=50, deadline=None)
STAKES = Stakes(n_households=2400, n_campaigns=3, variance=3600.0, fixed_cost=500.0, least=50)


@pytest.mark.parametrize(("mu", "s", "n"), [(4.0, 9.0, 300), (-3.0, 5.0, 1000), (0.0, 2.0, 200)])
def test_the_gain_is_that_of_deciding_after_drawn_tests(mu: float, s: float, n: int) -> None:
    rng, draws = np.random.default_rng(1), 400_000
    truth = rng.normal(mu, s, draws)
    noise = STAKES.variance * 2 / n
    seen = rng.normal(truth, np.sqrt(noise))
    believed = (mu / s**2 + seen / noise) / (1 / s**2 + 1 / noise)
    drawn = np.where(believed > 0, truth, 0).mean() - max(0.0, mu)
    assert expected_gain(mu, s, STAKES.variance, n, n) == pytest.approx(drawn, abs=4 * s / np.sqrt(draws))


@QUICK
@given(st.floats(-30, 30), st.floats(0.1, 30), st.integers(20, 5000))
def test_more_households_tell_more_and_never_more_than_the_truth(mu: float, s: float, n: int) -> None:
    few, many = expected_gain(mu, s, 3600.0, np.array([n, 2 * n]), np.array([n, 2 * n]))
    away = mu / s
    truth = s * stats.norm.pdf(away) + mu * stats.norm.cdf(away) - max(0.0, mu)
    assert 0 <= few <= many + 1e-12
    assert many <= truth + 1e-9
    assert expected_gain(-mu, s, 3600.0, n, n) == pytest.approx(few, abs=1e-9), "a sure loss is as dull as a sure gain"


def test_nothing_is_gained_where_nothing_is_uncertain() -> None:
    assert expected_gain(np.array([-2.0, 0.0, 2.0]), 0.0, 3600.0, 100, 100) == pytest.approx(0)


def test_the_best_test_is_worth_most_over_its_cost() -> None:
    found = best_test(1.0, 5.0, STAKES)
    assert found is not None
    assert found.n_treated == found.n_control
    assert STAKES.least <= found.n_treated <= STAKES.n_households // 2
    for n in (found.n_treated // 2, found.n_treated * 2):
        if STAKES.least <= n <= STAKES.n_households // 2:
            gain = STAKES.n_households * STAKES.n_campaigns * float(expected_gain(1.0, 5.0, STAKES.variance, n, n))
            assert gain - STAKES.fixed_cost - n <= found.net * (1 + 1e-2)


def test_a_test_of_what_is_all_but_known_costs_more_than_it_gains() -> None:
    sure = best_test(-40.0, 3.0, STAKES)
    assert sure is not None and sure.net < 0


def test_too_few_households_make_no_test() -> None:
    assert best_test(1.0, 5.0, Stakes(90, 3, 3600.0, 0.0, 50)) is None
