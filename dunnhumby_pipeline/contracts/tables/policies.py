"""Tables of the group policies: what each rule of whom to target is worth."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.sources import SCORES
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "policy_value",
        group="policies",
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
            number("optimism", "claimed value less honest value", "$", nullable=True),
            number("optimism_se", "its standard error, clustered by household", "$", nullable=True),
            number("roi", "value per $ spent on contacts", nullable=True),
            number(
                "share_best",
                "share of bootstraps of households in which it is worth most; null where it does not compete",
                "0-1",
                nullable=True,
            ),
            *shared("n_trials chosen"),
            text("reason", "why it has no value", nullable=True),
        ),
        partitioned=True,
        metrics=metrics.value,
        measures=True,
        sources={
            **dict.fromkeys(
                ("value", "value_se", "ci_lower", "ci_upper"),
                f"{SCORES} economics.contact_cost cate_estimates.cate cate_by_model.cate propensity.in_overlap "
                "design_matrix",
            ),
        },
    ),
    Table(
        "policy_differences",
        group="policies",
        made_by="value_policies",
        meaning="Each policy against targeting everybody, nobody, and what was done, on the same trials.",
        row="policy, by what it is held against",
        key=("policy", "against"),
        columns=(
            text("policy", "rule that says whom to target"),
            text("against", "policy that it is held against"),
            number("difference", "its value less that of the other", "$"),
            number("se", "standard error of the difference, clustered by household", "$"),
            *shared("ci_lower ci_upper"),
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "policy_selection",
        group="policies",
        made_by="value_policies",
        meaning="What choosing the best policy is worth, and what is lost by the one in use.",
        row="quantity",
        key=("quantity",),
        columns=(
            text(
                "quantity",
                "regret of the policy in use; best, with a hybrid interval; best_simultaneous; procedure: choosing",
            ),
            text("policy", "policy that it is about; of the procedure all that were chosen"),
            number("estimate", "the quantity, $ per household", "$", nullable=True),
            number("se", "its standard error, clustered by household", "$", nullable=True),
            *shared("ci_lower ci_upper", nullable=True),
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "policy_rules",
        group="policies",
        made_by="value_policies",
        meaning="A policy tree in words, fitted to half of the folds; profit of a contact by the other half.",
        row="leaf",
        key=("leaf",),
        columns=(
            integer("leaf", "leaf, from 0"),
            text("rule", "which households are in it"),
            flag("treats", "whether the tree targets them"),
            integer("n_trials", "trials of the other folds in it", "trials"),
            number("share", "share of the trials of the other folds", "0-1"),
            number("least_in_arm", "households in the smaller arm", "households"),
            number("profit", "profit per contact; null with too few households", "$", nullable=True),
            number("se", "its standard error, clustered by household", "$", nullable=True),
            *shared("ci_lower ci_upper", nullable=True),
            number(
                "kept", "share of its trials that refits decide alike; null in a leaf without any", "0-1", nullable=True
            ),
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "tree_refits",
        group="policies",
        made_by="value_policies",
        meaning="The policy tree of policy_rules searched again in bootstraps of its households.",
        row="refit",
        key=("refit",),
        columns=(
            integer("refit", "refit, from 0"),
            text("root", "covariate of the first question; null where no question pays", nullable=True),
            text("below_yes", "covariate asked about where its answer is yes; null for none", nullable=True),
            text("below_no", "covariate asked about where its answer is no; null for none", nullable=True),
            *shared("share_targeted"),
            number("agreement", "share of the trials of the other folds that it decides as the tree does", "0-1"),
            number("value", "its value on the trials of the other folds, $ per household", "$"),
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "policy_in_all",
        group="policies",
        made_by="value_policies",
        meaning="What each policy brings in all: over the trials in overlap, and carried to the households of today.",
        row="policy, by population",
        key=("policy", "population"),
        columns=(
            text("policy", "rule that says whom to target"),
            text("population", "trials: in overlap; today: those with support that the next campaign can choose among"),
            flag("carried", "whether weights carry it from the trials to others: read with effective_trials"),
            *shared("n_households share_targeted value ci_lower ci_upper"),
            number("se", "its standard error, clustered by household, weights as given", "$"),
            number("total", "value of all of them", "$"),
            number("total_lower", "lower end of its interval", "$"),
            number("total_upper", "upper end of its interval", "$"),
            number("effective_trials", "trials that the weights leave the worth of (Kish)", "trials"),
            number(
                "largest_difference",
                "largest difference of a covariate's mean from theirs that the weights leave",
                "standard deviations",
            ),
        ),
        partitioned=True,
        measures=True,
    ),
    Table(
        "roi_curve",
        group="policies",
        made_by="value_policies",
        meaning="Profit, return and Qini as the share of households targeted grows; none under one effect for all.",
        row="curve, by share of households targeted",
        key=("curve", "share_targeted"),
        columns=(
            text(
                "curve",
                "profit: $ per household; roi: profit per $ spent; qini: gross profit before contacts are paid; "
                "over_lot: profit above that of as many by lot",
            ),
            *shared("share_targeted"),
            number("spent", "spent on contacts, $ per household", "$"),
            number("value", "height of the curve"),
            number("se", "its standard error, clustered by household"),
            number("ci_lower", "lower end of its interval, which holds at this share"),
            number("ci_upper", "upper end of its interval, which holds at this share"),
            number("band_lower", "lower edge of the band, which holds at all shares at once"),
            number("band_upper", "upper edge of the band, which holds at all shares at once"),
        ),
        partitioned=True,
        may_be_empty=True,
        measures=True,
    ),
)
