"""The list: a decision for every household by its group, the policy and its support, with the deciding number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dunnhumby_pipeline.causal.overlap.positivity import Region
from dunnhumby_pipeline.contracts.names import FIRST_CONTACT, LEAVE, REPEAT_CONTACT, TARGET, TEST
from dunnhumby_pipeline.settings import ABOVE_BREAK_EVEN, PolicySettings
from dunnhumby_pipeline.targeting.economics import Economics
from dunnhumby_pipeline.targeting.evidence import Evidence
from dunnhumby_pipeline.targeting.policies.base import FittedPolicy, Policy, Rule
from dunnhumby_pipeline.targeting.policies.registry import policies
from dunnhumby_pipeline.targeting.policies.top_share import TopShare
from dunnhumby_pipeline.targeting.recommendations import COLUMNS, Terms, targeting_list, value_is_proven
from dunnhumby_pipeline_tests.fakes.known_truth import Array

NAN = float("nan")
# A contact costs $40.
OVERLAP = Region(0.1, 0.9)
ECONOMICS_40 = Economics(40.0, 0.25)
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
).assign(
    segment=[f"segment_{number}" for number in range(9)],
    lookback_segment="light",
    lookback_need="fresh",
    campaign=8,
    interval_of="household",
)
# Of those sent the type before 4 and 6 have comparable ones, and 7 has not; 4 was last sent a campaign that runs.
REPEATS = pd.DataFrame(
    [(4, False, 12, 0.60, False), (6, True, 90, 0.50, True), (7, True, 120, 0.97, False)],
    columns=["household_key", "over", "days_since_last", "propensity", "in_overlap"],
)
COVARIATES = pd.DataFrame({"place": np.arange(8.0)}, index=[9, 7, 6, 5, 4, 3, 2, 1])
SUPPORTED = [1, 2, 3, 9]


def group(number: int, decision: str, lowest: float = NAN, highest: float = NAN) -> dict[str, object]:
    """A row of decision_groups; what is judged goes with the decision."""
    mean, chance = {TARGET: (20.0, 0.99), TEST: (1.0, 0.55), LEAVE: (-25.0, 0.01)}[decision]
    return {
        "group": number,
        "contact": FIRST_CONTACT,
        "lowest_effect": lowest,
        "highest_effect": highest,
        "n_decided": 100,
        "effect": mean + 40,
        "effect_se": 5.0,
        "decision": decision,
        "contact_cost": 40.0,
        "expected_profit": mean,
        "calibrated_lower": mean - 15,
        "calibrated_upper": mean + 15,
        "probability_pays_calibrated": chance,
        "test_households": 1200,
        "value_of_test": 5000.0,
        "cost_of_test": 700.0,
    }


def repeat(number: int, decision: str) -> dict[str, object]:
    """The row of households contacted before."""
    return {**group(number, decision), "contact": REPEAT_CONTACT}


def one(decision: str) -> pd.DataFrame:
    return pd.DataFrame([group(0, decision)])


# Up to $30 a contact loses, to $50 it may pay, and beyond it does.
THREE = pd.DataFrame([group(0, LEAVE, highest=30), group(1, TEST, 30, 50), group(2, TARGET, lowest=50)])


def named(name: str) -> Policy:
    return next(policy for policy in policies(PolicySettings()) if policy.name == name)


NO_REPEAT = "trials of a repeat: 3 treated and 1 control, of 1 households in the smaller arm; 20 are needed"


def listed(
    groups: pd.DataFrame = THREE,
    policy: str | Policy = ABOVE_BREAK_EVEN,
    proven: bool = True,
    no_repeat: str | None = NO_REPEAT,
) -> pd.DataFrame:
    chosen = named(policy) if isinstance(policy, str) else policy
    fitted = chosen.fit(None, ECONOMICS_40)  # type: ignore[arg-type]
    known = REPEATS if no_repeat is None else REPEATS.assign(in_overlap=False)
    terms = Terms(fitted, proven, ECONOMICS_40, OVERLAP, groups, 0.95, known, no_repeat)
    return targeting_list(SCORED, COVARIATES, terms).set_index("household_key")


def with_repeat(decision: str, groups: pd.DataFrame = THREE) -> pd.DataFrame:
    return pd.concat([groups, pd.DataFrame([repeat(len(groups), decision)])], ignore_index=True)


def test_the_list_is_sorted_by_profit_and_has_its_columns() -> None:
    rows = listed().reset_index()
    assert rows.columns.tolist() == COLUMNS
    assert rows["household_key"].tolist() == [1, 2, 9, 3, 5, 4, 6, 7, 8]
    assert rows["expected_profit"].tolist()[:4] == [20.0, 20.0, 1.0, -25.0]
    assert rows["expected_profit"].iloc[4:].isna().all(), "nothing is expected of those without comparable households"
    assert rows["expected_profit_lower"].tolist()[:4] == [5.0, 5.0, -14.0, -40.0]
    assert rows["expected_profit_upper"].tolist()[:4] == [35.0, 35.0, 16.0, -10.0]
    assert (
        rows.set_index("household_key")["segment"].to_dict() == SCORED.set_index("household_key")["segment"].to_dict()
    )


def test_every_household_has_the_decision_of_its_group_and_the_number_behind_it() -> None:
    rows = listed()
    assert rows["decision"].to_dict() == {
        6: TEST,
        5: TEST,
        7: TEST,
        1: TARGET,
        2: TARGET,
        9: TEST,
        3: LEAVE,
        4: TEST,
        8: LEAVE,
    }
    assert rows["in_overlap"].to_dict() == {6: 0, 5: 0, 7: 0, 1: 1, 2: 1, 9: 1, 3: 1, 4: 0, 8: 0}
    # Whoever is to be tested has the group whose test decides it, with comparable households or without.
    assert rows["group"].dropna().to_dict() == {1: 2, 2: 2, 9: 1, 3: 0, 5: 2}
    assert rows["probability_pays"].dropna().to_dict() == {1: 0.99, 2: 0.99, 9: 0.55, 3: 0.01}
    minus, cost = "\N{MINUS SIGN}", "a contact after its cost of $40.00"
    pays = f"99% likely to pay: $20.00 {cost} ($5.00 to $35.00)"
    before = f"contacted before, and the effect of a repeat is not known ({NO_REPEAT}): test it"
    test = "a test of 1,200 is worth $5,000 and costs $700"
    outside = "hardly any household like it went without the campaign (propensity 0.95), so its effect is not known"
    assert rows["reason"].to_dict() == {
        1: pays,
        2: pays,
        3: f"1% likely to pay: {minus}$25.00 {cost} ({minus}$40.00 to {minus}$10.00); {test}",
        4: before,
        5: f"{outside}: test it",
        6: before,
        7: before,
        8: "no purchase in the look-back: nothing to base an effect on",
        9: f"55% likely to pay: $1.00 {cost} ({minus}$14.00 to $16.00); {test}: test it",
    }


@pytest.mark.parametrize("decision", [TARGET, TEST, LEAVE])
def test_a_household_contacted_before_is_decided_by_the_effect_of_a_repeat(decision: str) -> None:
    rows = listed(with_repeat(decision), no_repeat=None)
    assert rows.at[6, "decision"] == decision, "its own trials decide it, whatever first contacts do"
    assert rows.loc[[1, 9, 3], "decision"].tolist() == [TARGET, TEST, LEAVE], "and it moves nobody else"
    mean = {TARGET: 20.0, TEST: 1.0, LEAVE: -25.0}[decision]
    assert rows.at[6, "contact"] == REPEAT_CONTACT and rows.at[1, "contact"] == FIRST_CONTACT
    told = rows.loc[6, ["expected_profit", "expected_profit_lower", "expected_profit_upper", "cate", "propensity"]]
    assert told.tolist() == pytest.approx([mean, mean - 15, mean + 15, mean + 40, 0.5])
    chance = {TARGET: "99%", TEST: "55%", LEAVE: "1%"}[decision]
    assert rows.at[6, "reason"].startswith(f"contacted before; a repeat is {chance} likely to pay: ")
    # Without comparable households, or while the last campaign runs, it is tested where its group is worth a test, and
    # the reason says why.
    assert set(rows.loc[[4, 7], "decision"]) == {LEAVE if decision == LEAVE else TEST}
    ending = ", and no test is worth what it costs at $40.00 a contact" if decision == LEAVE else ": test it"
    assert rows.loc[[4, 6, 7], "group"].tolist() == [3, 3, 3]
    assert rows.at[4, "reason"] == (
        "last contacted 12 days ago, by a campaign that is not over: a repeat is not known to pay" + ending
    )
    assert rows.at[7, "reason"] == (
        "contacted before; hardly any household like it went without a repeat (propensity 0.97), so its effect is not "
        "known" + ending
    )
    assert rows.loc[[4, 7], "expected_profit"].isna().all()


def test_without_a_word_on_repeats_households_contacted_before_are_tested() -> None:
    fitted = named("treat_all").fit(None, ECONOMICS_40)  # type: ignore[arg-type]
    rows = targeting_list(SCORED, COVARIATES, Terms(fitted, True, ECONOMICS_40, OVERLAP, THREE, 0.95))
    told = rows.set_index("household_key").loc[[4, 6, 7]]
    assert set(told["decision"]) == {TEST} and told["group"].isna().all()
    said = "contacted before, and the effect of a repeat is not known (no trials of a repeat): test it"
    assert set(told["reason"]) == {said}


def test_who_is_not_supported_is_left_where_no_test_is_worth_its_cost() -> None:
    rows = listed(one(LEAVE))
    assert set(rows["decision"]) == {LEAVE}
    assert rows.loc[[4, 5], "reason"].str.endswith(", and no test is worth what it costs at $40.00 a contact").all()
    assert set(listed(one(TEST)).drop(index=8)["decision"]) == {TEST}
    # Of a repeat nothing is known, and a group of first contacts is worth a test.
    assert listed(pd.DataFrame([group(0, LEAVE, highest=30), group(1, TEST, 30)])).at[4, "decision"] == TEST


def test_a_proven_repeat_needs_no_proof_of_the_policy_among_first_contacts() -> None:
    rows = listed(with_repeat(TARGET, one(TARGET)), "treat_all", proven=False, no_repeat=None)
    assert rows.loc[[1, 6], "decision"].tolist() == [TEST, TARGET]


def test_the_policys_limits_hold_for_repeats_too() -> None:
    # Five have support: 6 among them, whose repeat is worth $60, as the first contacts of 1 and 2 are.
    rows = listed(with_repeat(TARGET, one(TARGET)), TopShare(0.6), no_repeat=None)
    assert rows.index[rows["decision"] == TARGET].tolist() == [1, 2, 6]
    assert rows.loc[[3, 9], "decision"].tolist() == [LEAVE, LEAVE]
    nobody = listed(with_repeat(TARGET, one(TARGET)), "treat_none", no_repeat=None)
    assert TARGET not in set(nobody["decision"])
    assert nobody.at[6, "reason"].endswith("; the policy passes it over")


@pytest.mark.parametrize("decision", [TARGET, TEST, LEAVE])
def test_one_effect_for_all_gives_one_decision_to_all_with_support(decision: str) -> None:
    rows = listed(one(decision), "treat_all")
    assert set(rows.loc[SUPPORTED, "decision"]) == {decision}
    assert set(rows.loc[[4, 5, 6, 7], "decision"]) == {LEAVE if decision == LEAVE else TEST}
    assert rows.at[8, "decision"] == LEAVE
    assert " likely to pay: " in rows.at[1, "reason"]


def test_nobody_is_a_target_while_the_gain_of_the_policy_is_not_proven() -> None:
    rows = listed(one(TARGET), "treat_all", proven=False)
    assert set(rows.loc[SUPPORTED, "decision"]) == {TEST}
    assert rows.at[1, "reason"].endswith("; that the policy gains is not proven: test it")


@pytest.mark.parametrize("policy", ["treat_all", ABOVE_BREAK_EVEN, "top_50%"])
def test_nobody_is_a_target_whose_group_may_lose(policy: str) -> None:
    assert TARGET not in set(listed(one(TEST), policy)["decision"])


def test_where_nobody_is_selected_the_rest_is_tested_and_not_left() -> None:
    rows = listed(one(TEST), "treat_none")
    assert set(rows.loc[SUPPORTED, "decision"]) == {TEST}


def test_whom_the_policy_passes_over_although_it_gains_is_left() -> None:
    rows = listed(one(TARGET), TopShare(0.25))
    assert rows.loc[SUPPORTED, "decision"].value_counts().to_dict() == {LEAVE: 2, TEST: 2}, "two share the last place"
    assert rows.at[3, "reason"].endswith("; the policy passes it over")
    assert rows.at[1, "reason"].endswith(
        "; no ranking tells it from others, of whom the policy draws some by lot: test it"
    )


def test_ranks_and_shares_are_among_the_supported_as_valued() -> None:
    # Of the eight households with an effect four are supported; half of these are the two with $60.
    rows = listed(one(TARGET), TopShare(0.5))
    assert rows.index[rows["decision"] == TARGET].tolist() == [1, 2]


@pytest.mark.parametrize(("lower", "proven"), [(0.1, True), (0.0, False), (-1.0, False), (NAN, False)])
def test_a_gain_is_proven_by_the_chosen_policy_alone(lower: float, proven: bool) -> None:
    values = pd.DataFrame({"chosen": [False, True], "ci_lower": [5.0, lower]})
    assert value_is_proven(values) == proven


def test_a_list_without_any_effect_leaves_everyone() -> None:
    unknown = SCORED.assign(cate=NAN, cate_lower=NAN, cate_upper=NAN, propensity=NAN, received_before=None)
    fitted = named("treat_all").fit(None, ECONOMICS_40)  # type: ignore[arg-type]
    rows = targeting_list(unknown, COVARIATES, Terms(fitted, True, ECONOMICS_40, OVERLAP, one(TARGET), 0.95, REPEATS))
    assert set(rows["decision"]) == {LEAVE}
    assert rows["household_key"].tolist() == list(range(1, 10))
    assert not rows["in_overlap"].any()


def test_too_few_households_for_a_test_are_told_so() -> None:
    few = one(LEAVE).assign(value_of_test=NAN, cost_of_test=NAN, test_households=0)
    assert listed(few, "treat_all").at[1, "reason"].endswith("; too few of them for a test")


def test_a_policy_is_shown_each_household_with_its_own_covariates() -> None:
    class Placed(Rule):
        name = "placed"

        def fit(self, evidence: Evidence, economics: Economics) -> FittedPolicy:
            return self

        def weights(self, covariates: Array, labels: pd.DataFrame, effect: Array, standard_error: Array) -> Array:
            assert labels.columns.tolist() == ["lookback_segment", "lookback_need", "campaign"]
            np.testing.assert_allclose(standard_error[0], 10 / 1.959964, rtol=1e-6)
            return (covariates[:, 0] >= 6).astype(float)

    rows = listed(one(TARGET), Placed())
    assert rows.index[rows["decision"] == TARGET].tolist() == [1, 2]
