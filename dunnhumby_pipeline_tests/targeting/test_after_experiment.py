"""A study that proves nothing, an experiment after it, and the decisions that follow from both."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import bias_allowance
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.settings import EconomicsSettings
from dunnhumby_pipeline.targeting.after_experiment import after_experiments
from dunnhumby_pipeline.targeting.answers import Question, cost_tables
from dunnhumby_pipeline.targeting.dial import ProfitEffect
from dunnhumby_pipeline.targeting.lessons import Lesson, lessons, of_other_types
from dunnhumby_pipeline.targeting.scenarios import scenarios

N = 1500
SETTINGS = EconomicsSettings()
COST = 1.0
DOUBT = bias_allowance(np.array([30.0, -20.0]), np.array([10.0, 10.0]), 20.0)
SLOPED = {"slope": 1.0, "slope_error": 0.2, "covariance": 0.0, "study_mean": 4.0}


def trials(effect: np.ndarray) -> Residuals:
    rng = np.random.default_rng(4)
    treated = (rng.random(N) < 0.5).astype(float)
    y = effect * treated + rng.normal(0, 60, N)
    half, none = np.full(N, 0.5), np.zeros(N)
    return Residuals(y, treated, half, none, none + 4.0, np.arange(N), np.arange(N) % 5)


def tables(*learnt: Lesson, spread: float = 0.0) -> dict[str, pd.DataFrame]:
    """Of a study whose effect is about 4, of which the interval holds 0; spread over its households where asked."""
    effect = 4.0 + spread * np.linspace(-1, 1, N)
    data = trials(effect)
    known = scenarios(SETTINGS, 0.03)
    question = Question(known, data, data, DOUBT, effect, spread > 0, effect[::3], learnt)
    return cost_tables(question, SETTINGS, 3, 0.95)


def listed() -> pd.DataFrame:
    """Households that a study not proven would list: two with support, one without, an opt-out, one unknown."""
    return pd.DataFrame(
        {
            "household_key": [1, 2, 3, 4, 5],
            "decision": [TEST, TEST, TEST, LEAVE, LEAVE],
            "cate": [4.0, 4.0, 4.0, 4.0, np.nan],
            "group": pd.array([0, 0, None, None, None], dtype="Int64"),
            "expected_profit": [3.0, 3.0, 3.0, 3.0, np.nan],
            "probability_pays": [0.7, 0.7, np.nan, np.nan, np.nan],
            "reason": ["a", "b", "not known to hold for it", "opted out", "no purchase"],
        }
    )


@pytest.mark.parametrize(
    ("found", "error", "decided"),
    [(7.0, 1.5, TARGET), (-7.0, 1.5, LEAVE), (1.5, 3.0, TEST)],
)
def test_the_list_follows_what_the_experiment_found(found: float, error: float, decided: str) -> None:
    before, after = tables(), tables(Lesson(found, error, SETTINGS.margin))
    assert before["decision_groups"]["decision"].tolist() == [TEST]
    assert after["decision_groups"]["decision"].tolist() == [decided]
    rows = after_experiments(listed(), after["decision_groups"]).set_index("household_key")
    assert rows["decision"].to_dict() == {1: decided, 2: decided, 3: decided, 4: LEAVE, 5: LEAVE}
    assert rows["decided_by"].to_dict() == {
        1: "experiment", 2: "experiment", 3: "experiment", 4: "study", 5: "study"
    }  # fmt: skip
    group = after["decision_groups"].iloc[0]
    assert rows.loc[1, "probability_pays"] == group["probability_pays_calibrated"]
    moved = group["expected_profit"] + COST - group["study_effect"]
    assert rows.loc[1, "expected_profit"] == pytest.approx(3.0 + moved)
    assert rows.loc[1, "reason"].startswith("after a randomised experiment such households are expected to bring")
    assert ("another test of" in rows.loc[1, "reason"]) == (decided == TEST)
    assert rows.loc[4, "reason"] == "opted out"


def test_without_an_experiment_nothing_moves() -> None:
    rows = after_experiments(listed(), tables()["decision_groups"])
    pd.testing.assert_frame_equal(rows.drop(columns="decided_by"), listed())
    assert rows["decided_by"].eq("study").all()


def test_break_even_and_dial_are_what_is_believed_now() -> None:
    before, after = tables(), tables(Lesson(-7.0, 1.5, SETTINGS.margin))
    was, now = (found["break_even"].set_index("scenario").loc["printed mail"] for found in (before, after))
    assert now["study_effect"] == was["break_even_contact_cost"] == was["study_effect"]
    assert -7.0 < now["break_even_contact_cost"] < -5.0 and (was["n_experiments"], now["n_experiments"]) == (0, 1)
    assert now["break_even_calibrated_upper"] < 0 < was["break_even_calibrated_upper"]
    # What the study alone estimated stays beside it.
    assert (now["break_even_lower"], now["ci_lower"]) == (was["break_even_lower"], was["ci_lower"])
    cheap = after["decision_by_cost"].set_index("contact_cost")
    assert (cheap.loc[:5.0, "decision"] == LEAVE).all()
    assert (before["decision_by_cost"].set_index("contact_cost").loc[:5.0, "decision"] == TEST).all()
    margins = after["pays_by_margin"].set_index(["margin", "contact_cost"])["probability_pays_calibrated"]
    assert margins.loc[0.3, COST] == pytest.approx(now["probability_pays_calibrated"])


def test_other_scenarios_have_it_at_their_margin() -> None:
    lesson = Lesson(6.0, 1.5, 0.3)
    assert lesson.at(0.15) == (3.0, 0.75)
    after = tables(lesson)["break_even"]
    assert after["n_experiments"].eq(1).all()


def test_groups_are_held_against_their_own_point_of_the_line() -> None:
    lesson = Lesson(4.0, 1.0, 0.3, **SLOPED)
    assert lesson.at(0.3) == (4.0, 1.0)
    assert lesson.at(0.3, 9.0) == pytest.approx((9.0, np.hypot(1.0, 1.0)))
    found = tables(Lesson(4.0, 1.0, 0.3, **{**SLOPED, "slope_error": 0.1}), spread=9.0)["decision_groups"]
    assert len(found) == 3 and found["n_experiments"].eq(1).all()
    assert found["decision"].iloc[-1] == TARGET and found["expected_profit"].is_monotonic_increasing
    flat = tables(Lesson(4.0, 1.0, 0.3, **{**SLOPED, "slope": 0.0, "slope_error": 0.1}), spread=9.0)["decision_groups"]
    assert np.ptp(flat["expected_profit"]) < 0.5 * np.ptp(found["expected_profit"])


def test_an_experiment_counts_once() -> None:
    past = pd.DataFrame(
        {
            "campaign_type": ["TypeA", "TypeB"],
            "effect": [3.0, 5.0],
            "effect_se": [1.0, 2.0],
            "margin": 0.3,
            "calibration_slope": [None, 0.5],
            "calibration_se": [None, 0.1],
            "calibration_covariance": [None, 0.0],
            "study_mean": [None, 4.0],
        }
    )
    [own] = lessons(past, "TypeA")
    assert (own.effect, own.error) == (3.0, 1.0) and np.isnan(own.slope)
    [only] = lessons(past.head(1).astype(object), "TypeA")
    assert (only.effect, only.error) == (3.0, 1.0) and np.isnan(only.study_mean)
    assert of_other_types(past, "TypeA")["campaign_type"].tolist() == ["TypeB"]
    assert lessons(pd.DataFrame(), "TypeA") == () and lessons(past, "TypeC") == ()
    assert lessons(past[["campaign_type", "effect", "effect_se", "margin"]], "TypeB")[0].effect == 5.0


def test_the_belief_is_calibrated() -> None:
    """Truth drawn about what study and experiment say: the interval after both holds it as often as it claims."""
    rng, inside, n = np.random.default_rng(8), 0, 600
    for _ in range(n):
        truth, tau = rng.normal(0, 6), rng.choice(DOUBT.tau, p=DOUBT.weight) * 0.3
        effect = ProfitEffect(
            truth + rng.normal(0, np.hypot(3.0, tau)),
            3.0,
            900.0,
            DOUBT.times(0.3),
            ((truth + rng.normal(0, 2.0), 2.0),),
        )
        lower, upper = effect.interval(0.95)
        inside += lower <= truth <= upper
    assert abs(inside / n - 0.95) < 3 * np.sqrt(0.95 * 0.05 / n)
