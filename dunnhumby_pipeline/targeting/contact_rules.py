"""Who is not contacted whatever a campaign would do for them: without permission, or without an offer they may get.

Precedence: an opt-out, then the rest that is due since the last contact, then the cap on contacts; then the causal
decision; then the playbook, which may have no offer for a household. All of them are taken out before ranks and budgets
are spent, so that policies are valued on those who are left. Contacts are campaigns of every type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dunnhumby_pipeline.contracts.frames import without_rows
from dunnhumby_pipeline.contracts.names import CONTACT_CAP, LEAVE, NO_OFFER, OPT_OUT, RECENT_CONTACT, SUPPRESSIONS
from dunnhumby_pipeline.contracts.registry import table
from dunnhumby_pipeline.settings import ContactSettings
from dunnhumby_pipeline.targeting.opt_outs import OptOuts


@dataclass(frozen=True)
class Suppressed:
    """The tables suppressed_households, one row per household that may not be contacted, and contact_rules."""

    households: pd.DataFrame
    rules: pd.DataFrame


def contacts_so_far(
    households: pd.Series, campaign_targets: pd.DataFrame, campaigns: pd.DataFrame, last_day: int, within: int
) -> pd.DataFrame:
    """Of each household, in their order: days_since_contact (null without one) and contacts_within, those that began in
    the last `within` days, as of `last_day`. A household is contacted by a campaign once, on its first day; a campaign
    that is yet to begin counts as one of today.
    """
    listed = campaign_targets[["household_key", "campaign"]].drop_duplicates()
    began = campaigns.drop_duplicates("campaign").set_index("campaign")["start_day"]
    days = (last_day - listed["campaign"].map(began)).clip(lower=0)
    by_household = days.groupby(listed["household_key"])
    recent = (days < within).groupby(listed["household_key"]).sum()
    return pd.DataFrame(
        {
            "household_key": households.to_numpy(),
            "days_since_contact": by_household.min().reindex(households).astype("Int64").array,
            "contacts_within": recent.reindex(households).fillna(0).astype("int64").to_numpy(),
        }
    )


def suppressed_households(
    contacts: pd.DataFrame,
    opt_outs: OptOuts,
    n_unknown: int,
    settings: ContactSettings,
    next_action: pd.DataFrame | None = None,
) -> Suppressed:
    """Who may not be contacted, by the first rule that says so, and what each rule does.

    `contacts`: of every household of the study what `contacts_so_far` tells. `n_unknown`: opt-outs of others.
    `next_action`: the table (household_key, suppressed, because); without it every household has an offer.
    """
    without = pd.Series(dtype="str")
    if next_action is not None:
        own = next_action.loc[next_action["suppressed"].astype(bool)].set_index("household_key")["because"]
        without = own.astype("str")
    told = contacts["household_key"].map(without).astype("string").fillna("")
    since, often = contacts["days_since_contact"], contacts["contacts_within"]
    least, most = settings.least_days, settings.most_contacts
    broken = {
        OPT_OUT: contacts["household_key"].isin(opt_outs.households).to_numpy(dtype=bool),
        RECENT_CONTACT: np.zeros(len(contacts), dtype=bool)
        if least is None
        else (since < least).fillna(False).to_numpy(dtype=bool),
        CONTACT_CAP: np.zeros(len(contacts), dtype=bool) if most is None else (often >= most).to_numpy(dtype=bool),
        NO_OFFER: contacts["household_key"].isin(without.index).to_numpy(dtype=bool),
    }
    first = pd.Series(np.select(list(broken.values()), list(broken), ""), index=contacts.index)
    why = np.select(
        [first == OPT_OUT, first == RECENT_CONTACT, first == CONTACT_CAP, first == NO_OFFER],
        [
            "it has opted out of contact",
            "its last contact was " + since.astype("string").fillna("") + f" days ago, and {least} must lie between",
            "it had " + often.astype(str) + f" contacts in {settings.contact_days} days, and {most} are the most",
            "the playbook has no offer that it may get: " + told,
        ],
        "",
    )
    found = contacts.assign(suppression=first, why=why)[first != ""].reset_index(drop=True)
    limits = {
        OPT_OUT: None if settings.opt_out_file is None else f"households of {settings.opt_out_file}",
        RECENT_CONTACT: None if least is None else f"{least} days between contacts",
        CONTACT_CAP: None if most is None else f"at most {most} in {settings.contact_days} days",
        NO_OFFER: None if next_action is None else "an offer of the playbook that its segment may have",
    }
    rules = pd.DataFrame(
        {
            "rule": list(SUPPRESSIONS),
            "limit": pd.Series([limits[rule] for rule in SUPPRESSIONS], dtype="str"),
            "applied": [limits[rule] is not None for rule in SUPPRESSIONS],
            "n_broken": [int(broken[rule].sum()) for rule in SUPPRESSIONS],
            "n_households": [int((first == rule).sum()) for rule in SUPPRESSIONS],
            "n_rows": [opt_outs.n_rows, *[0] * (len(SUPPRESSIONS) - 1)],
            "n_double": [opt_outs.n_double, *[0] * (len(SUPPRESSIONS) - 1)],
            "n_unknown": [n_unknown, *[0] * (len(SUPPRESSIONS) - 1)],
        }
    )
    none = without_rows(table("suppressed_households"))
    return Suppressed(none if found.empty else found[none.columns.tolist()], rules)


def permitted(households: pd.DataFrame, suppressed: pd.DataFrame) -> pd.DataFrame:
    """The rows of `households` (by household_key) of those who may be contacted."""
    if suppressed.empty:
        return households
    return households.loc[~households["household_key"].isin(suppressed["household_key"])]


def decide_with_permission(
    scored: pd.DataFrame, suppressed: pd.DataFrame, decide: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """The list that `decide` makes of those who may be contacted, so that ranks and budgets are spent on them, and
    beside them the others, who are left. Two more columns: suppression (the rule, else null) and without_suppression
    (what `decide` says when it is given everybody, else null).

    The reason is the rule; of a household without an offer that would be left anyway, why it would be, as the effect
    decides before the playbook does.
    """
    if suppressed.empty:
        return decide(scored).assign(suppression=_nothing(len(scored)), without_suppression=_nothing(len(scored)))
    allowed, everybody = decide(permitted(scored, suppressed)), decide(scored)
    told = suppressed.set_index("household_key")
    stopped = everybody.loc[everybody["household_key"].isin(told.index)]
    rule = stopped["household_key"].map(told["suppression"])
    why = stopped["household_key"].map(told["why"])
    left = ((rule == NO_OFFER) & (stopped["decision"] == LEAVE)).to_numpy()
    said = np.where(
        left, stopped["reason"] + "; and " + why, why + "; else the decision would be: " + stopped["decision"]
    )
    stopped = stopped.assign(
        decision=LEAVE,
        reason=pd.Series(said, index=stopped.index).astype("str"),
        suppression=rule.astype("str"),
        without_suppression=stopped["decision"].astype("str"),
    )
    allowed = allowed.assign(suppression=_nothing(len(allowed)), without_suppression=_nothing(len(allowed)))
    both = pd.concat([allowed, stopped], ignore_index=True)
    # In the order of the list of everybody, which is by profit.
    place = pd.Series(np.arange(len(everybody)), index=everybody["household_key"])
    return both.iloc[np.argsort(both["household_key"].map(place).to_numpy(), kind="stable")].reset_index(drop=True)


def _nothing(n: int) -> pd.Series:
    return pd.Series([None] * n, dtype="str")
