"""Effects planted in the study's own trials: what is planted, what is counted, and the curve through it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dunnhumby_pipeline.causal.cate.power import study
from dunnhumby_pipeline.causal.cate.power.curve import fit_curve
from dunnhumby_pipeline.causal.cate.power.plasmode import SHAPES, plasmode
from dunnhumby_pipeline.causal.cate.power.power import Power, detectable_spreads, study_power
from dunnhumby_pipeline.causal.cate.power.tests import BLP, GATE, PROVEN, Draw, outcomes, study_tests
from dunnhumby_pipeline.causal.cate.reduced import Found
from dunnhumby_pipeline.causal.cate.whole import whole_searches
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import aipw_scores
from dunnhumby_pipeline.settings import PowerSettings, load_settings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

FEW = PowerSettings(spreads=(0.0, 4.0, 12.0), n_draws=20, n_null_draws=20)


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(400, seed=1, effect=flat, n_campaigns=2, household_noise=1.0)


def test_what_is_planted_has_the_spread_it_says(known: Known) -> None:
    planted = plasmode(known.x, known.residuals())
    weight = known.propensity * (1 - known.propensity)
    for _, direction in zip(SHAPES, planted.directions(list(SHAPES), np.random.default_rng(0)).T, strict=True):
        assert np.average(direction, weights=weight) == pytest.approx(0.0, abs=1e-9)
        assert np.average(direction**2, weights=weight) == pytest.approx(1.0)


def test_noise_keeps_households_whole_and_is_unrelated_to_treatment(known: Known) -> None:
    planted = plasmode(known.x, known.residuals())
    signs = planted.signs(200, np.random.default_rng(0))
    by_household = pd.DataFrame(signs).groupby(planted.data.households).nunique()
    assert (by_household == 1).all(axis=None) and set(np.unique(signs)) == {-1.0, 1.0}
    rt, truth = planted.data.treatment_residual, np.full((len(known.x), 200), planted.average)
    ry = planted.outcome_residuals(truth, signs)
    assert np.allclose(np.abs(ry - rt[:, None] * truth), np.abs(planted.noise)[:, None])
    estimates = rt @ ry / (rt @ rt)
    # The spread over draws is what the clustered error says, and they lie about the truth.
    assert estimates.mean() == pytest.approx(planted.average, abs=4 * planted.average_se / np.sqrt(200))
    assert estimates.std() == pytest.approx(planted.average_se, rel=0.15)


def test_a_draw_is_a_set_of_trials_like_the_study(known: Known) -> None:
    planted = plasmode(known.x, known.residuals())
    ry = planted.data.outcome_residual + np.random.default_rng(0).normal(size=len(known.x))
    drawn = planted.drawn(ry)
    assert np.allclose(drawn.outcome_residual, ry)
    effect, _ = overlap_weighted(drawn, np.ones(len(ry), dtype=bool))
    assert np.allclose(drawn.mu1 - drawn.mu0, effect)
    e, rt = drawn.propensity, drawn.treatment_residual
    by_hand = effect + rt / (e * (1 - e)) * (ry - effect * rt)
    assert np.allclose(aipw_scores(drawn.y, drawn.treated, e, drawn.mu0, drawn.mu1), by_hand)


def test_the_curve_gives_back_the_spread_it_was_drawn_from() -> None:
    rng, spread = np.random.default_rng(0), np.array([2.0, 4.0, 6.0, 8.0, 12.0])
    true = (stats.norm.ppf(0.8) + 2) / 0.4
    errors = []
    for _ in range(30):
        found = rng.binomial(100, stats.norm.cdf(-2 + 0.4 * spread))
        curve = fit_curve(spread, np.full(5, 100.0), found.astype(float))
        at, se = curve.spread(0.8)
        assert curve.share(np.array([at]))[0] == pytest.approx(0.8)
        errors.append((at - true) / se)
    assert abs(np.mean(errors)) < 0.5
    assert np.std(errors) == pytest.approx(1.0, abs=0.35)


def test_a_curve_never_falls() -> None:
    n = np.full(3, 50.0)
    falling = fit_curve(np.array([1.0, 2.0, 3.0]), n, np.array([30.0, 20.0, 10.0]))
    assert falling.slope == 0 and falling.spread(0.8)[0] == np.inf
    separated = fit_curve(np.array([1.0, 2.0, 3.0]), n, np.array([0.0, 0.0, 50.0]))
    assert 2.0 < separated.spread(0.8)[0] < 3.0
    with pytest.raises(ValueError, match="two different spreads"):
        fit_curve(np.array([1.0, 1.0]), n[:2], n[:2])


def test_large_effects_are_found_and_none_are_not(known: Known) -> None:
    data = known.residuals()
    settings = PowerSettings(spreads=(0.0, 4.0, 20.0), n_draws=40, n_null_draws=100)
    found = study_power(known.x, data, study_tests(1.0), settings, 0.95, 1, "gross_profit")
    power = found.power.loc[found.power["shape"].isin(["all", "none"])]
    shares = power.loc[power["measure"] == "found"].pivot(index="name", columns="spread", values="share")
    assert (shares.iloc[:, 0] <= 0.12).all()
    assert (shares.iloc[:, 2] >= 0.9).all()
    assert (shares.loc[PROVEN] <= shares.loc[[GATE, BLP]].min() + 1e-12).all()
    covered = power.loc[power["name"] == "average"]
    share = covered["n_counted"].sum() / covered["n_draws"].sum()
    assert 0.88 < share <= 1.0 and (covered["nominal"] == 0.95).all()
    ours = found.power.loc[found.power["name"] == "average_as_households"].groupby("spread")["share"].mean()
    # An average's interval covers few households' own effects where they differ.
    assert ours.iloc[-1] < 0.4
    row = found.detectable.loc[(found.detectable["test"] == PROVEN) & (found.detectable["shape"] == "all")].iloc[0]
    assert 0 < row["spread_lower"] < row["spread"] < row["spread_upper"]


def test_spreads_grow_until_they_are_found(known: Known) -> None:
    never = study_power(known.x, known.residuals(), {"never": lambda draw: False}, FEW, 0.95, 1)
    planted = plasmode(known.x, known.residuals())
    assert never.detectable["spread"].isna().all()
    assert never.detectable["largest_planted"].max() == pytest.approx(16 * 12 * planted.average_se)
    always = study_power(known.x, known.residuals(), {"always": lambda draw: True}, FEW, 0.95, 1)
    assert always.detectable["largest_planted"].max() == pytest.approx(12 * planted.average_se)
    assert (always.detectable["size"] == 1.0).all()


def test_another_search_is_asked_as_it_is(known: Known) -> None:
    asked: list[int] = []

    def search(planted: object, ry: Array) -> Found:
        asked.append(ry.shape[1])
        return Found(ry, ry, ry)

    found = study_power(
        known.x, known.residuals(), {"always": lambda draw: True}, FEW, 0.95, 1, procedure=search, n_draws=(3, 5)
    )
    assert asked == [5, 3, 3]
    assert set(found.power["procedure"]) == {"whole"}


def test_a_seed_gives_one_answer(known: Known) -> None:
    first, second = (study_power(known.x, known.residuals(), study_tests(1.0), FEW, 0.95, 7).power for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_nothing_is_planted_in_what_is_all_explained(known: Known) -> None:
    data = known.residuals()
    explained = type(data)(**{**vars(data), "y": data.propensity * data.mu1 + (1 - data.propensity) * data.mu0})
    found = study_power(known.x, explained, study_tests(1.0), FEW, 0.95, 1)
    assert found.power.empty and found.detectable.empty


def test_proven_is_gate_and_blp() -> None:
    nothing = np.zeros(1)
    draw = Draw(None, nothing, nothing, nothing)  # type: ignore[arg-type]
    yes, no = (lambda draw: True), (lambda draw: False)
    assert outcomes(draw, {GATE: yes, BLP: no}) == {GATE: True, BLP: False, PROVEN: False}
    assert outcomes(draw, {GATE: yes, BLP: yes})[PROVEN]
    assert outcomes(draw, {GATE: yes}) == {GATE: True}


def test_without_draws_that_differ_there_is_no_spread() -> None:
    row = {"outcome": "y", "procedure": "reduced", "measure": "found", "name": "gate", "n_draws": 50, "share_se": 0.03}
    rows = [row | {"shape": "none", "spread": 0.0, "n_counted": 2.0, "share": 0.04}]
    assert detectable_spreads(pd.DataFrame(rows)).empty
    rows += [row | {"shape": "all", "spread": at, "n_counted": 25.0 * at, "share": at / 2} for at in (1.0, 1.9)]
    found = detectable_spreads(pd.DataFrame(rows)).iloc[0]
    assert 1.0 < found["spread"] < 1.9 and found["size"] == 0.04


def test_every_learner_searches_a_draw(known: Known) -> None:
    settings = load_settings(cate={"n_trees": 20, "n_outcome_bootstraps": 10, "n_jobs": 1})
    some = simulate_trials(120, seed=2, effect=flat)
    planted = plasmode(some.x, some.residuals())
    ry = planted.outcome_residuals(np.full((120, 1), planted.average), planted.signs(1, np.random.default_rng(0)))
    found = whole_searches(planted, ry, settings, 1)
    assert found.effect.shape == found.constant.shape == (120, 1)
    assert np.isfinite(found.effect).all() and np.isnan(found.sequential).all()
    assert np.average(found.constant[:, 0]) == pytest.approx(planted.average, abs=1.0)


def test_a_certificate_has_more_draws_and_every_learner(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def told(planted: object, ry: Array, settings: object, n_jobs: int) -> Found:
        asked.append(ry.shape[1])
        return Found(ry, ry, np.full(ry.shape, np.nan))

    monkeypatch.setattr(study, "whole_searches", told)
    settings = load_settings(
        power={"spreads": (0.0, 6.0, 12.0), "n_draws": 20, "n_null_draws": 20, "n_certified": 24, "n_whole": 4}
    )
    nuisances = known.nuisances()
    few, many = (
        study.power_of_study(known.trials, known.x, nuisances, settings, certified) for certified in (False, True)
    )
    assert asked == [4, 4]
    assert not few.power["certified"].any() and many.power["certified"].all()
    reduced, whole = (many.power.loc[many.power["procedure"] == name] for name in ("reduced", "whole"))
    assert set(reduced.loc[reduced["shape"] == "none", "n_draws"]) == {120}
    assert set(whole.loc[whole["shape"].isin(["all", "none"]), "n_draws"]) == {4}
    planted = many.detectable.set_index(["outcome", "procedure", "test", "shape"])["spread"]
    assert whole["spread"].max() == pytest.approx(planted["gross_profit", "reduced", PROVEN, "all"])
    assert set(few.power["outcome"]) == {"gross_profit", "purchase_amount"}


def test_of_very_many_trials_those_are_searched_that_a_model_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    many = simulate_trials(1300, seed=21, effect=lambda x: 2 + 0 * x[:, 0])
    searched: list[int] = []

    def told(x: Array, *args: object, **named: object) -> Power:
        searched.append(len(x))
        return Power(pd.DataFrame({"spread": []}), pd.DataFrame({"spread": []}))

    monkeypatch.setattr(study, "study_power", told)
    for most in (1000, 2000):
        study.power_of_study(many.trials, many.x, many.nuisances(), load_settings(cate={"max_trials": most}), False)
    assert searched == [1000, 1000, 1300, 1300]
