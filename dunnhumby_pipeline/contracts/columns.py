"""Columns that several tables share: the same name means the same in every table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dunnhumby_pipeline.contracts.feature import Feature
from dunnhumby_pipeline.contracts.features import HISTORY, WHOLE
from dunnhumby_pipeline.contracts.table import Column, flag, integer, number, text

_SHARED = {
    column.name: column
    for column in (
        text("table", "canonical table whose raw file was read"),
        text("rule", "rule that rows or values break"),
        text("column", "column that the rule is about"),
        number("share", "share of all households", "0-1"),
        integer("household_key", "household"),
        text("feature", "feature, as in the catalogue"),
        flag("used", "whether the row is in use: this cost by the policies, this campaign by the study"),
        integer("n_factors", "number of factors of the solution", "factors"),
        flag("converged", "whether the solver converged"),
        flag("chosen", "whether this row is the one that is used"),
        text("factor", "factor"),
        number("loading", "loading of the feature on the factor; the largest of a factor is 1"),
        text("factor_name", "factor in words, from the loadings it does not share"),
        number("factor_", "score on the factor of that number", many=True),
        text("segment", "segment, a stable slug"),
        text("segment_name", "segment in words"),
        integer("n_households", "households", "households"),
        number("revenue", "sales to the households over the whole history", "$"),
        number("revenue_share", "share of all sales", "0-1"),
        number("ci_lower", "lower end of the interval of the row's estimate or value"),
        number("ci_upper", "upper end of the interval of the row's estimate or value"),
        number("eta_squared", "share of the sum of squares that lies between segments", "0-1"),
        number("f_statistic", "F of the analysis of variance between segments"),
        number("f_p_value", "p-value of that F", "0-1"),
        number("epsilon_squared", "share of the ranks' sum of squares that lies between segments", "0-1"),
        number("kruskal_h", "H of the Kruskal-Wallis test between segments"),
        number("kruskal_p_value", "p-value of that H", "0-1"),
        number("lift", "share over the share among all; 1 is average"),
        text("attribute", "column of demographics that the row is about; 'known' for having a row there at all"),
        number("coverage", "share of households whose demographics are known", "0-1"),
        text("need", "need in words; none for a household that scores on no need"),
        number("need_margin", "score on the leading need less that on the next"),
        text("value_tier", "value tier of the household, by its lifetime value: high, mid or low"),
        text(
            "lifecycle",
            "stage of the household: new, active, lapsing (away for four weeks and for twice its usual days between "
            "visits) or lapsed (away for twelve weeks)",
        ),
        text(
            "discount_habit",
            "full price, some or deals: where its share of lines at a discount lies among all households",
        ),
        number("clv_mean", "mean lifetime value", "$"),
        number("clv", "lifetime value: sales expected in the next 52 weeks by the forecast in use, undiscounted", "$"),
        number("probability_alive", "chance that the household has not left", "0-1"),
        text("model", "model of the effect"),
        number("value", "incremental profit per household, cross-fitted", "$"),
        text("target", "what is forecast: spend ($), gross_profit ($) or trips (days)"),
        text(
            "forecast",
            "naive (as much as last period), model (BG/NBD with Gamma-Gamma), nbd (NBD with Gamma-Gamma: nobody "
            "leaves), smoothed (weekly spend), boosted (trees), stacked (weighed together), or stacked_absolute (for "
            "the smallest absolute error)",
        ),
        integer("from_period", "earlier period, numbered from 0"),
        integer("to_period", "later period"),
        text("from_segment", "segment in the earlier period; (no purchase) without a line"),
        text("to_segment", "segment in the later period; (no purchase) without a line"),
        number("spend_before", "sales in the earlier period", "$"),
        number("spend_after", "sales in the period that is looked at last", "$"),
        integer("campaign", "campaign; ids are not chronological"),
        integer("treated", "whether this campaign lists the household", "0/1"),
        integer("index_day", "first day of the campaign", "day"),
        integer("lookback_start", "first day of the look-back", "day"),
        integer(
            "days_since_last", "days since the last campaign of the type that the household was sent began", "days"
        ),
        integer("outcome_end", "last day of the outcome window", "day"),
        text("lookback_segment", "segment assigned from the look-back alone"),
        text(
            "lookback_need", "leading need by the look-back alone; none where it scores on no need, or cannot be told"
        ),
        integer("n_trials", "trials", "trials"),
        integer("n_treated", "treated trials", "trials"),
        integer("n_control", "control trials", "trials"),
        number("auc", "area under the ROC curve of the propensity; 0.5 tells the arms not apart", "0-1"),
        number(
            "share_in_overlap",
            "share of trials in the overlap region, relative to how often the campaign treats",
            "0-1",
        ),
        number("ess_treated", "effective number of treated trials after overlap weighting", "trials"),
        number("ess_control", "effective number of control trials after overlap weighting", "trials"),
        integer("fold", "cross-fitting fold of the household; -1 is all of them"),
        number("propensity", "probability of treatment given the covariates, out of fold", "0-1"),
        text("outcome", "outcome that the row is about"),
        flag(
            "in_overlap",
            "whether the propensity, relative to how often the campaign treats, lies in the overlap region",
        ),
        number("share_below", "share of trials below the overlap region", "0-1"),
        number("share_above", "share of trials above the overlap region", "0-1"),
        text("estimator", "estimator of the effect"),
        text(
            "estimand", "what is estimated: an association, or the effect over all (ATE), treated (ATT), overlap (ATO)"
        ),
        number("estimate", "estimated effect of the campaign", "unit of the outcome"),
        number("se", "standard error, clustered by household", "unit of the outcome"),
        number("gain_outcome", "share of the outcome's variance left over that the confounder explains", "0-1"),
        number("gain_treatment", "share of the treatment's variance left over that the confounder explains", "0-1"),
        number("cate", "effect on gross profit expected for the household, before the cost of a contact", "$"),
        number("cate_lower", "lower end of the interval of the effect", "$"),
        number("cate_upper", "upper end of the interval of the effect", "$"),
        text(
            "interval_of",
            "whose effect the interval covers: the average, a household like this one, or its place on the best line",
        ),
        number("share_targeted", "share of households that are targeted", "0-1"),
    )
}


# In tables of results: the campaign as text, so that all of them together have a name.
CAMPAIGN_OR_ALL = text("campaign", "campaign, or 'all' for all campaigns together")


def shared(names: str, *, nullable: bool = False) -> tuple[Column, ...]:
    """The shared columns that `names` lists, apart by spaces. KeyError when one is not shared."""
    return tuple(replace(_SHARED[name], nullable=nullable) for name in names.split())


def feature_columns(features: Iterable[Feature]) -> tuple[Column, ...]:
    """The columns of features, each with its formula as meaning; those of campaigns depend on the type studied."""
    return tuple(
        Column(
            feature.name,
            "BIGINT" if feature.name in WHOLE else "DOUBLE",
            feature.formula,
            feature.unit,
            nullable=bool(feature.null_when),
            optional=feature in HISTORY,
            sources=feature.sources,
        )
        for feature in features
    )
