"""What is known of a repeat: its effect on known truth, whom it speaks of, and when nothing is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.design.cohort import covariate_columns
from dunnhumby_pipeline.causal.effects.repeats import HOUSEHOLDS, SUPPORT, RepeatStudy, study_repeats
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import residuals
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.contracts.table import require_columns
from dunnhumby_pipeline.settings import load_settings

SETTINGS = load_settings()
N = 1200


def covariates(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: np.zeros(n) for name in covariate_columns("TypeA", 1)})
    frame["monetary_sales"] = rng.gamma(2.0, 100.0, n)
    frame["frequency"] = rng.poisson(10, n)
    frame["received_typea"] = rng.integers(1, 3, n)
    return frame.assign(lookback_segment="all", lookback_start=100, index_day=200)


def trials(effect: float = 20.0, slope: float = 0.004, level: float = 0.4, seed: int = 1, n: int = N) -> pd.DataFrame:
    """Trials of two campaigns; those who spent more in the look-back are sent more often, and spend more after."""
    rng = np.random.default_rng(seed)
    frame = covariates(n, seed)
    spent = frame["monetary_sales"].to_numpy()
    chance = 1 / (1 + np.exp(-(level + slope * (spent - 200))))
    treated = (rng.random(n) < chance).astype("int64")
    gross = 10 + 0.2 * spent + effect * treated + rng.normal(0, 10, n)
    keys = {"household_key": np.arange(n), "campaign": np.where(np.arange(n) % 2, 5, 8), "treated": treated}
    measured = {"gross_profit": gross, "purchase_amount": gross / 0.3, "outcome_end": 260, "days_since_last": 90}
    return frame.assign(**keys, **measured)


def today(n: int = 300, over: bool = True) -> pd.DataFrame:
    keys = {"household_key": np.arange(n) + 5000, "campaign": 8, "over": over, "days_since_last": 60}
    return covariates(n, 9).assign(**keys, received_before=True)


def whole(found: RepeatStudy) -> pd.Series:
    return found.support.loc[found.support["campaign"] == "all"].iloc[0]


def test_the_effect_of_a_repeat_is_found_and_its_support_is_told() -> None:
    given = trials()
    found = study_repeats(given, today(), "TypeA", SETTINGS)
    estimate, se = overlap_weighted(residuals(given, found.nuisances, "gross_profit"), np.ones(N, dtype=bool))
    assert estimate == pytest.approx(20, abs=4 * se) and se < 2
    row = whole(found)
    assert pd.isna(row["lacking"]) and row["n_trials"] == N == row["n_treated"] + row["n_control"]
    assert row["max_smd_weighted"] < 0.15 < row["max_smd"]
    assert row["treated_in_overlap"] + row["control_in_overlap"] == pytest.approx(row["share_in_overlap"] * N)
    assert found.support["campaign"].tolist() == ["8", "5", "all"]
    assert found.support.columns.tolist() == SUPPORT and found.households.columns.tolist() == HOUSEHOLDS
    for name, frame in (("repeat_nuisances", found.nuisances), ("repeat_support", found.support)):
        require_columns(table(name), frame)
    assert found.households["in_overlap"].mean() > 0.8


def test_households_outside_the_trials_propensities_have_no_support() -> None:
    rich = today()
    rich.loc[:9, "monetary_sales"] = 5000.0
    found = study_repeats(trials(slope=0.01, n=600), rich, "TypeA", SETTINGS).households
    assert not found.loc[:9, "in_overlap"].any() and found.loc[10:, "in_overlap"].any()
    assert (found.loc[:9, "propensity"] > found.loc[10:, "propensity"].median()).all()


def test_a_household_whose_last_campaign_is_not_over_has_no_support() -> None:
    found = study_repeats(trials(n=600), today(over=False), "TypeA", SETTINGS)
    assert pd.isna(whole(found)["lacking"]) and not found.households["in_overlap"].any()


@pytest.mark.parametrize("n_control", [0, 3, 19])
def test_too_few_in_an_arm_are_told_with_their_numbers(n_control: int) -> None:
    given = trials()
    kept = (given["treated"] == 1) | ((given["treated"] == 0).cumsum() <= n_control)
    found = study_repeats(given.loc[kept].reset_index(drop=True), today(), "TypeA", SETTINGS)
    n_treated = int((given["treated"] == 1).sum())
    assert whole(found)["lacking"] == (
        f"trials of a repeat: {n_treated:,} treated and {n_control} control, of {n_control} households in the smaller "
        "arm; 20 are needed"
    )
    assert found.nuisances.empty and not found.households["in_overlap"].any()
    require_columns(table("repeat_nuisances"), found.nuisances)
    assert len(found.households) == 300


def test_no_trial_at_all_is_said() -> None:
    found = study_repeats(trials().iloc[:0], today(), "TypeA", SETTINGS)
    assert whole(found)["lacking"].startswith("trials of a repeat: 0 treated and 0 control")


def test_arms_that_weights_do_not_make_alike_say_nothing() -> None:
    strict = load_settings(checks={"max_weighted_smd": 1e-6})
    found = study_repeats(trials(n=600), today(), "TypeA", strict)
    assert "standard deviations after weighting" in whole(found)["lacking"]
    assert len(found.nuisances) == 600 and not found.households["in_overlap"].any()


def test_trials_worth_few_effective_ones_say_nothing() -> None:
    found = study_repeats(trials(n=600), today(), "TypeA", load_settings(checks={"min_effective_trials": 1100}))
    assert "1100 of each are needed" in whole(found)["lacking"]


def test_it_is_the_same_again() -> None:
    first, again = (study_repeats(trials(n=400), today(), "TypeA", SETTINGS) for _ in range(2))
    pd.testing.assert_frame_equal(first.nuisances, again.nuisances)
    pd.testing.assert_frame_equal(first.households, again.households)
