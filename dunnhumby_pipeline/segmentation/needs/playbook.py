"""The marketing playbook: what to do with each segment, and what to offer in each cell of value and need.

Rules are read from one TOML file that marketing edits (`playbook.toml` beside this module explains its form), and are
checked when they are read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, get_args

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from dunnhumby_pipeline.contracts.features import CATALOGUE
from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.segmentation.needs.names import known_need_names
from dunnhumby_pipeline.settings import found_wrong

Tier = Literal["high", "mid", "low"]
# What an offer is made of, as far as a segment may be kept from it.
Form = Literal["service", "points", "multi-buy", "coupon", "manufacturer coupon"]
Lifecycle = Literal["active", "new", "lapsing", "lapsed"]
DEFAULT_RULE = "default"

_FEATURE_NAMES = tuple(feature.name for feature in CATALOGUE)


class PlaybookError(ValueError):
    """The playbook cannot be used. The message names the file, the place, what was expected and what was found."""


def _one_of(known: Sequence[str], what: str, name: str) -> str:
    if name not in known:
        near = get_close_matches(name, known, 3)
        raise ValueError(f"{name!r} is not a {what}; expected one of {', '.join(near or known)}")
    return name


FeatureName = Annotated[str, AfterValidator(lambda name: _one_of(_FEATURE_NAMES, "feature of the catalogue", name))]
Need = Annotated[str, AfterValidator(lambda name: _one_of((*known_need_names(), NO_NEED), "need", name))]
Words = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bounds(_Part):
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


class _Conditions(_Part):
    @model_validator(mode="after")
    def _there_is_one(self) -> _Conditions:
        if not self.model_fields_set or any(getattr(self, name) in ((), {}) for name in self.model_fields_set):
            raise ValueError(
                "a rule needs conditions, none of them empty; one without holds always, and rules after it never: "
                "make it the default"
            )
        return self


class SegmentConditions(_Conditions):
    value_tier: tuple[Tier, ...] | None = None
    lifecycle: tuple[Lifecycle, ...] | None = None
    leading_need: tuple[Need, ...] | None = None
    features: dict[FeatureName, Bounds] | None = None


class OfferConditions(_Conditions):
    value_tier: tuple[Tier, ...] | None = None
    leading_need: tuple[Need, ...] | None = None
    discount_rate: Bounds | None = None


class SegmentAdvice(_Part):
    priority: int = Field(ge=1, le=5)
    strategy: Words
    action: Words
    avoid: Words
    keeps_from: tuple[Form, ...] = ()


class SegmentRule(SegmentAdvice):
    name: Words
    when: SegmentConditions


class Offer(_Part):
    offer: Words


class OfferRule(Offer):
    name: Words
    form: Form | None = None
    when: OfferConditions


class SegmentRules(_Part):
    default: SegmentAdvice
    rules: tuple[SegmentRule, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> SegmentRules:
        _check_names([rule.name for rule in self.rules])
        return self


class OfferRules(_Part):
    default: Offer
    rules: tuple[OfferRule, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> OfferRules:
        _check_names([rule.name for rule in self.rules])
        return self


class Playbook(_Part):
    segments: SegmentRules
    offers: OfferRules

    @model_validator(mode="after")
    def _forms_are_known(self) -> Playbook:
        unknown = [rule.name for rule in self.offers.rules if rule.form is None]
        kept = any(advice.keeps_from for advice in (self.segments.default, *self.segments.rules))
        if kept and unknown:
            raise ValueError(
                f"segments are kept from some offers (keeps_from), and {', '.join(map(repr, unknown))} of the offers "
                f"have no form; expected one of {', '.join(get_args(Form))} for each"
            )
        return self


def load_playbook(file: Path | None = None) -> Playbook:
    """The playbook in `file`, by default the one in the package.

    Raises PlaybookError when there is no such file, it is not TOML, or a rule is wrong: an unknown feature, tier, stage
    or need, a rule without conditions, a missing default, two rules of one name.
    """
    where = str(file) if file is not None else "the packaged playbook.toml"
    try:
        text = (file or files(__package__).joinpath("playbook.toml")).read_text(encoding="utf-8")
        return Playbook.model_validate(tomllib.loads(text))
    except OSError as error:
        raise PlaybookError(
            f"{where}: cannot be read ({error}); write it, or do without to use the packaged one"
        ) from error
    except ValidationError as error:
        raise PlaybookError(f"{where} cannot be used: {found_wrong(error)}") from error
    except (ValueError, RecursionError) as error:
        # TOML, UTF-8, depth, and numbers of more digits than Python reads.
        raise PlaybookError(f"{where} is not TOML: {error}") from error


def segment_playbook(
    profiles: pd.DataFrame, segment_features: pd.DataFrame, leading_needs: Mapping[str, str], playbook: Playbook
) -> pd.DataFrame:
    """What to do with each segment, most urgent first.

    `profiles` and `segment_features` as of `profiles`; `leading_needs`: need of each segment, as of `needs`.
    Columns: segment, segment_name, priority (1-5), strategy, action, avoid, rule ('default' when none holds), because
    (the facts that the rule looked at, in words). Segments without a household are left out.
    Raises PlaybookError when a rule looks at a feature that is not described.
    """
    scores = segment_features.pivot(index="segment", columns="feature", values="z_score")
    unknown = {name for rule in playbook.segments.rules for name in rule.when.features or ()} - set(scores.columns)
    if unknown:
        raise PlaybookError(
            f"segments.rules look at {', '.join(sorted(unknown))}, which the segments are not described by; "
            f"described are {', '.join(scores.columns)}"
        )
    rows = []
    for segment in profiles[profiles["n_households"] > 0].itertuples():
        facts = {
            "value_tier": segment.value_tier,
            "lifecycle": segment.lifecycle,
            "leading_need": leading_needs[segment.segment],
        }
        standing = scores.loc[segment.segment].to_dict()
        chosen = next((rule for rule in playbook.segments.rules if _holds(rule.when, facts, standing)), None)
        advice = chosen or playbook.segments.default
        rows.append(
            {
                "segment": segment.segment,
                "segment_name": segment.segment_name,
                "priority": advice.priority,
                "strategy": advice.strategy,
                "action": advice.action,
                "avoid": advice.avoid,
                "rule": chosen.name if chosen else DEFAULT_RULE,
                "because": _reasons(chosen.when if chosen else None, facts, standing),
            }
        )
    columns = ["segment", "segment_name", "priority", "strategy", "action", "avoid", "rule", "because"]
    return pd.DataFrame(rows, columns=columns).sort_values("priority", kind="stable", ignore_index=True)


def cell_offer(
    value_tier: str, need: str, discount_rate: float, playbook: Playbook, keeps_from: Sequence[str] = ()
) -> tuple[str, str]:
    """(offer, name of the rule) of a cell of value and need, whose discount rate (0-1) may be NaN: of the first rule
    that holds and whose offer has none of the forms that a segment `keeps_from`, else the default.
    """
    for rule in playbook.offers.rules:
        when = rule.when
        if rule.form not in keeps_from and (
            (when.value_tier is None or value_tier in when.value_tier)
            and (when.leading_need is None or need in when.leading_need)
            and (when.discount_rate is None or when.discount_rate.hold(discount_rate))
        ):
            return rule.offer, rule.name
    return playbook.offers.default.offer, DEFAULT_RULE


def kept_forms(rule: str, playbook: Playbook) -> tuple[str, ...]:
    """The forms of offers that a segment is kept from by the rule of this name, or the default."""
    advice = next((one for one in playbook.segments.rules if one.name == rule), playbook.segments.default)
    return advice.keeps_from


def _holds(when: SegmentConditions, facts: Mapping[str, str], standing: Mapping[str, float]) -> bool:
    allowed = {name: getattr(when, name) for name in facts}
    return all(values is None or facts[name] in values for name, values in allowed.items()) and all(
        bounds.hold(standing[name]) for name, bounds in (when.features or {}).items()
    )


def _reasons(when: SegmentConditions | None, facts: Mapping[str, str], standing: Mapping[str, float]) -> str:
    if when is None:
        return "no rule holds"
    words = [f"{name.replace('_', ' ')} {fact}" for name, fact in facts.items() if getattr(when, name) is not None]
    return ", ".join([*words, *(f"{name} {standing[name]:+.2f} sd" for name in when.features or ())])


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or DEFAULT_RULE in names:
        raise ValueError(f"rules need names of their own, and none is 'default'; found {twice or [DEFAULT_RULE]} again")
