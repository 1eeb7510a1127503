"""The playbook's file: every way it can be wrong is named with its place, and no rule in it is out of reach."""

from __future__ import annotations

import copy
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from dunnhumby_pipeline.segmentation.actions.advice import actions_by_playbook, forbidden_forms, segment_advice
from dunnhumby_pipeline.segmentation.actions.conditions import Bounds
from dunnhumby_pipeline.segmentation.actions.playbook import OfferRule, Playbook, PlaybookError, load_playbook
from dunnhumby_pipeline.segmentation.actions.reach import Reading, unreachable
from dunnhumby_pipeline.segmentation.lifetime.status import StatusError, majority
from dunnhumby_pipeline.segmentation.needs.value_need import value_need
from dunnhumby_pipeline_tests.fakes.playbooks import (
    ADVICE,
    HABITS,
    NEEDS,
    OFFER,
    RULES,
    SEGMENTS,
    STAGES,
    TAGS,
    TIERS,
    book,
    facts_of,
    household_tables,
)

NAN = float("nan")
WITHOUT_CONDITIONS: dict[str, Any] = {"when": {}}


def written(folder: Path, content: dict[str, Any]) -> Path:
    """The file of a playbook."""

    def said(value: Any) -> str:
        if isinstance(value, dict):
            return "{ " + ", ".join(f'"{name}" = {said(one)}' for name, one in value.items()) + " }"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(map(said, value)) + "]"
        if isinstance(value, bool):
            return str(value).lower()
        return f'"{value}"' if isinstance(value, str) else str(value)

    file = folder / "playbook.toml"
    lines = [f"{name} = {said(part)}" for name, part in content.items()]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def changed(*path: Any, to: Any = None, without: bool = False, **offer: Any) -> dict[str, Any]:
    """A playbook of one rule of each kind, in which what `path` leads to is another, or is not there."""
    content = copy.deepcopy(
        book({"when": {}, "name": "all"} | offer, segments=({"name": "best", "when": {"value_tier": ["high"]}},))
    )
    place: Any = content
    for step in path[:-1]:
        place = place[step]
    if without:
        del place[path[-1]]
    elif path:
        place[path[-1]] = to
    return content


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (changed("segments", without=True), r"segments: Field required"),
        (changed("segments", "default", without=True), r"segments\.default: Field required"),
        (changed("offers", without=True), r"offers: Field required"),
        (changed("offers", "rules", to=[]), r"offers\.rules: .*at least 1 item"),
        (changed("ofers", to={}), r"unknown field 'ofers'; expected one of offers"),
        (changed("offers", "default", to={"offer": "x"}), r"offers: .*offers have no default: a household that no rule "
         r"has an offer for is left.*write a last rule with when = \{\}"),
        (changed("offers", "rules", 0, "chanel", to="app"), r"offers\.rules\.0: .*unknown field 'chanel'; expected one "
         r"of channel"),
        (changed("offers", "rules", 0, "channel", to="fax"), r"offers\.rules\.0\.channel: .*'printed mail', 'e-mail'"),
        (changed("offers", "rules", 0, "form", to="cupon"), r"offers\.rules\.0\.form: .*'coupon'.*found 'cupon'"),
        (changed("offers", "rules", 0, "funder", to="us"), r"offers\.rules\.0\.funder: .*'retailer', 'manufacturer'"),
        (changed("offers", "rules", 0, "kpi", without=True), r"offers\.rules\.0\.kpi: Field required"),
        (changed("offers", "rules", 0, "kpi", to=""), r"offers\.rules\.0\.kpi: "),
        (changed("offers", "rules", 0, "when", without=True), r"offers\.rules\.0\.when: Field required"),
        (changed("offers", "rules", 0, "offer", to="A {tag} coupon."), r"offers\.rules\.0\.offer: .*\{tag\} stands for "
         r"nothing; only \{need\}"),
        (changed("offers", "rules", 0, "offer", to="A {need coupon."), r"\{ stands for nothing"),
        (changed(form="manufacturer coupon", funder="retailer"), r"offers\.rules\.0: .*form is 'manufacturer coupon' "
         r"and funder is 'retailer'; expected 'manufacturer' or 'shared'"),
        (changed("offers", "rules", 0, "when", to={"tier": ["high"]}), r"offers\.rules\.0\.when: .*unknown field "
         r"'tier'; expected one of value_tier"),
        (changed("offers", "rules", 0, "when", to={"discount_rate": {"above": 0.1}}), r"unknown field 'discount_rate'; "
         r"expected one of discount_habit"),
        (changed("offers", "rules", 0, "when", to={"need": []}), r"offers\.rules\.0\.when: .*need allows nothing"),
        (changed("offers", "rules", 0, "when", to={"at_risk": "yes"}), r"offers\.rules\.0\.when\.at_risk: "),
        (changed("offers", "rules", 0, "when", to={"discount_habit": ["ful price"]}), r"discount_habit\.0: .*'full "
         r"price', 'some' or 'deals', found 'ful price'"),
        (changed("offers", "rules", 0, "name", to="default"), r"offers: .*none is 'default'"),
        (changed("offers", "rules", to=[OFFER | {"name": "a", "when": {"value_tier": [t]}} for t in ("high", "low")]),
         r"offers: .*rules need names of their own.*found \['a'\] again"),
        (changed("segments", "default", "keeps_from", to=["cupon"]), r"segments\.default\.keeps_from\.0: .*'coupon'"),
        (changed("segments", "rules", 0, "priority", to=9), r"segments\.rules\.0\.priority: .*less than or equal to 5"),
        (changed("segments", "rules", 0, "when", to={}), r"segments\.rules\.0\.when: .*make it the default"),
        (changed("segments", "rules", 0, "when", to={"value_tier": []}), r"value_tier allows nothing"),
        (changed("segments", "rules", 0, "when", to={"value_tier": ["top"]}), r"value_tier\.0: Input should be 'high', "
         r"'mid' or 'low', found 'top'"),
        (changed("segments", "rules", 0, "when", to={"features": {"discount_usage": {"above": 1}}}),
         r"'discount_usage' is not a feature of the catalogue; expected one of discount_usage_pct"),
        (changed("segments", "rules", 0, "when", to={"features": {"recency": {"above": 2, "below": 1}}}),
         r"no number is above 2 and below 1"),
        (changed("segments", "rules", 0, "when", to={"features": {"recency": {"over": 2}}}),
         r"unknown field 'over'; expected one of above"),
        (changed("segments", "rules", 0, "when", to={"features": {"recency": {}}}), r"expected 'above', 'below' or"),
    ],
)  # fmt: skip
def test_a_playbook_that_is_wrong_says_where(tmp_path: Path, content: dict[str, Any], complaint: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(PlaybookError, match=complaint) as raised:
        load_playbook(file)
    assert str(file) in str(raised.value)


def test_a_playbook_that_is_not_there_or_no_toml_is_no_packaged_one(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match=r"nowhere.toml: cannot be read"):
        load_playbook(tmp_path / "nowhere.toml")
    (tmp_path / "playbook.toml").write_text("[segments\n")
    with pytest.raises(PlaybookError, match=r"playbook\.toml is not TOML"):
        load_playbook(tmp_path / "playbook.toml")


COUPON: dict[str, Any] = {"form": "coupon"}


@pytest.mark.parametrize(
    ("offers", "segments", "complaint"),
    [
        ([{"when": {}}, {"when": {"need": ["baby"]}}], [], r"'rule 1' can never be reached: 'rule 0' before it takes"),
        ([{"when": {"value_tier": ["high", "mid"]}}, {"when": {"lifecycle": ["new"]}},
          {"when": {"value_tier": ["mid"], "need": ["baby"]}}], [], r"'rule 2' can never .*: 'rule 0' before it"),
        # Not one before it alone, but both together.
        ([{"when": {"value_tier": ["high", "mid"]}}, {"when": {"value_tier": ["low"]}}, {"when": {"tags": ["snacks"]}}],
         [], r"'rule 2' can never be reached: 'rule 0', 'rule 1' before it takes all"),
        ([{"when": {"need": ["none"]}, "offer": "Try {need}."}, {"when": {}}], [], r"'rule 0' can never be reached: no "
         r"household can meet all of its conditions"),
        ([COUPON | {"when": {"value_tier": ["high"]}}, {"when": {}}], ["coupon"], r"'rule 0' can never be reached: "
         r"every rule of segments keeps from its form, 'coupon'"),
        # Those kept from coupons reach the second, the third never.
        ([COUPON | {"when": {}}, {"when": {}}, {"when": {"at_risk": True}}], [], r"'rule 1' can .*'rule 2' can never"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_be_reached_is_named(
    offers: list[dict[str, Any]], segments: list[str], complaint: str
) -> None:
    content = book(*offers, keeps_from=segments)
    with pytest.raises(ValueError, match=complaint):
        Playbook.model_validate(content)


def test_a_rule_that_only_some_segments_reach_is_none_of_these() -> None:
    kept = {"name": "best", "when": {"value_tier": ["high"]}, "keeps_from": ["coupon"]}
    found = Playbook.model_validate(book(COUPON | {"when": {}}, {"when": {}}, segments=(kept,)))
    assert len(found.offers.rules) == 2
    two = [{"name": name, "when": {"features": {"recency": {"above": above}}}} for name, above in (("a", 1), ("b", 2))]
    with pytest.raises(ValueError, match=r"(?s)segments.*'b' can never be reached: 'a' before it takes all"):
        Playbook.model_validate(book({"when": {}}, segments=tuple(two)))
    assert Playbook.model_validate(book({"when": {}}, segments=tuple(reversed(two))))


@settings(max_examples=25, deadline=None)
@given(rules=RULES)
def test_what_is_called_out_of_reach_is_what_no_household_reaches(rules: list[dict[str, Any]]) -> None:
    filled = [OfferRule.model_validate(OFFER | {"name": f"rule {place}"} | one) for place, one in enumerate(rules)]
    # Segments by slug alone: a slug and a name are two things here, and one segment in the data.
    filled = [rule for rule in filled if rule.when.segment is None]
    named = {
        one.name for one in unreachable([Reading(r.name, r.when, r.form, r.needs_one) for r in filled], ((),), "none")
    }
    tag_sets = [{tag for tag, has in zip(TAGS, row, strict=True) if has} for row in product((0, 1), repeat=len(TAGS))]
    reached = set()
    for tier, need, tags, stage, habit, risk in product(
        TIERS, (*NEEDS, "other"), tag_sets, STAGES, (*HABITS, "?"), (True, False, None)
    ):
        facts = {"value_tier": tier, "need": need, "lifecycle": stage, "discount_habit": habit}
        for rule in filled:
            when = rule.when
            if (
                all(getattr(when, name) is None or value in getattr(when, name) for name, value in facts.items())
                and (when.tags is None or tags & set(when.tags))
                and (when.at_risk is None or when.at_risk is risk)
                and not (rule.needs_one and need == "none")
            ):
                reached.add(rule.name)
                break
    assert named == {rule.name for rule in filled} - reached


def test_of_too_many_facts_each_rule_is_held_against_single_ones() -> None:
    tags = [f"tag {number}" for number in range(40)]
    rules = [OFFER | {"name": f"rule {place}", "when": {"tags": [tag]}} for place, tag in enumerate(tags)]
    rules += [OFFER | {"name": "narrow", "when": {"tags": ["tag 3"], "need": ["baby"]}}]
    read = [OfferRule.model_validate(rule) for rule in rules]
    found = unreachable([Reading(rule.name, rule.when, rule.form) for rule in read], ((),), "none")
    assert [(one.name, one.why) for one in found] == [("narrow", "'rule 3' before it takes all for whom it holds")]
    assert not Bounds(above=1).hold(NAN)


# -------------------------------------------------------------------------------------------------------- of segments


def profiles() -> pd.DataFrame:
    """Three segments: of high value, of low value that has lapsed, of neither."""
    columns = ["share_high", "share_mid", "share_low", "share_new", "share_active", "share_lapsing", "share_lapsed"]
    shares = {
        "frequent_small": (0.6, 0.3, 0.1, 0.0, 1.0, 0.0, 0.0),
        "large_shops": (0.1, 0.2, 0.7, 0.0, 0.2, 0.1, 0.7),
        "rare": (0.2, 0.5, 0.3, 0.1, 0.9, 0.0, 0.0),
    }
    frame = pd.DataFrame(shares.values(), columns=columns)
    frame.insert(0, "segment", list(shares))
    return frame.assign(segment_name=list(SEGMENTS.values()), n_households=10, leading_need=["baby", "none", "none"])


def described(**z_scores: list[float]) -> pd.DataFrame:
    wide = pd.DataFrame({"segment": list(SEGMENTS), **z_scores})
    return wide.melt("segment", var_name="feature", value_name="z_score")


def test_the_first_rule_of_segments_that_holds_is_taken_and_says_why() -> None:
    first = {"name": "seekers", "when": {"features": {"discount_usage_pct": {"above": 0.5, "below": 2.0}}}}
    second = {"name": "lost", "when": {"lifecycle": ["lapsed"], "leading_need": ["none"]}, "keeps_from": ["coupon"]}
    third = {"name": "best", "when": {"value_tier": ["high"]}, "priority": 1}
    playbook = Playbook.model_validate(book({"when": {}}, segments=(first, second, third)))
    leading = {"frequent_small": "baby", "large_shops": "none", "rare": "none"}

    def advice(scores: list[float]) -> pd.DataFrame:
        return segment_advice(profiles(), described(discount_usage_pct=scores), leading, playbook)

    found = advice([NAN, 2.0, 0.7])
    assert found["segment"].tolist()[0] == "frequent_small", "the most urgent first"
    by_segment = found.set_index("segment")
    assert by_segment["rule"].to_dict() == {"frequent_small": "best", "large_shops": "lost", "rare": "seekers"}
    assert by_segment["because"].to_dict() == {
        "frequent_small": "value tier high",
        "large_shops": "lifecycle lapsed, leading need none",
        "rare": "discount_usage_pct +0.70 sd",
    }
    assert forbidden_forms(found) == {"frequent_small": (), "large_shops": ("coupon",), "rare": ()}
    assert advice([NAN, NAN, 0.2]).set_index("segment").at["rare", "rule"] == "default"
    with pytest.raises(PlaybookError, match="look at discount_usage_pct, which the segments are not described by"):
        segment_advice(profiles(), described(recency=[0.0, 0.0, 0.0]), leading, playbook)
    with pytest.raises(PlaybookError, match="segment_profiles lacks"):
        segment_advice(profiles().drop(columns="share_mid"), described(discount_usage_pct=[0.0] * 3), leading, playbook)
    with pytest.raises(StatusError):
        majority(profiles().drop(columns="share_mid"), "value_tier")


def test_three_tables_of_one_resolution_agree_with_the_packaged_playbook() -> None:
    playbook, tables = load_playbook(), household_tables(900, 3)
    facts = facts_of(tables)
    status = tables["household_status"].merge(tables["household_needs"], on="household_key")
    places = status.assign(revenue=10.0, clv=5.0, discounts=1.0, discount_rate=0.1)
    matrix = value_need(places[places["need"] != "none"], ["baby", "fresh produce", "pets"])
    looked = {name for rule in playbook.segments.rules for name in rule.when.features or ()}
    scores = described(**{name: [1.0, 0.0, -1.0] for name in looked})
    found = actions_by_playbook(facts, profiles(), scores, matrix, playbook)
    kept = forbidden_forms(found["segment_playbook"])
    actions = found["next_action"]
    assert any(kept.values()) and actions["suppressed"].any() and not actions["suppressed"].all()
    assert not any(f in kept[s] for f, s in zip(actions["offer_form"], actions["segment"], strict=True))
    empty = found["value_need"].query("need == 'pets'")
    assert empty["offer"].isna().all() and (empty["n_offered"] == 0).all()
    assert found["value_need"]["offer_share"].dropna().between(0, 1).all()


def test_the_packaged_playbook_speaks_of_every_kind_of_household_but_the_lost() -> None:
    playbook = load_playbook()
    assert len(playbook.segments.rules) >= 8
    tables = household_tables(3000)
    status = tables["household_status"].set_index("household_key")
    facts = facts_of(tables)
    from dunnhumby_pipeline.segmentation.actions.resolver import next_actions

    found = next_actions(facts, playbook, dict.fromkeys(SEGMENTS, ()))
    left = found[found["suppressed"]]
    assert set(left["value_tier"]) <= {"low"} and set(left["lifecycle"]) <= {"lapsed"}
    assert set(left["need"]) <= {"none"} and len(status) == len(found)
    assert (
        found["rule"].nunique() > 12 and np.isin(found["funder"].dropna(), ["retailer", "manufacturer", "shared"]).all()
    )
    assert ADVICE["priority"] == 3 and WITHOUT_CONDITIONS == {"when": {}}
