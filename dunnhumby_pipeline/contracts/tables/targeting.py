"""Tables of the group targeting: the dial of costs, and the list."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.sources import COST, DOUBT, ONCE, SCORES, TODAY
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

# What is said of one contact cost.
_JUDGED = (
    number("contact_cost", "cost of targeting one household, to the retailer", "$"),
    number("probability_pays", "chance that a contact pays, as estimated", "0-1"),
    number(
        "probability_pays_calibrated",
        "chance that a contact pays, systematic error allowed for, after experiments",
        "0-1",
    ),
    number(
        "expected_profit", "profit per contacted household, costs subtracted, as it is believed after experiments", "$"
    ),
    number("ci_lower", "lower end of its interval, as the study estimated it", "$"),
    number("ci_upper", "upper end of its interval, as the study estimated it", "$"),
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

# What the decision on a household comes from, by itself and on the list.
_DECIDED = {
    "contact": "household_effects.received_before",
    "group": "decision_groups.group household_effects.cate household_effects.received_before",
    "in_overlap": ("household_effects.propensity household_effects.received_before repeat_households.in_overlap"),
    "expected_profit": "decision_groups.expected_profit",
    "expected_profit_lower": "decision_groups.calibrated_lower",
    "expected_profit_upper": "decision_groups.calibrated_upper",
    "probability_pays": "decision_groups.probability_pays_calibrated",
    "decision": (
        "decision_groups.decision household_effects.cate household_effects.propensity "
        "household_effects.received_before repeat_households.in_overlap "
        "suppressed_households.suppression policy_value.ci_lower policy_value.chosen"
    ),
}

TABLES = (
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
            number("study_effect", "the same as the study alone has it, without experiments", "$"),
            integer("n_experiments", "experiments on this campaign type that it rests on beside the study"),
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
        sources={
            **dict.fromkeys(
                (
                    "scenario",
                    "used",
                    "contact_cost_low",
                    "contact_cost",
                    "contact_cost_high",
                    "margin",
                    "one_off_cost",
                    "stands_for_coupons",
                    "break_even_effect",
                ),
                "economics",
            ),
            **dict.fromkeys(
                ("study_effect", "break_even_contact_cost", "break_even_lower", "break_even_upper"), SCORES
            ),
            **dict.fromkeys(("break_even_calibrated_lower", "break_even_calibrated_upper"), f"{SCORES} {DOUBT}"),
            **dict.fromkeys(("probability_pays", "expected_profit", "ci_lower", "ci_upper"), f"{SCORES} {COST}"),
            **dict.fromkeys(
                ("probability_pays_calibrated", "calibrated_lower", "calibrated_upper"), f"{SCORES} {COST} {DOUBT}"
            ),
            "expected_profit_total": f"{SCORES} {COST} {TODAY}",
        },
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
        sources={
            **dict.fromkeys(("probability_pays", "expected_profit", "ci_lower", "ci_upper"), f"{SCORES} {ONCE}"),
            **dict.fromkeys(
                ("probability_pays_calibrated", "calibrated_lower", "calibrated_upper"), f"{SCORES} {ONCE} {DOUBT}"
            ),
            "expected_profit_total": f"{SCORES} {ONCE} {TODAY}",
        },
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
            integer(
                "group", "group: those of first contacts from 0 by rising effect, then households contacted before"
            ),
            text("contact", "whether it would be their first contact of the type, or they were contacted before"),
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
            integer(
                "n_decided",
                "households whom a test would decide: these, and those of the kind without comparable ones",
                "households",
            ),
            number("effect", "effect on profit before the contact, as the study alone has it", "$"),
            number("effect_se", "its standard error, clustered by household", "$"),
            number("outcome_variance", "variance of profit per household that outcome means leave", "$ squared"),
            integer("n_experiments", "experiments on this campaign type that it rests on beside the study"),
            *_JUDGED,
        ),
        partitioned=True,
        measures=True,
        sources={
            "contact_cost": "economics",
            "n_decided": "household_effects.received_before",
            "n_households": f"{TODAY} repeat_households.in_overlap",
            **dict.fromkeys(("effect", "effect_se", "outcome_variance"), SCORES),
            **dict.fromkeys(("probability_pays", "expected_profit", "ci_lower", "ci_upper"), f"{SCORES} {COST}"),
            **dict.fromkeys(
                ("probability_pays_calibrated", "calibrated_lower", "calibrated_upper"), f"{SCORES} {COST} {DOUBT}"
            ),
            "expected_profit_total": f"{SCORES} {COST} {TODAY} repeat_households.in_overlap",
        },
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
        "household_decisions",
        group="targeting",
        made_by="targeting_list",
        meaning="What this campaign type decides for every household before the other types are heard; they read it.",
        row="household as of the last day",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            text("decision", "target, leave, or test, by this type alone"),
            text("contact", "whether it would be its first contact of the type, or it was contacted before"),
            integer("group", "group in decision_groups that decides it, or whose test would", nullable=True),
            *shared("in_overlap"),
            number("expected_profit", "profit per contact of its group, costs subtracted", "$", nullable=True),
            number("expected_profit_lower", "lower end of its interval, calibrated", "$", nullable=True),
            number("expected_profit_upper", "upper end of its interval, calibrated", "$", nullable=True),
            number("probability_pays", "chance that a contact pays in its group, calibrated", "0-1", nullable=True),
            number(
                "net_of_test", "value of its group's test over its cost, per household it decides", "$", nullable=True
            ),
            number("contact_cost", "cost of targeting one household, to the retailer", "$"),
            integer("as_of_day", "last day of the data that it was decided on", "day"),
        ),
        partitioned=True,
        sources={
            **_DECIDED,
            "household_key": "segments",
            "contact_cost": "economics",
            "net_of_test": "decision_groups.value_of_test decision_groups.cost_of_test decision_groups.n_decided",
        },
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
            text("contact", "whether it would be its first contact of the type, or it was contacted before"),
            *shared("cate cate_lower cate_upper interval_of", nullable=True),
            number(
                "expected_profit",
                "profit per contact of its group, costs subtracted; null without comparable households",
                "$",
                nullable=True,
            ),
            number("expected_profit_lower", "lower end of its interval, calibrated", "$", nullable=True),
            number("expected_profit_upper", "upper end of its interval, calibrated", "$", nullable=True),
            number("probability_pays", "chance that a contact pays in its group, calibrated", "0-1", nullable=True),
            integer("group", "group in decision_groups that decides it, or whose test would", nullable=True),
            number("selected", "share of such households that the policy selects; null without support", nullable=True),
            *shared("propensity", nullable=True),
            *shared("in_overlap segment"),
            text("reason", "why the decision is what it is"),
            text("decided_by", "study, or experiment where one on this campaign type was read back"),
            text("suppression", "the rule by which it may not be contacted; null where it may", nullable=True),
            text(
                "without_suppression", "what the decision would be else; null where it may be contacted", nullable=True
            ),
            text(
                "campaign_type_best",
                "campaign type of the highest expected profit, of those studied with comparable households",
                nullable=True,
            ),
            text("profit_by_type", "expected profit per contact by campaign type, in words", nullable=True),
            text("arm", "of a target: contact, or hold out by lot; null of others", nullable=True),
            number("arm_probability", "chance that it had of this arm", "0-1", nullable=True),
            *shared("need"),
            text("value_tier", "value tier of the household, by its lifetime value: high, mid or low"),
            text("offer", "what to offer it, as in next_action; null where it is not contacted", nullable=True),
            text("offer_form", "what the offer is made of", nullable=True),
            text("channel", "by what it is brought", nullable=True),
            text("funder", "who pays for it: retailer, manufacturer or shared", nullable=True),
            text("offer_rule", "rule of the playbook that the offer is from", nullable=True),
        ),
        partitioned=True,
        metrics=metrics.decisions,
        sources={
            **_DECIDED,
            **dict.fromkeys(("household_key", "segment"), "segments"),
            "cate": "household_effects.cate decision_groups.effect",
            "cate_lower": "household_effects.cate_lower decision_groups.effect decision_groups.effect_se",
            "cate_upper": "household_effects.cate_upper decision_groups.effect decision_groups.effect_se",
            "propensity": "household_effects.propensity repeat_households.propensity",
            "decided_by": "decision_groups.n_experiments",
            "suppression": "suppressed_households.suppression",
            **dict.fromkeys(("need", "value_tier"), "next_action"),
            **{name: f"next_action.{name}" for name in ("channel", "funder", "offer_form")},
            "offer": "next_action.offer",
            "offer_rule": "next_action.rule",
            "selected": (
                "household_effects.cate household_effects.propensity "
                "household_effects.received_before repeat_households.in_overlap household_matrix"
            ),
        },
    ),
)
