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
        meaning="Contact cost and breakeven effect: as set, and as the coupons of the data imply.",
        row="source of the cost, by campaign",
        key=("source", "campaign"),
        columns=(
            text("source", "where the cost comes from: fixed in the settings, or estimated from the coupons"),
            CAMPAIGN_OR_ALL,
            integer("n_targeted", "households that the campaign targeted", "households"),
            number("retailer_cost", "retailer-funded coupon discounts per targeted household", "$", nullable=True),
            number(
                "manufacturer_cost", "manufacturer-funded coupon discounts per targeted household", "$", nullable=True
            ),
            number("contact_cost", "cost of targeting one household", "$"),
            number("margin", "profit per $ of sales", "0-1"),
            number("breakeven", "effect on spend whose margin pays one contact", "$"),
            *shared("used"),
        ),
        partitioned=True,
        metrics=metrics.economics,
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
            *shared("share_targeted value"),
            number("value_se", "standard error of the value, clustered by household", "$"),
            *shared("ci_lower ci_upper"),
            number("claimed_value", "incremental profit per household by the model's own effects", "$"),
            number("roi", "value per $ spent on contacts", nullable=True),
            *shared("n_trials chosen"),
        ),
        partitioned=True,
        metrics=metrics.value,
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
            *shared("cate cate_lower cate_upper", nullable=True),
            number(
                "expected_profit", "margin times the household's effect, minus the contact cost", "$", nullable=True
            ),
            *shared("propensity", nullable=True),
            *shared("in_overlap segment"),
            text("reason", "why the decision is what it is"),
        ),
        partitioned=True,
        metrics=metrics.decisions,
    ),
)
