"""Whom a test decides: one count for its value, its design and its assignment, and one belief before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.doubts.bias_allowance import BiasAllowance
from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, REPEAT_CONTACT, TEST
from dunnhumby_pipeline.experiments.assignment import experiment_assignment
from dunnhumby_pipeline.settings import load_settings
from dunnhumby_pipeline.settings.experiment import ExperimentSettings
from dunnhumby_pipeline.targeting.answers import Question, Repeats, cost_tables, known_repeats, why_no_repeat
from dunnhumby_pipeline.targeting.economics import Economics, economics_of
from dunnhumby_pipeline.targeting.policies.everybody import Everybody
from dunnhumby_pipeline.targeting.recommendations import Terms, targeting_list
from dunnhumby_pipeline.targeting.tested import decided_by_test, effect_tested

DOUBT = BiasAllowance(np.array([30.0]), np.ones(1), 2)
SETTINGS = load_settings()
N = 1000


def trials(effect: float, seed: int) -> Residuals:
    rng = np.random.default_rng(seed)
    treated = (rng.random(N) < 0.5).astype(float)
    y = 50 + effect * treated + rng.normal(0, 40, N)
    half = np.full(N, 0.5)
    return Residuals(y, treated, half, np.full(N, 50.0), np.full(N, 50.0 + effect), np.arange(N), np.arange(N) % 5)


def households(seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """300 at a first contact, 80 of them without comparable ones; 200 contacted before, 50 of them without; 20 who
    bought nothing."""
    n = 520
    first, unknown = np.arange(n) < 300, np.arange(n) >= 500
    scored = pd.DataFrame({"household_key": np.arange(n), "cate": np.where(unknown, np.nan, 3.0)})
    scored = scored.assign(
        cate_lower=1.0, cate_upper=5.0, interval_of="average", segment="s", lookback_segment="s", lookback_need="n"
    )
    scored["propensity"] = np.where(np.arange(n) < 80, 0.01, 0.5)
    scored["received_before"] = pd.Series(~first, dtype="object").mask(unknown, None)
    before = pd.DataFrame({"household_key": np.arange(300, 500), "over": True, "days_since_last": 90})
    before = before.assign(propensity=0.6, in_overlap=np.arange(200) >= 50)
    return scored.assign(campaign=8), before


def decided() -> tuple[pd.DataFrame, pd.DataFrame]:
    """(decision_groups, list) of these households."""
    scored, before = households()
    question = Question(
        economics=economics_of(SETTINGS.economics, 0.0),
        gross_profit=trials(3.0, 1),
        sales=trials(10.0, 1),
        allowance=DOUBT,
        effect=np.full(N, 3.0),
        tells_apart=False,
        today=np.full(220, 3.0),
        beyond=np.full(80, 3.0),
        repeats=Repeats(trials(2.0, 2), trials(7.0, 2), 150, 50),
    )
    groups = cost_tables(question, SETTINGS.economics.dial_steps, 10, 0.95)["decision_groups"]
    covariates = pd.DataFrame({"x": np.zeros(500)}, index=np.arange(500))
    terms = Terms(Everybody(), True, Economics(1.0, 0.3), Region(0.1, 0.9), groups, 0.95, before)
    return groups, targeting_list(scored, covariates, terms)


def test_one_count_of_households_stands_behind_value_design_and_assignment() -> None:
    groups, listed = decided()
    assert groups["decision"].tolist() == [TEST, TEST]
    assert groups["n_households"].tolist() == [220, 150] and groups["n_decided"].tolist() == [300, 200]
    tested = decided_by_test(listed)
    assert tested["group"].value_counts().to_dict() == {0: 300, 1: 200} == groups["n_decided"].to_dict()
    baseline = listed[["household_key"]].assign(baseline_spend=1.0, baseline_visits=1.0)
    assert len(experiment_assignment(listed, baseline, ExperimentSettings(), "TypeA", 1)) == len(tested) == 500
    assert (groups["test_households"] <= groups["n_decided"]).all()


def test_the_belief_before_a_test_is_that_of_those_it_draws_from() -> None:
    groups, listed = decided()
    found = effect_tested(listed, groups, DOUBT)
    assert found.estimate == pytest.approx(0.6 * groups["effect"][0] + 0.4 * groups["effect"][1])
    assert found.se == pytest.approx(np.hypot(0.6 * groups["effect_se"][0], 0.4 * groups["effect_se"][1]))
    assert found.variance == pytest.approx(0.6 * groups["outcome_variance"][0] + 0.4 * groups["outcome_variance"][1])
    assert found.allowance is DOUBT
    only = effect_tested(listed.loc[listed["contact"] == REPEAT_CONTACT], groups, DOUBT)
    assert (only.estimate, only.se) == (groups["effect"][1], groups["effect_se"][1])
    nobody = effect_tested(listed.assign(decision="leave"), groups, DOUBT)
    assert nobody.estimate == groups.loc[groups["contact"] == FIRST_CONTACT, "effect"].iloc[0]


def test_nothing_known_of_a_repeat_is_no_group() -> None:
    support = pd.DataFrame({"campaign": ["8", "all"], "lacking": [None, "too few"]})
    nothing = pd.DataFrame()
    assert why_no_repeat(support) == "too few"
    assert known_repeats(nothing, nothing, support, nothing) is None
    assert why_no_repeat(support.assign(lacking=None)) is None
