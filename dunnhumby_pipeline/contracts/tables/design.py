"""Tables of the group design."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import CAMPAIGN_OR_ALL, feature_columns, shared
from dunnhumby_pipeline.contracts.features import TRIAL_COVARIATES
from dunnhumby_pipeline.contracts.outcomes import OUTCOMES
from dunnhumby_pipeline.contracts.schema import DEMOGRAPHICS
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

# What trials of either kind come from.
_ENROLLED = {
    "household_key": "transactions",
    "campaign": "campaigns",
    "treated": "campaign_targets.household_key campaign_targets.campaign",
    "index_day": "campaigns.start_day",
    "lookback_start": "campaigns.start_day transactions.day",
    "outcome_end": "campaigns.start_day campaigns.end_day campaigns.description transactions.day",
    "redeemed_": "coupon_redemptions.campaign campaigns.description",
    **{answer.name: f"demographics.{answer.name}" for answer in DEMOGRAPHICS.columns if answer.unknown},
    "lookback_segment": "segment_model",
    "cluster": "household_copies.cluster",
}

TABLES = (
    Table(
        "first_campaign_cohort",
        group="design",
        made_by="enrol_trials",
        meaning="Trials: eligible households at each campaign, with covariates of the look-back and outcomes.",
        row="trial: a household eligible at a campaign",
        key=("household_key", "campaign"),
        columns=(
            *shared("household_key campaign treated index_day lookback_start outcome_end"),
            *(outcome.column for outcome in OUTCOMES.values()),
            *feature_columns(TRIAL_COVARIATES),
            number(
                "redeemed_",
                "coupons of the type redeemed in the look-back; only where it may have been sent before",
                "coupons",
                many=True,
            ),
            *(text(answer.name, answer.meaning) for answer in DEMOGRAPHICS.columns if answer.unknown),
            *shared("lookback_segment lookback_need"),
            integer(
                "cluster", "household that it is a copy of, or its own; only where there are copies", optional=True
            ),
        ),
        partitioned=True,
        metrics=metrics.cohort,
        sources={
            **_ENROLLED,
            "lookback_need": (
                "need_model transactions.basket_id products.commodity_desc products.department "
                "products.sub_commodity_desc transactions.sales_value"
            ),
        },
    ),
    Table(
        "trial_campaigns",
        group="design",
        made_by="enrol_trials",
        meaning="Every campaign of the type, used or left out with the reason.",
        row="campaign of the type, used or left out",
        key=("campaign",),
        columns=(
            *shared("campaign"),
            integer("start_day", "first day", "day"),
            integer("end_day", "last day", "day"),
            *shared("index_day lookback_start outcome_end"),
            integer("lookback_days", "days that the look-back holds", "days"),
            *shared("used"),
            text("reason", "why the campaign is left out", nullable=True),
            text("overlaps_with", "campaigns of the type that run at the same time"),
        ),
        partitioned=True,
        metrics=metrics.campaigns,
        sources={
            **dict.fromkeys(("campaign", "start_day", "end_day"), "campaigns"),
            "index_day": "campaigns.start_day",
            **dict.fromkeys(("lookback_start", "lookback_days"), "campaigns.start_day transactions.day"),
            "outcome_end": "campaigns.start_day campaigns.end_day campaigns.description transactions.day",
            "overlaps_with": "campaigns.start_day campaigns.end_day campaigns.description",
        },
    ),
    Table(
        "trial_flow",
        group="design",
        made_by="enrol_trials",
        meaning="Households and trials at every step from the data to the two arms.",
        row="step from the data to the arms, by campaign",
        key=("campaign", "step"),
        columns=(
            CAMPAIGN_OR_ALL,
            integer("step", "position of the step in the flow"),
            text("stage", "who is left after this step"),
            integer("n", "households, or over all campaigns trials, left after this step"),
            integer("n_excluded", "households or trials that this step leaves out"),
            text("reason", "why this step leaves them out", nullable=True),
        ),
        partitioned=True,
        metrics=metrics.flow,
    ),
    Table(
        "repeat_trials",
        group="design",
        made_by="enrol_trials",
        meaning="Trials of a repeat: households that an earlier campaign of the type was sent, at its later campaigns.",
        row="trial of a repeat: a household sent the type before, at a later campaign",
        key=("household_key", "campaign"),
        columns=(
            *shared("household_key campaign treated index_day lookback_start outcome_end days_since_last"),
            *(outcome.column for outcome in OUTCOMES.values()),
            *feature_columns(TRIAL_COVARIATES),
            number(
                "redeemed_",
                "coupons of the type redeemed in the look-back; only where it may have been sent before",
                "coupons",
                many=True,
            ),
            *(text(answer.name, answer.meaning) for answer in DEMOGRAPHICS.columns if answer.unknown),
            *shared("lookback_segment"),
            integer(
                "cluster", "household that it is a copy of, or its own; only where there are copies", optional=True
            ),
        ),
        partitioned=True,
        may_be_empty=True,
        sources={
            **_ENROLLED,
            "days_since_last": "campaigns.start_day campaign_targets.campaign campaigns.description",
        },
    ),
    Table(
        "design_matrix",
        group="design",
        made_by="enrol_trials",
        meaning="Covariates of every trial as numbers, with the names of the columns, as arrays; fitted once, read by "
        "all that adjusts for them.",
        partitioned=True,
        suffix=".npz",
        households=True,
    ),
    Table(
        "trial_protocol",
        group="design",
        made_by="trial_protocol",
        meaning="The trial that the study emulates, component by component.",
        row="component of the trial that is emulated",
        key=("component",),
        columns=(
            text("component", "component of the protocol"),
            text("specification", "what it is in this study"),
        ),
        partitioned=True,
    ),
    Table(
        "causal_graph",
        group="design",
        made_by="draw_causal_graph",
        meaning="What is assumed to cause what.",
        row="arrow",
        key=("cause", "effect"),
        columns=(
            text("cause", "node at the tail of the arrow"),
            text("effect", "node at the head of the arrow"),
            flag("observed", "whether the data hold both ends of the arrow"),
            text("meaning", "why the arrow is there, or is assumed absent"),
        ),
        partitioned=True,
    ),
    Table(
        "identification",
        group="design",
        made_by="draw_causal_graph",
        meaning="What follows from the graph: the adjustment set, and the assumptions in plain words.",
        row="statement about the graph",
        key=("item",),
        columns=(
            text("item", "aspect of the graph"),
            text("text", "in plain words"),
        ),
        partitioned=True,
    ),
    Table(
        "design_comparison",
        group="design",
        made_by="design_comparison",
        meaning="Arms, overlap, balance and effects of each design side by side, the reference study's among them.",
        row="design",
        key=("design",),
        columns=(
            text("design", "design of the study"),
            *shared("chosen"),
            *shared("n_trials n_households n_treated n_control", nullable=True),
            number("lookback_days_treated", "mean length of the look-back of treated trials", "days"),
            number("lookback_days_control", "mean length of the look-back of control trials", "days"),
            number(
                "share_control_without_purchase", "share of controls that bought nothing in the outcome window", "0-1"
            ),
            *shared("auc share_in_overlap"),
            number("max_smd", "largest absolute SMD of any covariate, unweighted", "standard deviations"),
            number(
                "max_smd_weighted", "largest absolute SMD of any covariate, overlap weighted", "standard deviations"
            ),
            *shared("ess_treated ess_control"),
            number("naive", "difference in mean spend between the arms", "$"),
            number("naive_se", "its standard error, clustered by household", "$"),
            number("ate", "average effect on spend over all trials, by AIPW", "$"),
            number("ate_se", "its standard error, clustered by household", "$"),
            number("ato", "average effect on spend where both arms occur, overlap weighted", "$"),
            number("ato_se", "its standard error, clustered by household", "$"),
            number("ato_lower", "lower end of its interval", "$"),
            number("ato_upper", "upper end of its interval", "$"),
            text("note", "what the row says, in words"),
        ),
        partitioned=True,
        metrics=metrics.designs,
        measures=True,
    ),
)
