"""Tables of the group contact: who may not be contacted, whatever the effect."""

from __future__ import annotations

from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, text

TABLES = (
    Table(
        "suppressed_households",
        group="contact",
        made_by="apply_contact_rules",
        meaning="The households that are not contacted now, whatever the effect, and the first rule that says so.",
        row="household that may not be contacted",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            text("suppression", "the rule: opt-out, recent contact, contact cap or no offer; the first that applies"),
            text("why", "the rule in words, with the number that decides"),
            integer("days_since_contact", "days since its last contact, of any type; null without one", nullable=True),
            integer("contacts_within", "its contacts of any type within the days that the cap is about"),
        ),
        may_be_empty=True,
        sources={
            "household_key": "segments",
            "suppression": "next_action.suppressed campaigns.start_day campaign_targets.campaign",
            "why": "next_action.because campaigns.start_day campaign_targets.campaign",
            **dict.fromkeys(("days_since_contact", "contacts_within"), "campaigns.start_day campaign_targets.campaign"),
        },
    ),
    Table(
        "contact_rules",
        group="contact",
        made_by="apply_contact_rules",
        meaning="The rules of contact: their limits, whom they stop, and what the opt-out file holds.",
        row="rule of contact",
        key=("rule",),
        columns=(
            text("rule", "opt-out, recent contact, contact cap or no offer, in order of precedence"),
            text("limit", "its limit in words; null where it is not set", nullable=True),
            flag("applied", "whether the rule is set"),
            integer("n_broken", "households for which the rule forbids a contact", "households"),
            integer("n_households", "those for which it is the first rule that does", "households"),
            integer("n_rows", "rows of the opt-out file", "rows"),
            integer("n_double", "rows of it that name a household again", "rows"),
            integer("n_unknown", "households in it that the study does not know", "households"),
        ),
    ),
)
