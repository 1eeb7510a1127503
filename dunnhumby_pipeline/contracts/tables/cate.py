"""Tables of the groups cate and scoring."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, number, text

# Columns of a scoreboard of models of the effect.
SCOREBOARD = (
    *shared("model fold"),
    number("r_loss", "mean out-of-fold R-loss of the calibrated effects; lower is better", "$ squared"),
    number("dr_loss", "mean squared distance to the AIPW scores, overlap-weighted", "$ squared"),
    number("gain_over_constant", "R-loss of one constant effect minus that of the model", "$ squared"),
    number("gain_se", "standard error of the gain, clustered by household", "$ squared"),
    number("dr_gain", "dr_loss of one constant effect minus that of the model", "$ squared"),
    number("dr_gain_se", "standard error of dr_gain, clustered by household", "$ squared"),
    number("calibration", "what the model's differences from its mean are multiplied by", "ratio"),
    number("weight", "what they are multiplied by in the stack", "ratio"),
    *shared("chosen"),
    text(
        "reason",
        "why the study has no effects of the model: it could not be fitted, or is left to `dunnhumby certify`",
        nullable=True,
    ),
)

TABLES = (
    Table(
        "cate_scoreboard",
        group="cate",
        made_by="fit_cate",
        meaning="Out-of-fold losses of every calibrated model and of their stack, and which was chosen.",
        row="model and fold",
        key=("model", "fold"),
        columns=SCOREBOARD,
        partitioned=True,
        metrics=metrics.models,
        measures=True,
    ),
    Table(
        "cate_estimates",
        group="cate",
        made_by="fit_cate",
        meaning="Out-of-fold effect of every trial with its interval.",
        row="trial",
        key=("household_key", "campaign"),
        columns=(
            *shared("household_key campaign cate"),
            # A model without an honest interval has none.
            *shared("cate_lower cate_upper interval_of", nullable=True),
            *shared("fold model"),
        ),
        partitioned=True,
        metrics=metrics.cate,
        sources={
            **dict.fromkeys(("household_key", "campaign"), "first_campaign_cohort"),
            "fold": "nuisances.fold",
            **dict.fromkeys(
                ("cate", "cate_lower", "cate_upper"),
                (
                    "first_campaign_cohort.gross_profit first_campaign_cohort.treated "
                    "nuisances.propensity nuisances.mu0_ nuisances.mu1_ design_matrix"
                ),
            ),
        },
    ),
    Table(
        "cate_by_model",
        group="cate",
        made_by="fit_cate",
        meaning="Out-of-fold effect of every trial by every model and by their stack.",
        row="trial and model",
        key=("household_key", "campaign", "model"),
        columns=(
            *shared("household_key campaign model fold cate"),
            number("cate_uncalibrated", "effect as the model itself gives it", "$"),
        ),
        partitioned=True,
        sources={
            **dict.fromkeys(("household_key", "campaign"), "first_campaign_cohort"),
            "fold": "nuisances.fold",
            **dict.fromkeys(
                ("cate", "cate_uncalibrated"),
                (
                    "first_campaign_cohort.gross_profit first_campaign_cohort.treated "
                    "nuisances.propensity nuisances.mu0_ nuisances.mu1_ design_matrix"
                ),
            ),
        },
    ),
    Table(
        "household_effects",
        group="scoring",
        made_by="fit_cate",
        meaning="Effect and propensity of every household as of the last day of the data.",
        row="household as of the last day",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            flag(
                "received_before",
                "whether a campaign of the type was received by the last day, or within the washout",
                "0/1",
            ),
            *shared("lookback_segment lookback_need cate"),
            *shared("cate_lower cate_upper interval_of", nullable=True),
            *shared("propensity"),
        ),
        partitioned=True,
        metrics=metrics.household_effects,
        sources={
            "household_key": "transactions",
            "lookback_segment": "segment_model",
            "lookback_need": (
                "need_model transactions.basket_id products.commodity_desc products.department "
                "products.sub_commodity_desc transactions.sales_value"
            ),
            "received_before": "campaign_targets.campaign campaigns.description campaigns.start_day",
            **dict.fromkeys(
                ("cate", "cate_lower", "cate_upper"),
                (
                    "first_campaign_cohort.gross_profit first_campaign_cohort.treated "
                    "nuisances.propensity nuisances.mu0_ nuisances.mu1_ design_matrix"
                ),
            ),
            "propensity": "first_campaign_cohort.treated design_matrix",
        },
    ),
    Table(
        "household_matrix",
        group="scoring",
        made_by="fit_cate",
        meaning="Covariates of these households as numbers, in the columns of the design matrix, as arrays.",
        partitioned=True,
        suffix=".npz",
        households=True,
    ),
    Table(
        "cate_model",
        group="scoring",
        made_by="fit_cate",
        meaning="The chosen model of the effect, fitted to all trials, as arrays, to predict for others.",
        partitioned=True,
        suffix=".npz",
    ),
    Table(
        "scoring_recipe",
        group="scoring",
        made_by="fit_cate",
        meaning="What scoring a new month needs beside the model: how covariates become columns, which features by "
        "which formulas, settings, the propensity, and the digests of the files that belong to it, as arrays.",
        partitioned=True,
        suffix=".npz",
    ),
)
