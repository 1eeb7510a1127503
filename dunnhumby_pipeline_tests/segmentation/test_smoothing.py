"""Smoothed membership: borders, what smoothing makes of noise, and who counts as moved."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.segmentation.movement.borders import (
    Borders,
    HalfScores,
    Steps,
    learn_confidence,
    measure_borders,
)
from dunnhumby_pipeline.segmentation.movement.membership import Move, household_membership, noise_threshold
from dunnhumby_pipeline.segmentation.movement.periods import ABSENT
from dunnhumby_pipeline.segmentation.movement.prediction import explained, label_prediction
from dunnhumby_pipeline.segmentation.movement.smoothing import overlaps, smooth, still_world, weight_of
from dunnhumby_pipeline.segmentation.movement.trails import Trails
from dunnhumby_pipeline.segmentation.movement.weight import WEIGHTS, choose_weight
from dunnhumby_pipeline.settings import MigrationSettings

QUICK = settings(max_examples=40, deadline=None)
NOTHING = Steps(np.empty(0), np.empty(0))
# Three segments on a line, a border at .5 and one at 1.5; noise of a tenth.
LINE = Borders(np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]), np.diag([0.01, 0.01]), NOTHING)
APART = np.eye(4)


def on_line(*histories: list[float | None]) -> np.ndarray:
    """(T, n, 2) scores of households by their place on the line, None where they bought nothing."""
    place = np.array([[np.nan if x is None else x for x in history] for history in histories], dtype=float).T
    return np.stack([place, np.where(np.isnan(place), np.nan, 0.0)], axis=2)


def smoothed(scores: np.ndarray, weight: float = 1.0, hysteresis: float = 0.0, overlap: np.ndarray | None = None):
    levels = np.where(np.isnan(scores[:, :, 0]), np.nan, 1.0)
    together = np.eye(len(scores)) if overlap is None else overlap
    return smooth(scores, levels, together, weight, LINE, hysteresis)


def trail_of(scores: np.ndarray, **outcomes: np.ndarray) -> Trails:
    baskets = np.where(np.isnan(scores[:, :, 0]), np.nan, 10.0)
    codes = np.stack([LINE.nearest(each) for each in scores])
    told = {"log spend": scores[:, :, 0], "basket": scores[:, :, 0], "discount use": scores[:, :, 0]} | outcomes
    names = {"segment": ("a", "b", "c")}
    return Trails(np.arange(1, scores.shape[1] + 1), scores, baskets, told, {"segment": codes}, names)


# ----------------------------------------------------------------------------------------------------------- borders


def test_distance_from_a_border_is_in_standard_errors() -> None:
    beyond = LINE.beyond(np.array([[0.7, 5.0], [1.0, 0.0], [0.7, 0.0]]), np.array([1.0, 1.0, 4.0]))
    # Across the border the noise is .1: .2 beyond it are 2 standard errors, with four times the variance one.
    assert beyond[0] == pytest.approx([-2, 2, -8]) and beyond[1] == pytest.approx([-5, 5, -5])
    assert beyond[2, 1] == pytest.approx(1)
    still = Borders(LINE.centroids, np.zeros((2, 2)), NOTHING)
    assert still.beyond(np.array([[0.5, 0.0], [0.6, 0.0]]), np.ones(2)).tolist() == [[0, 0, -10], [-10, 10, -10]]
    assert LINE.nearest(np.array([[np.nan, np.nan], [1.6, 0.0]])).tolist() == [-1, 2]


@QUICK
@given(st.lists(st.tuples(st.floats(-3, 4), st.floats(-2, 2)), min_size=1, max_size=20))
def test_only_the_nearest_segment_is_on_its_own_side(places: list[tuple[float, float]]) -> None:
    scores = np.array(places)
    beyond, nearest = LINE.beyond(scores, np.ones(len(scores))), LINE.nearest(scores)
    assert (beyond[np.arange(len(scores)), nearest] >= 0).all()
    assert ((beyond > 0).sum(axis=1) <= 1).all()


def halves_of(n: int, seed: int, shared: float = 0.0, few: float = 1.0) -> HalfScores:
    """Households on the line, measured twice with noise that is `few` times as wide with 2 baskets as with 40."""
    rng = np.random.default_rng(seed)
    truth = np.column_stack([rng.uniform(-0.3, 2.3, n), np.zeros(n)])
    baskets = rng.choice([2.0, 40.0], n)
    spread = np.where(baskets == 2, few, 1.0)[:, None] * 0.2
    common = np.sqrt(shared) * rng.normal(size=(n, 2))
    seen = [truth + spread * (common + np.sqrt(1 - shared) * rng.normal(size=(n, 2))) for _ in range(2)]
    return HalfScores(*seen, baskets, shared)


def test_noise_is_measured_from_halves_whatever_days_they_share() -> None:
    for shared in (0.0, 2 / 3):
        found = measure_borders(LINE.centroids, [halves_of(4000, 1, shared)])
        assert found.noise == pytest.approx(np.diag([0.04, 0.04]), abs=0.004)
        assert found.levels(np.array([2.0, 40.0])) == pytest.approx([1, 1], abs=0.1)


def test_who_comes_seldom_is_measured_badly() -> None:
    found = measure_borders(LINE.centroids, [halves_of(6000, 2, few=3.0)])
    seldom, often = found.levels(np.array([2.0, 40.0]))
    assert seldom / often == pytest.approx(9, rel=0.15)
    assert (seldom + often) / 2 == pytest.approx(1, abs=0.1)
    assert np.isnan(found.levels(np.array([np.nan]))[0])
    assert found.levels(np.array([0.0, 900.0])) == pytest.approx([seldom, often])


def test_confidence_is_the_chance_of_the_same_segment_from_other_weeks() -> None:
    borders = measure_borders(LINE.centroids, [halves_of(5000, 3)])
    learned = learn_confidence([halves_of(5000, 3)], borders)
    fresh = halves_of(5000, 4)
    nearest = borders.nearest(fresh.first)
    beyond = borders.beyond(fresh.first, np.ones(len(nearest)))[np.arange(len(nearest)), nearest]
    expected, came = learned.of(beyond), borders.nearest(fresh.second) == nearest
    for low, high in ((0, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01)):
        group = (expected >= low) & (expected < high)
        assert group.sum() > 100 and came[group].mean() == pytest.approx(expected[group].mean(), abs=0.05)
    assert (np.diff(learned.of(np.linspace(-10, 10, 50))) >= 0).all()


def test_without_halves_nothing_is_claimed() -> None:
    nobody = HalfScores(np.empty((0, 2)), np.empty((0, 2)), np.empty(0), 0.0)
    borders = measure_borders(LINE.centroids, [nobody])
    assert (borders.noise == 0).all() and borders.levels(np.array([3.0])).tolist() == [1.0]
    for halves in ([], [nobody], [halves_of(50, 1, shared=0.5)]):
        learned = learn_confidence(halves, borders)
        assert not learned.known and np.isnan(learned.of(np.array([1.0]))).all()


# --------------------------------------------------------------------------------------------------------- smoothing


def test_without_smoothing_each_period_stands_alone() -> None:
    scores = on_line([0.1, 0.6, 1.9, 0.2])
    found = smoothed(scores)
    assert found.segments[:, 0].tolist() == [0, 1, 2, 0]
    assert found.scores == pytest.approx(scores) and found.variance == pytest.approx(np.ones((4, 1)))


def test_weights_are_those_of_exponential_smoothing() -> None:
    found = smoothed(on_line([0.0, 1.0, None, 1.0], [None, 2.0, 2.0, 2.0]), weight=0.25)
    assert found.scores[1, 0, 0] == pytest.approx(0.25)
    assert found.scores[2, 0, 0] == pytest.approx(0.25)
    # Two periods after it was last seen the new one weighs 1 - .75^2.
    assert found.scores[3, 0, 0] == pytest.approx(0.25 * 0.5625 + 1 - 0.5625)
    assert found.segments[:, 1].tolist() == [-1, 2, 2, 2]
    assert found.variance[1, 0] == pytest.approx(0.75**2 + 0.25**2)
    assert np.isnan(found.variance[0, 1])


def test_a_border_is_crossed_by_going_well_beyond_it() -> None:
    history = on_line([0.4, 0.56, 0.44, 0.65, 0.45, 0.35])
    assert smoothed(history).segments[:, 0].tolist() == [0, 1, 0, 1, 0, 0]
    assert smoothed(history, hysteresis=1.0).segments[:, 0].tolist() == [0, 0, 0, 1, 1, 0]
    assert smoothed(history, hysteresis=3.0).segments[:, 0].tolist() == [0] * 6


@QUICK
@given(st.lists(st.floats(-0.5, 2.5), min_size=1, max_size=8), st.floats(0.05, 1.0), st.floats(0, 3))
def test_who_does_not_move_keeps_its_segment(places: list[float], weight: float, hysteresis: float) -> None:
    found = smoothed(on_line(*[[place] * 5 for place in places]), weight, hysteresis)
    assert (found.segments == found.segments[0]).all()
    assert (found.segments[0] == LINE.nearest(on_line(*[[place] for place in places])[0])).all()


def test_the_variance_of_what_is_smoothed_is_that_of_simulated_noise() -> None:
    windows = pd.DataFrame({"first_day": 28 * np.arange(6), "index_day": 28 * np.arange(6) + 84})
    together = overlaps(windows)
    assert together[0] == pytest.approx([1, 2 / 3, 1 / 3, 0, 0, 0])
    scores = on_line(*[[1.0] * 6] * 4000)
    levels = np.full(scores.shape[:2], 4.0)
    noisy = still_world(scores, levels, together, LINE.noise, seed=5)
    found = smooth(noisy, levels, together, 0.33, LINE, 0.0)
    assert np.cov(noisy[2].T) == pytest.approx(4 * LINE.noise, abs=0.004)
    assert np.cov(noisy[0, :, 0], noisy[1, :, 0])[0, 1] == pytest.approx(0.04 * 2 / 3, abs=0.003)
    assert found.scores[-1, :, 0].var() == pytest.approx(found.variance[-1, 0] * 0.01, rel=0.1)


def test_a_still_world_has_gaps_where_households_had_them() -> None:
    scores = on_line([1.0, None, 3.0], [0.0, 0.0, 0.0])
    levels = np.where(np.isnan(scores[:, :, 0]), np.nan, 1.0)
    quiet = still_world(scores, levels, np.eye(3), np.zeros((2, 2)), seed=1)
    assert np.isnan(quiet[1, 0]).all() and quiet[0, 0, 0] == quiet[2, 0, 0] == 2.0
    again = [still_world(scores, levels, np.eye(3), LINE.noise, seed) for seed in (1, 1, 2)]
    assert np.array_equal(again[0], again[1], equal_nan=True) and not np.array_equal(again[0], again[2], equal_nan=True)


def test_weights_are_of_28_days() -> None:
    assert weight_of(0.33, 28) == pytest.approx(0.33)
    assert 1 - (1 - weight_of(0.33, 14)) ** 2 == pytest.approx(0.33)
    assert weight_of(1.0, 7) == 1.0


# --------------------------------------------------------------------------------------------------- choice of weight


def noisy_trail(noise: float, drift: float, seed: int = 1, n: int = 600, periods: int = 6) -> Trails:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 2, n) + np.cumsum(drift * rng.normal(size=(periods, n)), axis=0)
    place = truth + noise * rng.normal(size=(periods, n))
    return trail_of(np.stack([place, np.zeros_like(place)], axis=2))


PAIRS = [(one, one + 1) for one in range(5)]


def test_the_more_noise_the_less_the_latest_period_counts() -> None:
    chosen = [
        choose_weight(noisy_trail(noise, drift), np.eye(6), LINE, PAIRS, MigrationSettings()).weight
        for noise, drift in ((0.5, 0.0), (0.2, 0.2), (0.0, 0.5))
    ]
    assert chosen[0] < chosen[1] < chosen[2] == 1.0


def test_a_weight_that_is_set_is_used_and_shown_beside_the_others() -> None:
    found = choose_weight(noisy_trail(0.5, 0.0), np.eye(6), LINE, PAIRS, MigrationSettings(smoothing_weight=0.6))
    used = found.table[found.table["chosen"]]
    assert found.weight == 0.6 and used["weight"].tolist() == [0.6]
    assert used["reason"].tolist() == ["migration.smoothing_weight is 0.6"]
    assert found.table["weight"].tolist() == sorted({*WEIGHTS, 0.6})


def test_where_nothing_can_be_forecast_the_latest_period_stands_alone() -> None:
    found = choose_weight(noisy_trail(0.5, 0.0), np.eye(6), LINE, [], MigrationSettings())
    assert found.weight == 1.0 and found.table["forecast_error"].isna().all()
    assert "no two periods that share no day" in found.table.loc[found.table["chosen"], "reason"].iloc[0]
    # From the first period on there is nothing to smooth: all weights forecast alike.
    first = choose_weight(noisy_trail(0.5, 0.0), np.eye(6), LINE, [(0, 5)], MigrationSettings())
    assert first.weight == 1.0 and first.table["forecast_error"].nunique() == 1


# -------------------------------------------------------------------------------------------------------- membership


def test_who_moved_who_wavers_who_left_and_who_is_new() -> None:
    scores = on_line(
        [0.0, 0.0, 2.0, 2.0],
        [0.45, 0.45, 0.55, 0.55],
        [1.0, 1.0, 1.0, None],
        [None, None, None, 1.0],
        [0.0, 0.0, None, 0.9],
    )
    trail, found = trail_of(scores), smoothed(scores)
    chances = Steps(np.array([0.0, 10.0]), np.array([0.4, 0.9]))
    move = Move(0, 3, LINE, noise_threshold([halves_of(500, 6)], LINE, 0.95))
    table = household_membership(trail, found, [4, 5, 6, 7], LINE, chances, move, ("a", "b", "c"))
    assert table["moved"].tolist() == [True, False, False, False, True]
    assert table["segment"].tolist() == ["c", "b", ABSENT, "b", "b"]
    assert table["smoothed_segment"].tolist() == ["c", "b", "b", "b", "b"]
    assert table["earlier_segment"].where(table["earlier_segment"].notna(), "").tolist() == ["a", "a", "b", "", "a"]
    assert table["last_period"].tolist() == [7, 7, 6, 7, 7] and table["n_periods"].tolist() == [4, 4, 3, 1, 3]
    assert table["confidence"].between(0.4, 0.9).all()
    assert table.loc[1, "confidence"] < table.loc[0, "confidence"]


def test_without_an_earlier_period_nobody_has_moved() -> None:
    scores = on_line([0.0, 2.0], [1.0, 1.0])
    table = household_membership(trail_of(scores), smoothed(scores), [0, 1], LINE, NOTHING, None, ("a", "b", "c"))
    assert not table["moved"].any() and table["earlier_segment"].isna().all() and table["confidence"].isna().all()


def test_of_households_that_do_not_change_few_count_as_moved() -> None:
    halves = halves_of(4000, 8, few=3.0)
    borders = measure_borders(LINE.centroids, [halves])
    threshold = noise_threshold([halves], borders, 0.95)
    fresh = halves_of(4000, 9, few=3.0)
    scores = np.stack([fresh.first, fresh.second])
    levels = borders.levels(np.stack([fresh.baskets, fresh.baskets]))
    found = smooth(scores, levels, np.eye(2), 1.0, borders, 0.0)
    moved = Move(0, 1, borders, threshold).of(scores, levels, found)
    assert 0 < moved.mean() < 0.05
    assert (found.segments[0] != found.segments[1]).mean() > 0.15
    # Seldom and often alike: noise is that of the household.
    assert abs(moved[fresh.baskets == 2].mean() - moved[fresh.baskets == 40].mean()) < 0.04


# -------------------------------------------------------------------------------------------------------- prediction


def test_variance_explained_is_that_of_group_means() -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 3, 200)
    values = 1e6 + codes * 2.0 + rng.normal(size=200)
    means = pd.Series(values).groupby(codes).transform("mean")
    expected = means.var(ddof=0) / values.var()
    weights = np.stack([np.ones(200), np.repeat([2.0, 0.0], 100)])
    found = explained(codes, values, weights)
    assert found[0] == pytest.approx(expected)
    assert found[1] == pytest.approx(explained(codes[:100], values[:100], np.ones((1, 100)))[0])
    assert explained(np.array([2, 0, 1])[codes], values, weights) == pytest.approx(found)
    assert explained(codes, codes.astype(float), weights) == pytest.approx(np.ones(2))
    assert np.isnan(explained(codes, np.ones(200), weights)).all()
    assert np.isnan(explained(np.empty(0, dtype=np.int64), np.empty(0), np.ones((2, 0)))).all()


def test_a_label_that_matters_is_told_from_one_that_does_not() -> None:
    trail = noisy_trail(0.1, 0.0)
    chance = np.random.default_rng(2).integers(0, 3, trail.codes["segment"].shape)
    weights = np.ones((20, 600))
    table = label_prediction({**trail.codes, "chance": chance}, trail.outcomes, PAIRS, weights, 0.95)
    assert len(table) == 6
    r2 = table.set_index(["label", "outcome"])["r2"]
    assert r2["segment", "basket"] > 0.7 and r2["chance", "basket"] < 0.02
    assert label_prediction(trail.codes, trail.outcomes, [], weights, 0.95).empty
