"""All tests of an order together, as the tables of a study: what holds is said to hold, what does not is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.cate.explanation.credibility import credibility
from dunnhumby_pipeline.causal.cate.explanation.drivers import effect_drivers
from dunnhumby_pipeline.causal.cate.explanation.subgroups import subgroups
from dunnhumby_pipeline.causal.cate.validation.blp import best_linear_predictor
from dunnhumby_pipeline.causal.cate.validation.candidate import MEAN_OF_LEARNERS, Candidate, candidate
from dunnhumby_pipeline.causal.cate.validation.groups import by_label, group_means
from dunnhumby_pipeline.causal.cate.validation.meanings import NO_ORDER, meaning
from dunnhumby_pipeline.causal.cate.validation.proof import heterogeneity_proven
from dunnhumby_pipeline.causal.cate.validation.sequential import by_fold
from dunnhumby_pipeline.causal.cate.validation.validate import Validation, validate
from dunnhumby_pipeline.contracts import registry
from dunnhumby_pipeline.contracts.names import CONSTANT, STACK, TRIAL_KEY
from dunnhumby_pipeline.orchestration.checks.contract import schema_and_keys
from dunnhumby_pipeline.settings import CateSettings, ValidationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

NAMES = ("first", "second", "third", "fourth")
SETTINGS = ValidationSettings(n_half_samples=50)


def planted(slope: float = 3.0) -> Known:
    return simulate_trials(900, 1, lambda x: 2 + slope * x[:, 1], n_campaigns=2, noise=4.0)


def validated(known: Known, effect: Array, chosen: bool = True) -> Validation:
    data = known.residuals(n_folds=4)
    judged = Candidate("r_learner", chosen, effect, np.where(data.folds == 0, np.nan, effect))
    segments = np.where(known.x[:, 1] > 0, "high", "low")
    # Fresh are those of higher effects too; what grocery is has nothing to do with them.
    needs = np.where(known.x[:, 1] > 0.5, "fresh", np.where(known.x[:, 2] > 0, "grocery", "none"))
    labels = pd.DataFrame({"lookback_segment": segments, "lookback_need": needs})
    models = {"r_learner": effect, "other": known.x[:, 1]}
    return validate(data, judged, models, labels, known.x, NAMES, 1.0, SETTINGS, (0.1, 0.9), 0.95, 1)


ORDER = ["blp", "autoc", "qini", "top_minus_bottom", "uplift_at_10%", "uplift_at_50%"]


def test_an_order_that_holds_passes_and_one_by_lot_does_not() -> None:
    known = planted()
    held = validated(known, known.effect).tests.set_index("test")
    assert held.loc[
        [*ORDER, "calibration_slope", "calibration_error", "segments_differ", "needs_differ"], "passed"
    ].all()
    assert (held.loc[ORDER, "p"] < 0.05).all() and held["chosen"].all()
    lot = validated(known, np.random.default_rng(1).normal(size=len(known.x))).tests.set_index("test")
    assert not lot.loc[[*ORDER, "calibration_slope", "calibration_error"], "passed"].any()
    assert lot.loc["blp", "meaning"] == meaning("blp", False)
    assert held.loc["auuc_adjusted", "statistic"] > held.loc["auuc_adjusted_by_lot", "statistic"]
    assert held["passed"].isna().sum() == held["p"].isna().sum() == 7


def test_one_effect_for_all_leaves_nothing_to_test() -> None:
    known = planted()
    found = validated(known, np.full(len(known.x), 2.0), chosen=False)
    tests = found.tests.set_index("test")
    assert (tests.loc[ORDER, "meaning"] == NO_ORDER).all() and not tests.loc[ORDER, "passed"].any()
    assert not tests["chosen"].any() and found.traits.empty
    assert np.allclose(found.curve["toc"], 0) and found.agreement.empty


def test_segments_that_do_not_differ_are_not_said_to() -> None:
    known = planted(slope=0.0)
    tests = validated(known, known.x[:, 2]).tests.set_index("test")
    for test in ("segments_differ", "needs_differ"):
        assert not tests.loc[test, "passed"] and tests.loc[test, "p"] > 0.05


def test_effects_are_told_by_need() -> None:
    known = planted()
    validation = validated(known, known.effect)
    found = validation.groups.query("grouping == 'lookback_need'").set_index("group")
    assert found.index.tolist() == ["fresh", "grocery", "none"] and found["n_trials"].sum() == len(known.x)
    overlap = known.propensity * (1 - known.propensity)
    fresh = known.x[:, 1] > 0.5
    truth = np.average(known.effect[fresh], weights=overlap[fresh])
    assert found.loc["fresh", "ci_lower"] < truth < found.loc["fresh", "ci_upper"]
    assert found.loc["fresh", "ci_lower"] > found.loc[["grocery", "none"], "ci_upper"].max()
    alone = by_label(pd.Series(["none"] * len(known.x)))
    assert alone[1] == ["none"] and np.isnan(group_means(known.effect, alone[0], known.residuals()).differ()[1])


@pytest.mark.parametrize("test", ["blp", "autoc", "qini", "top_minus_bottom", "calibration_slope", "uplift_at_20%"])
def test_every_test_says_something_else_when_it_fails(test: str) -> None:
    assert meaning(test, True) != meaning(test, False)


def scoreboard(chosen: str) -> pd.DataFrame:
    names = [CONSTANT, "r_learner", "causal_forest", STACK]
    weight = [np.nan, 0.9, 0.0, np.nan]
    return pd.DataFrame(
        {"model": names, "fold": -1, "weight": weight, "chosen": [name == chosen for name in names], "reason": None}
    )


def test_under_one_effect_for_all_the_mean_of_two_learners_is_judged_as_not_chosen() -> None:
    known = planted()
    data = known.residuals(n_folds=4)
    own = {"r_learner": known.effect, "causal_forest": known.x[:, 2], "other": known.x[:, 3]}
    by_model = {CONSTANT: np.full(len(data.y), 2.0), **own, STACK: 0.9 * known.effect}
    settings = CateSettings(n_trees=8)
    none, _ = candidate(scoreboard(CONSTANT), by_model, known.x, data, settings, 1)
    assert (none.name, none.chosen) == (MEAN_OF_LEARNERS, False)
    assert np.allclose(none.effect, (known.x[:, 2] + known.effect) / 2)
    one, predict = candidate(scoreboard(STACK), by_model, known.x, data, settings, 1)
    assert (one.name, one.chosen) == (STACK, True) and (one.effect == 0.9 * known.effect).all()
    for found in (none, one):
        assert np.isnan(found.sequential[data.folds == 0]).all() and np.isfinite(found.sequential[data.folds > 0]).all()
    last = data.folds == data.folds.max()
    assert np.allclose(predict(known.x[last]), one.sequential[last])


def test_without_a_learner_that_could_be_fitted_there_is_no_order() -> None:
    known = planted()
    data = known.residuals(n_folds=4)
    none, predict = candidate(
        scoreboard(CONSTANT), {CONSTANT: np.full(len(data.y), 2.0)}, known.x, data, CateSettings(), 1
    )
    assert np.ptp(none.effect) == 0 and np.ptp(predict(known.x)) == 0
    assert np.isnan(by_fold(best_linear_predictor, data, none.sequential).p)


@pytest.mark.parametrize(
    ("chosen", "held", "proven"), [(STACK, True, True), (STACK, False, False), (CONSTANT, True, False)]
)
def test_households_are_proven_to_differ_by_gate_and_slope_together(chosen: str, held: bool, proven: bool) -> None:
    tests = pd.DataFrame({"test": ["autoc", "blp"], "model": STACK, "p": 0.03, "passed": [not held, held]})
    found = heterogeneity_proven(scoreboard(chosen), tests)
    assert (found.proven, found.gate, found.blp) == (proven, chosen != CONSTANT, held)
    unknown = heterogeneity_proven(scoreboard(chosen), None)
    assert unknown.blp is None and not unknown.proven


def test_the_tables_keep_their_contracts(tmp_path: Path) -> None:
    known = planted()
    data = known.residuals(n_folds=4)
    found = validated(known, known.effect)
    estimates = known.trials[TRIAL_KEY].assign(
        cate=known.effect, cate_lower=known.effect - 1, cate_upper=known.effect + 1, interval_of="household"
    )
    sequential = np.where(data.folds == 0, np.nan, known.effect)
    tables = {
        "cate_validation": found.tests,
        "toc_curve": found.curve,
        "gates": found.groups,
        "clan": found.traits,
        "cate_agreement": found.agreement,
        "effect_drivers": effect_drivers(lambda x: 2 + 3 * x[:, 1], known.x, NAMES, 500, 1),
        "effect_subgroups": subgroups(known.x, NAMES, data, sequential, 2, 0.95, 1),
        "effect_credibility": credibility(
            estimates, known.effect, {"r_learner": known.effect}, data.propensity, data.folds, (0.1, 0.9)
        ),
    }
    assert set(tables) == {table.name for table in registry.made_by("validate_cate")}
    for name, frame in tables.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
        verdict = schema_and_keys(registry.table(name), tmp_path / f"{name}.parquet")
        assert verdict.passed, (name, verdict.message)
    empty = validated(known, np.full(len(known.x), 2.0))
    for name, frame in {"clan": empty.traits, "cate_agreement": empty.agreement}.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
        assert schema_and_keys(registry.table(name), tmp_path / f"{name}.parquet").passed
