"""Lifetime value from trips to tables: per household, the parameters behind it, and its errors on a hold-out half.

The data are halved. The models are fitted on the first half and forecast the second, whose spend is known; how to
weigh them with past spend is learned within the first half alone. Then all of it is repeated one half later, for the
time to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dunnhumby_pipeline.segmentation.lifetime.forecast import (
    DAYS_PER_WEEK,
    History,
    SpendModels,
    StackWeights,
    age_in_weeks,
    fit_spend_models,
    fit_stack,
    half_way,
    recency_in_weeks,
    spend_of,
)
from dunnhumby_pipeline.segmentation.lifetime.value import (
    GammaGamma,
    LifetimeValueError,
    SpendModel,
    TripModel,
    Vector,
    in_range,
)
from dunnhumby_pipeline.segmentation.lifetime.value_tiers import rfm_scores, value_tiers
from dunnhumby_pipeline.settings import LifetimeValueSettings

HORIZONS = (13, 26, 52)
WHOLE, FIRST_HALF, SECOND_HALF, FIRST_QUARTER, SECOND_QUARTER, FIRST_EIGHTH, SECOND_EIGHTH = range(7)
# An eighth of the data is a history in itself, and a fortnight is the least it can be.
_MIN_DAYS = 16 * DAYS_PER_WEEK
_PARAMETERS = {
    "r": "shape of trip rates across households",
    "alpha": "rate of trip rates across households, weeks",
    "a": "first shape of chances of leaving after a trip",
    "b": "second shape of chances of leaving after a trip",
    "mean_dropout": "mean chance of leaving after a trip; near 0 nobody leaves, and probability_alive tells nothing",
    "p": "shape of spend on a trip; at 10,000 a household spends the same on every trip",
    "q": "shape of a household's scale of spend; above 1, or its mean is infinite",
    "gamma": "scale of a household's scale of spend, $",
}
_ONE_CHANCE = ("r", "alpha", "mean_dropout")
_LEAVING_VARIES = (
    "1 where chances of leaving are seen to differ between households; 0 where all have the mean one, by the geometric "
    "distribution that BG/NBD then becomes, and a and b have no estimate"
)
_SPEND_VARIES = (
    "1 where spend per trip differs; 0 where every trip cost the same, as each is then expected to, and p, q and gamma "
    "have no estimate"
)


@dataclass(frozen=True)
class LifetimeTables:
    """Lifetime value of each household and what it rests on; columns as in `lifetime_tables`."""

    customer_lifetime_value: pd.DataFrame
    clv_parameters: pd.DataFrame
    clv_validation: pd.DataFrame
    clv_calibration: pd.DataFrame


def lifetime_windows(first_day: int, last_day: int) -> pd.DataFrame:
    """The windows whose `trip_history` lifetime value is made from: all days, halves, first quarters, first eighths.

    Raises LifetimeValueError when there are fewer than 16 weeks of days.
    """
    if last_day - first_day + 1 < _MIN_DAYS:
        raise LifetimeValueError(
            f"lifetime value needs {_MIN_DAYS} days, to learn from one half what the other shows; found "
            f"{last_day - first_day + 1} days, {first_day} to {last_day}"
        )
    half = half_way(first_day, last_day)
    quarter = half_way(first_day, half - 1)
    eighth = half_way(first_day, quarter - 1)
    days = [
        (WHOLE, first_day, last_day + 1),
        (FIRST_HALF, first_day, half),
        (SECOND_HALF, half, last_day + 1),
        (FIRST_QUARTER, first_day, quarter),
        (SECOND_QUARTER, quarter, half),
        (FIRST_EIGHTH, first_day, eighth),
        (SECOND_EIGHTH, eighth, quarter),
    ]
    frame = pd.DataFrame(days, columns=["window", "first_day", "index_day"])
    return frame.astype({"window": "int64", "first_day": "int32", "index_day": "int32"})


def lifetime_tables(
    trips: pd.DataFrame,
    windows: pd.DataFrame,
    settings: LifetimeValueSettings,
    tier_shares: tuple[float, float],
    confidence: float,
) -> LifetimeTables:
    """Lifetime value from `trips`, the `trip_history` of `windows`, which `lifetime_windows` made.

    The tables:
    - customer_lifetime_value, a row per household with a trip: household_key, trips, repeats, last and age (weeks),
      mean_spend ($ per trip), rule, probability_alive, expected_trips_13w/_26w/_52w, expected_spend_13w/_26w/_52w
      ($, BG/NBD with Gamma-Gamma), stacked_spend_13w/_26w/_52w ($), clv ($ of sales in 52 weeks, undiscounted, by
      the forecast that `settings` choose), value_tier, scores and segment of `rfm_scores`.
      rule: 'repeat'; 'one trip', whose chance of being alive is 1 as it had none to leave; 'no spend', whose trips
      cost $0, and whose expected spend per trip is drawn up towards the mean of all.
    - clv_parameters: stretch ('whole', 'first half'), model, parameter, value, in_range, meaning.
    - clv_validation: errors of each forecast on the second half, see `_errors`; chosen: whether tiers rest on it.
    - clv_calibration: target, forecast, bin, n_households, mean_forecast, mean_actual, ci_lower, ci_upper.

    Households first seen in the second half have no forecast there: they are counted (n_new), not scored.
    Raises LifetimeValueError as `fit_spend_models` does.
    """
    span = windows.set_index("window")
    quarter = _history(trips, span, FIRST_QUARTER, FIRST_EIGHTH, SECOND_EIGHTH)
    half = _history(trips, span, FIRST_HALF, FIRST_QUARTER, SECOND_QUARTER)
    whole = _history(trips, span, WHOLE, FIRST_HALF, SECOND_HALF)
    models = {
        stretch: fit_spend_models(history.whole, history.last_day, settings)
        for stretch, history in (("first quarter", quarter), ("first half", half), ("whole", whole))
    }
    past = _learned(quarter, models["first quarter"], _rows(trips, SECOND_QUARTER), _weeks(span, SECOND_QUARTER))
    now = _learned(half, models["first half"], whole.recent, _weeks(span, SECOND_HALF))
    validation, calibration = _validated(
        half, models["first half"], past, whole.recent, _weeks(span, SECOND_HALF), settings, confidence
    )
    parameters = [
        _parameters("first half", models["first half"], past, half.whole, settings),
        _parameters("whole", models["whole"], now, whole.whole, settings),
    ]
    return LifetimeTables(
        customer_lifetime_value=_households(whole, models["whole"], now, settings, tier_shares),
        clv_parameters=pd.concat(parameters, ignore_index=True),
        clv_validation=validation,
        clv_calibration=calibration,
    )


def _rows(trips: pd.DataFrame, window: int) -> pd.DataFrame:
    return trips[trips["window"] == window].reset_index(drop=True)


def _weeks(span: pd.DataFrame, window: int) -> float:
    return float(span.at[window, "index_day"] - span.at[window, "first_day"]) / DAYS_PER_WEEK


def _history(trips: pd.DataFrame, span: pd.DataFrame, whole: int, earlier: int, recent: int) -> History:
    return History(
        first_day=int(span.at[whole, "first_day"]),
        last_day=int(span.at[whole, "index_day"]) - 1,
        whole=_rows(trips, whole),
        earlier=_rows(trips, earlier),
        recent=_rows(trips, recent),
    )


def _learned(history: History, models: SpendModels, outcome: pd.DataFrame, weeks: float) -> StackWeights:
    """Weights that would have forecast `outcome`, the `weeks` after `history`, best."""
    return fit_stack(history.parts(models, weeks), spend_of(outcome, history.whole))


def _households(
    history: History,
    models: SpendModels,
    weights: StackWeights,
    settings: LifetimeValueSettings,
    tier_shares: tuple[float, float],
) -> pd.DataFrame:
    known, last_day = history.whole, history.last_day
    columns: dict[str, object] = {
        "household_key": known["household_key"],
        "trips": known["trips"],
        "repeats": known["trips"] - 1,
        "last": recency_in_weeks(known),
        "age": age_in_weeks(known, last_day),
        "mean_spend": known["sales"] / known["trips"],
        "rule": np.select([known["sales"] <= 0, known["trips"] == 1], ["no spend", "one trip"], default="repeat"),
        "probability_alive": models.probability_alive(known, last_day),
    }
    a_trip = models.spend_a_trip(known)
    expected = {weeks: models.expected_trips(known, last_day, weeks) for weeks in HORIZONS}
    columns |= {f"expected_trips_{weeks}w": trips for weeks, trips in expected.items()}
    columns |= {f"expected_spend_{weeks}w": trips * a_trip for weeks, trips in expected.items()}
    columns |= {f"stacked_spend_{weeks}w": weights.forecast(history.parts(models, weeks)) for weeks in HORIZONS}
    frame = pd.DataFrame(columns)
    chosen = "stacked_spend" if settings.forecast == "stacked" else "expected_spend"
    frame["clv"] = frame[f"{chosen}_{HORIZONS[-1]}w"]
    frame["value_tier"] = value_tiers(frame["clv"], tier_shares)
    return frame.join(rfm_scores(known["last_trip"], known["trips"], known["sales"]))


def _parameters(
    stretch: str, models: SpendModels, weights: StackWeights, history: pd.DataFrame, settings: LifetimeValueSettings
) -> pd.DataFrame:
    least = {"mean_dropout": settings.min_dropout, "q": settings.min_spend_shape}
    trips, spend = models.bg_nbd, models.gamma_gamma
    fits: list[tuple[str, TripModel | SpendModel, tuple[str, ...]]] = [
        ("bg_nbd", trips, ("r", "alpha", "a", "b", "mean_dropout") if trips.leaving_varies else _ONE_CHANCE),
        ("gamma_gamma", spend, ("p", "q", "gamma") if spend.spend_varies else ()),
    ]
    rows: list[tuple[str, str, float, bool | None, str]] = []
    for model, fit, names in fits:
        for name in names:
            value = getattr(fit, name)
            rows.append((model, name, value, in_range({name: value}, least), _PARAMETERS[name]))
    # Where nobody leaves, that chances do not differ is no news.
    one_chance = not trips.leaving_varies and trips.mean_dropout >= settings.min_dropout
    rows += [
        ("bg_nbd", "leaving_varies", trips.leaving_varies, False if one_chance else None, _LEAVING_VARIES),
        ("bg_nbd", "log_likelihood", trips.log_likelihood, None, "of the fit"),
        ("gamma_gamma", "spend_varies", spend.spend_varies, None if spend.spend_varies else False, _SPEND_VARIES),
    ]
    if isinstance(spend, GammaGamma):
        spent = history[history["sales"] > 0]
        together = float(stats.spearmanr(spent["trips"], spent["sales"] / spent["trips"]).statistic)
        rows += [
            ("gamma_gamma", "log_likelihood", spend.log_likelihood, None, "of the fit"),
            ("gamma_gamma", "trips_and_spend", together, None, "rank correlation that the model takes to be 0"),
        ]
    rows += [
        ("gamma_gamma", "mean_spend", spend.mean, None, "mean spend per trip over all households, $"),
        ("both", "n_households", models.n_households, None, "households with a trip"),
        ("both", "n_fitted", models.n_fitted, None, "of them that the models are estimated from"),
        ("both", "n_one_trip", models.n_one_trip, None, "households with a single trip"),
        (
            "both",
            "n_without_spend",
            models.n_without_spend,
            None,
            "households with $0 of sales, left out of Gamma-Gamma",
        ),
        ("stacked", "recent", weights.recent, None, "weight of spend in the later half of the history"),
        ("stacked", "earlier", weights.earlier, None, "weight of spend in the earlier half of the history"),
        ("stacked", "model", weights.model, None, "weight of BG/NBD with Gamma-Gamma"),
    ]
    frame = pd.DataFrame(rows, columns=["model", "parameter", "value", "in_range", "meaning"])
    frame.insert(0, "stretch", stretch)
    return frame.astype({"value": "float64", "in_range": "boolean"})


def _validated(
    history: History,
    models: SpendModels,
    weights: StackWeights,
    outcome: pd.DataFrame,
    weeks: float,
    settings: LifetimeValueSettings,
    confidence: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors and calibration on the `weeks` after `history`, of which `outcome` are the trips."""
    known = history.whole
    parts = history.parts(models, weeks)
    longer = weeks * DAYS_PER_WEEK / (history.last_day + 1 - history.first_day)
    trips = outcome.set_index("household_key")["trips"].reindex(known["household_key"], fill_value=0)
    spend = {"naive": known["sales"].to_numpy() * longer, "model": parts["model"], "stacked": weights.forecast(parts)}
    visits = {
        "naive": known["trips"].to_numpy() * longer,
        "model": models.expected_trips(known, history.last_day, weeks),
    }
    cases = (("spend", spend, spend_of(outcome, known)), ("trips", visits, trips.to_numpy(dtype=float)))
    errors, bins = [], []
    for target, forecasts, actual in cases:
        errors.append(_errors(forecasts, actual, confidence).assign(target=target))
        bins += [
            _binned(forecast, actual, settings.n_bins, confidence).assign(target=target, forecast=name)
            for name, forecast in forecasts.items()
        ]
    new = ~outcome["household_key"].isin(known["household_key"])
    table = pd.concat(errors, ignore_index=True)
    table = table.assign(
        chosen=(table["target"] == "spend") & (table["forecast"] == settings.forecast),
        n_new=int(new.sum()),
        new_spend_share=float(outcome.loc[new, "sales"].sum() / outcome["sales"].sum()),
    )
    calibration = pd.concat(bins, ignore_index=True)
    first = ["target", "forecast"]
    return table[[*first, *table.columns.drop(first)]], calibration[[*first, *calibration.columns.drop(first)]]


def _errors(forecasts: Mapping[str, Vector], actual: Vector, confidence: float) -> pd.DataFrame:
    """A row per forecast: n_households, mae, rmse, bias (forecast - actual) and spearman (rank correlation), and
    mae_against_naive with its paired t-interval ci_lower, ci_upper, in the unit of the target.

    verdict: 'better than naive' or 'worse than naive' when the interval leaves out 0, else 'no better than naive'.
    """
    naive = np.abs(forecasts["naive"] - actual)
    rows = []
    for name, forecast in forecasts.items():
        error = forecast - actual
        gap = np.abs(error) - naive
        lower, upper = _interval(gap, confidence)
        verdict = "better than naive" if upper < 0 else "worse than naive" if lower > 0 else "no better than naive"
        rows.append(
            {
                "forecast": name,
                "n_households": len(actual),
                "mae": float(np.abs(error).mean()),
                "rmse": float((error**2).mean() ** 0.5),
                "bias": float(error.mean()),
                "spearman": float(stats.spearmanr(forecast, actual).statistic),
                "mae_against_naive": float(gap.mean()),
                "ci_lower": lower,
                "ci_upper": upper,
                "verdict": "the yardstick" if name == "naive" else verdict,
            }
        )
    return pd.DataFrame(rows)


def _binned(forecast: Vector, actual: Vector, n_bins: int, confidence: float) -> pd.DataFrame:
    """Bins of equally many households by forecast, the smallest first: means, and the t-interval of the actual one."""
    places = np.empty(len(forecast), dtype=np.int64)
    places[np.argsort(forecast, kind="stable")] = np.arange(len(forecast))
    bins = places * n_bins // len(forecast) + 1
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        lower, upper = _interval(actual[inside], confidence)
        rows.append((number, int(inside.sum()), forecast[inside].mean(), actual[inside].mean(), lower, upper))
    columns = ["bin", "n_households", "mean_forecast", "mean_actual", "ci_lower", "ci_upper"]
    return pd.DataFrame(rows, columns=columns)


def _interval(values: Vector, confidence: float) -> tuple[float, float]:
    """t-interval of the mean; NaN for a single value."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean() - half), float(values.mean() + half)
