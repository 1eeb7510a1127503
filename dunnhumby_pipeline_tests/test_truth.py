"""The benchmark of known effects: its data say what they claim, its measures are right, and it runs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.truth import judged, measured, near_constant, summary
from benchmarks.truth_data import KINDS, OVERLAPS, DataSet, campaigns, ihdp
from benchmarks.truth_methods import OURS, Found, methods
from dunnhumby_pipeline.causal.cate import candidates
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner
from dunnhumby_pipeline.contracts.names import CONSTANT


@pytest.fixture(scope="module")
def linear() -> DataSet:
    return campaigns("linear", "fair", 400, seed=1)


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_what_their_kind_says(kind: str) -> None:
    data = campaigns(kind, "good", 3000, seed=2)
    mean, varies = {
        "null": (0, False),
        "constant": (30, False),
        "linear": (30, True),
        "threshold": (15, True),
        "opposite": (0, True),
    }[kind]
    assert data.effect_test.mean() == pytest.approx(mean, abs=2)
    assert bool(data.effect_test.std() > 1) is varies
    assert data.flat is not varies
    # A household comes back at other campaigns, and what it spends is skewed as spend is.
    assert len(np.unique(data.households)) == 3000 < len(data.y)
    assert (data.y.mean() - np.median(data.y)) / data.y.std() > 0.1


def test_less_overlap_is_more_confounding() -> None:
    biases = []
    for overlap in OVERLAPS:
        data = campaigns("null", overlap, 3000, seed=3)
        biases.append(data.y[data.treatment == 1].mean() - data.y[data.treatment == 0].mean())
    assert 5 < biases[0] < biases[1] < biases[2]


def test_the_truth_itself_scores_best(linear: DataSet) -> None:
    truth = linear.effect_test
    best = judged(linear, Found(truth, (truth - 1, truth + 1), linear.mean_effect))
    assert best["pehe"] == best["ate_error"] == 0
    assert best["value"] == pytest.approx(best["best_value"])
    assert best["covered"] == 1
    flat = judged(linear, Found(np.full(len(truth), truth.mean() + 1), None, 31.0))
    assert flat["pehe"] == pytest.approx(np.hypot(truth.std(), 1))
    assert flat["value"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(flat["covered"])


def test_value_of_the_reverse_is_a_loss(linear: DataSet) -> None:
    assert judged(linear, Found(-linear.effect_test, None, 0.0))["value"] < 0


def test_ihdp_is_read_without_a_header_and_split(tmp_path: Path) -> None:
    rows = np.column_stack([np.tile([0, 1], 50), np.ones(100), np.zeros(100), np.full(100, 2.0), np.full(100, 6.0)])
    pd.DataFrame(np.hstack([rows, np.ones((100, 25))])).to_csv(tmp_path / "ihdp_npci_1.csv", header=False, index=False)
    data = ihdp(tmp_path, 1)
    assert data.x.shape[1] == 25
    assert len(data.x) + len(data.x_test) == 100
    assert set(data.effect_test) == {4.0}


def test_a_short_run_puts_the_constant_first_where_effects_do_not_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "LEARNERS", {kind.name: kind for kind in (Constant, TLearner, RLearner)})
    known = {
        name: method for name, method in methods(False).items() if name in (OURS, CONSTANT, "econml TLearner, xgboost")
    }
    sets = [campaigns(kind, "good", 150, seed=4) for kind in ("constant", "linear")]
    found = pd.DataFrame(measured(sets, known))
    table = summary(found)
    assert len(found) == 6
    assert table.loc[("campaigns", CONSTANT), "n_data_sets"] == 2
    share = near_constant(found)
    assert share[CONSTANT] == 1
    assert share["econml TLearner, xgboost"] == 0
    assert share[OURS] == 1
