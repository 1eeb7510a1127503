"""The resolver: one next action per household, never one that its segment is kept from, and never one put in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunnhumby_pipeline.segmentation.actions.advice import most_get
from dunnhumby_pipeline.segmentation.actions.facts import FactsError, gather_facts
from dunnhumby_pipeline.segmentation.actions.playbook import OfferRule, Playbook, PlaybookError, load_playbook
from dunnhumby_pipeline.segmentation.actions.resolver import ACTION, COLUMNS, next_actions, require_names
from dunnhumby_pipeline_tests.fakes.playbooks import (
    KEPT,
    NEEDS,
    OFFER,
    RULES,
    SEGMENTS,
    book,
    facts_of,
    household_tables,
)

NOBODY_KEPT: Mapping[str, Sequence[str]] = dict.fromkeys(SEGMENTS, ())
TABLES = household_tables(400)
FACTS = facts_of(TABLES)


def unchecked(rules: list[dict[str, object]]) -> Playbook:
    """A playbook whose rules may be out of reach."""
    filled = [OfferRule.model_validate(OFFER | {"name": f"rule {place}"} | one) for place, one in enumerate(rules)]
    whole = Playbook.model_validate(book({"when": {}}))
    return whole.model_copy(update={"offers": whole.offers.model_copy(update={"rules": tuple(filled)})})


def slowly(household: pd.Series, playbook: Playbook, kept: Mapping[str, Sequence[str]]) -> str | None:
    """The rule of one household, condition by condition."""
    tags = set() if pd.isna(household["tags"]) else set(household["tags"].split(", "))
    for rule in playbook.offers.rules:
        when = rule.when
        own = {household["segment"], SEGMENTS[household["segment"]]}
        holds = (
            (when.value_tier is None or household["value_tier"] in when.value_tier)
            and (when.need is None or household["need"] in when.need)
            and (when.tags is None or tags & set(when.tags))
            and (when.segment is None or own & set(when.segment))
            and (when.lifecycle is None or household["lifecycle"] in when.lifecycle)
            and (when.discount_habit is None or household["discount_habit"] in when.discount_habit)
            and (when.at_risk is None or (pd.notna(household["at_risk"]) and household["at_risk"] == when.at_risk))
            and ("{need}" not in rule.offer or household["need"] != "none")
        )
        if holds and rule.form not in kept[household["segment"]]:
            return rule.name
    return None


@settings(max_examples=12, deadline=None)
@given(rules=RULES, kept=KEPT, seed=st.integers(0, 100))
def test_no_household_gets_what_its_segment_is_kept_from_whatever_the_playbook(
    rules: list[dict[str, object]], kept: dict[str, list[str]], seed: int
) -> None:
    playbook, facts = unchecked(rules), facts_of(household_tables(40, seed))
    found = next_actions(facts, playbook, kept)
    assert list(found.columns) == COLUMNS and len(found) == 40
    expected = [slowly(row, playbook, kept) for _, row in found.iterrows()]
    assert found["rule"].astype(object).where(found["rule"].notna(), None).tolist() == expected
    against = [form in kept[segment] for form, segment in zip(found["offer_form"], found["segment"], strict=True)]
    assert not any(against)
    # All of an action or none of it, and always a reason.
    assert (found[ACTION].isna().all(axis=1) == found["suppressed"]).all()
    assert (found[ACTION].notna().all(axis=1) == ~found["suppressed"]).all()
    assert found["because"].str.len().gt(0).all()
    for by in (["segment"], ["value_tier", "need"]):
        most = most_get(found, by, playbook)
        told = found.merge(most[[*by, "offer_rule", "offer_form", "n_offered", "n_suppressed"]], on=by)
        assert len(told) == len(found)
        follows = told[told["rule"].notna() & (told["rule"] == told["offer_rule"])]
        assert not any(form in kept[one] for form, one in zip(follows["offer_form_y"], follows["segment"], strict=True))
        assert follows.groupby(by).size().sum() == most["n_offered"].sum()
        assert most["n_suppressed"].sum() == found["suppressed"].sum()


def test_a_household_without_an_offer_is_left_and_told_why() -> None:
    playbook = Playbook.model_validate(
        book(
            {"when": {"value_tier": ["high"]}, "form": "coupon", "name": "a coupon"},
            {"when": {"need": ["baby"]}, "form": "points", "offer": "Points on {need}."},
            segments=({"name": "kept", "when": {"value_tier": ["high"]}, "keeps_from": ["coupon"]},),
        )
    )
    found = next_actions(FACTS, playbook, NOBODY_KEPT | {"rare": ("coupon",)})
    high, rare, baby = found["value_tier"] == "high", found["segment"] == "rare", found["need"] == "baby"
    assert set(found.loc[high & ~rare, "rule"]) == {"a coupon"}
    assert set(found.loc[rare & baby, "offer"]) == {"Points on baby."}
    kept = found[high & rare & ~baby]
    assert kept["suppressed"].all() and set(kept["because"]) == {
        "all rules that hold offer what its segment (Rare errands) is kept from: coupon"
    }
    passed = found.loc[high & rare & baby, "because"]
    assert set(passed) == {"need baby; its segment (Rare errands) is kept from coupon"}
    nothing = found[~high & ~baby]
    assert nothing["suppressed"].all()
    assert nothing["because"].str.startswith("no rule of offers holds: value tier ").all()


def test_who_was_not_judged_is_neither_at_risk_nor_without() -> None:
    playbook = unchecked([{"when": {"at_risk": True}}, {"when": {"at_risk": False}}])
    found = next_actions(FACTS, playbook, NOBODY_KEPT)
    judged = TABLES["at_risk"].set_index("household_key")["at_risk"].reindex(found["household_key"])
    assert (found["suppressed"].to_numpy() == judged.isna().to_numpy()).all()
    assert (found.loc[judged.eq(True).to_numpy(), "rule"] == "rule 0").all()
    assert set(found.loc[judged.eq(True).to_numpy(), "because"]) == {"at risk yes"}
    # As a list of who is at risk may have it: null where it cannot be told, and held out of a win-back by lot.
    risk = TABLES["at_risk"].assign(
        at_risk=lambda frame: frame["at_risk"].astype("boolean").mask(frame.index % 3 == 0),
        holdout=lambda frame: frame.index % 5 == 0,
    )
    told = next_actions(facts_of(TABLES | {"at_risk": risk}), playbook, NOBODY_KEPT).set_index("household_key")
    open_to = risk.loc[risk["at_risk"].notna() & ~risk["holdout"], "household_key"]
    assert set(told.index[~told["suppressed"]]) == set(open_to)
    without = gather_facts(*(TABLES[name] for name in list(TABLES)[:4]))
    assert not without.risk_known
    assert next_actions(without, playbook, NOBODY_KEPT)["suppressed"].all()


def test_what_most_of_a_group_get_is_counted() -> None:
    playbook = unchecked(
        [
            {"when": {"need": ["baby"]}, "offer": "{need} club.", "form": "points"},
            {"when": {"tags": ["snacks"]}, "offer": "{need} and snacks."},
        ]
    )
    found = next_actions(FACTS, playbook, NOBODY_KEPT)
    cells = most_get(found, ["value_tier", "need"], playbook).set_index(["value_tier", "need"])
    cell = found[(found["value_tier"] == "low") & (found["need"] == "baby")]
    row = cells.loc[("low", "baby")]
    assert (row["offer"], row["offer_rule"], row["offer_form"]) == ("baby club.", "rule 0", "points")
    assert (row["n_offered"], row["offer_share"], row["n_suppressed"], row["n_offers"]) == (len(cell), 1.0, 0, 1)
    # Without a need no rule of {need} holds: nobody there gets anything.
    row = cells.loc[("high", "none")]
    assert pd.isna(row["offer"]) and (row["n_offered"], row["suppressed_share"]) == (0, 1.0)
    whole = most_get(unsegmented(found), ["segment"], playbook)
    assert whole["n_suppressed"].sum() == found["suppressed"].sum()
    both = next_actions(FACTS, unchecked([{"when": {}, "offer": "Try {need}."}]), NOBODY_KEPT)
    general = most_get(both[both["need"] != "none"], ["segment"], unchecked([{"when": {}, "offer": "Try {need}."}]))
    assert set(general["offer"]) == {"Try their leading need."}


def test_offers_call_a_need_by_its_own_name_unless_the_playbook_has_another() -> None:
    content = book({"when": {"need": ["baby", "fresh produce"]}, "offer": "Try {need}."})
    content["offers"]["called"] = {"baby": "all for the little ones"}
    found = next_actions(FACTS, Playbook.model_validate(content), NOBODY_KEPT)
    assert set(found["offer"].dropna()) == {"Try all for the little ones.", "Try fresh produce."}
    assert set(found.loc[found["need"] == "baby", "because"]) == {"need baby"}
    content["offers"]["called"] = {"bab": "all for the little ones"}
    with pytest.raises(PlaybookError, match=r"offers\.called: 'bab' is none that the data have; expected one of baby"):
        require_names(Playbook.model_validate(content), FACTS)


def unsegmented(actions: pd.DataFrame) -> pd.DataFrame:
    return actions.assign(segment="all")


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"need": ["fresh product"]}, r"offers.rules.0 \('rule 0'\).when.need: 'fresh product' is none that the data "
         r"have; expected one of fresh produce"),
        ({"tags": ["snack"]}, r"when.tags: 'snack' is none.*expected one of snacks"),
        ({"segment": ["Large shop"]}, r"when.segment: 'Large shop' is none.*expected one of Large shops"),
    ],
)  # fmt: skip
def test_names_that_the_data_do_not_have_are_named(when: dict[str, list[str]], message: str) -> None:
    with pytest.raises(PlaybookError, match=f"ours.toml cannot be used: .*{message}"):
        require_names(unchecked([{"when": when}]), FACTS, where="ours.toml")


def test_names_that_nobody_has_now_are_known_all_the_same() -> None:
    rules = unchecked([{"when": {"need": ["pets", *NEEDS], "tags": ["tobacco"], "segment": ["rare", "Large shops"]}}])
    require_names(rules, FACTS, needs=["pets"], tags=["tobacco"])
    with pytest.raises(PlaybookError, match="'tobacco' is none"):
        require_names(rules, FACTS, needs=["pets"])
    advised = Playbook.model_validate(
        book({"when": {}}, segments=({"name": "x", "when": {"leading_need": ["babby"]}},))
    )
    with pytest.raises(PlaybookError, match=r"segments.rules.0 \('x'\).when.leading_need: 'babby'.*baby"):
        require_names(advised, FACTS)


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("household_status", lambda frame: frame.iloc[3:], "household_status and segments .* 3 of 400 are missing"),
        ("household_needs", lambda frame: pd.concat([frame, frame.head(2)]), "2 rows tell of one again"),
        ("household_tags", lambda frame: frame.assign(household_key=-1), "household_tags tells of .* segments do not"),
        ("household_needs", lambda frame: frame.assign(need=None), "400 of 400 households have no need"),
    ],
)
def test_tables_of_other_households_are_counted(table: str, change: object, message: str) -> None:
    assert callable(change)
    with pytest.raises(FactsError, match=message):
        facts_of(TABLES | {table: change(TABLES[table])})


def test_a_hundred_thousand_households_take_no_time() -> None:
    facts = facts_of(household_tables(100_000))
    playbook = load_playbook()
    kept = dict(zip(SEGMENTS, (("coupon",), ("points", "multi-buy"), ()), strict=True))
    before = process_time()
    found = next_actions(facts, playbook, kept)
    assert process_time() - before < 5
    assert len(found) == 100_000 and np.isin(found["offer_form"][found["segment"] == "rare"], ["coupon"]).any()
