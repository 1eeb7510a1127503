"""Agreement of labels against other implementations, and what the correction for noise recovers of planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, cohen_kappa_score

from dunnhumby_pipeline.segmentation.movement.agreement import (
    agreement,
    household_weights,
    interval,
    noise_share,
    noise_taken_out,
    noise_taken_out_any,
)

QUICK = settings(max_examples=60, deadline=None)
ONE = np.ones((1, 1))
codings = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=2, max_size=40)


def both(rows: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array(side, dtype=np.int64) for side in zip(*rows, strict=True))


@QUICK
@given(codings.filter(lambda rows: sum(min(row) >= 0 for row in rows) > 1))
def test_agreement_is_that_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    first, second = both(rows)
    found = agreement(first, second, 4, np.ones((1, len(rows))))
    known = (first >= 0) & (second >= 0)
    assert found.staying[0] == pytest.approx((first == second)[known].mean())
    assert found.ari[0] == pytest.approx(adjusted_rand_score(first[known], second[known]))
    if found.chance[0] < 1:
        assert found.kappa[0] == pytest.approx(cohen_kappa_score(first[known], second[known]))
    else:
        assert np.isnan(found.kappa[0])


@QUICK
@given(codings, st.permutations(range(4)))
def test_what_labels_are_called_does_not_matter(rows: list[tuple[int, int]], names: list[int]) -> None:
    first, second = both(rows)
    renamed = np.array([*names, -1])
    weights = np.ones((1, len(rows)))
    found, other = agreement(first, second, 4, weights), agreement(renamed[first], renamed[second], 4, weights)
    for name in ("staying", "kappa", "ari", "chance"):
        assert getattr(found, name) == pytest.approx(getattr(other, name), nan_ok=True)
    for measure in (noise_taken_out, noise_taken_out_any, noise_share):
        assert measure(found, found) == pytest.approx(measure(other, other), nan_ok=True)


@QUICK
@given(st.lists(st.integers(0, 3), min_size=2, max_size=40).filter(lambda codes: len(set(codes)) > 1))
def test_halves_that_are_the_same_have_a_ceiling_of_one(codes: list[int]) -> None:
    same = np.array(codes)
    halves = agreement(same, same, 4, np.ones((1, len(codes))))
    assert halves.staying[0] == halves.kappa[0] == halves.ari[0] == 1
    # Without noise nothing is taken out.
    moved = agreement(same, np.roll(same, 1), 4, np.ones((1, len(codes))))
    if moved.kappa[0] > 0:
        assert noise_taken_out(moved, halves)[0] == pytest.approx(moved.staying[0])
        assert noise_share(moved, halves)[0] == pytest.approx(0.0 if moved.staying[0] < 1 else np.nan, nan_ok=True)


def test_a_household_that_is_drawn_twice_counts_twice() -> None:
    first, second = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])
    drawn = agreement(first, second, 3, np.array([[2.0, 0.0, 1.0, 1.0]]))
    by_hand = agreement(np.array([0, 0, 1, 2]), np.array([0, 0, 2, 2]), 3, np.ones((1, 4)))
    assert drawn.kappa == pytest.approx(by_hand.kappa) and drawn.ari == pytest.approx(by_hand.ari)
    weights = household_weights(50, 3, 1)
    assert (weights[0] == 1).all() and (weights.sum(axis=1) == 50).all() and weights.shape == (4, 50)
    assert (household_weights(50, 3, 1) == weights).all()


def planted(errors: np.ndarray, moves: np.ndarray, shares: np.ndarray, n: int = 60_000) -> tuple:
    """Agreement between periods and between halves, and the true share staying, of a latent class."""
    rng = np.random.default_rng(7)

    def drawn(rows: np.ndarray, of: np.ndarray) -> np.ndarray:
        return (rng.random(len(of))[:, None] > np.cumsum(rows[of], axis=1)[:, :-1]).sum(axis=1)

    old = rng.choice(len(shares), n, p=shares)
    new = drawn(moves, old)
    seen = [drawn(errors, truth) for truth in (old, new, old, old)]
    weights = np.ones((1, n))
    periods, halves = (agreement(*pair, len(shares), weights) for pair in (seen[:2], seen[2:]))
    return periods, halves, float((old == new).mean())


def mixed(stays: float, n: int, near: bool) -> np.ndarray:
    """(n, n) probabilities: `stays` on the diagonal, else to any other, or to a neighbour."""
    other = np.ones((n, n)) - np.eye(n)
    if near:
        other *= abs(np.subtract.outer(np.arange(n), np.arange(n))) == 1
    return stays * np.eye(n) + (1 - stays) * other / other.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("stays", [0.8, 0.9, 0.97])
def test_errors_that_are_blind_are_taken_out(stays: float) -> None:
    periods, halves, truth = planted(mixed(0.7, 5, near=False), mixed(stays, 5, near=False), np.full(5, 0.2))
    assert periods.staying[0] < 0.55
    assert noise_taken_out(periods, halves)[0] == pytest.approx(truth, abs=0.02)
    assert noise_taken_out_any(periods, halves)[0] == pytest.approx(truth, abs=0.02)


@pytest.mark.parametrize("stays", [0.8, 0.9])
def test_errors_between_neighbours_leave_the_first_too_high_and_the_second_right(stays: float) -> None:
    periods, halves, truth = planted(mixed(0.75, 5, near=True), mixed(stays, 5, near=True), np.full(5, 0.2))
    assert truth + 0.01 < noise_taken_out(periods, halves)[0] < truth + 0.1
    assert noise_taken_out_any(periods, halves)[0] == pytest.approx(truth, abs=0.04)


def test_of_two_labels_any_errors_are_taken_out() -> None:
    errors = np.array([[0.9, 0.1], [0.3, 0.7]])
    moves, shares = np.array([[0.94, 0.06], [0.14, 0.86]]), np.array([0.7, 0.3])
    periods, halves, truth = planted(errors, moves, shares)
    assert noise_taken_out(periods, halves)[0] == pytest.approx(truth, abs=0.025)


def test_who_does_not_move_stays_and_all_change_is_noise() -> None:
    periods, halves, _ = planted(mixed(0.7, 4, near=False), np.eye(4), np.full(4, 0.25))
    assert noise_taken_out(periods, halves)[0] > 0.98
    assert noise_share(periods, halves)[0] > 0.97
    assert max(noise_taken_out(periods, halves)[0], noise_share(periods, halves)[0]) <= 1


def test_where_halves_agree_by_chance_alone_nothing_is_said() -> None:
    rng = np.random.default_rng(3)
    halves = agreement(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), 2, np.ones((1, 4)))
    periods = agreement(rng.integers(0, 2, 4), rng.integers(0, 2, 4), 2, np.ones((1, 4)))
    assert np.isnan(noise_taken_out(periods, halves)[0]) and np.isnan(noise_taken_out_any(periods, halves)[0])
    nobody = agreement(np.array([-1, 0]), np.array([0, -1]), 2, np.ones((1, 2)))
    for name in ("staying", "kappa", "ari"):
        assert np.isnan(getattr(nobody, name)[0])
    assert np.isnan(noise_taken_out(nobody, nobody)[0])
    assert np.isnan(interval(nobody.staying, 0.95)).all()
    assert interval(np.array([0.5, 0.4, 0.6]), 0.9) == pytest.approx((0.5, 0.41, 0.59))
