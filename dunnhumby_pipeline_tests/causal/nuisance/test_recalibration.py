"""Recalibration within campaigns: what it undoes, what it may not see, and where it stays away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit
from dunnhumby_pipeline.causal.nuisance.recalibration import as_in_campaign, fit_line, recalibrated
from dunnhumby_pipeline.causal.overlap.campaign_balance import campaign_balance, campaign_calibration
from dunnhumby_pipeline.settings import NuisanceSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array

LOOK_BACKS = {30: 38, 8: 127, 13: 182}


def _planted(n: int = 800, seed: int = 4) -> pd.DataFrame:
    """Trials of campaigns with look-backs of other lengths, targeted by how often a household comes, a day.
    The covariate counts visits over the whole look-back."""
    rng = np.random.default_rng(seed)
    parts = []
    for place, (campaign, days) in enumerate(LOOK_BACKS.items()):
        a_day = rng.gamma(4.0, 0.05, n)
        visits = rng.poisson(a_day * days)
        score = (1.4, 1.2, 1.0)[place] * (visits / days - 0.2) / 0.1
        chance = special.expit(score - (1.2, 0.2, 1.0)[place])
        parts.append(
            pd.DataFrame(
                {
                    "household_key": np.arange(n) + n * place,
                    "campaign": campaign,
                    "treated": (rng.random(n) < chance).astype("int64"),
                    "lookback_start": 600 - days,
                    "index_day": 600,
                    "frequency": visits,
                    "n_products": visits * 3 + rng.poisson(4.0, n),
                    "weekend_share": rng.random(n),
                    "purchase_amount": 20 * visits / days + rng.normal(size=n),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def by_form() -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Balance and calibration by form of the covariates and whether the propensity is recalibrated."""
    trials = _planted()
    names = ["frequency", "n_products", "weekend_share"]
    settings = NuisanceSettings(n_folds=3, n_repeats=1)
    found = {}
    for form, per_day in (("totals", False), ("rates", True)):
        design = fit_design_matrix(trials, names, per_day)
        x = design.apply(trials)
        # Linear models are misled most: they cannot have another slope where a look-back is short.
        own = cross_fit(trials, x, settings, 1, ["purchase_amount"], (True, False)).nuisances
        fitted = own.assign(propensity=own["propensity_as_fitted"])
        for name, nuisances in ((form, fitted), (f"{form}, recalibrated", own)):
            balance = campaign_balance(x, design.names, nuisances, 0.99, 400, 1)
            found[name] = balance, campaign_calibration(nuisances, 0.99)
    return found


def _worst(balance: pd.DataFrame) -> float:
    return float(balance["smd"].abs().max())


def _off(calibration: pd.DataFrame) -> float:
    return float((calibration["slope"] - 1).abs().max())


def test_totals_mislead_one_propensity_and_rates_and_recalibration_put_it_right(
    by_form: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
) -> None:
    worst = {name: _worst(balance) for name, (balance, _) in by_form.items()}
    off = {name: _off(calibration) for name, (_, calibration) in by_form.items()}
    assert worst["totals"] > 1.0 and off["totals"] > 3.0
    assert worst["totals, recalibrated"] < 0.4 * worst["totals"] and off["totals, recalibrated"] < 0.3
    assert worst["rates"] < 0.4 * worst["totals"] and off["rates"] < 0.4
    assert worst["rates, recalibrated"] < 0.2 and off["rates, recalibrated"] < 0.1
    balance, calibration = by_form["rates, recalibrated"]
    assert (balance["smd"].abs() <= balance["noise_any"]).all()
    assert calibration["slope"].between(calibration["noise_lower"], calibration["noise_upper"]).all()
    balance, calibration = by_form["totals"]
    assert (balance["smd"].abs() > balance["noise_any"]).any()
    assert not calibration["slope"].between(calibration["noise_lower"], calibration["noise_upper"]).all()


def _drawn(n: int, seed: int, intercept: float = 0.3, slope: float = 0.6) -> tuple[Array, np.ndarray]:
    rng = np.random.default_rng(seed)
    said = special.expit(rng.normal(0, 1.5, n))
    return said, (rng.random(n) < special.expit(intercept + slope * special.logit(said))).astype("int64")


def test_a_line_is_found_and_shrunk_towards_none_where_trials_are_few() -> None:
    said, treated = _drawn(40_000, 1)
    assert fit_line(said, treated) == pytest.approx((0.3, 0.6), abs=0.04)
    few_intercept, few_slope = fit_line(said[:12], treated[:12])
    alone_intercept, alone_slope = fit_line(np.tile(said[:12], 500), np.tile(treated[:12], 500))
    assert abs(few_slope - 1) < abs(alone_slope - 1)
    assert abs(few_intercept) < abs(alone_intercept)


def test_arms_that_do_not_interleave_still_have_a_finite_line() -> None:
    said = np.concatenate([np.full(40, 0.2), np.full(40, 0.8)])
    intercept, slope = fit_line(said, np.repeat([0, 1], 40))
    assert np.isfinite([intercept, slope]).all()
    assert 1 < slope < 4
    assert np.isfinite(fit_line(np.repeat([0.0, 1.0], 40), np.repeat([0, 1], 40))).all()


def test_the_arms_of_a_fold_decide_nothing_about_its_own_propensities() -> None:
    said, treated = _drawn(900, 2)
    campaigns, folds = np.repeat([8, 13], 450), np.tile([0, 1, 2], 300)
    before = recalibrated(said, treated, campaigns, folds, 30)
    own = (folds == 1) & (campaigns == 13)
    after = recalibrated(said, np.where(own, 1 - treated, treated), campaigns, folds, 30)
    np.testing.assert_array_equal(after[own], before[own])
    others = (folds != 1) & (campaigns == 13)
    assert (after[others] != before[others]).all()
    # Another campaign is none of its business.
    np.testing.assert_array_equal(after[campaigns == 8], before[campaigns == 8])


def test_order_within_a_campaign_is_kept_and_a_small_campaign_stays_as_it_is() -> None:
    said, treated = _drawn(600, 3)
    campaigns = np.where(np.arange(600) < 40, 7, 8)
    folds = np.tile([0, 1], 300)
    found = recalibrated(said, treated, campaigns, folds, 30)
    np.testing.assert_array_equal(found[campaigns == 7], said[campaigns == 7])
    for fold in (0, 1):
        own = (campaigns == 8) & (folds == fold)
        assert (np.diff(found[own][np.argsort(said[own])]) > 0).all()
        assert np.abs(found[own] - said[own]).max() > 0.05
    np.testing.assert_array_equal(recalibrated(said, treated, campaigns, folds, 400), said)


def test_households_of_today_are_moved_as_the_trials_of_the_campaign_they_carry() -> None:
    said, treated = _drawn(3000, 5)
    nuisances = pd.DataFrame({"campaign": np.repeat([8, 13], 1500), "treated": treated, "propensity_as_fitted": said})
    new, carried = pd.Series([0.2, 0.5, 0.9]), pd.Series([13, 13, 13])
    line = fit_line(said[1500:], treated[1500:])
    expected = special.expit(line[0] + line[1] * special.logit(new))
    np.testing.assert_allclose(as_in_campaign(new, carried, nuisances, 30), expected)
    np.testing.assert_array_equal(as_in_campaign(new, carried, nuisances, 2000), new)


def test_the_quality_of_a_fit_says_what_recalibration_gained() -> None:
    trials = _planted(400)
    x = fit_design_matrix(trials, ["frequency", "weekend_share"], per_day=False).apply(trials)
    settings = NuisanceSettings(n_folds=3, n_repeats=1)
    found = cross_fit(trials, x, settings, 1, ["purchase_amount"], (True, False))
    value = found.quality.loc[found.quality["repeat"] == -1].set_index("quantity")["value"]
    assert value["propensity_log_loss"] < value["propensity_log_loss_as_fitted"] - 0.005
    left = cross_fit(
        trials, x, settings.model_copy(update={"recalibration_min_arm": 10**6}), 1, ["purchase_amount"], (True, False)
    ).nuisances
    pd.testing.assert_series_equal(left["propensity"], left["propensity_as_fitted"], check_names=False)
