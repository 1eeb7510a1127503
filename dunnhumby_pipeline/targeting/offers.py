"""What to offer whom: behind one function stand what a household comes for, what it is worth, and the playbook.

An offer comes last: first whether a household may be contacted at all, then whether a contact is known to pay or is to
be tested, then with what. So only those to contact or to test have one, and none that the playbook keeps their segment
from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.names import TARGET, TEST
from dunnhumby_pipeline.segmentation.needs.playbook import Playbook, cell_offer, kept_forms

COLUMNS = ["need", "value_tier", "offer", "offer_rule"]


class OfferError(ValueError):
    """Offers cannot be told. The message says which households or cells are missing."""


@dataclass(frozen=True)
class Offers:
    """What offers are told by: the `playbook`, the forms that each segment is kept from, and the discount rate (0-1)
    of each value tier and need."""

    playbook: Playbook
    kept: Mapping[str, tuple[str, ...]]
    discount_rate: Mapping[tuple[str, str], float]


def known_offers(segment_playbook: pd.DataFrame, value_need: pd.DataFrame, playbook: Playbook) -> Offers:
    """What the tables segment_playbook and value_need, made by this playbook, say."""
    segments = zip(segment_playbook["segment"], segment_playbook["rule"], strict=True)
    cells = zip(value_need["value_tier"], value_need["need"], value_need["discount_rate"], strict=True)
    return Offers(
        playbook,
        {str(segment): kept_forms(str(rule), playbook) for segment, rule in segments},
        {(str(tier), str(need)): float(rate) for tier, need, rate in cells},
    )


def offer_for(segment: str, need: str, value_tier: str, offers: Offers) -> tuple[str, str]:
    """(offer, name of the rule) for households of a segment, need and value tier.

    It is that of their cell of value and need, unless the playbook keeps their segment from its form: then that of the
    next rule that holds, or none of their own. Raises OfferError where segment or cell is not known.
    """
    if segment not in offers.kept or (value_tier, need) not in offers.discount_rate:
        raise OfferError(
            f"no offer can be told for segment {segment!r}, need {need!r}, value tier {value_tier!r}: the playbook "
            f"speaks of the segments {', '.join(sorted(offers.kept))}; segments, needs and values are of other runs"
        )
    rate = offers.discount_rate[(value_tier, need)]
    return cell_offer(value_tier, need, rate, offers.playbook, offers.kept[segment])


def with_offers(targeting_list: pd.DataFrame, households: pd.DataFrame, offers: Offers) -> pd.DataFrame:
    """The list with `COLUMNS`: need and value tier of each household, and for those to contact or test the offer and
    the rule it is from (null for the others). `households`: the table household_value_need.

    Raises OfferError where a household of the list has no need or value, naming how many.
    """
    known = households[["household_key", "need", "value_tier"]]
    frame = targeting_list.merge(known, on="household_key", how="left", validate="one_to_one")
    missing = int(frame["need"].isna().sum())
    if missing:
        raise OfferError(
            f"{missing:,} of {len(frame):,} households of the list have no need and value in household_value_need; "
            "make both from one run"
        )
    contacted = frame["decision"].isin([TARGET, TEST]).to_numpy()
    cells = frame.loc[contacted, ["segment", "need", "value_tier"]].astype(str)
    groups = cells.groupby(["segment", "need", "value_tier"], sort=True)
    told = [offer_for(str(segment), str(need), str(tier), offers) for segment, need, tier in groups.groups]
    found = [told[cell] for cell in groups.ngroup()]
    for place, name in enumerate(("offer", "offer_rule")):
        column = np.full(len(frame), None, dtype=object)
        column[contacted] = [own[place] for own in found]
        frame[name] = pd.Series(column, index=frame.index, dtype="str")
    return frame
