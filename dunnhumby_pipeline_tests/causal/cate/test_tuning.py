"""The search over settings of learners: draws that are all valid, failures that are told, a best that is found."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from dunnhumby_pipeline.causal.cate import tuning
from dunnhumby_pipeline.causal.cate.learners.base import Learner
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.tuning import (
    COMPLETE,
    FAILED,
    SPACES,
    Real,
    TuningError,
    Whole,
    judge,
    made,
    search,
)
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import CateSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SMALL = CateSettings(n_trees=20, n_jobs=1)
tunes = pytest.mark.skipif(find_spec("optuna") is None, reason="optuna is not installed: no search is made")
on_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: no search is made on a cluster")


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(200, seed=21, effect=lambda x: 2.0 + 3.0 * x[:, 2], n_campaigns=2)


class Corner:
    """Draws the lowest or the highest, or a number between."""

    def __init__(self, share: float) -> None:
        self.share = share

    def suggest_int(self, name: str, low: int, high: int, step: int = 1, log: bool = False) -> int:
        return low + int(self.share * ((high - low) // step)) * step

    def suggest_float(self, name: str, low: float, high: float, log: bool = False) -> float:
        return low + self.share * (high - low)


@pytest.mark.parametrize("name", SPACES)
def test_no_draw_is_invalid(name: str, known: Known) -> None:
    data = known.residuals()
    for share in (0.0, 1.0):
        drawn = {key: own.drawn(Corner(share), key) for key, own in SPACES[name].items()}
        learner = made(name, SMALL, 1, drawn)
        assert drawn.items() <= learner.get_params().items()
        if "n_trees" in drawn:
            drawn["n_trees"] = min(drawn["n_trees"], 40)
        loss, reason = judge(known.x, data, SMALL, 1, name, drawn)
        assert np.isfinite(loss)
        assert reason is None


def test_forests_are_drawn_in_whole_bags_of_halves() -> None:
    for name in ("causal_forest", "forest_dr"):
        trees, samples = SPACES[name]["n_trees"], SPACES[name]["max_samples"]
        assert isinstance(trees, Whole)
        assert isinstance(samples, Real)
        assert (trees.low % 4, trees.high % 4, trees.step) == (0, 0, 4)
        assert samples.high <= 0.5
    # Optuna takes no step on a logarithmic scale.
    assert all(
        not (own.log and own.step > 1) for space in SPACES.values() for own in space.values() if isinstance(own, Whole)
    )


@tunes
def test_a_search_finds_the_same_learner_twice_and_beats_the_constant(known: Known) -> None:
    data = known.residuals()
    names = ("x_xgboost", "r_xgboost")
    first, second = (search(known.x, data, SMALL, 3, n_draws, names) for n_draws in (6, 3))
    own = ["draw", "learner", "parameters", "r_loss", "gain_over_constant", "state", "reason"]
    assert first.draws.columns.tolist() == own
    assert first.draws["draw"].tolist() == list(range(6))
    assert set(first.draws["state"]) == {COMPLETE}
    assert first.draws["reason"].isna().all()
    assert first.draws["r_loss"].tolist()[:3] == second.draws["r_loss"].tolist()
    best = first.draws.loc[first.draws["r_loss"].idxmin()]
    assert first.learner.name == best["learner"]
    assert json.loads(best["parameters"]).items() <= first.learner.get_params().items()
    assert best["gain_over_constant"] > 0
    effect = first.learner.fit(known.x, data).predict(known.x)
    assert np.corrcoef(effect, known.effect)[0, 1] > 0.8


class Breaks(LEARNERS["r_xgboost"]):  # type: ignore[misc]
    """Cannot be fitted with deep trees, and says nothing finite with trees of depth 2."""

    def fit(self, x: Array, data: Residuals) -> Learner:
        if self.deepest > 2:
            raise ValueError("too deep")
        return super().fit(x, data)

    def predict(self, x: Array) -> Array:
        return super().predict(x) * (np.nan if self.deepest == 2 else 1.0)


def test_a_draw_that_fails_says_why(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS, "r_xgboost", Breaks)
    data = known.residuals()
    assert judge(known.x, data, SMALL, 1, "r_xgboost", {"deepest": 3})[1] == "ValueError: too deep"
    loss, reason = judge(known.x, data, SMALL, 1, "r_xgboost", {"deepest": 2})
    assert np.isnan(loss)
    assert reason == "400 effects are not finite"
    assert judge(known.x, data, SMALL, 1, "r_xgboost", {"deepest": 1})[1] is None


@tunes
def test_draws_that_fail_stay_in_the_table(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LEARNERS, "r_xgboost", Breaks)
    data = known.residuals()
    draws = search(known.x, data, SMALL, 1, 8, ["r_xgboost"]).draws
    failed = draws["state"] == FAILED
    assert 0 < failed.sum() < 8
    assert draws["r_loss"].isna().equals(failed)
    assert draws["reason"].notna().equals(failed)
    deep = {**SPACES, "r_xgboost": {**SPACES["r_xgboost"], "deepest": Whole(3, 6)}}
    monkeypatch.setattr(tuning, "SPACES", deep)
    with pytest.raises(TuningError, match="all 4 draws failed; the last said: ValueError: too deep"):
        search(known.x, data, SMALL, 1, 4, ["r_xgboost"])


def test_what_cannot_be_searched_is_said(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    data = known.residuals()
    with pytest.raises(TuningError, match="nothing to search of linear_dml; choose among x_xgboost,"):
        search(known.x, data, SMALL, 1, names=["linear_dml"])
    with pytest.raises(TuningError, match="nothing to search of no learner"):
        search(known.x, data, SMALL, 1, names=[])
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TuningError, match=r"pip install 'dunnhumby-pipeline\[tune\]'"):
        search(known.x, data, SMALL, 1)


@tunes
def test_a_cluster_without_ray_is_said(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(TuningError, match=r"the cluster 10\.0\.0\.1:6379 is reached by ray, which is not installed"):
        search(known.x, known.residuals(), SMALL, 1, ray_address="10.0.0.1:6379")


@tunes
@on_ray
def test_a_cluster_finds_what_one_machine_finds(known: Known) -> None:
    data = known.residuals()
    here, there = (search(known.x, data, SMALL, 3, 4, ["r_xgboost"], address) for address in (None, "local"))
    assert here.draws.equals(there.draws)
