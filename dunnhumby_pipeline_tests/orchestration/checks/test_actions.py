"""Both states of the checks of actions: on what the resolver makes they pass, on every contradiction they fail."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from dunnhumby_pipeline.orchestration.checks.actions import enough_are_offered, without_contradictions
from dunnhumby_pipeline.segmentation.actions.advice import actions_by_playbook
from dunnhumby_pipeline.segmentation.actions.playbook import Playbook
from dunnhumby_pipeline.segmentation.needs.value_need import value_need
from dunnhumby_pipeline.settings import CheckSettings
from dunnhumby_pipeline_tests.fakes.playbooks import book, facts_of, household_tables
from dunnhumby_pipeline_tests.segmentation.actions.test_playbook import described, profiles

CHECKS = CheckSettings()


def made() -> dict[str, pd.DataFrame]:
    """The three tables of one resolution, in which the segment frequent_small is kept from coupons."""
    tables = household_tables(300)
    status = tables["household_status"].merge(tables["household_needs"], on="household_key")
    matrix = value_need(
        status.assign(revenue=1.0, clv=1.0, discounts=0.0, discount_rate=0.1), ["baby", "fresh produce"]
    )
    playbook = Playbook.model_validate(
        book(
            {"when": {"value_tier": ["high", "mid"]}, "form": "coupon", "offer": "A coupon."},
            {"when": {"need": ["baby", "fresh produce"]}, "form": "points", "offer": "Points on {need}."},
            segments=({"name": "best", "when": {"value_tier": ["high"]}, "keeps_from": ["coupon"]},),
        )
    )
    return actions_by_playbook(facts_of(tables), profiles(), described(recency=[0.0] * 3), matrix, playbook)


TABLES = made()


def judged(**changed: pd.DataFrame) -> tuple[bool, str]:
    found = TABLES | changed
    verdict = without_contradictions(found["next_action"], found["segment_playbook"], found["value_need"], CHECKS)
    return verdict.passed, verdict.message


def test_one_resolution_is_without_contradictions() -> None:
    passed, message = judged()
    assert passed and "are left with a reason" in message


def kept_from(actions: pd.DataFrame) -> pd.DataFrame:
    return actions.assign(offer_form=actions["offer_form"].mask(actions["segment"] == "frequent_small", "coupon"))


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("next_action", kept_from, "households offered what their segment is kept from"),
        ("next_action", lambda frame: frame.assign(offer_form="leaflet"), "with an offer of an unknown form"),
        ("next_action", lambda frame: pd.concat([frame, frame.head(3)]), "3 households listed twice"),
        ("next_action", lambda frame: frame.assign(suppressed=False), "without an action and not suppressed"),
        ("next_action", lambda frame: frame.assign(suppressed=True), "suppressed and offered something"),
        ("next_action", lambda frame: frame.assign(because=None), "300 households without a reason"),
        ("next_action", lambda frame: frame.assign(channel=None), "without an action and not suppressed"),
        ("segment_playbook", lambda frame: frame.iloc[1:], "of a segment without advice"),
        (
            "segment_playbook",
            lambda frame: frame.assign(keeps_from="coupon, points"),
            "households offered what their segment is kept from",
        ),
        (
            "segment_playbook",
            lambda frame: frame.assign(offer_rule="rule 9"),
            "300 households of segments that say another offer than most of them get",
        ),
        ("segment_playbook", lambda frame: frame.assign(n_offered=1), "of segments that say another offer"),
        (
            "value_need",
            lambda frame: frame.assign(offer_rule=frame["offer_rule"].mask(frame["value_tier"] == "high", "rule 1")),
            "households of cells that say another offer than most of them get",
        ),
        ("value_need", lambda frame: frame.iloc[:-1], "of cells that say another offer"),
    ],
)
def test_every_contradiction_is_counted(
    table: str, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    passed, said = judged(**{table: change(TABLES[table])})
    assert not passed and message in said


def test_a_playbook_that_leaves_many_is_said_to() -> None:
    actions = TABLES["next_action"]
    assert not enough_are_offered(actions, CheckSettings(max_share_without_offer=0.01)).passed
    said = enough_are_offered(actions, CheckSettings(max_share_without_offer=0.01)).message
    assert "no rule of offers holds" in said or "kept from" in said
    assert enough_are_offered(actions, CheckSettings(max_share_without_offer=0.9)).passed
