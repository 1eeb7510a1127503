"""Intervals that hold for the best of several: against the truncated normal, at ties, and on known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dunnhumby_pipeline.targeting.winner import largest_of, winner
from dunnhumby_pipeline_tests.fakes.known_truth import Array


def test_a_clear_winner_has_the_usual_interval_and_a_close_one_a_lower_one() -> None:
    covariance = np.diag([1.0, 1.0])
    clear = winner(np.array([50.0, 0.0]), covariance, 0.95, 0)
    assert clear.hybrid == pytest.approx((50 - 2.0, 50 + 2.0), abs=0.1)
    close = winner(np.array([0.1, 0.0]), covariance, 0.95, 0)
    assert close.hybrid[0] < close.simultaneous[0] + 1.0
    assert sum(close.hybrid) / 2 < close.value


def test_a_tie_of_different_policies_leaves_the_lower_edge_of_the_projection() -> None:
    tied = winner(np.array([1.0, 1.0]), np.diag([1.0, 1.0]), 0.95, 0)
    nearly = winner(np.array([1.0 + 1e-6, 1.0]), np.diag([1.0, 1.0]), 0.95, 0)
    assert tied.hybrid == pytest.approx(nearly.hybrid, abs=0.01)
    assert tied.hybrid[0] < tied.simultaneous[0] < 1.0


def test_a_winner_known_for_certain_has_no_error() -> None:
    found = winner(np.array([0.0, -3.0]), np.diag([0.0, 1.0]), 0.95, 0)
    assert (found.at, found.hybrid, found.simultaneous) == (0, (0.0, 0.0), (0.0, 0.0))


def test_equal_policies_count_once() -> None:
    one = winner(np.array([1.0, 0.0]), np.diag([1.0, 0.0]), 0.95, 0)
    twice = winner(np.array([1.0, 1.0, 0.0]), np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]]), 0.95, 0)
    assert twice.hybrid == pytest.approx(one.hybrid, abs=0.05)


@pytest.mark.parametrize("truth", [np.zeros(6), np.array([1.0, 0.8, 0.5, 0.0, 0.0, 0.0])])
def test_intervals_cover_the_value_of_whichever_won(truth: Array) -> None:
    rng = np.random.default_rng(3)
    covariance = 0.4 + 0.6 * np.eye(6)
    drawn = rng.multivariate_normal(truth, covariance, size=200)
    covered = np.zeros(3)
    for values in drawn:
        found = winner(values, covariance, 0.95, 0)
        usual = (found.value - 1.96, found.value + 1.96)
        covered += [low <= truth[found.at] <= high for low, high in (usual, found.hybrid, found.simultaneous)]
    usual_share, hybrid, simultaneous = covered / 200
    assert 0.92 <= hybrid <= 0.98
    assert simultaneous >= 0.93
    assert usual_share < hybrid + 0.01


@pytest.mark.parametrize(("gap", "correlation"), [(0.05, 0.0), (0.3, 0.6), (2.0, -0.5)])
def test_the_hybrid_interval_is_that_of_the_truncated_normal(gap: float, correlation: float) -> None:
    """Andrews, Kitagawa & McCloskey (2024): at either end the winner's value is the 2.5 % or 97.5 % point, at the level
    that the projection leaves, of a normal truncated to where it wins and to the projection's interval around that end.
    """
    covariance = np.array([[1.0, correlation * 1.2], [correlation * 1.2, 1.44]])
    values = np.array([gap, 0.0])
    found = winner(values, covariance, 0.95, 0)
    assert found.at == 0
    # It wins where x >= other's value given x: free + slope x.
    slope = covariance[0, 1]
    edge = (0.0 - slope * gap) / (1 - slope)
    bound = largest_of(np.array([1.0, 1.2]), covariance, 1 - 0.005, 0)
    tail = (0.05 - 0.005) / (1 - 0.005) / 2
    for mean, chance in zip(found.hybrid, (1 - tail, tail), strict=True):
        low, high = max(edge, mean - bound), mean + bound
        assert stats.truncnorm.cdf(gap, low - mean, high - mean, loc=mean) == pytest.approx(chance, abs=1e-5)
