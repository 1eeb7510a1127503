"""Who may fall and who fell: nothing is known before its day, planted signs are found, and too little data says so."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from dunnhumby_pipeline.contracts.names import ALL_FOLDS, IN_USE
from dunnhumby_pipeline.contracts.registry import made_by, table
from dunnhumby_pipeline.engine.run import run
from dunnhumby_pipeline.features.rhythm import shopping_rhythm
from dunnhumby_pipeline.features.trips import trip_history
from dunnhumby_pipeline.orchestration.checks import risk as checks
from dunnhumby_pipeline.segmentation.risk.forecasts import CANDIDATES, NAIVE, Line, calibration_errors, fit, fit_line
from dunnhumby_pipeline.segmentation.risk.holdout import held_out, left_over, sizing
from dunnhumby_pipeline.segmentation.risk.quarters import Quarters, households_of_value, quarters_of, sales_around
from dunnhumby_pipeline.segmentation.risk.reasons import contributions, reasons
from dunnhumby_pipeline.segmentation.risk.recovery import REGRESSION, SHARE, fallers, recover, recovery_validation
from dunnhumby_pipeline.segmentation.risk.resampling import auc, household_weights, interval
from dunnhumby_pipeline.segmentation.risk.signs import LAST_CHANGE, NAMES, signs_of
from dunnhumby_pipeline.segmentation.risk.tables import Chance, RiskTables, risk_tables
from dunnhumby_pipeline.segmentation.risk.walk_forward import Fold, Learned, _best, _line
from dunnhumby_pipeline.settings import CheckSettings, RiskSettings
from dunnhumby_pipeline_tests.fakes.journeys import ONE_THREAD

SETTINGS = RiskSettings(n_bootstraps=40)
CHANCE = Chance(1, 2, 0.95, 0.8)
DAYS = 448


def lines_of(n: int, days: int = DAYS, seed: int = 1, unsteady: float = 0.5) -> pd.DataFrame:
    """Lines of `n` households, a share of which skips whole months by chance and so falls: who is odd is unsteady."""
    rng = np.random.default_rng(seed)
    weeks = -(-days // 7)
    spend = rng.gamma(6.0, 10.0, (n, 1)) * rng.gamma(8.0, 1 / 8, (n, weeks))
    is_unsteady = (np.arange(n) % 2 == 1) & (rng.random(n) < 2 * unsteady)
    months = rng.random((n, -(-weeks // 8))) < 0.45
    away = np.repeat(months, 8, axis=1)[:, :weeks] & is_unsteady[:, None]
    household, week = np.nonzero(~away)
    day = 7 * week + 1 + rng.integers(0, 7, len(week))
    frame = pd.DataFrame(
        {
            "household_key": household + 1,
            "basket_id": np.arange(len(week)),
            "day": day,
            "trans_time": 1200,
            "sales_value": spend[household, week].round(2),
            "retail_disc": 0.0,
            "coupon_disc": 0.0,
            "coupon_match_disc": 0.0,
        }
    )
    return frame[frame["day"] <= days].astype({"day": "int32", "household_key": "int64"})


Parts = tuple[pd.DataFrame, pd.DataFrame, Quarters]


def parts_of(lines: pd.DataFrame, first_day: int, last_day: int, settings: RiskSettings = SETTINGS) -> Parts:
    quarters = quarters_of(first_day, last_day, settings)
    rhythm = run(
        shopping_rhythm(settings.quarter_days), {"transactions": lines, "windows": quarters.look_backs()}, ONE_THREAD
    )
    around = run(trip_history(), {"transactions": lines, "windows": quarters.outcomes()}, ONE_THREAD)
    return rhythm, around, quarters


def tables_of(lines: pd.DataFrame, days: int = DAYS, settings: RiskSettings = SETTINGS) -> RiskTables:
    return risk_tables(*parts_of(lines, 1, days, settings), settings, CHANCE)


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    return lines_of(400)


@pytest.fixture(scope="module")
def found(lines: pd.DataFrame) -> RiskTables:
    return tables_of(lines)


def whole(validation: pd.DataFrame, forecast: str = IN_USE) -> pd.Series:
    return validation[(validation["fold"] == ALL_FOLDS) & (validation["forecast"] == forecast)].iloc[0]


# ----------------------------------------------------------------------------------------------------------- quarters


def test_quarters_end_a_step_apart_and_the_last_whose_outcome_is_known_ends_one_before_today() -> None:
    quarters = quarters_of(285, 649, RiskSettings())
    assert quarters.ends == (370, 398, 426, 454, 482, 510, 538, 566, 650)
    windows = quarters.look_backs()
    assert windows["window"].tolist() == list(quarters.ends)
    assert (windows["index_day"] == windows["window"]).all()
    assert windows["first_day"].tolist() == [285] * 8 + [286]
    outcomes = quarters.outcomes().set_index("window")
    assert outcomes.loc[370].tolist() == [370, 454]
    assert outcomes.loc[-454].tolist() == [286, 370]
    assert 650 not in outcomes.index and -426 not in outcomes.index
    assert (outcomes["index_day"] <= 650).all() and (outcomes["first_day"] >= 285).all()
    assert quarters_of(1, 100, RiskSettings(max_quarters=2)).ends == (101,)
    assert quarters_of(1, 83, RiskSettings()).ends == ()
    assert quarters_of(1, 1000, RiskSettings(max_quarters=2)).ends == (889, 917, 1001)


@pytest.mark.parametrize("quarter", [84, 91])
def test_the_rhythm_of_a_window_is_what_a_slow_count_gives(lines: pd.DataFrame, quarter: int) -> None:
    few = lines[lines["household_key"] <= 40]
    windows = pd.DataFrame({"window": [7, 9], "first_day": [1, 60], "index_day": [200, 300]}).astype(
        {"window": "int64", "first_day": "int32", "index_day": "int32"}
    )
    answer = run(shopping_rhythm(quarter), {"transactions": few, "windows": windows}, ONE_THREAD)
    answer = answer.set_index(["window", "household_key"])
    for window in windows.itertuples():
        for household, own in few[few["day"].between(window.first_day, window.index_day - 1)].groupby("household_key"):
            row = answer.loc[(window.window, household)]
            by_week: Counter[tuple[int, bool]] = Counter()
            for line in own.itertuples():
                age = window.index_day - 1 - line.day
                by_week[age // 7, age < quarter] += line.sales_value
            last = own[own["day"] >= window.index_day - quarter]
            recent = own[own["day"] >= window.index_day - 28]
            assert row["first_trip"] == own["day"].min() and row["last_trip"] == own["day"].max()
            assert row["trips"] == own["day"].nunique() and row["quarter_trips"] == last["day"].nunique()
            assert row["recent_trips"] == recent["day"].nunique()
            assert row["weeks"] == len(by_week)
            assert row["quarter_weeks"] == sum(inside for _, inside in by_week)
            for column, lines_of_it in (("sales", own), ("quarter_sales", last), ("recent_sales", recent)):
                assert row[column] == pytest.approx(lines_of_it["sales_value"].sum())
            assert row["sales_squared"] == pytest.approx(sum(sales**2 for sales in by_week.values()))
            assert row["quarter_baskets"] == last["basket_id"].nunique()


def test_households_of_value_are_those_who_spent_most_in_the_quarter(lines: pd.DataFrame) -> None:
    rhythm, around, quarters = parts_of(lines, 1, DAYS)
    frame = sales_around(rhythm, around, quarters)
    chosen = households_of_value(frame, "quarter_sales", quarters, SETTINGS)
    end = quarters.ends[3]
    own = lines[lines["day"].between(end - 84, end - 1)].groupby("household_key")["sales_value"].sum()
    top = own.nlargest(int(np.ceil(len(own) / 2)))
    assert set(chosen.loc[chosen["end"] == end, "household_key"]) == set(top.index)
    then = lines[lines["day"].between(end, end + 83)].groupby("household_key")["sales_value"].sum()
    rows = chosen[chosen["end"] == end].set_index("household_key")
    expected = then.reindex(rows.index).fillna(0.0)
    assert rows["next_sales"].to_numpy() == pytest.approx(expected.to_numpy())
    assert rows["before_sales"].notna().all() == (end - 168 >= 1)
    assert chosen.loc[chosen["end"] == quarters.today, "next_sales"].isna().all()


def test_of_many_households_every_nth_is_learned_from_and_all_of_today_are_kept() -> None:
    quarters = quarters_of(1, 300, SETTINGS)
    keys = np.arange(5000)
    rows = [pd.DataFrame({"end": end, "household_key": keys, "spend": 1.0 + keys}) for end in quarters.ends]
    many = RiskSettings(max_households=1000, value_share=1.0)
    kept = households_of_value(pd.concat(rows, ignore_index=True), "spend", quarters, many).groupby("end").size()
    assert (kept.drop(quarters.today) == 1000).all() and kept[quarters.today] == 5000


# ------------------------------------------------------------------------------------------------------ no look-ahead


def test_what_happens_later_changes_no_sign_and_no_forecast_of_an_earlier_quarter() -> None:
    lines = lines_of(200)
    end = quarters_of(1, DAYS, SETTINGS).ends[-3]
    other = lines.copy()
    later = other["day"] >= end
    other.loc[later, "sales_value"] = np.random.default_rng(5).permutation(other.loc[later, "sales_value"]) * 3 + 1
    signs, validations, recoveries = [], [], []
    for each in (lines, other):
        rhythm, around, quarters = parts_of(each, 1, DAYS)
        frame = sales_around(rhythm, around, quarters)
        chosen = households_of_value(frame, "quarter_sales", quarters, SETTINGS)
        before = chosen["end"] <= end
        signs.append(signs_of(chosen, quarters)[before].assign(key=chosen["household_key"], end=chosen["end"]))
        tables = risk_tables(rhythm, around, quarters, SETTINGS, CHANCE)
        own = tables.risk_validation[tables.risk_validation["first_day"] <= end]
        own = own[own["fold"] != ALL_FOLDS]
        validations.append(own.set_index(["first_day", "forecast"])[["n_quarters", "mean_probability", "chosen"]])
        past = tables.recovery_validation
        past = past[(past["first_day"] <= end) & (past["fold"] != ALL_FOLDS)]
        recoveries.append(past.set_index(["first_day", "forecast"])[["n_households", "spend_at", "expected_recovery"]])
    pd.testing.assert_frame_equal(signs[0], signs[1])
    assert (validations[0].index.get_level_values(0) == end).any()
    pd.testing.assert_frame_equal(validations[0], validations[1])
    pd.testing.assert_frame_equal(recoveries[0], recoveries[1])


def test_a_quarter_is_forecast_from_those_that_were_over_before_it(found: RiskTables) -> None:
    validation = found.risk_validation[found.risk_validation["fold"] >= 0]
    ends = quarters_of(1, DAYS, SETTINGS).ends
    for row in validation.itertuples():
        assert row.n_quarters == sum(end + 84 <= row.first_day for end in ends)
        assert row.last_day == row.first_day + 83 <= DAYS


# ------------------------------------------------------------------------------------------------------ who may fall


def test_planted_signs_are_found_and_chances_are_calibrated(found: RiskTables) -> None:
    used, naive = whole(found.risk_validation), whole(found.risk_validation, NAIVE)
    assert used["auc"] > 0.7 > naive["auc"]
    assert used["ci_lower"] < used["auc"] < used["ci_upper"]
    assert used["gain_lower"] > 0
    assert used["share_listed_fell"] > 1.5 * used["share_fell"]
    assert checks.chances_calibrated(found.risk_validation, CheckSettings()).passed
    assert checks.foresees_more_than_last_change(found.risk_validation, CheckSettings()).passed
    listed = found.at_risk[found.at_risk["at_risk"]]
    assert len(listed) == round(0.1 * len(found.at_risk))
    assert listed["probability"].min() >= found.at_risk.loc[~found.at_risk["at_risk"], "probability"].max()
    assert (listed["household_key"] % 2 == 0).mean() > 0.9
    assert used["expected_fall"] == pytest.approx(used["actual_fall"], rel=0.4)
    assert found.at_risk["reasons"].str.contains("skips many weeks|varies widely").any()


def test_the_tables_are_what_the_contracts_promise(found: RiskTables) -> None:
    assert {each.name for each in made_by("foresee_falls")} == set(vars(found))
    for name, frame in vars(found).items():
        assert list(frame.columns) == list(table(name).required), name
        assert not frame.duplicated(list(table(name).key)).any()
        for column in table(name).columns:
            assert column.nullable or frame[column.name].notna().all(), (name, column.name)


def test_the_calibration_holds_every_forecast_once(found: RiskTables) -> None:
    for forecast in (IN_USE, NAIVE):
        bins = found.risk_calibration[found.risk_calibration["forecast"] == forecast]
        used = whole(found.risk_validation, forecast)
        assert bins["n_forecasts"].sum() == used["n_households"]
        assert (bins["n_forecasts"] * bins["share_fell"]).sum() == pytest.approx(used["n_fell"])
        assert (bins["ci_lower"] <= bins["share_fell"]).all() and (bins["share_fell"] <= bins["ci_upper"]).all()
        assert bins["mean_probability"].is_monotonic_increasing


def test_the_forecast_in_use_is_chosen_on_quarters_that_were_over(found: RiskTables) -> None:
    validation = found.risk_validation[found.risk_validation["fold"] >= 0]
    rows = validation[validation["chosen"]].pivot(index="first_day", columns="forecast", values="log_loss")
    used = validation[validation["forecast"] == IN_USE].set_index("first_day")
    for day, row in rows.iterrows():
        known = rows.index[rows.index + 84 <= day]
        if known.empty:
            assert row["logistic"] == row[IN_USE] and not used.at[day, "calibrated"]
        if not used.at[day, "calibrated"]:
            (name,) = row.dropna().index.drop(IN_USE)
            assert row[name] == row[IN_USE]
            losses = validation[validation["first_day"].isin(known)].groupby("forecast")["log_loss"].sum()
            assert known.empty or losses.drop([NAIVE, IN_USE]).idxmin() == name


def test_a_line_is_in_use_where_it_has_helped_and_nowhere_else() -> None:
    rng = np.random.default_rng(12)
    ends = (100, 184, 268)
    n = 3000
    truth = {end: rng.beta(2, 6, n) for end in ends}
    fell = {end: rng.random(n) < truth[end] for end in ends}
    learned = Learned(
        ends=pd.Series(np.repeat(ends, n)),
        households=pd.Series(np.tile(np.arange(n), 3)),
        signs=pd.DataFrame(),
        sales=pd.Series(np.ones(3 * n)),
        next_sales=pd.Series(np.ones(3 * n)),
        fell=np.concatenate([fell[end] for end in ends]),
    )
    bold = Line(0.0, 3.0)
    for helps in (True, False):
        folds = []
        for end in ends:
            as_fitted, moved = (bold.moved(truth[end]), truth[end]) if helps else (truth[end], bold.moved(truth[end]))
            folds.append(Fold(end, 1, dict.fromkeys(CANDIDATES, as_fitted), dict.fromkeys(CANDIDATES, moved)))
        assert _best(folds, learned) == ("logistic", helps)
        line = _line("logistic", folds, learned, SETTINGS)
        assert line.slope == pytest.approx(1 / 3 if helps else 1, rel=0.15)
    assert _best([], learned) == ("logistic", False)
    assert _line("logistic", [], learned, SETTINGS) == Line()


def test_a_seed_gives_one_result_and_money_has_no_unit() -> None:
    lines = lines_of(200)
    found, again = tables_of(lines), tables_of(lines)
    for name, frame in vars(found).items():
        pd.testing.assert_frame_equal(frame, getattr(again, name))
    yen = tables_of(lines.assign(sales_value=(100 * lines["sales_value"]).round()))
    columns = ["household_key", "probability", "at_risk", "reasons", "holdout"]
    pd.testing.assert_frame_equal(found.at_risk[columns], yen.at_risk[columns], rtol=1e-6)
    assert yen.fallen["expected_recovery"].to_numpy() == pytest.approx(100 * found.fallen["expected_recovery"])


def test_areas_are_those_of_scikit_learn_and_weights_count_households() -> None:
    rng = np.random.default_rng(3)
    chances, fell = rng.random(300).round(1), rng.random(300) < 0.3
    assert auc(chances, fell)[0] == pytest.approx(roc_auc_score(fell, chances))
    weights = household_weights(300, 5, 1)
    for area, weight in zip(auc(chances, fell, weights), weights, strict=True):
        assert area == pytest.approx(roc_auc_score(fell, chances, sample_weight=weight))
    assert weights.mean() == pytest.approx(1, abs=0.1)
    assert np.isnan(auc(chances, np.zeros(300, dtype=bool))[0])
    assert np.isnan(interval(np.array([np.nan]), 0.95)).all()
    assert interval(np.array([0.0, np.nan, 1.0]), 0.5) == (0.25, 0.75)


def test_a_line_finds_how_far_chances_are_off() -> None:
    rng = np.random.default_rng(4)
    truth = rng.beta(2, 6, 20_000)
    fell = rng.random(20_000) < truth
    bold = Line(0.5, 2.0).moved(truth)
    line = fit_line(bold, fell)
    assert line is not None and line.slope == pytest.approx(0.5, abs=0.03)
    assert line.moved(bold).mean() == pytest.approx(fell.mean(), abs=1e-6)
    of_slope, of_gap = calibration_errors(bold, fell, np.arange(20_000), line)
    assert of_gap == pytest.approx((bold - fell).std() / sqrt(20_000))
    twice = [np.concatenate([each, each]) for each in (bold, fell, np.arange(20_000))]
    copied = calibration_errors(twice[0], twice[1], twice[2], line)
    assert copied == pytest.approx((of_slope, of_gap))
    assert fit_line(bold, np.zeros(20_000, dtype=bool)) is None
    assert fit_line(np.array([0.1, 0.2, 0.8]), np.array([False, False, True])) is None


# ------------------------------------------------------------------------------------------------------------ reasons


def _signs(n: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(6).normal(size=(n, len(NAMES))), columns=list(NAMES))


def test_a_reason_is_the_measure_that_the_fall_was_planted_on() -> None:
    signs = _signs(4000)
    fell = np.random.default_rng(7).random(4000) < 1 / (1 + np.exp(2 - 1.5 * signs["overdue"] + 1.5 * signs["basket"]))
    for name in ("logistic", "splines", "boosted"):
        forecast, usual = fit(name, signs, fell.to_numpy(), 1), signs.median()
        said = reasons(forecast, signs, usual)
        away, small = signs["overdue"] > 1, signs["basket"] < -1
        assert said[away & ~small & (signs["basket"] > 0)].str.startswith("has stayed away").mean() > 0.95
        both = said[away & small]
        assert (both.str.contains("has stayed away") & both.str.contains("small baskets")).mean() > 0.95
        assert said[(signs["overdue"] < -1) & (signs["basket"] > 1)].isna().mean() > 0.6
        own = contributions(forecast, signs.iloc[:50], usual)
        assert own.shape == (50, len(NAMES))
    at_usual = pd.DataFrame([usual.to_dict()])[list(NAMES)]
    assert contributions(forecast, at_usual, usual) == pytest.approx(np.zeros((1, len(NAMES))))
    assert reasons(forecast, at_usual, usual).isna().all()


def test_the_naive_forecast_sees_the_last_change_alone() -> None:
    signs = _signs(500)
    fell = (signs[LAST_CHANGE] < 0).to_numpy()
    assert fit(NAIVE, signs, fell, 1).names == (LAST_CHANGE,)


# ----------------------------------------------------------------------------------------------------------- who fell


def test_everyone_of_value_who_fell_is_listed_the_largest_loss_first(lines: pd.DataFrame, found: RiskTables) -> None:
    before = lines[lines["day"].between(DAYS - 167, DAYS - 84)].groupby("household_key")["sales_value"].sum()
    after = (
        lines[lines["day"] > DAYS - 84].groupby("household_key")["sales_value"].sum().reindex(before.index).fillna(0)
    )
    top = before.nlargest(int(np.ceil(len(before) / 2))).index
    expected = [key for key in top if after[key] <= 0.6 * before[key]]
    assert set(found.fallen["household_key"]) == set(expected)
    assert found.fallen["change"].is_monotonic_increasing
    assert (found.fallen["change_share"] <= -0.4).all()
    row = found.fallen.iloc[0]
    assert row["change"] == pytest.approx(row["spend_after"] - row["spend_before"])
    assert row["expected_shortfall"] == pytest.approx(-row["change"] - row["expected_recovery"])
    own = lines.loc[lines["household_key"] == row["household_key"], "day"]
    assert row["days_since_trip"] == DAYS - own.max()


def _fallers(share: float, seed: int, n: int = 400) -> tuple[pd.DataFrame, Quarters]:
    """Households of value at every end, half of which fell and then regained `share` of what they lost, and noise."""
    rng = np.random.default_rng(seed)
    quarters = quarters_of(1, DAYS, SETTINGS)
    parts = []
    for end in quarters.ends:
        if end - 168 < 1:
            continue
        before, fell = rng.uniform(400, 900, n), np.arange(n) % 2 == 0
        after = before * np.where(fell, rng.uniform(0.1, 0.6, n), 1.0)
        back = after + share * (before - after) + rng.normal(0, 20, n)
        is_known = end + 84 <= quarters.today
        parts.append(
            pd.DataFrame(
                {
                    "end": end,
                    "household_key": np.arange(n),
                    "last_trip": end - 1,
                    "next_sales": back if is_known else np.nan,
                    "spend_before": before,
                    "spend_after": after,
                    "usual_spend": rng.uniform(400, 900, n),
                    "fell": fell,
                }
            )
        )
    return pd.concat(parts, ignore_index=True), quarters


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_what_comes_back_by_itself_is_learned_from_earlier_falls(share: float) -> None:
    rows, quarters = _fallers(share, seed=3)
    recovered = recover(rows, quarters, SETTINGS)
    today = recovered[-1]
    own = rows[rows["fell"] & (rows["end"] == quarters.today)]
    lost = (own["spend_before"] - own["spend_after"]).to_numpy()
    assert today.end == quarters.today
    assert today.expected[IN_USE] == pytest.approx(share * lost, abs=15)
    validation = recovery_validation(recovered, rows, quarters, 0.95)
    used, nothing = whole(validation), whole(validation, "nothing back")
    assert used["ci_lower"] <= 0 <= used["ci_upper"] or abs(used["bias"]) < 2
    assert used["spend_after"] - used["spend_at"] == pytest.approx(used["recovery"])
    assert checks.recovery_as_expected(validation.assign(reason=None), CheckSettings()).passed
    if share:
        assert nothing["ci_upper"] < 0 and used["mae"] < nothing["mae"]
    judged = validation[validation["fold"] >= 0]
    assert (judged["last_day"] <= DAYS).all()
    for row in judged.itertuples():
        assert row.n_quarters == rows.loc[rows["end"] + 84 <= row.first_day, "end"].nunique()


def test_the_better_of_two_recoveries_is_in_use_once_it_is_known() -> None:
    rows, quarters = _fallers(0.0, seed=4)
    # What comes back is the way to the usual spend, of which the loss knows nothing.
    back = rows["spend_after"] + 0.8 * (rows["usual_spend"] - rows["spend_after"])
    rows["next_sales"] = back.where(rows["next_sales"].notna())
    recovered = recover(rows, quarters, SETTINGS)
    assert next(one.chosen for one in recovered) == SHARE
    assert recovered[-1].chosen == REGRESSION


def test_fallers_are_of_value_before_they_fell(lines: pd.DataFrame) -> None:
    rhythm, around, quarters = parts_of(lines, 1, DAYS)
    rows = fallers(sales_around(rhythm, around, quarters), quarters, SETTINGS)
    assert (rows["end"] - 168 >= 1).all()
    assert (rows["fell"] == (rows["spend_after"] <= 0.6 * rows["spend_before"])).all()


# ------------------------------------------------------------------------------------------------------- left alone


def test_a_household_keeps_its_lot_whoever_else_is_listed() -> None:
    keys = pd.Series(np.arange(1, 20_001))
    drawn = held_out(keys, pd.Series(True, index=keys.index), 0.2, 9)
    assert drawn["holdout"].mean() == pytest.approx(0.2, abs=0.01)
    assert (drawn["holdout_probability"] == 0.2).all()
    some = keys[keys % 7 == 0].sample(frac=1, random_state=1)
    fewer = held_out(some, pd.Series(True, index=some.index), 0.2, 9)
    assert (fewer["holdout"] == drawn.loc[fewer.index, "holdout"]).all()
    more = held_out(keys, pd.Series(True, index=keys.index), 0.3, 9)
    assert (more["holdout"] | ~drawn["holdout"]).all()
    none = held_out(keys, pd.Series(False, index=keys.index), 0.2, 9)
    assert not none["holdout"].any() and none["holdout_probability"].isna().all()
    other = held_out(keys, pd.Series(True, index=keys.index), 0.2, 10)
    assert (other["holdout"] & drawn["holdout"]).mean() == pytest.approx(0.04, abs=0.01)


def test_both_lists_leave_the_same_households_alone(found: RiskTables) -> None:
    both = found.at_risk[found.at_risk["at_risk"]].merge(found.fallen, on="household_key", suffixes=("", "_fallen"))
    assert (both["holdout"] == both["holdout_fallen"]).all()
    sizes = found.risk_holdout.set_index("list")
    assert sizes.at["fallen", "n_held_out"] == found.fallen["holdout"].sum()
    assert sizes.at["at_risk", "n_listed"] == found.at_risk["at_risk"].sum()
    assert (sizes["n_contacted"] + sizes["n_held_out"] == sizes["n_listed"]).all()


def test_the_size_needed_is_that_of_a_z_test() -> None:
    listed = pd.DataFrame({"holdout": [True] * 50 + [False] * 150})
    half = RiskSettings(holdout_share=0.5, effect_to_find=0.5)
    row: dict[str, Any] = sizing("fallen", listed, 100.0, 250.0, half, 0.8, 0.95)
    assert row["effect_to_find"] == 50.0
    # 4 (1.96 + 0.84)^2 (250 / 50)^2, in two equal arms.
    assert row["n_needed"] == pytest.approx(4 * (1.95996 + 0.84162) ** 2 * 25, abs=2)
    assert row["n_lists_needed"] == pytest.approx(row["n_needed"] / 200)
    assert row["detectable_effect"] == pytest.approx((1.95996 + 0.84162) * 250 * sqrt(1 / 50 + 1 / 150), rel=1e-3)
    for loss, sd in ((np.nan, 250.0), (100.0, np.nan), (0.0, 250.0)):
        assert sizing("fallen", listed, loss, sd, half, 0.8, 0.95)["n_needed"] is None
    nobody = sizing("fallen", listed.iloc[:0], 100.0, 250.0, half, 0.8, 0.95)
    assert nobody["n_listed"] == 0 and np.isnan(nobody["detectable_effect"])


def test_what_spend_leaves_is_the_residual_of_a_regression() -> None:
    rng = np.random.default_rng(8)
    before = pd.DataFrame({"a": rng.normal(size=5000), "b": rng.normal(size=5000)})
    assert left_over(before, 3 + 2 * before["a"] - before["b"] + rng.normal(0, 7, 5000)) == pytest.approx(7, rel=0.05)
    assert np.isnan(left_over(before.iloc[:3], before["a"].iloc[:3]))
