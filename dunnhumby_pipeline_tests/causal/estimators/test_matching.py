"""Matching: pairs against brute force, errors by hand, and as few steps among many trials as among few."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, logit

from dunnhumby_pipeline.causal.estimators import matching
from dunnhumby_pipeline.causal.estimators.matching import (
    match_pairs,
    matched_difference,
    matched_rows,
    pair_differences,
)
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline_tests.fakes.known_truth import Array, simulate_trials


def brute_force(propensity: Array, treated: Array, groups: NDArray, caliper: float) -> list[list[int]]:
    """Every treated trial, by descending propensity, looks at every free control of its group."""
    score = logit(propensity)
    farthest, free, pairs = caliper * score.std(), set(np.flatnonzero(treated == 0)), []
    for row in sorted(np.flatnonzero(treated == 1), key=lambda row: (-score[row], row)):
        near = [other for other in free if groups[other] == groups[row]]
        # Of two equally near, the lower one; of ties, the later.
        best = min(near, key=lambda other: (abs(score[other] - score[row]), score[other], -other), default=None)
        if best is not None and abs(score[best] - score[row]) <= farthest:
            pairs.append([int(row), int(best)])
            free.remove(best)
    return sorted(pairs)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 60),
    share=st.sampled_from([0.1, 0.4, 0.8]),
    caliper=st.sampled_from([0.02, 0.2, 5.0]),
)
def test_pairs_are_those_of_brute_force(seed: int, n: int, share: float, caliper: float) -> None:
    rng = np.random.default_rng(seed)
    propensity = expit(rng.normal(size=n))
    treated, groups = (rng.random(n) < share).astype(float), rng.integers(0, 3, n)
    found = match_pairs(propensity, treated, groups, caliper)
    assert found.to_numpy().tolist() == brute_force(propensity, treated, groups, caliper)
    assert not found["control_row"].duplicated().any()
    assert (groups[found["treated_row"]] == groups[found["control_row"]]).all()


def test_those_for_whom_controls_are_rarest_choose_first() -> None:
    propensity = expit(np.array([2.0, 1.0, 1.6, 0.0, 0.9]))
    treated = np.array([1, 1, 0, 0, 0])
    found = match_pairs(propensity, treated, np.zeros(5), 2.0)
    assert found.to_numpy().tolist() == [[0, 2], [1, 4]]
    # With a narrow caliper the first has nobody.
    assert match_pairs(propensity, treated, np.zeros(5), 0.3).to_numpy().tolist() == [[1, 4]]
    assert match_pairs(propensity, treated, np.array([0, 0, 1, 1, 1]), 2.0).empty


def test_trials_of_the_same_propensity_are_paired_once() -> None:
    treated = np.array([1, 0, 1, 0, 0, 1, 1, 0, 1])
    found = match_pairs(np.full(9, 0.3), treated, np.zeros(9), 0.2)
    assert found["treated_row"].tolist() == [0, 2, 5, 6]
    assert sorted(found["control_row"]) == [1, 3, 4, 7]
    pd.testing.assert_frame_equal(found, match_pairs(np.full(9, 0.3), treated, np.zeros(9), 0.2))


def test_nobody_to_match() -> None:
    for treated in (np.ones(3), np.zeros(3)):
        found = match_pairs(np.array([0.2, 0.3, 0.4]), treated, np.zeros(3), 0.2)
        assert found.empty
        assert found.columns.tolist() == ["treated_row", "control_row"]
    assert match_pairs(np.array([]), np.array([]), np.array([]), 0.2).empty
    with pytest.raises(ValueError, match=r"1 of 2 propensities are not strictly between 0 and 1"):
        match_pairs(np.array([0.5, 1.0]), np.array([1, 0]), np.zeros(2), 0.2)


class Counted:
    """Pointers of which one remembers how often any is read."""

    n_reads = 0

    def __init__(self, pointers: list[int]) -> None:
        self.pointers = pointers

    def __getitem__(self, place: int) -> int:
        Counted.n_reads += 1
        return self.pointers[place]

    def __setitem__(self, place: int, pointer: int) -> None:
        self.pointers[place] = pointer


@pytest.mark.parametrize("apart", [0.0, 3.0])
def test_a_match_takes_as_few_steps_among_many_trials_as_among_few(
    monkeypatch: pytest.MonkeyPatch, apart: float
) -> None:
    # Far apart, hardly a control is free where the treated are: the way to one is long unless it is shortened.
    free, reads = matching._free, []
    monkeypatch.setattr(matching, "_free", lambda pointers, place: free(cast(list[int], Counted(pointers)), place))
    for n in (1_000, 20_000):
        rng = np.random.default_rng(1)
        treated = (rng.random(n) < 0.3).astype(float)
        propensity = expit(rng.normal(-1, 1, n) + apart * treated)
        Counted.n_reads = 0
        found = match_pairs(propensity, treated, rng.integers(0, 4, n), 20.0)
        assert len(found) > 0.9 * treated.sum()
        reads.append(Counted.n_reads / treated.sum())
    # Were each to look at each, or the way never shortened, it would be twenty times as many.
    assert reads[1] < 1.5 * reads[0]


def simulated(y: Array, mu0: Array, treated: Array, households: NDArray[np.int64]) -> Residuals:
    n = len(y)
    return Residuals(y, treated, np.full(n, 0.5), mu0, mu0, households, np.zeros(n, dtype=np.int64))


def test_differences_of_pairs_leave_out_what_covariates_explain() -> None:
    data = simulated(
        np.array([9.0, 4.0, 5.0, 6.0]), np.array([5.0, 3.0, 2.0, 6.0]), np.array([1.0, 0.0, 1.0, 0.0]), np.arange(4)
    )
    pairs = pd.DataFrame({"treated_row": [0, 2], "control_row": [1, 3]})
    assert pair_differences(data, pairs).tolist() == [3.0, 3.0]
    assert matched_rows(pairs.iloc[:1], 4).tolist() == [True, True, False, False]


def test_pairs_of_households_of_their_own_have_the_error_of_paired_differences() -> None:
    rng = np.random.default_rng(2)
    shared = np.repeat(rng.normal(size=50), 2)
    data = simulated(shared + rng.normal(size=100), np.zeros(100), np.tile([1.0, 0.0], 50), np.arange(100))
    pairs = pd.DataFrame({"treated_row": np.arange(0, 100, 2), "control_row": np.arange(1, 100, 2)})
    difference = data.y[::2] - data.y[1::2]
    estimate, se = matched_difference(data, pairs)
    assert estimate == pytest.approx(difference.mean())
    # Household and trial are the same here, but for the factor of the number of clusters.
    assert se == pytest.approx(difference.std(ddof=1) / np.sqrt(50), rel=0.005)


def test_the_error_counts_what_pairs_share_through_a_household() -> None:
    rng = np.random.default_rng(3)
    taste = 3 * rng.normal(size=40)
    # Ten controls' households come back in ten pairs each.
    households = np.concatenate([np.arange(100) + 40, np.tile(np.arange(10), 10)])
    y = np.concatenate([rng.normal(size=100), taste[np.tile(np.arange(10), 10)]])
    data = simulated(y, np.zeros(200), np.repeat([1.0, 0.0], 100), households)
    pairs = pd.DataFrame({"treated_row": np.arange(100), "control_row": np.arange(100) + 100})
    _, se = matched_difference(data, pairs)
    as_if_apart = (y[:100] - y[100:]).std(ddof=1) / 10
    assert se > 2 * as_if_apart
    # Two-way clusters by hand, V_household + V_pair - V_trial.
    influence = np.concatenate([y[:100] - y[:100].mean(), y[100:].mean() - y[100:]]) / 100
    variances = []
    for clusters in (households, np.tile(np.arange(100), 2), np.arange(200)):
        totals = pd.Series(influence).groupby(clusters).sum()
        variances.append((totals**2).sum() * len(totals) / (len(totals) - 1))
    assert se**2 == pytest.approx(variances[0] + variances[1] - variances[2])


def test_matching_recovers_the_effect_on_the_matched() -> None:
    known = simulate_trials(1500, seed=4, effect=lambda x: 2 + x[:, 0], n_campaigns=2)
    data = known.residuals()
    pairs = match_pairs(data.propensity, data.treated, known.trials["campaign"].to_numpy(), 0.2)
    estimate, se = matched_difference(data, pairs)
    assert abs(estimate - known.effect[pairs["treated_row"]].mean()) < 3 * se < 0.3
