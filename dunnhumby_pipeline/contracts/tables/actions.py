"""Tables of the group actions: what to do with each segment, and the one next action of each household."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import feature_columns, shared
from dunnhumby_pipeline.contracts.features import feature
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

# What most of a group's households get, by the table next_action.
_MOST = (
    text("offer", "what more of them get than anything else; null where that is nothing", nullable=True),
    text("offer_form", "what that offer is made of", nullable=True),
    text("offer_rule", "rule of offers that it is from", nullable=True),
    integer("n_offered", "households that get it", "households"),
    number("offer_share", "share of the households that get it", "0-1"),
    integer("n_offers", "different rules of offers that its households follow", "rules"),
    integer("n_suppressed", "households for which the playbook has no offer", "households"),
    number("suppressed_share", "share of the households for which it has none", "0-1"),
)
_KPI = text("kpi", "what the action is judged by", nullable=True)
_CHANNEL = text("channel", "by what it is brought", nullable=True)
_FUNDER = text("funder", "who pays for it: retailer, manufacturer or shared", nullable=True)

TABLES = (
    Table(
        "next_action",
        group="actions",
        made_by="resolve_actions",
        meaning="The one next action of each household, by the rules of the playbook, or why it has none.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key segment value_tier need"),
            text("tags", "tags of the household, separated by commas; null without any", nullable=True),
            *shared("lifecycle"),
            *shared("discount_habit", nullable=True),
            flag(
                "at_risk",
                "whether a large fall is likely; null where that was not judged, or a win-back is held out by lot",
                nullable=True,
            ),
            text("offer", "what to offer it; null where the playbook has nothing that it may get", nullable=True),
            text("offer_form", "what the offer is made of", nullable=True),
            _CHANNEL,
            _FUNDER,
            _KPI,
            text("avoid", "what would spoil it", nullable=True),
            text("rule", "rule of offers that holds", nullable=True),
            text(
                "because", "facts that the rule looked at, and forms that its segment is kept from; or why none holds"
            ),
            flag("suppressed", "whether it is left, as the playbook has no offer that its segment may have"),
        ),
        metrics=metrics.actions,
        sources={
            **dict.fromkeys(("household_key", "segment"), "segments"),
            **dict.fromkeys(("value_tier", "lifecycle", "discount_habit"), "household_status"),
            "need": "household_needs",
            "tags": "household_tags.tag",
            "at_risk": "at_risk.at_risk at_risk.probability at_risk.holdout",
        },
    ),
    Table(
        "segment_playbook",
        group="actions",
        made_by="resolve_actions",
        meaning="What to do with each segment, by the rules of the playbook, and their commonest next action.",
        row="segment",
        key=("segment",),
        columns=(
            *shared("segment segment_name"),
            integer("priority", "call on budget and attention, 1 first", "1-5"),
            text("strategy", "what to aim at with the segment"),
            text("action", "what to do with the segment"),
            text("avoid", "what not to do with the segment"),
            text("rule", "rule of the playbook that holds; default when none does"),
            text("because", "facts that the rule looked at"),
            text("keeps_from", "forms of offers that its households must not get, separated by commas", nullable=True),
            *_MOST,
        ),
        sources={
            **dict.fromkeys(("segment", "segment_name"), "segment_profiles"),
        },
    ),
    Table(
        "value_need",
        group="actions",
        made_by="resolve_actions",
        meaning="Households and money of each value tier and need, and their commonest next action.",
        row="value tier and need",
        key=("value_tier", "need"),
        columns=(
            *shared("value_tier need n_households share"),
            number("tier_share", "share of the households of the tier", "0-1"),
            *shared("revenue revenue_share clv_mean"),
            number("discount_rate_mean", "mean discount rate over the households", "0-1"),
            *feature_columns([feature("discount_rate")]),
            *_MOST,
        ),
        measures=True,
        sources={
            "value_tier": "household_value_need",
            "need": "household_value_need.need",
            **dict.fromkeys(("n_households", "share", "tier_share"), "household_value_need.household_key"),
            **dict.fromkeys(("revenue", "revenue_share"), "household_value_need.revenue"),
            "clv_mean": "household_value_need.clv",
            "discount_rate_mean": "household_value_need.discount_rate",
            "discount_rate": "household_value_need.discounts household_value_need.revenue",
        },
    ),
    Table(
        "segment_briefs",
        group="actions",
        made_by="brief_segments",
        meaning="A brief per segment: size, money at stake, budget, one action, what it is judged by, and a test.",
        row="segment",
        key=("segment",),
        columns=(
            *shared("segment segment_name"),
            integer("priority", "call on budget and attention, 1 first", "1-5"),
            text("strategy", "what to aim at with the segment"),
            *shared("n_households share revenue revenue_share"),
            number("gross_profit", "margin of these sales less the retailer's part of coupons", "$"),
            number("clv_total", "sales expected of all of them in the next 52 weeks", "$"),
            *shared("clv_mean"),
            integer("n_contactable", "households for which the playbook has an offer", "households"),
            number("contact_cost", "cost of one contact in the scenario in use; null where only a campaign tells", "$"),
            number("budget", "cost of contacting all of these once", "$"),
            text("action", "their commonest next action; or that it is none"),
            integer("n_offered", "households that get it", "households"),
            number("offer_share", "share of its households that get it", "0-1"),
            text("offer_form", "what the offer is made of", nullable=True),
            _CHANNEL,
            _FUNDER,
            _KPI,
            text("avoid", "what not to do with the segment"),
            text("test", "the test that would settle what the action brings: who, how many, how long"),
            integer("test_days", "days over which the test is read", "days"),
            integer("test_households", "households that can be drawn: those that have an offer", "households"),
            number(
                "outcome_sd",
                "standard deviation of their gross profit over as many days, after what they brought before",
                "$",
            ),
            number("smallest_effect", "smallest effect that matters: what a contact costs", "$"),
            integer(
                "n_needed", "households that find that effect with the power that is set", "households", nullable=True
            ),
            integer("rounds_needed", "tests of these households that it takes", "tests", nullable=True),
            number("detectable_effect", "smallest effect that one test of all of them finds", "$"),
        ),
        measures=True,
        sources={
            **dict.fromkeys(("segment", "segment_name", "priority", "strategy", "avoid"), "segment_playbook"),
            **dict.fromkeys(("n_households", "share"), "next_action.segment"),
            **dict.fromkeys(("revenue", "revenue_share"), "transactions.sales_value"),
            "gross_profit": "transactions.sales_value transactions.coupon_match_disc products.department",
            **dict.fromkeys(("clv_total", "clv_mean"), "household_value_need.clv"),
            **dict.fromkeys(("n_contactable", "budget", "test_households"), "next_action.suppressed"),
            "action": "segment_playbook.offer",
            "n_offered": "next_action.rule segment_playbook.offer_rule",
            "offer_form": "next_action.offer_form",
            "channel": "next_action.channel",
            "funder": "next_action.funder",
            "kpi": "next_action.kpi",
            "outcome_sd": (
                "transactions.day transactions.sales_value transactions.coupon_match_disc "
                "products.department next_action.suppressed"
            ),
            "offer_share": "segment_playbook.offer_share",
        },
    ),
)
