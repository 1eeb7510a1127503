"""What customers are worth: by what they come for, and in the year to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from dunnhumby_pipeline.report.grid import Grid, as_grid, cells
from dunnhumby_pipeline.report.section import Fold, Heading, Note, Section
from dunnhumby_pipeline.report.sections.actions import what_most_get
from dunnhumby_pipeline.report.tables import StudyTables
from dunnhumby_pipeline.settings import Settings
from dunnhumby_pipeline.words import forecasts, numbers, terms
from dunnhumby_pipeline.words.features import segment_name, segment_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MODELS = {
    "bg_nbd": "BG/NBD",
    "gamma_gamma": "Gamma-Gamma",
    "both": "Both",
    "nbd": "NBD",
    "smoothed": "Smoothing",
    "boosted": "Boosted trees",
    "stacked": "Weights for the mean",
    "stacked_absolute": "Weights for the median",
}
_TARGETS = {"spend": "Spend", "gross_profit": "Gross profit"}
_MEASURES = {
    "clv": "sales expected in 52 weeks",
    "expected_trips_52w": "trips expected in 52 weeks",
    "probability_alive": "chance of still being a customer",
}


def _value_need(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import lifetime_value

    return lifetime_value.value_need_heatmap(tables["value_need"])


def _value_need_alt(tables: StudyTables, settings: Settings) -> str:
    found = tables["value_need"]
    largest = found.loc[found["revenue"].idxmax()]
    return (
        "Heatmaps of households, revenue and discount rate by value tier and leading need. Most "
        f"revenue, {numbers.percent(largest['revenue_share'])}, comes from {largest['value_tier']} value, "
        f"{largest['need']}."
    )


def offer_rows(tables: StudyTables, settings: Settings) -> Grid:
    """What most households of each cell of value and need get."""
    rows = [
        cells(
            terms.spoken(found["value_tier"]),
            terms.spoken(found["need"]),
            numbers.count(found["n_households"]),
            numbers.percent(found["revenue_share"]),
            numbers.dollars(found["clv_mean"]),
            numbers.percent(found["discount_rate"], 1),
            what_most_get(found) if found["n_households"] else "nobody here",
        )
        for _, found in tables["value_need"].iterrows()
    ]
    headers = "Value tier|Leading need|Households|Revenue|Expected in 52 weeks|Discount rate|Commonest next action"
    return as_grid(headers, rows, {2, 3, 4, 5})


def concentration_note(tables: StudyTables, settings: Settings) -> str:
    """How much of the sales expected the most valuable tenth of households holds."""
    worth = tables["household_value_need"]["clv"].sort_values(ascending=False)
    tenth = worth.head(max(round(len(worth) / 10), 1))
    return (
        f"The {numbers.count(len(tenth))} households with the largest lifetime value, a tenth of all, hold "
        f"{numbers.percent(tenth.sum() / worth.sum())} of the sales expected in 52 weeks."
    )


def differences_note(tables: StudyTables, settings: Settings) -> str:
    """How much of the spread of lifetime value lies between segments."""
    found: dict[str, float] = tables["lifetime_differences"].set_index("measure")["eta_squared"].to_dict()
    said = "; ".join(f"{_MEASURES.get(name, terms.spoken(name))} {numbers.percent(eta)}" for name, eta in found.items())
    return f"How much of the spread between households the segments explain (eta squared): {said}."


def parameter_rows(parameters: pd.DataFrame) -> Grid:
    """The parameters of the models fitted last, and whether each lies in the range in which its model makes sense."""
    rows = []
    for _, row in parameters[parameters["stretch"] == parameters["stretch"].iloc[-1]].iterrows():
        fits = numbers.NOTHING if pd.isna(row["in_range"]) else "yes" if row["in_range"] else "no"
        model = _MODELS.get(row["model"], terms.spoken(row["model"]))
        rows.append(cells(model, row["parameter"], numbers.number(row["value"], 4), fits, row["meaning"]))
    return as_grid("Model|Parameter|Value|In range|Meaning", rows, {2})


def _clv(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import lifetime_value

    return lifetime_value.clv_by_segment(tables["segment_lifetime_value"], tables["segment_profiles"])


def _clv_alt(tables: StudyTables, settings: Settings) -> str:
    names = segment_names(tables["segment_profiles"])
    return "Mean sales expected of a household in 52 weeks: " + "; ".join(
        f"{segment_name(row['segment'], names)} "
        f"{numbers.interval(row['clv_mean'], row['ci_lower'], row['ci_upper'], '$')}"
        for _, row in tables["segment_lifetime_value"].iterrows()
    )


def _errors(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import lifetime_value

    return lifetime_value.clv_errors(tables["clv_validation"])


def _errors_alt(tables: StudyTables, settings: Settings) -> str:
    return "Mean error of each forecast against that of the naive one: " + "; ".join(
        f"{row['target']} by {row['forecast']}, {row['verdict']}" for _, row in tables["clv_validation"].iterrows()
    )


def _calibration(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import lifetime_value

    return lifetime_value.clv_calibration(tables["clv_calibration"], settings.lifetime_value.forecast)


def _intervals(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import lifetime_intervals

    forecast = settings.lifetime_value.forecast
    return lifetime_intervals.clv_intervals(tables["clv_calibration"], forecast, settings.confidence)


def _intervals_alt(tables: StudyTables, settings: Settings) -> str:
    found = in_use(tables["clv_validation"], settings.lifetime_value.forecast)
    if found is None or pd.isna(found["coverage"]):
        return "No intervals: there are too few households."
    return (
        f"Intervals of {numbers.percent(found['nominal_coverage'])} held the spend of "
        f"{numbers.percent(found['coverage'], 1)} of households in the half-year held out, by bins of households."
    )


def holdout_rows(tables: StudyTables, settings: Settings) -> Grid:
    """Every forecast of spend and of gross profit on the half-year held out."""
    found, rows = tables["clv_validation"], []
    for target, spoken in _TARGETS.items():
        for _, row in found[found["target"] == target].iterrows():
            used = ", in use" if row["forecast"] == settings.lifetime_value.forecast else ""
            gap = numbers.interval(row["mae_against_naive"], row["ci_lower"], row["ci_upper"], "$")
            rows.append(
                cells(
                    spoken,
                    terms.spoken(forecasts.FORECASTS[row["forecast"]]) + used,
                    numbers.number(row["mae"], 4, "$"),
                    numbers.NOTHING if row["forecast"] == "naive" else gap,
                    numbers.number(row["rmse"], 4, "$"),
                    numbers.number(row["bias"], 2, "$"),
                    numbers.number(row["bin_error"], 3, "$"),
                    numbers.NOTHING if pd.isna(row["coverage"]) else numbers.percent(row["coverage"], 1),
                )
            )
    headers = "Of|Forecast|Mean error|Against naive|Root mean squared error|Bias|Error of tenths|Intervals held"
    headers = headers if settings.lifetime_value.n_bins == 10 else headers.replace("tenths", "bins")
    return as_grid(headers, rows, {2, 3, 4, 5, 6, 7})


def profit_note(tables: StudyTables, settings: Settings) -> str:
    """What the households are worth in gross profit."""
    found = tables["customer_lifetime_value"]
    sales, profit = found["clv"].sum(), found["clv_gross_profit"].sum()
    return (
        f"All households together are expected to spend {numbers.dollars(sales)} in 52 weeks, which leaves "
        f"{numbers.dollars(profit)} of gross profit before the cost of contacts, "
        f"{numbers.percent(profit / sales, 1)} of sales. Half of the households are worth less than "
        f"{numbers.dollars(found['clv_gross_profit'].median())}."
    )


def _pareto(tables: StudyTables, settings: Settings) -> Figure:
    from dunnhumby_pipeline.figures.customers import lifetime_value

    return lifetime_value.pareto_curve(tables["pareto_curve"])


def in_use(validation: pd.DataFrame, forecast: str) -> pd.Series | None:
    """The row of errors of spend of the forecast in use, or None."""
    spend = validation[(validation["target"] == "spend") & (validation["forecast"] == forecast)]
    return spend.iloc[0] if len(spend) else None


def forecast_note(validation: pd.DataFrame, forecast: str) -> str:
    """How the forecast in use did on the half-year held out, against 'same as before', in plain words."""
    found = in_use(validation, forecast)
    if found is None:
        return "The forecast in use was not tested on a half-year held out: take lifetime values as an order, no more."
    gap = numbers.interval(found["mae_against_naive"], found["ci_lower"], found["ci_upper"], "$")
    naive = found["mae"] - found["mae_against_naive"]
    share = numbers.percent(abs(found["mae_against_naive"]) / naive, 1) if naive > 0 else numbers.NOTHING
    meaning = {
        "better than naive": f"better than naive, by {share} of its error",
        "worse than naive": f"worse than naive, by {share} of its error: carrying past spend forward does better",
    }.get(str(found["verdict"]), "not better than naive: carrying past spend forward does as well")
    return (
        f"Tested on a half-year it had not seen, the forecast is {meaning}. It errs by "
        f"{numbers.dollars(found['mae'])} per household where “the same as before” errs by "
        f"{numbers.dollars(naive)}; the difference is {gap}. "
        f"{numbers.count(found['n_new'])} households that came new in that half-year, with "
        f"{numbers.percent(found['new_spend_share'], 1)} of its spend, had no forecast."
    )


PARTS = (
    Heading("What they are worth, by what they come for"),
    Section(
        "value_need",
        "Value by need",
        ("value_need",),
        "The value tier of a household follows the sales expected in 52 weeks, and is the same wherever it is "
        "named. The leading need is what a household buys more than others do, whatever the size of its baskets.",
        _value_need,
        _value_need_alt,
    ),
    Section(
        "offers",
        "What households of each cell get",
        ("value_need",),
        "The commonest next action of the cell's households, counted; the discount rate shows what is given away there "
        "already.",
        rows=offer_rows,
    ),
    Heading("What they will be worth"),
    Section(
        "clv",
        "Lifetime value by segment",
        ("segment_lifetime_value", "segment_profiles"),
        "Sales expected in 52 weeks, not discounted. Intervals are of the mean over households and "
        "hold the forecast fixed.",
        _clv,
        _clv_alt,
    ),
    Note("concentration_note", concentration_note, ("household_value_need",)),
    Note("profit_note", profit_note, ("customer_lifetime_value",)),
    Note("differences_note", differences_note, ("lifetime_differences",)),
    Note(
        "forecast_note",
        lambda tables, settings: forecast_note(tables["clv_validation"], settings.lifetime_value.forecast),
        ("clv_validation",),
    ),
    Section(
        "clv_errors",
        "Was the forecast better than carrying past spend forward?",
        ("clv_validation",),
        "Left of zero a forecast errs less than naive on the half-year held out; a bar across zero proves nothing.",
        _errors,
        _errors_alt,
    ),
    Section(
        "clv_holdout",
        "Every forecast on the half-year held out",
        ("clv_validation",),
        "Weights were learned before that half-year. Bias: mean forecast less mean of what came. Error of tenths: how "
        "far the mean forecast of a tenth of the households lay from what came. Intervals are those of households.",
        rows=holdout_rows,
    ),
    Section(
        "calibration",
        "Did what was forecast come?",
        ("clv_calibration",),
        "On the dashed line, forecast and outcome agree. Points above it: those households spent more than forecast.",
        _calibration,
        lambda tables, settings: (
            "Forecast against what came in the half-year held out, by bins of households, with intervals."
        ),
    ),
    Section(
        "clv_intervals",
        "How far may a household lie from its forecast?",
        ("clv_calibration", "clv_validation"),
        "Intervals are from how far such forecasts were off in the half before. A household's future is wide open, a "
        "segment's is not: use lifetime values to rank and to add up, not to promise what one household will spend.",
        _intervals,
        _intervals_alt,
    ),
    Section(
        "pareto",
        "Who brings the revenue",
        ("pareto_curve",),
        "The further above the dashed line, the more revenue rests on few households.",
        _pareto,
        lambda tables, settings: (
            "Curve of the share of revenue by share of households, the largest revenue first, above the diagonal."
        ),
    ),
)
# At the end of the chapter, beside how the segments were made.
MODEL = (
    Fold(
        "Parameters of the forecast",
        (
            Section(
                "clv_parameters",
                "Models of trips and of spend on a trip",
                ("clv_parameters",),
                "As fitted to the whole history. Out of its range, a parameter tells nothing.",
                rows=lambda tables, settings: parameter_rows(tables["clv_parameters"]),
            ),
        ),
    ),
)
