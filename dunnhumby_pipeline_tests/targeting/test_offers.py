"""Offers of the list: the next action of each household to contact or test, and nothing for the others."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.contracts.names import LEAVE, NO_OFFER, OPT_OUT, TARGET, TEST
from dunnhumby_pipeline.orchestration.checks.actions import offers_as_resolved
from dunnhumby_pipeline.segmentation.actions.resolver import next_actions
from dunnhumby_pipeline.settings import CheckSettings, ContactSettings
from dunnhumby_pipeline.targeting.contact_rules import decide_with_permission, permitted, suppressed_households
from dunnhumby_pipeline.targeting.offers import COLUMNS, OF_ACTION, OfferError, with_offers
from dunnhumby_pipeline.targeting.opt_outs import OptOuts
from dunnhumby_pipeline_tests.fakes.playbooks import KEPT, RULES, facts_of, household_tables
from dunnhumby_pipeline_tests.segmentation.actions.test_resolver import NOBODY_KEPT, unchecked

FACTS = facts_of(household_tables(200))
ACTIONS = next_actions(
    FACTS,
    unchecked(
        [
            {"when": {"value_tier": ["high"]}, "form": "coupon", "offer": "A coupon."},
            {"when": {"value_tier": ["mid"]}, "form": "points", "offer": "Points on {need}."},
        ]
    ),
    dict(NOBODY_KEPT) | {"rare": ("coupon",)},
)
OFFERED = ACTIONS[~ACTIONS["suppressed"]].reset_index(drop=True)


def listed(actions: pd.DataFrame, decision: str = TARGET) -> pd.DataFrame:
    frame = actions[["household_key", "segment"]].assign(decision=decision, reason="by the effect", selected=1.0)
    return frame.sample(frac=1, random_state=3).reset_index(drop=True)


def decided(scored: pd.DataFrame) -> pd.DataFrame:
    """By turns target, test and leave, whoever they are."""
    turns = scored["household_key"].map(lambda key: (TARGET, TEST, LEAVE)[key % 7 % 3])
    return scored.assign(decision=turns, reason="by the effect")


def contacts(actions: pd.DataFrame) -> pd.DataFrame:
    none = pd.Series(pd.NA, index=range(len(actions)), dtype="Int64")
    return pd.DataFrame(
        {"household_key": actions["household_key"].to_numpy(), "days_since_contact": none, "contacts_within": 0}
    )


@pytest.mark.parametrize(("decision", "offered"), [(TARGET, True), (TEST, True), (LEAVE, False)])
def test_only_those_to_contact_or_test_have_an_offer(decision: str, offered: bool) -> None:
    frame = with_offers(listed(OFFERED, decision), OFFERED)
    assert list(frame.columns[-len(COLUMNS) :]) == COLUMNS
    assert (frame[list(OF_ACTION.values())].notna().all(axis=None)) == offered
    assert frame["offer"].notna().any() == offered
    assert frame[["need", "value_tier"]].notna().all(axis=None), "need and value are known of everybody"


def test_the_offer_is_that_of_next_action() -> None:
    frame = with_offers(listed(OFFERED), OFFERED)
    own = OFFERED.set_index("household_key").loc[frame["household_key"]]
    for source, name in OF_ACTION.items():
        assert frame[name].tolist() == own[source].tolist()
    assert offers_as_resolved(frame, OFFERED, CheckSettings()).passed


def test_households_that_are_not_known_or_have_no_offer_are_counted() -> None:
    with pytest.raises(OfferError, match=r"3 of [\d,]+ households of the list are not in next_action"):
        with_offers(listed(OFFERED), OFFERED.iloc[3:])
    n = int(ACTIONS["suppressed"].sum())
    with pytest.raises(OfferError, match=rf"{n} households of the list are to be contacted or tested, and next_action"):
        with_offers(listed(ACTIONS), ACTIONS)
    assert with_offers(listed(ACTIONS, LEAVE), ACTIONS)["offer"].isna().all()


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda frame: frame.assign(offer="Another."), "contacted or tested with another offer than next_action has"),
        (lambda frame: frame.assign(channel="phone"), "contacted or tested with another offer"),
        (lambda frame: frame.assign(decision=LEAVE), "households left and offered something"),
        (lambda frame: frame.assign(household_key=-frame["household_key"]), "households not in next_action"),
    ],
)
def test_a_list_that_says_otherwise_is_found(break_it: object, message: str) -> None:
    assert callable(break_it)
    verdict = offers_as_resolved(break_it(with_offers(listed(OFFERED), OFFERED)), OFFERED, CheckSettings())
    assert not verdict.passed and message in verdict.message
    # One whom the playbook has nothing for.
    frame = with_offers(listed(OFFERED), OFFERED)
    left = OFFERED.assign(suppressed=True)
    assert "without an offer that they may get" in offers_as_resolved(frame, left, CheckSettings()).message


def test_who_has_no_offer_is_left_after_the_effect_has_decided_and_an_opt_out_goes_first() -> None:
    without = ACTIONS.loc[ACTIONS["suppressed"], "household_key"]
    out = OptOuts(frozenset(without.head(5).tolist()), 5, 0)
    found = suppressed_households(contacts(ACTIONS), out, 0, ContactSettings(opt_out_file="o.csv"), ACTIONS)
    rules = found.rules.set_index("rule")
    assert rules.loc[NO_OFFER, ["applied", "n_broken", "n_households"]].tolist() == [
        *(True, len(without), len(without) - 5)
    ]
    assert rules.loc[OPT_OUT, ["n_broken", "n_households"]].tolist() == [5, 5]
    scored = ACTIONS[["household_key", "segment"]]
    frame = decide_with_permission(scored, found.households, decided).set_index("household_key")
    stopped = frame[frame["suppression"] == NO_OFFER]
    assert len(stopped) == len(without) - 5 and (stopped["decision"] == LEAVE).all()
    anyway = stopped["without_suppression"] == LEAVE
    assert anyway.any() and not anyway.all()
    # The effect decides before the playbook does, so that it is the reason where it leaves them.
    said = stopped["reason"]
    assert said[anyway].str.startswith("by the effect; and the playbook has no offer that it may get: ").all()
    assert said[~anyway].str.startswith("the playbook has no offer that it may get: ").all()
    assert said[~anyway].str.contains("else the decision would be: t").all()
    assert set(frame.loc[frame["suppression"] == OPT_OUT].index) == set(out.households)
    # What policies are valued on is those who are left.
    assert set(permitted(scored, found.households)["household_key"]) == set(OFFERED["household_key"])
    final = with_offers(frame.reset_index(), ACTIONS)
    assert offers_as_resolved(final, ACTIONS, CheckSettings()).passed


def test_without_next_action_no_rule_of_offers_is_applied() -> None:
    found = suppressed_households(contacts(ACTIONS), OptOuts(frozenset(), 0, 0), 0, ContactSettings())
    assert found.households.empty
    assert not found.rules.set_index("rule").at[NO_OFFER, "applied"]


@settings(max_examples=12, deadline=None)
@given(rules=RULES, kept=KEPT, seed=st.integers(0, 50))
def test_no_row_of_the_list_offers_what_its_segment_is_kept_from_whatever_the_playbook(
    rules: list[dict[str, object]], kept: dict[str, list[str]], seed: int
) -> None:
    actions = next_actions(facts_of(household_tables(60, seed)), unchecked(rules), kept)
    found = suppressed_households(contacts(actions), OptOuts(frozenset(), 0, 0), 0, ContactSettings(), actions)
    frame = decide_with_permission(actions[["household_key", "segment"]], found.households, decided)
    final = with_offers(frame, actions)
    assert len(final) == len(actions)
    assert not any(form in kept[one] for form, one in zip(final["offer_form"], final["segment"], strict=True))
    assert (final["offer"].notna() == final["decision"].isin([TARGET, TEST])).all()
    assert offers_as_resolved(final, actions, CheckSettings()).passed
