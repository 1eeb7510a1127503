"""Targeting: costs by hand, policies by count, value by brute force, and a reason for every decision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from dunnhumby_pipeline.settings import EconomicsSettings, OverlapSettings, PolicySettings, load_settings
from dunnhumby_pipeline.targeting.economics import COLUMNS as ECONOMICS
from dunnhumby_pipeline.targeting.economics import breakeven, campaign_economics, used_cost
from dunnhumby_pipeline.targeting.policies import ABOVE_BREAKEVEN, Policy, policies, policy_called, top_share
from dunnhumby_pipeline.targeting.recommendations import COLUMNS, Terms, targeting_list
from dunnhumby_pipeline.targeting.value import Evidence, gather_evidence, policy_values, roi_curve
from dunnhumby_pipeline_tests.fakes.known_truth import ENGINE, Array, invent_trials, lines, write_tables

SHARES = PolicySettings().top_shares
NAN = float("nan")


def named(name: str, threshold: float = 0.0) -> Policy:
    return policy_called(name, policies(threshold, SHARES))


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


def test_breakeven_is_the_effect_whose_margin_pays_the_contact() -> None:
    assert breakeven(12.73, 0.30) == pytest.approx(42.43, abs=0.005)
    assert 0.30 * breakeven(12.73, 0.30) == pytest.approx(12.73)


def test_costs_are_those_of_the_campaign_per_targeted_household(tables: dict[str, Path]) -> None:
    found = campaign_economics(tables, CAMPAIGNS, EconomicsSettings(margin=0.5, contact_cost=10.0), ENGINE)
    assert found.columns.tolist() == ECONOMICS
    costs = found.set_index(["source", "campaign"])[
        ["n_targeted", "retailer_cost", "manufacturer_cost", "contact_cost"]
    ]
    assert costs.index.tolist() == [("fixed", "all"), ("estimated", "26"), ("estimated", "8"), ("estimated", "all")]
    assert costs.loc[("estimated", "8")].tolist() == pytest.approx([5, 1.70 / 5, 0.85 / 5, 1.70 / 5])
    assert costs.loc[("estimated", "26")].tolist() == pytest.approx([2, 0.30 / 2, 0.0, 0.30 / 2])
    assert costs.loc[("estimated", "all")].tolist() == pytest.approx([7, 2.00 / 7, 0.85 / 7, 2.00 / 7])
    fixed = costs.loc[("fixed", "all")]
    assert (fixed["n_targeted"], fixed["contact_cost"]) == (7, 10.0)
    assert np.isnan(fixed["retailer_cost"])
    assert found["breakeven"].tolist() == pytest.approx([20.0, 0.30, 0.68, 4 / 7])


@pytest.mark.parametrize(("source", "cost"), [("fixed", 10.0), ("estimated", 2 / 7)])
def test_the_setting_says_which_cost_is_used(tables: dict[str, Path], source: str, cost: float) -> None:
    settings = EconomicsSettings(margin=0.5, contact_cost=10.0, cost_source=source)
    found = campaign_economics(tables, CAMPAIGNS, settings, ENGINE)
    assert found["used"].sum() == 1
    assert used_cost(found) == pytest.approx((cost, 0.5))


# Policies


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0, 1), st.integers(0, 999))
def test_the_top_share_has_its_size_and_leaves_no_better_household_out(
    effects: list[int], share: float, seed: int
) -> None:
    cate = np.array(effects, dtype=float)
    selected = top_share(share)(cate, np.random.default_rng(seed))
    assert selected.sum() == round(share * len(cate))
    if selected.any() and not selected.all():
        assert cate[selected].min() >= cate[~selected].max()


def test_ties_are_drawn_at_random_and_again_the_same() -> None:
    cate = np.full(400, 7.0)
    draws = [top_share(0.5)(cate, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert 0.3 < (draws[0] != draws[2]).mean() < 0.7
    # Neither the first households nor the last.
    assert 0.4 < draws[0][:200].mean() < 0.6


def test_the_policies_offered_and_what_they_select() -> None:
    cate, rng = np.array([10.0, 42.0, 43.0]), np.random.default_rng(1)
    offered = policies(42.0, (0.1, 0.25))
    assert [policy.name for policy in offered] == ["treat_none", "treat_all", ABOVE_BREAKEVEN, "top_10%", "top_25%"]
    assert [policy.select(cate, rng).tolist() for policy in offered[:3]] == [
        [False] * 3,
        [True] * 3,
        [False, False, True],
    ]
    with pytest.raises(ValueError, match=r"policy\.chosen is 'top_9%'; expected one of treat_none, .*, top_25%$"):
        policy_called("top_9%", offered)


# Value


def _evidence(cate: Array, scores: Array, seed: int = 1, cost: float = 2.0) -> Evidence:
    n = len(cate)
    return Evidence(scores, cate, np.arange(n) % 3, np.arange(n) // 2, cost, 0.5, 0.95, seed)


@pytest.fixture(scope="module")
def informed() -> Evidence:
    rng = np.random.default_rng(2)
    cate = rng.normal(5, 6, 300)
    return _evidence(cate, cate + rng.normal(0, 10, 300))


def test_value_is_the_mean_profit_of_what_was_selected(informed: Evidence) -> None:
    table = policy_values(informed, policies(4.0, SHARES), "top_30%")
    own = "policy share_targeted value value_se ci_lower ci_upper claimed_value roi n_trials chosen"
    assert table.columns.tolist() == own.split()
    assert table.loc[table["chosen"], "policy"].tolist() == ["top_30%"]
    assert set(table["n_trials"]) == {300}
    row = table.set_index("policy").loc[ABOVE_BREAKEVEN]
    profits, promises = [], []
    for score, cate in zip(informed.scores, informed.cate, strict=True):
        profits.append(0.5 * score - 2.0 if cate > 4.0 else 0.0)
        promises.append(0.5 * cate - 2.0 if cate > 4.0 else 0.0)
    assert row["value"] == pytest.approx(np.mean(profits))
    assert row["claimed_value"] == pytest.approx(np.mean(promises))
    assert row["share_targeted"] == pytest.approx((informed.cate > 4.0).mean())
    assert row["roi"] == pytest.approx(np.mean(profits) / (2.0 * row["share_targeted"]))
    totals = (np.array(profits) - np.mean(profits)).reshape(150, 2).sum(axis=1)
    assert row["value_se"] == pytest.approx(np.sqrt(150 / 149 * (totals**2).sum()) / 300)
    assert [row["ci_lower"], row["ci_upper"]] == pytest.approx(
        [row["value"] - 1.959964 * row["value_se"], row["value"] + 1.959964 * row["value_se"]]
    )


def test_targeting_nobody_is_worth_nothing(informed: Evidence) -> None:
    row = policy_values(informed, policies(4.0, SHARES), "treat_none").iloc[0]
    assert row[["share_targeted", "value", "value_se", "ci_lower", "ci_upper", "claimed_value"]].tolist() == [0.0] * 6
    assert np.isnan(row["roi"])
    assert row["chosen"]


def test_effects_that_are_noise_promise_a_profit_that_is_not_there() -> None:
    rng = np.random.default_rng(3)
    evidence = _evidence(rng.normal(0, 20, 2000), rng.normal(0, 40, 2000), cost=1.0)
    row = policy_values(evidence, policies(2.0, SHARES), ABOVE_BREAKEVEN).set_index("policy").loc[ABOVE_BREAKEVEN]
    assert row["claimed_value"] > 3.0
    assert row["claimed_value"] > row["value"] + 6 * row["value_se"]
    # Half of the households are contacted at $1 for nothing.
    assert row["value"] == pytest.approx(-0.5 * 1.0, abs=2.5 * row["value_se"])


def test_an_informed_choice_beats_targeting_all_and_its_reverse(informed: Evidence) -> None:
    values = policy_values(informed, policies(4.0, SHARES), ABOVE_BREAKEVEN).set_index("policy")["value"]
    assert values[ABOVE_BREAKEVEN] > values["treat_all"] > 0
    reverse = informed.value(informed.cate <= 4.0)[0]
    assert reverse == pytest.approx(values["treat_all"] - values[ABOVE_BREAKEVEN])
    assert reverse < 0


def test_shares_are_taken_within_each_fold(informed: Evidence) -> None:
    shifted = _evidence(informed.cate + 1000.0 * (informed.folds == 0), informed.scores)
    selected = shifted.select(named("top_30%"))
    assert [int(selected[shifted.folds == fold].sum()) for fold in range(3)] == [30, 30, 30]
    np.testing.assert_array_equal(selected, informed.select(named("top_30%")))
    tied = _evidence(np.zeros(300), informed.scores)
    np.testing.assert_array_equal(tied.select(named("top_50%")), tied.select(named("top_50%")))
    assert (tied.select(named("top_50%")) != _evidence(tied.cate, tied.scores, seed=9).select(named("top_50%"))).any()


def test_the_curve_runs_from_nobody_to_everybody(informed: Evidence) -> None:
    curve = roi_curve(informed, 10)
    assert curve.columns.tolist() == ["share_targeted", "value", "ci_lower", "ci_upper"]
    assert curve["share_targeted"].tolist() == pytest.approx(np.arange(11) / 10)
    assert curve.iloc[0].tolist() == [0.0] * 4
    table = policy_values(informed, policies(4.0, SHARES), "treat_all").set_index("policy")
    for share, name in ((1.0, "treat_all"), (0.3, "top_30%"), (0.5, "top_50%")):
        point = curve[np.isclose(curve["share_targeted"], share)].iloc[0]
        assert point.tolist()[1:] == pytest.approx(table.loc[name, ["value", "ci_lower", "ci_upper"]].tolist())


def test_evidence_is_gathered_inside_overlap_only() -> None:
    known = invent_trials(50, seed=4, effect=lambda x: np.full(len(x), 2.0))
    data, inside = known.residuals(), known.propensity > 0.5
    settings = load_settings(confidence=0.9)
    evidence = gather_evidence(data, np.arange(50.0), inside, 3.0, 0.4, settings)
    np.testing.assert_array_equal(evidence.cate, np.flatnonzero(inside))
    np.testing.assert_array_equal(evidence.scores, data.scores[inside])
    np.testing.assert_array_equal(evidence.households, known.trials.loc[inside, "household_key"])
    np.testing.assert_array_equal(evidence.folds, data.folds[inside])
    assert (evidence.contact_cost, evidence.margin, evidence.confidence) == (3.0, 0.4, 0.9)
    assert evidence.seed == settings.seed_for("policy")


# The list

# Contact cost $10 at a margin of 0.25: breakeven $40.
OVERLAP = OverlapSettings(lower=0.1, upper=0.9)
SCORED = pd.DataFrame(
    [
        (1, 60.0, 50.0, 70.0, 0.50, False),
        (2, 60.0, 30.0, 90.0, 0.10, False),
        (3, 20.0, 10.0, 30.0, 0.50, False),
        (4, 20.0, -9.0, 49.0, 0.05, True),
        (5, 80.0, 50.0, 99.0, 0.95, False),
        (6, 90.0, 50.0, 99.0, 0.50, True),
        (7, 70.0, 30.0, 99.0, 0.02, True),
        (8, NAN, NAN, NAN, NAN, None),
        (9, 40.0, 30.0, 50.0, 0.50, False),
    ],
    columns=["household_key", "cate", "cate_lower", "cate_upper", "propensity", "received_before"],
).assign(segment=[f"segment_{number}" for number in range(9)])


def _terms(policy: Policy | None = None) -> Terms:
    return Terms(policy or named(ABOVE_BREAKEVEN, 40.0), 10.0, 0.25, 40.0, OVERLAP, 5)


@pytest.fixture(scope="module")
def decided() -> pd.DataFrame:
    return targeting_list(SCORED, _terms())


def test_the_list_is_sorted_by_profit_and_has_its_columns(decided: pd.DataFrame) -> None:
    assert decided.columns.tolist() == COLUMNS
    assert decided["household_key"].tolist() == [6, 5, 7, 1, 2, 9, 3, 4, 8]
    profits = [12.5, 10.0, 7.5, 5.0, 5.0, 0.0, -5.0, -5.0]
    assert decided["expected_profit"].tolist()[:8] == pytest.approx(profits)
    assert np.isnan(decided["expected_profit"].iloc[8])
    segments = decided.set_index("household_key")["segment"]
    assert segments.to_dict() == SCORED.set_index("household_key")["segment"].to_dict()


def test_every_household_has_its_decision_and_reason(decided: pd.DataFrame) -> None:
    rows = decided.set_index("household_key")
    assert rows["decision"].to_dict() == {
        6: "test",
        5: "test",
        7: "test",
        1: "target",
        2: "target",
        9: "leave",
        3: "leave",
        4: "leave",
        8: "leave",
    }
    assert rows["in_overlap"].to_dict() == {6: 1, 5: 0, 7: 0, 1: 1, 2: 1, 9: 1, 3: 1, 4: 0, 8: 0}
    above, below = "the whole interval lies above", "the whole interval lies below"
    unsure = "not proven: the interval includes it"
    before = "; has received this type before, and only first campaigns are estimated: test it"
    assert rows["reason"].to_dict() == {
        1: f"effect $60.00 (50.00 to 70.00) against breakeven $40.00, {above}",
        2: f"effect $60.00 (30.00 to 90.00) against breakeven $40.00, {unsure}",
        3: f"effect $20.00 (10.00 to 30.00) against breakeven $40.00, {below}",
        4: f"effect $20.00 (-9.00 to 49.00) against breakeven $40.00, {unsure}",
        5: f"effect $80.00 (50.00 to 99.00) against breakeven $40.00, {above}; too few comparable households "
        "in one arm (propensity 0.95): test it",
        6: f"effect $90.00 (50.00 to 99.00) against breakeven $40.00, {above}{before}",
        7: f"effect $70.00 (30.00 to 99.00) against breakeven $40.00, {unsure}{before}",
        8: "no purchase in the look-back: nothing to base an effect on",
        9: f"effect $40.00 (30.00 to 50.00) against breakeven $40.00, {unsure}",
    }


def test_a_share_is_one_of_the_households_with_an_effect() -> None:
    rows = targeting_list(SCORED, _terms(Policy("top_25%", top_share(0.25)))).set_index("household_key")
    # Two of the eight: the ninth has nothing to rank it by.
    assert rows.index[rows["decision"] == "test"].tolist() == [6, 5]
    assert (rows["decision"] == "target").sum() == 0


def test_a_list_without_any_effect_leaves_everyone() -> None:
    unknown = SCORED.assign(cate=NAN, cate_lower=NAN, cate_upper=NAN, propensity=NAN, received_before=None)
    rows = targeting_list(unknown, _terms(named("treat_all")))
    assert set(rows["decision"]) == {"leave"}
    assert rows["household_key"].tolist() == list(range(1, 10))
    assert not rows["in_overlap"].any()
