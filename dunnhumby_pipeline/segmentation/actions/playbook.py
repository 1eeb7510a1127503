"""The marketing playbook: what to do with each segment, and the one next action of each household.

Rules are read from one TOML file that marketing edits (`playbook.toml` beside this module explains its form), and are
checked when they are read; the names in them of what the data tell, when they are resolved (`resolver`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.segmentation.actions.conditions import OfferConditions, Part, SegmentConditions, Words
from dunnhumby_pipeline.segmentation.actions.reach import Reading, Unreachable, unreachable
from dunnhumby_pipeline.settings import PLAYBOOK_FILE, place_of, read_own_file

# What an offer is made of, as far as a segment may be kept from it.
Form = Literal["service", "points", "multi-buy", "coupon", "manufacturer coupon"]
Channel = Literal["printed mail", "e-mail", "app", "till receipt", "in store", "phone"]
Funder = Literal["retailer", "manufacturer", "shared"]
DEFAULT_RULE = "default"
# Stands in the words of an offer for the household's need.
NEED_PLACE = "{need}"
_PLACE = re.compile(r"\{[^{}]*\}|[{}]")


class PlaybookError(ValueError):
    """The playbook cannot be used. The message names the file, the place, what was expected and what was found."""


def _known_places(text: str) -> str:
    wrong = sorted({place for place in _PLACE.findall(text) if place != NEED_PLACE})
    if wrong:
        raise ValueError(f"{', '.join(wrong)} stands for nothing; only {NEED_PLACE} may stand in braces")
    return text


Told = Annotated[Words, AfterValidator(_known_places)]


class SegmentAdvice(Part):
    """What to do with a segment, and the forms of offers that its households must not get."""

    priority: int = Field(ge=1, le=5)
    strategy: Words
    action: Words
    avoid: Words
    keeps_from: tuple[Form, ...] = ()


class SegmentRule(SegmentAdvice):
    """Advice for the segments for which `when` holds."""

    name: Words
    when: SegmentConditions


class OfferRule(Part):
    """The next action of the households for which `when` holds."""

    name: Words
    when: OfferConditions
    offer: Told
    form: Form
    channel: Channel
    funder: Funder
    kpi: Words
    avoid: Words

    @property
    def needs_one(self) -> bool:
        """Whether it holds only for households with a need, as its words name it."""
        return NEED_PLACE in self.offer

    @model_validator(mode="after")
    def _makers_pay_for_their_coupons(self) -> OfferRule:
        if self.form == "manufacturer coupon" and self.funder == "retailer":
            raise ValueError(
                "form is 'manufacturer coupon' and funder is 'retailer'; expected 'manufacturer' or 'shared', or the "
                "form 'coupon'"
            )
        return self


class SegmentRules(Part):
    """The rules of segments, tried in order, and the advice where none holds."""

    default: SegmentAdvice
    rules: tuple[SegmentRule, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> SegmentRules:
        _check_names([rule.name for rule in self.rules])
        _check_reach(unreachable([Reading(rule.name, rule.when) for rule in self.rules]))
        return self


class OfferRules(Part):
    """The rules of offers, tried in order; a household for which none holds is left."""

    rules: tuple[OfferRule, ...] = Field(min_length=1)
    # Needs that offers call by another name.
    called: dict[Words, Words] = Field(default_factory=dict)

    @classmethod
    def unknown(cls, name: str) -> str:
        if name == DEFAULT_RULE:
            return (
                "offers have no default: a household that no rule has an offer for is left, and said to be; for an "
                "offer to all that are left over, write a last rule with when = {}"
            )
        return super().unknown(name)

    @model_validator(mode="after")
    def _names_differ(self) -> OfferRules:
        _check_names([rule.name for rule in self.rules])
        return self


class Playbook(Part):
    """What to do with segments, and what to offer households."""

    segments: SegmentRules
    offers: OfferRules

    @model_validator(mode="after")
    def _every_offer_can_be_made(self) -> Playbook:
        rules = [Reading(rule.name, rule.when, rule.form, rule.needs_one) for rule in self.offers.rules]
        kept = [advice.keeps_from for advice in (self.segments.default, *self.segments.rules)]
        _check_reach(unreachable(rules, kept, NO_NEED), "offers.rules: ")
        return self

    def keeps_from(self, rule: str) -> tuple[Form, ...]:
        """The forms of offers that a segment is kept from by the rule of this name, or the default."""
        advice = next((one for one in self.segments.rules if one.name == rule), self.segments.default)
        return tuple(dict.fromkeys(advice.keeps_from))

    def offer_rule(self, name: str) -> OfferRule:
        """The rule of offers of this name; KeyError without one."""
        found = next((one for one in self.offers.rules if one.name == name), None)
        if found is None:
            raise KeyError(f"no rule of offers is called {name!r}")
        return found


def load_playbook(file: Path | None = None) -> Playbook:
    """The playbook in `file`, by default the one in the package.

    Raises PlaybookError when there is no such file, it is not TOML, or a rule is wrong: an unknown field, feature,
    tier, stage, form, channel or funder, a missing default of segments, two rules of one name, a rule that can never be
    reached. Needs, tags and segments are names that the data tell: `resolver.require_names` holds the rules to them.
    """
    return read_own_file(Playbook, file, _packaged(), PlaybookError)


def playbook_place(file: Path | None) -> str:
    """What the playbook is called in what is said of it."""
    return place_of(file, _packaged())


def _packaged() -> Traversable:
    return files(__package__).joinpath(PLAYBOOK_FILE)


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or DEFAULT_RULE in names:
        raise ValueError(f"rules need names of their own, and none is 'default'; found {twice or [DEFAULT_RULE]} again")


def _check_reach(found: Sequence[Unreachable], where: Any = "") -> None:
    if found:
        said = "; ".join(f"{one.name!r} can never be reached: {one.why}" for one in found)
        raise ValueError(f"{where}{said}; move it up, narrow those before it, or take it out")
