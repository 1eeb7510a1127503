"""The choice between one effect for all and a stack of models, and the tables that say how it came about."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.cate import candidates, certificate
from dunnhumby_pipeline.causal.cate.gate import r_loss
from dunnhumby_pipeline.causal.cate.learners.base import Interval, Learner
from dunnhumby_pipeline.causal.cate.learners.constant import Constant
from dunnhumby_pipeline.causal.cate.learners.linear_dml import LinearDML
from dunnhumby_pipeline.causal.cate.learners.r_learner import RLearner
from dunnhumby_pipeline.causal.cate.learners.registry import LEARNERS
from dunnhumby_pipeline.causal.cate.learners.t_learner import TLearner
from dunnhumby_pipeline.causal.cate.selection import SCOREBOARD, CateFit, fit_cate, household_effects
from dunnhumby_pipeline.causal.cate.stacking import Stack
from dunnhumby_pipeline.causal.cate.validation.sequential import sequential_fits
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.estimators.clustered import normal_quantile
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.nested import Nested
from dunnhumby_pipeline.causal.nuisance.stored_propensity import final_propensity
from dunnhumby_pipeline.contracts.names import CONSTANT, LEFT_TO_CERTIFY, STACK
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.engine.arrays import Arrays
from dunnhumby_pipeline.settings import CateSettings, NuisanceSettings, Settings, load_settings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

SMALL = CateSettings(n_trees=20, min_leaf=10, n_outcome_bootstraps=10, n_jobs=1)
FEW = ("constant", "t_learner", "r_learner", "causal_forest")


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


def sloped(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


@pytest.fixture(scope="module")
def varied() -> Known:
    """400 households in two campaigns, whose effects differ by the third covariate."""
    return simulate_trials(400, seed=1, effect=sloped, n_campaigns=2, household_noise=1.0)


@pytest.fixture(scope="module")
def uniform() -> Known:
    return simulate_trials(400, seed=2, effect=flat, n_campaigns=2, household_noise=1.0)


def blind(known: Known) -> Residuals:
    """True propensity and control means; but treated means that know the average effect only."""
    return known.residuals(mu1=known.mu0 + known.effect.mean())


def _fit(known: Known, data: Residuals | None = None, settings: CateSettings = SMALL) -> CateFit:
    own = blind(known) if data is None else data
    return fit_cate(known.trials, known.x, own, settings, 0.95, 1, nested=Nested.known(own))


def _with(monkeypatch: pytest.MonkeyPatch, *kinds: type[Learner]) -> None:
    monkeypatch.setattr(candidates, "LEARNERS", {kind.name: kind for kind in kinds})


@pytest.fixture(scope="module")
def fitted(varied: Known) -> CateFit:
    with pytest.MonkeyPatch.context() as patch:
        _with(patch, *(LEARNERS[name] for name in FEW))
        return _fit(varied)


def test_the_stack_is_chosen_when_effects_differ_and_the_constant_when_they_do_not(
    varied: Known, uniform: Known, fitted: CateFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (fitted.chosen, fitted.final.name, set(fitted.estimates["model"])) == (STACK, STACK, {STACK})
    assert np.corrcoef(fitted.estimates["cate"], varied.effect)[0, 1] > 0.9
    assert np.abs(fitted.final.predict(varied.x) - varied.effect).mean() < 0.6
    _with(monkeypatch, *(LEARNERS[name] for name in FEW))
    alike = _fit(uniform, uniform.residuals())
    assert (alike.chosen, alike.final.name, set(alike.estimates["model"])) == (CONSTANT, CONSTANT, {CONSTANT})
    assert alike.estimates.groupby("fold")["cate"].nunique().max() == 1
    assert abs(alike.estimates["cate"].mean() - 2.0) < 0.5


def test_what_is_left_to_the_certificate_is_told_and_changes_nothing_else(
    varied: Known, fitted: CateFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn(*_: object) -> None:
        raise AssertionError("fitted all the same")

    _with(monkeypatch, *(LEARNERS[name] for name in FEW), LEARNERS["forest_dr"])
    monkeypatch.setattr(LEARNERS["forest_dr"], "fit", learn)
    own = blind(varied)
    left = ("forest_dr",)
    found = fit_cate(varied.trials, varied.x, own, SMALL, 0.95, 1, nested=Nested.known(own), without=left)
    told = found.scoreboard["model"] == "forest_dr"
    assert found.scoreboard.loc[told, ["fold", "reason"]].to_numpy().tolist() == [[-1, LEFT_TO_CERTIFY]]
    assert found.scoreboard.loc[told, ["r_loss", "weight", "calibration"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(found.scoreboard.loc[~told].reset_index(drop=True), fitted.scoreboard)
    pd.testing.assert_frame_equal(found.estimates, fitted.estimates)
    pd.testing.assert_frame_equal(found.by_model, fitted.by_model)


def test_the_certificate_has_the_scoreboard_of_every_learner(
    varied: Known, fitted: CateFit, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, settings = blind(varied), Settings(cate=SMALL)
    nothing = certificate.every_learner(varied.trials, varied.x, own, settings, certified=False)
    assert nothing.empty and nothing.columns.tolist() == [*SCOREBOARD, "certified"]
    monkeypatch.setattr(certificate, "fit_cate", lambda *given: fitted)
    board = certificate.every_learner(varied.trials, varied.x, own, settings, certified=True)
    pd.testing.assert_frame_equal(board, fitted.scoreboard.assign(certified=True))
    assert board.columns.tolist() == [column.name for column in table("certified_learners").columns]


def test_estimates_are_out_of_fold_and_in_the_order_of_the_trials(varied: Known, fitted: CateFit) -> None:
    own = ["household_key", "campaign", "cate", "cate_lower", "cate_upper", "interval_of", "fold", "model"]
    assert fitted.estimates.columns.tolist() == own
    assert fitted.estimates[own[:2]].equals(varied.trials[own[:2]])
    data = blind(varied)
    np.testing.assert_array_equal(fitted.estimates["fold"], data.folds)
    weights = fitted.scoreboard.query("fold == 1").set_index("model")["weight"]
    train, outside = Nested.known(data).outside(1, data)
    expected = Constant().fit(varied.x[train], outside).predict(varied.x[~train])
    overlap = outside.propensity * (1 - outside.propensity)
    for name in ("r_learner", "causal_forest"):
        model = LEARNERS[name].from_settings(SMALL, 1).fit(varied.x[train], outside)
        centre = np.average(model.predict(varied.x[train]), weights=overlap)
        expected += weights[name] * (model.predict(varied.x[~train]) - centre)
    # What the means say of effects is the same everywhere here.
    assert weights["t_learner"] == 0
    np.testing.assert_allclose(fitted.estimates.loc[~train, "cate"], expected)
    # A stack has no honest interval.
    assert fitted.estimates[["cate_lower", "cate_upper", "interval_of"]].isna().all(axis=None)


def test_under_a_constant_the_interval_is_that_of_the_mean(uniform: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Constant)
    found = _fit(uniform, uniform.residuals())
    alike = found.estimates
    assert set(alike["interval_of"]) == {"average"}
    assert alike.groupby("fold")[["cate", "cate_lower", "cate_upper"]].nunique().max(axis=None) == 1
    data = uniform.residuals()
    train, outside = Nested.known(data).outside(2, data)
    lower, upper = Constant().fit(uniform.x[train], outside).interval(uniform.x[~train], 0.95)
    np.testing.assert_allclose(alike.loc[~train, "cate_lower"], lower)
    np.testing.assert_allclose(alike.loc[~train, "cate_upper"], upper)
    # With no other model there is nothing to stack.
    assert set(found.scoreboard["model"]) == {CONSTANT, STACK} and not found.scoreboard["gain_se"].any()


def test_the_scoreboard_says_what_was_compared(varied: Known, fitted: CateFit) -> None:
    board, data = fitted.scoreboard, blind(varied)
    assert board.columns.tolist() == list(table("cate_scoreboard").required)
    assert set(board["model"]) == {*FEW, STACK}
    assert sorted(set(board["fold"])) == [-1, 0, 1, 2]
    assert (board.groupby("fold")["chosen"].sum() == 1).all()
    indexed = board.set_index(["fold", "model"])
    for loss, gain in (("r_loss", "gain_over_constant"), ("dr_loss", "dr_gain")):
        for fold in (-1, 0, 1, 2):
            losses = indexed[loss][fold]
            np.testing.assert_allclose(indexed[gain][fold], losses[CONSTANT] - losses, atol=1e-9)
    effects = fitted.by_model.set_index("model")
    for name, rows in effects.groupby("model"):
        assert r_loss(data, rows["cate"].to_numpy()).mean() == pytest.approx(indexed["r_loss"][-1, name])
    assert (board["calibration"].dropna() >= 0).all() and (board["weight"].dropna() >= 0).all()
    assert indexed["weight"][[(-1, CONSTANT), (-1, STACK)]].isna().all()


def test_every_models_effect_of_every_trial_is_kept(varied: Known, fitted: CateFit) -> None:
    found, data = fitted.by_model, blind(varied)
    assert found.columns.tolist() == list(table("cate_by_model").required)
    assert found["model"].unique().tolist() == [*FEW, STACK]
    key = ["household_key", "campaign"]
    for _, rows in found.groupby("model"):
        assert rows[key].reset_index(drop=True).equals(varied.trials[key])
        np.testing.assert_array_equal(rows["fold"], data.folds)
    own = found.merge(fitted.estimates, on=[*key, "model", "fold"])
    np.testing.assert_array_equal(own["cate_x"], own["cate_y"])
    raw = found[found["model"] == "t_learner"]["cate_uncalibrated"]
    np.testing.assert_allclose(raw, data.mu1 - data.mu0)


@dataclass(eq=False)
class Knows(Learner):
    """A model that needs no data, and knows of no interval."""

    interval_of = None
    slope = 0.0

    @classmethod
    def from_settings(cls, settings: CateSettings, seed: int) -> Learner:
        return cls()

    def fit(self, x: Array, data: Residuals) -> Learner:
        return self

    def predict(self, x: Array) -> Array:
        return 2.0 + self.slope * x[:, 2]

    def interval(self, x: Array, confidence: float) -> Interval | None:
        return None

    def arrays(self) -> Arrays:
        return {}

    def restore(self, arrays: Arrays) -> Learner:
        return self


class Right(Knows):
    name, slope = "right", 3.0


class Refuses(Knows):
    name = "refuses"

    @classmethod
    def refusal(cls, n_trials: int) -> str | None:
        return f"not of {n_trials} trials"


class Fails(Knows):
    name = "fails"

    def fit(self, x: Array, data: Residuals) -> Learner:
        raise ValueError("a singular matrix")


class Explodes(Knows):
    name = "explodes"

    def predict(self, x: Array) -> Array:
        return np.full(len(x), np.inf)


def test_a_learner_that_cannot_be_fitted_is_left_out_and_says_why(
    varied: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = (Constant, Right, Refuses, Fails, Explodes)
    _with(monkeypatch, *kinds)
    monkeypatch.setattr("dunnhumby_pipeline.causal.cate.stacking.LEARNERS", {kind.name: kind for kind in kinds})
    found = _fit(varied)
    assert found.chosen == STACK
    reasons = found.scoreboard.dropna(subset="reason").set_index("model")["reason"].to_dict()
    assert reasons == {
        "refuses": "not of 800 trials",
        "fails": "could not be fitted: a singular matrix",
        "explodes": "gave effects that are not finite",
    }
    left = found.scoreboard[found.scoreboard["reason"].notna()]
    assert set(left["fold"]) == {-1} and left[["r_loss", "gain_se", "weight"]].isna().all(axis=None)
    assert set(found.by_model["model"]) == {CONSTANT, "right", STACK}


def test_all_folds_and_the_list_share_one_choice(varied: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Constant, Right)
    monkeypatch.setattr(
        "dunnhumby_pipeline.causal.cate.stacking.LEARNERS", {kind.name: kind for kind in (Constant, Right)}
    )
    data = blind(varied)
    assert _fit(varied).chosen == STACK
    # In fold 0 the effects now run the other way, so strongly that they rule the choice for all folds.
    rt, slope = data.treatment_residual, varied.x[:, 2]
    turned = replace(data, y=np.where(data.folds == 0, data.y - 40 * rt * slope, data.y))
    after = _fit(varied, turned)
    assert set(after.estimates["model"]) == {after.chosen} == {after.final.name} == {CONSTANT}
    chosen = after.scoreboard[after.scoreboard["chosen"]]
    assert (chosen["fold"].tolist(), set(chosen["model"])) == ([-1, 0, 1, 2], {CONSTANT})


def test_the_choice_needs_the_gain_that_the_settings_ask_for(varied: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Constant, RLearner)
    assert _fit(varied, settings=SMALL.model_copy(update={"gain_in_se": 1000.0})).chosen == CONSTANT


def test_nuisances_are_nested_where_none_are_given(varied: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    _with(monkeypatch, Constant, TLearner, RLearner)
    found = fit_cate(varied.trials, varied.x, varied.residuals(), SMALL, 0.95, 1, NuisanceSettings(n_jobs=1))
    again = _fit(varied, varied.residuals())
    assert found.chosen == again.chosen == STACK
    one, other = (fit.by_model.query("model == 'r_learner'")["cate"].to_numpy() for fit in (found, again))
    assert 0 < np.abs(one - other).mean() < 0.5


def test_households_of_today_get_the_final_model_and_a_propensity(
    varied: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(monkeypatch, Constant, RLearner)
    names = list("abcd")
    frame = pd.DataFrame(varied.x, columns=names).assign(campaign=varied.trials["campaign"])
    design = fit_design_matrix(frame, names)
    x, data = design.apply(frame), blind(varied)
    final = _fit(Known(varied.trials, x, varied.propensity, varied.mu0, varied.mu1), data)
    assert final.chosen == STACK
    new = simulate_trials(60, seed=6, effect=sloped)
    today = pd.DataFrame(new.x, columns=names, index=range(100, 160)).assign(
        campaign=2,
        household_key=range(60),
        received_before=[True, False] * 30,
        lookback_segment="light",
        lookback_need="fresh",
    )
    settings = load_settings(confidence=0.8)
    received = final_propensity(x, data, settings.nuisance, 1).probability(design.apply(today))
    found = household_effects(today, design.apply(today), received, final.final, 0.8)
    own = (
        "household_key received_before lookback_segment lookback_need cate cate_lower cate_upper interval_of propensity"
    )
    assert found.columns.tolist() == own.split()
    assert found["household_key"].tolist() == list(range(60))
    assert np.corrcoef(found["cate"], new.effect)[0, 1] > 0.8
    assert np.corrcoef(found["propensity"], new.propensity)[0, 1] > 0.9
    assert found["propensity"].between(0, 1).all()
    assert found[["cate_lower", "cate_upper", "interval_of"]].isna().all(axis=None)
    # A model with intervals gives those of its own.
    model = LinearDML.from_settings(SMALL, 1).fit(x, data)
    found = household_effects(today, design.apply(today), received, model, 0.8)
    lower, upper = model.interval(design.apply(today), 0.8)
    assert normal_quantile(0.8) == pytest.approx(1.281552, rel=1e-5)
    np.testing.assert_allclose(found["cate_upper"], upper)
    np.testing.assert_allclose(found["cate_lower"], lower)
    assert set(found["interval_of"]) == {"line"}


def test_the_final_stack_is_that_of_all_folds(varied: Known, fitted: CateFit) -> None:
    assert isinstance(fitted.final, Stack)
    weights = fitted.scoreboard.query("fold == -1").set_index("model")["weight"]
    kept = weights[weights > 0]
    assert [member["learner"] for member in fitted.final.members] == kept.index.tolist()
    assert fitted.final.weights == pytest.approx(kept.tolist())


# --- many trials ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many() -> Known:
    return simulate_trials(1800, seed=7, effect=sloped, n_campaigns=2, household_noise=1.0)


def _counting(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Trials and households of each fit of the R-learner."""
    seen: list[tuple[int, int]] = []
    fit = RLearner.fit

    def counted(self: RLearner, x: Array, data: Residuals) -> RLearner:
        seen.append((len(x), len(np.unique(data.households))))
        return fit(self, x, data)

    monkeypatch.setattr(RLearner, "fit", counted)
    return seen


def test_learners_are_fitted_to_so_many_trials_and_the_constant_to_all(
    many: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with(monkeypatch, Constant, LEARNERS["t_learner"], RLearner)
    seen = _counting(monkeypatch)
    whole = _fit(many)
    assert {n for n, _ in seen} == {2400, 3600}
    seen.clear()
    found = _fit(many, settings=SMALL.model_copy(update={"max_trials": 1000}))
    # Whole households: both trials of each. The last fit is the final stack's.
    assert {n for n, _ in seen} == {1000} and len(seen) == 4 and {own for _, own in seen} == {500}
    assert found.chosen == STACK and len(found.estimates) == 3600 and found.estimates["cate"].notna().all()
    assert np.corrcoef(found.estimates["cate"], many.effect)[0, 1] > 0.9
    own, all_rows = (
        fit.by_model.query("model in ['constant', 't_learner']")["cate_uncalibrated"] for fit in (found, whole)
    )
    # One effect for all, and what the shared means say, are those of all trials.
    np.testing.assert_array_equal(own, all_rows)
    assert isinstance(found.final, Stack) and isinstance(whole.final, Stack)
    assert found.final.level == whole.final.level


def test_what_validates_is_fitted_to_so_many_trials_too(many: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, data = _counting(monkeypatch), blind(many)
    effects, last = sequential_fits(RLearner, many.x, data, 1000, 1)
    assert [n for n, _ in seen] == [1000, 1000] and last is not None
    np.testing.assert_array_equal(np.isnan(effects), data.folds == 0)
    again, _ = sequential_fits(RLearner, many.x, data, 1000, 1)
    np.testing.assert_array_equal(again, effects)
