"""What to offer whom on the list: the next action of each household, as the playbook resolved it.

An offer comes last: first whether a household may be contacted at all, then whether a contact is known to pay or is to
be tested, then with what. So only those to contact or to test have one. For whom the playbook has none, nobody is
contacted: `contact_rules` has taken them out before.
"""

from __future__ import annotations

import pandas as pd

from dunnhumby_pipeline.contracts.names import TARGET, TEST

KNOWN = ["need", "value_tier"]
# What the list has of an action, by what the table next_action calls it.
OF_ACTION = {
    "offer": "offer",
    "offer_form": "offer_form",
    "channel": "channel",
    "funder": "funder",
    "rule": "offer_rule",
}
COLUMNS = [*KNOWN, *OF_ACTION.values()]


class OfferError(ValueError):
    """Offers cannot be told. The message says which households are missing, or have none."""


def with_offers(targeting_list: pd.DataFrame, next_action: pd.DataFrame) -> pd.DataFrame:
    """The list with `COLUMNS`: need and value tier of each household, and for those to contact or test their next
    action (null for the others).

    Raises OfferError where a household of the list is not in next_action, or is to be contacted and has no action.
    """
    frame = targeting_list.reset_index(drop=True)
    place = pd.Index(next_action["household_key"]).get_indexer(frame["household_key"])
    missing = int((place < 0).sum())
    if missing:
        raise OfferError(
            f"{missing:,} of {len(frame):,} households of the list are not in next_action; make both from one run"
        )
    own = next_action.iloc[place].reset_index(drop=True)
    contacted = frame["decision"].isin([TARGET, TEST])
    without = int((contacted & own["suppressed"].astype(bool)).sum())
    if without:
        raise OfferError(
            f"{without:,} households of the list are to be contacted or tested, and next_action has no offer for them; "
            "make suppressed_households and the list from one run"
        )
    told = own[KNOWN].astype("str")
    offers = own[list(OF_ACTION)].rename(columns=OF_ACTION).astype("str").where(contacted)
    return pd.concat([frame, told, offers], axis=1)
