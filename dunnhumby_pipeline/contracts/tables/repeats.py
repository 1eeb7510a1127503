"""Tables about sending a campaign type to households that it was sent before."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import CAMPAIGN_OR_ALL, shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "repeat_nuisances",
        group="repeats",
        made_by="study_repeats",
        meaning="Propensity and outcome means of every trial of a repeat, cross-fitted over one division into folds.",
        row="trial of a repeat",
        key=("household_key", "campaign"),
        columns=(
            *shared("household_key campaign treated fold propensity"),
            flag("propensity_logged", "whether the propensity is one that was logged; of a repeat none is"),
            flag("propensity_bounded", "whether the propensity was kept away from 0 or 1"),
            number("propensity_as_fitted", "propensity before it is recalibrated within its campaign", "0-1"),
            number("mu0_gross_profit", "gross profit expected without a repeat, out of fold", "$"),
            number("mu1_gross_profit", "gross profit expected with one, out of fold", "$"),
            number("mu0_purchase_amount", "spend expected without a repeat, out of fold", "$"),
            number("mu1_purchase_amount", "spend expected with one, out of fold", "$"),
        ),
        partitioned=True,
        may_be_empty=True,
        sources={
            **dict.fromkeys(("household_key", "campaign", "treated"), "repeat_trials"),
            "fold": "repeat_trials.household_key",
            **dict.fromkeys(("propensity", "propensity_bounded", "propensity_as_fitted"), "repeat_trials.treated"),
            **dict.fromkeys(
                ("mu0_gross_profit", "mu1_gross_profit"), "repeat_trials.gross_profit repeat_trials.treated"
            ),
            **dict.fromkeys(
                ("mu0_purchase_amount", "mu1_purchase_amount"), "repeat_trials.purchase_amount repeat_trials.treated"
            ),
        },
    ),
    Table(
        "repeat_support",
        group="repeats",
        made_by="study_repeats",
        meaning="Arms, overlap and balance of the trials of a repeat, and why its effect is not told where it is not.",
        row="campaign, and all of them",
        key=("campaign",),
        columns=(
            CAMPAIGN_OR_ALL,
            *shared("n_trials n_households n_treated n_control"),
            integer("treated_in_overlap", "treated trials in the overlap region", "trials"),
            integer("control_in_overlap", "control trials in the overlap region", "trials"),
            *shared("share_in_overlap ess_treated ess_control"),
            number("max_smd", "largest absolute SMD of any covariate, unweighted", "standard deviations"),
            number(
                "max_smd_weighted", "largest absolute SMD of any covariate, overlap weighted", "standard deviations"
            ),
            number("fewest_days_since", "fewest days since the last campaign of the type began", "days"),
            number("median_days_since", "their median", "days"),
            text("lacking", "why the effect of a repeat is not told", nullable=True),
        ),
        partitioned=True,
        metrics=metrics.repeats,
        measures=True,
    ),
    Table(
        "repeat_households",
        group="repeats",
        made_by="study_repeats",
        meaning="Households of today that the type was sent before: propensity of a repeat and support.",
        row="household as of the last day that was sent the type before",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            flag("over", "whether the last campaign of the type that it was sent has ended, and the washout with it"),
            *shared("days_since_last"),
            *shared("propensity", nullable=True),
            *shared("in_overlap"),
        ),
        partitioned=True,
        may_be_empty=True,
        sources={
            "household_key": "transactions",
            "days_since_last": "campaigns.start_day campaigns.description campaign_targets.campaign",
            "over": "campaigns.end_day campaigns.description campaign_targets.campaign",
        },
    ),
)
