"""Tables of the group targeting."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import CAMPAIGN_OR_ALL, shared
from dunnhumby_pipeline.contracts.table import Table, integer, number, text

TABLES = (
    Table(
        "campaign_economics",
        group="targeting",
        made_by="campaign_economics",
        meaning="Cost of a contact and its break-even effect; beside it what coupons cost, which gross profit counts.",
        row="source of the cost, by campaign",
        key=("source", "campaign"),
        columns=(
            text(
                "source",
                "what the row is about: the contact, whose cost is fixed in the settings, or the coupons in the data",
            ),
            CAMPAIGN_OR_ALL,
            integer("n_targeted", "households that the campaign targeted", "households"),
            number("retailer_cost", "retailer-funded coupon discounts per targeted household", "$", nullable=True),
            number(
                "manufacturer_cost", "manufacturer-funded coupon discounts per targeted household", "$", nullable=True
            ),
            number("contact_cost", "cost of targeting one household; null for coupons", "$", nullable=True),
            number("margin", "profit per $ of sales", "0-1"),
            number("break_even_effect", "effect on spend whose margin pays one contact", "$", nullable=True),
            *shared("used"),
        ),
        partitioned=True,
        metrics=metrics.economics,
        measures=True,
    ),
    Table(
        "policy_value",
        group="targeting",
        made_by="value_policies",
        meaning="Honest and claimed value of every policy, $ per household.",
        row="policy",
        key=("policy",),
        columns=(
            text("policy", "rule that says whom to target"),
            *shared("share_targeted"),
            number("least_in_arm", "households selected in the smaller arm, by weight", "households"),
            # Of a policy that selects too few, nothing is known.
            *shared("value", nullable=True),
            number("value_se", "standard error of the value, clustered by household", "$", nullable=True),
            *shared("ci_lower ci_upper", nullable=True),
            number("claimed_value", "incremental profit per household by the model's own effects", "$", nullable=True),
            number("roi", "value per $ spent on contacts", nullable=True),
            *shared("n_trials chosen"),
            text("reason", "why it has no value", nullable=True),
        ),
        partitioned=True,
        metrics=metrics.value,
        measures=True,
    ),
    Table(
        "roi_curve",
        group="targeting",
        made_by="value_policies",
        meaning="Value as the share of households targeted grows.",
        row="share of households targeted",
        key=("share_targeted",),
        columns=(*shared("share_targeted value ci_lower ci_upper"),),
        partitioned=True,
        measures=True,
    ),
    Table(
        "targeting_list",
        group="targeting",
        made_by="targeting_list",
        meaning="Decision and reason for every household as of the last day; refuses to build while a gate is closed.",
        row="household as of the last day",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            text("decision", "target, leave, or test: learn first"),
            *shared("cate cate_lower cate_upper interval_of", nullable=True),
            number(
                "expected_profit", "the household's effect on gross profit, minus the contact cost", "$", nullable=True
            ),
            *shared("propensity", nullable=True),
            *shared("in_overlap segment"),
            text("reason", "why the decision is what it is"),
        ),
        partitioned=True,
        metrics=metrics.decisions,
    ),
)
