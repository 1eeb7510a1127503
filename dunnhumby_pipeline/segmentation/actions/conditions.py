"""The conditions of a playbook's rules, as they stand in its file: what each may look at, and what it may not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from dunnhumby_pipeline.contracts.features import CATALOGUE

Tier = Literal["high", "mid", "low"]
Lifecycle = Literal["active", "new", "lapsing", "lapsed"]
DiscountHabit = Literal["full price", "some", "deals"]
Words = Annotated[str, Field(min_length=1)]

_FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)


def one_of(known: Sequence[str], what: str, name: str) -> str:
    """`name` itself; ValueError with the names that are near it, or all, when it is none of the `known`."""
    if name not in known:
        near = get_close_matches(name, known, 3)
        raise ValueError(f"{name!r} is not a {what}; expected one of {', '.join(near or known)}")
    return name


FeatureName = Annotated[str, AfterValidator(lambda name: one_of(_FEATURE_NAMES, "feature of the catalogue", name))]


class Part(BaseModel):
    """A part of the file; a field that it does not have is named, with those that are near."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _fields_are_known(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            for name in given:
                if name not in cls.model_fields:
                    raise ValueError(cls.unknown(str(name)))
        return given

    @classmethod
    def unknown(cls, name: str) -> str:
        """What is said of a field that there is not."""
        near = get_close_matches(name, list(cls.model_fields), 3)
        return f"unknown field {name!r}; expected one of {', '.join(near or cls.model_fields)}"


class Bounds(Part):
    """Strictly above and strictly below, either or both."""

    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _some_number_fits(self) -> Bounds:
        if self.above is None and self.below is None:
            raise ValueError("expected 'above', 'below' or both")
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"no number is above {self.above:g} and below {self.below:g}")
        return self

    def hold(self, value: float) -> bool:
        """Whether `value` lies within; a missing one does not."""
        return (
            value == value and (self.above is None or value > self.above) and (self.below is None or value < self.below)
        )


class Conditions(Part):
    """What must hold for a rule to be taken: every one that is said."""

    @model_validator(mode="after")
    def _none_is_empty(self) -> Conditions:
        empty = [name for name in sorted(self.model_fields_set) if getattr(self, name) in ((), {}, None)]
        if empty:
            raise ValueError(f"{', '.join(empty)} allows nothing, so that the rule never holds; say what, or leave out")
        return self


class SegmentConditions(Conditions):
    """What a rule of segments may look at."""

    value_tier: tuple[Tier, ...] | None = None
    lifecycle: tuple[Lifecycle, ...] | None = None
    leading_need: tuple[Words, ...] | None = None
    features: dict[FeatureName, Bounds] | None = None

    @model_validator(mode="after")
    def _there_is_one(self) -> SegmentConditions:
        if not self.model_fields_set:
            raise ValueError(
                "a rule needs conditions; one without holds always, and rules after it never: make it the default"
            )
        return self


class OfferConditions(Conditions):
    """What a rule of offers may look at, of a household. Without any it holds for all."""

    value_tier: tuple[Tier, ...] | None = None
    need: tuple[Words, ...] | None = None
    tags: tuple[Words, ...] | None = None
    segment: tuple[Words, ...] | None = None
    lifecycle: tuple[Lifecycle, ...] | None = None
    discount_habit: tuple[DiscountHabit, ...] | None = None
    at_risk: StrictBool | None = None
