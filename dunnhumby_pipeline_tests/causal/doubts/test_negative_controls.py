"""Negative controls and event study: windows by hand, planted targeting that they must catch, planted effects."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from dunnhumby_pipeline.causal.design.cohort import covariate_columns, window_covariates
from dunnhumby_pipeline.causal.design.matrix import fit_design_matrix
from dunnhumby_pipeline.causal.doubts.event_study import event_study, event_weeks
from dunnhumby_pipeline.causal.doubts.negative_controls import (
    NegativeControls,
    negative_controls,
    placebo_campaign_days,
    placebo_outcome_days,
)
from dunnhumby_pipeline.causal.doubts.period_spend import campaign_days, period_spend
from dunnhumby_pipeline.causal.estimators.doubly_robust import overlap_weighted
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.nuisance.linear_means import linear_means
from dunnhumby_pipeline.causal.nuisance.models import fit_propensity
from dunnhumby_pipeline.causal.nuisance.recalibration import recalibrated
from dunnhumby_pipeline.contracts.names import ALL_CAMPAIGNS, PLACEBO_CAMPAIGN, PLACEBO_OUTCOME
from dunnhumby_pipeline.settings import NuisanceSettings, SensitivitySettings, Settings, TrialSettings
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, lines, write_tables


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journeys written by hand have a handful of households; what a study needs is tested by itself."""
    for module in ("negative_controls", "event_study"):
        monkeypatch.setattr(f"dunnhumby_pipeline.causal.doubts.{module}.FEWEST_HOUSEHOLDS", 2)


SETTINGS = Settings(engine=ENGINE)
SEEN_BY_ALL = (99, 1, 1024.0)  # A household that is not a trial shops on the first day of the data.
Lines = list[tuple[int, int, float]]


def campaign(
    campaign: int, index_day: int, lookback_start: int, outcome_end: int, first: int, n: int = 20
) -> pd.DataFrame:
    """`n` trials of households `first`, `first` + 1 and so on, the first half treated."""
    return pd.DataFrame({"household_key": np.arange(first, first + n), "campaign": campaign}).assign(
        treated=(np.arange(n) < n // 2).astype("int64"),
        index_day=index_day,
        lookback_start=lookback_start,
        outcome_end=outcome_end,
    )


def residuals_of(trials: pd.DataFrame, propensity: float | np.ndarray = 0.5, n_folds: int = 2) -> Residuals:
    """The trials with this propensity, and folds in which the arms are even."""
    n, households = len(trials), trials["household_key"].to_numpy()
    zero = np.zeros(n)
    e = np.broadcast_to(np.asarray(propensity, dtype=float), n)
    return Residuals(zero, trials["treated"].to_numpy(dtype=float), e, zero, zero, households, households % n_folds)


def journey(folder: Path, rows: Lines) -> dict[str, Path]:
    return write_tables(
        folder,
        transactions=lines(*rows),
        products=pd.DataFrame({"product_id": [1], "department": ["GROCERY"], "brand": ["National"]}),
    )


def bought(households: range, *days: tuple[int, float]) -> Lines:
    return [(household, day, amount) for household in households for day, amount in days]


def controls_of(
    tables: dict[str, Path], trials: pd.DataFrame, data: Residuals | None = None, x: np.ndarray | None = None
) -> NegativeControls:
    """Negative controls; by default nothing tells the arms apart, so an effect is a difference of means."""
    data = residuals_of(trials) if data is None else data
    x = np.zeros((len(trials), 1)) if x is None else x
    return negative_controls(tables, trials, x, data, "TypeA", SETTINGS, seed=1)


def row(found: NegativeControls, control: str, which: str = ALL_CAMPAIGNS) -> pd.Series:
    chosen = found.frame.loc[(found.frame["control"] == control) & (found.frame["campaign"] == which)]
    assert len(chosen) == 1
    return chosen.iloc[0]


# Days: defaults are 84 days of placebo, 28 of them at least, and a shift of 56.


def test_placebo_days_end_where_the_look_back_begins_and_are_long_enough() -> None:
    campaigns = pd.DataFrame({"campaign": [1, 2, 3, 4], "lookback_start": [28, 29, 85, 200]})
    found = placebo_outcome_days(campaigns, 1, SensitivitySettings())
    assert found["outcome_start"].tolist() == [1, 1, 1, 116]
    assert found["outcome_stop"].tolist() == [28, 29, 85, 200]
    assert found["reason"].tolist() == ["fewer than 28 days of data lie before its look-back", "", "", ""]


def test_a_placebo_campaign_keeps_the_length_of_the_look_back_where_the_data_reach() -> None:
    campaigns = pd.DataFrame({"campaign": [1, 2, 3], "index_day": [84, 85, 300], "lookback_start": [1, 1, 200]})
    found = placebo_campaign_days(campaigns, 1, TrialSettings(), SensitivitySettings())
    assert found["lookback_start"].tolist() == [1, 1, 144]
    assert found["outcome_start"].tolist() == [28, 29, 244]
    assert found["outcome_stop"].tolist() == [84, 85, 300]
    assert found["reason"].tolist() == ["fewer than 28 days of data lie before its fake index day", "", ""]


@examples(max_examples=25, deadline=None)
@given(
    index_day=st.integers(1, 300),
    window=st.integers(1, 90),
    first_day=st.integers(-50, 100),
    n_days=st.integers(1, 400),
)
def test_weeks_lie_in_the_data_and_the_outcome_window_and_do_not_overlap(
    index_day: int, window: int, first_day: int, n_days: int
) -> None:
    campaigns = pd.DataFrame({"campaign": [1], "index_day": [index_day], "outcome_end": [index_day + window - 1]})
    last_day, weeks = first_day + n_days, np.arange(-12, 12)
    found = event_weeks(campaigns, weeks, first_day, last_day)
    days = [
        day for start, stop in zip(found["first_day"], found["index_day"], strict=True) for day in range(start, stop)
    ]
    end = min(index_day + window - 1, last_day)
    assert len(days) == len(set(days)) == 7 * len(found)
    assert all(first_day <= day <= end for day in days)
    # No whole week is forgotten.
    possible = [w for w in weeks if index_day + 7 * w >= first_day and index_day + 7 * w + 6 <= end]
    assert weeks[found["period"]].tolist() == possible


def test_spend_of_periods_is_that_of_a_loop_over_all_lines(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [(int(h), int(d), float(a)) for h, d, a in rng.integers(1, 30, (300, 3))]
    trials = pd.concat([campaign(5, 20, 1, 25, 1, 12), campaign(2, 10, 1, 25, 7, 12)], ignore_index=True)
    trials = trials.sample(frac=1, random_state=1).reset_index(drop=True)
    periods = pd.DataFrame(
        [(5, 0, 3, 9), (5, 2, 9, 12), (2, 0, 4, 30), (2, 1, 28, 29)],
        columns=["campaign", "period", "first_day", "index_day"],
    )
    found = period_spend(journey(tmp_path, rows), trials, periods, 3, ENGINE)
    expected = np.full((24, 3), np.nan)
    for i, trial in trials.iterrows():
        for listed, period, first, stop in periods.to_numpy():
            if trial["campaign"] == listed:
                spent = [a for h, d, a in rows if h == trial["household_key"] and first <= d < stop]
                expected[i, period] = sum(spent)
    np.testing.assert_allclose(found, expected)


def test_trials_of_a_campaign_share_its_days_or_are_refused() -> None:
    trials = pd.concat([campaign(5, 20, 1, 25, 1), campaign(2, 10, 1, 25, 1)])
    assert campaign_days(trials)["campaign"].tolist() == [2, 5]
    trials.iloc[0, trials.columns.get_loc("lookback_start")] = 3
    with pytest.raises(ValueError) as caught:
        campaign_days(trials)
    assert str(caught.value) == (
        "trials of the campaigns [5] do not share index_day, lookback_start, outcome_end; make the trials again"
    )


# Hand-made lines: amounts are powers of two, so that an effect says which lines it holds.


def test_the_placebo_outcome_holds_the_lines_before_the_look_back_and_no_others(tmp_path: Path) -> None:
    trials = pd.concat([campaign(7, 250, 150, 290, 21), campaign(3, 120, 20, 160, 1)], ignore_index=True)
    tables = journey(
        tmp_path,
        [
            SEEN_BY_ALL,
            *bought(range(1, 41), (100, 1.0)),
            *bought(range(21, 31), (65, 1.0), (66, 2.0), (149, 4.0), (150, 8.0), (260, 16.0)),
        ],
    )
    found = controls_of(tables, trials)
    for which in (ALL_CAMPAIGNS, "7"):
        placebo = row(found, PLACEBO_OUTCOME, which)
        assert placebo["per_day"] == pytest.approx(6.0 / 84)
        assert placebo["estimate"] == pytest.approx(6.0 / 84 * 41), "as much per day, over the outcome window"
        assert placebo[["n_trials", "n_treated", "n_days", "outcome_days"]].tolist() == [20, 10, 84.0, 41.0]
    left_out = found.left_out.loc[found.left_out["control"] == PLACEBO_OUTCOME]
    assert left_out[["campaign", "n_trials", "reason"]].to_numpy().tolist() == [
        ["3", 20, "fewer than 28 days of data lie before its look-back"]
    ]


def test_the_placebo_campaign_holds_the_lines_from_the_fake_to_the_real_index_day(tmp_path: Path) -> None:
    trials = pd.concat([campaign(7, 250, 150, 290, 21), campaign(3, 120, 20, 160, 1)], ignore_index=True)
    tables = journey(
        tmp_path,
        [
            SEEN_BY_ALL,
            *bought(range(1, 21), (30, 1.0)),
            *bought(range(1, 11), (64, 16.0), (119, 32.0), (120, 64.0)),
            # A household without a line spent 0, and campaigns have each their own days.
            *bought(range(21, 41), (100, 1.0)),
            *bought(range(21, 31), (194, 2.0), (249, 4.0), (250, 8.0)),
        ],
    )
    found = controls_of(tables, trials)
    assert row(found, PLACEBO_CAMPAIGN, "3")["per_day"] == pytest.approx(48.0 / 56, abs=1e-4)
    assert row(found, PLACEBO_CAMPAIGN, "7")["per_day"] == pytest.approx(6.0 / 56, abs=1e-4)
    whole = row(found, PLACEBO_CAMPAIGN)
    assert whole["estimate"] == pytest.approx(41 / 56 * (48 + 6) / 2, abs=1e-3)
    assert whole[["n_trials", "n_treated", "n_days"]].tolist() == [40, 20, 56.0]
    assert found.frame.loc[found.frame["control"] == PLACEBO_CAMPAIGN, "campaign"].tolist() == [ALL_CAMPAIGNS, "3", "7"]


def test_the_placebo_campaign_needs_a_purchase_in_its_own_look_back(tmp_path: Path) -> None:
    trials = campaign(7, 250, 150, 290, 1)
    # Fake look-back: days 94 to 193.
    tables = journey(
        tmp_path,
        [
            SEEN_BY_ALL,
            *bought(range(5, 16), (120, 1.0)),
            *((h, d, 1.0) for h, d in ((1, 93), (2, 94), (3, 193), (4, 194), (16, 93), (17, 94), (18, 193), (19, 194))),
            (20, 150, 1.0),
            (2, 200, 1.0),
        ],
    )
    found = controls_of(tables, trials)
    assert row(found, PLACEBO_CAMPAIGN)["n_trials"] == 16
    assert found.left_out.to_numpy().tolist() == [
        [PLACEBO_CAMPAIGN, "7", 4, "these households did not shop in the fake look-back"]
    ]


# Planted targeting: households spend in three blocks of days, more in all of them the richer they are.

OLD, EARLY, LATE = 150, 220, 270  # Days: before the look-back [200, 300), in it, and after the fake index day 244.


@pytest.fixture(scope="module")
def spend() -> pd.DataFrame:
    """Spend of 600 households on each of the three days."""
    rng = np.random.default_rng(8)
    taste = rng.normal(size=600)
    return pd.DataFrame({day: 40 + 6 * taste + 6 * rng.normal(size=600) for day in (OLD, EARLY, LATE)}).clip(lower=1)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory, spend: pd.DataFrame) -> dict[str, Path]:
    rows = [(i + 1, int(day), float(amount)) for day in spend for i, amount in enumerate(spend[day])]
    return journey(tmp_path_factory.mktemp("blocks"), [(999, 50, 1.0), *rows])


def targeted_by(day: int, spend: pd.DataFrame, blocks: dict[str, Path]) -> tuple[NegativeControls, float]:
    """(controls when the campaign went to who spent much on `day`; difference of the arms in the placebo outcome)."""
    chance = 1 / (1 + np.exp(-(spend[day] - 40) / 6))
    treated = np.random.default_rng(9).random(600) < chance
    trials = campaign(7, 300, 200, 340, 1, 600).assign(treated=treated.astype("int64"))
    x = spend[[EARLY, LATE]].to_numpy()
    propensity = LogisticRegression().fit(x, treated).predict_proba(x)[:, 1]
    found = controls_of(blocks, trials, residuals_of(trials, propensity, 3), x)
    return found, float(spend.loc[treated, OLD].mean() - spend.loc[~treated, OLD].mean())


def test_targeting_by_spend_older_than_the_covariates_is_caught(spend: pd.DataFrame, blocks: dict[str, Path]) -> None:
    found, _ = targeted_by(OLD, spend, blocks)
    assert row(found, PLACEBO_OUTCOME)["ci_lower"] > 0


def test_nothing_is_caught_when_the_covariates_hold_what_targeting_saw(
    spend: pd.DataFrame, blocks: dict[str, Path]
) -> None:
    found, difference = targeted_by(EARLY, spend, blocks)
    assert difference > 3, "without adjustment the arms differ"
    for control in (PLACEBO_OUTCOME, PLACEBO_CAMPAIGN):
        placebo = row(found, control)
        assert placebo["ci_lower"] < 0 < placebo["ci_upper"], control
        assert placebo["se"] < 1


@pytest.fixture(scope="module")
def late(spend: pd.DataFrame, blocks: dict[str, Path]) -> NegativeControls:
    return targeted_by(LATE, spend, blocks)[0]


def test_targeting_by_newer_spend_is_caught_by_the_placebo_campaign_alone(late: NegativeControls) -> None:
    before, shifted = row(late, PLACEBO_OUTCOME), row(late, PLACEBO_CAMPAIGN)
    assert before["ci_lower"] < 0 < before["ci_upper"]
    assert shifted["ci_lower"] > 0
    assert shifted["n_trials"] == 600


def test_the_same_seed_gives_the_same_controls(
    late: NegativeControls, spend: pd.DataFrame, blocks: dict[str, Path]
) -> None:
    again, _ = targeted_by(LATE, spend, blocks)
    pd.testing.assert_frame_equal(late.frame, again.frame, check_exact=True)


def test_controls_are_the_overlap_weighted_estimator_on_their_own_data(
    spend: pd.DataFrame, blocks: dict[str, Path]
) -> None:
    chance = 1 / (1 + np.exp(-(spend[LATE] - 40) / 6))
    shoppers = campaign(7, 300, 200, 340, 1, 600).assign(treated=(np.random.default_rng(4).random(600) < chance) * 1)
    # Trials that do not shop in either look-back come first, so that rows and trials do not agree.
    trials = pd.concat([campaign(7, 300, 200, 340, 2001), shoppers], ignore_index=True)
    x = np.vstack([np.zeros((20, 2)), spend[[EARLY, LATE]].to_numpy()])
    data = residuals_of(trials, np.concatenate([np.full(20, 0.5), chance]), 3)
    found = controls_of(blocks, trials, data, x)

    y = np.concatenate([np.zeros(20), spend[OLD]])
    rt, ry = data.treated - data.propensity, y - linear_means(x, y[:, None], data.folds)[:, 0]
    before = row(found, PLACEBO_OUTCOME)
    assert before["estimate"] == pytest.approx(41 / 84 * (rt * ry).sum() / (rt**2).sum())
    own = found.residuals[PLACEBO_OUTCOME]
    assert overlap_weighted(own, np.ones(620, dtype=bool)) == pytest.approx((before["estimate"], before["se"]))

    window = pd.DataFrame({"window": [7], "first_day": [144], "index_day": [244]})
    covariates = window_covariates(blocks, window, ENGINE).assign(campaign=7).sort_values("household_key")
    own = covariates.loc[covariates["household_key"] <= 600].assign(lookback_start=144, index_day=244)
    matrix = fit_design_matrix(own, covariate_columns("TypeA")).apply(own)
    t, folds, y = data.treated[20:], data.folds[20:], spend[LATE].to_numpy()
    e, keys = np.empty(600), own["household_key"].to_numpy()
    for fold in range(3):
        inside = folds == fold
        e[inside] = fit_propensity(matrix[~inside], t[~inside], keys[~inside], 1).probability(matrix[inside])
    e = recalibrated(e, t, np.full(600, 7), folds, 30)
    rt, ry = t - e.clip(0.01, 0.99), y - linear_means(matrix, y[:, None], folds)[:, 0]
    shifted = row(found, PLACEBO_CAMPAIGN)
    assert shifted["n_trials"] == 600
    assert shifted["estimate"] == pytest.approx(41 / 56 * (rt * ry).sum() / (rt**2).sum())


def test_a_placebo_of_any_length_says_the_same_where_spend_is_the_same_per_day(tmp_path: Path) -> None:
    """The treated spend $2 more on every day: per outcome window of 41 and 51 days that is $82 and $102."""
    trials = pd.concat([campaign(7, 250, 150, 290, 21), campaign(3, 150, 50, 200, 1)], ignore_index=True)
    every = [(day, 2.0) for day in range(1, 250)]
    shop = [*bought(range(1, 41), (60, 1.0), (160, 1.0)), *bought(range(1, 11), *every), *bought(range(21, 31), *every)]
    found = controls_of(journey(tmp_path, [SEEN_BY_ALL, *shop]), trials)
    days = found.frame.set_index(["control", "campaign"])[["n_days", "outcome_days"]]
    assert days.loc[(PLACEBO_OUTCOME, "7")].tolist() == [84, 41]
    assert days.loc[(PLACEBO_OUTCOME, "3")].tolist() == [49, 51]
    for which, n_days in (("7", 41), ("3", 51)):
        placebo = row(found, PLACEBO_OUTCOME, which)
        assert placebo["per_day"] == pytest.approx(2.0, abs=0.05)
        assert placebo["estimate"] == pytest.approx(2.0 * n_days, abs=2)


class Certain:
    """A propensity of 0 for everybody, that remembers how many trials it was fitted to."""

    fitted_to: ClassVar[list[int]] = []

    def __init__(self, x: np.ndarray, treated: np.ndarray, households: np.ndarray, seed: int) -> None:
        self.fitted_to.append(len(x))

    def probability(self, x: np.ndarray) -> np.ndarray:
        return np.zeros(len(x))


def test_a_propensity_is_bounded_and_fitted_to_as_many_trials_as_the_settings_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = campaign(7, 250, 150, 290, 2001, 1500)
    rows = [*bought(range(2001, 3501), (100, 1.0)), *bought(range(2001, 2751), (200, 6.0))]
    monkeypatch.setattr("dunnhumby_pipeline.causal.doubts.negative_controls.fit_propensity", Certain)
    few = SETTINGS.model_copy(
        update={"nuisance": NuisanceSettings(max_trials=1000, propensity_bound=0.1, recalibration_min_arm=10**6)}
    )
    tables, x = journey(tmp_path, [SEEN_BY_ALL, *rows]), np.zeros((1500, 1))
    found = negative_controls(tables, trials, x, residuals_of(trials), "TypeA", few, seed=1)
    # Each household drawn is held out of one of two folds.
    assert sum(Certain.fitted_to) == 1000
    assert row(found, PLACEBO_CAMPAIGN)["n_trials"] == 1500, "the effect is one of all trials"
    # The mean is 3 for all; residuals are 0.9 and 3 in one arm, -0.1 and -3 in the other.
    assert row(found, PLACEBO_CAMPAIGN)["estimate"] == pytest.approx(41 / 56 * (0.9 * 3 + 0.1 * 3) / (0.9**2 + 0.1**2))


# Bad input


def test_without_history_there_is_no_row_and_every_campaign_is_listed(tmp_path: Path) -> None:
    trials = pd.concat([campaign(7, 40, 10, 60, 1), campaign(3, 50, 20, 60, 21)], ignore_index=True)
    found = controls_of(journey(tmp_path, [SEEN_BY_ALL, *bought(range(1, 41), (25, 1.0))]), trials)
    assert found.frame.empty
    assert found.frame.dtypes[["n_trials", "estimate"]].tolist() == ["int64", "float64"]
    assert found.left_out[["control", "campaign", "n_trials"]].to_numpy().tolist() == [
        [control, which, 20] for control in (PLACEBO_OUTCOME, PLACEBO_CAMPAIGN) for which in ("7", "3")
    ]


def test_a_campaign_of_one_arm_is_left_out_and_counts_in_the_whole(tmp_path: Path) -> None:
    trials = pd.concat(
        [campaign(7, 250, 150, 290, 1), campaign(8, 260, 150, 290, 21).assign(treated=0)], ignore_index=True
    )
    some = [(1, 121, 2.0), (1, 200, 2.0)]
    found = controls_of(journey(tmp_path, [SEEN_BY_ALL, *bought(range(1, 41), (120, 1.0)), *some]), trials)
    assert found.frame[["control", "campaign", "n_trials"]].to_numpy().tolist() == [
        [control, which, n]
        for control in (PLACEBO_OUTCOME, PLACEBO_CAMPAIGN)
        for which, n in ((ALL_CAMPAIGNS, 40), ("7", 20))
    ]
    assert found.left_out.to_numpy().tolist() == [
        [control, "8", 20, "the treated arm has no household"] for control in (PLACEBO_OUTCOME, PLACEBO_CAMPAIGN)
    ]


def test_arms_that_cannot_be_cross_fitted_are_left_out(tmp_path: Path) -> None:
    trials = campaign(7, 250, 150, 290, 1).assign(treated=[1, *[0] * 19])
    tables = journey(tmp_path, [SEEN_BY_ALL, *bought(range(1, 21), (120, 1.0))])
    found = controls_of(tables, trials)
    assert found.frame.empty
    assert found.left_out.to_numpy().tolist() == [
        [control, ALL_CAMPAIGNS, 20, "an arm is not in two folds"] for control in (PLACEBO_OUTCOME, PLACEBO_CAMPAIGN)
    ]
    assert weekly(tables, trials).empty


def test_an_arm_of_few_households_or_an_outcome_that_does_not_vary_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = journey(tmp_path, [SEEN_BY_ALL, *bought(range(1, 21), (120, 1.0))])
    trials = campaign(7, 250, 150, 290, 1)
    n_treated = int(trials["treated"].sum())
    for module in ("negative_controls", "event_study"):
        monkeypatch.setattr(f"dunnhumby_pipeline.causal.doubts.{module}.FEWEST_HOUSEHOLDS", n_treated + 1)
    found = controls_of(tables, trials)
    assert found.frame.empty
    assert set(found.left_out["reason"]) == {f"the treated arm has {n_treated} households"}
    assert weekly(tables, trials).empty
    monkeypatch.setattr("dunnhumby_pipeline.causal.doubts.negative_controls.FEWEST_HOUSEHOLDS", 2)
    alike = controls_of(tables, trials).left_out
    assert "nobody bought anything on those days, so there is nothing to differ in" in set(alike["reason"])


# Event study


def weekly(tables: dict[str, Path], trials: pd.DataFrame) -> pd.DataFrame:
    """Weeks -3 to 3; nothing tells the arms apart, so an effect is a difference of means."""
    settings = SensitivitySettings(weeks_before=3, weeks_after=4)
    return event_study(tables, trials, np.zeros((len(trials), 1)), residuals_of(trials), settings, ENGINE, 0.95)


def test_weeks_begin_on_the_index_day_and_hold_seven_days(tmp_path: Path) -> None:
    borders = (86, 92, 93, 99, 100, 106, 107, 113, 114, 120)
    trials = pd.concat([campaign(7, 100, 50, 119, 1), campaign(3, 107, 50, 120, 21)], ignore_index=True)
    tables = journey(
        tmp_path,
        [
            (99, 86, 1.0),
            (99, 200, 1.0),
            *bought(range(1, 41), (90, 1.0)),
            *bought(range(1, 11), *((day, 2.0**i) for i, day in enumerate(borders))),
        ],
    )
    found = weekly(tables, trials).set_index("week")
    # Campaign 7 has days 86 to 113 in whole weeks, that is weeks -2 to 1; campaign 3, whose arms are alike, -3 to 1.
    assert found.index.tolist() == [-3, -2, -1, 0, 1]
    assert found["phase"].tolist() == ["before", "before", "before", "after", "after"]
    assert found["n_trials"].tolist() == [20, 40, 40, 40, 40]
    of_campaign_7 = {-2: 1 + 2, -1: 4 + 8, 0: 16 + 32, 1: 64 + 128}
    expected = [0.0, *(of_campaign_7[week] / 2 for week in (-2, -1, 0, 1))]
    np.testing.assert_allclose(found["estimate"], expected, atol=1e-9)
    # By itself, without the other campaign's zeros.
    alone = weekly(tables, trials.iloc[:20]).set_index("week")
    np.testing.assert_allclose(alone["estimate"], list(of_campaign_7.values()), atol=1e-9)
    assert alone["se"].max() == pytest.approx(0, abs=1e-9)


def test_weeks_end_with_the_data_when_those_end_before_the_outcome_window(tmp_path: Path) -> None:
    trials = campaign(7, 100, 50, 200, 1)
    tables = journey(tmp_path, [(99, 1, 1.0), *bought(range(1, 21), (113, 1.0))])
    assert weekly(tables, trials)["week"].tolist() == [-3, -2, -1, 0, 1]


def test_a_planted_effect_shows_after_the_index_day_and_not_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    n, weeks = 300, np.arange(-10, 8)
    taste = rng.normal(size=n)
    spent = 30 + 5 * taste[:, None] + 3 * rng.normal(size=(n, len(weeks)))
    x = spent[:, weeks < 0].mean(axis=1, keepdims=True)
    propensity = 1 / (1 + np.exp(-(x[:, 0] - 30) / 4))
    treated = rng.random(n) < propensity
    spent[np.ix_(treated, weeks >= 0)] += 5.0
    rows = [(h + 1, 100 + 7 * int(w) + 3, float(spent[h, i])) for h in range(n) for i, w in enumerate(weeks)]
    trials = campaign(7, 100, 30, 155, 1, n).assign(treated=treated.astype("int64"))
    tables = journey(tmp_path, [(999, 1, 1.0), *rows, (999, 160, 1.0)])
    data = residuals_of(trials, propensity, 3)
    found = event_study(tables, trials, x, data, SensitivitySettings(weeks_before=10, weeks_after=8), ENGINE, 0.95)
    before, after = (found.loc[found["phase"] == phase] for phase in ("before", "after"))
    assert (len(before), len(after)) == (10, 8)
    assert abs(before["estimate"].mean()) < 0.1
    assert after["estimate"].mean() == pytest.approx(5.0, abs=0.4)
    assert (after["ci_lower"] > 2.5).all()
    # The arms differ in every week when nothing is adjusted for.
    naive = spent[treated][:, weeks < 0].mean() - spent[~treated][:, weeks < 0].mean()
    assert naive > 3
    outside = ((before["ci_lower"] > 0) | (before["ci_upper"] < 0)).sum()
    assert outside <= 1
