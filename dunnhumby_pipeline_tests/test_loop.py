"""The loop on known truth: worlds are what they claim, a test pays where doubts are real, endings can be invented."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.loop import ALWAYS, COSTS, LIST, LIST_TEST, NEVER, REFERENCE, RULES, rows, shown, summary
from benchmarks.loop_worlds import CONSTANT_EFFECT, HETEROGENEOUS, HIDDEN, KINDS, MEAN, NULL, PLACEBO, world
from benchmarks.played_experiment import played
from dunnhumby_pipeline.contracts.names import SPEND, TEST
from dunnhumby_pipeline.experiments.assignment import CONTACT, experiment_assignment
from dunnhumby_pipeline.settings.experiment import ExperimentSettings


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    """The seed is fixed, so that what follows holds or does not, each time."""
    return pd.DataFrame(rows(KINDS, COSTS, (0,), 400))


@pytest.mark.parametrize("kind", KINDS)
def test_effects_are_what_their_kind_says(kind: str) -> None:
    made = world(kind, 3000, 1)
    assert made.effect.mean() == pytest.approx(MEAN[kind], abs=0.6)
    assert bool(made.effect.std() > 1) is (kind == HETEROGENEOUS)
    assert len(made.effect) == 3000 < len(made.trials)
    assert made.trials.loc[made.today, "household_key"].tolist() == list(range(1, 3001))


def test_a_hidden_trait_shows_in_what_no_contact_can_have_moved() -> None:
    def gap(kind: str, outcome: str) -> float:
        made = world(kind, 6000, 3)
        x = np.column_stack([np.ones(len(made.x)), made.trials["treated"], made.x, np.exp(0.35 * made.x[:, 0])])
        return float(np.linalg.lstsq(x, made.trials[outcome].to_numpy(float))[0][1])

    assert gap(HIDDEN, PLACEBO) > 15
    assert abs(gap(NULL, PLACEBO)) < 15
    # On spend the bias comes on top of the effect of $2 of profit, $6.67 of spend.
    assert gap(HIDDEN, SPEND) > 20


def test_regret_is_never_below_none_and_of_steady_rules_what_the_effects_say(found: pd.DataFrame) -> None:
    assert (found[list(RULES)] > -1e-9).all().all()
    for kind, effect in ((NULL, 0.0), (CONSTANT_EFFECT, 6.0), (HIDDEN, 2.0)):
        for cost in COSTS:
            own = found[(found["kind"] == kind) & (found["contact_cost"] == cost)]
            assert np.allclose(own[NEVER], 4 * max(effect - cost, 0))
            assert np.allclose(own[ALWAYS], 4 * max(cost - effect, 0))


def test_a_study_and_its_test_lose_less_than_rules_that_know_no_doubt(found: pd.DataFrame) -> None:
    mean = found[list(RULES)].mean()
    assert mean[LIST_TEST] < 0.8 * min(mean[NEVER], mean[ALWAYS], mean[REFERENCE], mean[LIST])
    # Where a hidden trait misleads the study, contacting all loses more.
    misled = found[(found["kind"] == HIDDEN) & (found["contact_cost"] == 4.0)]
    assert misled[LIST_TEST].mean() < misled[ALWAYS].mean()


def test_the_table_has_every_rule_and_world(found: pd.DataFrame) -> None:
    # As if another seed had found the same.
    told = summary(pd.concat([found, found.assign(seed=1)]))
    assert len(told) == len(KINDS) * len(COSTS) * len(RULES)
    assert np.allclose(told["se"], 0)
    said = shown(told, 400)
    assert all(name in said for name in (*RULES, *KINDS, "in all, 400 households"))


def test_an_invented_ending_has_the_study_s_noise_and_the_effect_one_says() -> None:
    n, rng = 4000, np.random.default_rng(2)
    spend = rng.gamma(2, 300, n)
    cohort = pd.DataFrame(
        {
            "household_key": np.arange(n) + 1,
            "campaign": 1,
            "treated": rng.integers(0, 2, n),
            "monetary_sales": spend,
            "index_day": 300,
            "outcome_end": 376,
        }
    )
    # Treated trials are far off, so that a draw among them would show.
    cohort["gross_profit"] = 0.1 * spend + rng.normal(0, 5, n) + 1000 * cohort["treated"]
    key = np.arange(1, 1001)
    listed = pd.DataFrame({"household_key": key, "segment": "a", "decision": TEST, "cate": 5.0})
    baseline = pd.DataFrame({"household_key": key, "baseline_spend": spend[:1000], "baseline_visits": 1.0})
    assignment = experiment_assignment(listed, baseline, ExperimentSettings(), "TypeA", 5)
    ending, other = (played(assignment, cohort, 9.0, seed) for seed in (1, 2))
    pd.testing.assert_frame_equal(ending, played(assignment, cohort, 9.0, 1))
    assert not ending.equals(other)
    assert set(ending["days_observed"]) == {76}
    nothing = played(assignment, cohort, 0.0, 1)
    gained = (ending["gross_profit"] - nothing["gross_profit"]).round(2)
    assert set(gained[assignment["arm"] == CONTACT]) == {9.0}
    assert set(gained[assignment["arm"] != CONTACT]) == {0.0}
    assert np.corrcoef(nothing["gross_profit"], assignment["baseline_spend"])[0, 1] > 0.8
    assert nothing["gross_profit"].max() < 900
    for nearest in (0, n):
        with pytest.raises(ValueError, match=f"found {nearest}"):
            played(assignment, cohort, 9.0, 1, nearest)
