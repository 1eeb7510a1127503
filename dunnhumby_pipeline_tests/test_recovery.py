"""What is planted in the simulated retailer of the small study is found again by it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from dunnhumby_pipeline.causal.cate.selection import fit_cate
from dunnhumby_pipeline.causal.design.matrix_store import load_matrix
from dunnhumby_pipeline.causal.nuisance.cross_fit import cross_fit, residuals
from dunnhumby_pipeline.contracts.names import SPEND, TRIAL_KEY
from dunnhumby_pipeline_tests.fakes.studies import SmallStudy, quick_settings


def _table(study: SmallStudy, name: str) -> pd.DataFrame:
    return pd.read_parquet(study.folder / "home" / "warehouse" / "TypeA" / f"{name}.parquet")


def _planted(study: SmallStudy) -> pd.DataFrame:
    """Treatment, propensity and effect of each trial, as they were planted."""
    return pd.read_parquet(study.raw / "truth" / "trials.parquet")


@pytest.mark.parametrize(("estimator", "truth"), [("aipw", "ate"), ("overlap_weighted", "ato")])
def test_the_planted_effect_lies_in_its_interval(small: SmallStudy, estimator: str, truth: str) -> None:
    planted = json.loads((small.raw / "truth" / "plan.json").read_text())["truth"]
    effects = _table(small, "average_effects")
    row = effects.query(
        "outcome == 'purchase_amount' and campaign == 'all' and population == 'all' and estimator == @estimator"
    ).iloc[0]
    assert row["ci_lower"] < planted[truth] < row["ci_upper"]
    naive = effects.query("outcome == 'purchase_amount' and campaign == 'all' and estimator == 'naive'").iloc[0]
    assert naive["ci_lower"] > planted[truth], "the naive difference must be wrong here, or nothing is tested"


def test_what_came_before_the_campaign_shows_no_effect_of_it(small: SmallStudy) -> None:
    controls = _table(small, "negative_controls").query("campaign == 'all'").set_index("control")
    placebo = controls.loc["placebo outcome"]
    assert placebo["ci_lower"] < 0 < placebo["ci_upper"]
    weeks = _table(small, "event_study").groupby("phase")["estimate"].mean()
    assert weeks["after"] > 3 * abs(weeks["before"])


def test_designs_stand_side_by_side(small: SmallStudy) -> None:
    comparison = _table(small, "design_comparison").set_index("design")
    assert comparison.index[comparison["chosen"]].tolist() == ["sequential_trials"]
    assert comparison.at["never_targeted", "share_control_without_purchase"] == 0
    assert comparison.at["never_targeted", "auc"] > comparison.at["sequential_trials", "auc"]
    assert comparison.at["first_eligible", "n_trials"] == comparison.at["first_eligible", "n_households"]


def test_the_trials_and_their_treatment_are_the_planted_ones(small: SmallStudy) -> None:
    key = ["household_key", "campaign"]
    truth = _planted(small).sort_values(key, ignore_index=True)
    trials = _table(small, "first_campaign_cohort").sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(trials[[*key, "treated"]], truth[[*key, "treated"]], check_dtype=False)


def test_households_are_ranked_better_than_chance(small: SmallStudy) -> None:
    # In the study itself effects differ by less than 400 households can show: here by three times as much.
    settings, trials = quick_settings(), _table(small, "first_campaign_cohort")
    effect = trials[TRIAL_KEY].merge(_planted(small), on=TRIAL_KEY, validate="1:1")["effect"].to_numpy()
    trials[SPEND] += trials["treated"] * 2 * (effect - effect.mean())
    x = load_matrix(small.folder / "home" / "warehouse" / "TypeA" / "design_matrix.npz", trials).x
    nuisances = cross_fit(trials, x, settings.nuisance, 1, [SPEND]).nuisances
    data = residuals(trials, nuisances, SPEND)
    fitted = fit_cate(trials, x, data, settings.cate, settings.confidence, 1, settings.nuisance)
    ranked = fitted.estimates.merge(trials[TRIAL_KEY].assign(effect=3 * effect), on=TRIAL_KEY)
    lifts, correlations = [], []
    for _, fold in ranked.groupby("fold"):
        top = fold["cate"].rank(ascending=False, method="first") <= 0.3 * len(fold)
        lifts.append(fold.loc[top, "effect"].mean() - fold["effect"].mean())
        correlations.append(spearmanr(fold["cate"], fold["effect"]).statistic if fold["cate"].nunique() > 1 else 0.0)
    assert np.mean(lifts) > 0.5 * ranked["effect"].std()
    assert np.mean(correlations) > 0.6


def test_true_propensities_are_recovered(small: SmallStudy) -> None:
    truth = _planted(small).rename(columns={"propensity": "planted"})
    merged = _table(small, "propensity").merge(truth, on=["household_key", "campaign"])
    assert spearmanr(merged["propensity"], merged["planted"]).statistic > 0.7
    assert (merged["propensity"] - merged["planted"]).abs().mean() < 0.08


def test_the_list_covers_every_household_once_with_a_reason(small: SmallStudy) -> None:
    listed = _table(small, "targeting_list")
    customers = pd.read_parquet(small.folder / "home" / "warehouse" / "customer_features.parquet")
    assert sorted(listed["household_key"]) == sorted(customers["household_key"])
    assert set(listed["decision"]) <= {"target", "leave", "test"}
    assert (listed["reason"].str.len() > 0).all()
    assert listed.loc[listed["decision"] == "target", "in_overlap"].all()
