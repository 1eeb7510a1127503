"""Tables of the group targeting that its others rest on: what a contact costs."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import CAMPAIGN_OR_ALL, shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "coupon_costs",
        group="targeting",
        made_by="coupon_costs",
        meaning="What coupons cost per targeted household, which gross profit counts.",
        row="campaign",
        key=("campaign",),
        columns=(
            CAMPAIGN_OR_ALL,
            integer("n_targeted", "households that the campaign targeted", "households"),
            number("retailer_cost", "retailer-funded coupon discounts per targeted household", "$"),
            number("manufacturer_cost", "manufacturer-funded coupon discounts per targeted household", "$"),
        ),
        partitioned=True,
        measures=True,
        sources={
            "campaign": "first_campaign_cohort.campaign",
            "n_targeted": "campaign_targets.household_key",
            "retailer_cost": (
                "transactions.coupon_match_disc campaign_targets.household_key coupons.product_id "
                "coupon_redemptions.coupon_upc campaigns.start_day campaigns.end_day"
            ),
            "manufacturer_cost": (
                "transactions.coupon_disc campaign_targets.household_key coupons.product_id "
                "coupon_redemptions.coupon_upc campaigns.start_day campaigns.end_day"
            ),
        },
    ),
    Table(
        "economics",
        group="targeting",
        made_by="economics",
        meaning="The cost scenarios in force, and which the list follows: by the settings, or as its run said.",
        row="cost scenario",
        key=("scenario",),
        columns=(
            text("scenario", "what a contact costs, by name"),
            *shared("used"),
            number("contact_cost_low", "lowest contact cost to the retailer", "$"),
            number("contact_cost", "cost of targeting one household, to the retailer", "$"),
            number("contact_cost_high", "highest contact cost to the retailer", "$"),
            number("funded_share", "share of the contact cost that manufacturers pay, which is taken off", "0-1"),
            number("one_off_cost", "cost once per campaign", "$"),
            number("margin", "profit per $ of sales", "0-1"),
            flag(
                "stands_for_coupons", "whether the cost is what coupons cost, so that their match is not netted again"
            ),
            number("of_gross_profit", "what an effect on gross profit, as measured, counts for in profit"),
            number("of_sales", "what an effect on sales counts for in profit"),
            number("break_even_effect", "effect on spend whose margin pays one contact", "$"),
            number("measured_margin", "margin by which gross profit was measured; the same in every row", "0-1"),
            integer(
                "campaigns_to_come",
                "campaigns over which what a test teaches is used; the same in every row",
                "campaigns",
            ),
            number("test_cost", "what a randomised test costs beside its contacts; the same in every row", "$"),
            number(
                "budget",
                "what contacts of one campaign may cost; null without a budget; the same in every row",
                "$",
                nullable=True,
            ),
            text("policy", "the policy that the list follows; the same in every row"),
            text(
                "said",
                "what the run said in place of the settings; null when nothing; the same in every row",
                nullable=True,
            ),
        ),
        partitioned=True,
        metrics=metrics.economics,
        sources={
            **dict.fromkeys(
                ("contact_cost", "contact_cost_low", "contact_cost_high", "break_even_effect"),
                "coupon_costs.retailer_cost",
            ),
        },
    ),
)
