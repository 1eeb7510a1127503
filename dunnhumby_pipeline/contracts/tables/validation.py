"""Tables of the group cate about how well the order of households holds, and what it rests on."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

_EFFECT = (
    number("predicted", "mean of what the model says of the group", "$"),
    number("estimate", "effect of the group, overlap-weighted", "$", nullable=True),
    number("se", "standard error, clustered by household", "$", nullable=True),
    number("ci_lower", "lower end of an interval that holds for all groups at once", "$", nullable=True),
    number("ci_upper", "upper end of that interval", "$", nullable=True),
)
_SMALLER_ARM = integer(
    "n_smaller_arm", "households in the arm that has fewer; below 20 there is no effect", "households"
)

TABLES = (
    Table(
        "cate_validation",
        group="cate",
        made_by="validate_cate",
        meaning="Tests of the order of households by effect, on outcomes that no model saw.",
        row="test",
        key=("test",),
        columns=(
            text("test", "what is asked of the order; meaning says it in words"),
            *shared("model"),
            flag("chosen", "whether the model validated is the chosen one; if not, it is the best there was"),
            text("unit", "unit of the statistic: $ or nothing"),
            number("statistic", "what was found", nullable=True),
            number(
                "p", "p-value, one-sided where an order is tested; null for what is told only", "0-1", nullable=True
            ),
            *shared("ci_lower ci_upper", nullable=True),
            flag("passed", "whether the test is passed; null for what is told only", nullable=True),
            text("meaning", "what the row says, in words"),
        ),
        partitioned=True,
        metrics=metrics.cate_validation,
    ),
    Table(
        "toc_curve",
        group="cate",
        made_by="validate_cate",
        meaning="What contacting those with the largest effects first gains, by how many are contacted.",
        row="share of households contacted",
        key=("share",),
        columns=(
            number("share", "share of households contacted, the largest effects first", "0-1"),
            number("toc", "average effect among them less that of all", "$"),
            number("toc_lower", "lower end of a band that holds for all shares at once", "$"),
            number("toc_upper", "upper end of that band", "$"),
            number("qini", "what the order gains over lots: share x toc", "$ per household"),
            number("qini_lower", "lower end of its band", "$ per household"),
            number("qini_upper", "upper end of its band", "$ per household"),
            number("profit", "gain less spend", "$ per household"),
            number("profit_lower", "lower end of its band", "$ per household"),
            number("profit_upper", "upper end of its band", "$ per household"),
            number("effect", "average effect among those contacted", "$"),
            number("spend", "cost of the contacts", "$ per household"),
            number("gain", "gross profit added before the cost of contacts", "$ per household"),
        ),
        partitioned=True,
    ),
    Table(
        "gates",
        group="cate",
        made_by="validate_cate",
        meaning="Effects of groups of trials, with intervals that hold for all groups of a kind at once.",
        row="kind of group and group",
        key=("grouping", "group"),
        columns=(
            text("grouping", "what divides the trials: effect (equal groups within fold), a label, propensity"),
            text("group", "group, in words"),
            integer("position", "its place in the order of the groups, from 1"),
            *shared("n_trials"),
            _SMALLER_ARM,
            *_EFFECT,
        ),
        partitioned=True,
    ),
    Table(
        "clan",
        group="cate",
        made_by="validate_cate",
        meaning="How those with the largest effects differ from those with the smallest, covariate by covariate.",
        row="covariate of the design matrix",
        key=("covariate",),
        columns=(
            text("covariate", "column of the design matrix"),
            number("mean_smallest", "mean in the group of the smallest effects, overlap-weighted"),
            number("mean_largest", "mean in the group of the largest effects"),
            number("difference", "largest less smallest"),
            *shared("ci_lower ci_upper"),
            number("smd", "the difference in standard deviations of the covariate"),
            number("p", "p-value of the difference", "0-1", nullable=True),
            number("p_holm", "the same, corrected for the number of covariates (Holm)", "0-1", nullable=True),
        ),
        partitioned=True,
        may_be_empty=True,
    ),
    Table(
        "cate_agreement",
        group="cate",
        made_by="validate_cate",
        meaning="Whether the learners put households in the same order, out of fold.",
        row="pair of models that rank at all",
        key=("model", "other"),
        columns=(
            *shared("model"),
            text("other", "another model of the effect"),
            number("rank_correlation", "Spearman's correlation of their ranks within fold"),
            number("share_of_top", "share of the one's largest fifth that is in the other's; 0.2 by lot", "0-1"),
        ),
        partitioned=True,
        may_be_empty=True,
    ),
    Table(
        "effect_drivers",
        group="cate",
        made_by="validate_cate",
        meaning="How much of the effects each covariate adds (SHAP).",
        row="covariate that moves an effect",
        key=("covariate",),
        columns=(
            text("covariate", "column of the design matrix"),
            number("mean_abs", "mean size of what it adds to an effect", "$"),
            number("share", "share of all that covariates add", "0-1"),
            number("direction", "correlation of what it adds with its value", nullable=True),
            text("method", "how this was found: exactly, or by trees that follow the model"),
            number("fidelity", "share of the variance of effects that was explained (R2)", nullable=True),
        ),
        partitioned=True,
        may_be_empty=True,
    ),
    Table(
        "effect_subgroups",
        group="cate",
        made_by="validate_cate",
        meaning="Leaves of a shallow tree that follows the model, with effects of households that it did not see.",
        row="leaf",
        key=("rule",),
        columns=(
            text("rule", "who belongs to the leaf, in words"),
            *shared("n_trials"),
            _SMALLER_ARM,
            *_EFFECT,
            number("p_differ", "p-value of one effect for all leaves", "0-1", nullable=True),
        ),
        partitioned=True,
    ),
    Table(
        "effect_credibility",
        group="cate",
        made_by="validate_cate",
        meaning="How far the effect of each trial can be believed, in three parts.",
        row="trial",
        key=("household_key", "campaign"),
        columns=(
            *shared("household_key campaign"),
            flag(
                "interval_excludes_zero",
                "whether the interval of the household's effect excludes zero; null where it is of the average",
                nullable=True,
            ),
            *shared("in_overlap"),
            number("agreement", "share of learners that put it on the same side of the middle", "0-1", nullable=True),
        ),
        partitioned=True,
        sources={
            **dict.fromkeys(("household_key", "campaign"), "cate_estimates"),
            "interval_excludes_zero": "cate_estimates.cate_lower cate_estimates.cate_upper",
            "in_overlap": "nuisances.propensity",
            "agreement": "cate_by_model.cate_uncalibrated",
        },
    ),
)
