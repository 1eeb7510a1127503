"""Other campaigns beside the trial's own: counts against brute force, strata against the estimator, the test's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from dunnhumby_pipeline.causal.effects.average import overlap_weighted
from dunnhumby_pipeline.causal.effects.dose import campaign_dose, equality_p_value, others_active, others_in_window
from dunnhumby_pipeline_tests.fakes.known_truth import Array, Known, simulate_trials, write_tables

SPEND = "purchase_amount"


def constant_effect(x: Array) -> Array:
    return np.full(len(x), 2.0)


@pytest.fixture(scope="module")
def known() -> Known:
    return simulate_trials(400, seed=31, effect=lambda x: 2 + x[:, 0], n_campaigns=2)


def test_campaigns_in_the_outcome_window_are_counted_as_by_brute_force(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    campaigns = pd.DataFrame(
        {
            "description": rng.choice(["TypeA", "TypeB", "TypeC"], 20),
            "campaign": np.arange(20) + 1,
            "start_day": rng.integers(1, 60, 20),
        }
    ).assign(end_day=lambda frame: frame["start_day"] + 10)
    sent = pd.DataFrame({"household_key": rng.integers(1, 15, 120), "campaign": rng.integers(1, 21, 120)})
    tables = write_tables(tmp_path, campaigns=campaigns, campaign_targets=sent)
    trials = pd.DataFrame({"household_key": rng.integers(1, 18, 30), "index_day": rng.integers(1, 50, 30)})
    trials = trials.assign(outcome_end=trials["index_day"] + 12)
    expected = []
    for trial in trials.itertuples():
        own = set(sent.loc[sent["household_key"] == trial.household_key, "campaign"])
        inside = [
            campaign
            for campaign in campaigns.itertuples()
            if campaign.campaign in own
            and campaign.description != "TypeB"
            and trial.index_day <= campaign.start_day <= trial.outcome_end
        ]
        expected.append(len(inside))
    assert sum(expected) >= 20
    found = others_in_window(tables, trials.set_index("household_key", drop=False), "TypeB")
    assert found.tolist() == expected


def test_campaigns_of_other_types_that_run_on_the_index_day() -> None:
    trials = pd.DataFrame({"active_typea": [1.0, 0.0], "active_typeb": [2.0, 0.0], "active_typec": [0.0, 1.0]})
    assert others_active(trials.drop(columns="active_typea"), "TypeA").tolist() == [2, 1]
    assert others_active(trials, "TypeB").tolist() == [1, 1]


def test_the_effect_is_estimated_by_dose(known: Known) -> None:
    rng = np.random.default_rng(6)
    data = known.residuals()
    dose = rng.integers(0, 4, 800)
    received = rng.poisson(1 + 0.5 * data.treated)
    table = campaign_dose(known.x, data, dose, received, 0.95)
    own = "quantity dose estimate se ci_lower ci_upper n_trials n_treated"
    assert table.columns.tolist() == own.split()
    assert table["dose"].tolist() == ["all", "0", "1", "2+", "all"]
    brought = table.iloc[0]
    assert brought["quantity"] == "effect on other campaigns received"
    assert abs(brought["estimate"] - 0.5) < 3 * brought["se"] < 0.5
    for place, rows in enumerate((dose == 0, dose == 1, dose >= 2)):
        row = table.iloc[1 + place]
        assert (row["estimate"], row["se"]) == pytest.approx(overlap_weighted(data, rows))
        assert (row["n_trials"], row["n_treated"]) == (rows.sum(), data.treated[rows].sum())
    test = table.iloc[4]
    assert test["quantity"] == "effect on the outcome, p of no difference"
    assert test[["se", "ci_lower", "ci_upper"]].isna().all()
    assert 0 < test["estimate"] <= 1


def test_two_doses_of_different_households_differ_by_their_errors_alone(known: Known) -> None:
    data = known.residuals()
    even = data.households % 2 == 0
    (one, se_one), (two, se_two) = (overlap_weighted(data, rows) for rows in (even, ~even))
    z = (one - two) / np.hypot(se_one, se_two)
    # But for the factor of the number of households.
    assert equality_p_value(data, [even, ~even]) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.02)


def test_doses_that_share_households_are_not_taken_for_independent() -> None:
    known = simulate_trials(300, seed=33, effect=constant_effect)
    # The same trials again, but for a little noise and an effect that is larger by 0.1.
    twice = [np.tile(part, 2) for part in (known.propensity, known.mu0, known.mu1)]
    again = pd.concat([known.trials, known.trials.assign(campaign=2)], ignore_index=True)
    first = (again["campaign"] == 1).to_numpy()
    noise = 0.1 * np.random.default_rng(1).normal(size=600)
    spend = again[SPEND] + noise + 0.1 * np.where(first, 0, again["treated"])
    data = Known(again.assign(purchase_amount=spend), np.tile(known.x, (2, 1)), *twice).residuals()
    (one, se_one), (two, se_two) = (overlap_weighted(data, rows) for rows in (first, ~first))
    assert abs(one - two) < 2 * np.hypot(se_one, se_two)
    assert equality_p_value(data, [first, ~first]) < 0.001


def test_the_test_of_doses_has_its_size() -> None:
    p_values = []
    for seed in range(120):
        known = simulate_trials(150, seed=[34, seed], effect=constant_effect, n_campaigns=2, household_noise=1.0)
        dose = np.random.default_rng([34, seed]).integers(0, 3, 300)
        p_values.append(equality_p_value(known.residuals(), [dose == level for level in range(3)]))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_a_dose_without_an_arm_is_null_and_not_tested(known: Known) -> None:
    data = known.residuals()
    nothing = np.zeros(800, dtype=np.int64)
    table = campaign_dose(known.x, data, nothing, nothing, 0.95)
    by_dose = table.set_index(["quantity", "dose"])
    assert by_dose.at[("effect on the outcome", "0"), "n_trials"] == 800
    assert by_dose.loc["effect on the outcome"].loc[["1", "2+"], "estimate"].isna().all()
    assert by_dose.loc["effect on the outcome"].loc[["1", "2+"], "n_trials"].tolist() == [0, 0]
    assert np.isnan(table.iloc[-1]["estimate"])
    assert (by_dose.loc["effect on other campaigns received", ["estimate", "se"]] == 0).all(axis=None)
    few = np.where(np.arange(800) < 30, 2, nothing)
    thin = campaign_dose(known.x, data, few, nothing, 0.95)
    assert thin.loc[thin["dose"] == "2+", "n_trials"].tolist() == [30]
    assert thin.loc[thin["dose"] == "2+", "estimate"].isna().all()
    assert np.isnan(thin.iloc[-1]["estimate"])
    # What is tested are the trials of the doses that have an estimate.
    assert thin.iloc[-1]["n_trials"] == 770
