"""The table of what the models of lifetime value were fitted to, and whether each parameter says something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd
from scipy import stats

from dunnhumby_pipeline.segmentation.lifetime.candidates import CANDIDATES, Candidates, History
from dunnhumby_pipeline.segmentation.lifetime.lessons import Lesson
from dunnhumby_pipeline.segmentation.lifetime.value import GammaGamma, SpendModel, TripModel, in_range
from dunnhumby_pipeline.settings import LifetimeValueSettings

_WEIGHED: Final = {
    "naive": "the same as before",
    "model": "BG/NBD with Gamma-Gamma",
    "nbd": "NBD with Gamma-Gamma",
    "smoothed": "smoothed weekly spend",
    "boosted": "boosted trees",
}
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


def parameter_table(
    stretch: str, candidates: Candidates, lesson: Lesson, history: History, settings: LifetimeValueSettings
) -> pd.DataFrame:
    """A row per parameter: stretch, model, parameter, value, in_range (null for measures of the fit), meaning.

    `lesson` is the one applied to forecasts of `candidates`, learned on the stretch before.
    """
    models = candidates.models
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
        spent = history.trips[history.trips["sales"] > 0]
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
    ]
    nbd, smoothing, boosted = candidates.nbd, candidates.smoothing, candidates.boosted
    since = f"weeks count from the {smoothing.since}"
    rows += [
        ("nbd", "r", nbd.r, None, f"shape of trip rates across households, where nobody leaves; {since}"),
        ("nbd", "alpha", nbd.alpha, None, "rate of trip rates across households, weeks"),
        ("nbd", "log_likelihood", nbd.log_likelihood, None, "of the fit"),
        ("smoothed", "alpha", smoothing.alpha, None, f"weight of the latest week; {since}"),
        ("smoothed", "kappa", smoothing.kappa, None, "weeks of mean spend that draw a household to the others"),
        ("smoothed", "error", smoothing.error, None, "root mean squared error on earlier weeks, $ a week"),
        ("boosted", "n_rows", boosted.n_rows, None, "households at earlier weeks that the trees learned from"),
        ("boosted", "n_origins", boosted.n_origins, None, "earlier weeks"),
    ]
    for name, weights in lesson.weights.items():
        rows += [(name, part, weights.get(part, 0.0), None, _weight_of(part, weights)) for part in CANDIDATES]
    frame = pd.DataFrame(rows, columns=["model", "parameter", "value", "in_range", "meaning"])
    frame.insert(0, "stretch", stretch)
    return frame.astype({"value": "float64", "in_range": "boolean"})


def _weight_of(part: str, weights: Mapping[str, float]) -> str:
    if part not in weights:
        return "weight of BG/NBD with Gamma-Gamma: none, as nobody was seen to leave"
    return f"weight of {_WEIGHED[part]}"
