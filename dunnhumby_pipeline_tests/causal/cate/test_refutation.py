"""Refutations: what is changed, the rules, and that an honest analysis passes where a leaking one does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.cate.power.tests import Draw
from dunnhumby_pipeline.causal.cate.refutation import by_dowhy, rules
from dunnhumby_pipeline.causal.cate.refutation.refutation import (
    AVERAGE,
    PROCEDURE,
    refute,
    refute_by_dowhy,
    refuters,
    strongest,
)
from dunnhumby_pipeline.causal.cate.refutation.replicas import (
    BOOTSTRAP,
    DUMMY,
    PLACEBO,
    RANDOM_CAUSE,
    SUBSET,
    UNOBSERVED,
    Strengths,
    Trials,
    bootstrap,
    data_subset,
    dummy_outcome,
    placebo_treatment,
    random_common_cause,
    unobserved_cause,
    with_cause,
)
from dunnhumby_pipeline.causal.cate.refutation.subjects import average_of
from dunnhumby_pipeline.settings import RefutationSettings
from dunnhumby_pipeline_tests.fakes.known_truth import Array, simulate_trials

SETTINGS = RefutationSettings()
WEAK = Strengths(0.02, 0.02)
RNG = np.random.default_rng


def flat(x: Array) -> Array:
    return np.full(len(x), 2.0)


def steep(x: Array) -> Array:
    return 2.0 + 3.0 * x[:, 2]


def trials_of(effect: object, seed: int = 1, n: int = 400) -> Trials:
    known = simulate_trials(n, seed=seed, effect=effect, n_campaigns=2, household_noise=1.0)  # type: ignore[arg-type]
    return Trials(known.x, known.residuals(), known.trials["campaign"].to_numpy())


@pytest.fixture(scope="module")
def trials() -> Trials:
    return trials_of(flat)


def leaking(trials: Trials) -> Draw:
    """A search that has seen the outcomes it is judged on."""
    data = trials.data
    seen = np.clip(data.outcome_residual * np.sign(data.treatment_residual), -3, 3)
    constant = np.full(len(seen), average_of(data)[0])
    return Draw(data, constant + seen, constant, np.where(data.folds > 0, seen, np.nan))


def test_a_placebo_keeps_households_and_the_share_treated(trials: Trials) -> None:
    drawn = placebo_treatment(trials, RNG(0))
    data, before = drawn.data, trials.data
    assert len(data.y) == len(before.y)
    for name in ("y", "households", "folds"):
        assert np.array_equal(getattr(data, name), getattr(before, name))
    assert np.allclose(data.outcome_residual, before.outcome_residual)
    for campaign in (1, 2):
        own = trials.campaigns == campaign
        assert data.treated[own].sum() == before.treated[own].sum()
    strata = pd.Series(data.treated).groupby([trials.campaigns, data.propensity])
    assert strata.ngroups == 10
    # The propensity is the share treated where it is drawn, and treatment was far from all the same before.
    assert strata.mean().to_numpy() == pytest.approx(strata.mean().index.get_level_values(1).to_numpy())
    assert 0.1 < (data.treated != before.treated).mean() < 0.6


def test_a_placebo_without_common_strata_is_drawn_within_campaigns() -> None:
    some = trials_of(flat, n=60)
    apart = replace(some.data, propensity=np.where(some.data.treated == 1, 0.9, 0.1))
    few = np.r_[np.flatnonzero(apart.treated == 1)[:12], np.flatnonzero(apart.treated == 0)[:48]]
    data = type(apart)(**{name: value[few] for name, value in vars(apart).items()})
    drawn = placebo_treatment(Trials(some.x[few], data, np.ones(60, dtype=int)), RNG(0))
    assert len(drawn.data.y) == 60 and (drawn.data.propensity == 0.2).all()


def test_a_dummy_outcome_has_the_same_noise_and_no_effect(trials: Trials) -> None:
    drawn = [dummy_outcome(trials, RNG(seed)).data for seed in range(100)]
    estimates = [average_of(data)[0] for data in drawn]
    se = average_of(trials.data)[1]
    assert np.mean(estimates) == pytest.approx(0.0, abs=4 * se / 10)
    assert np.std(estimates) == pytest.approx(se, rel=0.25)
    noise = trials.data.outcome_residual - average_of(trials.data)[0] * trials.data.treatment_residual
    assert np.allclose(np.abs(drawn[0].outcome_residual), np.abs(noise))


def test_a_bootstrap_keeps_copies_of_a_household_in_its_fold(trials: Trials) -> None:
    drawn = bootstrap(trials, RNG(0))
    assert len(np.unique(drawn.data.households)) == len(np.unique(trials.data.households)) == 400
    assert (pd.Series(drawn.data.folds).groupby(drawn.data.households).nunique() == 1).all()
    original = {tuple(row) for row in np.column_stack([trials.data.y, trials.data.folds])}
    copies = [tuple(row) for row in np.column_stack([drawn.data.y, drawn.data.folds])]
    assert set(copies) <= original and len(set(copies)) < len(copies)
    assert (np.bincount(drawn.data.households) == 2).all()


def test_a_subset_is_of_whole_households(trials: Trials) -> None:
    drawn = data_subset(0.75)(trials, RNG(0))
    assert len(np.unique(drawn.data.households)) == 300
    assert len(drawn.data.y) == len(drawn.campaigns) == len(drawn.x) == 600


def test_noise_changes_nothing_and_is_a_covariate_more(trials: Trials) -> None:
    drawn = random_common_cause(trials, RNG(0))
    assert drawn.x.shape[1] == trials.x.shape[1] + 1
    assert (pd.Series(drawn.x[:, -1]).groupby(trials.data.households).nunique() == 1).all()
    before, se = average_of(trials.data)
    assert average_of(drawn.data)[0] == pytest.approx(before, abs=0.25 * se)


def test_a_cause_that_is_found_is_adjusted_for() -> None:
    """The confounder of made-up trials, kept from the nuisances, biases the effect; known to them, it does not."""
    known = simulate_trials(3000, seed=3, effect=flat)
    share = np.full(3000, known.trials["treated"].mean())
    ignorant = known.residuals(propensity=share, mu0=known.mu0 - 3 * known.x[:, 0], mu1=known.mu1 - 3 * known.x[:, 0])
    hidden = Trials(known.x[:, 1:], ignorant, np.ones(3000, dtype=int))
    biased = average_of(hidden.data)[0]
    found = average_of(with_cause(hidden, known.x[:, 0]).data)[0]
    assert biased > 3.5
    assert found == pytest.approx(2.0, abs=0.3)


def test_a_hidden_cause_moves_the_effect_as_far_as_its_strength_allows(trials: Trials) -> None:
    strengths = Strengths(0.10, 0.05)
    moved = [average_of(unobserved_cause(strengths)(trials, RNG(seed)).data)[0] for seed in range(30)]
    data, (effect, _) = trials.data, average_of(trials.data)
    left = data.outcome_residual - effect * data.treatment_residual
    nu2, sigma2 = 1 / (data.treatment_residual**2).mean(), (left**2).mean()
    bias = np.sqrt(sigma2 * nu2 * 0.10 * 0.05 / 0.95)
    assert effect - np.mean(moved) == pytest.approx(bias, rel=0.2)


def test_rules_pass_and_fail() -> None:
    rng = RNG(0)
    assert rules.nothing(rng.normal(size=50)).passed
    assert not rules.nothing(rng.normal(2.0, size=50)).passed
    assert rules.nothing(np.zeros(5)).passed and not rules.nothing(np.ones(5)).passed
    assert rules.nothing_proven(np.array([False] * 7 + [True])).passed
    assert not rules.nothing_proven(np.array([True] * 3 + [False] * 5)).passed
    assert rules.stays(rng.normal(5.2, 1.0, 50), 5.0, 1.0).passed
    assert not rules.stays(rng.normal(7.0, 1.0, 50), 5.0, 1.0).passed
    assert rules.stays(np.full(5, 5.1), 5.0, 1.0).passed and not rules.stays(np.full(5, 5.5), 5.0, 1.0).passed
    assert rules.verdict_stays(np.array([False] * 8), False).passed
    assert not rules.verdict_stays(np.array([True] * 8), False).passed
    assert rules.keeps_sign(np.array([1.0, 2.0, 0.5]), 3.0).passed
    assert not rules.keeps_sign(np.array([-1.0, -2.0, -0.5]), 3.0).passed
    for judged in (rules.nothing(np.zeros(5)), rules.nothing_proven(np.array([True]))):
        assert judged.passed == (judged.p >= 0.01) and judged.rule in rules.RULES


def test_an_honest_analysis_passes_everything() -> None:
    found = refute(trials_of(steep), WEAK, SETTINGS, 1.0, 6, 1)
    table = found.refutation
    assert set(table["refuter"]) == {PLACEBO, DUMMY, RANDOM_CAUSE, SUBSET, BOOTSTRAP, UNOBSERVED}
    assert table["passed"].all()
    of_search = table.loc[table["subject"] == PROCEDURE].set_index("refuter")
    # Effects that differ are proven on the trials themselves, and on those that keep them; not on placebos.
    assert of_search.loc[[SUBSET, BOOTSTRAP, RANDOM_CAUSE], "share_proven"].min() >= 0.8
    assert of_search.loc[[PLACEBO, DUMMY], "share_proven"].max() <= 0.2
    assert len(found.draws) == 6 * 2 * 6
    as_far = table.loc[(table["subject"] == AVERAGE) & (table["refuter"] == PLACEBO), "p_as_far"].iloc[0]
    assert as_far == pytest.approx(1 / 7)


def test_a_search_that_leaks_is_refuted(trials: Trials) -> None:
    found = refute(trials, WEAK, SETTINGS, 1.0, 5, 1, leaking).refutation
    failed = found.loc[~found["passed"].astype(bool), ["refuter", "subject"]]
    assert set(map(tuple, failed.to_numpy())) == {(PLACEBO, PROCEDURE), (DUMMY, PROCEDURE)}


def test_an_effect_that_a_hidden_cause_explains_is_refuted() -> None:
    strong = Strengths(0.5, 0.3)
    weak = trials_of(lambda x: np.full(len(x), 0.3))
    table = refute(weak, strong, SETTINGS, 1.0, 6, 1, only=(UNOBSERVED,)).refutation.set_index("subject")
    assert not table.at[AVERAGE, "passed"]


def test_a_seed_gives_one_answer(trials: Trials) -> None:
    first, second = (refute(trials, WEAK, SETTINGS, 1.0, 2, 5, only=(PLACEBO,)).draws for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_dowhy_refutes_the_same_effect(trials: Trials) -> None:
    state = np.random.get_state()[1].copy()
    found = refute_by_dowhy(trials, WEAK, SETTINGS, 5, 1)
    assert np.array_equal(np.random.get_state()[1], state)
    table = found.refutation.set_index("refuter")
    assert set(table.index) == set(refuters(SETTINGS, WEAK)) and (table["n_draws"] == 5).all()
    assert (table["observed"] - 2.0).abs().max() < 0.6
    assert table["passed"].all()
    assert table.at[PLACEBO, "draws_mean"] == pytest.approx(0.0, abs=0.6)
    assert table.at[RANDOM_CAUSE, "draws_sd"] < 0.05
    again = refute_by_dowhy(trials, WEAK, SETTINGS, 5, 1)
    pd.testing.assert_frame_equal(found.draws, again.draws)


def test_dowhys_estimate_is_the_partially_linear_one() -> None:
    known = simulate_trials(2000, seed=7, effect=flat)
    data = known.residuals()
    found = by_dowhy.partially_linear(known.x, data.y, data.treated, data.folds)
    assert found == pytest.approx(2.0, abs=0.2)


def test_the_strongest_group_gives_the_strengths() -> None:
    rows = pd.DataFrame(
        {
            "group": ["a", "b", "value"],
            "kind": ["group", "group", "block"],
            "outcome_bound": [0.1, 0.2, 0.5],
            "gain_treatment": [0.05, -0.01, 0.2],
            "bias": [3.0, 4.0, 9.0],
        }
    )
    assert strongest(rows) == Strengths(0.2, 0.0)
    assert strongest(rows.iloc[2:]) == Strengths(0.0, 0.0)


def test_of_very_many_trials_households_are_drawn_whole(trials: Trials) -> None:
    few = trials.at_most(len(trials.x) // 2, 1)
    assert 0.8 * len(trials.x) // 2 < len(few.x) <= len(trials.x) // 2 + 5
    kept = np.isin(trials.data.households, few.data.households)
    np.testing.assert_array_equal(few.x, trials.x[kept])
    np.testing.assert_array_equal(few.campaigns, trials.campaigns[kept])
    assert trials.at_most(len(trials.x), 1) is trials
