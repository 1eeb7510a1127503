"""The reduced search for effects that differ, against slow formulas and planted effects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from dunnhumby_pipeline.causal.cate import reduced
from dunnhumby_pipeline.causal.cate.reduced import Reduced, not_negative, standard, stumps
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


def sloped(x: Array) -> Array:
    return 2.0 + 2.0 * x[:, 2]


def stepped(x: Array) -> Array:
    return np.where(x[:, 3] > 0.3, 4.0, 0.0)


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(500, seed=4, effect=sloped, n_campaigns=2)


@pytest.mark.parametrize("effect", [sloped, stepped])
def test_planted_effects_are_found_out_of_fold(effect: object) -> None:
    known = simulate_trials(800, seed=5, effect=effect)  # type: ignore[arg-type]
    data = known.residuals()
    found = Reduced(known.x, data).find(data.outcome_residual[:, None])
    assert np.corrcoef(found.effect[:, 0], known.effect)[0, 1] > 0.8
    later = np.isfinite(found.sequential[:, 0])
    assert np.array_equal(later, data.folds > 0)
    assert np.corrcoef(found.sequential[later, 0], known.effect[later])[0, 1] > 0.7
    assert found.constant.mean() == pytest.approx(known.ato, abs=0.4)


def test_one_effect_for_all_stays_one() -> None:
    known = simulate_trials(800, seed=6, effect=flat)
    data = known.residuals()
    found = Reduced(known.x, data).find(data.outcome_residual[:, None])
    assert np.std(found.effect) < 0.3
    assert found.effect.mean() == pytest.approx(2.0, abs=0.3)


def test_a_fold_is_judged_by_others_alone(known: Known) -> None:
    data = known.residuals()
    search, ry = Reduced(known.x, data), data.outcome_residual
    changed = np.where(data.folds == 1, 100.0, ry)
    first, second = (search.find(own[:, None]) for own in (ry, changed))
    for name in ("effect", "constant", "sequential"):
        before, after = (getattr(found, name)[:, 0] for found in (first, second))
        # The weights of a fold come from out-of-fold effects of the others, whose models saw it; its own do not.
        own = data.folds == 1
        if name != "effect":
            assert np.array_equal(before[own], after[own])
    earlier = data.folds <= 1
    known_first, known_second = first.sequential[earlier, 0], second.sequential[earlier, 0]
    assert np.array_equal(known_first, known_second, equal_nan=True)
    assert not np.allclose(first.sequential[data.folds == 2, 0], second.sequential[data.folds == 2, 0])


def test_draws_do_not_touch_each_other(known: Known) -> None:
    data = known.residuals()
    search, rng = Reduced(known.x, data), np.random.default_rng(0)
    several = data.outcome_residual[:, None] + rng.normal(size=(len(known.x), 3))
    together = search.find(several)
    for number in range(3):
        alone = search.find(several[:, [number]])
        assert np.allclose(together.effect[:, number], alone.effect[:, 0], atol=1e-3)


def test_boosting_on_moments_is_boosting_on_trials() -> None:
    rng = np.random.default_rng(1)
    columns, y = rng.normal(size=(60, 7)), rng.normal(size=60)
    left, slow = y.copy(), np.zeros(7)
    for _ in range(reduced._N_ROUNDS):
        slopes = columns.T @ left / (columns**2).sum(axis=0)
        best = int(np.argmax(slopes**2 * (columns**2).sum(axis=0)))
        slow[best] += reduced._STEP * slopes[best]
        left -= reduced._STEP * slopes[best] * columns[:, best]
    quick = reduced._boosted(reduced._unit_steps(columns.T @ columns), (columns.T @ y)[:, None])[:, 0]
    assert quick == pytest.approx(slow, abs=1e-4)


def test_ridges_have_the_parameters_they_promise() -> None:
    rng = np.random.default_rng(2)
    columns, y = rng.normal(size=(80, 30)), rng.normal(size=80)
    products = columns.T @ columns
    values = np.linalg.eigvalsh(products)
    ridges = reduced._ridges(products).coefficients(columns.T @ y[:, None])
    for parameters, found in zip(reduced._PARAMETERS, ridges, strict=True):
        penalty = optimize.brentq(lambda at, most=parameters: (values / (values + at)).sum() - most, 1e-6, 1e9)
        assert found[:, 0] == pytest.approx(np.linalg.solve(products + penalty * np.eye(30), columns.T @ y), abs=1e-6)


def test_weights_are_those_of_non_negative_least_squares() -> None:
    rng = np.random.default_rng(3)
    columns, y = rng.normal(size=(25, 40, 3)), rng.normal(size=(25, 40))
    squares, products = np.einsum("dna,dnb->dab", columns, columns), np.einsum("dna,dn->da", columns, y)
    found = not_negative(squares, products)
    for number in range(25):
        assert found[number] == pytest.approx(optimize.nnls(columns[number], y[number])[0], abs=1e-6)
    assert (not_negative(np.zeros((1, 3, 3)), np.zeros((1, 3))) == 0).all()


def test_covariates_that_do_not_vary_say_nothing(known: Known) -> None:
    data = known.residuals()
    constant = np.column_stack([known.x, np.full(len(known.x), 7.0)])
    assert (standard(constant)[:, -1] == 0).all()
    assert np.abs(standard(constant * 1e6)).max() <= 3
    with_it, without = (Reduced(x, data).find(data.outcome_residual[:, None]).effect for x in (constant, known.x))
    assert np.allclose(with_it, without, atol=1e-3)
    nothing = Reduced(np.zeros((len(known.x), 2)), data).find(data.outcome_residual[:, None])
    assert np.allclose(nothing.effect, nothing.constant)


def test_stumps_have_both_arms_on_either_side(known: Known) -> None:
    treated = known.trials["treated"].to_numpy(float)
    found = stumps(known.x, treated)
    assert found.shape[1] == 16
    for arm in (0, 1):
        above = found[treated == arm].sum(axis=0)
        assert ((above >= 25) & (above <= (treated == arm).sum() - 25)).all()
    assert stumps(known.x[:40], treated[:40]).shape[1] == 0


def test_two_folds_are_enough(known: Known) -> None:
    data = replace(known.residuals(), folds=known.residuals(2).folds)
    found = Reduced(known.x, data).find(data.outcome_residual[:, None])
    assert np.isfinite(found.effect).all()
    assert np.isfinite(found.sequential[data.folds == 1]).all()


def test_moments_of_covariates_are_worked_out_once_for_all_draws(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    solved: list[int] = []
    eigh = np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda products: solved.append(1) or eigh(products))
    data = known.residuals()
    search = Reduced(known.x, data)
    for _ in range(3):
        search.find(data.outcome_residual[:, None])
    n_folds = len(np.unique(data.folds))
    # All folds but one, each of them once, and all before one: of the last these are the same.
    assert len(solved) == n_folds + (n_folds - 2)
