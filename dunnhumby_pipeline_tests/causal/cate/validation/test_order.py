"""Tests of an order of households, on trials whose effects are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.resampling import subset
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.ranking import half_samples, overlap_weights, rank
from dunnhumby_pipeline.causal.cate.validation.sequential import Statistic, by_fold, sequential_effects
from dunnhumby_pipeline.causal.cate.validation.targeting_curve import (
    above_average,
    autoc,
    autoc_weights,
    qini,
    qini_weights,
    targeting_curve,
    top_minus_bottom,
)
from dunnhumby_pipeline.causal.cate.validation.uplift import uplift_areas
from dunnhumby_pipeline_tests.fakes.known_truth import Known, simulate_trials

ORDERS = (best_linear_predictor, autoc, qini, top_minus_bottom)


def planted(seed: int = 1, n_households: int = 1500) -> Known:
    return simulate_trials(n_households, seed, lambda x: 2 + 3 * x[:, 1], n_campaigns=2, noise=4.0)


def test_one_effect_for_all_is_spread_over_all_places() -> None:
    places = rank(np.full(6, 3.0), np.ones(6), np.zeros(6, dtype=int))
    assert not places.has_order
    assert np.allclose(places.groups(3), 1 / 3) and np.allclose(places.among_first(0.25), 0.25)
    assert np.allclose(autoc_weights(places), 0) and np.allclose(qini_weights(places), 0)


@pytest.mark.parametrize("ties", [False, True])
def test_sums_over_the_first_are_those_of_the_matrix(ties: bool) -> None:
    rng = np.random.default_rng(5)
    effect = rng.integers(0, 7, 400).astype(float) if ties else rng.normal(size=400)
    places = rank(effect, rng.uniform(0.1, 1, 400), rng.integers(0, 3, 400))
    shares, values = np.linspace(0, 1, 21)[1:], rng.normal(size=400)
    np.testing.assert_allclose(places.totals(values, shares), values @ places.among_first(shares), atol=1e-10)


def test_places_are_those_within_the_fold() -> None:
    effect, folds = np.array([5.0, 1.0, 3.0, 2.0]), np.array([0, 0, 1, 1])
    places = rank(effect, np.ones(4), folds)
    assert places.start.tolist() == [0.0, 0.5, 0.0, 0.5]
    moved = rank(effect + 100 * folds, np.ones(4), folds)
    assert (moved.start == places.start).all() and (moved.end == places.end).all()


@pytest.mark.parametrize("counts_of", [autoc_weights, qini_weights])
def test_ties_are_what_their_orders_are_on_average(counts_of: object) -> None:
    effect, scores = np.array([4.0, 2.0, 2.0, 2.0, 1.0, 1.0]), np.array([9.0, -1.0, 5.0, 2.0, 0.0, 7.0])
    tied = scores @ counts_of(rank(effect, np.ones(6), np.zeros(6, dtype=int)))  # type: ignore[operator]
    drawn = []
    for middle in permutations([1, 2, 3]):
        for last in permutations([4, 5]):
            order = [0, *middle, *last]
            broken = np.empty(6)
            broken[order] = np.arange(6, 0, -1)
            drawn.append(scores @ counts_of(rank(broken, np.ones(6), np.zeros(6, dtype=int))))  # type: ignore[operator]
    assert tied == pytest.approx(np.mean(drawn))


def test_half_samples_keep_households_whole_in_every_fold() -> None:
    households, folds = np.repeat(np.arange(40), 3), np.repeat(np.arange(40) % 4, 3)
    for drawn in half_samples(households, folds, 5, seed=1):
        kept = np.unique(households[drawn])
        assert drawn.sum() == 3 * len(kept)
        assert np.bincount(kept % 4).tolist() == [5, 5, 5, 5]


def test_the_slope_is_one_for_the_truth_and_half_for_twice_the_truth() -> None:
    known = planted()
    data = known.residuals()
    found = best_linear_predictor(data, known.effect)
    lower, upper = found.interval(0.95)
    assert lower < 1 < upper and found.p < 1e-6
    assert best_linear_predictor(data, 2 * known.effect).estimate == pytest.approx(found.estimate / 2)
    right, wrong = (best_linear_predictor(data, times * known.effect, null=1.0) for times in (1, 3))
    assert right.p_two_sided > 0.05 and wrong.p_two_sided < 0.01


@pytest.mark.parametrize("judge", ORDERS)
def test_an_order_is_believed_and_its_reverse_is_not(judge: object) -> None:
    known = planted()
    data = known.residuals()
    assert judge(data, known.effect).p < 1e-4  # type: ignore[operator]
    assert judge(data, -known.effect).p > 1 - 1e-4  # type: ignore[operator]


@pytest.mark.parametrize("judge", ORDERS)
def test_one_effect_for_each_fold_is_no_order(judge: object) -> None:
    data = planted().residuals()
    found = judge(data, 100.0 * data.folds)  # type: ignore[operator]
    assert np.isnan(found.estimate) and np.isnan(found.p)
    assert np.isnan(by_fold(judge, data, 100.0 * data.folds).p)  # type: ignore[arg-type]


@pytest.mark.parametrize("judge", ORDERS)
def test_copies_of_trials_prove_nothing(judge: object) -> None:
    known = planted(n_households=400)
    data = known.residuals()
    twice = subset(data, np.tile(np.arange(len(data.y)), 2))
    once, copied = judge(data, known.effect), judge(twice, np.tile(known.effect, 2))  # type: ignore[operator]
    assert copied.se == pytest.approx(once.se, rel=0.02) and copied.estimate == pytest.approx(once.estimate, rel=0.02)


def test_folds_are_put_together_as_a_sum_of_standardised_statistics() -> None:
    known = planted(n_households=300)
    data = known.residuals(n_folds=4)
    effect = np.where(data.folds == 0, np.nan, known.effect)
    own = [best_linear_predictor(subset(data, data.folds == fold), effect[data.folds == fold]) for fold in (1, 2, 3)]
    found = by_fold(best_linear_predictor, data, effect)
    assert found.estimate / found.se == pytest.approx(sum(one.estimate / one.se for one in own) / np.sqrt(3))
    assert min(one.estimate for one in own) <= found.estimate <= max(one.estimate for one in own)


def test_sequential_effects_know_no_outcome_of_their_own_or_later_folds() -> None:
    known = planted(n_households=200)
    data = known.residuals(n_folds=4)
    effects = sequential_effects(RLearner, known.x, data)
    assert np.isnan(effects[data.folds == 0]).all() and np.isfinite(effects[data.folds > 0]).all()
    changed = replace(data, y=np.where(data.folds >= 2, data.y + 50 * data.treated * known.x[:, 2], data.y))
    after = sequential_effects(RLearner, known.x, changed)
    assert np.array_equal(after[data.folds <= 2], effects[data.folds <= 2], equal_nan=True)
    assert not np.allclose(after[data.folds == 3], effects[data.folds == 3])


def test_the_areas_are_those_under_the_curves() -> None:
    known = planted()
    found = targeting_curve(known.residuals(), known.effect, 12.73, n_steps=100, n_halves=50)
    fine = found.curve
    assert found.qini.estimate == pytest.approx(fine["qini"].mean(), rel=0.02)
    assert found.autoc.estimate == pytest.approx(fine["toc"].mean(), rel=0.1)
    assert fine["toc"].iloc[-1] == pytest.approx(0, abs=1e-9)
    # What the first half truly gains, by overlap weights.
    weights = overlap_weights(known.residuals())
    first = rank(known.effect, weights, known.residuals().folds).among_first(0.5)
    truth = np.average(known.effect, weights=weights * first) - known.ato
    half = fine.loc[(fine["share"] - 0.5).abs().idxmin()]
    assert half["toc_lower"] < truth < half["toc_upper"]


def test_the_band_holds_everywhere_and_is_wider_than_at_a_point() -> None:
    known = simulate_trials(300, 3, lambda x: np.full(len(x), 2.0), noise=4.0)
    covered = []
    for seed in range(14):
        effect = np.random.default_rng(seed).normal(size=len(known.x))
        curve = targeting_curve(known.residuals(), effect, 0.0, n_halves=50, seed=seed).curve.iloc[:-1]
        covered.append(((curve["toc_lower"] < 0) & (curve["toc_upper"] > 0)).all())
    assert np.mean(covered) >= 0.85


def test_what_a_contact_costs_moves_profit_and_not_the_order() -> None:
    known = planted(n_households=300)
    free, dear = (targeting_curve(known.residuals(), known.effect, cost, n_halves=50).curve for cost in (0.0, 4.0))
    assert np.allclose(free["qini"], dear["qini"]) and np.allclose(free["profit"] - dear["profit"], 4 * free["share"])
    assert np.allclose(dear["profit"], dear["gain"] - dear["spend"])


def test_the_unadjusted_area_prefers_lots_to_the_right_order() -> None:
    # Those who spend least respond most, and are targeted least.
    known = simulate_trials(2000, 5, lambda x: 2 - 1.0 * x[:, 0], noise=1.0)
    found = uplift_areas(known.residuals(), known.effect, n_halves=50)
    assert found.adjusted.estimate > found.adjusted_by_lot
    assert found.unadjusted.estimate < found.unadjusted_by_lot
    assert found.unadjusted_by_lot > found.adjusted_by_lot + 1.5
    by_lot = uplift_areas(known.residuals(), np.zeros(len(known.x)), n_halves=50)
    assert by_lot.adjusted.estimate == pytest.approx(by_lot.adjusted_by_lot)
    assert by_lot.unadjusted.estimate == pytest.approx(by_lot.unadjusted_by_lot)


def test_the_first_are_compared_with_all() -> None:
    known = planted()
    data = known.residuals()
    curve = targeting_curve(data, known.effect, 0.0, n_steps=10, n_halves=50).curve.set_index("share")
    assert above_average(data, known.effect, 0.2).estimate == pytest.approx(curve["toc"].iloc[1])


def test_a_statistic_without_error_has_no_p() -> None:
    assert np.isnan(Statistic(1.0, 0.0).p)
    assert Statistic(1.645, 1.0).p == pytest.approx(0.05, abs=1e-4)


def test_without_a_difference_tests_in_sequence_seldom_reject() -> None:
    # Effects by a lasso on known nuisances, where the truth is one effect for all: 5 % of p-values lie below .05.
    p = []
    for seed in range(40):
        known = simulate_trials(150, [7, seed], lambda x: np.full(len(x), 2.0), n_campaigns=2, household_noise=2.0)
        data = known.residuals(n_folds=4)
        noisy = known.x[:, [2, 3]] @ np.random.default_rng(seed).normal(size=2)
        p.append(by_fold(best_linear_predictor, data, np.where(data.folds == 0, np.nan, noisy)).p)
    assert np.mean(np.array(p) < 0.05) <= 0.12
    assert 0.35 < np.mean(p) < 0.65
