"""The allowance for systematic error: known spreads are found, intervals widen and stay in place."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance, allowance_from, bias_allowance
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS

NOTHING = np.empty(0)
QUICK = settings(max_examples=30, deadline=None)


def test_without_controls_the_prior_stands() -> None:
    allowance = bias_allowance(NOTHING, NOTHING, 20.0)
    assert allowance.n_controls == 0
    assert allowance.spread == pytest.approx(20.0, rel=1e-4)
    assert allowance.weight @ allowance.tau == pytest.approx(20 * np.sqrt(2 / np.pi), rel=1e-3)


@pytest.mark.parametrize("spread", [0.0, 15.0, 60.0])
def test_many_controls_tell_the_spread_of_their_errors(spread: float) -> None:
    rng = np.random.default_rng(1)
    errors = rng.uniform(3, 6, 400)
    found = bias_allowance(rng.normal(0, np.hypot(spread, errors)), errors, 20.0)
    assert found.spread == pytest.approx(spread, rel=0.1, abs=1.5)


def test_controls_far_out_are_believed_more_than_the_prior() -> None:
    found = bias_allowance(np.array([5000.0, -4000.0, 6000.0]), np.full(3, 10.0), 20.0)
    assert 300 < found.spread < 1000
    assert found.weight[-1] < 1e-6, "the points reach beyond what is likely"


@QUICK
@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(1, 50)), max_size=6),
    st.floats(-50, 50),
    st.floats(0.5, 40),
    st.floats(0.01, 100),
)
def test_intervals_widen_about_the_estimate_in_any_unit(
    controls: list[tuple[float, float]], estimate: float, se: float, unit: float
) -> None:
    estimates, errors = np.array(controls).reshape(-1, 2).T
    allowance = bias_allowance(estimates, errors, 20.0)
    lower, upper = allowance.interval(estimate, se, 0.95)
    half = stats.norm.ppf(0.975) * se
    assert upper - estimate >= half * (1 - 1e-9)
    assert (lower + upper) / 2 == pytest.approx(estimate, abs=1e-6)
    assert allowance.probability_above(upper, estimate, se) == pytest.approx(0.025, abs=1e-6)
    other = bias_allowance(estimates * unit, errors * unit, 20.0 * unit)
    assert other.spread == pytest.approx(allowance.spread * unit, rel=1e-6)
    assert allowance.times(unit).interval(estimate * unit, se * unit, 0.95) == pytest.approx(
        (lower * unit, upper * unit), rel=1e-6, abs=1e-6
    )


def test_the_calibrated_interval_covers_where_the_plain_one_does_not() -> None:
    rng = np.random.default_rng(2)
    covered, plain = 0, 0
    for _ in range(300):
        tau = abs(rng.normal(0, 20))
        errors = np.full(4, 15.0)
        allowance = bias_allowance(rng.normal(0, np.hypot(tau, errors)), errors, 20.0)
        estimate = 10 + rng.normal(0, np.hypot(tau, 8.0))
        lower, upper = allowance.interval(estimate, 8.0, 0.95)
        covered += lower <= 10 <= upper
        plain += abs(estimate - 10) <= stats.norm.ppf(0.975) * 8.0
    assert covered / 300 > 0.92 > 0.75 > plain / 300


def test_an_effect_without_an_error_has_no_interval() -> None:
    assert np.isnan(bias_allowance(NOTHING, NOTHING, 20.0).interval(1.0, np.nan, 0.95)).all()


def test_an_allowance_of_nothing_changes_nothing() -> None:
    none = BiasAllowance(np.zeros(1), np.ones(1), 0)
    half = stats.norm.ppf(0.975) * 2
    assert none.interval(3.0, 2.0, 0.95) == pytest.approx((3 - half, 3 + half))
    assert none.probability_above(np.array([3.0]), 3.0, 2.0) == pytest.approx([0.5])


def test_each_control_counts_once() -> None:
    frame = pd.DataFrame({"campaign": [ALL_CAMPAIGNS, "8", "13"], "estimate": [30.0, 45, -26], "se": [16.0, 18, 32]})
    found, same = allowance_from(frame, 20.0), bias_allowance(np.array([45.0, -26]), np.array([18.0, 32]), 20.0)
    assert found.n_controls == 2
    assert found.spread == same.spread


@pytest.mark.parametrize(("errors", "scale"), [([0.0], 20.0), ([1.0], 0.0), ([np.nan], 20.0)])
def test_errors_and_scale_are_above_zero(errors: list[float], scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        bias_allowance(np.ones(1), np.array(errors), scale)
