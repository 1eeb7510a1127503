"""Tables of the group lifetime."""

from __future__ import annotations

from dunnhumby_pipeline.contracts import metrics
from dunnhumby_pipeline.contracts.columns import shared
from dunnhumby_pipeline.contracts.table import Table, flag, integer, number, text

TABLES = (
    Table(
        "customer_lifetime_value",
        group="lifetime",
        made_by="value_lifetimes",
        meaning="What each household is expected to spend, its value tier and its RFM scores.",
        row="household",
        key=("household_key",),
        columns=(
            *shared("household_key"),
            integer("trips", "days on which the household bought", "days"),
            integer("repeats", "trips after the first", "days"),
            number("last", "time from the first trip to the last", "weeks"),
            number("age", "time from the first trip to the last day", "weeks"),
            number("mean_spend", "mean sales per trip", "$"),
            text("rule", "history that the forecast rests on: repeat, one trip, or no spend"),
            *shared("probability_alive"),
            number("expected_trips_13w", "trips expected in the next 13 weeks", "days"),
            number("expected_trips_26w", "trips expected in the next 26 weeks", "days"),
            number("expected_trips_52w", "trips expected in the next 52 weeks", "days"),
            number("expected_spend_13w", "sales expected in the next 13 weeks, by BG/NBD with Gamma-Gamma", "$"),
            number("expected_spend_26w", "sales expected in the next 26 weeks, by BG/NBD with Gamma-Gamma", "$"),
            number("expected_spend_52w", "sales expected in the next 52 weeks, by BG/NBD with Gamma-Gamma", "$"),
            number(
                "stacked_spend_13w", "sales expected in the next 13 weeks, by that model weighed with past spend", "$"
            ),
            number(
                "stacked_spend_26w", "sales expected in the next 26 weeks, by that model weighed with past spend", "$"
            ),
            number(
                "stacked_spend_52w", "sales expected in the next 52 weeks, by that model weighed with past spend", "$"
            ),
            *shared("clv value_tier"),
            integer("recency_score", "how lately it bought, 5 best", "1-5"),
            integer("frequency_score", "how often it bought, 5 best", "1-5"),
            integer("monetary_score", "for how much it bought, 5 best", "1-5"),
        ),
        metrics=metrics.lifetimes,
        measures=True,
    ),
    Table(
        "clv_parameters",
        group="lifetime",
        made_by="value_lifetimes",
        meaning="Parameters of the models of trips and spend, and whether each lies in its range.",
        row="parameter of a model",
        key=("stretch", "model", "parameter"),
        columns=(
            text("stretch", "days that the models are fitted to: the first half, or the whole"),
            text("model", "model that the parameter belongs to"),
            text("parameter", "name of the parameter, or of a measure of the fit"),
            number("value", "estimate of the parameter, in the unit its meaning names"),
            flag(
                "in_range",
                "whether a parameter lies off the bounds of the search and its model is informative; empty for "
                "measures of the fit",
                nullable=True,
            ),
            text("meaning", "the parameter in words"),
        ),
        measures=True,
    ),
    Table(
        "clv_validation",
        group="lifetime",
        made_by="value_lifetimes",
        meaning="Errors of each forecast on the later half of the data, beside the same as last period.",
        row="forecast of a target",
        key=("target", "forecast"),
        columns=(
            *shared("target forecast n_households"),
            number("mae", "mean absolute error", "unit of the target"),
            number("rmse", "root of the mean squared error", "unit of the target"),
            number("bias", "mean forecast less mean actual", "unit of the target"),
            number("spearman", "rank correlation of forecast and actual", "-1 to 1"),
            number(
                "mae_against_naive",
                "mean absolute error less that of the naive forecast; below 0 is better",
                "unit of the target",
            ),
            *shared("ci_lower ci_upper"),
            text("verdict", "whether the interval of that difference leaves out 0"),
            *shared("chosen"),
            integer("n_new", "households first seen after the forecast, which it cannot know", "households"),
            number("new_spend_share", "their share of the spend that was to be forecast", "0-1"),
        ),
        metrics=metrics.validation,
        measures=True,
    ),
    Table(
        "clv_calibration",
        group="lifetime",
        made_by="value_lifetimes",
        meaning="Forecast and actual spend and trips by bins of the forecast.",
        row="bin of a forecast",
        key=("target", "forecast", "bin"),
        columns=(
            *shared("target forecast"),
            integer("bin", "bin of households by forecast, the smallest first"),
            *shared("n_households"),
            number("mean_forecast", "mean forecast of the bin", "unit of the target"),
            number("mean_actual", "mean of what came", "unit of the target"),
            *shared("ci_lower ci_upper"),
        ),
        measures=True,
    ),
    Table(
        "segment_lifetime_value",
        group="lifetime",
        made_by="value_segments",
        meaning="Lifetime value of each segment.",
        row="segment",
        key=("segment",),
        columns=(
            *shared("segment n_households clv_mean ci_lower ci_upper"),
            number("clv_median", "median lifetime value", "$"),
            number("clv_share", "share of the lifetime value of all", "0-1"),
            *shared("probability_alive"),
            number("share_high", "share of the households in the high value tier", "0-1"),
            number("share_mid", "share of the households in the mid value tier", "0-1"),
            number("share_low", "share of the households in the low value tier", "0-1"),
        ),
        measures=True,
    ),
    Table(
        "lifetime_differences",
        group="lifetime",
        made_by="value_segments",
        meaning="Whether segments differ in lifetime value, and by how much.",
        row="measure",
        key=("measure",),
        columns=(
            text("measure", "what is compared: lifetime value, expected trips, or the chance of being there"),
            integer("n", "households", "households"),
            integer("n_groups", "segments", "segments"),
            *shared("eta_squared f_statistic f_p_value epsilon_squared kruskal_h kruskal_p_value"),
        ),
        metrics=metrics.differences,
        measures=True,
    ),
)
