"""Policies by hand and by brute force, comparisons on known truth, and intervals that hold for the best of several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from dunnhumby_pipeline.causal.nuisance.cross_fit import Residuals
from dunnhumby_pipeline.settings import PolicySettings, SettingsError, needs_interval, ranks
from dunnhumby_pipeline.targeting.comparison import differences, joint, selection
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence, scores_as_done
from dunnhumby_pipeline.targeting.policies.base import Policy
from dunnhumby_pipeline.targeting.policies.minimax_regret import least_regret
from dunnhumby_pipeline.targeting.policies.registry import chosen_policy, policies
from dunnhumby_pipeline.targeting.policies.tree import Search, Tree, best_tree, cut_points
from dunnhumby_pipeline.targeting.tree_rules import _bootstraps, tree_rules
from dunnhumby_pipeline.targeting.value import Valued, policy_values, shares_best, valued, weigh
from dunnhumby_pipeline_tests.fakes.known_truth import Array

COST = Economics(4.0, 0.5)


def _evidence(n: int = 1200, seed: int = 1, noise: float = 10.0, n_folds: int = 4) -> Evidence:
    """Effect $12 where x0 and x1 have one sign, else $0; buyers have more of it. Two trials per household."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    effect = 12.0 * (x[:, 0] * x[:, 1] > 0)
    scores = effect + rng.normal(0, noise, n)
    household = np.arange(n) // 2
    treated = (rng.random(n) < 0.5).astype(float)
    return Evidence(
        scores=scores,
        outcome=treated * effect + rng.normal(0, 2, n),
        as_done=treated * scores,
        treated=treated,
        covariates=x,
        covariate_names=("a", "b", "c", "d"),
        labels=pd.DataFrame(
            {
                "lookback_segment": np.where(effect > 6, "buyers", "browsers"),
                "lookback_need": np.where(x[:, 2] > 0, "fresh", np.where(effect > 6, "none", "grocery")),
                "campaign": 8,
            }
        ),
        cate=effect + rng.normal(0, 3, n),
        standard_error=np.full(n, 2.0),
        by_model={},
        folds=household % n_folds,
        households=household,
        n_listed=1000,
    )


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return _evidence()


def _named(name: str, **settings: object) -> Policy:
    return next(policy for policy in policies(PolicySettings(**settings)) if policy.name == name)


def _weights(policy: Policy, evidence: Evidence, economics: Economics = COST) -> Array:
    [(_, weights)] = weigh([policy], evidence, economics)
    return weights


# Each policy


def test_what_was_done_is_valued_as_done_and_no_list_follows_it(evidence: Evidence) -> None:
    policy = _named("current_practice")
    np.testing.assert_array_equal(_weights(policy, evidence), evidence.treated)
    row = policy_values(evidence, COST, [policy], "treat_all", 0.95).iloc[0]
    assert row["value"] == pytest.approx((evidence.as_done - 4.0 * evidence.treated).mean())
    assert row["least_in_arm"] > 100
    with pytest.raises(SettingsError, match=r"policy\.chosen is 'current_practice'; expected one of treat_none"):
        chosen_policy(PolicySettings(chosen="current_practice"))


@pytest.mark.parametrize("wrong", ["outcome", "propensity"])
def test_scores_of_what_was_done_stand_one_wrong_model(wrong: str) -> None:
    rng = np.random.default_rng(5)
    n = 200_000
    x = rng.normal(size=n)
    chance = 1 / (1 + np.exp(1.0 - x))
    treated = (rng.random(n) < chance).astype(float)
    y = 3 * x + treated * (5 + 2 * x) + rng.normal(size=n)
    mu0 = 3 * x if wrong == "propensity" else np.zeros(n)
    data = Residuals(
        y=y,
        treated=treated,
        propensity=chance if wrong == "outcome" else np.full(n, 0.4),
        mu0=mu0,
        mu1=np.full(n, 100.0),
        households=np.arange(n),
        folds=np.zeros(n, dtype=int),
    )
    assert scores_as_done(data).mean() == pytest.approx((treated * (5 + 2 * x)).mean(), abs=0.08)


def test_a_budget_pays_for_the_largest_effects_that_pay(evidence: Evidence) -> None:
    # $800 are 200 contacts, a fifth of the 1,000 listed.
    weights = _weights(_named("within_budget", budget=800.0), evidence)
    for fold in range(4):
        own = evidence.folds == fold
        assert weights[own].sum() == int(0.2 * own.sum())
        assert evidence.cate[own & (weights > 0)].min() >= np.sort(evidence.cate[own])[-int(0.2 * own.sum())]
    rich = _weights(_named("within_budget", budget=1e6), evidence)
    np.testing.assert_array_equal(rich, evidence.cate > 4.0)
    free = _weights(_named("within_budget", budget=1.0), evidence, Economics(0.0, 0.5))
    np.testing.assert_array_equal(free, evidence.cate > 0.0)


def test_capacity_counts_households_of_the_list(evidence: Evidence) -> None:
    policy = _named("within_capacity", capacity=300).fit(evidence, COST)
    listed = np.linspace(0, 20, 1000)
    weights = policy.weights(np.zeros((1000, 4)), pd.DataFrame(), listed, np.ones(1000))
    assert weights.sum() == 300
    assert weights[-300:].all()
    alike = policy.weights(np.zeros((1000, 4)), pd.DataFrame(), np.full(1000, 9.0), np.ones(1000))
    np.testing.assert_allclose(alike, 0.3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"budget": 3.99}, r"policy\.budget is \$3\.99, less than one contact, which costs \$4\.00"),
        ({"capacity": 1001}, r"policy\.capacity is 1,001, and the next campaign can choose among 1,000 households"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(settings: dict[str, object], words: str, evidence: Evidence) -> None:
    with pytest.raises(SettingsError, match=words):
        valued(policies(PolicySettings(**settings)), evidence, COST)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"capacity": 0}, "capacity"),
        ({"budget": 0}, "budget"),
        ({"budget": -5}, "budget"),
        ({"risk_aversion": (0.3, 1.1)}, "risk_aversion"),
        ({"risk_aversion": (-0.1,)}, "risk_aversion"),
        ({"risk_aversion": (float("nan"),)}, "risk_aversion"),
        ({"risk_aversion": (0.3, 0.3)}, "risk_aversion"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: dict[str, object], name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        PolicySettings(**settings)


def test_caution_goes_from_the_effect_to_its_lower_bound(evidence: Evidence) -> None:
    lower = evidence.cate - 1.959964 * 2.0
    for aversion in (0.0, 0.3, 1.0):
        weights = _weights(_named(f"risk_adjusted_{aversion:g}", risk_aversion=(aversion,)), evidence)
        np.testing.assert_array_equal(weights, (1 - aversion) * evidence.cate + aversion * lower > 4.0)
    np.testing.assert_array_equal(_weights(_named("lower_bound_above_break_even"), evidence), lower > 4.0)
    unknown = replace(evidence, standard_error=np.full(len(evidence), np.nan))
    table = policy_values(unknown, COST, policies(PolicySettings()), "treat_all", 0.95).set_index("policy")
    cautious = [name for name in table.index if needs_interval(name)]
    assert len(cautious) == 4
    assert set(table.loc[cautious, "reason"]) == {"the model of the effect has no intervals"}
    assert table.loc[cautious, "value"].isna().all()


def test_whole_segments_by_the_outcomes_of_other_folds(evidence: Evidence) -> None:
    weights = _weights(_named("by_segment"), evidence)
    np.testing.assert_array_equal(weights, evidence.labels["lookback_segment"] == "buyers")
    fitted = _named("by_segment").fit(evidence, COST)
    unseen = pd.DataFrame({"lookback_segment": ["new"]})
    assert fitted.weights(np.zeros((1, 4)), unseen, np.array([99.0]), np.ones(1)).tolist() == [0.0]


def test_whole_needs_by_the_outcomes_of_other_folds_and_no_need_is_one(evidence: Evidence) -> None:
    """Effects do not follow the need 'fresh', and are $12 in 'none' and nothing in 'grocery'."""
    weights = _weights(_named("by_need"), evidence)
    need = evidence.labels["lookback_need"]
    assert weights[need == "none"].all() and not weights[need == "grocery"].any()
    assert weights[need == "fresh"].all()
    # All alike, one label decides for everybody.
    unknown = replace(evidence, labels=evidence.labels.assign(lookback_need="none"))
    assert _weights(_named("by_need"), unknown).all()


@pytest.mark.parametrize("policy", policies(PolicySettings(budget=800.0, capacity=300)), ids=lambda one: str(one.name))
def test_no_policy_sees_the_outcomes_of_the_fold_that_it_decides_in(policy: Policy, evidence: Evidence) -> None:
    own = evidence.folds == 1
    other = replace(
        evidence,
        scores=np.where(own, -99.0, evidence.scores),
        as_done=np.where(own, -99.0, evidence.as_done),
        outcome=np.where(own, -99.0, evidence.outcome),
    )
    np.testing.assert_array_equal(_weights(policy, evidence)[own], _weights(policy, other)[own])


def test_top_shares_go_in_steps_of_five_percent() -> None:
    names = [one.name for one in policies(PolicySettings()) if one.name.startswith("top_")]
    assert names == [f"top_{share}%" for share in range(5, 100, 5)]


def test_the_share_of_least_regret() -> None:
    assert [least_regret(1, 5), least_regret(-5, -1), least_regret(-1, 3)] == [1.0, 0.0, 0.75]
    # Regret of too few is (1 - share) x upper, of too many share x -lower: equal at the best share.
    assert (1 - 0.75) * 3 == 0.75 * 1


# The tree


def _brute(x: Array, profit: Array, least: float) -> float:
    """The largest sum of treated leaves over all trees of depth 2 with leaves of at least `least` trials."""

    def alone(rows: Array) -> float:
        return max(0.0, float(profit[rows].sum()))

    questions = [(j, cut) for j in range(x.shape[1]) for cut in np.unique(x[:, j])[:-1]]
    answers = [x[:, j] <= cut for j, cut in questions]
    best = alone(np.ones(len(x), dtype=bool))
    for root in answers:
        sides = []
        for side in (root, ~root):
            parts = [(side & answer, side & ~answer) for answer in answers]
            splits = [alone(a) + alone(b) for a, b in parts if min(a.sum(), b.sum()) >= least]
            sides.append(max([alone(side), *splits]) if side.sum() >= least else -np.inf)
        best = max(best, sum(sides))
    return best


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("least", [0.0, 0.15])
def test_the_tree_is_the_best_of_all(seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 5, size=(40, 3)).astype(float)
    profit = rng.normal(rng.choice([-1, 0, 1]), 5, 40)
    tree = best_tree(x, profit, n_cuts=39, least_share=least)
    weights = tree.weights(x, pd.DataFrame(), profit, profit)
    assert (weights * profit).sum() == pytest.approx(_brute(x, profit, max(1.0, least * 40)), rel=1e-4, abs=1e-3)
    sizes = np.bincount(tree.leaf(x), minlength=4)
    assert all(size == 0 or size >= least * 40 for size in sizes)


def test_the_tree_finds_what_only_two_questions_together_tell(evidence: Evidence) -> None:
    tree = _named("policy_tree").fit(evidence, COST)
    assert isinstance(tree, Tree)
    assert {split[0] for split in tree.splits if split is not None} == {0, 1}
    values = policy_values(evidence, COST, policies(PolicySettings()), "policy_tree", 0.95).set_index("policy")
    assert values.at["policy_tree", "value"] > values.at["treat_all", "value"] + 1.0


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_tree_without_a_question_that_pays_treats_all_or_none(sign: float) -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    for covariates in (x, np.ones((100, 3))):
        tree = best_tree(covariates, np.full(100, sign))
        assert tree.splits == (None, None, None)
        assert set(tree.weights(covariates, pd.DataFrame(), x, x).tolist()) == {float(sign > 0)}


def test_cut_points_are_values_below_the_highest() -> None:
    x = np.column_stack([np.arange(8.0), np.arange(8) % 2, np.ones(8)])
    assert cut_points(x, 3) == [(0, 1.0), (0, 3.0), (0, 5.0), (1, 0.0)]


def test_rules_of_the_tree_are_valued_by_folds_without_a_say(evidence: Evidence) -> None:
    rules = tree_rules(evidence, COST, 0.95, 20, 1).rules
    assert rules["share"].sum() == pytest.approx(1)
    assert rules["n_trials"].sum() == (evidence.folds >= 2).sum()
    assert all("a " in rule and "b " in rule for rule in rules["rule"])
    assert rules.loc[rules["treats"], "ci_upper"].min() > 6.0 > rules.loc[~rules["treats"], "ci_lower"].max()
    # Other outcomes in the folds that judge leave the rules as they are.
    other = replace(evidence, scores=np.where(evidence.folds >= 2, 0.0, evidence.scores))
    changed = tree_rules(other, COST, 0.95, 20, 1).rules
    assert changed["rule"].tolist() == rules["rule"].tolist()
    np.testing.assert_allclose(changed["profit"], -4.0)


def test_refits_keep_what_is_plain_and_change_what_is_noise(evidence: Evidence) -> None:
    plain = tree_rules(evidence, COST, 0.95, 60, 1)
    assert len(plain.refits) == 60
    # $12 or nothing, by two covariates together: found in every bootstrap, at nearly the same thresholds.
    assert plain.rules["kept"].min() > 0.85
    asked = plain.refits[["root", "below_yes", "below_no"]]
    assert set(asked.stack()) <= {"a", "b"}
    assert (plain.refits["agreement"] > 0.7).all()
    # Leaves weighted by their size say what the refits say.
    alike = (plain.rules["kept"] * plain.rules["share"]).sum()
    assert alike == pytest.approx(plain.refits["agreement"].mean())
    noise = replace(evidence, scores=np.random.default_rng(3).normal(4, 10, len(evidence)))
    lost = tree_rules(noise, COST, 0.95, 60, 1)
    assert lost.refits["agreement"].mean() < 0.8 < plain.refits["agreement"].mean()
    pd.testing.assert_frame_equal(tree_rules(evidence, COST, 0.95, 60, 1).refits, plain.refits)


def test_a_refit_is_the_tree_of_the_households_drawn() -> None:
    rng = np.random.default_rng(2)
    x, profit = rng.normal(size=(60, 3)), rng.normal(size=60)
    times = rng.integers(0, 4, 60).astype(float)
    search = Search(x, profit, n_cuts=60, least_share=0.1)
    copies = np.repeat(np.arange(60), times.astype(int))
    # Of copies the questions are the same, but for values that were not drawn.
    again = Search(x[copies], profit[copies], n_cuts=60, least_share=0.1)
    again.questions = search.questions
    again.answers = search.answers[copies]
    assert search.best(times) == again.best(np.ones(len(copies)))
    assert search.best(np.ones(60)) == best_tree(x, profit, n_cuts=60, least_share=0.1)


def test_refits_draw_households_whole(evidence: Evidence) -> None:
    counts = np.array(list(_bootstraps(evidence.households, 40, 0)))
    pairs = counts.reshape(40, -1, 2)
    np.testing.assert_array_equal(pairs[:, :, 0], pairs[:, :, 1])
    assert (pairs[:, :, 0].sum(axis=1) == 600).all()


# Against each other


def test_differences_are_paired(evidence: Evidence) -> None:
    known = valued(policies(PolicySettings()), evidence, COST)
    table = differences(known, evidence, 0.95).set_index(["policy", "against"])
    row = table.loc[("by_segment", "treat_all")]
    gain = np.where(evidence.labels["lookback_segment"] == "buyers", 0.0, 4.0 - evidence.scores)
    totals = (gain - gain.mean()).reshape(-1, 2).sum(axis=1)
    assert row["difference"] == pytest.approx(gain.mean())
    assert row["se"] == pytest.approx(np.sqrt(600 / 599 * (totals**2).sum()) / 1200)
    assert {against for _, against in table.index} == {"treat_all", "treat_none", "current_practice"}
    assert ("treat_all", "treat_all") not in table.index


def test_without_differing_effects_nothing_that_goes_by_them_competes(evidence: Evidence) -> None:
    alike = replace(evidence, cate=evidence.folds.astype(float) + 6.0)
    known = valued(policies(PolicySettings(capacity=300)), alike, COST)
    rivals = {one.policy for one in known if one.competes}
    by_outcomes = {"minimax_regret", "by_segment", "by_need", "policy_tree"}
    assert rivals == {"treat_none", "treat_all", "effect_above_break_even", *by_outcomes}
    assert not any(ranks(name) or needs_interval(name) for name in differences(known, alike, 0.95)["policy"])
    table = policy_values(alike, COST, policies(PolicySettings()), "treat_all", 0.95).set_index("policy")
    assert table.loc[[name for name in table.index if name not in rivals], "share_best"].isna().all()
    assert table["share_best"].sum() == pytest.approx(1)


def test_how_often_each_is_best_shares_ties(evidence: Evidence) -> None:
    known = {one.policy: one for one in valued(policies(PolicySettings()), evidence, COST)}
    everybody, segments = known["treat_all"], known["by_segment"]
    twice = [everybody, replace(everybody, policy="again")]
    assert shares_best(twice, evidence.households, 0) == {"treat_all": 0.5, "again": 0.5}
    assert shares_best([everybody, segments], evidence.households, 0)["by_segment"] > 0.99
    assert shares_best([everybody, segments], evidence.households, 1) == shares_best(
        [everybody, segments], evidence.households, 1
    )


def test_the_claim_is_held_against_outcomes(evidence: Evidence) -> None:
    noise = replace(evidence, cate=np.random.default_rng(9).normal(4, 10, len(evidence)))
    table = policy_values(noise, COST, policies(PolicySettings()), "treat_all", 0.95).set_index("policy")
    row = table.loc["effect_above_break_even"]
    assert row["optimism"] == pytest.approx(row["claimed_value"] - row["value"])
    assert row["optimism"] > 4 * row["optimism_se"] > 0


def test_regret_and_the_value_of_choosing(evidence: Evidence) -> None:
    available = policies(PolicySettings())
    known = valued(available, evidence, COST)
    table = selection(known, available, evidence, COST, "treat_all", 0.95, 0).set_index("quantity")
    values = {one.policy: one.profit.mean() for one in known if one.competes}
    best = max(values, key=lambda name: values[name])
    regret = table.loc["regret"]
    assert regret["estimate"] == pytest.approx(values[best] - values["treat_all"])
    assert regret["ci_upper"] > regret["estimate"] > 0
    assert table.at["best", "policy"] == table.at["best_simultaneous", "policy"] == best
    honest = table.loc["procedure"]
    assert honest["estimate"] <= values[best] + 1e-9
    assert set(honest["policy"].split(", ")) <= set(values)


def test_two_folds_are_too_few_to_value_the_choice() -> None:
    few = _evidence(n_folds=2)
    available = policies(PolicySettings())
    table = selection(valued(available, few, COST), available, few, COST, "treat_all", 0.95, 0).set_index("quantity")
    assert table.loc["procedure", ["estimate", "ci_lower"]].isna().all()
    assert np.isfinite(table.at["best", "estimate"])


def test_the_joint_covariance_is_clustered(evidence: Evidence) -> None:
    profit = np.column_stack([evidence.scores, evidence.cate])
    mean, covariance = joint(profit, evidence.households)
    totals = (profit - profit.mean(axis=0)).reshape(-1, 2, 2).sum(axis=1)
    np.testing.assert_allclose(mean, profit.mean(axis=0))
    np.testing.assert_allclose(covariance, 600 / 599 * totals.T @ totals / 1200**2)


def test_the_bound_of_regret_covers_the_regret_that_there_is() -> None:
    """120 studies of rules that bring $2, $1.5 and $0 per household, of which the second is in use."""
    truth = np.array([2.0, 1.5, 0.0])
    rng, covered = np.random.default_rng(11), 0
    for study in range(120):
        small = _evidence(240, seed=study)
        shared = rng.normal(0, 6, 240)
        known = [
            Valued(name, np.ones(240), worth + shared + rng.normal(0, 6, 240), np.zeros(240), 99.0, None, True)
            for name, worth in zip(("first", "second", "third"), truth, strict=True)
        ]
        quiet = replace(small, folds=np.zeros(240, dtype=int))
        table = selection(known, [], quiet, COST, "second", 0.95, study).set_index("quantity")
        covered += table.at["regret", "ci_upper"] >= 0.5
    assert covered / 120 >= 0.93


def test_every_policy_has_a_name_of_its_own() -> None:
    names = [policy.name for policy in policies(PolicySettings(budget=5.0, capacity=3))]
    assert len(set(names)) == len(names)
    assert [name for name in names if not name.startswith("top_")] == [
        *("treat_none", "treat_all", "effect_above_break_even", "within_budget", "within_capacity"),
        *("lower_bound_above_break_even", "risk_adjusted_0.3", "risk_adjusted_0.5", "risk_adjusted_0.7"),
        *("current_practice", "minimax_regret", "by_segment", "by_need", "policy_tree"),
    ]
