"""Targeting: costs by hand, policies by count, value by brute force, and a reason for every decision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dunnhumby_pipeline.causal.design.matrix_store import CovariateMatrix, load_matrix, save_matrix
from dunnhumby_pipeline.settings import (
    ABOVE_BREAK_EVEN,
    PolicySettings,
    SettingsError,
)
from dunnhumby_pipeline.targeting.coupon_costs import COLUMNS as COUPON_COSTS
from dunnhumby_pipeline.targeting.coupon_costs import as_redeemed, coupon_costs
from dunnhumby_pipeline.targeting.curves import policy_curves
from dunnhumby_pipeline.targeting.economics import Economics, break_even_effect
from dunnhumby_pipeline.targeting.evidence import Evidence, gather_evidence, scores_as_done, standard_errors
from dunnhumby_pipeline.targeting.policies import registry
from dunnhumby_pipeline.targeting.policies.base import FittedPolicy, Policy, Rule
from dunnhumby_pipeline.targeting.policies.registry import chosen_policy, policies
from dunnhumby_pipeline.targeting.policies.top_share import TopShare
from dunnhumby_pipeline.targeting.value import least_in_arm, policy_values, value_of, weigh
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, Array, lines, simulate_trials, write_tables

NAN = float("nan")
# A contact costs $4 of gross profit.
ECONOMICS_4 = Economics(4.0, 0.5)


def offered(**settings: object) -> tuple[Policy, ...]:
    return policies(PolicySettings(**settings))


def named(name: str) -> Policy:
    return next(policy for policy in offered() if policy.name == name)


def nothing_known(n: int = 0) -> Evidence:
    return _evidence(np.zeros(n), np.zeros(n))


def weights_of(policy: Policy, cate: Array, economics: Economics = ECONOMICS_4) -> Array:
    labels = pd.DataFrame(
        {"lookback_segment": "light", "lookback_need": "fresh", "campaign": 8}, index=range(len(cate))
    )
    return policy.fit(nothing_known(), economics).weights(np.zeros((len(cate), 2)), labels, cate, np.ones(len(cate)))


# What a contact costs

CAMPAIGNS = pd.DataFrame({"campaign": [8, 26], "start_day": [100, 90], "end_day": [120, 110]})
# Household, day, and what the retailer and the maker took off; the comment says which campaign pays.
BOUGHT = [
    (1, 105, 1.00, 0.50),  # 8: two of its coupons fit this line
    (1, 105, 0.00, 0.25),  # 8: a second line, manufacturer's money only
    (1, 106, 4.00, 4.00),  # nobody: not the day of a redemption
    (2, 110, 0.30, 0.00),  # 26, which started first: coupons of both campaigns were redeemed
    (2, 125, 8.00, 8.00),  # nobody: after the campaign has ended
    (3, 120, 0.00, 0.00),  # nobody: nothing taken off
    (3, 120, 2.00, 0.00),  # nobody: another product than the coupon's
    (4, 100, 0.70, 0.10),  # 8: its first day
]
PRODUCTS = [1, 2, 1, 1, 1, 1, 3, 2]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    transactions = lines(*((household, day, 5.0) for household, day, _, _ in BOUGHT)).assign(
        coupon_match_disc=[row[2] for row in BOUGHT], coupon_disc=[row[3] for row in BOUGHT], product_id=PRODUCTS
    )
    coupons = [(11, 1, 8), (12, 1, 8), (12, 2, 8), (13, 1, 26), (14, 3, 40)]
    redemptions = [(1, 105, 11, 8), (1, 105, 12, 8), (2, 110, 11, 8), (2, 110, 13, 26), (2, 125, 11, 8)]
    redemptions += [(3, 120, 11, 8), (3, 120, 14, 40), (4, 100, 12, 8)]
    targets = [(household, 8) for household in range(1, 6)] + [(2, 26), (6, 26), (7, 40)]
    return write_tables(
        tmp_path_factory.mktemp("tables"),
        transactions=transactions,
        coupons=pd.DataFrame(coupons, columns=["coupon_upc", "product_id", "campaign"]),
        coupon_redemptions=pd.DataFrame(redemptions, columns=["household_key", "day", "coupon_upc", "campaign"]),
        campaign_targets=pd.DataFrame(targets, columns=["household_key", "campaign"]).assign(description="TypeA"),
    )


def test_break_even_is_the_effect_whose_margin_pays_the_contact() -> None:
    assert break_even_effect(12.73, 0.30) == pytest.approx(42.43, abs=0.005)
    assert 0.30 * break_even_effect(12.73, 0.30) == pytest.approx(12.73)


def test_costs_are_those_of_the_campaign_per_targeted_household(tables: dict[str, Path]) -> None:
    found = coupon_costs(tables, CAMPAIGNS, ENGINE)
    assert found.columns.tolist() == COUPON_COSTS
    costs = found.set_index("campaign")
    assert costs.index.tolist() == ["26", "8", "all"]
    assert costs.loc["8"].tolist() == pytest.approx([5, 1.70 / 5, 0.85 / 5])
    assert costs.loc["26"].tolist() == pytest.approx([2, 0.30 / 2, 0.0])
    assert costs.loc["all"].tolist() == pytest.approx([7, 2.00 / 7, 0.85 / 7])
    assert as_redeemed(found) == pytest.approx(2.00 / 7)


def test_profit_is_the_effect_on_gross_profit_less_the_contact() -> None:
    assert Economics(10.0, 0.25).profit(np.array([0.0, 10.0, 14.0])).tolist() == [-10.0, 0.0, 4.0]


# Policies


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 1))
def test_the_top_share_has_its_size_and_leaves_no_better_household_out(effects: list[int], share: float) -> None:
    cate = np.array(effects, dtype=float)
    weights = weights_of(TopShare(share), cate)
    assert weights.sum() == pytest.approx(round(share * len(cate)))
    assert ((weights >= 0) & (weights <= 1 + 1e-12)).all()
    for effect in set(effects):
        assert np.ptp(weights[cate == effect]) == 0
        if (weights[cate == effect] < 1).all():
            assert (weights[cate < effect] == 0).all()


def test_equal_effects_share_alike_whatever_their_order() -> None:
    assert weights_of(TopShare(0.3), np.full(10, 7.0)).tolist() == pytest.approx([0.3] * 10)


def test_equal_effects_at_the_edge_share_what_is_left() -> None:
    assert weights_of(TopShare(0.5), np.array([1.0, 9.0, 5.0, 5.0, 5.0, 2.0])).tolist() == pytest.approx(
        [0, 1, 2 / 3, 2 / 3, 2 / 3, 0]
    )
    assert weights_of(TopShare(0.0), np.arange(3.0)).tolist() == [0.0] * 3
    assert weights_of(TopShare(1.0), np.zeros(3)).tolist() == [1.0] * 3


def test_the_policies_offered_and_what_they_select() -> None:
    cate = np.array([10.0, 42.0, 43.0])
    available = offered(top_shares=(0.1, 0.25))
    names = [policy.name for policy in available]
    assert names[:5] == ["treat_none", "treat_all", ABOVE_BREAK_EVEN, "top_10%", "top_25%"]
    assert [weights_of(policy, cate, Economics(42.0, 0.5)).tolist() for policy in available[:3]] == [
        [0.0] * 3,
        [1.0] * 3,
        [0.0, 0.0, 1.0],
    ]
    assert chosen_policy(PolicySettings(chosen="top_25%", top_shares=(0.1, 0.25))).name == "top_25%"
    with pytest.raises(SettingsError, match=r"policy\.chosen is 'top_9%'; expected one of treat_none, .*, top_25%"):
        chosen_policy(PolicySettings(chosen="top_9%", top_shares=(0.1, 0.25)))


class Learned(Rule):
    """Targets households of the look-back segment and covariate that paid among the others."""

    name = "learned"

    def fit(self, evidence: Evidence, economics: Economics) -> FittedPolicy:
        paid = economics.profit(evidence.scores) > 0
        self.segments = set(evidence.labels["lookback_segment"][paid])
        self.level = evidence.covariates[paid, 0].min()
        return self

    def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
        return (labels["lookback_segment"].isin(self.segments).to_numpy() & (covariates[:, 0] >= self.level)) * 1.0


def test_one_more_policy_is_one_entry_and_sees_covariates_of_other_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "KINDS", (*registry.KINDS, Learned))
    assert offered()[-1].name == chosen_policy(PolicySettings(chosen="learned")).name == "learned"
    cate, scores = np.zeros(6), np.array([9.0, 9.0, 0.0, 0.0, 9.0, 0.0])
    evidence = _evidence(cate, scores)
    [(_, weights)] = weigh([Learned()], evidence, ECONOMICS_4)
    # Folds 0, 1, 2, 0, 1, 2; the covariate counts the trials. By its own outcome the first would be targeted.
    assert weights.tolist() == [0, 1, 1, 1, 1, 1]
    row = policy_values(evidence, ECONOMICS_4, [Learned()], "learned", 0.95).iloc[0]
    assert (row["policy"], row["share_targeted"], bool(row["chosen"])) == ("learned", pytest.approx(5 / 6), True)


# Value


def _evidence(cate: Array, scores: Array) -> Evidence:
    n = len(cate)
    return Evidence(
        scores=scores,
        outcome=np.zeros(n),
        as_done=(np.arange(n) // 2 % 2) * scores,
        treated=(np.arange(n) // 2 % 2).astype(float),
        covariates=np.arange(n, dtype=float).reshape(n, 1),
        covariate_names=("place",),
        labels=pd.DataFrame({"lookback_segment": "light", "lookback_need": "fresh", "campaign": 8}, index=range(n)),
        cate=cate,
        standard_error=np.ones(n),
        by_model={"constant": cate},
        folds=np.arange(n) % 3,
        households=np.arange(n) // 2,
        n_listed=n,
    )


def _values(
    evidence: Evidence, chosen: str = ABOVE_BREAK_EVEN, economics: Economics = ECONOMICS_4, **settings: object
) -> pd.DataFrame:
    return policy_values(evidence, economics, offered(**settings), chosen, 0.95)


def _weights(evidence: Evidence, name: str) -> Array:
    [(_, weights)] = weigh([named(name)], evidence, ECONOMICS_4)
    return weights


@pytest.fixture(scope="module")
def informed() -> Evidence:
    rng = np.random.default_rng(2)
    cate = rng.normal(5, 6, 300)
    return _evidence(cate, cate + rng.normal(0, 10, 300))


def test_value_is_the_mean_profit_of_what_was_selected(informed: Evidence) -> None:
    table = _values(informed, "top_30%")
    own = "policy share_targeted least_in_arm value value_se ci_lower ci_upper claimed_value optimism "
    own += "optimism_se roi share_best n_trials chosen reason"
    assert table.columns.tolist() == own.split()
    assert table.loc[table["chosen"], "policy"].tolist() == ["top_30%"]
    assert set(table["n_trials"]) == {300}
    row = table.set_index("policy").loc[ABOVE_BREAK_EVEN]
    profits, promises = [], []
    for score, cate in zip(informed.scores, informed.cate, strict=True):
        profits.append(score - 4.0 if cate > 4.0 else 0.0)
        promises.append(cate - 4.0 if cate > 4.0 else 0.0)
    assert row["value"] == pytest.approx(np.mean(profits))
    assert row["claimed_value"] == pytest.approx(np.mean(promises))
    assert row["share_targeted"] == pytest.approx((informed.cate > 4.0).mean())
    assert row["roi"] == pytest.approx(np.mean(profits) / (4.0 * row["share_targeted"]))
    totals = (np.array(profits) - np.mean(profits)).reshape(150, 2).sum(axis=1)
    assert row["value_se"] == pytest.approx(np.sqrt(150 / 149 * (totals**2).sum()) / 300)
    assert [row["ci_lower"], row["ci_upper"]] == pytest.approx(
        [row["value"] - 1.959964 * row["value_se"], row["value"] + 1.959964 * row["value_se"]]
    )


def test_targeting_nobody_is_worth_nothing(informed: Evidence) -> None:
    row = _values(informed, "treat_none").iloc[0]
    assert row[["share_targeted", "value", "value_se", "ci_lower", "ci_upper", "claimed_value"]].tolist() == [0.0] * 6
    assert np.isnan(row["roi"])
    assert row["chosen"]


def test_of_equal_effects_a_share_is_worth_that_share_of_everybody(informed: Evidence) -> None:
    """The value of a lottery is what its draws are worth on average, and not that of one draw."""
    tied = _values(_evidence(np.full(300, 9.0), informed.scores)).set_index("policy")
    for share in (0.3, 0.5):
        row = tied.loc[f"top_{share:.0%}"]
        assert row[["value", "value_se"]].tolist() == pytest.approx(
            (share * tied.loc["treat_all", ["value", "value_se"]]).tolist()
        )
    rng, draws = np.random.default_rng(7), []
    for _ in range(2000):
        drawn = np.zeros(300)
        for fold in range(3):
            own = np.flatnonzero(informed.folds == fold)
            drawn[rng.choice(own, 30, replace=False)] = 1.0
        draws.append(value_of(drawn, informed, ECONOMICS_4)[0])
    assert np.mean(draws) == pytest.approx(tied.at["top_30%", "value"], abs=4 * np.std(draws) / np.sqrt(2000))


@pytest.mark.parametrize(("n_of_arm", "known"), [(20, True), (19, False)])
def test_a_policy_of_too_few_households_has_no_value_but_a_reason(n_of_arm: int, known: bool) -> None:
    # Every household has two trials; of the treated only the first ones exceed the cost.
    rng = np.random.default_rng(4)
    evidence = _evidence(np.full(300, 9.0), rng.normal(9, 5, 300))
    few = evidence.treated * np.cumsum(evidence.treated) <= 2 * n_of_arm
    evidence = _evidence(np.where(few, 9.0, 1.0), evidence.scores)
    row = _values(evidence).set_index("policy").loc[ABOVE_BREAK_EVEN]
    assert row["least_in_arm"] == n_of_arm
    numbers = row[["value", "value_se", "ci_lower", "ci_upper", "claimed_value", "roi"]].astype(float)
    if known:
        assert numbers.notna().all() and not isinstance(row["reason"], str)
    else:
        assert numbers.isna().all()
        assert row["reason"] == "it selects 19 households in one arm; from fewer than 20 no value can be told"
    assert row["share_targeted"] == pytest.approx(few.mean())


def test_a_policy_that_selects_nobody_is_no_finding_of_zero(informed: Evidence) -> None:
    row = _values(informed, economics=Economics(1000.0, 0.5)).set_index("policy").loc[ABOVE_BREAK_EVEN]
    assert (row["share_targeted"], row["reason"]) == (0.0, "it selects no household")
    assert np.isnan([row["value"], row["ci_lower"]]).all()


def test_a_household_counts_once_in_an_arm_by_its_largest_weight() -> None:
    evidence = _evidence(np.zeros(8), np.zeros(8))
    weights = np.array([0.2, 0.5, 1.0, 1.0, 0.0, 0.0, 0.3, 0.0])
    # Households 0 and 2 are controls, 1 and 3 treated.
    assert least_in_arm(weights, evidence) == pytest.approx(0.5)
    assert least_in_arm(np.array([1.0, 1, 0, 0, 1, 1, 0, 0]), evidence) == 0.0


def test_effects_that_are_noise_promise_a_profit_that_is_not_there() -> None:
    rng = np.random.default_rng(3)
    evidence = _evidence(rng.normal(0, 10, 2000), rng.normal(0, 20, 2000))
    row = _values(evidence, economics=Economics(1.0, 0.5)).set_index("policy").loc[ABOVE_BREAK_EVEN]
    assert row["claimed_value"] > 3.0
    assert row["claimed_value"] > row["value"] + 6 * row["value_se"]
    # Nearly half of the households are contacted at $1 for nothing.
    assert row["value"] == pytest.approx(-row["share_targeted"], abs=2.5 * row["value_se"])


def test_an_informed_choice_beats_targeting_all_and_its_reverse(informed: Evidence) -> None:
    values = _values(informed).set_index("policy")["value"]
    assert values[ABOVE_BREAK_EVEN] > values["treat_all"] > 0
    reverse = value_of((informed.cate <= 4.0).astype(float), informed, ECONOMICS_4)[0]
    assert reverse == pytest.approx(values["treat_all"] - values[ABOVE_BREAK_EVEN])
    assert reverse < 0


def test_shares_are_taken_within_each_fold(informed: Evidence) -> None:
    shifted = _evidence(informed.cate + 1000.0 * (informed.folds == 0), informed.scores)
    weights = _weights(shifted, "top_30%")
    assert [int(weights[shifted.folds == fold].sum()) for fold in range(3)] == [30, 30, 30]
    np.testing.assert_array_equal(weights, _weights(informed, "top_30%"))


def test_the_curve_runs_from_nobody_to_everybody(informed: Evidence) -> None:
    curves = policy_curves(informed, ECONOMICS_4, 10, 0.95, 0)
    curve = curves.loc[curves["curve"] == "profit"].reset_index(drop=True)
    # A tenth are fewer than 20 households in an arm.
    assert curve["share_targeted"].tolist() == pytest.approx([0, *np.arange(2, 11) / 10])
    assert curve.iloc[0].tolist() == ["profit", *[0.0] * 8]
    table = _values(informed, "treat_all").set_index("policy")
    assert np.isnan(table.at["top_10%", "value"])
    for share, name in ((1.0, "treat_all"), (0.3, "top_30%"), (0.5, "top_50%")):
        point = curve[np.isclose(curve["share_targeted"], share)].iloc[0]
        assert point[["value", "ci_lower", "ci_upper"]].tolist() == pytest.approx(
            table.loc[name, ["value", "ci_lower", "ci_upper"]].tolist()
        )


def test_evidence_is_gathered_inside_overlap_only(tmp_path: Path) -> None:
    known = simulate_trials(50, seed=4, effect=lambda x: np.full(len(x), 2.0))
    data, inside, names = known.residuals(), known.propensity > 0.5, ("a", "b", "c", "d")
    trials = known.trials.assign(lookback_segment="light", lookback_need="fresh")
    save_matrix(CovariateMatrix(known.x, names, trials), tmp_path / "matrix.npz")
    matrix = load_matrix(tmp_path / "matrix.npz", trials)
    key, cate = trials[["household_key", "campaign"]], np.arange(50.0)
    estimates = key.assign(cate=cate, cate_lower=cate - 1.644854, cate_upper=cate + 1.644854)
    by_model = pd.concat([key.assign(model="one", cate=cate), key.assign(model="another", cate=-cate)])
    evidence = gather_evidence(trials, data, matrix, estimates, by_model, inside, 0.9, 7)
    assert len(evidence) == inside.sum()
    np.testing.assert_array_equal(evidence.cate, np.flatnonzero(inside))
    np.testing.assert_allclose(evidence.standard_error, 1.0, rtol=1e-6)
    np.testing.assert_array_equal(evidence.scores, data.scores[inside])
    np.testing.assert_array_equal(evidence.outcome, data.y[inside])
    np.testing.assert_array_equal(evidence.as_done, scores_as_done(data)[inside])
    assert evidence.n_listed == 7
    np.testing.assert_array_equal(evidence.treated, data.treated[inside])
    np.testing.assert_array_equal(evidence.households, known.trials.loc[inside, "household_key"])
    np.testing.assert_array_equal(evidence.folds, data.folds[inside])
    np.testing.assert_array_equal(evidence.covariates, known.x[inside])
    assert evidence.covariate_names == names
    assert evidence.labels.columns.tolist() == ["lookback_segment", "lookback_need", "campaign"]
    assert list(evidence.by_model) == ["one", "another"]
    np.testing.assert_array_equal(evidence.by_model["another"], -evidence.cate)
    parts = list(evidence.divisions())
    assert [fold for fold, *_ in parts] == sorted(set(evidence.folds))
    for fold, rows, others, own in parts:
        assert len(others) + len(own) == len(evidence)
        assert fold not in others.folds
        np.testing.assert_array_equal(own.scores, evidence.scores[rows])
    with pytest.raises(ValueError, match="list different trials; materialise cate_estimates again"):
        gather_evidence(trials, data, matrix, estimates[::-1], by_model, inside, 0.9, 7)
    with pytest.raises(ValueError, match="list different rows; materialise first_campaign_cohort again"):
        load_matrix(tmp_path / "matrix.npz", trials[::-1])


def test_a_model_without_intervals_has_no_error() -> None:
    assert np.isnan(standard_errors(pd.DataFrame({"cate_lower": [NAN], "cate_upper": [NAN]}), 0.95)).all()
