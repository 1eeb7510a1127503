"""One next action per household: the first rule that holds for it, of a form that its segment may have.

A rule whose form the household's segment is kept from is passed over. Where no rule is left, the household has no
action, and the reason is said; nothing is put in its place. Rules are applied as masks over all households.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dunnhumby_pipeline.contracts.names import NO_NEED
from dunnhumby_pipeline.segmentation.actions.facts import FACTS, Codes, Facts, Mask, tags_in_words
from dunnhumby_pipeline.segmentation.actions.playbook import NEED_PLACE, Form, OfferRule, Playbook, PlaybookError

FORMS: tuple[str, ...] = get_args(Form)
# Columns that are fields of the rule.
_OF_RULE = {
    "offer_form": "form",
    "channel": "channel",
    "funder": "funder",
    "kpi": "kpi",
    "avoid": "avoid",
    "rule": "name",
}
# What an action is made of, as columns of the table next_action.
ACTION = ["offer", "offer_form", "channel", "funder", "kpi", "avoid", "rule"]
COLUMNS = [
    "household_key",
    "segment",
    "value_tier",
    "need",
    "tags",
    "lifecycle",
    "discount_habit",
    "at_risk",
    *ACTION,
    "because",
    "suppressed",
]
_UNCHOSEN = -1


def require_names(
    playbook: Playbook, facts: Facts, needs: Iterable[str] = (), tags: Iterable[str] = (), where: str = "the playbook"
) -> None:
    """Raise PlaybookError, with the names that are near, where rules name a need, tag or segment that there is not.

    Known are those of the households, and `needs` and `tags` that have a name although nobody has them now. A segment
    goes by its slug or its name.
    """
    segments = [*facts.segment_names, *facts.segment_names.values()]
    known_needs = sorted({*map(str, facts.facts["need"].values), *needs, NO_NEED})
    known = {"need": known_needs, "tags": sorted({*facts.tag_names, *tags}), "segment": segments}
    wrong = []
    for place, rule in enumerate(playbook.offers.rules):
        for name, names in known.items():
            wrong += _strangers(f"offers.rules.{place} ({rule.name!r}).when.{name}", getattr(rule.when, name), names)
    wrong += _strangers("offers.called", list(playbook.offers.called), known_needs)
    for place, one in enumerate(playbook.segments.rules):
        path = f"segments.rules.{place} ({one.name!r}).when.leading_need"
        wrong += _strangers(path, one.when.leading_need, known_needs)
    if wrong:
        raise PlaybookError(f"{where} cannot be used: {'; '.join(wrong)}")


def next_actions(facts: Facts, playbook: Playbook, keeps_from: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The next action of every household, in the order of `facts` (columns `COLUMNS`).

    `keeps_from`: the forms that each segment must not get, as `advice.segment_advice` tells them. `suppressed`
    households have no action: offer and all that belongs to it are null, and `because` says why.
    Raises KeyError for a segment without such advice.
    """
    rules = playbook.offers.rules
    segment = facts.facts["segment"]
    forbidden = np.array([[form in keeps_from[str(slug)] for form in FORMS] for slug in segment.values])
    chosen = np.full(len(facts), _UNCHOSEN)
    passed_over = np.zeros(len(facts), dtype=np.int64)
    for place, rule in enumerate(rules):
        form = FORMS.index(rule.form)
        open_to = (chosen == _UNCHOSEN) & _holds(rule, facts)
        kept = forbidden[segment.codes, form] if len(facts) else np.zeros(0, dtype=bool)
        chosen[open_to & ~kept] = place
        passed_over[open_to & kept] |= 1 << form
    frame = pd.DataFrame({"household_key": facts.households})
    for name in FACTS[:-1]:
        frame[name] = _text(facts.facts[name].codes, [*map(str, facts.facts[name].values), None])
    risk = facts.facts["at_risk"].codes
    frame["at_risk"] = pd.Series(risk == 1).astype("boolean").mask(risk < 0)
    frame["tags"] = tags_in_words(facts)
    frame["offer"] = _offers(playbook, chosen, facts)
    for column, field in _OF_RULE.items():
        frame[column] = _text(chosen, [*(str(getattr(rule, field)) for rule in rules), None])
    frame["because"] = _reasons(rules, chosen, passed_over, facts)
    frame["suppressed"] = chosen == _UNCHOSEN
    return frame[COLUMNS]


def _strangers(path: str, said: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    return [
        f"{path}: {name!r} is none that the data have; expected one of "
        f"{', '.join(get_close_matches(name, known, 3) or known) or 'none: there is not any'}"
        for name in said or ()
        if name not in known
    ]


def _holds(rule: OfferRule, facts: Facts) -> Mask:
    holds = np.ones(len(facts), dtype=bool)
    for name in sorted(rule.when.model_fields_set - {"tags", "segment"}):
        wanted = getattr(rule.when, name)
        holds &= facts.facts[name].among([wanted] if name == "at_risk" else wanted)
    if rule.when.segment is not None:
        holds &= facts.facts["segment"].among(_slugs(rule.when.segment, facts))
    if rule.when.tags is not None:
        wanted = [place for place, tag in enumerate(facts.tag_names) if tag in rule.when.tags]
        holds &= facts.tags[:, wanted].any(axis=1)
    if rule.needs_one:
        holds &= ~facts.facts["need"].among([NO_NEED])
    return holds


def _slugs(named: Sequence[str], facts: Facts) -> list[str]:
    return [slug for slug, name in facts.segment_names.items() if slug in named or name in named]


def _text(codes: Codes, said: Sequence[str | None]) -> pd.Series:
    """The text of each code (n,); -1 finds the last."""
    return pd.Series(np.array(said, dtype=object)[codes], dtype="str")


def _offers(playbook: Playbook, chosen: Codes, facts: Facts) -> pd.Series:
    need = facts.facts["need"]
    width = len(need.values)
    called = [playbook.offers.called.get(str(value), str(value)) for value in need.values]
    said = [rule.offer.replace(NEED_PLACE, name) for rule in playbook.offers.rules for name in called]
    places = np.where(chosen == _UNCHOSEN, -1, chosen * width + need.codes)
    return _text(places, [*said, None])


def _reasons(rules: Sequence[OfferRule], chosen: Codes, passed_over: Codes, facts: Facts) -> pd.Series:
    """Why each household has its action, or none: the facts that its rule looked at, and the forms it is kept from."""
    reasons = np.empty(len(facts), dtype=object)
    for place in range(_UNCHOSEN, len(rules)):
        rows = np.flatnonzero(chosen == place)
        if not len(rows):
            continue
        asked = _asked(rules[place]) if place >= 0 else (set(FACTS) - {"segment", "at_risk"}) | {"tags"}
        columns = [facts.facts[name].codes[rows] + 1 for name in FACTS if name in asked or name == "segment"]
        named = facts.tag_names if place == _UNCHOSEN else rules[place].when.tags or ()
        wanted = [tag for tag, name in enumerate(facts.tag_names) if name in named]
        columns += [facts.tags[rows, tag].astype(np.int64) for tag in wanted]
        first, group = _groups([*columns, passed_over[rows]])
        said = [_reason(rules, place, int(row), asked, wanted, int(passed_over[row]), facts) for row in rows[first]]
        reasons[rows] = np.array(said, dtype=object)[group]
    return pd.Series(reasons, dtype="str")


def _asked(rule: OfferRule) -> set[str]:
    return set(rule.when.model_fields_set) | ({"need"} if rule.needs_one else set())


def _groups(columns: Sequence[NDArray[np.int64]]) -> tuple[Codes, Codes]:
    """(first row of each distinct combination, which combination each row (n,) is)."""
    combined = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        # Renumbered as it grows, so that no number of columns overflows.
        _, combined = np.unique(combined * (int(column.max()) + 1) + column, return_inverse=True)
    _, first, group = np.unique(combined, return_index=True, return_inverse=True)
    return first, group


def _reason(
    rules: Sequence[OfferRule], place: int, row: int, asked: set[str], wanted: list[int], over: int, facts: Facts
) -> str:
    """The reason of one household that stands for all of its kind."""
    said = [
        f"{name.replace('_', ' ')} {facts.facts[name].words()[facts.facts[name].codes[row]]}"
        for name in FACTS
        if name in asked and name != "segment"
    ]
    slug = str(facts.facts["segment"].values[facts.facts["segment"].codes[row]])
    called = facts.segment_names.get(slug, slug)
    if "segment" in asked:
        said.append(f"segment {called}")
    has = [facts.tag_names[tag] for tag in wanted if facts.tags[row, tag]]
    if has:
        said.append(f"tags {', '.join(has)}")
    kept = ", ".join(form for number, form in enumerate(FORMS) if over >> number & 1)
    if place == _UNCHOSEN:
        if over:
            return f"all rules that hold offer what its segment ({called}) is kept from: {kept}"
        return f"no rule of offers holds: {', '.join(said)}"
    told = ", ".join(said) or "holds for all"
    return f"{told}; its segment ({called}) is kept from {kept}" if over else told
