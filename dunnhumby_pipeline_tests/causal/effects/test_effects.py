"""Average effects: formulas by hand and against statsmodels, known effects recovered, intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

from dunnhumby_pipeline.causal.effects.average import (
    AverageEffects,
    aipw,
    average_effects,
    estimated_outcomes,
    naive,
    obstacle,
    overlap_weighted,
)
from dunnhumby_pipeline.causal.estimators.adjustment import NotEstimableError, dependent_columns, lin, ols
from dunnhumby_pipeline.causal.estimators.clustered import clustered_se, normal_quantile, weighted_mean_se
from dunnhumby_pipeline.causal.estimators.doubly_robust import att, dml, targeted_means, tmle
from dunnhumby_pipeline.causal.estimators.matching import match_pairs, matched_difference
from dunnhumby_pipeline.causal.estimators.weighting import entropy_overlap, entropy_treated, ipw
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals, cross_fit, residuals
from dunnhumby_pipeline.causal.overlap.overlap import entropy_weights, propensity_table
from dunnhumby_pipeline.settings import EffectSettings, NuisanceSettings, OverlapSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials

TWO_FOLDS = NuisanceSettings(n_folds=2, n_repeats=1, n_jobs=1)
SPEND = "purchase_amount"


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


def peaked_effect(x: Array) -> Array:
    """Largest where both arms occur: the ATE is 2, the ATO is larger."""
    return 4.0 - 2.0 * x[:, 0] ** 2


def everyone(data: Residuals) -> NDArray[np.bool_]:
    return np.ones(len(data.y), dtype=bool)


# Clustered standard errors


def test_clusters_of_one_give_the_classic_standard_error() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=80)
    mean, se = weighted_mean_se(values, np.ones(80), np.arange(80))
    assert mean == pytest.approx(values.mean())
    assert se == pytest.approx(values.std(ddof=1) / np.sqrt(80))
    assert np.isnan(clustered_se(values - mean, np.zeros(80, dtype=int)))


def test_clustered_errors_are_those_of_weighted_least_squares_and_of_the_household_bootstrap() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(2)
    households = rng.integers(0, 60, 240)
    values = rng.normal(size=60)[households] + rng.normal(size=240)
    weights = rng.uniform(0.2, 2.0, 240)
    mean, se = weighted_mean_se(values, weights, households)
    fit = sm.WLS(values, np.ones(240), weights=weights).fit(cov_type="cluster", cov_kwds={"groups": households})
    assert (mean, se) == pytest.approx((fit.params[0], fit.bse[0]))
    assert se > 1.3 * weighted_mean_se(values, weights, np.arange(240))[1]

    sums = np.array([[(weights * values)[households == h].sum(), weights[households == h].sum()] for h in range(60)])
    drawn = sums[rng.integers(0, 60, (3000, 60))].sum(axis=1)
    assert se == pytest.approx((drawn[:, 0] / drawn[:, 1]).std(), rel=0.1)


def test_normal_quantiles() -> None:
    assert [round(normal_quantile(confidence), 3) for confidence in (0.9, 0.95)] == [1.645, 1.96]


# Average effects


def test_either_a_right_propensity_or_right_means_are_enough() -> None:
    known = simulate_trials(4000, seed=2, effect=peaked_effect)
    wrong_means = {"mu0": np.full(4000, 3.0), "mu1": 20 - known.x[:, 0]}
    wrong_propensity = {"propensity": np.clip(0.5 - 0.2 * known.x[:, 0], 0.05, 0.95)}
    off = {}
    for name, replaced in (
        ("means", wrong_means),
        ("propensity", wrong_propensity),
        ("both", wrong_means | wrong_propensity),
    ):
        data = known.residuals(**replaced)
        estimate, se = aipw(data, everyone(data))
        off[name] = abs(estimate - known.effect.mean()) / se
    assert off["means"] < 3
    assert off["propensity"] < 3
    assert off["both"] > 4


def test_the_naive_difference_has_the_two_sample_standard_error() -> None:
    known = simulate_trials(500, seed=6, effect=constant_effect)
    data = known.residuals()
    estimate, se = naive(data, everyone(data))
    treated, control = data.y[data.treated == 1], data.y[data.treated == 0]
    assert estimate == pytest.approx(treated.mean() - control.mean())
    assert se == pytest.approx(np.sqrt(treated.var() / len(treated) + control.var() / len(control)), rel=0.01)


def test_fitted_nuisances_recover_the_effect_that_the_naive_difference_misses() -> None:
    known = simulate_trials(500, seed=7, effect=constant_effect, n_campaigns=2)
    data = residuals(known.trials, cross_fit(known.trials, known.x, TWO_FOLDS, seed=1).nuisances, "purchase_amount")
    for estimator in (aipw, overlap_weighted):
        estimate, se = estimator(data, everyone(data))
        assert abs(estimate - 2.0) < 3 * se < 1.0
    estimate, se = naive(data, everyone(data))
    assert estimate - 2.0 > 6 * se


def test_the_two_estimands_part_when_effects_differ() -> None:
    known = simulate_trials(6000, seed=8, effect=peaked_effect)
    data = known.residuals()
    ate, ate_se = aipw(data, everyone(data))
    ato, ato_se = overlap_weighted(data, everyone(data))
    assert abs(known.ato - known.effect.mean()) > 0.3
    assert abs(ate - known.effect.mean()) < 3 * ate_se
    assert abs(ato - known.ato) < 3 * ato_se
    assert abs(ato - known.effect.mean()) > 4 * ato_se


def _simulated_estimates(seed: int) -> tuple[tuple[float, float], ...]:
    """Estimates and errors of one study of 150 households in three campaigns, with nuisances that are a little off."""
    known = simulate_trials(150, seed=[9, seed], effect=constant_effect, n_campaigns=3, household_noise=1.5)
    tilted = np.clip(known.propensity + 0.05 * np.sin(3 * known.x[:, 1]), 0.05, 0.95)
    data = known.residuals(propensity=tilted, mu0=known.mu0 + 0.3 * known.x[:, 2])
    pairs = match_pairs(data.propensity, data.treated, known.trials["campaign"].to_numpy(), 0.2)
    adjusted = (estimator(data, everyone(data)) for estimator in (aipw, overlap_weighted, att, tmle))
    return *adjusted, matched_difference(data, pairs), ols(data, known.x, everyone(data)), naive(data, everyone(data))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    runs = np.array([_simulated_estimates(seed) for seed in range(100)])
    estimates, errors = runs[:, :, 0], runs[:, :, 1]
    covered = (np.abs(estimates - 2.0) < normal_quantile(0.95) * errors).mean(axis=0)
    # Of a hundred intervals of 95 %, fewer than 88 cover once in 400 times.
    assert (covered[:-1] >= 0.88).all()
    assert covered[-1] < 0.05
    # Not by being wide: the mean error is the spread of the estimates.
    np.testing.assert_allclose(errors[:, :-1].mean(axis=0), estimates[:, :-1].std(axis=0), rtol=0.2)


def test_the_overlap_weighted_effect_forgives_a_wrong_propensity_where_effects_vary() -> None:
    """Effects that grow with e, outcome models right, propensity shrunk: the interval still covers the ATO."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(100):
        x = rng.normal(size=1500)
        e, effect = expit(x), 50 + 60 * x
        treated = rng.binomial(1, e).astype(float)
        y = 100 + treated * effect + rng.normal(0, 100, 1500)
        data = Residuals(
            y=y,
            treated=treated,
            propensity=expit(0.8 * x),
            mu0=np.full(1500, 100.0),
            mu1=100 + effect,
            households=np.arange(1500),
            folds=np.zeros(1500, dtype=np.int64),
        )
        estimate, se = overlap_weighted(data, np.ones(1500, dtype=bool))
        truth = np.average(50 + 60 * x, weights=e * (1 - e))
        covered.append(abs(estimate - truth) < 1.96 * se)
    assert np.mean(covered) > 0.9


# Regression adjustment


@pytest.fixture(scope="module")
def small() -> Known:
    return simulate_trials(60, seed=21, effect=lambda x: 2 + x[:, 1], n_campaigns=2, household_noise=1.0)


def test_regression_adjustment_is_statsmodels_with_clustered_errors(small: Known) -> None:
    import statsmodels.api as sm

    data = small.residuals()
    design = sm.add_constant(np.column_stack([data.treated, small.x]))
    fit = sm.OLS(data.y, design).fit(cov_type="cluster", cov_kwds={"groups": data.households})
    assert ols(data, small.x, everyone(data)) == pytest.approx((fit.params[1], fit.bse[1]))
    # A constant, a repeated column and one that others add up to change nothing.
    redundant = np.column_stack([np.full(120, 0.1), small.x, 1e6 * small.x[:, 2], small.x[:, 0] - small.x[:, 1]])
    assert ols(data, redundant, everyone(data)) == pytest.approx((fit.params[1], fit.bse[1]))
    assert dependent_columns(redundant, everyone(data)) == [0, 5, 6]


def test_lins_regression_is_statsmodels_with_interactions(small: Known) -> None:
    import statsmodels.formula.api as smf

    data = small.residuals()
    rows = small.x[:, 0] > -1.0
    x = small.x[rows] - small.x[rows].mean(axis=0)
    y, treated, households = data.y[rows], data.treated[rows], data.households[rows]
    frame = pd.DataFrame(x, columns=list("abcd")).assign(y=y, treated=treated)
    fit = smf.ols("y ~ treated * (a + b + c + d)", frame).fit()
    estimate, se = lin(data, small.x, rows)
    assert estimate == pytest.approx(fit.params["treated"])
    # The coefficient's sandwich and the covariates' own part, by household, from statsmodels' matrices.
    design = np.asarray(fit.model.exog)
    place = fit.model.exog_names.index("treated")
    factor = np.sqrt((len(y) - 1) / (len(y) - 10))
    of_coefficient = factor * (np.linalg.inv(design.T @ design) @ design.T)[place] * fit.resid.to_numpy()
    slopes = fit.params[[name for name in fit.model.exog_names if name.startswith("treated:")]].to_numpy()
    totals = pd.Series(of_coefficient + x @ slopes / len(y)).groupby(households).sum()
    assert se == pytest.approx(np.sqrt((totals**2).sum() * len(totals) / (len(totals) - 1)))
    clustered = fit.get_robustcov_results("cluster", groups=households)
    assert se > clustered.bse[place]


def test_a_covariate_that_varies_in_one_arm_only_is_left_out_of_lins_regression(small: Known) -> None:
    data = small.residuals()
    arms = [data.treated == arm for arm in (0, 1)]
    only_control = np.where(arms[0], small.x[:, 3] + small.x[:, 1] ** 2, 0.3)
    x = np.column_stack([small.x[:, :2], only_control])
    assert dependent_columns(x, *arms) == [2]
    assert dependent_columns(x, everyone(data)) == []
    assert lin(data, x, everyone(data)) == pytest.approx(lin(data, small.x[:, :2], everyone(data)))


def test_regressions_say_when_trials_are_too_few(small: Known) -> None:
    data = small.residuals()
    many = np.random.default_rng(1).normal(size=(120, 130))
    with pytest.raises(NotEstimableError, match=r"120 trials are too few for 1[12][0-9] covariates and the treatment"):
        ols(data, many, everyone(data))
    with pytest.raises(NotEstimableError, match=r"arm's [0-9]+ trials are too few for [0-9]+ covariates"):
        lin(data, many, everyone(data))
    with pytest.raises(NotEstimableError, match="the covariates determine the treatment"):
        ols(data, np.column_stack([small.x, 3 - data.treated]), everyone(data))


# Weights


def test_inverse_propensity_weighting_is_weighted_least_squares(small: Known) -> None:
    import statsmodels.api as sm

    data = small.residuals()
    weights = data.treated / data.propensity + (1 - data.treated) / (1 - data.propensity)
    rows = small.x[:, 1] < 1
    estimate, se = ipw(data, weights, rows)
    treated, control = rows & (data.treated == 1), rows & (data.treated == 0)
    mean1, mean0 = (np.average(data.y[arm], weights=weights[arm]) for arm in (treated, control))
    assert estimate == pytest.approx(mean1 - mean0)
    fit = sm.WLS(data.y[rows], sm.add_constant(data.treated[rows]), weights=weights[rows]).fit(
        cov_type="cluster", cov_kwds={"groups": data.households[rows]}
    )
    small_sample = np.sqrt((rows.sum() - 1) / (rows.sum() - 2))
    assert (estimate, se * small_sample) == pytest.approx((fit.params[1], fit.bse[1]))


def _balanced(seed: int) -> tuple[tuple[float, float], ...]:
    """Entropy-balanced effects on the overlap population and on the treated, with their errors and truths."""
    known = simulate_trials(250, seed=[22, seed], effect=lambda x: 2 + x[:, 0], n_campaigns=2, household_noise=1.0)
    data = known.residuals()
    treated = data.treated == 1
    e = known.propensity
    weights = np.empty(len(e))
    for arm in (treated, ~treated):
        weights[arm] = entropy_weights(known.x[arm], np.average(known.x, axis=0, weights=e * (1 - e)))
    to_treated = np.ones(len(e))
    to_treated[~treated] = entropy_weights(known.x[~treated], known.x[treated].mean(axis=0))
    return (
        entropy_overlap(data, known.x, weights, everyone(data)),
        entropy_treated(data, known.x, to_treated, everyone(data)),
        (known.ato, float(known.effect[treated].mean())),
    )


def test_entropy_balanced_effects_have_the_error_that_repetitions_show() -> None:
    runs = np.array([_balanced(seed) for seed in range(70)])
    for estimator in (0, 1):
        estimates, errors, truth = runs[:, estimator, 0], runs[:, estimator, 1], runs[:, 2, estimator].mean()
        assert abs(estimates.mean() - truth) < 3 * estimates.std() / np.sqrt(70)
        assert errors.mean() == pytest.approx(estimates.std(), rel=0.15)


def test_the_entropy_balanced_effect_is_a_difference_of_weighted_means(small: Known) -> None:
    data = small.residuals()
    weights = np.random.default_rng(3).uniform(0.5, 2.0, 120)
    treated = data.treated == 1
    expected = np.average(data.y[treated], weights=weights[treated]) - np.average(
        data.y[~treated], weights=weights[~treated]
    )
    x = np.column_stack([small.x, np.full(120, 0.1)])
    assert entropy_overlap(data, x, weights, everyone(data))[0] == pytest.approx(expected)
    of_treated = np.where(treated, 1.0, weights)
    estimate, _ = entropy_treated(data, x, of_treated, everyone(data))
    assert estimate == pytest.approx(data.y[treated].mean() - np.average(data.y[~treated], weights=weights[~treated]))
    # A column that does not vary has no part in the error either.
    assert entropy_overlap(data, x, weights, everyone(data)) == pytest.approx(
        entropy_overlap(data, small.x, weights, everyone(data))
    )
    with pytest.raises(NotEstimableError, match=r"an arm's [0-9]+ trials are too few for 130 covariates"):
        entropy_overlap(data, np.random.default_rng(1).normal(size=(120, 130)), weights, everyone(data))


# Estimators of propensity and means


def test_the_effect_on_the_treated_is_its_score_by_hand() -> None:
    data = Residuals(
        y=np.array([5.0, 7.0, 2.0, 4.0]),
        treated=np.array([1.0, 1.0, 0.0, 0.0]),
        propensity=np.array([0.5, 0.6, 0.5, 0.2]),
        mu0=np.array([3.0, 4.0, 1.0, 5.0]),
        mu1=np.full(4, np.nan),
        households=np.arange(4),
        folds=np.zeros(4, dtype=np.int64),
    )
    estimate, se = att(data, everyone(data))
    parts = np.array([2.0, 3.0, -1.0 * 1.0, 0.25 * 1.0])
    assert estimate == pytest.approx(parts.sum() / 2)
    influence = (parts - data.treated * estimate) / 0.5
    assert se == pytest.approx(influence.std(ddof=1) / 2)


def test_the_partially_linear_effect_is_the_residuals_regression_through_zero(small: Known) -> None:
    import statsmodels.api as sm

    data = small.residuals()
    mean = small.mu0 + 0.5
    rt = data.treated - data.propensity
    fit = sm.OLS(data.y - mean, rt).fit(cov_type="cluster", cov_kwds={"groups": data.households})
    assert dml(data, mean, everyone(data)) == pytest.approx((fit.params[0], fit.bse[0]))


def test_targeted_means_solve_their_scores_and_stay_within_the_outcomes() -> None:
    known = simulate_trials(400, seed=23, effect=constant_effect)
    data = known.residuals(mu0=known.mu0 - 30, mu1=known.mu1 + 8 * known.x[:, 1])
    y, t, e = data.y, data.treated, data.propensity
    mu0, mu1 = targeted_means(y, t, e, data.mu0, data.mu1)
    assert abs((t * (y - mu1) / e).mean()) < 1e-9
    assert abs(((1 - t) * (y - mu0) / (1 - e)).mean()) < 1e-9
    assert y.min() <= min(mu0.min(), mu1.min())
    assert max(mu0.max(), mu1.max()) <= y.max()
    estimate, se = tmle(data, everyone(data))
    assert estimate == pytest.approx((mu1 - mu0).mean())
    # With its scores solved it is AIPW of the moved means.
    moved = known.residuals(mu0=mu0, mu1=mu1)
    assert (estimate, se) == pytest.approx(aipw(moved, everyone(moved)))
    assert abs(estimate - 2.0) < 3 * se


def test_targeted_means_of_outcomes_that_do_not_vary() -> None:
    known = simulate_trials(50, seed=24, effect=constant_effect)
    data = known.residuals()
    never = Residuals(**{**vars(data), "y": np.where(data.treated == 1, np.arange(50) % 2, 0.0), "mu0": np.zeros(50)})
    mu0, _ = targeted_means(never.y, never.treated, never.propensity, never.mu0, np.full(50, 0.4))
    assert (mu0 == 0).all()
    flat = Residuals(**{**vars(data), "y": np.full(50, 3.0)})
    assert tmle(flat, everyone(flat)) == (0.0, 0.0)


# The table


@pytest.fixture(scope="module")
def varied() -> tuple[Known, pd.DataFrame]:
    """Effects that grow with the first covariate, and so with the propensity."""
    known = simulate_trials(1500, seed=10, effect=lambda x: 2 + x[:, 0], n_campaigns=2, household_noise=0.5)
    return known, propensity_table(known.nuisances(), known.x, OverlapSettings(lower=0.3, upper=0.7))


def estimate(known: Known, propensity: pd.DataFrame, **changed: object) -> AverageEffects:
    given = {
        "trials": known.trials,
        "x": known.x,
        "nuisances": known.nuisances(),
        "propensity": propensity,
        "settings": EffectSettings(),
        "confidence": 0.9,
        "primary_outcome": SPEND,
    }
    return average_effects(**{**given, **changed})


def test_every_estimator_recovers_its_own_estimand(varied: tuple[Known, pd.DataFrame]) -> None:
    known, propensity = varied
    table = estimate(known, propensity).effects
    e, treated = known.propensity, known.trials["treated"].to_numpy()
    inside = propensity["in_overlap"].to_numpy()
    pairs = match_pairs(e, treated, known.trials["campaign"].to_numpy(), EffectSettings().caliper)
    truths = {
        ("ATE", "all"): known.effect.mean(),
        ("ATE", "overlap"): known.effect[inside].mean(),
        ("ATO", "all"): known.ato,
        ("ATO", "overlap"): np.average(known.effect[inside], weights=(e * (1 - e))[inside]),
        ("ATT", "all"): known.effect[treated == 1].mean(),
        ("ATT", "matched"): known.effect[pairs["treated_row"]].mean(),
    }
    own = table[(table["outcome"] == SPEND) & (table["campaign"] == "all")].set_index(["estimator", "estimand"])
    assert len(own) == 13
    for (estimator, estimand), row in own.iterrows():
        if estimator == "naive":
            assert row["estimate"] - known.effect.mean() > 10 * row["se"]
        else:
            truth = truths[estimand, row["population"]]
            assert abs(row["estimate"] - truth) < 3.5 * row["se"] < 0.7, estimator
    # The estimands are apart, so that a wrong label would show.
    assert truths["ATT", "all"] - truths["ATE", "all"] > 5 * own.loc[("att", "ATT"), "se"]


def test_the_table_of_effects_has_a_row_for_what_can_be_estimated() -> None:
    known = simulate_trials(300, seed=10, effect=constant_effect, n_campaigns=2)
    one_armed = known.trials["campaign"] == 2
    trials = known.trials.assign(treated=known.trials["treated"].where(~one_armed, 0))
    nuisances = known.nuisances().assign(treated=trials["treated"])
    propensity = propensity_table(nuisances, known.x, OverlapSettings(lower=0.3, upper=0.7))
    inside = propensity["in_overlap"].to_numpy()
    given = {"trials": trials, "nuisances": nuisances, "primary_outcome": "purchase_count"}
    found = estimate(known, propensity, **given)
    table = found.effects
    own = "outcome estimator estimand population campaign estimate se ci_lower ci_upper n_trials n_households primary"
    assert table.columns.tolist() == [*own.split(), "identified", "reason"]
    assert table["identified"].all()
    # At their bound: a fifth of the trials, treated and nearly always so.
    certain = (trials["treated"] == 1) & (np.arange(len(trials)) % 2 == 0)
    pushed = nuisances["propensity"].where(~certain, 0.99)
    lacking = nuisances.assign(propensity=pushed, propensity_bounded=certain)
    extrapolated = estimate(
        known,
        propensity_table(lacking, known.x, OverlapSettings(lower=0.3, upper=0.7)),
        **given | {"nuisances": lacking},
    ).effects
    whole = extrapolated[(extrapolated["campaign"] == "all") & (extrapolated["population"] == "all")]
    told = whole.groupby("estimand")["identified"].agg(["min", "max"])
    assert not told.loc[["ATE", "ATT"]].any(axis=None)
    assert told.loc["ATO"].all()
    assert extrapolated.loc[~extrapolated["identified"], "reason"].str.contains("targeted|controls").all()
    assert table["outcome"].unique().tolist() == ["purchase_amount", "purchase_count", "redeemed", "gross_profit"]
    assert table.groupby("campaign")["estimator"].count().to_dict() == {"1": 4 * 4, "all": 4 * 13}
    assert (table["primary"] == (table["outcome"] == "purchase_count")).all()
    assert not table.drop(columns="reason").isna().any(axis=None)
    assert table["reason"].isna().all()
    np.testing.assert_allclose(table["ci_upper"] - table["estimate"], 1.6449 * table["se"], rtol=1e-4)
    np.testing.assert_allclose(table["estimate"] - table["ci_lower"], 1.6449 * table["se"], rtol=1e-4)
    row = table[
        (table["population"] == "overlap") & (table["campaign"] == "all") & (table["estimator"] == "aipw")
    ].iloc[0]
    assert row["n_trials"] == inside.sum() == 2 * row["n_households"]
    data = residuals(trials, nuisances, SPEND)
    assert (row["estimate"], row["se"]) == pytest.approx(aipw(data, inside))
    missing = found.not_estimated
    assert missing.columns.tolist() == ["estimator", "estimand", "population", "campaign", "reason"]
    assert missing["campaign"].tolist() == ["2"] * 4
    assert set(missing["reason"]) == {"the treated arm has no household"}
    assert found.left_out.empty


def test_what_cannot_be_estimated_is_listed_with_its_reason() -> None:
    known = simulate_trials(200, seed=11, effect=constant_effect)
    propensity = propensity_table(known.nuisances(), known.x, OverlapSettings(lower=0.3, upper=0.7))
    nobody = propensity.assign(in_overlap=False, w_balance=0.0)
    x = np.column_stack([known.x, known.x[:, 1]])
    found = estimate(known, nobody, x=x, settings=EffectSettings(caliper=1e-9))
    reasons = found.not_estimated.set_index(["estimator", "campaign"])["reason"]
    assert reasons.to_dict() == {
        ("aipw", "all"): "no trial is in overlap",
        ("lin", "all"): "no trial is in overlap",
        ("entropy", "all"): "no trial is in overlap",
        ("matching", "all"): "no treated trial has a control within 1e-09 standard deviations",
        ("aipw", "1"): "no trial is in overlap",
    }
    assert set(found.effects["population"]) == {"all"}
    assert found.left_out.to_numpy().tolist() == [["ols", 4]]
    wide = np.random.default_rng(1).normal(size=(200, 150))
    # With too many covariates the regressions go, and the others stay.
    reasons = estimate(known, propensity, x=wide).not_estimated.set_index(["estimator", "estimand"])["reason"]
    assert set(reasons.index) == {("lin", "ATE"), ("entropy", "ATT"), ("entropy", "ATO")}
    assert reasons["lin", "ATE"].endswith("covariates")


def test_an_arm_of_one_household_tells_nothing_of_its_error() -> None:
    known = simulate_trials(40, seed=12, effect=constant_effect)
    lone = known.trials.assign(treated=(known.trials["household_key"] == 7).astype(int))
    nuisances = known.nuisances().assign(treated=lone["treated"])
    propensity = propensity_table(nuisances, known.x, OverlapSettings(lower=1e-6, upper=1 - 1e-6))
    found = estimate(known, propensity, trials=lone, nuisances=nuisances)
    assert found.effects.empty
    assert len(found.not_estimated) == 13 + 4
    assert set(found.not_estimated["reason"]) == {"the treated arm has one household"}
    data = known.residuals()
    assert obstacle(data, everyone(data)) is None
    assert obstacle(data, data.treated == 1) == "the control arm has no household"
    assert obstacle(data, np.zeros(40, dtype=bool), "nobody") == "nobody"
    assert obstacle(data, everyone(data), least=30) == f"the treated arm has {int(data.treated.sum())} households"


def test_effects_are_of_the_outcomes_that_have_means(varied: tuple[Known, pd.DataFrame]) -> None:
    known, propensity = varied
    margin = {f"mu{arm}_margin_weighted_amount": known.mu0 for arm in (0, 1)}
    nuisances = known.nuisances().drop(columns=["mu0_redeemed"]).assign(**margin)
    assert estimated_outcomes(nuisances) == [
        "purchase_amount",
        "purchase_count",
        "gross_profit",
        "margin_weighted_amount",
    ]
    with pytest.raises(ValueError, match="nuisances have no mean of redeemed, only of purchase_amount, purchase_count"):
        estimate(
            known, propensity, nuisances=known.nuisances().drop(columns=["mu0_redeemed"]), primary_outcome="redeemed"
        )
    with pytest.raises(ValueError, match="propensity and nuisances list different trials; materialise propensity"):
        estimate(known, propensity.iloc[::-1])


@settings(max_examples=8, deadline=None)
@given(shift=st.floats(-1000, 1000), scale=st.floats(0.01, 100))
def test_shifting_the_outcome_leaves_effects_and_scaling_it_scales_them(shift: float, scale: float) -> None:
    known = simulate_trials(120, seed=13, effect=lambda x: 2 + x[:, 0], n_campaigns=2)
    only = [name for name in known.nuisances() if not name.endswith(("purchase_count", "redeemed", "gross_profit"))]
    nuisances = known.nuisances()[only]
    propensity = propensity_table(nuisances, known.x, OverlapSettings(lower=0.2, upper=0.8))
    means = {name: shift + scale * nuisances[name] for name in nuisances if name.startswith("mu")}
    trials = known.trials.assign(purchase_amount=shift + scale * known.trials[SPEND])
    before = estimate(known, propensity, nuisances=nuisances).effects
    after = estimate(known, propensity, nuisances=nuisances.assign(**means), trials=trials).effects
    tolerance = {"rtol": 1e-5, "atol": 1e-9 * (abs(shift) + scale)}
    np.testing.assert_allclose(after["estimate"], scale * before["estimate"], **tolerance)
    np.testing.assert_allclose(after["se"], scale * before["se"], **tolerance)
