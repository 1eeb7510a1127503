"""Fits are shared by content: what was fitted already is not fitted again, and what differs in anything is."""

import numpy as np
import pytest

from dunnhumby_pipeline.causal.nuisance import models
from dunnhumby_pipeline.causal.nuisance.models import BOTH, LINEAR_ONLY, TREES_ONLY, fit_outcomes, fit_propensity
from dunnhumby_pipeline.causal.nuisance.remembered import _MOST, digest, forget, remembered


@pytest.fixture(autouse=True)
def _nothing_known():
    forget()
    yield
    forget()


@pytest.fixture
def trees_grown(monkeypatch):
    """How many times trees were grown."""
    calls = []
    grow = models.boost
    monkeypatch.setattr(models, "boost", lambda *given: calls.append(1) or grow(*given))
    return calls


def _trials(seed=0, n=200):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    treated = (rng.random(n) < 0.5).astype("int64")
    return x, treated, np.arange(n), x[:, :1] + rng.standard_normal((n, 1))


def test_the_same_numbers_are_fitted_once_and_variants_use_what_is_there(trees_grown):
    x, treated, households, y = _trials()
    first = fit_outcomes(x, y, households, 1)[0], fit_propensity(x, treated, households, 1)
    assert len(trees_grown) == 2
    again = fit_outcomes(x.copy(), y.copy(), households, 1)[0], fit_propensity(x.copy(), treated, households, 1)
    alone = fit_outcomes(x, y, households, 1, TREES_ONLY)[0], fit_propensity(x, treated, households, 1, TREES_ONLY)
    fit_outcomes(x, y, households, 1, LINEAR_ONLY), fit_propensity(x, treated, households, 1, LINEAR_ONLY)
    assert len(trees_grown) == 2
    assert np.array_equal(first[0].mean(x), again[0].mean(x))
    assert np.array_equal(first[1].probability(x), again[1].probability(x))
    forget()
    anew = fit_outcomes(x, y, households, 1, TREES_ONLY)[0], fit_propensity(x, treated, households, 1, TREES_ONLY)
    assert len(trees_grown) == 4
    assert np.array_equal(alone[0].mean(x), anew[0].mean(x))
    assert np.array_equal(alone[1].probability(x), anew[1].probability(x))


@pytest.mark.parametrize("changed", ["x", "y", "start", "seed", "households"])
def test_whatever_differs_is_fitted_anew(changed, trees_grown):
    x, _, households, y = _trials()
    given = {"x": x, "outcomes": y, "households": households, "seed": 1, "candidates": BOTH}
    fit_outcomes(**given)
    other = {
        "x": {"x": np.where(np.arange(3) == 2, np.nextafter(x, 9), x)},
        "y": {"outcomes": np.nextafter(y, 9)},
        "start": {"start": np.full(y.shape, 1e-3)},
        "seed": {"seed": 2},
        "households": {"households": households // 2},
    }[changed]
    fit_outcomes(**(given | other))
    assert len(trees_grown) == 2


def test_a_propensity_is_not_that_of_other_treatments(trees_grown):
    x, treated, households, _ = _trials()
    one, other = fit_propensity(x, treated, households, 1), fit_propensity(x, 1 - treated, households, 1)
    assert len(trees_grown) == 2
    assert not np.allclose(one.probability(x), other.probability(x))


def test_arrays_are_told_apart_by_content_shape_and_type():
    a = np.arange(6.0)
    assert digest(a) == digest(a.copy()) == digest(np.repeat(a, 2)[::2])
    assert len({digest(a), digest(a.reshape(2, 3)), digest(a.view("int64")), digest(a + 1)}) == 4


def test_what_was_asked_for_longest_ago_is_dropped():
    fits = []
    for number in range(_MOST + 1):
        remembered(("some", number), lambda number=number: fits.append(number) or number)
        remembered(("some", 0), lambda: fits.append("again"))
    assert len(fits) == _MOST + 1
    remembered(("some", 1), lambda: fits.append("again"))
    assert fits[-1] == "again"
    assert len(fits) == _MOST + 2
