"""Rules of a playbook that can never be reached, because others before them take all for whom they hold.

For every household, whatever its facts, some set of rules holds. Facts are free of each other, so these sets are all
intersections of the sets of each fact: they are counted out as bit masks, one bit per rule, and the first rule of each
that a segment may have is one that can be reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

from dunnhumby_pipeline.segmentation.actions.conditions import Bounds, Conditions, Lifecycle, Tier

# Sets of rules that are counted out; beyond, a rule is held against each single one before it.
_MOST_SETS = 50_000
_OTHER = object()
# Facts that every household has one of. Whatever else may have a value that no rule names.
_ALWAYS_ONE_OF = {"value_tier": set(get_args(Tier)), "lifecycle": set(get_args(Lifecycle))}


@dataclass(frozen=True)
class Reading:
    """A rule as far as it can be reached: its name, its conditions, the form of its offer where it has one, and facts
    that it asks for beside its conditions (`needs_one`: some need)."""

    name: str
    when: Conditions
    form: str | None = None
    needs_one: bool = False


@dataclass(frozen=True)
class Unreachable:
    """A rule that no household can reach, by name, and why."""

    name: str
    why: str


def unreachable(
    rules: Sequence[Reading], kept: Iterable[Sequence[str]] = ((),), no_need: str = ""
) -> tuple[Unreachable, ...]:
    """The rules that are never the first to hold, in their order.

    `kept`: each set of forms that some segment is kept from; a rule of such a form is passed over there. `no_need`: how
    the need of a household without any is called.
    """
    forbidden = [frozenset(forms) for forms in kept]
    allowed = {
        sum(1 << place for place, rule in enumerate(rules) if rule.form not in forms) for forms in set(forbidden)
    }
    held = _sets(rules, no_need)
    if held is None:
        return _by_pairs(rules, allowed)
    firsts: dict[int, set[int]] = {place: set() for place in range(len(rules))}
    for held_set in held:
        for mask in allowed:
            left = held_set & mask
            if left:
                first = (left & -left).bit_length() - 1
                for place in _places(left):
                    firsts[place].add(first)
    ever = 0
    for held_set in held:
        ever |= held_set
    found = []
    for place, rule in enumerate(rules):
        if place in firsts[place]:
            continue
        if not ever >> place & 1:
            why = "no household can meet all of its conditions"
        elif not firsts[place]:
            why = f"every rule of segments keeps from its form, {rule.form!r}"
        else:
            before = ", ".join(repr(rules[other].name) for other in sorted(firsts[place]))
            why = f"{before} before it takes all for whom it holds"
        found.append(Unreachable(rule.name, why))
    return tuple(found)


def _sets(rules: Sequence[Reading], no_need: str) -> set[int] | None:
    """Every set of rules that can hold together, as bit masks; None where there are too many to count out."""
    everything = (1 << len(rules)) - 1
    held = {everything}
    for patterns in _patterns(rules, no_need):
        if patterns is None or len(held) * len(patterns) > 20 * _MOST_SETS:
            return None
        held = {one & other for one in held for other in patterns}
        if len(held) > _MOST_SETS:
            return None
    return held


def _patterns(rules: Sequence[Reading], no_need: str) -> Iterable[set[int] | None]:
    """For each fact, the sets of rules that its values leave standing; None for too many."""
    fields = {name for rule in rules for name in rule.when.model_fields_set}
    if any(rule.needs_one for rule in rules):
        fields.add("need")
    for name in sorted(fields):
        said = [getattr(rule.when, name, None) for rule in rules]
        if name == "features":
            for feature in sorted({one for bounds in said for one in bounds or {}}):
                yield _of_bounds([None if bounds is None else bounds.get(feature) for bounds in said])
        elif name == "tags":
            yield _of_tags(said)
        elif name == "at_risk":
            yield {_mask(want is None or want is value for want in said) for value in (True, False, None)}
        else:
            mentioned = {value for values in said for value in values or ()}
            values = _ALWAYS_ONE_OF.get(name) or {*mentioned, _OTHER, *((no_need,) if name == "need" else ())}
            wanting = [rule.needs_one and name == "need" for rule in rules]
            yield {
                _mask(
                    (want is None or value in want) and not (one and value == no_need)
                    for want, one in zip(said, wanting, strict=True)
                )
                for value in values
            }


def _of_bounds(said: Sequence[Bounds | None]) -> set[int]:
    cuts = sorted({cut for one in said if one for cut in (one.above, one.below) if cut is not None})
    between = [(low + high) / 2 for low, high in pairwise(cuts)]
    points = [cuts[0] - 1, *cuts, *between, cuts[-1] + 1, float("nan")]
    return {_mask(one is None or one.hold(point) for one in said) for point in points}


def _of_tags(said: Sequence[tuple[str, ...] | None]) -> set[int] | None:
    """A household may have any of the tags together."""
    found = {_mask(want is None for want in said)}
    for tag in sorted({one for want in said for one in want or ()}):
        own = _mask(want is not None and tag in want for want in said)
        found |= {one | own for one in found}
        if len(found) > _MOST_SETS:
            return None
    return found


def _by_pairs(rules: Sequence[Reading], allowed: set[int]) -> tuple[Unreachable, ...]:
    found = []
    for later, rule in enumerate(rules):
        for earlier in range(later):
            first = rules[earlier]
            everywhere = all(not mask >> later & 1 or mask >> earlier & 1 for mask in allowed)
            if everywhere and not first.needs_one and _covers(first.when, rule.when):
                found.append(Unreachable(rule.name, f"{first.name!r} before it takes all for whom it holds"))
                break
    return tuple(found)


def _covers(wide: Conditions, narrow: Conditions) -> bool:
    """Whether `wide` holds wherever `narrow` does, fact by fact."""
    return all(
        name in narrow.model_fields_set and _within(getattr(wide, name), getattr(narrow, name))
        for name in wide.model_fields_set
    )


def _within(wide: Any, narrow: Any) -> bool:
    if isinstance(wide, Mapping):
        return all(name in narrow and _inside(bounds, narrow[name]) for name, bounds in wide.items())
    return wide is narrow if isinstance(wide, bool) else set(narrow) <= set(wide)


def _inside(wide: Bounds, narrow: Bounds) -> bool:
    low = wide.above is None or (narrow.above is not None and narrow.above >= wide.above)
    return low and (wide.below is None or (narrow.below is not None and narrow.below <= wide.below))


def _mask(holding: Iterable[bool]) -> int:
    return sum(1 << place for place, holds in enumerate(holding) if holds)


def _places(mask: int) -> Iterable[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
