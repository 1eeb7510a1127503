"""What to do with each segment, by the rules of the playbook, and which next actions its households get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dunnhumby_pipeline.segmentation.actions.conditions import SegmentConditions
from dunnhumby_pipeline.segmentation.actions.facts import Facts
from dunnhumby_pipeline.segmentation.actions.playbook import DEFAULT_RULE, NEED_PLACE, Playbook, PlaybookError
from dunnhumby_pipeline.segmentation.actions.resolver import next_actions
from dunnhumby_pipeline.segmentation.lifetime.status import StatusError, majority

ADVICE = ["segment", "segment_name", "priority", "strategy", "action", "avoid", "rule", "because", "keeps_from"]
# What most of a group get, and how many of them.
MOST = [
    "offer",
    "offer_form",
    "offer_rule",
    "n_offered",
    "offer_share",
    "n_offers",
    "n_suppressed",
    "suppressed_share",
]


def segment_advice(
    profiles: pd.DataFrame, segment_features: pd.DataFrame, leading_needs: Mapping[str, str], playbook: Playbook
) -> pd.DataFrame:
    """What to do with each segment, most urgent first (columns `ADVICE`).

    `profiles` and `segment_features` as of `profiles`; `leading_needs`: need of each segment. Where a rule names a
    value tier or a stage, those of most of the segment's households are meant (`status.majority`). rule: 'default'
    when none holds; because: the facts that the rule looked at, in words; keeps_from: the forms of offers that its
    households must not get, separated by commas, null for none. Segments without a household are left out.
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
    try:
        tiers, stages = majority(profiles, "value_tier"), majority(profiles, "lifecycle")
    except StatusError as error:
        raise PlaybookError(str(error)) from error
    for segment in profiles[profiles["n_households"] > 0].itertuples():
        facts = {
            "value_tier": tiers[segment.segment],
            "lifecycle": stages[segment.segment],
            "leading_need": leading_needs[segment.segment],
        }
        standing = scores.loc[segment.segment].to_dict()
        chosen = next((rule for rule in playbook.segments.rules if _holds(rule.when, facts, standing)), None)
        advice = chosen or playbook.segments.default
        name = chosen.name if chosen else DEFAULT_RULE
        rows.append(
            {
                "segment": segment.segment,
                "segment_name": segment.segment_name,
                "priority": advice.priority,
                "strategy": advice.strategy,
                "action": advice.action,
                "avoid": advice.avoid,
                "rule": name,
                "because": _reasons(chosen.when if chosen else None, facts, standing),
                "keeps_from": ", ".join(playbook.keeps_from(name)) or None,
            }
        )
    found = pd.DataFrame(rows, columns=ADVICE).sort_values("priority", kind="stable", ignore_index=True)
    return found.astype({"keeps_from": "str"})


def forbidden_forms(advice: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The forms that each segment must not get, as `segment_advice` or the table segment_playbook tells them."""
    forms = advice["keeps_from"].astype(object).where(advice["keeps_from"].notna(), "")
    return {
        str(segment): tuple(one for one in str(said).split(", ") if one)
        for segment, said in zip(advice["segment"], forms, strict=True)
    }


def most_get(actions: pd.DataFrame, by: Sequence[str], playbook: Playbook) -> pd.DataFrame:
    """What most of each group's households get (columns `by` and `MOST`, a row per group that has households).

    `actions`: the table next_action; `by`: columns of it. The action is that of the rule with the most households, no
    action (null) where more are suppressed than follow any rule; of equals the earlier rule. Its share is of all
    households of the group. Where households differ in their need, the offer says "their leading need".
    """
    place = {rule.name: number for number, rule in enumerate(playbook.offers.rules)}
    last = len(place)
    codes = actions["rule"].map(place).fillna(last).astype("int64")
    keys = list(by)
    counted = actions[keys].assign(place=codes).groupby([*keys, "place"]).size().rename("n").reset_index()
    whole = counted.groupby(keys)["n"].transform("sum")
    counted["offer_share"] = counted["n"] / whole
    suppressed = counted["n"].where(counted["place"] == last, 0)
    counted["n_suppressed"] = suppressed.groupby([counted[key] for key in keys]).transform("sum")
    counted["n_offers"] = (counted["place"] < last).groupby([counted[key] for key in keys]).transform("sum")
    counted["suppressed_share"] = counted["n_suppressed"] / whole
    counted = counted.sort_values([*keys, "n", "place"], ascending=[*[True] * len(keys), False, True])
    best = counted.drop_duplicates(keys).rename(columns={"n": "n_offered"}).reset_index(drop=True)
    offers = actions[keys].assign(place=codes, offer=actions["offer"]).groupby([*keys, "place"])["offer"]
    alike = best.set_index([*keys, "place"]).index
    same = (offers.nunique() <= 1).reindex(alike).to_numpy()
    first = offers.first().reindex(alike).to_numpy(dtype=object)
    general = np.array(
        [*(rule.offer.replace(NEED_PLACE, "their leading need") for rule in playbook.offers.rules), None], dtype=object
    )[best["place"]]
    offer = np.where(same, first, general)
    offer[(best["place"] == last).to_numpy()] = None
    best["offer"] = pd.Series(offer, dtype="str")
    forms = np.array([*(rule.form for rule in playbook.offers.rules), None], dtype=object)
    names = np.array([*place, None], dtype=object)
    best["offer_form"] = pd.Series(forms[best["place"]], dtype="str")
    best["offer_rule"] = pd.Series(names[best["place"]], dtype="str")
    # Of whom nobody gets anything there is nothing offered.
    best["n_offered"] = best["n_offered"].where(best["place"] < last, 0)
    best["offer_share"] = best["offer_share"].where(best["place"] < last, 0.0)
    return best[[*keys, *MOST]].astype({"n_suppressed": "int64", "n_offers": "int64", "n_offered": "int64"})


def segment_playbook(advice: pd.DataFrame, actions: pd.DataFrame, playbook: Playbook) -> pd.DataFrame:
    """The advice of each segment (`segment_advice`) with what most of its households get (`most_get`)."""
    return advice.merge(most_get(actions, ["segment"], playbook), on="segment", how="left", validate="one_to_one")


def actions_by_playbook(
    facts: Facts,
    profiles: pd.DataFrame,
    segment_features: pd.DataFrame,
    matrix: pd.DataFrame,
    playbook: Playbook,
) -> dict[str, pd.DataFrame]:
    """The tables next_action, segment_playbook and value_need, all by one resolution of the playbook.

    `profiles`: segment_profiles, with leading_need; `matrix`: `value_need.value_need`, whose cells without households
    get no offer. Raises PlaybookError for a feature that segments are not described by.
    """
    leading = dict(zip(profiles["segment"].astype(str), profiles["leading_need"].astype(str), strict=True))
    advice = segment_advice(profiles, segment_features, leading, playbook)
    actions = next_actions(facts, playbook, forbidden_forms(advice))
    cells = matrix.merge(most_get(actions, ["value_tier", "need"], playbook), on=["value_tier", "need"], how="left")
    counts = ["n_offered", "n_offers", "n_suppressed"]
    cells[counts] = cells[counts].fillna(0).astype("int64")
    return {
        "next_action": actions,
        "segment_playbook": segment_playbook(advice, actions, playbook),
        "value_need": cells.astype(dict.fromkeys(("offer", "offer_form", "offer_rule"), "str")),
    }


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
