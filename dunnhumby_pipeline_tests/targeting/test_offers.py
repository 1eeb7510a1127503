"""Offers: one function behind which needs, value and the playbook stand; never against the playbook's advice."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from dunnhumby_pipeline.contracts.names import LEAVE, TARGET, TEST
from dunnhumby_pipeline.segmentation.needs.names import known_need_names
from dunnhumby_pipeline.segmentation.needs.playbook import Playbook, PlaybookError, cell_offer, load_playbook
from dunnhumby_pipeline.targeting.offers import COLUMNS, OfferError, known_offers, offer_for, with_offers

PLAYBOOK = load_playbook()
# A segment for every rule of the packaged playbook, and one that none holds for.
ADVICE = pd.DataFrame({"segment": f"s {rule}", "rule": rule} for rule in (
    *(rule.name for rule in PLAYBOOK.segments.rules), "default"))  # fmt: skip
RATES = (0.05, 0.15, 0.3)
TIERS, CLOSE = ("high", "mid", "low"), "do not discount for those who do not ask"
CELLS = [
    (tier, f"{need} ({rate})", rate)
    for tier, need, rate in product(TIERS, dict.fromkeys([*known_need_names(), "none"]), RATES)
]
VALUE_NEED = pd.DataFrame(CELLS, columns=["clv_tier", "need", "discount_rate"])
OFFERS = known_offers(ADVICE, VALUE_NEED, PLAYBOOK)
FORMS = {rule.name: rule.form for rule in PLAYBOOK.offers.rules}


def households() -> pd.DataFrame:
    rows = [
        {"segment": segment, "clv_tier": tier, "need": need}
        for segment, (tier, need, _) in product(ADVICE["segment"], CELLS)
    ]
    return pd.DataFrame(rows).assign(household_key=range(len(rows)))


def listed(decision: str = TARGET) -> pd.DataFrame:
    return households()[["household_key", "segment"]].assign(decision=decision)


def test_no_row_of_the_list_offers_what_the_playbook_keeps_its_segment_from() -> None:
    frame = with_offers(listed(), households(), OFFERS)
    assert frame[COLUMNS].notna().all(axis=None)
    kept = frame["segment"].map(OFFERS.kept)
    form = frame["offer_rule"].map(FORMS)
    against = [name in forms for name, forms in zip(form, kept, strict=True)]
    assert not any(against)
    # The advice in words and the offer in words do not contradict each other either.
    avoids = {f"s {rule.name}": rule.avoid for rule in PLAYBOOK.segments.rules}
    no_coupons = frame["segment"].map(avoids).fillna("").str.startswith("Coupons")
    assert no_coupons.any() and not frame.loc[no_coupons, "offer"].str.contains("oupon").any()
    lost = frame["segment"] == "s let go of the lost"
    assert set(frame.loc[lost, "offer_rule"]) == {"default"}


def test_an_offer_is_that_of_its_cell_unless_its_segment_is_kept_from_it() -> None:
    frame = with_offers(listed(), households(), OFFERS).merge(
        VALUE_NEED, left_on=["value_tier", "need"], right_on=["clv_tier", "need"]
    )
    moved = 0
    for row in frame.itertuples():
        offer, rule = cell_offer(row.value_tier, row.need, row.discount_rate, PLAYBOOK)
        if FORMS.get(rule) in OFFERS.kept[row.segment]:
            moved += 1
            assert row.offer_rule != rule
        else:
            assert (row.offer, row.offer_rule) == (offer, rule)
    assert 0 < moved < len(frame)


@pytest.mark.parametrize(("decision", "offered"), [(TARGET, True), (TEST, True), (LEAVE, False)])
def test_only_those_to_contact_or_test_have_an_offer(decision: str, offered: bool) -> None:
    frame = with_offers(listed(decision), households(), OFFERS)
    assert (frame["offer"].notna() == offered).all() and (frame["offer_rule"].notna() == offered).all()
    assert frame[["need", "value_tier"]].notna().all(axis=None), "need and value are known of everybody"
    assert frame["decision"].eq(decision).all() and len(frame) == len(households())


def test_one_function_tells_the_offer() -> None:
    assert offer_for("s nudge low value", "fresh produce (0.05)", "low", OFFERS)[1] == "low value"
    assert offer_for(f"s {CLOSE}", "fresh produce (0.05)", "low", OFFERS) == (
        "General mailing, no offer of its own.",
        "default",
    )
    # Kept from the store's coupons, it goes on to the next rule that holds.
    assert offer_for("s serve deal seekers cheaply", "fresh produce (0.3)", "low", OFFERS)[1] == "low value on discount"


@pytest.mark.parametrize(
    ("segment", "need", "tier"), [("unknown", "fresh produce (0.3)", "low"), ("s default", "x", "low")]
)
def test_what_is_not_known_is_named(segment: str, need: str, tier: str) -> None:
    with pytest.raises(OfferError, match=f"segment '{segment}', need '{need[:5]}.*tier '{tier}'"):
        offer_for(segment, need, tier, OFFERS)


def test_households_without_need_and_value_are_counted() -> None:
    with pytest.raises(OfferError, match=r"3 of [\d,]+ households of the list have no need"):
        with_offers(listed(), households().iloc[3:], OFFERS)


BOOK = """
[segments.default]
priority = 4
strategy = "Keep"
action = "Serve."
avoid = "Waste."
{kept}
[offers.default]
offer = "Nothing."
[[offers.rules]]
name = "all"
when = {{ value_tier = ["high", "mid", "low"] }}
offer = "A coupon."
{form}
"""


def book(tmp_path: Path, kept: str = "", form: str = "") -> Playbook:
    (tmp_path / "playbook.toml").write_text(BOOK.format(kept=kept, form=form))
    return load_playbook(tmp_path / "playbook.toml")


def test_a_playbook_that_keeps_segments_from_offers_says_what_each_offer_is(tmp_path: Path) -> None:
    assert book(tmp_path).offers.rules[0].form is None, "where nobody is kept from anything, forms may be left out"
    kept = book(tmp_path, 'keeps_from = ["coupon"]', 'form = "coupon"')
    assert cell_offer("high", "fresh", 0.1, kept, ("coupon",)) == ("Nothing.", "default")
    with pytest.raises(
        PlaybookError, match=r"playbook.toml.*'all' of the offers have no form; expected one of service"
    ):
        book(tmp_path, 'keeps_from = ["coupon"]')
    with pytest.raises(PlaybookError, match=r"segments.default.keeps_from"):
        book(tmp_path, 'keeps_from = ["cupon"]', 'form = "coupon"')
    with pytest.raises(PlaybookError, match=r"offers.rules.0.form"):
        book(tmp_path, form='form = "leaflet"')
