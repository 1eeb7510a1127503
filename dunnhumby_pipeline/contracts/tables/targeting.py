"""Tables of the group targeting."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import CAMPAIGN_OR_ALL, shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

# What is said of one contact cost.
_JUDGED = (
    number("contact_cost", "cost of targeting one household, to the retailer", "$"),
    number("probability_pays", "chance that a contact pays, as estimated", "0-1"),
    number("probability_pays_calibrated", "chance that a contact pays, systematic error allowed for", "0-1"),
    number("expected_profit", "profit per contacted household, costs subtracted", "$"),
    number("ci_lower", "lower end of its interval, as estimated", "$"),
    number("ci_upper", "upper end of its interval, as estimated", "$"),
    number("calibrated_lower", "lower end, with the allowance for systematic error", "$"),
    number("calibrated_upper", "upper end, with the allowance for systematic error", "$"),
    number("expected_profit_total", "the same over all households with support", "$"),
    text("decision", "target, leave, or test: learn first"),
    integer("test_households", "households of the randomised test that is worth most over its cost", "households"),
    number("value_of_test", "what that test is expected to gain over deciding today", "$", nullable=True),
    number(
        "cost_of_test",
        "what that test costs: the arm that today's best guess would not give, and once",
        "$",
        nullable=True,
    ),
)

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
        "break_even",
        group="targeting",
        made_by="turn_cost_dial",
        meaning="By cost scenario: the contact cost that breaks even, whether a contact pays, and the decision.",
        row="cost scenario",
        key=("scenario",),
        columns=(
            text("scenario", "what a contact costs, by name"),
            *shared("used"),
            number("contact_cost_low", "lowest contact cost to the retailer", "$"),
            number("contact_cost_high", "highest contact cost to the retailer", "$"),
            number("margin", "profit per $ of sales", "0-1"),
            number("one_off_cost", "cost once per campaign", "$"),
            flag(
                "stands_for_coupons", "whether the cost is what coupons cost, so that their match is not netted again"
            ),
            number("break_even_effect", "effect on spend whose margin pays one contact", "$"),
            number("break_even_contact_cost", "effect on profit before the contact: what a contact may cost", "$"),
            number("break_even_lower", "lower end of its interval, as estimated", "$"),
            number("break_even_upper", "upper end of its interval, as estimated", "$"),
            number("break_even_calibrated_lower", "lower end, with the allowance for systematic error", "$"),
            number("break_even_calibrated_upper", "upper end, with the allowance for systematic error", "$"),
            *_JUDGED,
            text("decision_low", "the decision at its lowest contact cost"),
            text("decision_high", "the decision at its highest contact cost"),
        ),
        partitioned=True,
        metrics=metrics.break_even,
        measures=True,
    ),
    Table(
        "decision_by_cost",
        group="targeting",
        made_by="turn_cost_dial",
        meaning="The decision for households with support at every contact cost, in the scenario in use.",
        row="contact cost",
        key=("contact_cost",),
        columns=_JUDGED,
        partitioned=True,
        measures=True,
    ),
    Table(
        "decision_groups",
        group="targeting",
        made_by="turn_cost_dial",
        meaning="Groups of households that share a decision: all with support, or by the effect of a model that tells "
        "them apart.",
        row="group of households",
        key=("group",),
        columns=(
            integer("group", "group, from 0 by rising effect"),
            number(
                "lowest_effect", "lowest effect on gross profit in the group; null where it is open", "$", nullable=True
            ),
            number(
                "highest_effect",
                "highest effect on gross profit in the group; null where it is open",
                "$",
                nullable=True,
            ),
            integer("n_trials", "trials of the group", "trials"),
            integer("n_households", "households of today in the group, with support", "households"),
            *_JUDGED,
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "pays_by_margin",
        group="targeting",
        made_by="turn_cost_dial",
        meaning="The chance that a contact pays by margin and contact cost.",
        row="contact cost, by margin",
        key=("margin", "contact_cost"),
        columns=(
            number("margin", "profit per $ of sales", "0-1"),
            number("contact_cost", "cost of targeting one household", "$"),
            number("probability_pays_calibrated", "chance that a contact pays, systematic error allowed for", "0-1"),
        ),
        partitioned=True,
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
            number("probability_pays", "chance that a contact pays in its group, calibrated", "0-1", nullable=True),
            integer("group", "its group in decision_groups", nullable=True),
            *shared("propensity", nullable=True),
            *shared("in_overlap segment"),
            text("reason", "why the decision is what it is"),
        ),
        partitioned=True,
        metrics=metrics.decisions,
    ),
)
